"""How functions are compiled: those that Python calls, those that only other kernels call, and those called by address.

Numba compiles more than is wanted: for each function a wrapper for C and one for Python, which take longer than a small
function itself, and a further version of it for every constant that some caller writes as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba
from numba import types
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature

from pcneuro.kernels.cache import refresh_once, save_in_turn, usable
from pcneuro.kernels.progress import compiling, name_of


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Decorator of functions that Python calls. ``options`` are further ones of ``numba.njit``."""
    return _decorated(function, {"cache": usable(), "nogil": True} | options)


def inner(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Decorator of functions that only other kernels call; Python gets a TypeError.

    ``options`` are further ones of ``numba.njit``.
    """
    return _decorated(function, {"cache": usable(), "no_cpython_wrapper": True} | options)


def _decorated(function: Callable[..., Any] | None, options: dict[str, Any]) -> Any:
    if function is None:
        return lambda function: _decorated(function, options)
    if numba.config.DISABLE_JIT:
        return function
    dispatcher = numba.njit(error_model="numpy", no_cfunc_wrapper=True, **options)(function)
    save_in_turn(dispatcher._cache)
    resolve, compile_for, name = dispatcher.get_call_template, dispatcher._compile_for_args, name_of(function)

    def without_constants(args: Sequence[types.Type], kws: dict[str, types.Type]) -> Any:
        return resolve([types.unliteral(t) for t in args], {name: types.unliteral(t) for name, t in kws.items()})

    def from_present_sources(*args: Any, **kws: Any) -> Any:
        refresh_once()
        with compiling(name, dispatcher):
            return compile_for(*args, **kws)

    def refused(*args: Any, **kws: Any) -> Any:
        raise TypeError(f"{name} is called by kernels only: call {function.__name__}.py_func, or make it a kernel")

    # Numba asks these two for what a kernel calls, and for what Python calls.
    dispatcher.get_call_template = without_constants
    dispatcher._compile_for_args = from_present_sources
    if options.get("no_cpython_wrapper"):
        # Nor may it find what has been compiled, and jump to a wrapper that is not there.
        dispatcher._insert = lambda *compiled, **kinds: None
        dispatcher._compile_for_args = refused
    return dispatcher


def callback(name: str, function: Callable[..., Any], signature: types.Type) -> CFunc:
    """Compile a function to be called by its address, or load it; it is called ``name`` to users."""
    refresh_once()
    made: Any = CFunc(function, normalize_signature(signature), locals={}, options={"error_model": "numpy"})
    if usable():
        made.enable_caching()
        save_in_turn(made._cache)
    with compiling(name, function):
        made.compile()
    return made
