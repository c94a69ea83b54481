"""Wrong values for the arguments of what writes circuits for other tools."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pcneuro as pcn
from pcneuro.export import brian2, nest, nir, sonata
from pcneuro.export.spiking import Spiking
from tests.robustness.wrong_calls import Row, X, Y, circuit, written
from tests.robustness.wrong_in_simulators import RUN_ARRAYS
from tests.robustness.wrong_values import arrays, bank, flags, mappings, names, numbers, objects, paths, whole_numbers

DATA: dict[str, Any] = {"inputs": {"x": X}, "targets": {"out": Y}}
MEMORY = 4e9
SIZES = [value for value in numbers(1.0, low=0.0, above=True) if value.fits is False]
"""What is no number of bytes."""


def network(make: Callable[..., Any], show: Callable[[Any], Any]) -> Callable[..., Any]:
    """A network that is made with something changed in its arguments, and what is to be the same of it."""
    return lambda **changes: show(make(changes.pop("circuit", circuit()), **DATA | changes))


def rates(made: Any) -> Any:
    """All numbers of all groups of neurons."""
    numbers = {
        f"{name}.{key}": np.array(variable.get_value())
        for name, group in made.groups.items()
        for key, variable in group.variables.items()
        if getattr(variable, "array", False) and np.dtype(variable.dtype).kind == "f" and key not in ("t", "dt")
    }
    assert any(array.any() for array in numbers.values())
    return numbers


def nodes(made: Any) -> Any:
    return sorted(made.nodes), sorted(made.edges)


def script(**changes: Any) -> Any:
    """The data of a script, which has all of its numbers; written to an empty folder where no path is asked for."""
    arguments = {"circuit": circuit(), "path": Path("script.py"), "duration": 2.0} | DATA | changes
    data = Path("script.npz")
    try:
        brian2.script(arguments.pop("circuit"), arguments.pop("path"), arguments.pop("duration"), **arguments)
        with np.load(data) as loaded:
            return {name: hashlib.sha256(loaded[name].tobytes()).hexdigest() for name in loaded.files}
    finally:
        data.unlink(missing_ok=True)
        Path("script.py").unlink(missing_ok=True)


def overwritten(write: Callable[..., Any]) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        try:
            write(overwrite=value)
        finally:
            Path("file").unlink(missing_ok=True)

    return call


def array_rows(target: str, call: Callable[..., Any]) -> list[Row]:
    """What runs take, which exports take, too."""
    rows = []
    for what, (right, give, array) in RUN_ARRAYS.items():
        noun = what.removesuffix("s")
        rows += [
            Row(target, what, right, mappings(right, np.ones((2, 9)), none=True), _with(call, what), said=noun),
            Row(target, what, array, arrays(array, samples=True), _with(call, what, give), said=noun),
        ]
    return rows


def _with(call: Callable[..., Any], what: str, give: Callable[[Any], Any] = lambda v: v) -> Callable[[Any], Any]:
    return lambda v: call(**{what: give(v)})


def network_rows(target: str, call: Callable[..., Any]) -> list[Row]:
    """What all networks take that are made in memory."""
    return [
        *array_rows(target, call),
        Row(target, "circuit", circuit(), objects("Circuit", none=False, like=pcn.Circuit), _with(call, "circuit")),
        Row(target, "dynamics", None, objects("Strict", none=True, like=pcn.Strict), _with(call, "dynamics")),
        Row(target, "memory", MEMORY, SIZES, _with(call, "memory"), but=("infinite",)),
    ]


def recording_rows(target: str, call: Callable[..., Any]) -> list[Row]:
    return [
        Row(target, "integrator", None, objects("Euler", none=True, like=pcn.Euler), _with(call, "integrator")),
        Row(
            target,
            "record",
            [pcn.Record("h")],
            [*names(none=False), *objects("Record", none=False, like=pcn.Record)],
            _with(call, "record"),
            but=("array", "list", "tuple", "dict", "set", "generator"),
        ),
    ]


rate, spiking = network(brian2.rate, rates), network(brian2.spiking, rates)
graph = network(lambda of, **changes: nir.graph(of, **{"sample": 0} | changes), nodes)
CORES = {"h.error": np.array([0, 0, 1, 1])}
nest_network = network(nest.network, lambda made: None)

ROWS = [
    *network_rows("export.brian2.rate", rate),
    *recording_rows("export.brian2.rate", rate),
    Row("export.brian2.rate", "target", "numpy", names(known="NumPy"), _with(rate, "target")),
    *network_rows("export.brian2.spiking", spiking),
    *recording_rows("export.brian2.spiking", spiking),
    Row("export.brian2.spiking", "target", "numpy", names(known="NumPy"), _with(spiking, "target")),
    Row(
        "export.brian2.spiking",
        "spiking",
        None,
        objects("Spiking", none=True, like=Spiking),
        _with(spiking, "spiking"),
    ),
    Row(
        "export.brian2.spiking",
        "spikes",
        ["out"],
        [*names(none=False), *objects("out", none=False)],
        _with(spiking, "spikes"),
        but=("array", "list", "tuple", "set", "generator", "bytes", "its name"),
    ),
    *network_rows("export.brian2.script", script),
    Row(
        "export.brian2.script",
        "integrator",
        None,
        objects("Euler", none=True, like=pcn.Euler),
        _with(script, "integrator"),
    ),
    Row("export.brian2.script", "duration", 2.0, numbers(2.0, low=0.0, time=True), _with(script, "duration")),
    Row(
        "export.brian2.script",
        "spiking",
        None,
        objects("Spiking", none=True, like=Spiking),
        _with(script, "spiking"),
    ),
    Row("export.brian2.script", "overwrite", False, flags(False), _with(script, "overwrite")),
    Row(
        "export.brian2.script",
        "path",
        "file",
        paths(),
        written(lambda p: brian2.script(circuit(), p, 2.0, **DATA)),
        said="path|folder|name|exists|cannot",
    ),
    *network_rows("export.nest.network", nest_network),
    *recording_rows("export.nest.network", nest_network),
    *network_rows("export.nir.graph", graph),
    Row("export.nir.graph", "sample", 0, whole_numbers(0, 0, most=1), _with(graph, "sample"), but=("none",)),
    Row("export.nir.graph", "spiking", None, objects("Spiking", none=True, like=Spiking), _with(graph, "spiking")),
    Row("export.nir.graph", "delay", 0.0, numbers(0.0, low=0.0, time=True), _with(graph, "delay")),
    Row(
        "export.nir.graph",
        "step",
        None,
        numbers(1.0, low=0.0, above=True, time=True, none=True),
        _with(graph, "step"),
    ),
    Row(
        "export.nir.graph",
        "cores",
        CORES,
        [*mappings(CORES, np.zeros(7, dtype=np.int64), none=False), *bank(False, halves={"h.error": np.full(4, 0.5)})],
        lambda v: graph(cores=v, chip="loihi"),
        said="cores|chip",
    ),
    Row(
        "export.nir.graph",
        "chip",
        "loihi",
        bank(False, empty="", number=3, none=None, list_=["loihi"], bytes_=b"loihi", an_object=object(), true=True),
        lambda v: graph(cores=CORES, chip=v),
    ),
    Row(
        "export.nir.write",
        "circuit",
        circuit(),
        objects("Circuit", none=False, like=pcn.Circuit),
        lambda v: nodes(nir.write(v, "file", overwrite=True, sample=0, **DATA)),
    ),
    Row(
        "export.nir.write",
        "path",
        "file",
        paths(),
        written(lambda p: nir.write(circuit(), p, sample=0, **DATA)),
        said="path|folder|name|exists|cannot",
    ),
    Row(
        "export.nir.write",
        "overwrite",
        False,
        flags(False),
        overwritten(lambda **changes: nir.write(circuit(), "file", sample=0, **DATA, **changes)),
    ),
    Row(
        "export.sonata.structure",
        "circuit",
        circuit(),
        objects("Circuit", none=False, like=pcn.Circuit),
        lambda v: sonata.structure(v).nodes,
    ),
    Row(
        "export.sonata.write",
        "circuit",
        circuit(),
        objects("Circuit", none=False, like=pcn.Circuit),
        lambda v: sonata.write(v, "file", overwrite=True).nodes,
    ),
    Row(
        "export.sonata.write",
        "path",
        "file",
        paths(),
        written(lambda p: sonata.write(circuit(), p)),
        said="path|folder|name|exists|cannot",
    ),
    Row(
        "export.sonata.write",
        "overwrite",
        False,
        flags(False),
        overwritten(lambda **changes: sonata.write(circuit(), "file", **changes)),
    ),
    Row(
        "export.sonata.write",
        "memory",
        MEMORY,
        SIZES,
        lambda v: sonata.write(circuit(), "file", overwrite=True, memory=v).nodes,
        but=("infinite",),
    ),
]
