"""Rows of runs that were packed are those of runs alone, to the last bit."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from pcneuro.batch.studies import FileStudy
from pcneuro.program.compiler import PROGRAMS
from pcneuro.simulator.packing import Packed
from pcneuro.studies import read

FILE = """
task = "run"
circuit = "circuits/mlp.py:mlp"
duration = 30.0
samples = 2
[arguments]
sizes = [6, 5, 4]
[inputs]
x = { kind = "uniform" }
[targets]
out = { kind = "one_hot" }
[[record]]
vertex = "h1"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "packed.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def rows_of(study: FileStudy, values, tmp_path):
    return study.perform(range(len(values)), values, lambda n: tmp_path / str(n), lambda: False)


def test_rows_are_the_same_and_fewer_simulations_were_made(file, tmp_path, monkeypatch):
    """Seeds of data are packed, a time step is not; one that fails is a row among them."""
    values = [{"seed": seed, "arguments.seed": 0} for seed in range(5)]
    values += [{"seed": 1, "arguments.seed": 0, "integrator.dt": 0.5}, {"integrator.dt": -1.0}]
    groups = []
    of = Packed.of
    monkeypatch.setattr(Packed, "of", lambda calls, *given: groups.append(len(calls)) or of(calls, *given))
    packed = rows_of(FileStudy(read(file)), values, tmp_path)
    assert groups == [5]
    alone = rows_of(FileStudy(read(file), pack=False), values, tmp_path)
    assert groups == [5]
    for one, other in zip(packed, alone, strict=True):
        assert (one.number, one.status, one.message) == (other.number, other.status, other.message)
        assert dict(one.numbers) == dict(other.numbers)
        assert (one.records is None and other.records is None) or one.records.identical(other.records)
    assert len({row.numbers["loss"] for row in packed[:5]}) == 5
    assert packed[-1].status == 2


def test_it_ends_where_it_is_told_to(file, tmp_path):
    values = [{"seed": seed, "arguments.seed": 0} for seed in range(3)]
    with pytest.raises(KeyboardInterrupt):
        FileStudy(read(file)).perform(range(3), values, lambda n: tmp_path / str(n), lambda: True)
    assert np.isfinite(rows_of(FileStudy(read(file)), values, tmp_path)[0].numbers["loss"])


def test_a_sweep_over_weights_times_and_seeds_lowers_once(file, tmp_path):
    PROGRAMS.clear()
    made = PROGRAMS.made
    keys = ("arguments.seed", "arguments.tau", "integrator.dt", "seed")
    values = [dict(zip(keys, each, strict=True)) for each in product((0, 1), (5.0, 8.0), (0.5, 1.0), (0, 1))]
    rows = rows_of(FileStudy(read(file)), values, tmp_path)
    assert len({row.numbers["energy"] for row in rows}) == len(values)
    # An internal, as nothing else tells how often something was lowered.
    assert PROGRAMS.made == made + 1
