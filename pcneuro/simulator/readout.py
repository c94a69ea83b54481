"""What is computed from the activities at the end of a run: free energy, and whether all is finite."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.graph.graph import all_finite

Arrays = Mapping[str, np.ndarray]


def free_energy(
    circuit: Circuit, clamped: Collection[str], values: Arrays, errors: Arrays, predictions: Arrays
) -> tuple[float, float]:
    """The energies of the clamped outputs, and what all other errors add, summed over the batch."""
    loss = rest = 0.0
    for name in circuit.vertices:
        if not circuit.has_prediction(name):
            continue
        precision = circuit.precision[name]
        if name in circuit.energies and name in clamped:
            wide, goal = predictions[name].astype(np.float64), values[name].astype(np.float64)
            loss += float(circuit.energies[name].value(goal, wide, precision).sum())
        else:
            error = errors[name].reshape(len(errors[name]), -1)
            weighted = error if (precision == 1).all() else error / precision.ravel()
            # Sample by sample, so that float32 is wide enough.
            rest += 0.5 * float(np.einsum("bi,bi->b", error, weighted).sum(dtype=np.float64))
    return loss, rest


def not_finite(groups: Mapping[str, Arrays]) -> tuple[str, str] | None:
    """The first group and name of an array that is not finite throughout."""
    for kind, arrays in groups.items():
        for name, array in arrays.items():
            if not all_finite(array):
                return kind, name
    return None


def told_not_finite(what: str, name: str, time: float, dtype: np.dtype) -> str:
    """That something of a population is not finite, and what may be the reason."""
    return (
        f"the {what} of {name!r} is not finite at {time:g} ms: look there for a logarithm, root, quotient or "
        f"exponential outside its range, or numbers too large for {dtype}; then call reset()"
    )
