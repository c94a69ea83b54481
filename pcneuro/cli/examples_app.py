"""The commands ``pcneuro examples ...`` and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcneuro.cli.options import Traceback

examples_app = typer.Typer(help="Examples that come with pcneuro: simulations and circuits.", no_args_is_help=True)


@examples_app.command("list")
def examples_list(whole: Traceback = False) -> int:
    """List the examples: simulations, which pcneuro run takes by name, and circuits."""
    from pcneuro.cli import examples

    return examples.list_them()


@examples_app.command("copy")
def examples_copy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="See pcneuro examples list.", show_default=False)],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if there is none.")] = Path("."),
    whole: Traceback = False,
) -> int:
    """Copy an example and the files that it names, to change them. Nothing that is there is overwritten."""
    from pcneuro.cli import examples

    return examples.copy(name, folder)
