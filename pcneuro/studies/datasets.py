"""Data sets of ``pcneuro.data`` as examples for a circuit: each is a kind of the table ``[dataset]``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.data import AbstractDataset, AbstractFolderDataset, AbstractPart, LoadedDataset
from pcneuro.errors import ParameterError, ShapeError, unknown_name
from pcneuro.graph.graph import Node
from pcneuro.learning import Examples


def placed(dataset: AbstractDataset[Any], folder: str | None, places: Sequence[Path]) -> AbstractDataset[Any]:
    """The data set with its files in ``folder``, looked for in ``places`` where it is relative.

    Raises ParameterError where it has no files.
    """
    if folder is None:
        return dataset
    if not isinstance(dataset, AbstractFolderDataset):
        raise ParameterError(f"data = {folder!r}: the data set {dataset.name!r} has no files; leave the key out")
    path = Path(folder).expanduser()
    there = next((place / path for place in places if (place / path).is_dir()), path)
    return replace(dataset, folder=there)


def examples(
    data: LoadedDataset[Any],
    circuit: Circuit,
    samples: int | None,
    test_samples: int | None,
    output: str | None = None,
) -> tuple[Examples, Examples]:
    """Examples to learn from and to test with, at most so many: the set's inputs and targets, each in its place.

    Targets are those of ``output``, by default the only one. A circuit without an input, a generative one, has an
    output instead that the set's inputs are targets of; where it has no other output, the set's targets are left out.
    Raises ParameterError for a circuit with other inputs and outputs, UnknownNameError for an output that it does not
    have, ShapeError where it does not fit the data.
    """
    graph = circuit.graph
    if output is not None and output not in graph.outputs:
        raise unknown_name("output", output, graph.outputs)
    shown = list(graph.inputs) or [name for name in graph.outputs if name != output]
    judged = output
    if output is None and len(graph.outputs) == 1 and graph.inputs:
        judged = next(iter(graph.outputs))
    if len(shown) != 1 or (judged is None and graph.inputs):
        raise ParameterError(
            f"the data set {data.name!r} needs a circuit with one input, or else one output that is shown what it has, "
            f"and with one output that has its targets, or output = which; got the inputs "
            f"{', '.join(graph.inputs) or 'none'} and the outputs {', '.join(graph.outputs)}"
        )
    (entry,) = shown
    parts = []
    for part, most in ((data.train, samples), (data.test, test_samples)):
        taken: AbstractPart = part if most is None else part.take(slice(most))
        kind, source = ("input", graph.inputs[entry]) if graph.inputs else ("output", graph.outputs[entry])
        seen = {entry: _fitting(data.name, f"{kind} {entry!r}", taken.inputs, source)}
        targets = {}
        if judged is not None:
            targets = {judged: _fitting(data.name, f"output {judged!r}", taken.targets, graph.outputs[judged])}
        parts.append(Examples(seen, targets) if graph.inputs else Examples({}, seen | targets))
    return parts[0], parts[1]


def _fitting(name: str, what: str, array: np.ndarray, node: Node) -> np.ndarray:
    """The array in the node's shape: as it is, or flat where only the grouping of an image's units differs."""
    shape, wanted = array.shape[1:], node.shape
    if shape == wanted:
        return array
    if 1 in (len(shape), len(wanted)) and np.prod(shape) == np.prod(wanted):
        return array.reshape(len(array), *wanted)
    hint = "choose a circuit of that size (its arguments say how)"
    if len(shape) == len(wanted) == 2 and shape[1] == wanted[1]:
        longer = "longer" if shape[0] > wanted[0] else "shorter"
        hint = f"sequences of {shape[0]} are {longer} than the circuit's {wanted[0]}; set the length of one of them"
    raise ShapeError(f"the data set {name!r} gives shape {shape} for the circuit's {what}, which has {wanted}: {hint}")
