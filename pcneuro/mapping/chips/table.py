"""The chips that come with the package, and the keys of their files, as tables in Markdown, for documentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel

from pcneuro.mapping.chips.chip import Chip, CoreTable, MeshTable, MessagesTable
from pcneuro.mapping.chips.prices import ENERGIES, LATENCIES, Energies, Price
from pcneuro.mapping.chips.reading import CHIPS, chip_of

NONE = "-"


def chips_table() -> str:
    """Tables of limits, of energies in pJ and of times in ns, a chip a row, and a list of the sources.

    Examples
    --------
    >>> print(pcn.mapping.chips_table().splitlines()[2][:8])
    | chip |
    """
    chips = [chip_of(name) for name in CHIPS]
    limits = ["chip", "mesh", "cores", "neurons", "axons in", "axons out", "synapses", "fan-in"]
    limits += ["destinations", "weight", "delay", "events"]
    timed = [chip for chip in chips if any(chip.time(operation) for operation in LATENCIES)]
    operations = ["chip", *(operation.replace("_", " ") for operation in ENERGIES)]
    tables = (
        "What a core holds, and by how many steps a synapse delays at most (SpiNNaker with the delay extensions of its "
        "software; without them 16):",
        _table(limits, [_limits(chip) for chip in chips]),
        "Energies in pJ:",
        _table(operations, [_prices(chip, chip.price, ENERGIES) for chip in chips]),
        "Times in ns, of chips that have any:",
        _table(operations, [_prices(chip, chip.time, LATENCIES) for chip in timed]),
    )
    sources = "\n".join(f"- `{chip.name}`: {'; '.join(chip.sources) or 'made up'}." for chip in chips)
    return "\n\n".join((*tables, sources)) + "\n"


def keys_table() -> str:
    """A table of all keys of a chip's file: which table they are in, what is taken without them, and what they mean.

    ``[latency]`` has those of ``[energy]``, and each price of both has those of ``[energy.synapse]``.

    Examples
    --------
    >>> print(pcn.mapping.keys_table().splitlines()[0])
    | table | key | without it | meaning |
    """
    inner: dict[str, type[BaseModel]] = {"mesh": MeshTable, "core": CoreTable, "messages": MessagesTable}
    inner |= {"energy": Energies}
    top = [row for row in _keys("", Chip) if row[1].strip("`") not in {*inner, "latency"}]
    rows = [*top, *(row for table, model in inner.items() for row in _keys(table, model))]
    rows += [["`[latency]`", "the same", NONE, "their times, in ns"], *_keys("energy.synapse", Price)]
    return _table(["table", "key", "without it", "meaning"], rows) + "\n"


def _keys(table: str, model: type[BaseModel]) -> list[list[str]]:
    rows = []
    for name, field in model.model_fields.items():
        default = "needed" if field.is_required() else (f"{field.default}" if field.default else NONE)
        rows.append([f"`[{table}]`" if table else "", f"`{name}`", default, field.description or ""])
    return rows


def _limits(chip: Chip) -> list[str]:
    mesh, held = chip.mesh, chip.limits
    numbers = (held.compartments, held.axons_in, held.axons_out, held.synapses, held.fan_in, held.destinations)
    bits = f"{chip.core.weight_bits} bit" if chip.core.weight_bits else NONE
    tiles = f"{mesh.width} x {mesh.height}" + (f" x {mesh.cores_a_tile}" if mesh.cores_a_tile > 1 else "")
    delay = f"{chip.core.delay_steps} steps" if chip.core.delay_steps else NONE
    graded = "graded" if chip.messages.graded else "binary"
    events = f"{graded}, {chip.bits_a_packet} bit" if chip.bits_a_packet else graded
    told = (f"{n:,}" if n else NONE for n in numbers)
    return [f"`{chip.name}`", tiles, f"{mesh.slots:,}", *told, bits, delay, events]


def _prices(chip: Chip, price_of: Callable[[str], Price | None], operations: Sequence[str]) -> list[str]:
    return [f"`{chip.name}`", *(_range(price_of(operation)) for operation in operations)]


def _range(price: Price | None) -> str:
    if price is None:
        return NONE
    return f"{price.low:,g}" if price.low == price.high else f"{price.low:,g} to {price.high:,g}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
