"""What operators' files register: functions for users, and what NumPy's functions do to traced arrays.

A file of this folder that decorates a function with ``public`` adds it to ``pcneuro.ops``; with ``answers(np.sum)`` it
says what that function of NumPy is in its operators. Nothing else has to know of either.
"""

from __future__ import annotations

import inspect
import itertools
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
from pcneuro.ops.advice import called_at, of_library, variables

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
_OF_CYTHON = (".pyx", ".pxd", ".pxi", "<stringsource>")
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


def _is_users(path: str) -> bool:
    return not path.startswith(_OWN) and not path.endswith(_OF_CYTHON)


def _innermost() -> FrameType | None:
    """The frame of the user's line at work."""
    innermost = None
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and (frame.f_code.co_filename, frame.f_code.co_name) != _TRACE:
        path = frame.f_code.co_filename
        if _is_users(path):
            # A function that is traced may itself come from a library: then the line in it, not in what it calls.
            innermost = frame
            if not path.startswith(_LIBRARIES):
                break
        frame = frame.f_back
    return innermost


def where() -> str:
    """File, line and text of the user's line at work: the innermost one in no library; empty outside of a trace."""
    innermost = _innermost()
    return "" if innermost is None else _line(innermost.f_code.co_filename, innermost.f_lineno)


def _line(path: str, line: int) -> str:
    text = linecache.getline(path, line).strip()
    return f"{Path(path).name}:{line}{': ' + text if text else ''}"


def at_line() -> str:
    """The user's line in parentheses, for the end of a message."""
    innermost = _innermost()
    return "" if innermost is None else f" ({_line(innermost.f_code.co_filename, innermost.f_lineno)})"


def _public_name(frame: FrameType) -> tuple[str, bool]:
    """Name of a library's function as its users write it, such as scipy.special.softmax, and whether they do."""
    code, function = frame.f_code, frame.f_code.co_name
    owner = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    kind = owner if isinstance(owner, type) else type(owner)
    parts = str(frame.f_globals.get("__name__", "")).split(".")
    method = kind.__module__.partition(".")[0] == parts[0]
    names = [kind.__name__] if function.startswith("__") else [function, f"{kind.__name__}.{function}"][: 1 + method]
    modules = [".".join(parts[: n + 1]) for n in range(len(parts))]
    # Users have it from the first module that has the name; the others are where it stands in the library.
    for name in names:
        for module in modules:
            if hasattr(sys.modules.get(module), name.partition(".")[0]):
                shown = f"{module}.{name}"
                return shown.replace("numpy.", "np.", 1), "._" not in shown
    public = ".".join(itertools.takewhile(lambda part: not part.startswith("_"), parts))
    return f"{public}.{names[-1]}".replace("numpy.", "np.", 1), False


def _by_library(frames: Sequence[FrameType]) -> tuple[str, str]:
    """Of functions of a library, the outermost first: the name of the one that users know, and what to write instead.

    Decorators of libraries stand before what they decorate.
    """
    frames = [f for f in frames if not f.f_code.co_filename.startswith((_PACKAGE_PREFIX, _OPERATORS))]
    names = [_public_name(frame) for frame in frames]
    inside = next((name for name, public in names if public), names[0][0] if names else "")
    return inside, next(filter(None, (of_library(str(f.f_globals.get("__name__"))) for f in frames)), "")


def _between(innermost: FrameType | None) -> list[FrameType]:
    """The frames that the user's line has called, the outermost first."""
    frames = []
    frame: FrameType | None = sys._getframe(2)
    while innermost is not None and frame is not None and frame is not innermost:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


def refuse(what: str, instead: str) -> TraceError:
    """The error for an operation that cannot be traced: its name, the line, and what to write instead.

    Where the user's line has called a function of a library, which did it, that one is named.
    """
    inside, known = _by_library(_between(_innermost()))
    return _refusal(f"{what} inside {inside}" if inside else what, known or instead)


def refuse_question(what: str, instead: str) -> TraceError:
    """The same for what is asked by Python, or by compiled functions that know nothing of traced arrays.

    Where the user's line has called one of these, that one is named.
    """
    innermost = _innermost()
    inside, known = _by_library(_between(innermost))
    if inside:
        return _refusal(f"{what} inside {inside}", known or instead)
    called = None if innermost is None else called_at(innermost.f_code, innermost.f_lasti, variables(innermost))
    if called is None or not called.instead:
        return _refusal(what, instead)
    return _refusal(f"{what} by {called.text}", called.instead)


def _refusal(what: str, instead: str) -> TraceError:
    error = TraceError(f"{what} cannot be traced{at_line()}: {instead}")
    refusals = _refusals.get()
    if refusals is not None:
        refusals.append(error)
    return error


def refuse_error(error: Exception) -> TraceError:
    """The error for one that a traced function raises, and that it does not raise on plain arrays."""
    steps = []
    step = error.__traceback__
    while step is not None:
        steps.append(step)
        step = step.tb_next
    users = [
        n
        for n, each in enumerate(steps)
        if _is_users(each.tb_frame.f_code.co_filename) and not each.tb_frame.f_code.co_filename.startswith(_LIBRARIES)
    ]
    said = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
    raised = f"on traced arrays, and not on plain ones, it raises {said}"
    if not users:
        return TraceError(f"the function cannot be traced: {raised}")
    last = steps[users[-1]]
    frame = last.tb_frame
    inside, known = _by_library([each.tb_frame for each in steps[users[-1] + 1 :]])
    called = None if inside else called_at(frame.f_code, last.tb_lasti, variables(frame))
    what, instead = (inside, known) if called is None else (called.text, called.instead)
    line = _line(frame.f_code.co_filename, last.tb_lineno)
    return TraceError(f"{what or 'this line'} cannot be traced ({line}): {raised}; {instead or _ELSEWHERE}")


_ELSEWHERE = "keep to functions of numpy and pcn.ops, or make a pcn.operator of it"


def answered(shown: str, handler: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What a handler makes of the arguments of a function of NumPy. Raises TraceError where it has no such ones."""
    try:
        inspect.signature(handler).bind(*args, **kwargs)
    except TypeError as error:
        raise refuse(f"{shown} with these arguments ({error})", "leave out what is not supported") from None
    return handler(*args, **kwargs)
