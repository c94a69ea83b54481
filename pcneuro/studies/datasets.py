"""Data sets of ``pcneuro.data`` as examples for a circuit: each is a kind of the table ``[dataset]``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.data import AbstractDataset, AbstractFolderDataset, AbstractPart, LoadedDataset
from pcneuro.errors import ParameterError, ShapeError
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
    data: LoadedDataset[Any], circuit: Circuit, samples: int | None, test_samples: int | None
) -> tuple[Examples, Examples]:
    """Examples to learn from and to test with, at most so many, for a circuit with one input and one output.

    Raises ParameterError for a circuit that has more of them, ShapeError where it does not fit the data.
    """
    graph = circuit.graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ParameterError(
            f"the data set {data.name!r} needs a circuit with one input and one output, got the inputs "
            f"{', '.join(graph.inputs) or 'none'} and the outputs {', '.join(graph.outputs)}"
        )
    ((entry, source),), ((leave, target),) = graph.inputs.items(), graph.outputs.items()
    parts = []
    for part, most in ((data.train, samples), (data.test, test_samples)):
        taken: AbstractPart = part if most is None else part.take(slice(most))
        inputs = _fitting(data.name, f"input {entry!r}", taken.inputs, source)
        targets = _fitting(data.name, f"output {leave!r}", taken.targets, target)
        parts.append(Examples({entry: inputs}, {leave: targets}))
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
