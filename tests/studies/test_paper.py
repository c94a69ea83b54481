"""The paper's claim on real data: a circuit learns as well as backprop does, and both learn."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.data import DATASETS
from pcneuro.studies import read, simulate

ROOT = Path(__file__).parents[2]
SIMULATIONS = ROOT / "simulations"


def carried_out(name, out, *sets):
    simulate(read(SIMULATIONS / f"{name}.toml", sets), out)
    (run,) = json.loads((out / "summary.json").read_text(encoding="utf-8"))["runs"]
    assert len(run["seeds"]) == 5
    return run


def check_difference(run, score):
    """Over five seeds both ways differ by less than the standard error."""
    row = run["difference"][score]
    assert abs(row["difference"]) < row["standard_error"], row
    return row


def needed(real, kind):
    if DATASETS[kind](folder=real).status() == "not there":
        pytest.skip(f"no {kind} in {real}")
    return f"data={real}"


@pytest.mark.parametrize(
    ("sets", "least"),
    [
        (["epochs=4", "rates.epochs=4", "samples=400", "test_samples=200", "batch_size=16"], 0.5),
        pytest.param([], 0.94, marks=pytest.mark.long),
    ],
    ids=["shortened", "whole"],
)
def test_cnn_digits(tmp_path, sets, least):
    row = check_difference(carried_out("cnn_digits", tmp_path / "out", *sets), "test_accuracy")
    assert min(row["predictive coding"], row["backprop"]) > least  # chance is 0.1


@pytest.mark.long
def test_cnn_cifar10_quick(tmp_path, real):
    run = carried_out("cnn_cifar10_quick", tmp_path / "out", needed(real, "cifar10"))
    row = check_difference(run, "test_accuracy")
    assert min(row["predictive coding"], row["backprop"]) > 0.17  # chance is 0.1
    loss = check_difference(run, "test_loss")
    assert max(loss["predictive coding"], loss["backprop"]) < run["chance"]["loss"] - 0.05


@pytest.mark.long
def test_rnn_names_quick(tmp_path, real):
    run = carried_out("rnn_names_quick", tmp_path / "out", needed(real, "names"))
    row = check_difference(run, "test_accuracy")
    assert run["chance"]["majority"] < 0.5
    assert min(row["predictive coding"], row["backprop"]) > 0.65


@pytest.mark.long
def test_lstm_shakespeare_quick(tmp_path, real):
    run = carried_out("lstm_shakespeare_quick", tmp_path / "out", needed(real, "shakespeare"))
    row = check_difference(run, "test_loss")
    assert max(row["predictive coding"], row["backprop"]) < 0.65 * run["chance"]["loss"]
    assert set(run["sampled"]) == {"predictive coding", "backprop"}
    assert all(len(text) == 300 for text in run["sampled"].values())


@pytest.mark.long
def test_ode_pendulum_quick(tmp_path):
    run = carried_out("ode_pendulum_quick", tmp_path / "out")
    check_difference(run, "test_loss")
    for seed in (tmp_path / "out" / "checkpoints").iterdir():
        actual = pcn.load_parameters(seed)
        assert actual["gravity"] == pytest.approx(9.81, rel=0.02)
        assert actual["damping"] == pytest.approx(0.2, abs=0.02)


KILLED = {"epochs": 12, "seeds": 1, "duration": 60}


def start(out, settings, *more):
    command = [sys.executable, "-m", "pcneuro", "run", str(SIMULATIONS / "cnn_digits_quick.toml"), "--out", str(out)]
    sets = [text for key, value in settings.items() for text in ("--set", f"{key}={value}")]
    return subprocess.Popen([*command, *sets, *more], cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def epochs_done(out):
    actual = {}
    for path in sorted((out / "checkpoints").glob("*.npz")):
        with zipfile.ZipFile(path) as archive:
            actual[path.stem] = len(json.loads(archive.read("facts.json"))["epochs"])
    return actual


def assert_the_same(tmp_path):
    """What a killed run ended with is what the whole one did, and nothing else lies about."""
    out = tmp_path / "killed"
    for path in (tmp_path / "whole" / "checkpoints").iterdir():
        one, other = pcn.load_parameters(path), pcn.load_parameters(out / "checkpoints" / path.name)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    runs = [json.loads((tmp_path / name / "summary.json").read_text())["runs"][0] for name in ("whole", "killed")]
    assert runs[0]["gradients_against_backprop"] == runs[1]["gradients_against_backprop"]
    assert runs[0]["difference"] == runs[1]["difference"]
    assert sorted(os.listdir(tmp_path)) == ["killed", "whole"]
    assert sorted(os.listdir(out)) == sorted(os.listdir(tmp_path / "whole"))


def test_killed_once_there_is_a_checkpoint_it_ends_bit_for_bit_the_same(tmp_path):
    settings = KILLED | {"epochs": 6, "samples": 80, "test_samples": 30}
    out = tmp_path / "killed"
    process = start(out, settings)
    while process.poll() is None and not epochs_done(out):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    done = epochs_done(out)
    assert 0 < sum(done.values()) < 2 * settings["epochs"]
    plan = read(SIMULATIONS / "cnn_digits_quick.toml", [f"{key}={value}" for key, value in settings.items()])
    simulate(plan, tmp_path / "whole")
    simulate(plan, out, resume=True)
    assert_the_same(tmp_path)


@pytest.mark.long
def test_killed_at_random_moments_it_ends_bit_for_bit_the_same(tmp_path):
    begun = time.monotonic()
    assert start(tmp_path / "whole", KILLED).wait() == 0
    length = time.monotonic() - begun
    out, moments, done = tmp_path / "killed", random.Random(5), {}
    for _ in range(10):
        process = start(out, KILLED, "--resume")
        time.sleep(moments.uniform(0.2, 0.9) * length)
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = epochs_done(out)
        # What was written once is not lost.
        assert all(now[name] >= count for name, count in done.items())
        done = now
    assert start(out, KILLED, "--resume").wait() == 0
    assert_the_same(tmp_path)
