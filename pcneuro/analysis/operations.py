"""Gradient error against synaptic operations, by events and by steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.units import UnitGraph
from pcneuro.engines.events.network import NetworkLayout
from pcneuro.norms import cosine, norm
from pcneuro.simulator.result import HasGradients, compare


def operations(stats: Mapping[str, Any]) -> int:
    """Synaptic operations of a run by events of all samples: events times the synapses that they went through."""
    return int(stats["Effective_MACs"])


def feedback_synapses(circuit: Circuit, held: Collection[str]) -> int:
    """Synapses through which errors go back to value neurons that are free, where the vertices ``held`` are clamped.

    These are all that an event could go through, each once, so what a clocked engine that skips nothing does for each
    sample in each step, counted as in ``operations``. Raises ParameterError for an operator that is not known in single
    units.
    """
    layout = NetworkLayout(UnitGraph(circuit), held, np.dtype(np.float64), {}, strict=False)
    return int(layout.down.synapses.sum())


@dataclass(frozen=True)
class GradientError:
    """How far gradients are from a reference: |gradient - reference| / |reference| and the cosine, over all parameters.

    ``worst`` is the largest such error of one parameter, ``worst_parameter`` its name.
    """

    error: float
    cosine: float
    worst: float
    worst_parameter: str


def gradient_error(result: HasGradients, reference: HasGradients) -> GradientError:
    """How far all gradients of a result are from those of a reference, together and the worst of them."""
    with np.errstate(all="ignore"):
        rows = compare(result, reference).rows
        gradient, exact = (
            np.concatenate([np.ravel(each.gradients[row.parameter]).astype(np.float64) for row in rows])
            for each in (result, reference)
        )
        error = norm(gradient - exact) / norm(exact)
        # NaN, if there is one, is the worst of all.
        worst = rows[int(np.argmax([row.relative_error for row in rows]))]
    return GradientError(float(error), cosine(gradient, exact), worst.relative_error, worst.parameter)


def first_at(errors: Sequence[float] | np.ndarray, wanted: float) -> int | None:
    """The first step at which ``errors``, by number of steps done, are ``wanted`` or less; None if they never are.

    A clocked engine could stop there, also where errors rise again later: this is the least that it has to do.
    """
    below = np.flatnonzero(np.asarray(errors) <= wanted)
    return int(below[0]) if len(below) else None
