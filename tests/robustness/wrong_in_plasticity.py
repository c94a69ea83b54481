"""Wrong values for rules of plasticity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pcneuro as pcn
from tests.robustness.wrong_calls import Row, graph, run, streamed
from tests.robustness.wrong_values import bank, flags, names, numbers, objects

BOUNDS = [
    *bank(True, list_=[-1.0, 1.0], array=np.array([-1.0, 1.0])),
    *bank(False, one=(1.0,), three=(0.0, 1.0, 2.0), turned=(1.0, -1.0), same=(1.0, 1.0), number=1.0, text="ab"),
    *bank(False, nan=(np.nan, 1.0), none_in_it=(None, 1.0), texts=("a", "b"), an_object=object(), dict_={}, true=True),
]
"""A pair, the least first."""


def built(rules: Any) -> Any:
    return dict(pcn.build_circuit(graph(), plasticity=rules).plasticity)


def of(make: Callable[..., Any], name: str, **settings: Any) -> list[Row]:
    """Rows of the settings that all rules have."""
    rows = []
    for argument, right, values in (
        ("tau", 10.0, numbers(10.0, low=0.0, above=True, time=True)),
        ("decay", 0.5, numbers(0.5, low=0.0)),
        ("bounds", (-1.0, 1.0), BOUNDS),
        ("every", 2.0, numbers(2.0, low=0.0, above=True, time=True, none=True)),
    ):
        if name != "LearnedVariance" or argument in ("tau", "every"):
            call = lambda v, argument=argument: make(**{"tau": 10.0, **settings, argument: v})  # noqa: E731
            rows.append(Row(name, argument, right, values, call, said=f"{argument} of {name}", but=("none",)))
    return rows


ROWS = [
    *of(pcn.Hebbian, "Hebbian"),
    *of(pcn.Oja, "Oja"),
    *of(pcn.Homeostasis, "Homeostasis", vertex="h", target=0.5),
    *of(pcn.LearnedFeedback, "LearnedFeedback", weights="W"),
    *of(pcn.LearnedVariance, "LearnedVariance"),
    *of(pcn.DeltaRule, "DeltaRule", vertex="h", target=0.5),
    Row(
        "LearnedVariance",
        "bounds",
        (0.5, 1.0),
        bank(False, zero=(0.0, 1.0), turned=(1.0, 0.5), number=1.0, text="ab", nan=(np.nan, 1.0)),
        lambda v: pcn.LearnedVariance(10.0, bounds=v),
    ),
    Row("Homeostasis", "target", 0.5, numbers(0.5), lambda v: pcn.Homeostasis("h", v, tau=10.0)),
    Row("Homeostasis", "vertex", "h", names(), lambda v: built({"W": pcn.Homeostasis(v, 0.5, tau=10.0)})),
    Row("DeltaRule", "target", 0.5, numbers(0.5), lambda v: pcn.DeltaRule("h", 10.0, v)),
    Row("DeltaRule", "vertex", "h", names(), lambda v: built({"W": pcn.DeltaRule(v, 10.0)})),
    Row("LearnedFeedback", "weights", "W", names(), lambda v: built({"W": pcn.LearnedFeedback(v, tau=10.0)})),
    Row(
        "build_circuit",
        "plasticity",
        {"W": pcn.Hebbian(10.0)},
        objects("Hebbian", none=True, like=pcn.Hebbian),
        built,
        but=("dict", "empty", "none"),
    ),
    Row("Simulator.run", "learn", True, flags(True), lambda v: run(learn=v)),
    Row("Simulator.stream", "learn", True, flags(True), lambda v: streamed(learn=v)),
]
