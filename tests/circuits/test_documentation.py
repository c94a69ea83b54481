"""docs/circuits.md tells of every circuit, with a picture, and what it shows runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "circuits.md").read_text(encoding="utf-8")


def test_every_circuit_has_a_section_and_a_picture():
    circuits = sorted(path.stem for path in (ROOT / "circuits").glob("*.py"))
    headings = re.findall(r"^## (\S+)$", TEXT, flags=re.MULTILINE)
    pictures = re.findall(r"\]\((figures/circuits/(\S+)\.png)\)", TEXT)
    assert sorted(headings) == circuits
    assert [name for _, name in pictures] == headings
    assert all((ROOT / "docs" / path).is_file() for path, _ in pictures)


def test_its_examples_run(capsys):
    """One after the other, as a reader would try them."""
    names: dict = {}
    for example in re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL):
        exec(compile(example, "docs/circuits.md", "exec"), names)
    assert "relative error" in capsys.readouterr().out
    assert names["logits"].shape == (1, 18)
    # Causes explain what was seen better than none do, even before the weights are learned.
    images = names["images"].reshape(5, 64)
    assert np.square(names["imagined"] - images).sum() < np.square(images).sum()
    constants = names["sim"].parameters
    assert constants["gravity"] == pytest.approx(9.81, rel=0.01)
    assert constants["damping"] == pytest.approx(0.2, rel=0.1)
