"""NumPy's functions that ask what an array is, and look at no value: of traced arrays they need the shape only."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.graph.tracing.array import TracedArray
from pcneuro.graph.tracing.complex import TracedComplex
from pcneuro.ops.registry import HANDLERS, answers, refuse

for _function in (np.tril_indices_from, np.triu_indices_from, np.diag_indices_from):
    HANDLERS[_function] = lambda arr, *args, _function=_function, **kwargs: _function(
        np.broadcast_to(0.0, arr.shape), *args, **kwargs
    )


@answers(np.einsum_path)
def _einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: Any = False) -> Any:
    plain = [np.broadcast_to(0.0, x.shape) if isinstance(x, TracedArray) else x for x in operands]
    return np.einsum_path(*plain, optimize=optimize, einsum_call=einsum_call)


def _type(value: Any) -> Any:
    return value.dtype if isinstance(value, TracedArray | TracedComplex) else value


@answers(np.result_type)
def _result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*map(_type, arrays_and_dtypes))


@answers(np.can_cast)
def _can_cast(from_: Any, to: Any, casting: Any = "safe") -> Any:
    return np.can_cast(_type(from_), _type(to), casting)


@answers(np.common_type)
def _common_type(*arrays: Any) -> Any:
    return np.common_type(*(np.zeros((), x.dtype) if isinstance(x, TracedArray) else x for x in arrays))


@answers(np.min_scalar_type)
def _min_scalar_type(a: Any, /) -> Any:
    return a.dtype


@answers(np.shares_memory, np.may_share_memory)
def _shares_memory(a: Any, b: Any, /, max_work: Any = None) -> bool:
    """Nothing writes to a traced array: whether two share memory makes no difference."""
    return a is b


@answers(np.iscomplexobj)
def _iscomplexobj(x: Any) -> bool:
    return bool(x.dtype.kind == "c")


@answers(np.isrealobj)
def _isrealobj(x: Any) -> bool:
    return bool(x.dtype.kind != "c")


@answers(np.isreal)
def _isreal(x: Any) -> Any:
    return np.ones(x.shape, dtype=bool)


@answers(np.iscomplex)
def _iscomplex(x: Any) -> Any:
    return np.zeros(x.shape, dtype=bool)


@answers(np.real_if_close)
def _real_if_close(a: Any, tol: Any = 100) -> Any:
    return a


@answers(np.array_equal)
def _array_equal(a1: Any, a2: Any, equal_nan: Any = False) -> bool:
    if np.shape(a1) != np.shape(a2):
        return False
    return _refuse_decision("np.array_equal")


@answers(np.allclose)
def _allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: Any = False) -> bool:
    return _refuse_decision("np.allclose")


@answers(np.array_equiv)
def _array_equiv(a1: Any, a2: Any) -> bool:
    try:
        np.broadcast_shapes(np.shape(a1), np.shape(a2))
    except ValueError:
        return False
    return _refuse_decision("np.array_equiv")


def _refuse_decision(name: str) -> bool:
    raise refuse(f"{name}, a decision on traced values,", "compare shapes, or constants outside of the function")


@answers(np.array_repr)
def _array_repr(arr: Any, *args: Any, **kwargs: Any) -> str:
    return repr(arr)


@answers(np.array_str, np.array2string)
def _array_str(a: Any, *args: Any, **kwargs: Any) -> str:
    return str(a)
