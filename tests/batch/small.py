"""A simulation file whose runs are short, and the Python file that it names: some runs kill whoever does them."""

from pathlib import Path

CODE = """
import os, pathlib, signal, time
import numpy as np
import pcneuro as pcn

def line(weight=1.0, seconds=0.0, deadly=False, once=False):
    time.sleep(seconds)
    died = pathlib.Path(__file__).with_name("died")
    if deadly or (once and weight > 1.0 and not died.exists()):
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return pcn.trace(lambda x, W: {"y": pcn.vertex(1.0 * x, "h") @ W}, x=pcn.Input((2,)),
                     W=pcn.Parameter(np.full((2, 2), weight)))
"""
FILE = """
task = "run"
circuit = "line.py:line"
duration = 2.0
engine = {kind = "Reference"}
inputs = {x = {kind = "normal"}}
targets = {y = [1.0, 2.0]}
"""


def written(folder: Path, more: str = "") -> Path:
    """Write both into a folder, with ``more`` lines at the end; the path of the simulation file."""
    (folder / "line.py").write_text(CODE, encoding="utf-8")
    (folder / "small.toml").write_text(FILE + more, encoding="utf-8")
    return folder / "small.toml"


def contents(folder: Path) -> dict[str, bytes]:
    """Name -> content of all that the rows of a batch are kept in."""
    rows = folder / "runs.zarr"
    return {str(path.relative_to(rows)): path.read_bytes() for path in rows.rglob("*") if path.is_file()}
