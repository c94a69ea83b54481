"""What tests of data sets share."""

import os
from pathlib import Path

import pytest

import pcneuro.data
from pcneuro.errors import DataError

# Before any test changes the environment.
GIVEN = os.environ.get("PCNEURO_DATA")


@pytest.fixture(autouse=True)
def _no_folder(monkeypatch):
    """No test reads the data of whoever runs it, unless it asks for ``real``."""
    monkeypatch.delenv("PCNEURO_DATA", raising=False)


@pytest.fixture
def refused(tmp_path):
    """Load a data set from ``tmp_path``, which must fail; returns the one line."""

    def load(name, **choices):
        with pytest.raises(DataError) as caught:
            pcneuro.data.load(name, folder=tmp_path, **choices)
        text = str(caught.value)
        assert "\n" not in text
        return text

    return load


@pytest.fixture(scope="session")
def real():
    """The folder with the real data: PCNEURO_DATA, or ``shared/data`` beside the repository."""
    folder = Path(GIVEN) if GIVEN else Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: there is no folder {folder}, and PCNEURO_DATA names no other")
    return folder
