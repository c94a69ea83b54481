"""How a function here stands in for one of SciPy's, which asks no protocol what its arguments are."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.graph.tracing.complex import TracedComplex
from pcneuro.graph.tracing.writing import current
from pcneuro.ops.registry import AnyFunction, refuse, stands_in

_WITHOUT_MEANING = ("overwrite_a", "overwrite_b", "overwrite_x", "check_finite", "workers", "plan", "method")
"""Arguments that say how memory and processors are used, and what is checked."""


def is_traced(value: Any) -> bool:
    """Whether there is a traced array in it, be it real or complex."""
    return any(isinstance(part, TracedArray | TracedComplex) for part in rules.flattened(value))


def array_of(value: Any) -> Any:
    """A list of traced numbers or arrays as the array that SciPy makes of it; a tuple of a factor and a flag stays."""
    if not isinstance(value, list | tuple) or not is_traced(value):
        return value
    alike = len({getattr(part, "ndim", 0) for part in value}) == 1
    return np.array(value) if alike or isinstance(value, list) else value


def of_scipy(module: str) -> Callable[[AnyFunction], AnyFunction]:
    """Have the decorated function stand in for that of its name where an argument is traced; it has their names."""

    def register(function: AnyFunction) -> AnyFunction:
        name = function.__name__.lstrip("_")
        signature = inspect.signature(function)

        @functools.wraps(function)
        def make(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            args, kwargs = current(args), current(kwargs)
            if not is_traced([*args, *kwargs.values()]):
                return original(*args, **kwargs)
            args = tuple(map(array_of, args))
            kwargs = {k: array_of(x) for k, x in kwargs.items() if k not in _WITHOUT_MEANING}
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                raise refuse(
                    f"{module}.{name} with these arguments ({error})", "leave out what is not supported"
                ) from None
            return function(*args, **kwargs)

        stands_in(module, name)(make)
        return function

    return register
