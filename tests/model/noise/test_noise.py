"""Noise: the generator against published numbers, and samples against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.kernels import noise as drawing
from pcneuro.kernels.philox import normals, philox
from tests.circuits_for_tests import mlp
from tests.model.noise.noisy_for_tests import KINDS, every_engine

FAR = 5.0
"""Standard errors that a statistic of a fixed seed may be off."""

KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN, ids=["zeros", "ones", "digits of pi"])
def test_the_generator_gives_the_published_words(counter, key, words) -> None:
    """Known-answer vectors of philox4x32-10 (Salmon et al. 2011, Random123)."""
    assert philox(np.array(counter, dtype=np.uint64), key).tolist() == list(words)


def test_normal_numbers_are_made_as_they_are_described() -> None:
    step, seed, stream, sample, unit = 2**33 + 5, 77, 3, 4, 6
    counter = np.array([step % 2**32, step // 2**32, unit // 4, sample], dtype=np.uint64)
    u = (philox(counter, (seed, stream)).astype(float) + 0.5) / 2**32
    wanted = np.sqrt(-2 * np.log(u[2])) * np.cos(2 * np.pi * u[3])
    assert normals(seed, stream, step, 9, 2, first=3)[1, unit] == pytest.approx(wanted, rel=1e-15)


@pytest.mark.parametrize(("units", "lanes"), [(1, 1), (4, 8), (7, 3), (10, 16)])
def test_the_compiled_numbers_are_those_of_numpy(units, lanes) -> None:
    width, blocks = drawing.padded(lanes), -(-units // 4)
    for step in (0, 1, 2**32 - 1, 2**40 + 3):
        out = np.zeros(4 * blocks * width)
        drawing.draw(out, blocks, width, 11, step, 2**32 - 1, 5)
        wanted = normals(2**32 - 1, 5, step, 4 * blocks, width, 11).T.ravel()
        np.testing.assert_allclose(out, wanted, rtol=1e-13, atol=1e-15)


def test_numbers_are_normal_and_independent() -> None:
    z = np.stack([normals(1, 0, step, 64, 500) for step in range(20)])
    count = z.size
    assert abs(z.mean()) < FAR / np.sqrt(count)
    assert abs((z**2).mean() - 1) < FAR * np.sqrt(2 / count)
    assert abs((z**4).mean() - 3) < FAR * np.sqrt(96 / count)
    for a, b in ((z[1:], z[:-1]), (z[:, 1:], z[:, :-1]), (z[..., 1:], z[..., :-1]), (z[..., 0::2], z[..., 1::2])):
        assert abs((a * b).mean()) < FAR / np.sqrt(a.size)


# Against closed forms


def leaky(precision: float, sigma: float, **settings) -> pcn.Circuit:
    """A unit that only leaks: a latent with a prior, whose child is not looked at."""
    graph = pcn.trace(lambda x: pcn.vertex(0.0 * x, "y"), x=pcn.Latent((8,), prior=0.0))
    return pcn.build_circuit(graph, precision={"x": precision}, noise={"x": pcn.WhiteNoise(sigma)}, **settings)


def variance(circuit: pcn.Circuit, integrator, engine, samples: int, steps: int, vertex: str = "x", targets=None):
    """Mean square of a vertex at the end, of samples that are independent, and its standard error if it is normal."""
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=integrator, engine=engine, seed=12)
    goal = np.zeros((samples, 8)) if targets is None else targets
    last = sim.run(steps * integrator.dt, targets={"y": goal}).values[vertex]
    square = (last**2).mean()
    return square, square * np.sqrt(2 / last.size)


@every_engine
def test_euler_and_maruyamas_variance(engine) -> None:
    """1 / (lambda (1 - lambda dt / 2 tau)) = 0.555556 for lambda = 2, dt / tau = 0.1."""
    got, error = variance(leaky(2.0, 1.0), pcn.Euler(1.0), engine, 4000, 80)
    assert error < 0.005
    assert abs(got - 0.555556) < FAR * error


@every_engine
@pytest.mark.parametrize("dt", [1.0, 20.0])
def test_exponential_steps_have_the_exact_variance_at_any_dt(engine, dt) -> None:
    got, error = variance(leaky(2.0, 3.0), pcn.ExponentialEuler(dt), engine, 4000, round(80 / dt) + 1)
    assert abs(got - 9.0 / 2.0) < FAR * error


def test_runge_kuttas_variance() -> None:
    """v <- R(-z) v + sigma sqrt(2 dt / tau) xi: 2 (dt / tau) / (1 - R^2)."""
    z = 0.2
    kept = 1 - z + z**2 / 2 - z**3 / 6 + z**4 / 24
    got, error = variance(leaky(2.0, 1.0), pcn.RungeKutta4(1.0), KINDS[1], 4000, 80)
    assert abs(got - 2 * 0.1 / (1 - kept**2)) < FAR * error


@every_engine
def test_a_linear_circuit_samples_its_posterior(engine) -> None:
    """Covariance (1 + pi W W^T)^-1, mean pi (1 + pi W W^T)^-1 W y of x with prior N(0, 1) and y ~ N(x W, 1 / pi)."""
    W, pi, y = np.array([[1.0, 0.5, -0.5], [0.0, 1.0, 1.0]]), 2.0, np.array([1.0, -0.5, 2.0])
    graph = pcn.trace(lambda x, W: pcn.vertex(x @ W, "y"), x=pcn.Latent((2,), prior=0.0), W=pcn.Parameter(W))
    circuit = pcn.build_circuit(graph, precision={"y": pi}, noise={"x": pcn.WhiteNoise(1.0)})
    dt = 0.1
    samples = 4000
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(dt), engine=engine, seed=5)
    last = sim.run(60.0, targets={"y": np.tile(y, (samples, 1))}).values["x"]
    curvature = np.eye(2) + pi * W @ W.T
    mean = pi * np.linalg.solve(curvature, W @ y)
    # Of Euler's steps exactly, of which dt -> 0 is the inverse of the curvature.
    wanted = np.linalg.inv(curvature @ (np.eye(2) - curvature * dt / 20.0))
    np.testing.assert_allclose(wanted, np.linalg.inv(curvature), rtol=0.05, atol=0.002)
    deviation = np.sqrt(np.diag(wanted))
    assert (abs(last.mean(axis=0) - mean) < FAR * deviation / np.sqrt(samples)).all()
    spread = np.outer(deviation, deviation)
    error = np.sqrt((spread**2 + wanted**2) / samples)  # of Wishart's distribution
    assert (abs(np.cov(last.T) - wanted) < FAR * error).all()


@every_engine
def test_ornstein_uhlenbeck_noise_has_its_deviation_and_forgets_itself(engine) -> None:
    """Of a unit without a leak, dv/dt = eta / tau: autocovariance sigma^2 exp(-lag / tau_n), at steps of tau_n."""
    dt, tau, sigma = 5.0, 10.0, 0.7
    graph = pcn.trace(lambda x: pcn.vertex(0.0 * x, "y"), x=pcn.Latent((8,)))
    circuit = pcn.build_circuit(graph, noise={"x": pcn.OrnsteinUhlenbeck(sigma, 5.0)})
    record = [pcn.Record("x", "value", every=dt)]
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(dt), engine=engine, seed=1)
    result = sim.run(150.0, targets={"y": np.zeros((1000, 8))}, record=record)
    eta = np.diff(result.records["x.value"].values, axis=0)[10:] * tau / dt
    count = eta[0].size
    for lag in (0, 1, 2):
        wanted = sigma**2 * np.exp(-lag * dt / 5.0)
        each = (eta[lag:] * eta[: len(eta) - lag]).mean(axis=(1, 2)) if lag else (eta**2).mean(axis=(1, 2))
        assert (abs(each - wanted) < FAR * np.sqrt((sigma**4 + wanted**2) / count)).all()
    assert abs(eta.mean()) < FAR * sigma * np.sqrt(3.0 / eta.size)  # correlated: (1 + a) / (1 - a) < 3


def test_ornstein_uhlenbeck_noise_begins_at_zero() -> None:
    circuit = pcn.build_circuit(
        pcn.trace(lambda x: pcn.vertex(0.0 * x, "y"), x=pcn.Latent((8,))), noise=pcn.OrnsteinUhlenbeck(1.0, 10.0)
    )
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), seed=1)
    last = sim.run(1.0, targets={"y": np.zeros((2000, 8))}).values["x"]
    wanted = 0.1**2 * -np.expm1(-0.2)
    assert abs((last**2).mean() / wanted - 1) < FAR * np.sqrt(2 / last.size)


@every_engine
@pytest.mark.parametrize("integrator", [pcn.Euler(0.5), pcn.ExponentialEuler(0.5)], ids=repr)
def test_noise_of_error_neurons_with_a_time_constant(integrator, engine) -> None:
    """tau_e de = (-Sigma e) dt + sigma sqrt(2 tau_e) dW where all values are held: a leaky unit of its own."""
    graph = pcn.trace(lambda x: pcn.vertex(1.0 * x, "y"), x=pcn.Input((8,)))
    noise = {"y.error": pcn.WhiteNoise(0.5)}
    circuit = pcn.build_circuit(graph, error_tau=5.0, precision=2.0, noise=noise)
    zeros = np.zeros((3000, 8))
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=integrator, engine=engine, seed=4)
    e = sim.run(100.0, inputs={"x": zeros}, targets={"y": zeros}).errors["y"]
    exact = 0.25 / 0.5
    wanted = exact if isinstance(integrator, pcn.ExponentialEuler) else exact / (1 - 0.5 * 0.5 / (2 * 5.0))
    assert abs((e**2).mean() / wanted - 1) < FAR * np.sqrt(2 / e.size)


@every_engine
@pytest.mark.parametrize("precision", [1.0, 2.0])
@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
def test_noise_of_error_neurons_without_a_time_constant(dynamics, precision, engine) -> None:
    """e = precision (v - prediction) + eta: sigma z, or of that autocovariance, in each step; zero in the first."""
    graph = pcn.trace(lambda x: pcn.vertex(1.0 * x, "y"), x=pcn.Input((8,)))
    ones, record = np.ones((1500, 8)), [pcn.Record("y", "error", every=2.0)]
    for noise, persistence in ((pcn.WhiteNoise(0.5), 0.0), (pcn.OrnsteinUhlenbeck(0.5, 4.0), np.exp(-0.5))):
        circuit = pcn.build_circuit(graph, precision=precision, noise={"y.error": noise})
        sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=pcn.RungeKutta4(2.0), engine=engine, seed=4)
        result = sim.run(60.0, inputs={"x": ones}, targets={"y": 3.0 * ones}, record=record)
        eta = result.records["y.error"].values - 2.0 * precision
        assert not eta[0].any()
        now, before = eta[-1], eta[-2]
        assert abs((now**2).mean() / 0.25 - 1) < FAR * np.sqrt(2 / now.size)
        assert abs((now * before).mean() / 0.25 - persistence) < FAR * np.sqrt(2 / now.size)
        assert result.energy == pytest.approx(2.0 * precision * ones.size)


def test_a_target_of_another_energy_has_noisy_errors_too() -> None:
    ends = []
    for sigma in (0.0, 0.3):
        noise = {"out.error": pcn.WhiteNoise(sigma)}
        circuit = pcn.build_circuit(mlp((3, 4, 2)), energies={"out": pcn.SoftmaxCrossEntropy()}, noise=noise)
        sims = [pcn.Simulator(circuit, engine=engine, seed=1) for engine in KINDS]
        data = {"inputs": {"x": np.ones((5, 3))}, "targets": {"out": np.tile([1.0, 0.0], (5, 1))}}
        ends.append([sim.run(4.0, **data) for sim in sims])
    np.testing.assert_allclose(ends[1][0].errors["out"], ends[1][1].errors["out"], rtol=1e-12)
    z = normals(1, 1, 3, 2, 5)
    np.testing.assert_allclose(ends[1][0].errors["out"], ends[0][0].errors["out"] + 0.3 * z, rtol=1e-12)
