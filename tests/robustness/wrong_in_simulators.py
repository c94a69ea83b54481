"""Wrong values for the arguments of the simulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pcneuro as pcn
from tests.robustness.wrong_calls import (
    Row,
    V,
    W,
    X,
    Y,
    circuit,
    graph,
    run,
    set_parameters,
    simulator,
    streamed,
    written,
)
from tests.robustness.wrong_values import arrays, flags, mappings, names, numbers, objects, paths, whole_numbers

RUN_ARRAYS = {
    "inputs": ({"x": X}, lambda a: {"x": a}, X),
    "targets": ({"out": Y}, lambda a: {"out": a}, Y),
    "clamp": ({"h": np.ones((2, 4))}, lambda a: {"h": a}, np.array([[0.5, 0.25, 1.0, 2.0], [0.5, 0.75, 0.0, 1.0]])),
    "initial": ({"h": np.ones((2, 4))}, lambda a: {"h": a}, np.array([[0.5, 0.25, 1.0, 2.0], [0.5, 0.75, 0.0, 1.0]])),
}


def run_rows(target: str, run: Callable[..., Any]) -> list[Row]:
    """What ``run``, ``stream`` and others like them take."""
    rows = [
        Row(target, "duration", 2.0, numbers(2.0, low=0.0, time=True), lambda v: run(duration=v)),
        Row(
            target,
            "until",
            pcn.Settled(limit=3.0),
            objects("Settled", none=False, like=pcn.Settled),
            lambda v: run(duration=None, until=v),
            said="until|duration",
        ),
        Row(
            target,
            "record",
            [pcn.Record("h")],
            [*names(none=False), *objects("Record", none=False, like=pcn.Record)],
            lambda v: run(record=v),
            but=("array", "list", "tuple", "dict", "set", "generator"),
        ),
        Row(target, "record", pcn.Record("h"), names(), lambda v: run(record=[v])),
        Row(target, "events", None, objects("RecordEvents", none=True, like=pcn.RecordEvents), lambda v: run(events=v)),
        Row(target, "report", None, names(none=True), lambda v: run(report=v), but=("a class",)),
        Row(
            target,
            "report_period",
            1.0,
            numbers(1.0, low=0.0, above=True, time=True),
            lambda v: run(report=lambda *a: None, report_period=v),
            but=("infinite",),
        ),
    ]
    for what, (right, give, array) in RUN_ARRAYS.items():
        noun = what.removesuffix("s")
        wrong = np.ones((2, 9))
        rows += [
            Row(
                target, what, right, mappings(right, wrong, none=True), lambda v, w=what: run(**{w: v}), said=f"{noun}"
            ),
            Row(
                target, what, array, arrays(array, samples=True), lambda v, w=what, g=give: run(**{w: g(v)}), said=noun
            ),
        ]
    return rows


def reset(first_sample: Any) -> Any:
    """Samples of noisy neurons that are a part of a batch."""
    sim = pcn.Simulator(pcn.build_circuit(graph(), noise=pcn.WhiteNoise(0.5)), dynamics=pcn.Strict())
    sim.reset(first_sample=first_sample)
    return sim.run(3.0, inputs={"x": X}).values


ROWS = [
    Row(
        "Simulator",
        "circuit",
        circuit(),
        objects("Circuit", none=False, like=pcn.Circuit),
        lambda v: pcn.Simulator(v, engine=pcn.Reference()).run(1.0, inputs={"x": X}),
    ),
    Row(
        "Simulator",
        "dynamics",
        None,
        objects("Strict", none=True, like=pcn.Strict),
        lambda v: simulator(dynamics=v).dynamics,
    ),
    Row(
        "Simulator",
        "integrator",
        None,
        objects("Euler", none=True, like=pcn.Euler),
        lambda v: simulator(integrator=v).integrator,
    ),
    Row(
        "Simulator",
        "engine",
        None,
        objects("Kernel", none=True, like=pcn.Kernel),
        lambda v: pcn.Simulator(circuit(), engine=v) and None,
    ),
    Row(
        "Simulator",
        "schedule",
        None,
        objects("Parallel", none=True, like=pcn.Parallel),
        lambda v: simulator(schedule=v).schedule,
    ),
    Row(
        "Simulator",
        "dtype",
        np.float64,
        [*names(none=True), *objects("d", none=True)],
        lambda v: simulator(dtype=v).dtype,
        but=("its name",),
    ),
    *run_rows("Simulator.run", run),
    *run_rows("Simulator.stream", streamed),
    Row(
        "Simulator.set_parameters",
        "values",
        {"W": W},
        mappings({"W": W}, V),
        lambda v: set_parameters(v),
        said="parameter",
    ),
    Row("Simulator.set_parameters", "values", W, arrays(W), lambda v: set_parameters({"W": v}), said="parameter"),
    Row("Simulator.reset", "first_sample", 3, whole_numbers(3, most=2**32 - 1), lambda v: reset(v)),
    Row(
        "Simulator.store",
        "path",
        "file",
        paths(),
        written(lambda p: simulator().store(p)),
        said="path|folder|name|exists|cannot",
    ),
    Row(
        "Simulator.store",
        "overwrite",
        False,
        flags(False),
        lambda v: [simulator().store("file", overwrite=v), Path("file").unlink()],
    ),
    Row(
        "Simulator.restore",
        "path",
        "file",
        paths(),
        lambda v: simulator().restore(v) if v != "file" else None,
        said="path|folder|name|cannot|file",
        but=("long",),
    ),
]
