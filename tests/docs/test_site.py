"""The site is made without a warning."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.docs.pages import DOCS, ROOT, pages


@pytest.mark.long
def test_the_site_is_made(tmp_path):
    """Without running tutorials, which `make docs` does, and `test_pages` cell by cell."""
    pytest.importorskip("myst_nb")
    site = tmp_path / "site"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "nb_execution_mode=off"]
    made = subprocess.run([*command, "-d", tmp_path / "doctrees", DOCS, site], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    for page in pages():
        assert (site / f"{page}.html").exists(), page
