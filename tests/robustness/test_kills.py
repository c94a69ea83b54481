"""Kills at random moments: whatever was being written is there whole, or not at all, and nothing stays beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.robustness.killed_writer import WRITERS

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("killed_writer.py")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


def kill(writers: Sequence[str], folder: Path, kills: int, seed: int) -> None:
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(kills), str(seed), *writers],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) == len(writers)
    for line in lines:
        there, not_yet = map(int, line.split())
        assert there > 0
        assert there + not_yet >= kills


def test_what_is_killed_while_it_writes_leaves_a_whole_file(tmp_path):
    kill([*WRITERS], tmp_path, 6, 0)


@pytest.mark.long
@pytest.mark.parametrize("writer", WRITERS)
def test_however_often_it_is_killed(writer, tmp_path):
    kill([writer], tmp_path, 400, 1)
