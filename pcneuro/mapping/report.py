"""The report of a mapping: one page of HTML with its tables and pictures, which loads nothing from elsewhere."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, BinaryIO

from pcneuro.files import place, write_atomically
from pcneuro.mapping.abstract_mapping import AbstractMapping
from pcneuro.mapping.chips import CHIPS, ENERGIES, LATENCIES, chip_of
from pcneuro.mapping.formatting import count, joule, of_what, second, share
from pcneuro.mapping.partition import STRATEGIES
from pcneuro.mapping.plot.figures import figures
from pcneuro.mapping.tables import TextTable, headline, remarks, tables
from pcneuro.mapping.traffic import RESULT, TRAFFIC

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    text = report(mapping)

    def write(file: BinaryIO) -> None:
        file.write(text.encode())

    write_atomically(path, write, overwrite=overwrite)


def report(mapping: AbstractMapping) -> str:
    """The page of a mapping, as HTML."""
    title = f"{mapping.data.sizes['neuron']:,} neurons on {mapping.chip.name}"
    what, how = headline(mapping)
    style = resources.files("pcneuro.mapping").joinpath("report.css").read_text(encoding="utf-8")
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in remarks(mapping))
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p>{escape(what)}.<br><span class="quiet">{escape(how.strip())}</span></p>',
        _tiles(mapping),
        notes,
        *_pictures(mapping),
        *(f"<h2>{escape(table.title)}</h2>{_table(table)}" for table in tables(mapping)),
        "<h2>What the numbers mean</h2>",
        f"<ul>{''.join(f'<li>{line}</li>' for line in MEANING)}</ul>",
        *_chip(mapping),
        *_repeat(mapping),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


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
    return f'<div class="tiles">{"".join(f"<div><b>{b}</b><span>{escape(s)}</span></div>" for b, s in rows)}</div>'


def _range(bounds: tuple[float, float], text: object) -> str:
    low, high = (text(bound) for bound in bounds)  # type: ignore[operator]
    return escape(low if low == high else f"{low} to {high}")


def _table(table: TextTable) -> str:
    classes = [' class="r"' if side == "r" else "" for side in table.right]

    def line(tag: str, cells: Sequence[str]) -> str:
        return f"<tr>{''.join(f'<{tag}{c}>{escape(t)}</{tag}>' for c, t in zip(classes, cells, strict=True))}</tr>"

    body = "".join(line("td", row) for row in table.rows)
    head = line("th", table.columns)
    return _wide(table.title or "prices", f"<table><thead>{head}</thead><tbody>{body}</tbody></table>")


def _wide(label: str, inner: str) -> str:
    """What may be wider than a narrow screen: it is scrolled by itself, by keys, too."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{escape(label)}">{inner}</div>'


def _pictures(mapping: AbstractMapping) -> list[str]:
    import matplotlib

    look = {"svg.hashsalt": "pcneuro", "svg.fonttype": "path", "font.family": "sans-serif", "font.size": 9}
    with matplotlib.rc_context(look):  # type: ignore[arg-type]
        made = figures(mapping)
        return [
            f"<figure>{_wide(f'picture: {name}', svg(figure, CAPTIONS[name], name))}"
            f"<figcaption>{CAPTIONS[name]}</figcaption></figure>"
            for name, figure in made.items()
        ]


def svg(figure: Figure, label: str, prefix: str) -> str:
    """A figure as an SVG element for a page of HTML: its names get a ``prefix``, so that several stand on a page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Its size is that of the page, and its proportions those of its viewBox.
    for side in ("width", "height"):
        text = re.sub(rf'(<svg [^>]*?) {side}="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'((?:xlink:)?href="|url\()#', rf"\1#{prefix}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)


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
        f'<pre tabindex="0">{escape(call(mapping))}</pre>',
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
