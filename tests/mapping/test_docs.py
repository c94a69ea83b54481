"""docs/mapping.md: its examples run, one after the other, and its tables are those of the chips."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np

from pcneuro.mapping import chip_of, chips_table, keys_table
from pcneuro.mapping.costs.latency import GENERATION, PROCESSING

matplotlib.use("Agg")
TEXT = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text(encoding="utf-8")


def smaller(example):
    """With a fifth of the neurons in both hidden layers."""
    return re.sub(r"\b400\b", "80", re.sub(r"\b100\b", "20", example))


def test_its_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for example in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL):
        exec(compile(smaller(example), "docs/mapping.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "packets between cores" in printed
    assert "SANA-FE agrees" in printed
    assert {path.name for path in tmp_path.iterdir()} == {
        "chip.png",
        "mapping.nc",
        "tables",
        "report.html",
        "pareto.png",
        "mlp.nir",
    }
    read_without_the_package(tmp_path, {v: names["mapping"].core(f"{v}.error") for v in names["circuit"].vertices})
    assert names["errors"] == sorted(names["errors"])
    lowest = [low for low, _ in names["energies"]]
    assert lowest == sorted(lowest, reverse=True)


def read_without_the_package(folder, cores):
    """The script of the page that reads a NIR file, in a process that cannot import pcneuro nor NIR."""
    (script,) = re.findall(r"```python\n(import h5py\n.*?)```", TEXT, flags=re.DOTALL)
    without = "import sys\nsys.modules['pcneuro'] = sys.modules['nir'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", without + script], cwd=folder, capture_output=True, text=True, check=True
    )
    chip, *lines = done.stdout.splitlines()
    assert chip == "loihi"
    told = {name.removesuffix("_error"): ast.literal_eval(counts) for name, counts in (x.split(" ", 1) for x in lines)}
    assert told == {
        v: dict(zip(*map(list, np.unique(core, return_counts=True)), strict=True)) for v, core in cores.items()
    }


def test_its_chip_of_ones_own_has_all_that_energies_and_times_need(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL)
    (tmp_path / "mychip.toml").write_text(example)
    chip = chip_of(tmp_path / "mychip.toml")
    assert chip.unpriced == ("plasticity",)
    assert all(chip.time(operation) for operation in (*GENERATION, *PROCESSING))


def test_its_tables_are_those_of_the_chips():
    assert chips_table() in TEXT
    assert keys_table() in TEXT
