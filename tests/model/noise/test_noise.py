"""Noise: the generator against published numbers, samples against closed forms, and what they do not depend on."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import CircuitFileError, ParameterError, PcneuroError
from pcneuro.kernels import noise as drawing
from pcneuro.kernels.philox import normals, philox
from tests.circuits_for_tests import mlp

KINDS = (pcn.Reference(), pcn.Kernel(threads=1))
every_engine = pytest.mark.parametrize("engine", KINDS, ids=lambda e: type(e).__name__)
INTEGRATORS = [pcn.Euler(1.0), pcn.ExponentialEuler(1.0), pcn.RungeKutta4(1.0)]
every_integrator = pytest.mark.parametrize("integrator", INTEGRATORS, ids=repr)
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
    z = normals(1, 2 * 1 + 1, 3, 2, 5)
    np.testing.assert_allclose(ends[1][0].errors["out"], ends[0][0].errors["out"] + 0.3 * z, rtol=1e-12)


# What it depends on


def noisy(**settings) -> tuple[pcn.Circuit, dict, dict]:
    noise = {
        "h1": pcn.WhiteNoise(0.2),
        "h2": pcn.OrnsteinUhlenbeck(np.linspace(0.1, 0.5, 6), 7.0),
        "h1.error": pcn.OrnsteinUhlenbeck(0.1, np.linspace(3.0, 9.0, 7)),
        "h2.error": pcn.OrnsteinUhlenbeck(0.2, 4.0),
        "out.error": pcn.WhiteNoise(0.1),
    }
    graph = mlp((5, 7, 6, 3))
    circuit = pcn.build_circuit(
        graph, error_tau={"h1": 4.0, "out": 3.0}, precision={"h1": 2.0}, noise=noise, **settings
    )
    generator = np.random.default_rng(3)
    return circuit, {"x": generator.normal(size=(37, 5))}, {"out": generator.normal(size=(37, 3))}


def arrays(result: pcn.Result) -> list[np.ndarray]:
    return [result.values[n] for n in ("h1", "h2")] + [result.errors[n] for n in ("h1", "h2", "out")]


@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
@every_integrator
def test_the_kernel_is_the_reference(integrator, dynamics) -> None:
    """Over new data and a vertex that is clamped for a time."""
    circuit, inputs, targets = noisy()
    ends = []
    for engine in KINDS:
        sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=integrator, engine=engine, seed=9)
        sim.run(5.0, inputs=inputs, targets=targets)
        sim.run(4.0, clamp={"h2": np.ones((37, 6))})
        sim.run(3.0, inputs={"x": -inputs["x"]}, clamp={})
        ends.append(arrays(sim.run(4.0)))
    for slow, fast in zip(*ends, strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threads_pieces_and_what_is_read_change_nothing(dtype, dynamics) -> None:
    circuit, inputs, targets = noisy()
    data = {"inputs": inputs, "targets": targets}
    whole = pcn.Simulator(circuit, dynamics=dynamics, dtype=dtype, engine=pcn.Kernel(threads=1), seed=2)
    pieces = pcn.Simulator(circuit, dynamics=dynamics, dtype=dtype, engine=pcn.Kernel(threads=2), seed=2)
    once = whole.run(30.0, **data)
    pieces.run(7.0, **data)
    assert pieces.errors["h1"].shape == (37, 7)
    for chunk in pieces.stream(23.0):
        last = chunk
    assert last.status is pcn.Status.COMPLETED
    for name in ("h1", "h2", "out"):
        assert np.array_equal(once.values[name], pieces.values[name])
        assert np.array_equal(once.errors[name], pieces.errors[name])


@every_engine
def test_a_samples_noise_is_that_of_its_number(engine) -> None:
    """The first samples of a larger batch are those of a smaller one, whatever lanes they are in, and in any order of
    the data: the noise goes by the number."""
    circuit, inputs, targets = noisy()
    ends = []
    for count in (1, 3, 20, 37):
        part = {"inputs": {"x": inputs["x"][:count]}, "targets": {"out": targets["out"][:count]}}
        sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine, seed=2)
        ends.append(arrays(sim.run(12.0, **part)))
    for end in ends[:-1]:
        for part, whole in zip(end, ends[-1], strict=True):
            np.testing.assert_allclose(part, whole[: len(part)], rtol=1e-12, atol=1e-14)


@every_engine
def test_samples_units_and_seeds_have_noise_of_their_own(engine) -> None:
    circuit, _, _ = noisy()
    alike = {"x": np.ones((6, 5))}, {"out": np.ones((6, 3))}
    runs = []
    for seed in (0, 1, 2**32 - 1):
        sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine, seed=seed)
        result = sim.run(3.0, inputs=alike[0], targets=alike[1])
        assert result.stats["seed"] == seed
        runs.append(result.values["h1"])
    everything = np.concatenate(runs).ravel()
    assert np.unique(everything).size == everything.size


@every_engine
def test_reset_brings_the_same_noise_and_a_stored_state_goes_on(engine, tmp_path) -> None:
    circuit, inputs, targets = noisy()
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine, seed=2)
    sim.run(6.0, inputs=inputs, targets=targets)
    sim.store(tmp_path / "state.pcn")
    first = arrays(sim.run(5.0))
    sim.restore(tmp_path / "state.pcn")
    again = arrays(sim.run(5.0))
    sim.reset()
    third = arrays(sim.run(11.0))
    for a, b, c in zip(first, again, third, strict=True):
        assert np.array_equal(a, b)
        assert np.array_equal(a, c)
    other = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine, seed=3)
    with pytest.raises(CircuitFileError, match="another seed: 2 there, 3 here"):
        other.restore(tmp_path / "state.pcn")


@every_engine
@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
def test_a_stream_is_the_runs_in_a_row(dynamics, engine) -> None:
    circuit, _, targets = noisy()
    x = np.random.default_rng(8).normal(size=(5, 37, 5))
    once, by_hand = (pcn.Simulator(circuit, dynamics=dynamics, engine=engine, seed=7) for _ in "ab")
    result = once.run(15.0, inputs={"x": pcn.TimedArray(x, 3.0)}, targets=targets)
    for each in x:
        last = by_hand.run(3.0, inputs={"x": each}, targets=targets)
    for a, b in zip(arrays(result), arrays(last), strict=True):
        assert np.array_equal(a, b)


def test_neurons_that_restart_have_the_noise_of_the_time() -> None:
    circuit, inputs, targets = noisy()
    ends = []
    for engine in KINDS:
        sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine, seed=7)
        ends.append(arrays(sim.run(15.0, inputs=inputs, targets=targets, restarts=[5.0, 9.0])))
    for slow, fast in zip(*ends, strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-11, atol=1e-12)


def test_float32_is_the_rounding_of_the_same_noise() -> None:
    circuit, inputs, targets = noisy()
    ends = [
        arrays(pcn.Simulator(circuit, dtype=dtype, seed=2).run(10.0, inputs=inputs, targets=targets))
        for dtype in (np.float64, np.float32)
    ]
    for wide, narrow in zip(*ends, strict=True):
        np.testing.assert_allclose(narrow, wide, rtol=1e-4, atol=1e-5)


def test_a_tolerance_leaves_noise_as_it_is() -> None:
    circuit, inputs, targets = noisy()
    ends = [
        arrays(pcn.Simulator(circuit, engine=engine, seed=2).run(10.0, inputs=inputs, targets=targets))
        for engine in (pcn.Kernel(), pcn.Kernel(tolerance=1e-6))
    ]
    for exact, near in zip(*ends, strict=True):
        np.testing.assert_allclose(near, exact, rtol=1e-4, atol=1e-5)


def test_no_sigma_is_no_noise_and_clamped_values_have_none() -> None:
    circuit, inputs, targets = noisy()
    plain = pcn.build_circuit(circuit.graph)
    still = pcn.build_circuit(circuit.graph, noise=pcn.WhiteNoise(0.0))
    loud = pcn.build_circuit(circuit.graph, noise={"out": pcn.WhiteNoise(9.0), "h2": pcn.OrnsteinUhlenbeck(9.0, 1.0)})
    held = {"h2": np.ones((37, 6))}
    runs = [
        pcn.Simulator(each, dynamics=pcn.Strict()).run(9.0, inputs=inputs, targets=targets, clamp=held)
        for each in (plain, still, loud)
    ]
    for run in runs[1:]:
        assert np.array_equal(run.values["h1"], runs[0].values["h1"])
        assert np.array_equal(run.errors["out"], runs[0].errors["out"])


# How it is given, saved and shown


def test_it_is_saved_and_shown(tmp_path) -> None:
    circuit, _, _ = noisy()
    circuit.save(tmp_path / "circuit.pcn")
    loaded = pcn.load_circuit(tmp_path / "circuit.pcn")
    assert dict(loaded.noise) == dict(circuit.noise)
    assert list(circuit.noise) == ["h1.value", "h1.error", "h2.value", "h2.error", "out.error"]
    bare = pcn.build_circuit(circuit.graph, error_tau={"h1": 4.0, "out": 3.0}, precision={"h1": 2.0})
    assert fingerprint(loaded) == fingerprint(circuit) != fingerprint(bare)
    assert circuit.with_parameters({}).noise == circuit.noise
    assert circuit.nx.nodes["h1.value"]["noise"] == "WhiteNoise(sigma=0.2)"
    assert "noise" not in circuit.nx.nodes["out.value"]
    circuit.write_graphml(tmp_path / "circuit.graphml")
    lines = str(circuit).splitlines()
    assert "h1.value    WhiteNoise(sigma=0.2)" in lines
    assert "h2.value    OrnsteinUhlenbeck(sigma=0.1 to 0.5, tau=7)" in lines
    assert "WhiteNoise" not in str(bare)
    text = circuit.equations()
    assert " - err)/tau + sigma_v*sqrt(2/tau)*xi_v : 1" in text
    assert "derr/dt = (at_once - err)/(precision*error_tau) + eta_err/error_tau : 1" in text
    assert "deta_v/dt = -eta_v/tau_v + sigma_v*sqrt(2/tau_v)*xi_v : 1" in text


def test_one_object_is_for_all_value_neurons() -> None:
    circuit = pcn.build_circuit(mlp((5, 7, 3)), noise=pcn.WhiteNoise(1))
    assert dict(circuit.noise) == {"h1.value": pcn.WhiteNoise(1.0), "out.value": pcn.WhiteNoise(1.0)}


WRONG = [
    (lambda: pcn.WhiteNoise(-0.1), r"^sigma of WhiteNoise must be finite and not negative, got -0\.1$"),
    (lambda: pcn.WhiteNoise(np.nan), "^sigma of WhiteNoise must be finite and not negative, got nan$"),
    (lambda: pcn.WhiteNoise("a"), "^sigma of WhiteNoise is 'a'; give a number or an array of numbers$"),
    (lambda: pcn.OrnsteinUhlenbeck(1.0, 0.0), "^tau of OrnsteinUhlenbeck must be finite and positive, got 0$"),
    (
        lambda: noise_of(pcn.WhiteNoise(np.ones(3))),
        r"noise of 'h1.value', of shape \(7,\): sigma of WhiteNoise has sha",
    ),
    (lambda: noise_of({"hh": pcn.WhiteNoise(1.0)}), "vertex or population in noise 'hh'"),
    (lambda: noise_of({"x": pcn.WhiteNoise(1.0)}), "vertex or population in noise 'x'"),
    (lambda: noise_of({"h1": 0.3}), r"noise of 'h1.value' is .*; give an object, such as pcn.WhiteNoise\(0.1\)"),
    (lambda: noise_of(0.3), r"noise is .*; give an object, such as pcn.WhiteNoise\(0.1\)"),
    (
        lambda: noise_of({"h1": pcn.WhiteNoise(1.0), "h1.value": pcn.WhiteNoise(1.0)}),
        "noise of 'h1.value' is given twi",
    ),
    (lambda: pcn.Simulator(noise_of(None), seed=-1), "seed is -1; give a whole number from 0 to 4294967295"),
]


def noise_of(noise: object) -> pcn.Circuit:
    return pcn.build_circuit(mlp((5, 7, 3)), noise=noise)


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[m[:40] for _, m in WRONG])
def test_what_is_no_noise_is_refused_in_a_line(make, message) -> None:
    with pytest.raises(PcneuroError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


REFUSED = [
    {"engine": pcn.EventDriven()},
    {"engine": pcn.EventDriven(0.0)},
    {"engine": pcn.EventDriven(mode=pcn.Exact())},
    {"schedule": pcn.FastForward()},
    {"schedule": pcn.Sequential()},
]


@pytest.mark.parametrize("settings", REFUSED, ids=str)
def test_what_has_no_noise_refuses_it(settings) -> None:
    with pytest.raises(ParameterError, match=r"has no noise, and 'h1.value' has WhiteNoise\(sigma=1\): use"):
        pcn.Simulator(noise_of({"h1": pcn.WhiteNoise(1.0)}), **settings)


def test_delays_and_settling_and_wavefronts_refuse_it() -> None:
    circuit = noise_of(pcn.WhiteNoise(1.0))
    with pytest.raises(ParameterError, match=r"Kernel\(\) with conduction delays has no noise, .* use Reference\(\)"):
        pcn.Simulator(circuit.with_delays(2.0))
    with pytest.raises(ParameterError, match=r"until=Settled\(...\) has no noise, .* give a duration instead"):
        pcn.Simulator(circuit).run(until=pcn.Settled(), inputs={"x": np.ones(5)})
    with pytest.raises(ParameterError, match=r"a wavefront has no noise"):
        pcn.wavefront(pcn.Simulator(circuit), 5.0, inputs={"x": np.ones(5)}, targets={"out": np.ones(3)})


def test_the_reference_has_it_with_delays() -> None:
    circuit = noise_of(pcn.WhiteNoise(0.5))
    data = {"inputs": {"x": np.ones((4, 5))}, "targets": {"out": np.ones((4, 3))}}
    ends = [
        pcn.Simulator(each, dynamics=pcn.Strict(), engine=pcn.Reference(), seed=3).run(1.0, **data).values["h1"]
        for each in (circuit, circuit.with_delays(3.0))
    ]
    assert np.std(ends[1] - ends[1][0]) > 0.1  # samples that are alike but for their noise
    np.testing.assert_allclose(ends[1], ends[0], atol=0.2)


def test_gradients_of_noisy_circuits_name_their_seed() -> None:
    circuit, _, _ = noisy()
    source = pcn.PredictiveCoding(pcn.Simulator(circuit, seed=5), 10.0)
    assert "seed 5" in source.settings()


def exports(circuit: pcn.Circuit) -> dict:
    from pcneuro.export import brian2, nest, nir

    data = {"inputs": {"x": np.ones(5)}, "targets": {"out": np.ones(3)}}
    return {
        "spiking": lambda: brian2.spiking(circuit, **data),
        "Brian2": lambda: pcn.check(circuit, 5.0, "brian2-rate", **data),
        "NEST": lambda: nest.network(circuit, **data),
        "NIR": lambda: nir.graph(circuit, **data),
        "PyTorch": lambda: pcn.check(circuit, 5.0, "torch", **data),
    }


@pytest.mark.parametrize("tool", ["Brian2", "spiking", "NEST", "NIR", "PyTorch"])
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_exporters_refuse_it(tool) -> None:
    pytest.importorskip(
        {"Brian2": "brian2", "spiking": "brian2", "NEST": "nest", "NIR": "nir", "PyTorch": "torch"}[tool]
    )
    with pytest.raises(ParameterError, match=rf"{tool}.* has no noise, and 'h1.value' has WhiteNoise"):
        exports(noise_of(pcn.WhiteNoise(1.0)))[tool]()
