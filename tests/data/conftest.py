"""What tests of data sets share."""

import pytest

import pcneuro.data
from pcneuro.errors import DataError


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
