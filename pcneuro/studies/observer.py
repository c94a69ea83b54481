"""Observers of a simulation: they are shown what is done and how far it is, and stop it on Ctrl-C."""

from __future__ import annotations

import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class AbstractObserver(ABC):
    """Watches a simulation.

    ``stopped`` is set by the first Ctrl-C or SIGTERM, and asked between runs and between batches.
    """

    stopped: bool = False

    @abstractmethod
    def say(self, text: str) -> None:
        """A line about what is being done."""

    @abstractmethod
    def progress(self, share: float, note: str = "") -> None:
        """How much is done, from 0 to 1, and a few words on it."""


class Silent(AbstractObserver):
    """Shows nothing."""

    def say(self, text: str) -> None:
        return None

    def progress(self, share: float, note: str = "") -> None:
        return None


class PartObserver(AbstractObserver):
    """Watches a part of what another observer watches: ``size`` of it, behind a share ``begin`` that is done."""

    def __init__(self, whole: AbstractObserver, begin: float, size: float) -> None:
        self.whole, self.begin, self.size = whole, begin, size

    @property
    def stopped(self) -> bool:  # type: ignore[override]
        return self.whole.stopped

    def say(self, text: str) -> None:
        self.whole.say(text)

    def progress(self, share: float, note: str = "") -> None:
        self.whole.progress(self.begin + share * self.size, note)


class _Noted:
    """Handler of Ctrl-C between the runs of a simulator, which has one of its own."""

    def __init__(self, observer: AbstractObserver) -> None:
        self.observer = observer

    def __call__(self, number: int, frame: Any) -> None:
        if self.observer.stopped:
            raise KeyboardInterrupt
        self.observer.stopped = True


def pass_on(observer: AbstractObserver) -> None:
    """Raise a Ctrl-C again that came just before a simulator, which is running by now, could note it."""
    if observer.stopped and not isinstance(signal.getsignal(signal.SIGINT), _Noted):
        signal.raise_signal(signal.SIGINT)


@contextmanager
def interruptible(observer: AbstractObserver) -> Iterator[None]:
    """While it holds, the first Ctrl-C or SIGTERM sets ``observer.stopped``; a second one is raised as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in previous:
            signal.signal(number, _Noted(observer))
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
