"""The commands and their options, and what becomes of an error."""

from __future__ import annotations

import errno
import os
import sys
import traceback
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from pcneuro.cli.batch_app import batch_app
from pcneuro.cli.codes import BAD_INPUT, INTERNAL, INTERRUPTED
from pcneuro.cli.examples_app import examples_app
from pcneuro.cli.options import (
    QUIET,
    TRACEBACK,
    Circuit,
    Folder,
    Out,
    Overwrite,
    Quiet,
    Sets,
    SimulationFile,
    Traceback,
    circuit_reference,
)
from pcneuro.errors import PcneuroError

# Typer once took Click's exceptions and now has its own of the same names.
_Usage: type[Any] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

app = typer.Typer(
    help="Predictive-coding circuits from NumPy functions: simulate them, look at them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cache_app = typer.Typer(help="The compiled kernels on disk.", no_args_is_help=True)
app.add_typer(cache_app, name="cache")
data_app = typer.Typer(help="Data sets to learn from.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(batch_app, name="batch")
app.add_typer(examples_app, name="examples")


def _version(value: bool) -> None:
    if value:
        from pcneuro.version import __version__

        typer.echo(f"pcneuro {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version, and exit.")
    ] = False,
    whole: Traceback = False,
) -> None:
    """Predictive-coding circuits from NumPy functions: simulate them, look at them."""


@app.command()
def run(
    file: SimulationFile,
    out: Out = None,
    sets: Sets = None,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on from the checkpoints in DIR, if any (default: the unfinished run last written)."
        ),
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; results do not depend on it.")] = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="Of a batch, do the K-th of N parts only, beside others that do the rest."),
    ] = None,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, how long and how large; nothing is written.")
    ] = False,
    quiet: Quiet = False,
    whole: Traceback = False,
) -> int:
    """Carry out a simulation file: writes DIR/summary.json, DIR/records.nc and figures; of a batch DIR/runs.zarr.

    Running a file runs the Python code that it names: only run files that you trust. Exit codes: 0 done, 2 bad input,
    3 the simulation diverged, 4 it did not settle, 130 interrupted; in the last three cases the results so far are
    written. Of a batch, 0 where all its runs have ended, however they did; 2 where none of them is done.
    """
    from pcneuro.cli.run import run as carry_out

    chosen = [*(sets or ()), *([] if threads is None else [f"engine.threads={threads}"])]
    return carry_out(file, out, chosen, overwrite, resume, shard, dry)


@app.command()
def new(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="The new folder.", show_default=False)],
    whole: Traceback = False,
) -> int:
    """Write a folder to start from: a circuit, a simulation that runs as it is, and what to change first."""
    from pcneuro.cli.new import new as write_it

    return write_it(name)


@app.command()
def check(
    file: SimulationFile,
    against: Annotated[
        str,
        typer.Option(
            metavar="TARGET", help="Such as brian2-rate or reference; an unknown one lists all.", show_default=False
        ),
    ],
    tolerance: Annotated[
        float | None,
        typer.Option(help="Largest relative error that is agreement (default: 1e-9; float32 1e-4, spikes 0.03)."),
    ] = None,
    out: Out = None,
    sets: Sets = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    whole: Traceback = False,
) -> int:
    """Run a simulation file (task run, or mapping for sanafe) by us and by another simulator, and compare them.

    Prints cosine, norm ratio and relative error of every population and gradient, and writes them with overlaid traces.
    Exit codes are those of run, and 1 where the relative error of anything is above the tolerance.
    """
    from pcneuro.cli.check import check as carry_out

    return carry_out(file, against, tolerance, out, sets or (), overwrite)


@app.command()
def show(
    circuit: Circuit,
    draw: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the circuit to a new file.")] = None,
    page: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE.html", help="Write a page with an interactive picture to a new file."),
    ] = None,
    equations: Annotated[bool, typer.Option("--equations", help="Print the differential equations, too.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    whole: Traceback = False,
) -> int:
    """Print a circuit's populations and projections. What comes from a Python file is made by running it."""
    from pcneuro.cli.show import show as print_it

    return print_it(circuit, draw, page, equations, overwrite)


@app.command()
def audit(
    circuit: Circuit,
    dynamics: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="FixedPrediction or Strict (default: the file's, or what the circuit has)."),
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE.json", help="Write it to a new file.")] = None,
    interventions: Annotated[int, typer.Option(min=0, help="Pairs of random states for each update.")] = 2,
    singles: Annotated[int, typer.Option(min=0, help="Single neurons and synapses of each, drawn.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of states and entries.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE.json.")] = False,
    quiet: Quiet = False,
    whole: Traceback = False,
) -> int:
    """Print what every update of a circuit reads, and whether it is local; interventions hold it to that.

    What comes from a Python file is made by running it. Exit codes: 0 all is local, 1 something is not, 2 bad input.
    """
    from pcneuro.cli.audit import audit_it

    return audit_it(circuit, dynamics, json, interventions, singles, seed, overwrite)


@app.command("map")
def map_(
    circuit: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE.toml|CIRCUIT",
            help="A simulation file or an example's name, a saved circuit, or file.py:function.",
            callback=circuit_reference,
        ),
    ] = None,
    chip: Annotated[
        str | None, typer.Option(metavar="NAME", help="A chip, or its TOML file (default: the file's, or loihi).")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0, help="Events of each neuron a step, assumed: for circuits and files of other tasks."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of a sample, with --rate (default: 1).")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of all that is drawn.")] = None,
    chips: Annotated[bool, typer.Option("--chips", help="List the chips that there are, and exit.")] = False,
    out: Out = None,
    sets: Sets = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    whole: Traceback = False,
) -> int:
    """Put a circuit on a neuromorphic chip: which neuron goes where, what is sent, and what that costs.

    Writes DIR/mapping.nc, DIR/report.html, DIR/summary.json and figures. Exit codes are those of run.
    """
    from pcneuro.cli import map as mapping

    if chips:
        return mapping.list_chips()
    if circuit is None:
        raise typer.BadParameter("give a simulation file or a circuit, or --chips")
    return mapping.map_it(circuit, chip, rate, steps, seed, out, sets or (), overwrite)


@app.command()
def info(whole: Traceback = False) -> int:
    """Versions, processor, threads, BLAS and the kernel cache; and what will be slow."""
    from pcneuro.cli.info import info as print_it

    return print_it()


@cache_app.command("info")
def cache_info(whole: Traceback = False) -> int:
    """Where compiled kernels are kept, and whether they are there."""
    from pcneuro.cli import cache

    return cache.info()


@cache_app.command("clear")
def cache_clear(whole: Traceback = False) -> int:
    """Remove compiled kernels; the next run compiles them again."""
    from pcneuro.cli import cache

    return cache.clear()


@cache_app.command("warm")
def cache_warm(quiet: Quiet = False, whole: Traceback = False) -> int:
    """Compile all kernels now, for float64 and float32, so that no run has to."""
    from pcneuro.cli import cache

    return cache.warm()


@data_app.command("list")
def data_list(folder: Folder = None, whole: Traceback = False) -> int:
    """The data sets, and which of them are there. docs/data.md has their formats and terms."""
    from pcneuro.cli import data

    return data.list_them(folder)


@data_app.command("fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="See pcneuro data list.", show_default=False)],
    folder: Folder = None,
    quiet: Quiet = False,
    whole: Traceback = False,
) -> int:
    """Download the official files of a data set, check and unpack them. Nothing that is there is overwritten."""
    from pcneuro.cli import data

    return data.fetch_it(name, folder)


def execute(arguments: list[str]) -> int:
    """Run the command, and turn whatever is raised into a line on standard error and an exit code."""
    from pcneuro.simulator.progress import silenced

    shown = warnings.showwarning
    warnings.showwarning = _warn
    try:
        with silenced() if QUIET in arguments else nullcontext():
            code = app(args=arguments, prog_name="pcneuro", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except _Usage as error:
        text = error.format_message()
        return _fail(f"{text} (see pcneuro --help)", arguments, BAD_INPUT) if text else BAD_INPUT
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", arguments, INTERRUPTED)
    except BrokenPipeError:
        _mute()
        return INTERNAL
    except PcneuroError as error:
        return _fail(str(error), arguments, BAD_INPUT)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return _fail(f"{type(error).__name__}: {error}", arguments, INTERNAL)
        _mute()
        return _fail(f"cannot write: {error.strerror}", arguments, BAD_INPUT)
    except Exception as error:
        hint = "" if TRACEBACK in arguments else f" (an error in pcneuro itself; {TRACEBACK} shows where)"
        return _fail(f"{type(error).__name__}: {error}{hint}", arguments, INTERNAL)
    finally:
        warnings.showwarning = shown


def _mute() -> None:
    """What could not be written to standard output is not tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(text: str, arguments: list[str], code: int) -> int:
    if TRACEBACK in arguments:
        traceback.print_exc()
    print(f"pcneuro: {' '.join(text.split())}", file=sys.stderr)
    return code


def _warn(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
    print(f"pcneuro: warning: {' '.join(str(message).split())}", file=sys.stderr)
