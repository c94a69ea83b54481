"""The report of a mapping: one page of HTML with its tables and pictures, which loads nothing from elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from html import escape

from pcneuro.files import place
from pcneuro.mapping.abstract_mapping import AbstractMapping
from pcneuro.mapping.chips import CHIPS, ENERGIES, LATENCIES, chip_of
from pcneuro.mapping.formatting import count, joule, of_what, second, share
from pcneuro.mapping.partition import STRATEGIES
from pcneuro.mapping.plot.figures import figures
from pcneuro.mapping.tables import TextTable, headline, remarks, tables
from pcneuro.mapping.traffic import RESULT, TRAFFIC
from pcneuro.reports import document, heading, lines, note, picture, svg, table, tiles, write_page

CAPTIONS = {
    "populations": "The chip: squares are tiles, fields in them cores, coloured by the populations that are on them, "
    "as high as they are full by the fullest of their limits.",
    "load": "How full each core is, by the fullest of its limits.",
    "links": "Packets of a sample through each link between neighbouring tiles, by dimension-order routing: east or "
    "west first, then north or south. Of the two directions of a link each is on the right of its way.",
    "energy": "Energy of a sample and of a gradient by part, at the lowest prices that are published and at the "
    "highest.",
}
SOURCES = {
    RESULT: "Simulator.run() with pcn.EventDriven",
    TRAFFIC: "pcn.mapping.traffic_in_steps, or counted otherwise",
}
"""Where an activity that is no expression comes from."""
MEANING = (
    "A <b>sample</b> is one run of the circuit on one example, behind the feedforward sweep that it begins with, which "
    "is not counted; a <b>gradient</b> is a sample and one update of all weights that learn.",
    "<b>Counts</b> are exact for the activity that is named above: an event of an axon is one packet to each core on "
    "which it has synapses, and a synaptic operation at each of these. Where several samples were counted the numbers "
    "are their mean.",
    "<b>Energies</b> are counts times published prices, from the lowest price to the highest; they are estimates of "
    "what these operations cost, no measurement of this circuit. What has no price is in no sum. Nothing is added for "
    "the host, for loading data or weights, or for a chip that waits.",
    "<b>Time</b> takes each step as long as its busiest core, which either generates events or processes them; cores "
    "wait for each other after each step. Packets that wait for each other on busy links are not in it.",
    "The <b>share</b> against natural and random order compares packets between cores with those of the same neurons "
    "packed in the order of the circuit, and at random.",
)


def write_report(mapping: AbstractMapping, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Write the report. Raises OutputError."""
    place(path, overwrite=overwrite)  # before the pictures are drawn
    write_page(report(mapping), path, overwrite=overwrite)


def report(mapping: AbstractMapping) -> str:
    """The page of a mapping, as HTML."""
    title = f"{mapping.data.sizes['neuron']:,} neurons on {mapping.chip.name}"
    what, how = headline(mapping)
    known = parts(mapping, _drawn(mapping))
    return document(title, [heading(title, f"{what}.", how.strip()), *known, *_repeat(mapping)])


def parts(mapping: AbstractMapping, pictures: Mapping[str, str]) -> list[str]:
    """What a page has of a mapping: numbers, remarks, pictures, tables, what they mean, and the chip.

    ``pictures`` are its figures by name, as elements of a page.
    """
    return [
        _tiles(mapping),
        *map(note, remarks(mapping)),
        *(picture(drawn, CAPTIONS[name], name) for name, drawn in pictures.items()),
        *(f"<h2>{escape(each.title)}</h2>{_table(each)}" for each in tables(mapping)),
        "<h2>What the numbers mean</h2>",
        f"<ul>{''.join(f'<li>{line}</li>' for line in MEANING)}</ul>",
        *_chip(mapping),
    ]


def _tiles(mapping: AbstractMapping) -> str:
    data = mapping.data
    natural = float(data["order_packets"].values[0]) if data.sizes["order"] else float("nan")
    rows = [
        (f"{data.sizes['core']:,}", "cores"),
        (count(mapping.packets), "packets between cores, a sample"),
        (share(mapping.packets, natural), f"of the packets in {data['order'].values[0]} order"),
        (count(mapping.hops), "hops, a sample"),
        (_range(mapping.energy, joule), f"energy of a sample{of_what(data)}"),
        (_range(mapping.energy_gradient, joule), f"energy of a gradient{of_what(data)}"),
        (_range(mapping.time, second), "time of a sample"),
    ]
    return tiles(rows)


def _range(bounds: tuple[float, float], text: object) -> str:
    low, high = (text(bound) for bound in bounds)  # type: ignore[operator]
    return low if low == high else f"{low} to {high}"


def _table(known: TextTable) -> str:
    return table(known.columns, known.rows, known.title or "prices", known.right)


def _drawn(mapping: AbstractMapping) -> dict[str, str]:
    import matplotlib

    with matplotlib.rc_context({"font.family": "sans-serif", "font.size": 9}):
        return {name: svg(figure, name, name) for name, figure in figures(mapping).items()}


def _chip(mapping: AbstractMapping) -> list[str]:
    """What the chip is, its prices, and where they are published."""
    chip = mapping.chip
    rows = []
    for what, names, unit, price_of in (("energy", ENERGIES, "pJ", chip.price), ("time", LATENCIES, "ns", chip.time)):
        for name in names:
            price = price_of(name)
            if price is None:
                rows.append((f"{what}: {name.replace('_', ' ')}", "not published", "-"))
                continue
            numbers = f"{price.low:g}" if price.low == price.high else f"{price.low:g} to {price.high:g}"
            rows.append((f"{what}: {name.replace('_', ' ')}", f"{numbers} {unit}", price.source))
    notes = f"<p>{escape(chip.notes)}</p>" if chip.notes else ""
    sources = "".join(f"<li>{escape(source)}</li>" for source in chip.sources)
    return [
        f"<h2>The chip: {escape(chip.title)}</h2>",
        notes,
        _table(TextTable("", ("operation", "price", "source"), rows, "lrl")),
        f'<p class="quiet">Limits:</p><ul class="quiet">{sources}</ul>' if sources else "",
    ]


def _repeat(mapping: AbstractMapping) -> list[str]:
    facts = mapping.data.attrs
    libraries = "".join(f", {library}" for library in json.loads(facts["libraries"]))
    return [
        "<h2>How to repeat it</h2>",
        lines(call(mapping), "commands"),
        f'<p class="quiet">pcneuro {escape(facts["pcneuro"])}{escape(libraries)}; circuit.digest '
        f"{escape(facts['circuit_digest'])}; activity: {escape(facts['activity'])}. The same seed gives the same "
        "mapping, whatever the number of threads.</p>",
    ]


def call(mapping: AbstractMapping) -> str:
    """The mapping once more, as Python: of ``circuit``, with all that ``map_circuit`` was given."""
    facts, name = mapping.data.attrs, mapping.chip.name
    lines = ["import pcneuro as pcn", ""]
    if facts["given"] in SOURCES:
        lines.append(f"# {facts['given']}: of {SOURCES[facts['given']]} ({facts['activity']})")
    chip = repr(name)
    if name not in CHIPS or chip_of(name) != mapping.chip:
        lines.append(f"# chip: {name}, by the path of its TOML file, or pcn.mapping.Mapping.read(...).chip")
        chip = "chip"
    arguments = {
        "chip": chip,
        "activity": facts["given"],
        "clamped": repr(json.loads(facts["clamped"])),
        "inputs": repr(bool(facts["inputs"])),
        "strategies": f"[{', '.join(map(_made, json.loads(facts['strategies'])))}]",
        "seed": repr(facts["seed"]),
        "together": repr(bool(facts["together"])),
    }
    lines += ["mapping = pcn.map_circuit(", "    circuit,", *(f"    {k}={v}," for k, v in arguments.items()), ")"]
    return "\n".join([*lines, "print(mapping)"])


def _made(strategy: str) -> str:
    """How a strategy of this name is made; those of users are theirs to import."""
    known = STRATEGIES.get(strategy)
    if known is None:
        return strategy
    ours = known.__module__.startswith("pcneuro.")
    return f"{'pcn.mapping.' if ours else ''}{known.__name__}()"
