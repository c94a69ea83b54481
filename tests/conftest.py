"""Settings of all tests."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Examples are the same in every run, and the first may wait for kernels to be compiled.
settings.register_profile(
    "pcneuro",
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("pcneuro")


# Before any test changes the environment.
GIVEN = os.environ.get("PCNEURO_DATA")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is collected stays until the end, so that no search for garbage walks through it.

    Brian2 makes such a search before each of its runs.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Of a test that is ``halved`` every other combination of its parameters is for long runs only.

    Those with an even sum of positions stay: any values of all parameters but one are among them, together.
    """
    positions = {}
    for item in items:
        if item.get_closest_marker("halved"):
            total = 0
            for mark in item.iter_markers("parametrize"):
                names = mark.args[0]
                names = [n.strip() for n in names.split(",")] if isinstance(names, str) else names
                known = positions.setdefault((item.location[0], item.originalname, *names), {})
                total += known.setdefault(tuple(id(item.callspec.params[name]) for name in names), len(known))
            if total % 2:
                item.add_marker(pytest.mark.long)


@pytest.fixture(autouse=True)
def _no_folder(monkeypatch):
    """No test reads the data of whoever runs it, unless it asks for ``real``."""
    monkeypatch.delenv("PCNEURO_DATA", raising=False)


@pytest.fixture(scope="session")
def real():
    """The folder with the real data: PCNEURO_DATA, or ``shared/data`` beside the repository."""
    folder = Path(GIVEN) if GIVEN else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: there is no folder {folder}, and PCNEURO_DATA names no other")
    return folder


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    """Figures of one test are not there in the next: matplotlib warns where there are many."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
