"""The benchmarks' scripts import what they use, and say how they are called."""

import importlib
import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "name",
    [
        "batch",
        "batch_scale",
        "brian2_rate",
        "compare",
        "connectome",
        "events",
        "lstm",
        "mapping",
        "noise",
        "plasticity",
        "protocol",
        "sparse",
        "startup",
        "streams",
    ],
)
def test_help(name, monkeypatch, capsys):
    script = ROOT / "benchmarks" / f"{name}.py"
    monkeypatch.syspath_prepend(str(script.parent))
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert ended.value.code in (None, 0)
    said = capsys.readouterr().out
    assert "--out" in said
    for flag in {flag for command in told(name) for flag in re.findall(r"--[\w-]+", command)}:
        assert flag in said, f"docs tell of {name}.py {flag}"


def told(name):
    """How the pages of docs/ call a benchmark."""
    pages = "".join(
        page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")
    )  # performance.md above all
    return re.findall(rf"python benchmarks/{name}\.py([^#`\n]*)", pages)


def test_what_pages_call_is_there():
    assert told("compare")
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    for name in set(re.findall(r"benchmarks/(\w+)\.py", pages)):
        assert (ROOT / "benchmarks" / f"{name}.py").exists(), name


@pytest.fixture
def events(monkeypatch):
    """The module benchmarks/events.py, imported as it is when it runs."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("events")


@pytest.mark.parametrize("what", ["linear", "throughput", "rnn"])
def test_events_in_small(what, events, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["events.py", what, "--small", "--runs", "1", "--out", str(tmp_path)])
    events.main()
    capsys.readouterr()
    rows = json.loads((tmp_path / f"events_{what}.json").read_text())["rows"]
    assert len(rows) == {"linear": 4 * 2 * 4, "throughput": 3 * 2 + 1, "rnn": 1 + 2 * 2}[what]
    errors = [float(row["gradient error"]) for row in rows]
    limit = {"linear": 1.0, "throughput": 0.02, "rnn": 0.01}[what]
    assert max(errors) <= limit
    assert all(row["operations"] > 0 for row in rows)
    assert (tmp_path / "events_linear.png").exists() == (what == "linear")


def test_events_lines_and_thresholds(events):
    counts = np.geomspace(1e3, 1e8, 9)
    line = events.fit(counts, 2e-3 + 5e-9 * counts)
    assert (line.fixed, line.slope) == (pytest.approx(2e-3), pytest.approx(5e-9))
    assert line.furthest < 1e-9
    assert line.r2 == pytest.approx(1.0)
    assert events.fit(counts, 3e-9 * counts).exponent == pytest.approx(1.0)

    tried = []

    def error_of(threshold):
        tried.append(threshold)
        return 0.3 * threshold

    actual = events.largest(error_of, 0.01, 1e-4, 1.0, 1.05)
    assert 0.01 / 0.3 / 1.05 <= actual <= 0.01 / 0.3
    # Nothing that takes long is tried without need.
    assert min(tried) > 0.01 / 0.3 / 2
    assert events.largest(error_of, 0.01, 0.05, 1.0, 1.05) is None
    assert events.largest(error_of, 1.0, 1e-4, 1.0, 1.05) == 1.0


def test_no_step_of_a_protocol_is_one_of_python(monkeypatch, tmp_path, capsys):
    """However many steps there are, as many functions are called; trials have their stimuli made in Python."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    arguments = ["--turns", "1", "--steps", "60000", "--trials", "60", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["protocol.py", *arguments])
    importlib.import_module("protocol").main()
    capsys.readouterr()
    rows = json.loads((tmp_path / "protocol.json").read_text())["rows"]
    assert [row["trials"] for row in rows] == [0, 30, 60]
    assert all(abs(float(row["calls a step"])) < 0.02 for row in rows)
    assert all(row["calls"] < 20_000 for row in rows)


def test_multiplications_of_a_step(monkeypatch):
    """Counted by hand, of 3-5-2: 3 * 5 before the hidden layer, 5 * 2 behind it, forward, back and for weights."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    products = importlib.import_module("perceptron").Products.of((3, 5, 2))
    assert (products.held, products.streamed, products.learned) == (20, 35, 60)


def test_mapping_in_small(monkeypatch, tmp_path, capsys):
    """Counted, divided and placed: no more packets than in natural order, and no dearer than the snake."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    arguments = ["large", "--neurons", "512", "--fan-out", "8", "--cores", "16", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["mapping.py", *arguments])
    importlib.import_module("mapping").main()
    capsys.readouterr()
    natural, refined = json.loads((tmp_path / "mapping_large.json").read_text())["rows"]
    assert int(refined["packets"].replace(",", "")) <= int(natural["packets"].replace(",", ""))
    assert float(natural["of the snake"]) <= 1


def rows_in_small(name, what, monkeypatch, tmp_path, capsys):
    """What a benchmark of batches writes about ``what``, done in small."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *what, "--quick", "--out", str(tmp_path)])
    module = importlib.import_module(name)
    module.main()
    capsys.readouterr()
    (written,) = tmp_path.glob("*.json")
    return json.loads(written.read_text())["rows"]


def test_packed_batches_in_small(monkeypatch, tmp_path, capsys):
    rows = rows_in_small("batch", ["packed"], monkeypatch, tmp_path, capsys)
    assert {row["correctness"] for row in rows} == {"rows the same"}


@pytest.mark.long
@pytest.mark.parametrize("what", ["linear", "processes"])
def test_batches_of_processes_in_small(what, monkeypatch, tmp_path, capsys):
    pytest.importorskip("zarr")
    rows = rows_in_small("batch", [what], monkeypatch, tmp_path, capsys)
    assert not any(word in row["correctness"] for row in rows for word in ("WRONG", "DIFFER"))


def test_scale_of_batches_against_closed_forms(monkeypatch, tmp_path, capsys):
    rows = rows_in_small("batch_scale", [], monkeypatch, tmp_path, capsys)
    assert {row["least time"] for row in rows} == {"ok"}
    scale = importlib.import_module("batch_scale")
    costs = scale.Costs(run=2.0, overhead=0.5, tasks=10.0, files=100.0, arrays=3, others=1)
    # A worker alone: for each block a task, its runs, and its files, one after the other.
    assert scale.simulate(12, 1, 4, costs).seconds == pytest.approx(3 * (0.1 + 4 * 2.5 + 0.04))
    # As many workers as blocks: the last one waits for the scheduler, and then has its own work.
    assert scale.simulate(8, 8, 1, costs).seconds == pytest.approx(8 * 0.1 + 2.5 + 0.04)
    assert scale.simulate(8, 8, 1, costs, scheduler=False).seconds == pytest.approx(2.5 + 8 * 0.04)
    # More workers than the metadata server can take files from: it alone tells how long it takes.
    short = scale.Costs(run=0.001, overhead=0.0, tasks=1e6, files=100.0, arrays=3, others=1)
    outcome = scale.simulate(10_000, 1_000, 1, short)
    assert outcome.seconds == pytest.approx(10_000 * 0.04, rel=1e-3)
    assert outcome.limit == "metadata server"
    assert scale.store_size(10, 4, costs) == (3 * 4, 3 * 4 * 4096.0)
