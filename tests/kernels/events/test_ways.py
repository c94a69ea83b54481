"""The direct tests of this folder hold for kernels that check every index, and for those that are not compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = Path(__file__).parent


def run_tests(**environment):
    """All other tests of this folder, in another process."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", FOLDER, f"--ignore={__file__}"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout


def test_without_compilation():
    run_tests(NUMBA_DISABLE_JIT="1")


@pytest.mark.long
def test_with_checks_of_every_index(tmp_path):
    run_tests(NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=str(tmp_path), NUMBA_OPT="1")
