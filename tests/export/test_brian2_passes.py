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


@pytest.mark.parametrize("name", ["perceptron", pytest.param("einsums", marks=pytest.mark.long), "sparse weights"])
def test_all_passes_one_behind_the_other(name):
    plain = ACYCLIC[name]()
    circuit, data = passes.apply(plain, ALL), given(plain)
    network = brian2.rate(circuit, **data, dynamics=pcn.Strict(), integrator=pcn.Euler(0.5), target="numpy")
    found = network.run(5.0)
    wanted = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(0.5)).run(5.0, **data)
    for vertex, values in wanted.values.items():
        close(np.asarray(found.values[vertex]), values, vertex, activity=10.0)
