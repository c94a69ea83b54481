"""Wrong values for the arguments of what is asked of simulations, and of pictures."""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib
import numpy as np

import pcneuro as pcn
from pcneuro.export.spiking import Spiking
from tests.robustness.wrong_calls import Row, X, Y, circuit, simulator
from tests.robustness.wrong_in_simulators import RUN_ARRAYS
from tests.robustness.wrong_values import arrays, flags, mappings, names, numbers, objects, whole_numbers

matplotlib.use("Agg")


@cache
def result() -> Any:
    return pcn.backprop(circuit(), {"x": X}, {"out": Y})


@cache
def events() -> Any:
    """Recorded events as a run gives them: two in each population."""
    import xarray

    sizes = {"x.value": 3, "h.value": 4, "h.error": 4, "out.value": 2, "out.error": 2}
    columns = {"time": [1.0, 2.0], "sample": [0, 1], "population": [2, 4], "unit": [1, 0], "change": [0.5, -0.5]}
    return xarray.Dataset(
        {name: ("event", np.array(values)) for name, values in columns.items()}
        | {
            "population_name": ("population_index", list(sizes)),
            "population_size": ("population_index", list(sizes.values())),
            "population_recorded": ("population_index", [False, False, True, False, True]),
            "recorded_sample": ("kept", [0, 1]),
        }
    )


def waves(**changes: Any) -> Any:
    given = {"duration": 4.0, "inputs": {"x": X}, "targets": {"out": Y}} | changes
    made = pcn.wavefront(given.pop("simulator", None) or simulator(), **given)
    return made.shares, made.every, [row.arrival for row in made.rows]


def checked(**changes: Any) -> Any:
    """Against the reference; the run itself is by the compiled kernel."""
    given = {"duration": 2.0, "against": "reference", "inputs": {"x": X}, "targets": {"out": Y}} | changes
    made = pcn.check(given.pop("circuit", circuit()), **given)
    return made.against, made.tolerance


@cache
def front() -> pcn.Wavefront:
    return pcn.wavefront(simulator(), 4.0, inputs={"x": X}, targets={"out": Y})


def audited(**changes: Any) -> Any:
    made = pcn.audit(changes.pop("circuit", circuit()), **{"interventions": 1, "singles": 1} | changes)
    return made.dynamics, [row.reads for row in made.rows]


WRONG = np.ones((2, 9))
ROWS = [
    Row(
        "wavefront",
        "simulator",
        None,
        objects("Simulator", none=False, like=pcn.Simulator),
        lambda v: waves() if v is None else pcn.wavefront(v, 4.0),
        but=("none",),
    ),
    Row("wavefront", "duration", 4.0, numbers(4.0, low=0.0, above=True, time=True), lambda v: waves(duration=v)),
    Row("wavefront", "every", 2.0, numbers(2.0, low=0.0, above=True, time=True, none=True), lambda v: waves(every=v)),
    Row(
        "wavefront",
        "shares",
        [0.5, 0.25],
        [*objects("x", none=False), *names(none=True)],
        lambda v: waves(shares=v),
        said="share",
        but=("array",),
    ),
    Row(
        "wavefront",
        "shares",
        0.5,
        numbers(0.5, low=0.0, above=True, high=1.0),
        lambda v: waves(shares=[v]),
        said="share",
    ),
    Row("wavefront", "report", None, names(none=True), lambda v: waves(report=v), but=("a class",)),
    Row(
        "wavefront",
        "report_period",
        1.0,
        numbers(1.0, low=0.0, above=True, time=True),
        lambda v: waves(report=lambda *a: None, report_period=v),
        but=("infinite",),
    ),
    *(
        Row(
            "wavefront",
            what,
            RUN_ARRAYS[what][0],
            mappings(RUN_ARRAYS[what][0], WRONG, none=True),
            lambda v, w=what: waves(**{w: v}),
            said=what.removesuffix("s"),
        )
        for what in ("inputs", "targets", "clamp")
    ),
    Row("audit", "circuit", circuit(), objects("Circuit", none=False, like=pcn.Circuit), lambda v: audited(circuit=v)),
    Row("audit", "dynamics", None, objects("Strict", none=True, like=pcn.Strict), lambda v: audited(dynamics=v)),
    Row("audit", "inputs", {"x": X}, mappings({"x": X}, WRONG, none=True), lambda v: audited(inputs=v), said="input"),
    Row("audit", "interventions", 1, whole_numbers(1, 0, most=1000), lambda v: audited(interventions=v)),
    Row("audit", "singles", 1, whole_numbers(1, 0, most=1000), lambda v: audited(singles=v)),
    Row("audit", "seed", 1, whole_numbers(1, 0, most=2**32 - 1), lambda v: audited(seed=v)),
    Row("audit", "report", False, flags(False), lambda v: audited(report=v)),
    Row("check", "circuit", circuit(), objects("Circuit", none=False, like=pcn.Circuit), lambda v: checked(circuit=v)),
    Row("check", "duration", 2.0, numbers(2.0, low=0.0, time=True), lambda v: checked(duration=v)),
    Row("check", "against", "reference", names(), lambda v: checked(against=v), said="against|target"),
    Row("check", "dynamics", None, objects("Strict", none=True, like=pcn.Strict), lambda v: checked(dynamics=v)),
    Row("check", "integrator", None, objects("Euler", none=True, like=pcn.Euler), lambda v: checked(integrator=v)),
    Row("check", "dtype", np.float64, objects("f", none=True), lambda v: checked(dtype=v), but=("its name",)),
    Row("check", "record", [pcn.Record("h")], names(none=False), lambda v: checked(record=v), but=("dict",)),
    Row("check", "spiking", None, objects("Spiking", none=True, like=Spiking), lambda v: checked(spiking=v)),
    Row("check", "tolerance", 0.5, numbers(0.5, low=0.0, none=True), lambda v: checked(tolerance=v)),
    *(
        Row(
            "check",
            what,
            RUN_ARRAYS[what][0],
            mappings(RUN_ARRAYS[what][0], WRONG, none=True),
            lambda v, w=what: checked(**{w: v}),
            said=what.removesuffix("s"),
        )
        for what in ("inputs", "targets", "clamp")
    ),
    Row(
        "compare",
        "result",
        result(),
        [*objects("Result", none=False, like=pcn.Result), *arrays(X)[25:]],
        lambda v: pcn.compare(v, result()),
        said="compare",
    ),
    Row(
        "compare",
        "reference",
        result(),
        objects("Result", none=False, like=pcn.Result),
        lambda v: pcn.compare(result(), v),
        said="compare",
    ),
    Row(
        "events_per_unit",
        "events",
        events(),
        objects("Dataset", none=False),
        lambda v: pcn.events_per_unit(v, circuit()),
    ),
    Row(
        "events_per_unit",
        "circuit",
        circuit(),
        objects("Circuit", none=False, like=pcn.Circuit),
        lambda v: pcn.events_per_unit(events(), v),
    ),
    Row("events_per_neuron", "events", events(), objects("Dataset", none=False), pcn.events_per_neuron),
    Row(
        "events_per_neuron",
        "until",
        2.0,
        numbers(2.0, time=True, none=True),
        lambda v: pcn.events_per_neuron(events(), v),
        but=("infinite", "minus infinite"),
    ),
    Row("time_of_share", "events", events(), objects("Dataset", none=False), pcn.time_of_share),
    Row(
        "time_of_share",
        "share",
        0.5,
        numbers(0.5, low=0.0, above=True, high=1.0),
        lambda v: pcn.time_of_share(events(), v),
    ),
    Row("plot.raster", "events", events(), objects("Dataset", none=False), lambda v: drawn(pcn.plot.raster, v)),
    Row("plot.raster", "ax", None, objects("Axes", none=True), lambda v: drawn(pcn.plot.raster, events(), v)),
    Row("plot.raster", "sample", 1, whole_numbers(1, -2), lambda v: drawn(pcn.plot.raster, events(), sample=v)),
    Row(
        "plot.raster",
        "populations",
        ["h.error"],
        [*names(none=True), *objects("x", none=True)],
        lambda v: drawn(pcn.plot.raster, events(), populations=v),
        said="population",
    ),
    Row("plot.raster", "most", 3, whole_numbers(3, 1), lambda v: drawn(pcn.plot.raster, events(), most=v)),
    Row(
        "plot.wavefront",
        "report",
        front(),
        objects("Wavefront", none=False, like=pcn.Wavefront),
        lambda v: drawn(pcn.plot.wavefront, v),
        said="report|wavefront",
    ),
    Row("plot.wavefront", "ax", None, objects("Axes", none=True), lambda v: drawn(pcn.plot.wavefront, front(), v)),
]


def drawn(draw: Any, *arguments: Any, **settings: Any) -> None:
    from matplotlib import pyplot

    try:
        draw(*arguments, **settings)
    finally:
        pyplot.close("all")
