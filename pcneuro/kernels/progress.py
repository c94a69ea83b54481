"""How far the compiling of kernels is, and the line on standard error that says so while something is compiled.

Nothing is shown for what is loaded from the cache. What is still to be compiled is weighed by the length of its code,
and that of all functions that it calls.
"""

from __future__ import annotations

import inspect
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from numba.core import event

PERIOD = 5.0
"""Seconds between lines where none can be written over."""
WRAPPING = 400
"""What each function takes beside its code, as if it were so many bytes of it longer."""
LAST_PASS = "native_lowering"
"""The pass of Numba's compiler that ends with machine code."""


class AbstractReport(ABC):
    """Shows what is being compiled."""

    @abstractmethod
    def show(self, share: float, name: str) -> None:
        """``share``, from 0 to 1, of what is known to be needed is compiled; ``name`` is being compiled."""

    @abstractmethod
    def pause(self, share: float) -> None:
        """Nothing is compiled now: others may write."""


class StandardError(AbstractReport):
    """One line that is written over on a terminal and in a notebook; plain lines elsewhere, at the begin at once."""

    def __init__(self) -> None:
        self.begun = self.last = 0.0
        self.length = 0
        """Characters of the line that stands there now."""

    def show(self, share: float, name: str) -> None:
        now = time.monotonic()
        first, self.begun = not self.begun, self.begun or now
        seconds = f" after {now - self.begun:.0f} s" if not first else ""
        text = f"compiling kernels, once on this machine: {100 * share:.0f} %{seconds}"
        if _rewrites():
            text = f"{text}, {name}"
            sys.stderr.write(f"\r{text:<{self.length}}")
            sys.stderr.flush()
            self.length = len(text)
        elif first or now - self.last >= PERIOD:
            self.last = now
            print(text, file=sys.stderr, flush=True)

    def pause(self, share: float) -> None:
        if self.length:
            sys.stderr.write(f"\r{'':<{self.length}}\r")
            sys.stderr.flush()
        elif share == 1.0:
            print(f"compiled kernels in {time.monotonic() - self.begun:.0f} s", file=sys.stderr, flush=True)
        self.length = 0
        if share == 1.0:
            self.begun = 0.0


def _rewrites() -> bool:
    """Whether a line on standard error can be written over: on a terminal, and by the streams of a Jupyter kernel."""
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")


def _called(function: Callable[..., Any]) -> Iterator[Any]:
    """What a plain function may call: what the names in its code stand for."""
    names = inspect.getclosurevars(function)
    yield from names.globals.values()
    yield from names.nonlocals.values()


def name_of(function: Any) -> str:
    """Module and name of a function, compiled or not."""
    plain = getattr(function, "py_func", function)
    return f"{plain.__module__}.{plain.__qualname__}"


@cache
def weights(function: Any) -> dict[str, float]:
    """Name -> weight, of a function and of all compiled functions that it calls."""
    weight_by_name: dict[str, float] = {}
    waiting = [function]
    while waiting:
        last = waiting.pop()
        plain = getattr(last, "py_func", last)
        if name_of(plain) not in weight_by_name:
            weight_by_name[name_of(plain)] = WRAPPING + len(plain.__code__.co_code)
            waiting += [each for each in _called(plain) if hasattr(each, "py_func")]
    return weight_by_name


@dataclass
class Compilation:
    """What this process has to compile, and what of it is done."""

    report: AbstractReport = field(default_factory=StandardError)
    lock: Any = field(default_factory=threading.RLock)
    expected: dict[tuple[str, str], Any] = field(default_factory=dict)
    """(kind, name) -> functions that are neither compiled nor loaded; None if they are. A kind is a type of numbers."""
    waiting: dict[str, float] = field(default_factory=dict)
    total: float = 0.0
    shown: bool = False

    def expect(self, kind: str, functions: Iterable[tuple[str, Any]]) -> None:
        """These functions, by name, will be needed for this kind of numbers."""
        with self.lock:
            for name, function in functions:
                if (kind, name) not in self.expected:
                    self.expected[kind, name] = function
                    if self.shown:
                        self._add(name, function)

    def asked(self, name: str, function: Any) -> None:
        """The same of a function that is needed now, expected or not."""
        with self.lock:
            if not any(key == name and waits is not None for (_, key), waits in self.expected.items()):
                self.expected.pop(("", name), None)
                self.expect("", [(name, function)])

    def _add(self, name: str, function: Any) -> None:
        outermost, *inner = weights(function).items()
        for key, weight in ((name, outermost[1]), *inner):
            if key not in self.waiting:
                self.waiting[key] = weight
                self.total += weight

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1."""
        return 1 - sum(self.waiting.values()) / self.total if self.total else 1.0

    def begins(self, name: str) -> None:
        """Something is compiled, which has a part in ``name``."""
        with self.lock:
            if not self.shown:
                self.shown = True
                for (_, key), function in self.expected.items():
                    if function is not None:
                        self._add(key, function)
            self.report.show(self.share, name)

    def done(self, name: str) -> None:
        """The function ``name`` is compiled."""
        with self.lock:
            self.waiting.pop(name, None)

    def ends(self, name: str, function: Any) -> None:
        """``name``, with all that it calls, is compiled or loaded."""
        with self.lock:
            kinds = [kind for (kind, key), waits in self.expected.items() if key == name and waits is not None]
            if kinds:
                self.expected[kinds[0], name] = None
            if not self.shown:
                return
            for key in (name, *weights(function)):
                self.done(key)
            if not self.waiting:
                self.shown, self.total = False, 0.0

    def restart(self) -> None:
        """Forget what is expected: what comes is counted by itself."""
        with self.lock:
            self.expected, self.waiting, self.total, self.shown = {}, {}, 0.0, False


compilation = Compilation()
_here = threading.local()
"""``name``: what Python asked for in this thread, and is compiled or loaded now."""


@contextmanager
def compiling(name: str, function: Any) -> Iterator[None]:
    """While it holds, ``function``, called ``name``, is compiled or loaded; what is compiled is shown."""
    if getattr(_here, "name", None) is not None:
        yield
        return
    _here.name, _here.shown = name, False
    compilation.asked(name, function)
    try:
        yield
    finally:
        shown, _here.name = _here.shown, None
        compilation.ends(name, function)
        if shown:
            compilation.report.pause(compilation.share)


class _Passes(event.Listener):
    """Hears of each pass of Numba's compiler: there is none where something is loaded."""

    def on_start(self, event: Any) -> None:
        name = getattr(_here, "name", None)
        if name is not None:
            _here.shown = True
            compilation.begins(name)

    def on_end(self, event: Any) -> None:
        if getattr(_here, "name", None) is not None and event.data["name"].startswith(LAST_PASS):
            compilation.done(f"{event.data['module']}.{event.data['qualname']}")


event.register("numba:run_pass", _Passes())
