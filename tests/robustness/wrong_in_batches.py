"""Wrong values for spaces of runs and for batches of them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot

import pcneuro as pcn
from pcneuro.batch.figures import draw
from pcneuro.batch.runners import Here
from pcneuro.studies.observer import Silent
from pcneuro.studies.spaces import Csv, Grid, Joined, LatinHypercube, Listed, Range, Replicated, Sobol, Zip
from tests.batch import functions
from tests.robustness.wrong_calls import Row
from tests.robustness.wrong_values import flags, mappings, names, numbers, objects, paths, whole_numbers

A = "integrator.dt"
AXES = {A: [0.5, 1.0]}
RANGES = {A: (0.5, 1.0)}
MOST = 10**9
OF_AXES = r"axes|key|integrator|value"
ANY_KEY = ("with unknown", "other letters")
"""Keys of a space may be any: whether a study has them is asked by a batch."""


def runs(space: Any) -> Any:
    return [dict(space.values(number)) for number in range(len(space))]


def first(space: Any) -> Any:
    """Of spaces that may have many runs, which are right whatever their number."""
    return dict(space.values(0))


def csv(path: Any) -> Any:
    Path("runs.csv").write_text("seed\n1\n2\n", encoding="utf-8")
    return runs(Csv(path))


def batch(**changes: Any) -> Any:
    given = {"study": functions.area, "space": {"width": [1.0]}} | changes
    made = pcn.Batch(**given)
    return len(made), made.block, made.keep, made.hash_of(0)


def performed(**changes: Any) -> Any:
    """A batch in a folder of its own, or in one called so."""
    with tempfile.TemporaryDirectory() as folder:
        made = pcn.Batch(functions.area, {"width": [1.0]})
        store = made.run(**{"out": f"{folder}/batch"} | changes)
        return store.status().done


def in_folder(function: Any, folder: Any, **changes: Any) -> Any:
    if not Path("batch").exists():
        pcn.Batch(functions.area, {"width": [1.0]}).run("batch")
    return function(folder, **changes).status().done


def drawn(folder: Any = "batch", numbers: Any = ("area",)) -> Any:
    if not Path("batch").exists():
        pcn.Batch(functions.area, {"width": [1.0, 2.0]}).run("batch")
    figures = draw(folder, numbers)
    for figure in figures.values():
        matplotlib.pyplot.close(figure)
    return sorted(figures)


ROWS = [
    Row("spaces.Grid", "axes", AXES, mappings(AXES, 3), lambda v: runs(Grid(v)), said=OF_AXES, but=ANY_KEY),
    Row("spaces.Zip", "axes", AXES, mappings(AXES, 3), lambda v: runs(Zip(v)), said=OF_AXES, but=ANY_KEY),
    Row("spaces.Listed", "runs", [{A: 0.5}], objects("Listed", none=False, like=Listed), lambda v: runs(Listed(v))),
    Row("spaces.Csv", "path", "runs.csv", paths(), csv, said="path|runs|file"),
    Row("spaces.Joined", "spaces", [Grid(AXES)], objects("Grid", none=False, like=Grid), lambda v: runs(Joined(v))),
    Row(
        "spaces.Replicated",
        "space",
        Grid(AXES),
        objects("Grid", none=False, like=Grid),
        lambda v: runs(Replicated(v, 2)),
    ),
    Row(
        "spaces.Replicated",
        "count",
        2,
        whole_numbers(2, 1, most=MOST),
        lambda v: first(Replicated(Grid(AXES), v)),
        said="count|space",
    ),
    Row(
        "spaces.Replicated",
        "key",
        "seed",
        names(),
        lambda v: runs(Replicated(Grid(AXES), 2, key=v)),
        said="key",
        but=("unknown", "long"),
    ),
    Row("spaces.Replicated", "first", 3, whole_numbers(3), lambda v: runs(Replicated(Grid(AXES), 2, first=v))),
    *(
        row
        for made in (LatinHypercube, Sobol)
        for row in (
            Row(
                f"spaces.{made.__name__}",
                "axes",
                RANGES,
                mappings(RANGES, 3),
                lambda v, made=made: runs(made(v, 4)),
                said=OF_AXES,
                but=ANY_KEY,
            ),
            Row(
                f"spaces.{made.__name__}",
                "runs",
                4,
                whole_numbers(4, 1, most=MOST),
                lambda v, made=made: runs(made(RANGES, v)),
                said="runs",
            ),
            Row(
                f"spaces.{made.__name__}",
                "seed",
                3,
                whole_numbers(3),
                lambda v, made=made: runs(made(RANGES, 4, seed=v)),
            ),
        )
    ),
    Row("spaces.Range", "low", 0.5, numbers(0.5, high=2.0), lambda v: Range(v, 2.5).at(0.5)),
    Row("spaces.Range", "high", 2.0, numbers(2.0, low=1.0), lambda v: Range(0.25, v).at(0.5), said="high|low"),
    Row("spaces.Range", "log", True, flags(True), lambda v: Range(0.5, 2.0, log=v).at(0.5)),
    Row("spaces.Range", "whole", True, flags(True), lambda v: Range(1, 4, whole=v).at(0.6)),
    Row(
        "Batch",
        "study",
        functions.area,
        objects("area", none=False),
        lambda v: batch(study=v),
        said="study|read|task|table",
    ),
    Row(
        "Batch",
        "space",
        {"width": [1.0, 2.0]},
        mappings({"width": [1.0, 2.0]}, 3),
        lambda v: batch(space=v),
        said="space|axes|key|width|nope|WIDTH|values",
    ),
    Row(
        "Batch",
        "replicates",
        2,
        whole_numbers(2, 1, most=MOST),
        lambda v: batch(study=functions.seeded, space=None, replicates=v),
        said="replicates|space|count",
    ),
    Row("Batch", "block", 3, whole_numbers(3, 1, none=True), lambda v: batch(block=v)),
    Row("Batch", "pack", True, flags(True), lambda v: batch(pack=v)),
    Row("Batch", "keep", ["area"], objects("area", none=False), lambda v: batch(keep=v), but=("list of text",)),
    Row(
        "Batch.hash_of",
        "number",
        0,
        whole_numbers(0, most=0),
        lambda v: pcn.Batch(functions.area, {"width": [1.0]}).hash_of(v),
    ),
    Row(
        "Batch.run",
        "out",
        "out",
        paths(),
        lambda v: performed(out=v),
        said="path|folder|file|batch",
        but=("no folder",),
    ),
    Row("Batch.run", "runner", Here(), objects("Here", none=True, like=Here), lambda v: performed(runner=v)),
    Row("Batch.run", "observer", Silent(), objects("Silent", none=True, like=Silent), lambda v: performed(observer=v)),
    Row(
        "batch.figures.draw",
        "numbers",
        ["area"],
        objects("area", none=False),
        lambda v: drawn(numbers=v),
        said="number|pattern|name",
        but=("list of text",),
    ),
    Row("batch.figures.draw", "folder", "batch", paths(), drawn, said="path|folder|batch"),
    Row("batch.open", "folder", "batch", paths(), lambda v: in_folder(pcn.batch.open, v), said="path|folder|batch"),
    Row("batch.resume", "folder", "batch", paths(), lambda v: in_folder(pcn.batch.resume, v), said="path|folder|batch"),
    Row(
        "batch.resume",
        "runner",
        Here(),
        objects("Here", none=True, like=Here),
        lambda v: in_folder(pcn.batch.resume, "batch", runner=v),
    ),
    Row(
        "batch.resume",
        "observer",
        Silent(),
        objects("Silent", none=True, like=Silent),
        lambda v: in_folder(pcn.batch.resume, "batch", observer=v),
    ),
]
