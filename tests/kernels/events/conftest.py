"""What all tests of event kernels share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _no_warnings_of_numbers() -> Iterator[None]:
    """Compiled kernels divide by zero where the result is not used; NumPy would warn where they are not compiled."""
    with np.errstate(all="ignore"):
        yield
