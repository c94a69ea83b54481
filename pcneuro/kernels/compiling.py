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

from pcneuro.kernels.bitcode import without_machine_code
from pcneuro.kernels.cache import guard, refresh_once, usable
from pcneuro.kernels.progress import compiling, name_of

_OPTIONS: dict[str, Any] = {"error_model": "numpy"}


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Decorator of functions that Python calls. ``options`` are further ones of ``numba.njit``."""
    if function is None:
        return lambda function: kernel(function, **options)
    if numba.config.DISABLE_JIT:
        return function
    options = _OPTIONS | {"cache": usable()} | options
    dispatcher = numba.njit(no_cfunc_wrapper=True, nogil=True, **options)(function)
    guard(dispatcher._cache)
    compile_for, name = dispatcher._compile_for_args, name_of(function)

    def from_present_sources(*args: Any, **kws: Any) -> Any:
        refresh_once()
        with compiling(name, dispatcher):
            return compile_for(*args, **kws)

    # Numba asks the first for what Python calls, the others for what other kernels call.
    dispatcher._compile_for_args = from_present_sources
    contained = _contained(function, options)
    dispatcher.get_call_template, dispatcher.get_overload = contained.get_call_template, contained.get_overload
    return dispatcher


def inner(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Decorator of functions that only other kernels call; Python gets a TypeError.

    ``options`` are further ones of ``numba.njit``.
    """
    if function is None:
        return lambda function: inner(function, **options)
    if numba.config.DISABLE_JIT:
        return function
    dispatcher, name = _contained(function, _OPTIONS | {"cache": usable()} | options), name_of(function)

    def refused(*args: Any, **kws: Any) -> Any:
        raise TypeError(f"{name} is called by kernels only: call {function.__name__}.py_func, or make it a kernel")

    # Nor may Python find what has been compiled, and jump to a wrapper that is not there.
    dispatcher._insert = lambda *compiled, **kinds: None
    dispatcher._compile_for_args = refused
    return dispatcher


def _contained(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """The version of a function that other kernels contain."""
    dispatcher = without_machine_code(function, **options)
    guard(dispatcher._cache)
    resolve = dispatcher.get_call_template

    def without_constants(args: Sequence[types.Type], kws: dict[str, types.Type]) -> Any:
        return resolve([types.unliteral(t) for t in args], {name: types.unliteral(t) for name, t in kws.items()})

    dispatcher.get_call_template = without_constants
    return dispatcher


def callback(name: str, function: Callable[..., Any], signature: types.Type, *, kept: bool = True) -> CFunc:
    """Compile a function to be called by its address, or load it; it is called ``name`` to users.

    One that is not ``kept`` is in no cache, since no file holds its source.
    """
    refresh_once()
    made: Any = CFunc(function, normalize_signature(signature), locals={}, options={"error_model": "numpy"})
    if kept and usable():
        made.enable_caching()
        guard(made._cache)
    with compiling(name, function):
        made.compile()
    return made
