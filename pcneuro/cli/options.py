"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TRACEBACK = "--traceback"

Folder = Annotated[
    Path | None, typer.Option(help="Folder of the data (default: environment variable PCNEURO_DATA).", metavar="DIR")
]
SimulationFile = Annotated[Path, typer.Argument(metavar="FILE.toml", help="A simulation file.", show_default=False)]
Out = Annotated[
    Path | None, typer.Option(help="Folder for the results (default: the next free one in results/).", metavar="DIR")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a key of the file, such as integrator.dt=0.5."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files of the same names in DIR; others stay.")]
Traceback = Annotated[bool, typer.Option(TRACEBACK, help="Show the whole of an error.")]
