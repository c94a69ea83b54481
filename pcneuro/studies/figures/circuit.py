"""The figure of a circuit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from pcneuro.studies.figures.style import WIDTH

if TYPE_CHECKING:
    from pcneuro.circuit.circuit import Circuit

MOST_VERTICES = 24
"""Circuits of up to so many vertices are drawn."""


def readable_circuit(circuit: Circuit) -> dict[str, Figure]:
    """The circuit's drawing by its name; none of a circuit that is too large for one to be read."""
    return {"circuit": circuit_figure(circuit)} if len(circuit.vertices) <= MOST_VERTICES else {}


def circuit_figure(circuit: Circuit) -> Figure:
    """The circuit's own drawing."""
    figure = Figure(figsize=(WIDTH, 4.0))
    figure.set_layout_engine("none")
    circuit.draw(figure.add_axes((0.0, 0.0, 1.0, 1.0)))
    return figure
