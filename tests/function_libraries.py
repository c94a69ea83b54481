"""Libraries of the functions that users trace: NumPy with ``pcn.ops``, and the same written out for HIPS autograd."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import autograd.numpy as anp
import numpy as np

import pcneuro as pcn

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

WRITTEN_OUT: dict[str, Callable[..., Any]] = {}
"""What autograd's NumPy lacks, by name; filled by ``written_out``."""

OPERATOR_TESTS = Path(__file__).parent / "ops"


def written_out(function: AnyFunction) -> AnyFunction:
    """Make a function, in terms of autograd's NumPy, that which ``Autograd`` has under its name.

    It stands in the test of the operator's file. Raises ValueError for a name that is taken.
    """
    there = WRITTEN_OUT.setdefault(function.__name__, function)
    if there.__code__ != function.__code__:
        raise ValueError(f"two functions called {function.__name__!r} are written out for autograd")
    return function


@functools.cache
def _read_operator_tests() -> None:
    """Import the tests of operators, in which functions are written out."""
    for path in sorted(OPERATOR_TESTS.glob("test_*.py")):
        importlib.import_module(f"tests.ops.{path.stem}")


class Ours:
    """NumPy, with the functions of ``pcn.ops`` beside it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(pcn.ops if name in pcn.ops.__all__ else np, name)


class Autograd:
    """The same functions by HIPS autograd; what it lacks is written out in the tests of operators."""

    def __getattr__(self, name: str) -> Any:
        _read_operator_tests()
        return WRITTEN_OUT[name] if name in WRITTEN_OUT else getattr(anp, name)


OURS, AUTOGRAD = Ours(), Autograd()
