"""Progress of a run, reported as Brian2 does, and Ctrl-C on the way."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pcneuro.errors import ParameterError, told
from pcneuro.kernels.progress import AbstractReport, compilation
from pcneuro.quantities import seconds

if TYPE_CHECKING:
    import rich.progress

Report = str | Callable[[float, float, float, float], None] | None
"""None, ``"text"``, or a callable (elapsed seconds, share completed, start ms, duration ms)."""


def clock(seconds: float) -> str:
    if seconds < 1:
        return "< 1s"
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "m"), (rest, "s")]
    while parts[0][0] == 0 and len(parts) > 1:
        parts.pop(0)
    return " ".join(f"{n}{unit}" for n, unit in parts)


def _duration(milliseconds: float) -> str:
    return f"{milliseconds / 1000:g} s" if milliseconds >= 1000 else f"{milliseconds:g} ms"


def _text(elapsed: float, completed: float, start: float, duration: float) -> None:
    if completed == 0.0:
        line = f"Starting simulation at t={_duration(start)} for a duration of {_duration(duration)}"
    else:
        line = f"{_duration(completed * duration)} ({int(100 * completed)}%) simulated in {clock(elapsed)}"
        if completed < 1.0:
            line += f", estimated {clock((1 - completed) / completed * elapsed)} remaining."
    print(line, file=sys.stderr, flush=True)


def reporter(report: Report, period: float, start: float, duration: float) -> Callable[..., None]:
    """A function (elapsed, completed) that reports at the start, at the end, and every ``period`` seconds between.

    A run that ends before its ``duration`` is complete then: the function takes the time that it took, in ms, too.
    """
    if report is None:
        return lambda elapsed, completed, took=None: None
    if isinstance(report, str):
        if report not in ("text", "stderr"):
            raise ParameterError(f"report is {told(report)}; choose None, 'text', or a callable")
        report = _text
    if not callable(report):
        raise ParameterError(f"report is {told(report)}; choose None, 'text', or a callable")
    period = seconds("report_period", period)
    show = report
    last = time.perf_counter()

    def report_at(elapsed: float, completed: float, took: float | None = None) -> None:
        nonlocal last
        now = time.perf_counter()
        if completed in (0.0, 1.0) or now - last >= period:
            last = now
            show(elapsed, completed, start, duration if took is None else took)

    return report_at


class _Noting:
    """Handler that notes the first Ctrl-C."""

    def __init__(self) -> None:
        self.noted: list[int] = []

    def __call__(self, number: int, frame: Any) -> None:
        if self.noted:
            raise KeyboardInterrupt
        self.noted.append(number)


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """While it holds, Ctrl-C is noted in the list and raised no further; a second one is, as usual.

    Within another one it is that one's list, so that what is done in pieces ends with the piece that is interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield []
        return
    previous = signal.getsignal(signal.SIGINT)
    if isinstance(previous, _Noting):
        yield previous.noted
        return
    handler = _Noting()
    try:
        signal.signal(signal.SIGINT, handler)
        yield handler.noted
    finally:
        signal.signal(signal.SIGINT, previous if previous is not None else signal.SIG_DFL)


QUIET = 2.0
"""Seconds before a bar is shown."""

TELLING = 0.01
"""Share that must be done before the time that is left is told: the first steps wait for kernels, and say little."""


class _InBar(AbstractReport):
    """Shows beside a bar what is being compiled, where a line of its own would be written into it."""

    def __init__(self, bar: rich.progress.Progress) -> None:
        self.bar = bar

    def show(self, share: float, name: str) -> None:
        self.bar.update(self.bar.task_ids[0], note=f"compiling kernels: {100 * share:.0f} %, {name}")

    def pause(self, share: float) -> None:
        self.bar.update(self.bar.task_ids[0], note="")


class _Nothing(AbstractReport):
    """Shows nothing of what is being compiled."""

    def show(self, share: float, name: str) -> None:
        return None

    def pause(self, share: float) -> None:
        return None


_silenced = ContextVar("_silenced", default=False)


@contextmanager
def silenced() -> Iterator[None]:
    """While it holds, no bar, no line in place of one, and nothing of compiling is shown, whoever asks for it."""
    token, before = _silenced.set(True), compilation.report
    compilation.report = _Nothing()
    try:
        yield
    finally:
        _silenced.reset(token)
        compilation.report = before


class Bar:
    """A bar with a note beside it on a terminal, plain lines elsewhere, on standard error. To be used as a context.

    Nothing is shown in the first two seconds (``patience``); lines come every ``period`` seconds, and nothing at all
    if ``quiet`` or ``silenced``.
    """

    def __init__(self, what: str, *, quiet: bool = False, period: float = 10.0, patience: float | None = None) -> None:
        self.what, self.quiet, self.period = what, quiet or _silenced.get(), period
        self.patience = QUIET if patience is None else patience
        self.bar: rich.progress.Progress | None = None
        self.compiling: AbstractReport = compilation.report
        self.begun = time.monotonic()
        self.last = -math.inf
        self.first: tuple[float, float] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()
            compilation.report = self.compiling

    def show(self, share: float, note: str = "") -> None:
        """Tell that so much is done, from 0 to 1."""
        now = time.monotonic()
        # What a resumed run finds done took no time of this one.
        if self.first is None:
            self.first = (now, share)
        if self.quiet or now - self.begun < self.patience:
            return
        if sys.stderr.isatty():
            self._draw(share, note)
        elif now - self.last >= self.period:
            self.last = now
            seconds, done = now - self.first[0], share - self.first[1]
            left = f", {clock((1 - share) / done * seconds)} left" if done >= TELLING else ""
            behind = f", {note}" if note else ""
            text = f"{self.what}: {100 * share:.0f} % after {clock(now - self.begun)}{left}{behind}"
            print(text, file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self.quiet:
            return
        if self.bar is not None:
            self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def _draw(self, share: float, note: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.table import Column

        if self.bar is None:
            # What is cut off where the terminal is narrow is the end of the note.
            rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
            text = TextColumn("{task.description}{task.fields[note]}", markup=False, table_column=rest)
            columns = (BarColumn(bar_width=12), TaskProgressColumn(), TimeRemainingColumn(), text)
            self.bar = Progress(*columns, console=Console(stderr=True, highlight=False), transient=True, expand=True)
            self.bar.start()
            self.bar.add_task("" if note else self.what, total=1.0, note=note)
            self.compiling, compilation.report = compilation.report, _InBar(self.bar)
        self.bar.update(self.bar.task_ids[0], completed=share, note=note)
