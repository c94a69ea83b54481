"""All kernels compiled by several processes at once: Numba compiles one function at a time in a process."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from queue import Empty
from typing import Any

import numpy as np

import pcneuro as pcn
from pcneuro.engines.events.abstract_mode import AbstractMode
from pcneuro.engines.kernel.engine import KernelEngine
from pcneuro.engines.kernel.learning import CALLS
from pcneuro.engines.kernel.threads import available_threads
from pcneuro.kernels import dispatch
from pcneuro.kernels.progress import AbstractReport, compilation, weights

DTYPES: tuple[np.dtype, ...] = (np.dtype(np.float64), np.dtype(np.float32))
POLL = 0.2
"""Seconds between looks at how far the processes are."""


class AbstractPortion(ABC):
    """What one process compiles in one go, for one type of numbers."""

    dtype: np.dtype

    @property
    @abstractmethod
    def weight(self) -> float:
        """What it takes, in the units of ``kernels.progress``."""

    @abstractmethod
    def compile(self) -> None:
        """Compile it, or load it."""


@dataclass(frozen=True)
class OperatorKernels(AbstractPortion):
    """Operator kernels, by name."""

    dtype: np.dtype
    names: tuple[str, ...]

    @property
    def weight(self) -> float:
        bodies = 0.0
        callees: dict[str, float] = {}
        for name in self.names:
            first, *others = weights(dispatch.KERNELS[name]).items()
            bodies += first[1]
            callees |= dict(others)
        return bodies + sum(callees.values())

    def compile(self) -> None:
        code = np.array([[dispatch.opcode(name), 0] for name in self.names])
        dispatch.expect(self.dtype, [code])
        dispatch.table(self.dtype, code)


@dataclass(frozen=True)
class Loop(AbstractPortion):
    """What the kernel engine calls: a small circuit is run."""

    dtype: np.dtype

    @property
    def weight(self) -> float:
        return _weight(KernelEngine.calls)

    def compile(self) -> None:
        _run(pcn.Kernel(threads=1), self.dtype)


@dataclass(frozen=True)
class Learning(AbstractPortion):
    """What the kernel engine calls beside that while parameters change: a small circuit learns."""

    dtype: np.dtype

    @property
    def weight(self) -> float:
        return _weight(CALLS)

    def compile(self) -> None:
        _run(pcn.Kernel(threads=1), self.dtype, pcn.Hebbian(tau=10.0))


@dataclass(frozen=True)
class Events(AbstractPortion):
    """What the event-driven engine calls in its modes, which share most of it: a small circuit is run in each."""

    dtype: np.dtype
    modes: tuple[AbstractMode, ...] = (pcn.TimeBinned(), pcn.Exact())

    @property
    def weight(self) -> float:
        return _weight(function for mode in self.modes for function in mode.kernels)

    def compile(self) -> None:
        for mode in self.modes:
            _run(pcn.EventDriven(0.1, mode, threads=1), self.dtype)


def _weight(functions: Any) -> float:
    by_name: dict[str, float] = {}
    for function in functions:
        by_name |= weights(function)
    return sum(by_name.values())


def _run(engine: Any, dtype: np.dtype, plasticity: Any = None) -> None:
    """Run a small circuit, so that whatever an engine calls is compiled."""
    graph = pcn.trace(lambda x, W: x @ W, x=pcn.Input((2,)), W=pcn.Parameter(np.eye(2)))
    simulator = pcn.Simulator(pcn.build_circuit(graph, plasticity=plasticity), dtype=dtype, engine=engine)
    simulator.run(1.0, inputs={"x": [1.0, 2.0]}, targets={"out": [0.0, 0.0]}, record=[pcn.Record("out", "error")])


def portions() -> list[AbstractPortion]:
    """All there is to compile, what takes longest first; operator kernels in one by the file that they are in."""
    by_file: dict[str, list[str]] = defaultdict(list)
    for name, function in dispatch.KERNELS.items():
        if name not in dispatch.MADE:
            by_file[inspect.getfile(function)].append(name)
    every: list[AbstractPortion] = []
    for dtype in DTYPES:
        every += [
            Loop(dtype),
            Learning(dtype),
            Events(dtype),
            *(OperatorKernels(dtype, tuple(names)) for names in by_file.values()),
        ]
    # The loops run a circuit, whose operators should not be under way in another process at that time.
    return sorted(every, key=lambda p: (not isinstance(p, Events), not isinstance(p, Loop | Learning), -p.weight))


class _ToParent(AbstractReport):
    """Tells the process that started this one how far a portion is."""

    def __init__(self, messages: Any, number: int) -> None:
        self.messages, self.number = messages, number

    def show(self, share: float, name: str) -> None:
        self.messages.put((self.number, share, name))

    def pause(self, share: float) -> None:
        """The parent hears of the end of a portion otherwise."""


_messages: Any = None


def _begin(messages: Any) -> None:
    global _messages
    _messages = messages


def _compile(number: int, portion: AbstractPortion) -> None:
    compilation.restart()
    compilation.report = _ToParent(_messages, number)
    portion.compile()


def warm(show: Callable[[float, str], None]) -> None:
    """Compile all kernels for both dtypes, or find them compiled.

    ``show`` is told the share and what is compiled, once there is something to compile.
    """
    parts = portions()
    total = sum(part.weight for part in parts)
    shares = [0.0] * len(parts)
    context = get_context("spawn")
    messages = context.Queue()
    with ProcessPoolExecutor(available_threads(), context, _begin, (messages,)) as pool:
        compiling = False
        running: dict[Future[None], int] = {pool.submit(_compile, k, part): k for k, part in enumerate(parts)}
        try:
            while running:
                name = _received(messages, shares)
                for future in [each for each in running if each.done()]:
                    future.result()
                    shares[running.pop(future)] = 1.0
                compiling = compiling or bool(name)
                if compiling:
                    show(sum(s * p.weight for s, p in zip(shares, parts, strict=True)) / total, name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _received(messages: Any, shares: list[float]) -> str:
    """Take what processes have told since the last look; returns the name of what is compiled."""
    name = ""
    try:
        while True:
            number, share, name = messages.get(timeout=POLL)
            shares[number] = max(shares[number], share)
            if messages.empty():
                return name
    except Empty:
        return name
