"""Hypothesis tests that look at few examples in every run of the suite, and at many in a long one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

FEW, MANY = 60, 300
"""Examples of a test in every run of the suite, and in a long one."""


def explored(*strategies: Any) -> Callable[[Callable[..., None]], Callable[[int], None]]:
    """Run the decorated test with examples of strategies, one for each of its arguments."""

    def decorate(test: Callable[..., None]) -> Callable[[int], None]:
        @pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
        def run(count: int) -> None:
            settings(max_examples=count)(given(*strategies)(test))()

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate
