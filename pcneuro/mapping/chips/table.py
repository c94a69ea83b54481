"""The chips that come with the package, and the keys of their files, as tables in Markdown, for documentation."""

from __future__ import annotations

from pydantic import BaseModel

from pcneuro.mapping.chips.chip import Chip, CoreTable, MeshTable, MessagesTable
from pcneuro.mapping.chips.prices import ENERGIES, Energies, Price
from pcneuro.mapping.chips.reading import CHIPS, chip_of

NONE = "-"


def chips_table() -> str:
    """Two tables, of limits and of energies in pJ, and a list of the sources; a chip a row."""
    chips = [chip_of(name) for name in CHIPS]
    limits = ["chip", "mesh", "cores", "neurons", "axons in", "axons out", "synapses", "fan-in", "weight", "events"]
    energies = ["chip", *(operation.replace("_", " ") for operation in ENERGIES)]
    tables = (_table(limits, [_limits(chip) for chip in chips]), _table(energies, [_energies(chip) for chip in chips]))
    sources = "\n".join(f"- `{chip.name}`: {'; '.join(chip.sources) or 'made up'}." for chip in chips)
    return "\n\n".join((*tables, sources)) + "\n"


def keys_table() -> str:
    """A table of all keys of a chip's file: which table they are in, what is taken without them, and what they mean.

    Those of ``[latency]`` are those of ``[energy]``, and each price has the keys of ``[energy.synapse]``.
    """
    inner: dict[str, type[BaseModel]] = {"mesh": MeshTable, "core": CoreTable, "messages": MessagesTable}
    inner |= {"energy": Energies, "energy.synapse": Price}
    top = [row for row in _keys("", Chip) if row[1].strip("`") not in {*inner, "latency"}]
    rows = [*top, *(row for table, model in inner.items() for row in _keys(table, model))]
    return _table(["table", "key", "without it", "meaning"], rows) + "\n"


def _keys(table: str, model: type[BaseModel]) -> list[list[str]]:
    rows = []
    for name, field in model.model_fields.items():
        default = "needed" if field.is_required() else (f"{field.default}" if field.default else NONE)
        rows.append([f"`[{table}]`" if table else "", f"`{name}`", default, field.description or ""])
    return rows


def _limits(chip: Chip) -> list[str]:
    mesh, held = chip.mesh, chip.limits
    numbers = (held.compartments, held.axons_in, held.axons_out, held.synapses, held.fan_in)
    bits = f"{chip.core.weight_bits} bit" if chip.core.weight_bits else NONE
    tiles = f"{mesh.width} x {mesh.height}" + (f" x {mesh.cores_a_tile}" if mesh.cores_a_tile > 1 else "")
    graded = "graded" if chip.messages.graded else "binary"
    return [f"`{chip.name}`", tiles, f"{mesh.slots:,}", *(f"{n:,}" if n else NONE for n in numbers), bits, graded]


def _energies(chip: Chip) -> list[str]:
    return [f"`{chip.name}`", *(_range(chip.price(operation)) for operation in ENERGIES)]


def _range(price: Price | None) -> str:
    if price is None:
        return NONE
    return f"{price.low:,g}" if price.low == price.high else f"{price.low:,g} to {price.high:,g}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
