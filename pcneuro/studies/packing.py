"""Runs of a simulation file side by side: those that differ in data only are samples of one simulation."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

from pcneuro.engines import RunData
from pcneuro.errors import PcneuroError
from pcneuro.simulator.packing import Packed, PlannedCall
from pcneuro.simulator.result import Result
from pcneuro.studies.task import REPORT_SECONDS, AbstractTask, Job

Prepared = tuple[AbstractTask, Callable[[], Job]]
"""A task, and what makes a job for it, as often as it is asked to: each the same."""


class _Noted(BaseException):
    """A task has come to its simulation. No error: nothing but what is in this module sees it."""

    def __init__(self, call: PlannedCall) -> None:
        self.call = call


def _note(call: PlannedCall, report: Callable[..., None]) -> Result:
    raise _Noted(call)


@final
@dataclass
class _Once:
    """Answers the simulation of a task with the result that it has side by side."""

    packed: Packed
    number: int
    taken: bool = False

    def __call__(self, call: PlannedCall, report: Callable[..., None]) -> Result:
        assert not self.taken, "a task that packs simulates once"
        self.taken = True
        return self.packed.result(self.number, call.simulator, report, REPORT_SECONDS)


def packed_jobs(prepared: Sequence[Prepared | None], stopped: Callable[[], bool]) -> Iterator[Callable[[], Job] | None]:
    """For each run what makes its job: with its simulation done, side by side with others, where that can be.

    Runs that would be otherwise by a single bit are left alone; what is None stays so. Raises KeyboardInterrupt where
    ``stopped`` becomes true.
    """
    groups: dict[Hashable, list[tuple[int, PlannedCall, RunData]]] = {}
    for number, each in enumerate(prepared):
        noted = None if each is None or not each[0].packs else _call_of(*each)
        if noted is not None:
            key, call, data = noted
            groups.setdefault(key, []).append((number, call, data))
    done: dict[int, _Once] = {}
    for group in groups.values():
        packed = _stepped(group, stopped) if len(group) > 1 else None
        if packed is not None:
            done |= {number: _Once(packed, k) for k, (number, _, _) in enumerate(group)}
    for number, each in enumerate(prepared):
        if each is None or number not in done:
            yield None if each is None else each[1]
        else:
            yield _with(each[1], done.pop(number))


def _with(make: Callable[[], Job], once: _Once) -> Callable[[], Job]:
    return lambda: replace(make(), simulated=once)


def _call_of(task: AbstractTask, make: Callable[[], Job]) -> tuple[Hashable, PlannedCall, RunData] | None:
    """The simulation that a task comes to, if it can be done beside others, and how these have to be."""
    try:
        task.perform(replace(make(), simulated=_note))
    except _Noted as noted:
        try:
            data = noted.call.run_data
            key = noted.call.key(data)
        except PcneuroError:
            return None  # it is told of where the run is done
        return None if key is None else (key, noted.call, data)
    except Exception:
        pass  # as here
    return None


def _stepped(group: Sequence[tuple[int, PlannedCall, RunData]], stopped: Callable[[], bool]) -> Packed | None:
    def go_on() -> None:
        if stopped():
            raise KeyboardInterrupt

    try:
        return Packed.of([call for _, call, _ in group], [data for _, _, data in group], go_on)
    except Exception:
        return None  # as here, of each run by itself
