"""A circuit as an interactive picture: what each population and connection is, and its equations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.errors import CapacityError, PcneuroError
from pcneuro.reports.data import block
from pcneuro.reports.parts import note
from pcneuro.reports.vectors import svg

if TYPE_CHECKING:
    from pcneuro.circuit.circuit import Circuit

MOST_VERTICES = 200
"""A picture of more takes too much of a page."""
TOOLS = (("in", "zoom in", "+"), ("out", "zoom out", "\N{MINUS SIGN}"), ("all", "show all", "1:1"))
HELP = (
    "Point at a population or a connection, or go from one to the next by the Tab key, to see what it is; click it, or "
    "press Enter, for its equations. Keys: + and - zoom, arrows move, 0 shows all. Once the picture is clicked the "
    "wheel zooms, too."
)


def circuit_part(circuit: Circuit, identity: str = "circuit") -> str:
    """The picture with its details; a sentence where it is too large for one."""
    if len(circuit.vertices) > MOST_VERTICES:
        return note(f"A picture of {len(circuit.vertices):,} vertices cannot be read; pcneuro show lists them.")
    try:
        drawn, names = _drawn(circuit, identity)
    except CapacityError as error:
        return note(str(error))
    described = _described(circuit)
    data = {own: described[name] for own, name in names.items() if name in described}
    buttons = "".join(
        f'<button type="button" data-do="{what}" aria-label="{label}">{sign}</button>' for what, label, sign in TOOLS
    )
    return (
        f'<figure class="circuit" data-of="{identity}-data">'
        f'<div class="tools">{buttons}</div>'
        f'<div class="view" tabindex="0" role="group" aria-label="Picture of the circuit. {HELP}">{drawn}</div>'
        f'<div class="details" aria-live="polite"><p>{HELP}</p></div>'
        f"{block(f'{identity}-data', data)}</figure>"
    )


def _drawn(circuit: Circuit, identity: str) -> tuple[str, dict[str, str]]:
    """The circuit's own drawing as SVG, whose parts have numbers for names; and what each of them is."""
    from matplotlib import pyplot

    from pcneuro.circuit.drawing import draw

    ax = draw(circuit)
    names: dict[str, str] = {}
    for artist in ax.get_children():
        gid = artist.get_gid()
        if gid is not None:
            own = f"{identity}-part{len(names)}"
            names[own] = gid
            artist.set_gid(own.removeprefix(f"{identity}-"))
    ax.figure.set_layout_engine("none")  # type: ignore[union-attr]
    try:
        text = svg(ax.figure, "", identity)  # type: ignore[arg-type]
    finally:
        pyplot.close(ax.figure)  # type: ignore[arg-type]
    if not text.startswith("<svg"):
        raise CapacityError(
            f"a picture of {len(circuit.vertices):,} vertices is too large for a page; see pcneuro show"
        )
    return text.replace('role="img" aria-label=""', 'role="presentation"', 1), names


def _described(circuit: Circuit) -> dict[str, Any]:
    """Population or connection, by the name that the drawing has for it -> its title, facts and equations."""
    graph = circuit.nx
    equations = _equations(circuit)
    known: dict[str, Any] = {}
    for name, data in graph.nodes(data=True):
        facts = [
            ("neurons", f"{data['size']:,}, shape {data['shape']}"),
            ("time constant", _ms(data.get("tau"))),
            *((key, str(data[key])) for key in ("layer", "cell_type", "area") if data.get(key)),
        ]
        known[name] = {
            "title": f"{name}: {data['kind']} neurons",
            "facts": [[what, text] for what, text in facts if text],
            "equations": equations.get(data["vertex"], ""),
        }
    for source, target, data in graph.edges(data=True):
        name = f"{source} -> {target}"
        learning = "Hebbian" if data.get("hebbian") else "plastic" if data.get("plastic") else "fixed"
        parameters = ", ".join(data.get("parameters") or ())
        facts = [
            ("synapses", f"{data['synapses']:,}" if "synapses" in data else ""),
            ("parameters", f"{parameters} ({learning})" if parameters else ""),
            ("delay", _ms(data.get("delay"), zero="")),
        ]
        more = [[what, text] for what, text in facts if text]
        if name in known:
            known[name]["facts"] += more
        else:
            known[name] = {"title": f"{name}: {data['kind']}", "facts": more, "equations": ""}
        known[name]["equations"] = equations.get(graph.nodes[target]["vertex"], "")
    return known


def _ms(value: Any, zero: str = "0 ms") -> str:
    """A time, or the range of several."""
    if value is None:
        return ""
    array = np.asarray(value, dtype=float)
    if not array.size or not np.isfinite(array).all():
        return ""
    low, high = float(array.min()), float(array.max())
    if high == 0.0:
        return zero
    return f"{low:g} ms" if low == high else f"{low:g} to {high:g} ms"


def _equations(circuit: Circuit) -> dict[str, str]:
    """Vertex -> its block of equations; nothing for circuits that have none to show."""
    try:
        text = circuit.equations()
    except PcneuroError:
        return {}
    found = {}
    for part in text.split("\n\n"):
        head = part.partition("\n")[0]
        if head.startswith("# ") and ": " in head:
            found[head[2:].partition(": ")[0]] = part
    return found
