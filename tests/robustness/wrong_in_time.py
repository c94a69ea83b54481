"""Wrong values for noise, cycles, error neurons that integrate, perturbations and protocols."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import xarray

import pcneuro as pcn
from tests.robustness.wrong_calls import Row, V, W, graph, run, simulator
from tests.robustness.wrong_values import arrays, bank, flags, mappings, names, numbers, objects, whole_numbers

ROW = {"duration": 20.0, "delay": 0.0, "x": 0.5}
SIGMAS = np.array([0.5, 0.25, 1.0, 2.0])
"""Of the four units of h."""
LISTED = "list", "tuple", "array"


def noisy(noise: Any) -> Any:
    return simulator(pcn.build_circuit(graph(), noise=noise), dynamics=pcn.Strict()).run(2.0, inputs={"x": np.ones(3)})


def perturbed(perturbation: Any) -> pcn.Result:
    return run(perturb=[perturbation])


def recurrent(vertex: Any = "h", shape: Any = (4,), **more: Any) -> pcn.Circuit:
    leaf = pcn.Recurrent(vertex, shape, **more)
    traced = pcn.trace(lambda x, before: pcn.vertex(np.tanh(x + before), "h"), x=pcn.Input((4,)), before=leaf)
    return pcn.build_circuit(traced)


ONES = np.ones(3)


def projected(x: Any = ONES, weights: Any = W, feedback: Any = W) -> Any:
    return pcn.ops.project(x, weights, feedback=feedback)


def protocol(table: Any = (ROW,), **more: Any) -> pcn.Result:
    rows = [dict(row) for row in table] if table == (ROW,) else table
    return pcn.Protocol(rows, **more).run(simulator(), targets={"out": np.ones(2)})


@cache
def aligned() -> xarray.Dataset:
    made = pcn.Protocol([{**ROW, "condition": name} for name in "ab"])
    return made.aligned(made.run(simulator(), record=[pcn.Record("h")]))


def drawn(data: Any = None, **more: Any) -> Any:
    import matplotlib.pyplot as plt

    ax = pcn.plot.trials(aligned() if data is None else data, **more)
    lines = [np.asarray(line.get_ydata()).tolist() for line in ax.lines]
    plt.close("all")
    return lines


def times(kind: str, make: Any) -> list[Row]:
    """Rows of when a perturbation begins and ends."""
    return [
        Row(
            kind,
            "start",
            1.0,
            numbers(1.0, low=0.0, time=True, none=True),
            lambda v: perturbed(make(start=v)),
            but=("none",),
        ),
        Row(kind, "stop", 1.0, numbers(1.0, low=0.0, above=True, time=True, none=True), lambda v: make(stop=v)),
    ]


def silence(population: Any = "h", **more: Any) -> pcn.Silence:
    return pcn.Silence(population, **more)


def cut(edge: Any = ("h.value", "out.error"), **more: Any) -> pcn.Cut:
    return pcn.Cut(edge, **more)


def precise(vertex: Any = "h", value: Any = 2.0, **more: Any) -> pcn.SetPrecision:
    return pcn.SetPrecision(vertex, value, **more)


NO_EDGE = bank(
    False,
    text="h.value",
    one=("h.value",),
    three=("a", "b", "c"),
    unknown=("h.value", "nope"),
    turned=("out.error", "h.error"),
    numbers=(1, 2),
    none=None,
    an_object=object(),
)
NO_TABLE = bank(
    False,
    number=3,
    none=None,
    text="no such file.csv",
    empty=[],
    no_duration=[{"delay": 0.0, "x": 0.5}],
    both=[{**ROW, "onset": 0.0}],
    negative=[{**ROW, "duration": -1.0}],
    nan=[{**ROW, "duration": float("nan")}],
    overlapping=[{"onset": 0.0, "duration": 2.0}, {"onset": 1.0, "duration": 2.0}],
    an_object=object(),
    lists=[[1.0, 2.0]],
    true=True,
)

ROWS = [
    Row("WhiteNoise", "sigma", SIGMAS, arrays(SIGMAS, number=None), lambda v: noisy({"h": pcn.WhiteNoise(v)})),
    Row("WhiteNoise", "sigma", 0.5, numbers(0.5, low=0.0), lambda v: noisy({"h": pcn.WhiteNoise(v)}), but=LISTED),
    Row(
        "OrnsteinUhlenbeck",
        "sigma",
        0.5,
        numbers(0.5, low=0.0),
        lambda v: noisy({"h": pcn.OrnsteinUhlenbeck(v, 5.0)}),
        but=LISTED,
    ),
    Row(
        "OrnsteinUhlenbeck",
        "tau",
        5.0,
        numbers(5.0, low=0.0, above=True, time=True),
        lambda v: noisy({"h": pcn.OrnsteinUhlenbeck(0.5, v)}),
    ),
    Row(
        "build_circuit",
        "noise",
        pcn.WhiteNoise(0.5),
        objects("WhiteNoise", none=True, like=pcn.WhiteNoise),
        noisy,
        but=("dict", "none"),
    ),
    Row(
        "build_circuit",
        "error_tau",
        5.0,
        numbers(5.0, low=0.0, time=True),
        lambda v: pcn.build_circuit(graph(), error_tau=v).properties["h"].error_tau,
        but=("dict", *LISTED, "frame", "column", "none"),
    ),
    Row("Simulator", "seed", 3, whole_numbers(3), lambda v: simulator(seed=v).seed),
    Row("Recurrent", "vertex", "h", names(), lambda v: recurrent(v), said="vertex|vertices|Recurrent"),
    Row(
        "Recurrent",
        "shape",
        (4,),
        bank(False, text="x", none=None, negative=(-1,), zero=(0,), other=(5,), halves=(0.5,), huge=(2**60,)),
        lambda v: recurrent(shape=v),
        said="shape",
    ),
    Row("Recurrent", "delay", 2.0, numbers(2.0, low=0.0, time=True), lambda v: recurrent(delay=v)),
    Row("Recurrent", "feedback", True, flags(True), lambda v: recurrent(feedback=v)),
    Row("Recurrent", "initial", SIGMAS, arrays(SIGMAS, number=None), lambda v: recurrent(initial=v), but=("labelled",)),
    Row(
        "ops.stop_feedback",
        "x",
        SIGMAS,
        bank(False, text="x", none=None, an_object=object()),
        pcn.ops.stop_feedback,
        said="stop_feedback",
    ),
    Row(
        "ops.project",
        "x",
        np.ones(3),
        bank(False, text="x", none=None, short=np.ones(2)),
        lambda v: projected(v),
        said="project|operand",
    ),
    Row(
        "ops.project",
        "W",
        W,
        bank(False, text="x", none=None, other=V),
        lambda v: projected(weights=v),
        said="project|operand",
    ),
    Row(
        "ops.project",
        "feedback",
        W,
        bank(False, text="x", none=None, other=V),
        lambda v: projected(feedback=v),
        said="project|operand",
    ),
    Row("Silence", "population", "h", names(), lambda v: perturbed(silence(v)), said="Silence"),
    *times("Silence", silence),
    Row("Cut", "edge", ("h.value", "out.error"), NO_EDGE, lambda v: perturbed(cut(v)), said="Cut|edge|connection"),
    *times("Cut", cut),
    Row("SetPrecision", "vertex", "h", names(), lambda v: perturbed(precise(v)), said="SetPrecision"),
    Row(
        "SetPrecision",
        "value",
        2.0,
        numbers(2.0, low=0.0, above=True),
        lambda v: perturbed(precise(value=v)),
        said="SetPrecision|precision",
        but=LISTED,
    ),
    *times("SetPrecision", precise),
    Row("Protocol", "table", [ROW], NO_TABLE, protocol, said="protocol|Protocol|table|trial|duration|onset|delay|file"),
    Row(
        "Protocol",
        "values",
        {"x": {"a": np.ones(3)}},
        mappings({"x": {"a": np.ones(3)}}, np.ones((2, 7)))[3:6],
        lambda v: protocol([{**ROW, "x": "a"}], values=v),
    ),
    Row("Protocol", "rest", {"x": 0.5}, mappings({"x": 0.5}, np.ones(7))[3:8], lambda v: protocol(rest=v), said="rest"),
    Row("Protocol", "repeats", 2, whole_numbers(2, least=1), lambda v: len(pcn.Protocol([ROW], repeats=v))),
    Row("Protocol", "shuffle", True, flags(True), lambda v: protocol(shuffle=v)),
    Row(
        "Protocol",
        "interval",
        2.0,
        numbers(2.0, low=0.0, time=True, none=True),
        lambda v: pcn.Protocol([{"duration": 20.0}], interval=v).duration,
        but=(*LISTED, "none"),
    ),
    Row("Protocol", "tail", 2.0, numbers(2.0, low=0.0, time=True), lambda v: pcn.Protocol([ROW], tail=v).duration),
    Row(
        "Protocol",
        "between",
        pcn.KeepState(),
        objects("KeepState", none=False, like=pcn.KeepState),
        lambda v: protocol(between=v),
    ),
    Row("Protocol", "seed", 3, whole_numbers(3), lambda v: protocol(seed=v)),
    Row("Protocol", "grid", 2.0, numbers(2.0, low=0.0, above=True, time=True), lambda v: protocol(grid=v)),
    Row(
        "Protocol",
        "perturbations",
        {"quiet": pcn.Silence("h")},
        mappings({"quiet": pcn.Silence("h")}, 3)[3:8],
        lambda v: protocol([{**ROW, "perturb": "quiet"}], perturbations=v),
        said="perturb",
    ),
    Row("plot.trials", "aligned", None, objects("Dataset", none=True), lambda v: drawn(v), but=("none",)),
    Row("plot.trials", "variable", "h.value", names(none=True), lambda v: drawn(variable=v), but=("none",)),
    Row("plot.trials", "by", "condition", names(none=True), lambda v: drawn(by=v), said="by|column", but=("none",)),
    Row("plot.trials", "unit", 1, whole_numbers(1, none=True), lambda v: drawn(unit=v), but=("none",)),
    Row("plot.trials", "ax", None, objects("Axes", none=True), lambda v: drawn(ax=v), but=("none",)),
    Row("Experiment", "numbers", {}, [], lambda v: pcn.Experiment(v, xarray.Dataset())),
    Row("Experiment", "records", xarray.Dataset(), [], lambda v: pcn.Experiment({}, v)),
    Row("Experiment", "draw", dict, [], lambda v: pcn.Experiment({}, xarray.Dataset(), v)),
]
