"""The audit finds what is planted: rules and operators that read what they are not adjacent to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.model.plasticity.abstract import DESCENT, PLASTICITY, AbstractPlasticity
from pcneuro.ops.base import OPERATORS, apply
from pcneuro.ops.maps import Map
from tests.analysis.audited import W1, W2, two_layers


@dataclass(frozen=True)
class Planted(AbstractPlasticity):
    """A rule that reads the value neurons of a vertex, wherever that is."""

    vertex: str
    tau: float = 100.0
    decay: float = 0.0
    bounds: tuple[float, float] | None = None
    every: float | None = None

    def drive(self, activity, name):
        return activity.hebbian(name) * activity.value[self.vertex].mean()

    @property
    def equation(self):
        return DESCENT


@dataclass(frozen=True)
class Normalised(Planted):
    """Global normalisation: every synapse has to know all others."""

    def drive(self, activity, name):
        drive = activity.hebbian(name)
        return drive / np.sqrt((drive**2).sum())


@dataclass(frozen=True)
class OfAnother(Planted):
    """The change of another parameter, of the same shape or not."""

    def drive(self, activity, name):
        return activity.hebbian(name) * activity.hebbian(self.vertex).sum()


@dataclass(frozen=True)
class Gated(Planted):
    """A reward, say, that only says whether something is above a threshold."""

    threshold: float = 0.0

    def drive(self, activity, name):
        read = activity.parameters.get(self.vertex, activity.value.get(self.vertex))
        return activity.hebbian(name) * (np.abs(read).max() * np.sign(read.sum()) > self.threshold)


@pytest.fixture(autouse=True)
def _unplanted():
    yield
    for cls in (Planted, Normalised, OfAnother, Gated):
        PLASTICITY.pop(cls.__name__, None)


def test_a_rule_that_reads_another_vertex_is_caught_by_name():
    audit = pcn.audit(two_layers(plasticity={"W1": Planted("y")}), dynamics=pcn.Strict())
    assert not audit.certified
    row = audit["W1"]
    assert (row.local, row.others) == (False, ("y.value",))
    assert row.interventions.unchanged == 0
    assert "W1 reads y.value" in str(audit)
    assert all(other.local for other in audit.rows if other.name != "W1")


def test_a_rule_that_reads_its_own_vertex_is_local_to_the_population_but_not_to_a_synapse():
    row = pcn.audit(two_layers(plasticity={"W1": Planted("h")}), dynamics=pcn.Strict())["W1"]
    assert row.others == ()
    assert row.interventions.singles > row.interventions.singles_unchanged == 0
    assert not row.local


def test_global_normalisation_is_caught_at_single_synapses():
    audit = pcn.audit(two_layers(plasticity={"W2": Normalised("h")}), dynamics=pcn.Strict(), singles=6)
    row = audit["W2"]
    assert (row.local, row.others) == (False, ())
    assert (row.interventions.singles, row.interventions.singles_unchanged) == (6, 0)
    assert "W2 reads units that it has nothing to do with" in str(audit)


def test_a_rule_that_reads_the_change_of_other_synapses_is_caught():
    row = pcn.audit(two_layers(plasticity={"W2": OfAnother("W1")}), dynamics=pcn.Strict())["W2"]
    assert {"h.error", "x.value"} <= set(row.others)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("rule", "others"), [(Gated("y"), "y.value"), (Gated("W2"), "W2"), (Gated("y", threshold=1.0), "y.value")], ids=repr
)
def test_a_threshold_is_read_though_two_states_may_be_on_the_same_side_of_it(rule, others, seed):
    row = pcn.audit(two_layers(plasticity={"W1": rule}), dynamics=pcn.Strict(), seed=seed)["W1"]
    assert (row.local, row.others) == (False, (others,))


def test_so_is_one_of_all_synapses_by_a_single_one():
    row = pcn.audit(two_layers(plasticity={"W1": Gated("W1")}), dynamics=pcn.Strict())["W1"]
    assert (row.local, row.others) == (False, ())
    assert row.interventions.singles > row.interventions.singles_unchanged


SEEN: list[np.ndarray] = []


@dataclass(frozen=True)
class Spying(Map):
    """tanh that leaves what it is of for others to see."""

    kind: ClassVar[str] = "spying"
    function: str = "tanh"

    def forward(self, *operands):
        SEEN[:] = [operands[0]]
        return super().forward(*operands)


@dataclass(frozen=True)
class Peeking(Map):
    """tanh, the derivative of which is multiplied by what another operator has seen."""

    kind: ClassVar[str] = "peeking"
    function: str = "tanh"

    def vjp(self, k, gradient, output, *operands):
        return super().vjp(k, gradient, output, *operands) * (SEEN[0].mean() if SEEN else 1.0)


def test_an_operator_whose_derivative_reads_something_else_is_caught():
    def function(x, W1, W2):
        h = pcn.vertex(apply(Peeking(), x @ W1), "h")
        y = pcn.vertex(h @ W2, "y")
        return {"y": y, "z": pcn.vertex(apply(Spying(), y), "z")}

    try:
        graph = pcn.trace(function, x=pcn.Input((4,)), W1=pcn.Parameter(W1), W2=pcn.Parameter(W2))
        audit = pcn.audit(pcn.build_circuit(graph), dynamics=pcn.Strict())
    finally:
        for kind in ("spying", "peeking"):
            OPERATORS.pop(kind, None)
    assert "y.value" in audit["W1"].others
    assert not audit["W1"].local
    assert audit["W2"].local
