"""docs/mapping.md: its examples run, one after the other, and its tables are those of the chips."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib

from pcneuro.mapping import chips_table, keys_table

matplotlib.use("Agg")
TEXT = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text(encoding="utf-8")


def test_its_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for example in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL):
        exec(compile(example, "docs/mapping.md", "exec"), names)
    assert "packets between cores" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"mapping.nc", "tables", "report.html"}
    assert names["errors"] == sorted(names["errors"])
    lowest = [low for low, _ in names["energies"]]
    assert lowest == sorted(lowest, reverse=True)


def test_its_tables_are_those_of_the_chips():
    assert chips_table() in TEXT
    assert keys_table() in TEXT
