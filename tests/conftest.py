"""Settings of all tests."""

from __future__ import annotations

import os
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
