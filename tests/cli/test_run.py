"""``pcneuro run``: what it writes and prints, its exit codes, and the one line about what is wrong."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.studies.conftest import SMALL


def summary(folder):
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def test_a_run_prints_tables_and_where_its_results_are(pcneuro, folder):
    code, out, err = pcneuro("run", "x.toml")
    assert code == 0
    assert "State at the end" in out
    assert "norm ratio" in out
    assert out.splitlines()[-1].startswith("results/x: summary.json, report.html, records.nc, circuit.png (")
    assert "Traceback" not in err
    assert summary(folder / "results" / "x")["status"] == "completed"


def test_out_set_and_threads(pcneuro, folder):
    code, _, _ = pcneuro(
        "run", "x.toml", "--out", "a/b", "--set", "duration=4", "--set", "integrator.dt=0.5", "--threads", "1"
    )
    assert code == 0
    actual = summary(folder / "a" / "b")
    assert actual["runs"][0]["stats"]["steps"] == 8
    assert actual["settings"]["engine"] == {"threads": 1}


def test_quiet_prints_results_but_no_progress(pcneuro, monkeypatch):
    monkeypatch.setattr("pcneuro.simulator.progress.QUIET", 0.0)
    sweep = "--set", "sweep.duration=[4.0, 8.0]"
    assert pcneuro("run", "x.toml", *sweep, "--out", "told")[2].startswith("x: 0 % after ")
    code, out, err = pcneuro("run", "x.toml", *sweep, "--out", "quiet", "--quiet")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("quiet: summary.json")


def test_a_folder_that_exists_is_kept_unless_told(pcneuro, refused, folder):
    (folder / "out").mkdir()
    (folder / "out" / "mine").write_text("precious")
    line = refused("run", "x.toml", "--out", "out")
    assert line == "out exists already: choose another --out, or pass --overwrite"
    assert [path.name for path in (folder / "out").iterdir()] == ["mine"]
    assert pcneuro("run", "x.toml", "--out", "out", "--overwrite")[0] == 0
    assert (folder / "out" / "mine").read_text() == "precious"
    assert summary(folder / "out")["status"] == "completed"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere.toml"], "nowhere.toml: there is no such file, and no example of this name"),
        (["circuits.py"], "circuits.py is no TOML: "),
        (["x.toml", "--set", "duratoin=3"], "--set duratoin=3: unknown key; did you mean 'duration'?"),
        (["x.toml", "--set", "duration"], "--set duration: write key=value"),
        (["x.toml", "--set", "circuit=nowhere.py:f"], "--set circuit='nowhere.py:f': there is no file 'nowhere.py'"),
        (
            ["x.toml", "--set", "circuit=circuits.py:smal"],
            "--set circuit='circuits.py:smal': circuits.py has no",
        ),
        (["x.toml", "--set", "arguments.wait=3"], "--set arguments.wait=3: unknown argument of small(); did you"),
        (["x.toml", "--set", "integrator.dt=30"], "x.toml: dt = 30 ms is unstable for population"),
        (
            ["x.toml", "--set", "integrator.dt=0"],
            "x.toml: [integrator]: dt is 0.0; give a positive, finite number, in ms",
        ),
        (["x.toml", "--set", "inputs.x=[1.0, 2.0]"], "x.toml: input 'x' has shape (2,); needed is (3,)"),
        (["x.toml", "--set", "inputs.x=[nan, 1.0, 2.0]"], "x.toml: input 'x' has 1 of 3 values that are NaN"),
        (["x.toml", "--set", "inputs.y=1.0"], "x.toml: unknown name in [inputs] 'y': known: x"),
        (["x.toml", "--out", "circuits.py"], "circuits.py exists, and is no folder"),
        (["x.toml", "--threads", "0"], "Invalid value for '--threads'"),
        (["x.toml", "--ou", "b"], "No such option: --ou"),
        ([], "Missing argument 'FILE.toml'"),
    ],
)
def test_bad_input_is_one_line(refused, folder, arguments, line):
    actual = refused("run", *arguments)
    assert actual.startswith(line)
    # Nothing half-made is left.
    assert not any((folder / "results").iterdir()) if (folder / "results").exists() else True


def test_a_circuit_that_raises_is_told_with_its_place_and_with_traceback_whole(pcneuro, refused, folder):
    (folder / "bad.py").write_text("def f():\n    return 1 / 0\n")
    arguments = ("run", "x.toml", "--set", "circuit=bad.py:f")
    assert refused(*arguments).endswith("f() raised ZeroDivisionError: division by zero (bad.py, line 2)")
    code, _, err = pcneuro(*arguments, "--traceback")
    assert code == 2
    assert "Traceback" in err
    assert "return 1 / 0" in err


def test_an_error_in_pcneuro_itself_says_so(pcneuro, monkeypatch):
    def fails(*arguments, **options):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("pcneuro.cli.run.simulate", fails)
    code, _, err = pcneuro("run", "x.toml")
    assert code == 1
    assert err == "pcneuro: ZeroDivisionError: oh (an error in pcneuro itself; --traceback shows where)\n"


@pytest.mark.filterwarnings("default")
def test_warnings_are_one_line(pcneuro):
    _, _, err = pcneuro("run", "x.toml", "--set", "duration=3.3")
    warnings = [line for line in err.splitlines() if "warning" in line]
    assert warnings == [
        "pcneuro: warning: duration 3.3 ms is no multiple of dt = 1 ms: running 3 steps, 3 ms",
    ]


@pytest.mark.filterwarnings("default")
def test_a_latent_that_is_not_inferred_is_named(pcneuro, folder):
    (folder / "food.py").write_text(
        "import pcneuro as pcn\ndef food():\n"
        "    return pcn.trace(lambda v: pcn.vertex(v**2, 'u'), v=pcn.Latent((), prior=3.0))\n"
    )
    (folder / "food.toml").write_text('task = "run"\ncircuit = "food.py:food"\nduration = 50.0\n[targets]\nu = 2.0\n')
    _, _, err = pcneuro("run", "food.toml")
    lines = [line for line in err.splitlines() if "warning" in line]
    assert len(lines) == 1
    assert lines[0].startswith("pcneuro: warning: FixedPrediction does not infer the free latent 'v'")
    assert "warning" not in pcneuro("run", "food.toml", "--set", 'dynamics.kind="Strict"')[2]


def test_a_run_that_diverges_ends_with_3_and_is_written(pcneuro, folder):
    text = 'task = "run"\ncircuit = "circuits.py:steep"\nduration = 3000.0\n[inputs]\nx = 1.0\n[targets]\nout = 0.0\n'
    (folder / "steep.toml").write_text(text + '[dynamics]\nkind = "Strict"\n[integrator]\ndt = 5.0\n')
    code, out, err = pcneuro("run", "steep.toml", "--out", "out")
    assert code == 3
    assert err.count("diverged") == 1
    assert err.splitlines()[-1].startswith("pcneuro: diverged: population 'h' is no longer finite")
    assert err.endswith("; the results so far are in out\n")
    assert summary(folder / "out")["status"] == "diverged"
    assert "out: summary.json" in out


def test_a_run_that_does_not_settle_ends_with_4_and_is_written(pcneuro, folder):
    text = (
        'task = "run"\ncircuit = "circuits.py:steep"\nuntil = {limit = 5.0}\n[inputs]\nx = 1.0\n[targets]\nout = 0.0\n'
    )
    (folder / "slow.toml").write_text(text)
    code, _, err = pcneuro("run", "slow.toml", "--out", "out")
    assert code == 4
    assert "1 of 1 blocks of samples not settled to Settled(rtol=0.0001, atol=0.0, limit=5.0) after 5 ms" in err
    assert summary(folder / "out")["status"] == "unsettled"
    assert pcneuro("run", "slow.toml", "--set", "until.limit=1e4", "--out", "more")[0] == 0
    (run,) = summary(folder / "more")["runs"]
    assert run["stats"]["settled_ms"] == [run["time"]]


def test_a_full_disk_is_one_line(refused, folder, monkeypatch):
    def full(path, dataset):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pcneuro.studies.records.write_records", full)
    assert refused("run", "x.toml") == (
        "cannot write results/x/records.nc: No space left on device; what was there is as it was"
    )


def start(folder, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "pcneuro", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_ctrl_c_writes_what_there_is_and_ends_with_130(folder):
    with start(folder, "run", "x.toml", "--out", "out", "--set", "duration=1e9") as process:
        # Without a terminal, progress is a line; the first comes once the run has taken two seconds. So does that of
        # kernels, which are compiled before it where they are not there.
        line = process.stderr.readline()
        while "%" not in line or line.startswith("compiling"):
            assert line, "ended too early"
            line = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.splitlines()[-1].startswith("pcneuro: interrupted at ")
    actual = summary(folder / "out")
    assert actual["status"] == actual["runs"][0]["status"] == "interrupted"
    assert 0 < actual["runs"][0]["time"] < 1e9


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_that_cannot_be_printed_is_one_line(folder):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pcneuro", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "pcneuro: cannot write: No space left on device\n"


def test_a_reader_that_leaves_is_no_error(folder):
    with start(folder, "show", "circuits.py:small") as process:
        process.stdout.close()
        assert process.wait(timeout=60) in (0, 1)
        assert process.stderr.read() == ""


def test_progress_is_shown_after_two_seconds_only(monkeypatch, capsys):
    from pcneuro.cli.terminal import Terminal

    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Terminal("work") as terminal:
        for second, share in ((1, 0.1), (3, 0.3), (4, 0.4), (14, 0.9)):
            now[0] = second
            terminal.progress(share)
    assert capsys.readouterr().err.splitlines() == [
        "work: 30 % after 3s, 7s left",
        "work: 90 % after 14s, 2s left",
    ]


def test_the_time_left_is_not_told_from_the_first_steps(monkeypatch, capsys):
    """They wait for kernels that are being compiled."""
    from pcneuro.cli.terminal import Terminal

    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Terminal("work") as terminal:
        for second, share in ((0, 0.0), (40, 0.0001), (60, 0.5)):
            now[0] = second
            terminal.progress(share)
    assert capsys.readouterr().err.splitlines() == ["work: 0 % after 40s", "work: 50 % after 1m 0s, 1m 0s left"]


def test_the_text_of_the_file_is_in_the_summary(pcneuro, folder):
    pcneuro("run", "x.toml", "--out", "out")
    settings = summary(folder / "out")["settings"]
    assert settings["circuit"] == "circuits.py:small"
    assert SMALL.count("normal") == 2
    assert settings["inputs"] == {"x": {"kind": "normal"}}
