"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcneuro.cli import completion

TRACEBACK = "--traceback"
QUIET = "--quiet"

Folder = Annotated[
    Path | None, typer.Option(help="Folder of the data (default: environment variable PCNEURO_DATA).", metavar="DIR")
]


def _simulation_file(path: Path) -> Path:
    from pcneuro.studies.examples import simulation_file

    return simulation_file(str(path))


def circuit_reference(reference: str | None) -> str | None:
    """What a command is given for a circuit, with the path of the example that it names."""
    from pcneuro.studies.examples import circuit_reference as example

    return None if reference is None else example(reference)


SimulationFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.toml",
        help="A simulation file, or the name of an example, such as quickstart.",
        callback=_simulation_file,
        autocompletion=completion.simulation_files,
        show_default=False,
    ),
]
Circuit = Annotated[
    str,
    typer.Argument(
        metavar="CIRCUIT",
        help="A saved circuit, a simulation file or an example's name, or file.py:function.",
        callback=circuit_reference,
        autocompletion=completion.circuits,
        show_default=False,
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder for the results (default: the next free one in results/).", metavar="DIR")
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key of the file, such as integrator.dt=0.5.",
        autocompletion=completion.keys,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files of the same names in DIR; others stay.")]
Traceback = Annotated[bool, typer.Option(TRACEBACK, help="Show the whole of an error.")]
Quiet = Annotated[bool, typer.Option(QUIET, help="No progress on standard error: warnings, errors and results only.")]
