"""docs/simulations.md tells of every key, and its examples run."""

import re
import tomllib
from pathlib import Path

import pytest

from pcneuro.data import DATASETS
from pcneuro.learning import OPTIMIZERS, RATES
from pcneuro.studies import read, simulate
from pcneuro.studies.spaces import SPACES
from pcneuro.studies.task import TASKS
from pcneuro.studies.values import VALUES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "simulations.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize("kind", TASKS)
def test_every_task_and_key_is_told(kind):
    assert f"### `{kind}`" in TEXT
    for key in TASKS[kind].model_fields:
        assert re.search(rf"\b{key}\b", TEXT), key


@pytest.mark.parametrize(
    "registry", [DATASETS, VALUES, OPTIMIZERS, RATES], ids=["data", "values", "optimizers", "rates"]
)
def test_every_kind_is_told(registry):
    for kind in registry:
        assert kind == "given" or f'kind = "{kind}"' in TEXT, kind


@pytest.mark.parametrize("kind", SPACES)
def test_every_space_is_told(kind):
    assert f'`"{kind}"`' in TEXT
    assert f"{SPACES[kind].__name__}`" in TEXT


def test_the_example_runs(tmp_path):
    example, sweep = blocks("toml")
    assert "integrator.dt" in tomllib.loads(sweep)["sweep"]
    (tmp_path / "x.toml").write_text(example.replace('"circuits/', f'"{ROOT}/circuits/'))
    report = simulate(read(tmp_path / "x.toml"), tmp_path / "out")
    assert len(report.summary["runs"]) == 2


def test_the_python_examples_run(tmp_path, monkeypatch, capsys):
    for name in ("simulations", "circuits"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    from_python, in_chunks, pieces, back, learning, taken = blocks("python")
    exec(from_python, {})
    assert capsys.readouterr().out.startswith("results/scalar_graph completed {'true': -11.37")
    names: dict = {}
    exec(in_chunks, names)
    assert capsys.readouterr().out.startswith("completed 2000 steps, to 2000 ms")
    exec(pieces, names)
    assert names["errors"].time.values[[0, 100, 101, -1]].tolist() == [0.0, 100.0, 100.0, 300.0]
    exec(back, names)
    assert names["sim"].time == 800.0
    exec(learning, names)
    by_circuit, by_backprop = (eval(line) for line in capsys.readouterr().out.splitlines())
    assert by_circuit == by_backprop
    assert float(by_circuit[-1]) < float(by_circuit[0])
    exec(taken, names)
    assert eval(capsys.readouterr().out) == [((1438, 64), (1438, 10)), ((3, 2), (3, 2)), ((5, 2), (5, 2))]
