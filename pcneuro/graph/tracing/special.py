"""The functions of scipy.special that are written in Python: they ask no protocol of NumPy's what a traced array is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pcneuro.graph.tracing import rules
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.graph.tracing.writing import current
from pcneuro.ops import special_functions
from pcneuro.ops.registry import stands_in
from pcneuro.ops.softmaxes import log_softmax, softmax


def _for_traced(name: str, function: Callable[..., Any]) -> None:
    """Have a function called in place of scipy.special's where an argument is traced."""

    def stand_in(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        args, kwargs = current(args), current(kwargs)
        traced = any(isinstance(part, TracedArray) for part in rules.flattened((args, kwargs)))
        return (function if traced else original)(*args, **kwargs)

    stands_in("scipy.special", name)(stand_in)


def _array_of(value: Any) -> Any:
    from numpy import stack

    return stack(value) if isinstance(value, list | tuple) else value


def _logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: Any = False, return_sign: Any = False) -> Any:
    return special_functions.logsumexp(_array_of(a), axis, b, keepdims, return_sign)


def _softmax(x: Any, axis: Any = None) -> Any:
    return special_functions.over_axes(softmax, _array_of(x), axis)


def _log_softmax(x: Any, axis: Any = None) -> Any:
    return special_functions.over_axes(log_softmax, _array_of(x), axis)


_for_traced("polygamma", special_functions.polygamma)
_for_traced("logsumexp", _logsumexp)
_for_traced("softmax", _softmax)
_for_traced("log_softmax", _log_softmax)
