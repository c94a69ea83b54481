"""The result of a run, its free energy, and the comparison of gradients with a reference."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError, ShapeError, told, unknown_name
from pcneuro.graph.graph import all_finite
from pcneuro.model.dynamics import deviation, masked
from pcneuro.norms import cosine, norm
from pcneuro.tables import html

if TYPE_CHECKING:
    import xarray

Arrays = Mapping[str, np.ndarray]

_CURE = "give two results of the same graph"


class Status(enum.StrEnum):
    """How a run ended.

    Examples
    --------
    >>> pcn.Simulator(circuit).run(10.0, **data).status is pcn.Status.COMPLETED
    True
    """

    COMPLETED = "completed"
    UNSETTLED = "unsettled"
    INTERRUPTED = "interrupted"
    DIVERGED = "diverged"


@dataclass(frozen=True)
class Result:
    """State of a circuit at the end of a run.

    Attributes
    ----------
    gradients : dict of arrays
        Parameter -> dL/dparameter, summed over the batch, of the parameter's shape: minus the Hebbian change.
    values, errors, predictions : dict of arrays
        Vertex (and output) -> activity of shape (batch, \\*shape). ``errors`` are -dL/dprediction at the equilibrium of
        fixed prediction. Latents without a prior have no errors.
    records : xarray.Dataset
        What was recorded, with dimensions ``time`` (ms), ``batch`` and ``<vertex>_unit``, whatever else is recorded;
        ``time_5ms`` and so on where records differ in their intervals (docs/simulations.md).
    loss : float
        Energies of the outputs that have a target, summed over the batch.
    energy : float
        Variational free energy: the loss, and 1/2 e^2 / precision of every other vertex, summed over the batch.
    status : Status
        ``"completed"``, ``"unsettled"`` (its limit came before equilibrium), ``"interrupted"`` or ``"diverged"``.
    message : str
        What happened and, where the run did not complete, what to do.
    time : float
        Simulated time at the end, in ms.
    stats : dict
        Steps, wall-clock seconds, threads, sizes.
    events : xarray.Dataset, optional
        The events that ``RecordEvents`` asked for, with the dimension event: time (ms), sample, population, unit,
        change. Those on disk are read when they are asked for.
    activity : xarray.Dataset, optional
        Counts by neuron since the start of the simulation, from engines that have events: ``events``,
        ``Effective_MACs`` and ``synaptic_operations``, with the dimensions batch and neuron, of which ``population``
        (``"h1.error"``) and ``unit`` say which it is. Those in ``stats`` are their sums.
    axons : xarray.Dataset, optional
        How often each axon has sent since then, ``sends``, with the dimensions batch and axon, of which ``branch``
        (``"feedback:h1"``) and ``unit`` say which it is; and whether the activity behind it was other than 0 at the
        feedforward sweep (``active``). A neuron has several where its dendrite has branches, and circuits are mapped by
        them.
    parameters : dict of arrays
        Parameter -> its value at the end, which plasticity may have changed; learned variances are
        ``"<vertex>.variance"``.
    perturbations : tuple
        Those of the run, which ``records`` have as JSON in the attribute of this name.

    Examples
    --------
    >>> result = pcn.Simulator(circuit).run(500.0, **data)
    >>> result.errors["h"].shape
    (1, 5)
    >>> sorted(result.gradients)
    ['W1', 'W2']
    """

    gradients: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    predictions: dict[str, np.ndarray]
    records: xarray.Dataset = field(repr=False)
    loss: float
    energy: float
    status: Status
    message: str
    time: float
    stats: dict[str, Any]
    events: xarray.Dataset | None = field(default=None, repr=False)
    activity: xarray.Dataset | None = field(default=None, repr=False)
    axons: xarray.Dataset | None = field(default=None, repr=False)
    parameters: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    perturbations: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"<{self._heading}>"

    @property
    def _heading(self) -> str:
        return f"Result at {self.time:g} ms: {self.status}, loss {self.loss:.6g}, free energy {self.energy:.6g}"

    def _repr_html_(self) -> str:
        rows = []
        for name, values in self.values.items():
            largest = [
                f"{np.abs(a).max():.4g}" if a is not None and a.size else "-" for a in (values, self.errors.get(name))
            ]
            rows.append([name, str(values.shape), *largest])
        return html(self._heading, ("population", "shape", "largest |value|", "largest |error|"), rows)


class HasGradients(Protocol):
    """A result, or backprop's."""

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """Parameter -> gradient."""


@dataclass(frozen=True)
class Agreement:
    """How one parameter's gradient agrees with the reference's.

    ``cosine`` is NaN where either is zero; ``norm_ratio`` is |gradient| / |reference|, ``relative_error`` is
    |gradient - reference| / |reference| (both NaN or infinite where the reference is zero).
    """

    parameter: str
    cosine: float
    norm_ratio: float
    relative_error: float


@dataclass(frozen=True)
class Comparison:
    """A row for each parameter; prints as a table."""

    rows: tuple[Agreement, ...]

    def __getitem__(self, parameter: str) -> Agreement:
        for row in self.rows:
            if row.parameter == parameter:
                return row
        raise unknown_name("parameter", parameter, [row.parameter for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def worst(self) -> float:
        """Largest relative error; NaN, if there is one, is the worst of all."""
        return float(np.max([row.relative_error for row in self.rows], initial=0.0))

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Parameter -> its numbers."""
        return {
            r.parameter: {"cosine": r.cosine, "norm_ratio": r.norm_ratio, "relative_error": r.relative_error}
            for r in self.rows
        }

    def _repr_html_(self) -> str:
        heading = f"Comparison of {len(self)} parameter(s): relative error {self.worst:.3g} at most"
        rows = [[r.parameter, f"{r.cosine:.9f}", f"{r.norm_ratio:.9f}", f"{r.relative_error:.3e}"] for r in self.rows]
        return html(heading, ("parameter", "cosine", "norm ratio", "relative error"), rows)

    def __str__(self) -> str:
        width = max([len("parameter"), *(len(r.parameter) for r in self.rows)])
        lines = [f"{'parameter':<{width}}  {'cosine':>12}  {'norm ratio':>12}  {'relative error':>14}"]
        lines += [
            f"{r.parameter:<{width}}  {r.cosine:>12.9f}  {r.norm_ratio:>12.9f}  {r.relative_error:>14.3e}"
            for r in self.rows
        ]
        return "\n".join(lines)


def agreement(parameter: str, gradient: np.ndarray, reference: np.ndarray) -> Agreement:
    """Cosine, norm ratio and relative error of one gradient, computed in float64."""
    g, r = (np.asarray(a, dtype=np.float64).ravel() for a in (gradient, reference))
    size, other = float(norm(g)), float(norm(r))
    if other == 0.0:
        return Agreement(
            parameter, float("nan"), float("nan") if size == 0 else float("inf"), 0.0 if size == 0 else float("inf")
        )
    return Agreement(parameter, cosine(g, r), size / other, float(norm(g - r)) / other)


def compare(result: HasGradients, reference: HasGradients) -> Comparison:
    """Compare gradients parameter by parameter: cosine, norm ratio, relative error.

    The cosine alone is blind where a gradient is a single number, or shrinks as a whole. Raises ParameterError where
    one of the two has no gradients or other parameters than the other, and ShapeError where their shapes differ.

    Examples
    --------
    >>> result = pcn.Simulator(circuit).run(1000.0, **data)
    >>> comparison = pcn.compare(result, pcn.backprop(circuit, **data))
    >>> sorted(comparison.as_dict())
    ['W1', 'W2']
    """
    gradients, references = _gradients("first", result), _gradients("second", reference)
    for name in [*gradients, *references]:
        if name not in gradients or name not in references:
            which = "first" if name in gradients else "second"
            raise ParameterError(f"compare: only the {which} has a parameter {name!r}; {_CURE}")
        one, other = np.shape(gradients[name]), np.shape(references[name])
        if one != other:
            raise ShapeError(f"compare: parameter {name!r} is of shape {one} in the one, {other} in the other; {_CURE}")
    return Comparison(tuple(agreement(name, gradient, references[name]) for name, gradient in gradients.items()))


def _gradients(which: str, source: Any) -> Mapping[str, np.ndarray]:
    gradients = getattr(source, "gradients", None)
    if not isinstance(gradients, Mapping):
        raise ParameterError(
            f"compare: the {which} is {told(source)}, without gradients; give what run() or pcn.backprop returned"
        )
    return gradients


def free_energy(
    circuit: Circuit,
    clamped: Collection[str],
    values: Arrays,
    errors: Arrays,
    predictions: Arrays,
    precisions: Arrays,
) -> tuple[float, float]:
    """The energies of the clamped outputs, and what all other errors add, summed over the batch."""
    loss = rest = 0.0
    for name in circuit.vertices:
        if not circuit.has_prediction(name):
            continue
        precision = precisions[name]
        if name in circuit.energies and name in clamped:
            wide, goal = predictions[name].astype(np.float64), values[name].astype(np.float64)
            loss += float(circuit.energies[name].value(goal, wide, precision).sum())
        else:
            error = errors[name].reshape(len(errors[name]), -1)
            if name in circuit.leaky_errors or name in circuit.noisy_errors:
                # It is of what they are at once, without noise.
                error = (precision * deviation(values[name], predictions[name])).reshape(error.shape)
            weighted = error
            if not (precision == 1).all():
                # Silent error neurons have none, and no part in it.
                weighted = np.divide(error, precision.ravel(), out=np.zeros_like(error), where=precision.ravel() > 0)
            # Sample by sample, so that float32 is wide enough.
            rest += 0.5 * float(np.einsum("bi,bi->b", error, weighted).sum(dtype=np.float64))
    return loss, rest


def not_finite(groups: Mapping[str, Arrays], predictions: Arrays) -> tuple[str, str] | None:
    """The first group and name of an array that is not finite throughout.

    An infinite prediction, as under a mask, and a value that is there, have not diverged.
    """
    for kind, arrays in groups.items():
        for name, array in arrays.items():
            if all_finite(array):
                continue
            may_be = kind in ("prediction", "value") and name in predictions
            if not may_be or not (np.isfinite(array) | masked(predictions[name], array)).all():
                return kind, name
    return None


def not_finite_message(what: str, name: str, time: float, dtype: np.dtype) -> str:
    """The message that something of a population is not finite, with what may be the reason."""
    return (
        f"the {what} of {name!r} is not finite at {time:g} ms: look there for a logarithm, root, quotient or "
        f"exponential outside its range, or numbers too large for {dtype}; then call reset()"
    )
