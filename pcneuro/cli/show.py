"""The command ``pcneuro show``: a circuit as a table or a picture."""

from __future__ import annotations

from pathlib import Path

from pcneuro.circuit.circuit import Circuit
from pcneuro.cli.circuits import circuit_of
from pcneuro.cli.codes import SUCCESS
from pcneuro.errors import OutputError
from pcneuro.files import write_atomically

FORMATS = (".png", ".svg", ".pdf")
"""Endings of the files that a picture is written to."""


def show(reference: str, draw: Path | None, page: Path | None, equations: bool, overwrite: bool) -> int:
    """Print a circuit; returns the exit code."""
    if draw is not None and draw.suffix.lower() not in FORMATS:
        raise OutputError(f"cannot draw to {draw}: give a name that ends in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    circuit = circuit_of(reference)
    print(circuit)
    if equations:
        print(f"\n{circuit.equations()}")
    if draw is not None:
        _draw(circuit, draw, overwrite)
        print(f"\ndrawn to {draw}")
    if page is not None:
        _write_page(circuit, reference, page, overwrite)
        print(f"\nwritten to {page}")
    return SUCCESS


def _draw(circuit: Circuit, path: Path, overwrite: bool) -> None:
    from pcneuro.studies.figures.circuit import circuit_figure
    from pcneuro.studies.figures.style import save, style

    with style():
        figure = circuit_figure(circuit)
        kind = path.suffix.lower().removeprefix(".")
        write_atomically(path, lambda file: save(figure, file, format=kind), overwrite=overwrite)


def _write_page(circuit: Circuit, reference: str, path: Path, overwrite: bool) -> None:
    from pcneuro.reports import circuit_part, document, heading, lines, write_page

    parts = [heading(reference, "A circuit."), circuit_part(circuit), "<h2>Tables</h2>", lines(str(circuit), "tables")]
    write_page(document(f"{reference}: pcneuro", parts), path, overwrite=overwrite)
