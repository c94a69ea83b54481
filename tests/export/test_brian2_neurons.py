"""Noise, and error neurons with time constants, in Brian2 at the level of rates."""

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError
from pcneuro.export import brian2
from pcneuro.export.brian2.library import library
from tests.circuits_for_tests import data_for, every_dynamics, mlp
from tests.export.test_brian2 import agree, every_target

# Brian2 calls what its own dependencies have renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


LEAKY = [{"h1": 3.0}, {"h1": 4.0, "h2": np.linspace(2.0, 5.0, 6), "out": 2.0}]


@every_dynamics
@every_target
@pytest.mark.parametrize("error_tau", LEAKY, ids=["of h1", "of all"])
@pytest.mark.halved
@pytest.mark.parametrize("integrator", [pcn.Euler(0.5), pcn.ExponentialEuler(0.5)], ids=repr)
def test_error_neurons_with_a_time_constant(integrator, error_tau, dynamics, target):
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)), precision={"h1": 1.5, "out": 2.0}, error_tau=error_tau)
    agree(circuit, *data_for(circuit.graph, 3), dynamics=dynamics, target=target, integrator=integrator)


def test_spiking_neurons_refuse_error_neurons_with_a_time_constant():
    circuit = pcn.build_circuit(mlp((5, 7, 3)), error_tau={"h1": 3.0})
    inputs, targets = data_for(circuit.graph, 1)
    with pytest.raises(ParameterError, match=r"error neurons of 'h1' have a time constant, .* spiking neurons: build"):
        brian2.spiking(circuit, inputs=inputs, targets=targets)


NOISY = {"h1": pcn.WhiteNoise(np.linspace(0.1, 0.4, 4)), "h1.error": pcn.WhiteNoise(0.2), "out": pcn.WhiteNoise(0.3)}


@every_dynamics
@pytest.mark.parametrize("noise", [NOISY, {"h1": pcn.OrnsteinUhlenbeck(0.5, 4.0)}], ids=["white", "coloured"])
@pytest.mark.halved
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(1.0)], ids=repr)
def test_noise_has_the_kernels_statistics(integrator, noise, dynamics):
    """Deviations of samples that are alike but for their noise: of both within the error of their ratio."""
    circuit = pcn.build_circuit(mlp((3, 4, 2)), precision={"h1": 2.0}, error_tau={"h1": 6.0}, noise=noise)
    samples = 800
    inputs = {"x": np.tile(np.array([0.5, -1.0, 1.0]), (samples, 1))}
    library().seed(3)
    network = brian2.rate(circuit, inputs=inputs, dynamics=dynamics, integrator=integrator)
    made = network.run(25.0)
    sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=integrator, seed=3)
    ours = sim.run(25.0, inputs=inputs)
    for got, wanted in ((made.values["h1"], ours.values["h1"]), (made.errors["h1"], ours.errors["h1"])):
        ratio = got.var(axis=0) / wanted.var(axis=0)
        # Four standard errors of the ratio of two variances, and for coloured noise a step's delay.
        np.testing.assert_allclose(ratio, 1.0, atol=4 * np.sqrt(4 / samples) + 0.1 * ("out" not in noise))


def test_noise_of_errors_at_once_is_refused():
    circuit = pcn.build_circuit(mlp((3, 4, 2)), noise={"h1.error": pcn.WhiteNoise(0.1)})
    with pytest.raises(ParameterError, match="error neurons of 'h1' have noise and no time constant"):
        brian2.rate(circuit, inputs={"x": np.ones(3)})
