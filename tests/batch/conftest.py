"""What tests of batches share."""

import sys

import pytest


@pytest.fixture(autouse=True, scope="module")
def _who_computes_is_not_changed():
    """A batch on Dask leaves it to others who computes their arrays; so do clients that are closed in another order."""
    yield
    if "dask" in sys.modules:
        config = sys.modules["dask"].config
        config.set(scheduler=None)
