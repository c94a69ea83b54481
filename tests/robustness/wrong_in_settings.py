"""Wrong values for the arguments of engines and records."""

from __future__ import annotations

import numpy as np

import pcneuro as pcn
from tests.robustness.wrong_calls import Row, X, circuit, run
from tests.robustness.wrong_values import arrays, flags, indices, names, numbers, objects, paths, whole_numbers

ROWS = [
    Row("Record", "vertex", "h", names(), lambda v: run(record=[pcn.Record(v)]), said="vertex"),
    Row(
        "Record", "variable", "value", names(known="Value"), lambda v: run(record=[pcn.Record("h", v)]), said="variable"
    ),
    Row(
        "Record",
        "every",
        2.0,
        numbers(2.0, low=0.0, above=True, time=True, none=True),
        lambda v: run(record=[pcn.Record("h", every=v)]),
        said="every|interval",
    ),
    Row("Record", "units", [0, 2], indices([0, 2]), lambda v: run(record=[pcn.Record("h", units=v)]), said="unit"),
    Row(
        "Record", "samples", [0, 1], indices([0, 1]), lambda v: run(record=[pcn.Record("h", samples=v)]), said="sample"
    ),
    Row(
        "RecordEvents",
        "vertices",
        ["h"],
        [*names(none=True), *objects("h", none=True)],
        lambda v: pcn.RecordEvents(vertices=v).resolve(circuit(), 2).units,
        said="vert",
        but=("list", "tuple", "list of text"),
    ),
    Row(
        "RecordEvents",
        "vertices",
        "h",
        names(),
        lambda v: pcn.RecordEvents(vertices=[v]).resolve(circuit(), 2).units,
        said="vert",
        but=("number in list",),
    ),
    Row(
        "RecordEvents",
        "kinds",
        ["value"],
        [*names(none=True), *objects("h", none=True)],
        lambda v: pcn.RecordEvents(kinds=v).resolve(circuit(), 2).units,
        said="kind",
    ),
    Row(
        "RecordEvents",
        "samples",
        [0, 1],
        indices([0, 1]),
        lambda v: pcn.RecordEvents(samples=v).resolve(circuit(), 2).samples,
        said="sample",
    ),
    Row(
        "RecordEvents",
        "path",
        "events.nc",
        paths(),
        lambda v: pcn.RecordEvents(path=v).resolve(circuit(), 2).target and None,
        said="path|folder|name|exists|cannot",
        but=("none", "no folder"),
    ),
    Row("RecordEvents", "overwrite", False, flags(False), lambda v: pcn.RecordEvents(overwrite=v).overwrite),
    Row(
        "RecordEvents.estimate",
        "circuit",
        circuit(),
        objects("Circuit", none=False, like=pcn.Circuit),
        lambda v: pcn.RecordEvents().estimate(v),
    ),
    Row("RecordEvents.estimate", "batch", 2, whole_numbers(2, 1), lambda v: pcn.RecordEvents().estimate(circuit(), v)),
    Row(
        "RecordEvents.estimate",
        "steps",
        2,
        whole_numbers(2, 0, none=True),
        lambda v: pcn.RecordEvents().estimate(circuit(), 1, v),
    ),
    Row("Kernel", "threads", 2, whole_numbers(2, 1, none=True), lambda v: pcn.Kernel(threads=v)),
    Row("Kernel", "tolerance", 0.5, numbers(0.5, low=0.0, high=0.99), lambda v: pcn.Kernel(tolerance=v)),
    Row(
        "EventDriven",
        "threshold",
        0.5,
        numbers(0.5, low=0.0),
        lambda v: repr(pcn.EventDriven(v)),
        said="threshold",
        but=("dict",),
    ),
    Row(
        "EventDriven",
        "values",
        0.5,
        numbers(0.5, low=0.0, none=True),
        lambda v: repr(pcn.EventDriven(values=v)),
        said="threshold|value",
        but=("dict",),
    ),
    Row("EventDriven", "threads", 2, whole_numbers(2, 1, none=True), lambda v: pcn.EventDriven(threads=v).threads),
    Row(
        "EventDriven",
        "mode",
        pcn.Exact(),
        objects("Exact", none=False, like=pcn.Exact),
        lambda v: repr(pcn.EventDriven(mode=v)),
    ),
    Row("Exact", "order", 2, whole_numbers(2, 1, most=2), lambda v: pcn.Exact(v).order),
    Row("TimeBinned", "cumulative", True, flags(True), lambda v: pcn.TimeBinned(v)),
    Row("Share", "share", 0.5, numbers(0.5, low=0.0), lambda v: pcn.Share(v)),
    Row(
        "Absolute",
        "values",
        0.5,
        numbers(0.5, low=0.0),
        lambda v: np.asarray(pcn.Absolute(v).values),
        said="threshold",
        but=("list", "tuple", "array", "column", "frame"),
    ),
    Row(
        "Absolute",
        "values",
        np.abs(X),
        arrays(np.abs(X), shape=False, number=None),
        lambda v: pcn.Absolute(v).values,
        said="threshold",
    ),
    Row("FastForward", "continuous", True, flags(True), lambda v: pcn.FastForward(v)),
]
