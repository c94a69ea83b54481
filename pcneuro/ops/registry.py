"""What operators' files register: functions for users, and what NumPy's functions do to traced arrays.

A file of this folder that decorates a function with ``public`` adds it to ``pcneuro.ops``; with ``answers(np.sum)`` it
says what that function of NumPy is in its operators. Nothing else has to know of either.
"""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import numpy as np

from pcneuro.errors import TraceError

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

PUBLIC: dict[str, Callable[..., Any]] = {}
"""Name in ``pcneuro.ops`` -> function of traced and plain arrays; filled by ``public``."""

HANDLERS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy function -> what it does to traced arrays; filled by ``answers``."""

_PACKAGE = Path(__file__).parents[1]
_OWN = (str(_PACKAGE) + os.sep, str(Path(np.__file__).parent) + os.sep, "<frozen ")
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


def where() -> str:
    """File, line and text of the user's line at work: the innermost one in no library; empty outside of a trace."""
    innermost = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (frame.f_code.co_filename, frame.f_code.co_name) != _TRACE:
        path = frame.f_code.co_filename
        if not path.startswith(_OWN):
            # A function that is traced may itself come from a library: then the line in it, not in what it calls.
            innermost = frame
            if not path.startswith(_LIBRARIES):
                break
        frame = frame.f_back
    if innermost is None:
        return ""
    path, line = innermost.f_code.co_filename, innermost.f_lineno
    text = linecache.getline(path, line).strip()
    return f"{Path(path).name}:{line}{': ' + text if text else ''}"


def at_line() -> str:
    """The user's line in parentheses, for the end of a message."""
    line = where()
    return f" ({line})" if line else ""


def refuse(what: str, instead: str) -> TraceError:
    """The error for an operation that cannot be traced: its name, the line, and what to write instead."""
    return TraceError(f"{what} cannot be traced{at_line()}: {instead}")
