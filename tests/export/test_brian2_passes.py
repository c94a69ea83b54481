"""Circuits that passes have made, in Brian2 at the level of rates, against the kernel."""

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes
from pcneuro.export import brian2
from tests.circuit.passes.circuits_for_passes import ACYCLIC, given
from tests.export.agreement import close

# Brian2 calls what its own dependencies have renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")

ALL = [
    passes.LearnedFeedback(),
    passes.NoDerivative(),
    passes.RandomErrorConnectivity(scale=0.3, diagonal=1.0),
    passes.SplitErrors(0.5),
    passes.Dale(5.0, own=True),
]


@pytest.mark.parametrize(
    "name", ["perceptron", *(pytest.param(name, marks=pytest.mark.long) for name in ("einsums", "sparse weights"))]
)
def test_all_passes_one_behind_the_other(name):
    plain = ACYCLIC[name]()
    circuit, data = passes.apply(plain, ALL), given(plain)
    network = brian2.rate(circuit, **data, dynamics=pcn.Strict(), integrator=pcn.Euler(0.5), target="numpy")
    found = network.run(5.0)
    wanted = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(0.5)).run(5.0, **data)
    for vertex, values in wanted.values.items():
        close(np.asarray(found.values[vertex]), values, vertex, activity=10.0)


@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
def test_messages_of_few_bits(dynamics):
    plain = ACYCLIC["perceptron"]()
    few = [passes.QuantizeValues(4, 2.0), passes.QuantizeErrors(5, 1.0)]
    circuit, data = passes.apply(plain, few), given(plain)
    settings = {"dynamics": dynamics, "integrator": pcn.Euler(0.5)}
    found = brian2.rate(circuit, **data, **settings, target="numpy").run(10.0)
    wanted, whole = (pcn.Simulator(each, **settings).run(10.0, **data) for each in (circuit, plain))
    for vertex, errors in wanted.errors.items():
        close(np.asarray(found.errors[vertex]), errors, vertex, activity=10.0)
    assert max(np.abs(wanted.errors[vertex] - whole.errors[vertex]).max() for vertex in whole.errors) > 1e-3


def test_messages_beside_plasticity_and_drawn_ones_are_refused():
    plain = ACYCLIC["perceptron"]()
    learning = passes.apply(plain, passes.QuantizeErrors(5, 1.0))
    learning = learning.with_plasticity({next(iter(learning.parameters)): pcn.Hebbian(100.0)})
    drawn = passes.apply(plain, passes.QuantizeErrors(5, 1.0, rounding=passes.Stochastic(1)))
    for circuit, match in ((learning, "an export with plasticity"), (drawn, r"or rounding=Nearest\(\)")):
        with pytest.raises(pcn.PcneuroError, match=match):
            brian2.rate(circuit, **given(plain), dynamics=pcn.Strict())
