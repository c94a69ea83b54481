"""An empty folder to follow pages in."""

from __future__ import annotations

import sys

import pytest
from matplotlib import pyplot


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, from which Python files are imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(pyplot, "show", lambda: None)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
