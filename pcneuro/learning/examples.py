"""Samples to learn from, the order in which they come, and how well a circuit predicts them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.circuit.batches import check_inputs, check_labels, check_targets, common_batch, samples_first
from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import DataError, ParameterError, ShapeError, unknown_name
from pcneuro.graph.forward import forward_pass
from pcneuro.learning.columns import Chosen, arrays_of
from pcneuro.quantities import by_name, plain_array

Arrays = Mapping[str, np.ndarray]
CHUNK_BYTES = 64_000_000
"""What the values of all nodes may take while samples are scored."""


@dataclass(frozen=True)
class Examples:
    """Samples to learn from: ``inputs`` and ``targets`` by name, each of shape (samples, \\*shape).

    Arrays, lists, and tables, whose rows are samples; of a labelled array (``xarray.DataArray``) the dimension
    ``batch`` is that of samples. They are kept as arrays. Raises ShapeError where the numbers of samples differ, or
    labels do not say which dimension they are, DataError for what is no array of real numbers, has units or is under a
    mask, and ParameterError where there are no samples. ``Examples.of`` takes them out of data frames and the like.

    Examples
    --------
    >>> examples = pcn.Examples({"x": np.eye(3)}, {"out": np.ones((3, 2))})
    >>> examples.inputs["x"].shape
    (3, 3)
    """

    inputs: Arrays
    targets: Arrays

    def __post_init__(self) -> None:
        groups = {"inputs": self.inputs, "targets": self.targets}
        for what, group in groups.items():
            by_name(f"{what} of examples", group)
        check_labels(groups)
        for what, group in groups.items():
            arrays = {name: _samples(f"{what.removesuffix('s')} {name!r}", array) for name, array in group.items()}
            object.__setattr__(self, what, arrays)
        common_batch({f"input {n!r}": a for n, a in self.inputs.items()} | dict(self.targets))
        if not self.targets or not len(self):
            raise ParameterError("there are no examples: give targets for at least one sample")

    @classmethod
    def of(cls, source: Any, inputs: Chosen, targets: Chosen, *, flat: bool = False) -> Examples:
        """Samples out of something that holds inputs and targets together.

        Parameters
        ----------
        source
            A part of a data set, such as ``pcneuro.data.load("digits").train``, a DataFrame of pandas, or a Dataset of
            xarray whose dimension ``batch`` is that of samples.
        inputs, targets
            Of a part, the names that its inputs and targets have in the circuit. Else a dict from the circuit's names
            to columns or variables; a name, or a list of names, where these are the same. A column alone has shape
            (samples,), a list of columns (samples, columns), and a column of categories (samples, classes): a 1 at the
            class of each, in the order of ``.cat.categories``.
        flat
            Whether each sample becomes one row of numbers: images (1, 8, 8) rows of 64.

        Raises
        ------
        DataError
            For another source, values that are missing, or columns that hold no numbers.
        ParameterError, UnknownNameError
            For what is no name of a column, or one that is not there.
        ShapeError
            For labelled variables none of whose dimensions is ``batch``.

        Examples
        --------
        >>> import pandas
        >>> frame = pandas.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0], "kind": ["odd", "even"]})
        >>> frame["kind"] = frame["kind"].astype("category")
        >>> pcn.Examples.of(frame, {"x": ["a", "b"]}, {"out": "kind"}).targets["out"].tolist()
        [[0.0, 1.0], [1.0, 0.0]]
        """
        return cls(*arrays_of(source, inputs, targets, flat))

    def __len__(self) -> int:
        return len(next(iter(self.targets.values())))

    def take(self, indices: np.ndarray | slice) -> Examples:
        """The samples with these indices."""
        return Examples(
            {name: array[indices] for name, array in self.inputs.items()},
            {name: array[indices] for name, array in self.targets.items()},
        )

    def digest(self) -> str:
        """A digest of names, shapes and values, the same for the same examples only."""
        digest = hashlib.blake2b(digest_size=16)
        for group in (self.inputs, self.targets):
            for name, array in sorted(group.items()):
                digest.update(f"{name} {array.shape} {array.dtype}".encode())
                digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        return digest.hexdigest()


def _samples(what: str, value: Any) -> np.ndarray:
    """An array with the samples in front, of the type that it has. Raises ShapeError for a single number."""
    if isinstance(value, dict):
        raise DataError(f"{what} is a dict: give samples leaf by leaf, as graph.trees[...].leaves(tree) has them")
    array = plain_array(what, samples_first(what, value))
    if not array.ndim:
        raise ShapeError(f"{what} is a single number; give samples, as an array with an axis of them in front")
    return array


@dataclass(frozen=True)
class Score:
    """Mean loss a sample, and the share of targets whose most active output unit is the right one.

    For sequences every element counts as a target. The accuracy is NaN where targets are not one-hot over the last
    axis.
    """

    loss: float
    accuracy: float


def batches(samples: int, size: int, epoch: int, seed: int) -> Iterator[np.ndarray]:
    """Indices of the mini-batches of one epoch: a permutation that depends on seed and epoch alone, in pieces."""
    order = np.random.default_rng([seed, epoch]).permutation(samples)
    for first in range(0, samples, size):
        yield order[first : first + size]


Infer = Callable[[Arrays, Arrays], Arrays]
"""Output -> what it predicts, (samples, \\*shape), once latents are inferred from these inputs and targets."""


def evaluate(
    circuit: Circuit, parameters: Arrays, examples: Examples, output: str | None = None, infer: Infer | None = None
) -> Score:
    """Score predictions, in float64: those of the feedforward sweep, or what ``infer`` comes to.

    The losses of all outputs that have a target add up. The accuracy is that of ``output``, by default the only one
    that has a target; of several of which none is named there is none. What is inferred knows all targets, but for the
    accuracy that of ``output`` itself; where nothing else is known, there is no accuracy. Raises UnknownNameError for
    an output that has no target, and what ``backprop`` raises for examples that do not fit.
    """
    output = judged_output(examples, output)
    size = sum(node.size for node in circuit.graph.nodes.values() if node.name not in circuit.graph.parameters)
    step = max(1, CHUNK_BYTES // (8 * max(size, 1)))
    on_levels = circuit.graph.on_levels
    leaves = {name: on_levels(name, np.asarray(a, dtype=np.float64))[None] for name, a in parameters.items()}
    loss, right, judged = 0.0, 0, 0
    for first in range(0, len(examples), step):
        part = examples.take(slice(first, first + step))
        some = _score(circuit, leaves, part, output, infer)
        loss, right, judged = loss + some[0], right + some[1], judged + some[2]
    # Targets of which only some are one-hot are no classes.
    rows = len(examples) * (1 if output is None else max(1, int(np.prod(circuit.graph.outputs[output].shape[:-1]))))
    return Score(loss / len(examples), right / rows if judged == rows else float("nan"))


def judged_output(examples: Examples, output: str | None) -> str | None:
    """The output whose accuracy is scored; raises UnknownNameError for one that has no target."""
    names = list(examples.targets)
    if output is None:
        return names[0] if len(names) == 1 else None
    if not isinstance(output, str) or output not in names:
        raise unknown_name("output to score", output, names)
    return output


def _score(
    circuit: Circuit, leaves: Arrays, examples: Examples, output: str | None, infer: Infer | None
) -> tuple[float, int, int]:
    """Summed loss, targets that are predicted, and targets that are one-hot."""
    graph = circuit.graph
    inputs = check_inputs(graph, examples.inputs)
    goals = check_targets(graph, examples.targets, circuit.energies, circuit.precision)
    if infer is None:
        values = forward_pass(graph, {**inputs, **leaves})
        predictions: Arrays = {name: values[graph.outputs[name].name] for name in goals}
    else:
        predictions = infer(inputs, goals)
    loss = 0.0
    for name, goal in goals.items():
        vertex = graph.outputs[name].name
        predicted = np.broadcast_to(predictions[name], goal.shape).astype(np.float64)
        loss += float(circuit.energies[vertex].value(goal, predicted, circuit.precision[vertex]).sum())
    if output is None or goals[output].ndim < 2 or goals[output].shape[-1] < 2:
        return loss, 0, 0
    goal = goals[output]
    one_hot = (np.isin(goal, (0.0, 1.0)).all(axis=-1)) & (goal.sum(axis=-1) == 1)
    if infer is not None and one_hot.any():
        others = {name: array for name, array in goals.items() if name != output}
        if not inputs and not others:
            return loss, 0, 0
        predictions = infer(inputs, others)
    guess = np.broadcast_to(predictions[output], goal.shape)
    right = (guess.argmax(axis=-1) == goal.argmax(axis=-1)) & one_hot
    return loss, int(right.sum()), int(one_hot.sum())
