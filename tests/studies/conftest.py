"""What tests of simulation files share."""

import json
import warnings
from pathlib import Path

import pytest
import xarray
from matplotlib.figure import Figure

from pcneuro.studies import AbstractObserver, read, simulate
from pcneuro.studies.figures import style as figure_style

CIRCUITS = """
import numpy as np
import pcneuro as pcn

def small(weight=0.5):
    def network(x, W, U):
        h = pcn.vertex(np.tanh(x @ W), "h")
        return pcn.vertex(h @ U, "out")
    generator = np.random.default_rng(1)
    W, U = (pcn.Parameter(weight * generator.normal(size=shape)) for shape in ((3, 4), (4, 2)))
    return pcn.trace(network, x=pcn.Input((3,)), W=W, U=U)

def steep():
    def line(x, w):
        return pcn.vertex(w * pcn.vertex(w * x, "h"), "out")
    return pcn.trace(line, x=pcn.Input(()), w=pcn.Parameter(10.0))
"""
SMALL = """
task = "run"
circuit = "circuits.py:small"
duration = 20.0
samples = 3
[inputs]
x = {kind = "normal"}
[targets]
out = {kind = "normal"}
"""


def png_size(path):
    header = path.read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    return int.from_bytes(header[16:20]), int.from_bytes(header[20:24])


class Stops(AbstractObserver):
    """As Ctrl-C does, once so much is done."""

    def __init__(self, share):
        self.share = share

    def say(self, text):
        pass

    def progress(self, share, note=""):
        self.stopped = self.stopped or share >= self.share


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures are made, and have empty files; those within the page of a report are empty, too."""

    def savefig(figure, file, **settings):
        if settings.get("format") == "svg":
            file.write("<svg></svg>")
        elif isinstance(file, str | Path):
            Path(file).touch()

    monkeypatch.setattr(Figure, "savefig", savefig)
    monkeypatch.setattr(figure_style, "arrange", lambda figure: None)


@pytest.fixture(autouse=True)
def _undrawn_where_no_picture_is_the_claim(request):
    """Drawing takes longer than small runs: tests marked ``drawn`` do it, of each kind of picture one."""
    if not request.node.get_closest_marker("drawn"):
        request.getfixturevalue("undrawn")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with circuits, in which a file is written and carried out."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circuits.py").write_text(CIRCUITS)

    def carry_out(text, *sets, **options):
        (tmp_path / "x.toml").write_text(text)
        report = simulate(read(tmp_path / "x.toml", sets), **options)
        summary = json.loads((report.folder / "summary.json").read_text(encoding="utf-8"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            records = xarray.load_dataset(report.folder / "records.nc")
        assert set(summary["files"]) == {path.name for path in report.folder.iterdir() if path.is_file()}
        return report, summary, records

    carry_out.folder = tmp_path
    return carry_out
