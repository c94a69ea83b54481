"""The commands ``pcneuro batch ...`` and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcneuro.cli.options import Quiet, Sets, SimulationFile, Traceback

batch_app = typer.Typer(help="Batches of many runs: how far they are, and what is made of them.", no_args_is_help=True)

Batch = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a batch.", show_default=False)]


@batch_app.command("status")
def status(
    folder: Batch,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    whole: Traceback = False,
) -> int:
    """How far a batch is: runs that are done, failures by kind, runs in a second, and time left. It may be running."""
    from pcneuro.cli import batch

    return batch.status(folder, as_json)


@batch_app.command("resume")
def resume(
    folder: Batch,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that do it (default: the runner that it began with).", show_default=False),
    ] = None,
    quiet: Quiet = False,
    whole: Traceback = False,
) -> int:
    """Go on with a batch that was interrupted or killed, by the settings in its folder. Exit codes are those of run."""
    from pcneuro.cli.batching import resume_batch

    return resume_batch(folder, processes)


@batch_app.command("retry")
def retry(folder: Batch, whole: Traceback = False) -> int:
    """Have runs that failed or diverged done again when the batch goes on (pcneuro batch resume). Other rows stay."""
    from pcneuro.cli import batch

    return batch.retry(folder)


@batch_app.command("merge")
def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR ...", help="Folders of the same batch, of shards.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The new folder.", show_default=False)],
    whole: Traceback = False,
) -> int:
    """Put together what shards of a batch have done in folders of their own."""
    from pcneuro.cli import batch

    return batch.merge(folders, out)


@batch_app.command("export")
def export(
    folder: Batch,
    file: Annotated[Path, typer.Argument(metavar="FILE.nc", help="A new file.", show_default=False)],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    whole: Traceback = False,
) -> int:
    """Write all rows to one netCDF file, which xarray.open_dataset reads."""
    from pcneuro.cli import batch

    return batch.export(folder, file, overwrite)


@batch_app.command("figures")
def figures(
    folder: Batch,
    numbers: Annotated[
        list[str] | None,
        typer.Option(
            "--number",
            metavar="NAME",
            help="What is drawn: a number, or a pattern such as 'parameters.*'; may be given several times. By default "
            "the main numbers of its task.",
            show_default=False,
        ),
    ] = None,
    whole: Traceback = False,
) -> int:
    """Draw a batch, as far as it is done, into DIR/figures: heat map, lines with bands, parallel coordinates."""
    from pcneuro.cli import batch

    return batch.figures(folder, numbers or ())


@batch_app.command("script")
def script(
    file: SimulationFile,
    shards: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="An array of so many SLURM jobs, each of which does a shard (default: jobs of \\[batch.runner]).",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The batch's folder (default: of the file's name in results/).")
    ] = None,
    sets: Sets = None,
    whole: Traceback = False,
) -> int:
    """Print the script of the jobs that do a batch on a cluster. No cluster is needed to see it."""
    from pcneuro.cli.batch import script as print_it

    return print_it(file, shards, out, sets or ())
