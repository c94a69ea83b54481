"""The README's Python runs as it stands, and what its commands name is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_snippet_runs_and_reaches_backprop(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["result"].status == "completed"
    assert names["pcn"].compare(names["result"], names["reference"]).worst < 1e-9
    assert "x -> h1" in capsys.readouterr().out


def test_what_the_readme_names_exists():
    paths = re.findall(r"(?:simulations|docs|circuits|paper|conda)/[\w/]+\.\w+|\b\w+\.(?:md|cff|yml)\b", README)
    assert {"simulations", "docs"} <= {path.partition("/")[0] for path in paths}
    for path in paths:
        assert (ROOT / path).exists(), path
