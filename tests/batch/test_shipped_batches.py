"""Batches of simulations/: short variants of them, with the numbers that are known."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import nbinom

import pcneuro as pcn
from pcneuro.cli.app import execute

pytest.importorskip("zarr")
ROOT = Path(__file__).parents[2]
SIMULATIONS = ROOT / "simulations"
HERE = ["--set", 'batch.runner={kind="here"}']


def steps_of_a_chain_of_lags(ways, eta, tolerance):
    """The first step from which on a gradient is within ``tolerance``, in closed form.

    ``ways`` are (share of the gradient, hops of the error on its way). Each hop is a lag whose steps are geometrically
    distributed with mean 1/eta, so what has come by step k is the distribution of a sum of these: negative binomial.
    """
    k = np.arange(20_000)
    away = np.abs(sum(share * nbinom.sf(k - hops, hops, eta) for share, hops in ways))
    return int(np.flatnonzero(away >= tolerance)[-1]) + 1


def ways_of(depth):
    """The two ways by which the gradient of v0 comes back, (share, hops), where there are so many vertices more."""
    v0, theta = 5.0, 2.0
    root = np.sqrt(theta * v0)
    value = np.tan(root) + np.sin(v0**2)
    slope = 1.0
    for _ in range(depth):
        slope /= np.sqrt(1 + value**2)
        value = np.arcsinh(value)
    error = (value - 1.0) * slope
    by_root = error / np.cos(root) ** 2 * theta / (2 * root)
    by_square = error * np.cos(v0**2) * 2 * v0
    return [(by_root, depth + 2), (by_square, depth + 1)]


def test_steps_by_rate_and_depth_are_those_of_the_closed_form(tmp_path):
    depths, steps = [0, 3, 20], [0.5, 3.0, 10.0]
    sets = ["--set", f'sweep."arguments.depth"={depths}', "--set", f'sweep."integrator.dt"={steps}', *HERE]
    assert execute(["run", str(SIMULATIONS / "rate_depth_map.toml"), *sets, "--out", str(tmp_path / "b")]) == 0
    rows = pcn.batch.open(tmp_path / "b").dataset()
    assert len(rows["run"]) == 9
    for row in range(9):
        depth, dt = int(rows["arguments.depth"][row]), float(rows["integrator.dt"][row])
        ways = ways_of(depth)
        assert float(rows["parameters.v0.true"][row]) == pytest.approx(sum(share for share, _ in ways), rel=1e-12)
        wanted = steps_of_a_chain_of_lags(ways, dt / 10.0, 1e-6)
        assert int(rows["parameters.v0.steps_to_tolerance"][row]) == wanted
    assert {path.name for path in (tmp_path / "b" / "figures").iterdir()} == {"heat_map.png", "lines.png"}


def test_the_page_has_the_steps_of_the_closed_form():
    text = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    rates = [float(each) for each in re.findall(r"rate ([\d.]+) \|", text)]
    rows = re.findall(r"^\| (\d+) more vertices \| (.*) \|$", text, flags=re.MULTILINE)
    assert len(rows) * len(rates) == 12
    for depth, cells in rows:
        stated = [int(each.replace(",", "")) for each in cells.split(" | ")]
        assert stated == [steps_of_a_chain_of_lags(ways_of(int(depth)), rate, 1e-6) for rate in rates]


def test_digits_are_learned_with_delays(tmp_path):
    """Long delays and slow neurons leave errors no time to come back; without these predictive coding is backprop."""
    pytest.importorskip("sklearn")
    sets = ["epochs=1", "batch.replicates=2", "sweep.delays=[0.0, 20.0]", 'sweep."arguments.tau"=[5.0, 40.0]']
    given = [each for text in sets for each in ("--set", text)]
    given += [
        "--set",
        "samples=64",
        "--set",
        "test_samples=16",
        "--set",
        "duration=60",
        "--set",
        "arguments.sizes=[64, 12, 10]",
        *HERE,
    ]
    assert execute(["run", str(SIMULATIONS / "delays_and_tau.toml"), *given, "--out", str(tmp_path / "b")]) == 0
    store = pcn.batch.open(tmp_path / "b")
    assert store.dataset()["seed"].values.tolist() == [0, 1] * 4
    mean = store.statistics(by=["arguments.tau", "delays"]).sel(statistic="mean")
    off = np.abs(mean["difference.test_loss.difference"].values)
    assert mean["delays"].values.tolist() == [0.0, 20.0] * 2
    assert off[0] < 1e-3
    assert off[3] > 10 * off[0]


@pytest.fixture
def optuna_digits(monkeypatch):
    pytest.importorskip("optuna").logging.set_verbosity(30)
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(SIMULATIONS))
    import optuna_digits

    return optuna_digits


FEW = ("epochs=1", "samples=128", "duration=20")


def test_optuna_goes_on_where_it_was_stopped(optuna_digits, tmp_path):
    """Trials that were asked for and never told are done first, with the values that they had."""
    from optuna.trial import TrialState

    study = optuna_digits.search(tmp_path / "o", trials=2, together=2, sets=FEW)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2
    asked = [study.ask(optuna_digits.SPACE).params for _ in range(2)]  # as when it is killed
    study = optuna_digits.search(tmp_path / "o", trials=4, together=2, sets=FEW)
    assert [trial.params for trial in study.trials[2:]] == asked
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 4
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["optuna.db", "trials-0-1", "trials-2-3"]
    rows = pcn.batch.open(tmp_path / "o" / "trials-2-3").dataset()
    assert [trial.value for trial in study.trials[2:]] == rows[optuna_digits.GOAL].values.tolist()


@pytest.mark.long
def test_optuna_runs_as_a_script(tmp_path):
    pytest.importorskip("optuna")
    pytest.importorskip("sklearn")
    command = [sys.executable, str(SIMULATIONS / "optuna_digits.py"), "--trials", "4", "--out", str(tmp_path / "o")]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert "test accuracy 0." in done.stdout
