"""What operators' files register: functions for users, and what NumPy's functions do to traced arrays.

A file of this folder that decorates a function with ``public`` adds it to ``pcneuro.ops``; with ``answers(np.sum)`` it
says what that function of NumPy is in its operators. Nothing else has to know of either.
"""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import numpy as np
from numpy.lib import mixins

from pcneuro.errors import TraceError

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

PUBLIC: dict[str, Callable[..., Any]] = {}
"""Name in ``pcneuro.ops`` -> function of traced and plain arrays; filled by ``public``."""

HANDLERS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy function -> what it does to traced arrays; filled by ``answers``."""

UFUNC_METHODS: dict[str, Callable[..., Any]] = {}
"""Method of ufuncs -> what it does to traced arrays, called with the ufunc in front; filled by ``answers_method``."""

UFUNCS: dict[tuple[str, str], Callable[..., Any]] = {}
"""Module and name there of a ufunc -> what it does to traced arrays; filled by ``answers_ufunc``."""

STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {}
"""Module and name there -> what is called instead while a function is traced; filled by ``stands_in``."""

_PACKAGE = Path(__file__).parents[1]
_PACKAGE_PREFIX = str(_PACKAGE) + os.sep
_OWN = (_PACKAGE_PREFIX, str(Path(np.__file__).parent) + os.sep, "<frozen ")
_OPERATORS = str(Path(mixins.__file__))
"""Python's operators on arrays, which NumPy writes as functions of its own."""
_LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib", "platlib")})
_TRACE = (str(_PACKAGE / "graph" / "trace.py"), "trace")


def public(function: AnyFunction) -> AnyFunction:
    """Make a function one of ``pcneuro.ops``, under its own name. Raises ValueError for a name that is taken."""
    if PUBLIC.setdefault(function.__name__, function) is not function:
        raise ValueError(f"two functions of pcneuro.ops are called {function.__name__!r}")
    return function


def answers(*functions: Callable[..., Any]) -> Callable[[AnyFunction], AnyFunction]:
    """Register the decorated function as the traced form of NumPy functions; it has their parameters' names."""

    def register(handler: AnyFunction) -> AnyFunction:
        HANDLERS.update(dict.fromkeys(functions, handler))
        return handler

    return register


def answers_ufunc(module: str, name: str) -> Callable[[AnyFunction], AnyFunction]:
    """Register the decorated function as the traced form of a ufunc of a module that is not imported for it."""

    def register(handler: AnyFunction) -> AnyFunction:
        UFUNCS[module, name] = handler
        return handler

    return register


def handler_of(ufunc: np.ufunc) -> Callable[..., Any] | None:
    """The traced form of a ufunc, if it has one of its own."""
    if ufunc in HANDLERS:
        return HANDLERS[ufunc]
    for (module, name), handler in UFUNCS.items():
        if name == ufunc.__name__ and getattr(sys.modules.get(module), name, None) is ufunc:
            return handler
    return None


def answers_method(name: str) -> Callable[[AnyFunction], AnyFunction]:
    """Register the decorated function as the traced form of a method of all ufuncs."""

    def register(handler: AnyFunction) -> AnyFunction:
        UFUNC_METHODS[name] = handler
        return handler

    return register


def stands_in(module: str, name: str) -> Callable[[AnyFunction], AnyFunction]:
    """Register the decorated function for one that does not ask NumPy's protocols, while a function is traced.

    It is called with the original function in front of the arguments, traced or not.
    """

    def register(function: AnyFunction) -> AnyFunction:
        STAND_INS[module, name] = function
        return function

    return register


SETTING_ASIDE: ContextVar[Callable[[bool], None] | None] = ContextVar("SETTING_ASIDE", default=None)
"""While a function is traced: puts what stands in for NumPy's functions in their places (True), or these (False)."""


@contextmanager
def without_stand_ins() -> Iterator[None]:
    """Have NumPy's own functions in their places, for what is not traced, and for Numba's compiler."""
    put = SETTING_ASIDE.get()
    if put is None:
        yield
        return
    put(False)
    token = SETTING_ASIDE.set(None)
    try:
        yield
    finally:
        SETTING_ASIDE.reset(token)
        put(True)


_refusals: ContextVar[list[TraceError] | None] = ContextVar("_refusals", default=None)


@contextmanager
def noting_refusals() -> Iterator[list[TraceError]]:
    """The refusals that are made in this context, those, too, that the traced function itself catches."""
    refusals: list[TraceError] = []
    token = _refusals.set(refusals)
    try:
        yield refusals
    finally:
        _refusals.reset(token)


def _frames() -> tuple[FrameType | None, FrameType | None]:
    """The frame of the user's line at work, and that of the function of a library that it has called."""
    innermost = called = None
    frame: FrameType | None = sys._getframe(2)
    below: FrameType | None = None
    while frame is not None and (frame.f_code.co_filename, frame.f_code.co_name) != _TRACE:
        path = frame.f_code.co_filename
        if not path.startswith(_OWN):
            # A function that is traced may itself come from a library: then the line in it, not in what it calls.
            innermost, called = frame, below
            if not path.startswith(_LIBRARIES):
                break
        if not path.startswith((_PACKAGE_PREFIX, _OPERATORS)):
            below = frame
        frame = frame.f_back
    return innermost, called


def where() -> str:
    """File, line and text of the user's line at work: the innermost one in no library; empty outside of a trace."""
    innermost, _ = _frames()
    if innermost is None:
        return ""
    path, line = innermost.f_code.co_filename, innermost.f_lineno
    text = linecache.getline(path, line).strip()
    return f"{Path(path).name}:{line}{': ' + text if text else ''}"


def at_line() -> str:
    """The user's line in parentheses, for the end of a message."""
    line = where()
    return f" ({line})" if line else ""


def _public_name(frame: FrameType) -> str:
    """Name of a library's function as its users write it, such as scipy.special.softmax."""
    function = frame.f_code.co_name
    owner = frame.f_locals.get("self")
    if function.startswith("__") and owner is not None:
        function = type(owner).__name__
    parts = str(frame.f_globals.get("__name__", "")).split(".")
    modules = (".".join(parts[: n + 1]) for n in range(len(parts)))
    # Users have it from the first module that has the name; the others are where it stands in the library.
    module = next((name for name in modules if hasattr(sys.modules.get(name), function)), ".".join(parts))
    return f"{module}.{function}".replace("numpy.", "np.", 1)


def refuse(what: str, instead: str) -> TraceError:
    """The error for an operation that cannot be traced: its name, the line, and what to write instead.

    Where the user's line has called a function of a library, which did it, that one is named.
    """
    _, called = _frames()
    inside = "" if called is None else f" inside {_public_name(called)}"
    error = TraceError(f"{what}{inside} cannot be traced{at_line()}: {instead}")
    refusals = _refusals.get()
    if refusals is not None:
        refusals.append(error)
    return error


def answered(shown: str, handler: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What a handler makes of the arguments of a function of NumPy. Raises TraceError where it has no such ones."""
    try:
        inspect.signature(handler).bind(*args, **kwargs)
    except TypeError as error:
        raise refuse(f"{shown} with these arguments ({error})", "leave out what is not supported") from None
    return handler(*args, **kwargs)
