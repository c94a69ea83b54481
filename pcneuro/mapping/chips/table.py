"""The chips that come with the package as tables in Markdown, for documentation."""

from __future__ import annotations

from pcneuro.mapping.chips.chip import Chip
from pcneuro.mapping.chips.prices import ENERGIES, Price
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
