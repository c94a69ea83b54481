"""Wrong values for what changes with time: stimuli, currents, restarts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pcneuro as pcn
from tests.robustness.wrong_calls import Row, run, streamed
from tests.robustness.wrong_values import arrays, flags, names, numbers, objects

TIMES = np.array([[0.5, -0.25, 1.0], [0.125, 2.0, -1.0]])
CURRENT = np.array([[0.5, 0.25, 1.0, 2.0], [0.5, 0.75, 0.0, 1.0]])
"""Of both samples, into h."""


def timed(values: Any, dt: Any = 1.0, **more: Any) -> pcn.Result:
    """A run on values over time."""
    return run(inputs={"x": pcn.TimedArray(values, dt, **more)}, targets={"out": np.ones(2)})


def injected(vertex: Any = "h", current: Any = 0.5, **more: Any) -> pcn.Result:
    return run(perturb=[pcn.Inject(vertex, current, **more)])


def of_runs(target: str, run: Callable[..., Any]) -> list[Row]:
    inject = pcn.Inject("h", 0.5)
    return [
        Row(
            target,
            "perturb",
            [inject],
            [*names(none=False), *objects("Inject", none=False, like=pcn.Inject)],
            lambda v: run(perturb=v),
            but=("array", "list", "tuple", "dict", "set", "generator", "empty", "none"),
        ),
        Row(target, "perturb", inject, names(), lambda v: run(perturb=[v])),
        Row(target, "restarts", [1.0], names(none=False), lambda v: run(restarts=v), said="restart", but=("empty",)),
        Row(
            target,
            "restarts",
            1.0,
            numbers(1.0, low=0.0, time=True),
            lambda v: run(restarts=[v]),
            said="restart",
            but=("masked",),
        ),
    ]


ROWS = [
    Row("TimedArray", "values", TIMES, arrays(TIMES), timed, said="TimedArray|input", but=("labelled",)),
    Row("TimedArray", "dt", 1.0, numbers(1.0, low=0.0, above=True, time=True), lambda v: timed(TIMES, v)),
    Row("TimedArray", "periodic", False, flags(False), lambda v: timed(TIMES, periodic=v)),
    Row("Inject", "vertex", "h", names(), lambda v: injected(v)),
    Row("Inject", "current", CURRENT, arrays(CURRENT, samples=True, number=None), lambda v: injected(current=v)),
    Row("Inject", "current", 0.5, numbers(0.5), lambda v: injected(current=v), but=("array", "list", "tuple")),
    Row(
        "Inject", "start", 1.0, numbers(1.0, low=0.0, time=True, none=True), lambda v: injected(start=v), but=("none",)
    ),
    Row("Inject", "stop", 1.0, numbers(1.0, low=0.0, above=True, time=True, none=True), lambda v: injected(stop=v)),
    *of_runs("Simulator.run", run),
    *of_runs("Simulator.stream", streamed),
]
