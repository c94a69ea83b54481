"""Wrong values for what is asked of apical dendrites."""

from __future__ import annotations

import numpy as np

import pcneuro as pcn
from pcneuro import passes
from tests.robustness.wrong_calls import Row
from tests.robustness.wrong_values import flags, numbers, whole_numbers


def made(**settings: object) -> pcn.Circuit:
    """Microcircuits of two layers."""
    graph = pcn.trace(
        lambda x, W, V: pcn.vertex(pcn.vertex(np.tanh(x @ W), "h") @ V, "y"),
        x=pcn.Input((3,)),
        W=pcn.Parameter(np.ones((3, 4))),
        V=pcn.Parameter(np.ones((4, 2))),
    )
    return passes.apply(pcn.build_circuit(graph), passes.Dendritic(**settings))  # type: ignore[arg-type]


ROWS = [
    *(
        Row("Dendritic", name, 0.25, numbers(0.25, low=0.0, high=1.0), lambda v, name=name: made(**{name: v}))
        for name in ("apical_gain", "nudging", "teaching")
    ),
    *(
        Row(
            "Dendritic",
            name,
            100.0,
            numbers(100.0, low=0.0, above=True, time=True, none=name != "tau_dendrites"),
            lambda v, name=name: made(**{name: v}),
            but=("none",),
        )
        for name in ("tau", "tau_interneurons", "tau_dendrites")
    ),
    Row("Dendritic", "self_predicting", False, flags(False), lambda v: made(self_predicting=v)),
    Row("Dendritic", "seed", 3, whole_numbers(3), lambda v: made(seed=v)),
]
