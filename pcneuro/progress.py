"""Progress of a run, reported as Brian2 does, and Ctrl-C on the way."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pcneuro.errors import ParameterError

Report = str | Callable[[float, float, float, float], None] | None
"""None, ``"text"``, or a callable (elapsed seconds, share completed, start ms, duration ms)."""


def _clock(seconds: float) -> str:
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
        line = f"{_duration(completed * duration)} ({int(100 * completed)}%) simulated in {_clock(elapsed)}"
        if completed < 1.0:
            line += f", estimated {_clock((1 - completed) / completed * elapsed)} remaining."
    print(line, file=sys.stderr, flush=True)


def reporter(report: Report, period: float, start: float, duration: float) -> Callable[[float, float], None]:
    """A function (elapsed, completed) that reports at the start, at the end, and every ``period`` seconds between."""
    if report is None:
        return lambda elapsed, completed: None
    if isinstance(report, str):
        if report not in ("text", "stderr"):
            raise ParameterError(f"report={report!r}: choose None, 'text', or a callable")
        report = _text
    if not callable(report):
        raise ParameterError(f"report={report!r}: choose None, 'text', or a callable")
    if not period > 0:
        raise ParameterError(f"report_period={period!r}: give a positive number of seconds")
    show = report
    last = time.perf_counter()

    def tell(elapsed: float, completed: float) -> None:
        nonlocal last
        now = time.perf_counter()
        if completed in (0.0, 1.0) or now - last >= period:
            last = now
            show(elapsed, completed, start, duration)

    return tell


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """While it holds, Ctrl-C is noted in the list and raised no further; a second one is, as usual."""
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    previous = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    try:
        signal.signal(signal.SIGINT, note)
        yield noted
    finally:
        signal.signal(signal.SIGINT, previous if previous is not None else signal.SIG_DFL)
