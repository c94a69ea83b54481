"""Wrong values for mappings to chips: their making, their files and their pictures."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import pcneuro as pcn
from pcneuro.mapping import AssumedRate, Chip, Mapping, NaturalOrder, axons_of, chip_of, plot, traffic_of
from tests.robustness.wrong_calls import Row, X, Y, circuit, simulator, written
from tests.robustness.wrong_in_analysis import drawn
from tests.robustness.wrong_values import (
    arrays,
    bank,
    flags,
    mappings,
    names,
    numbers,
    objects,
    paths,
    whole_numbers,
)

RATE = AssumedRate(0.5, 10)
ONE = np.array([0.5, 0.25])
BOTH = np.array([[0.5, 1.0], [0.25, 0.5]])


@cache
def made() -> Mapping:
    return pcn.map_circuit(circuit(), "generic", RATE)


def mapped(**changes: Any) -> Any:
    given = {"circuit": circuit(), "chip": "generic", "activity": RATE} | changes
    return pcn.map_circuit(**given).data.fillna(-1.0)


@cache
def run() -> Any:
    return simulator(engine=pcn.EventDriven(0.1)).run(2.0, inputs={"x": X}, targets={"out": Y})


def counted(axons: Any, result: Any) -> Any:
    return traffic_of(axons, result).sends


def listed(**changes: Any) -> Any:
    found = axons_of(**{"circuit": circuit()} | changes)
    return found.populations, found.neuron, found.target


@cache
def file() -> bytes:
    """What a mapping is written as."""
    with tempfile.TemporaryDirectory() as folder:
        made().to_netcdf(Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()


def read(path: Any) -> Any:
    """The right value stands for a file that was written."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "file").write_bytes(file())
        return Mapping.read(Path(folder) / "file" if path == "file" else path).data.fillna(-1.0)


def read_for(value: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "file").write_bytes(file())
        return Mapping.read(Path(folder) / "file", value).data.fillna(-1.0)


def written_twice(write: Any) -> Any:
    """With what is given for ``overwrite``, into an empty folder."""

    def call(value: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / "file", overwrite=value)

    return call


def line(**changes: Any) -> Any:
    given = {"name": "MLP", "setting": ONE, "error": ONE, "energy": BOTH, "time": BOTH} | changes
    return plot.ParetoLine(**given)


CHIP = [
    *bank(True, the_chip=chip_of("generic")),
    *bank(False, number=3, none=None, list_=["loihi"], empty="", unknown="nope", true=True, an_object=object()),
    *bank(False, a_class=Chip, dict_={}, missing="nope.toml", nul="a\0b.toml", bytes_=b"loihi", nan=float("nan")),
    *bank(False, other_letters="Generic", a_folder=Path("/tmp"), long="x" * 5000, tables={"name": "mine"}),
]
STRATEGIES = [
    *bank(True, tuple_=(NaturalOrder(),), list_=[NaturalOrder()]),
    *bank(False, empty=[], name="natural", names=["natural"], a_class=NaturalOrder, classes=[NaturalOrder], number=3),
    *bank(False, one=NaturalOrder(), none_in_it=[None], true=True, an_object=object(), dict_={"a": NaturalOrder()}),
]
CLAMPED = [
    *bank(True, tuple_=("out",), list_=["out"]),
    *bank(False, number=3, numbers=[1], unknown=["nope"], a_name="out", true=True, of_none=[None], an_object=object()),
]
WRITERS = ("to_netcdf", "to_csv", "to_html")
SAID = "path|folder|exist|file|cannot"

ROWS = [
    Row(
        "map_circuit",
        "circuit",
        circuit(),
        objects("Circuit", none=False, like=pcn.Circuit),
        lambda v: mapped(circuit=v),
    ),
    Row("map_circuit", "chip", "generic", CHIP, lambda v: mapped(chip=v), said="chip|nope|read|path"),
    Row(
        "map_circuit",
        "activity",
        RATE,
        objects("AssumedRate", none=False, like=AssumedRate),
        lambda v: mapped(activity=v),
    ),
    Row("map_circuit", "clamped", ["out"], CLAMPED, lambda v: mapped(clamped=v), said="clamp"),
    Row("map_circuit", "inputs", True, flags(True), lambda v: mapped(inputs=v)),
    Row("map_circuit", "strategies", [NaturalOrder()], STRATEGIES, lambda v: mapped(strategies=v), said="strategies"),
    Row("map_circuit", "seed", 1, whole_numbers(1, most=2**32 - 1), lambda v: mapped(seed=v)),
    Row("map_circuit", "together", True, flags(True), lambda v: mapped(together=v)),
    Row("map_circuit", "report", False, flags(False), lambda v: mapped(report=v)),
    Row("mapping.AssumedRate", "rate", 0.5, numbers(0.5, low=0.0), lambda v: AssumedRate(v, 10), but=("dict",)),
    Row(
        "mapping.AssumedRate",
        "rate",
        {"h.error": 0.5},
        [each for each in mappings({"h.error": 0.5}, "x") if each.label not in ("none", "the value", "number")],
        lambda v: mapped(activity=AssumedRate(v, 10)),
        said="rate|population",
    ),
    Row("mapping.AssumedRate", "steps", 10.0, numbers(10.0, low=0.0, above=True), lambda v: AssumedRate(0.5, v)),
    Row(
        "mapping.AssumedRate",
        "dt",
        1.0,
        numbers(1.0, low=0.0, above=True, time=True, none=True),
        lambda v: AssumedRate(0.5, 10, v),
    ),
    Row("mapping.chip_of", "chip", "generic", CHIP, lambda v: chip_of(v), said="chip|nope|read|path"),
    Row(
        "mapping.axons_of",
        "circuit",
        circuit(),
        objects("Circuit", none=False, like=pcn.Circuit),
        lambda v: listed(circuit=v),
    ),
    Row("mapping.axons_of", "clamped", ["out"], CLAMPED, lambda v: listed(clamped=v), said="clamp"),
    Row("mapping.axons_of", "inputs", True, flags(True), lambda v: listed(inputs=v)),
    Row(
        "mapping.traffic_of",
        "axons",
        None,
        objects("Axons", none=False),
        lambda v: counted(v or axons_of(circuit()), run()) if v is None else counted(v, run()),
        but=("none",),
    ),
    Row(
        "mapping.traffic_of",
        "result",
        None,
        objects("Result", none=False, like=pcn.Result),
        lambda v: counted(axons_of(circuit()), run() if v is None else v),
        but=("none",),
    ),
    Row("mapping.Mapping.read", "path", "file", paths(), read, said="path|read"),
    Row(
        "mapping.Mapping.read",
        "circuit",
        circuit(),
        objects("Circuit", none=True, like=pcn.Circuit),
        read_for,
    ),
    Row("mapping.Mapping.core", "population", "h.error", names(), lambda v: made().core(v)),
    Row(
        "mapping.Mapping.check",
        "circuit",
        circuit(),
        objects("Circuit", none=False, like=pcn.Circuit),
        lambda v: made().check(v),
    ),
    *(
        Row(
            f"mapping.Mapping.{name}",
            "folder" if name == "to_csv" else "path",
            "file",
            [each for each in paths() if name != "to_csv" or each.label not in ("a folder", "no folder")],
            written(lambda v, name=name: getattr(made(), name)(v)),
            said=SAID,
        )
        for name in WRITERS
    ),
    *(
        Row(
            f"mapping.Mapping.{name}",
            "overwrite",
            False,
            flags(False),
            written_twice(lambda p, overwrite, name=name: getattr(made(), name)(p, overwrite=overwrite)),
        )
        for name in WRITERS
    ),
    *(
        Row(
            f"mapping.plot.{name}",
            "mapping",
            None,
            objects("Mapping", none=False, like=Mapping),
            lambda v, name=name: drawn(getattr(plot, name), made() if v is None else v),
            but=("none",),
        )
        for name in ("populations", "load", "links", "energy")
    ),
    *(
        Row(
            f"mapping.plot.{name}",
            "ax",
            None,
            objects("Axes", none=True),
            lambda v, name=name: drawn(getattr(plot, name), made(), v),
        )
        for name in ("populations", "load", "links", "energy")
    ),
    Row(
        "mapping.plot.pareto",
        "lines",
        [line()],
        [
            *bank(True, tuple_=(line(),)),
            *bank(False, one=line(), empty=[], number=3, none=None, names=["x"], none_in_it=[None], text="x", dict_={}),
        ],
        lambda v: drawn(plot.pareto, v),
    ),
    Row(
        "mapping.plot.pareto",
        "setting",
        "bits",
        [each for each in names() if each.label in ("number", "bytes", "dict", "true", "none", "array")],
        lambda v: drawn(plot.pareto, [line()], v),
    ),
    Row(
        "mapping.plot.ParetoLine",
        "name",
        "MLP",
        [each for each in names() if each.label in ("number", "bytes", "dict", "true", "none", "array")],
        lambda v: line(name=v),
    ),
    Row("mapping.plot.ParetoLine", "setting", ONE, arrays(ONE, finite=False), lambda v: line(setting=v)),
    Row("mapping.plot.ParetoLine", "error", ONE, arrays(ONE, finite=False), lambda v: line(error=v)),
    Row("mapping.plot.ParetoLine", "energy", BOTH, arrays(BOTH, finite=False), lambda v: line(energy=v)),
    Row("mapping.plot.ParetoLine", "time", BOTH, arrays(BOTH, finite=False), lambda v: line(time=v)),
    Row("mapping.plot.ParetoLine", "alone", False, flags(False), lambda v: line(alone=v)),
]
