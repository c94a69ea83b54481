"""Error neurons with a time constant: tau_e de/dt = v - prediction - e / precision (Bogacz 2017, section 3)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import pcneuro as pcn
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import ParameterError, UnstableStepError
from pcneuro.simulator.stability import Stability
from tests.circuits_for_tests import mlp

KINDS = (pcn.Reference(), pcn.Kernel(threads=1))
every_engine = pytest.mark.parametrize("engine", KINDS, ids=lambda e: type(e).__name__)
every_dynamics = pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
EQUILIBRIUM = 1.567468375


def bogacz(error_tau: object = 1.0) -> pcn.Circuit:
    """Size phi with prior N(3, 1), light of phi^2 with variance 1 (Bogacz 2017, equations 7 to 13)."""
    graph = pcn.trace(lambda size: pcn.vertex(size**2, "light"), size=pcn.Latent((), prior=3.0))
    return pcn.build_circuit(graph, tau=1.0, error_tau=error_tau)


def strict(circuit: pcn.Circuit, integrator: pcn.integrators.AbstractIntegrator, engine=KINDS[1]) -> pcn.Simulator:
    return pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=integrator, engine=engine)


@every_engine
def test_bogaczs_example(engine) -> None:
    """Figures of an independent computation, by simultaneous Euler steps of 0.01."""
    sim = strict(bogacz(), pcn.Euler(0.01), engine)
    result = sim.run(5.0, targets={"light": 2.0}, record=[pcn.Record("size", "value", every=0.01)])
    sizes = result.records["size.value"].values.ravel()
    at = int(np.argmin(sizes))
    assert (sizes[at], result.records.time.values[at]) == (pytest.approx(0.893254, abs=5e-7), pytest.approx(0.84))
    end = result.values["size"].item(), result.errors["size"].item(), result.errors["light"].item()
    assert end == pytest.approx((1.552420, -1.430506, -0.441673), abs=5e-7)
    last = sim.run(60.0)
    assert last.values["size"].item() == pytest.approx(EQUILIBRIUM, abs=5e-9)
    errors = last.errors["size"].item(), last.errors["light"].item()
    assert errors == pytest.approx((-1.432532, -0.456957), abs=5e-7)


@every_engine
def test_bogaczs_example_with_errors_at_once(engine) -> None:
    sim = strict(bogacz(0.0), pcn.Euler(0.01), engine)
    assert sim.run(0.01, targets={"light": 2.0}).values["size"].item() == pytest.approx(2.58, abs=1e-12)
    phi = 3.0
    for _ in range(100):
        phi += 0.01 * ((3 - phi) + (2 - phi**2) * 2 * phi)
    assert phi == pytest.approx(1.5674706, abs=2e-7)
    assert sim.run(0.99).values["size"].item() == pytest.approx(phi, abs=1e-13)
    assert sim.run(50.0).values["size"].item() == pytest.approx(EQUILIBRIUM, abs=5e-9)


@every_engine
def test_its_modes_are_those_of_the_linearised_equations(engine) -> None:
    """Eigenvalues -0.956957 +- 3.290285i, in the ringing of phi (by Prony's method), and -1, of what moves it not."""
    every, first = 0.1, 100
    sim = strict(bogacz(), pcn.RungeKutta4(0.02), engine)
    wanted = [("size", "value"), ("size", "error"), ("light", "error")]
    records = [pcn.Record(vertex, variable, every=every) for vertex, variable in wanted]
    result = sim.run(18.0, targets={"light": 2.0}, record=records)
    phi, e_p, e_u = (result.records[f"{vertex}.{variable}"].values.ravel()[first:] for vertex, variable in wanted)
    roots = np.roots([2.0, 0.0, -3.0, -3.0])
    mode = roots[abs(roots.imag) < 1e-12].real.item()
    phi, e_p, e_u = phi - mode, e_p - (mode - 3.0), e_u - (2.0 - mode**2)
    # Amplitudes fall by some e in a ms: each equation counts as much as the others.
    even = phi * np.exp(every * np.arange(phi.size))
    recurrence = np.linalg.lstsq(np.stack([even[:-2], even[1:-1]], axis=1), even[2:], rcond=None)[0]
    rates = np.log(np.roots([1.0, *-recurrence[::-1]]).astype(complex)) / every - 1.0
    np.testing.assert_allclose(sorted(rates, key=np.imag), [-0.956957 - 3.290285j, -0.956957 + 3.290285j], atol=1e-4)
    still = 2 * mode * e_p + e_u
    np.testing.assert_allclose(np.log(still[1:20] / still[:19]) / every, -1.0, atol=1e-3)


def network(batch: int, error_tau: object = None) -> tuple[pcn.Circuit, dict, dict]:
    """Of h and out with precisions, and error neurons with a time constant at ``h`` alone."""
    generator = np.random.default_rng(5)
    weights = {name: 0.5 * generator.normal(size=shape) for name, shape in {"W": (4, 3), "V": (3, 3)}.items()}
    weights["U"] = 0.5 * generator.normal(size=(3, 2))

    def layers(x, W, V, U):
        h = pcn.vertex(np.tanh(x @ W), "h")
        return pcn.vertex(pcn.vertex(np.tanh(h @ V), "g") @ U, "out")

    graph = pcn.trace(layers, x=pcn.Input((4,)), **{k: pcn.Parameter(v) for k, v in weights.items()})
    slow = {"h": np.array([2.0, 1.0, 4.0])} if error_tau is None else error_tau
    circuit = pcn.build_circuit(graph, tau={"h": 3.0}, precision={"h": 2.0, "out": 0.5}, error_tau=slow)
    return circuit, {"x": generator.normal(size=(batch, 4))}, {"out": generator.normal(size=(batch, 2))}


@every_engine
def test_a_circuit_of_both_kinds_follows_its_differential_equations(engine) -> None:
    circuit, inputs, targets = network(1)
    W, V, U = (circuit.parameters[name] for name in "WVU")
    x, y = inputs["x"][0], targets["out"][0]

    def slope(_, state):
        h, g, e_h = np.split(state, [3, 6])
        e_g, e_out = g - np.tanh(h @ V), 0.5 * (y - g @ U)
        return np.concatenate(
            [
                (-e_h + V @ (e_g * (1 - np.tanh(h @ V) ** 2))) / 3.0,
                (-e_g + U @ e_out) / 10.0,
                (h - np.tanh(x @ W) - e_h / 2.0) / np.array([2.0, 1.0, 4.0]),
            ]
        )

    h = np.tanh(x @ W)
    begin = np.concatenate([h, np.tanh(h @ V), np.zeros(3)])
    wanted = solve_ivp(slope, (0, 7), begin, method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    result = strict(circuit, pcn.RungeKutta4(0.05), engine).run(7.0, inputs=inputs, targets=targets)
    got = [result.values["h"], result.values["g"], result.errors["h"]]
    np.testing.assert_allclose(np.concatenate([a.ravel() for a in got]), wanted, rtol=1e-8)
    rest = 0.5 * ((h - h) ** 2).sum()  # of the sweep: nothing
    deviation = {name: result.values[name] - result.predictions[name] for name in ("h", "g")}
    rest = 0.5 * (2.0 * (deviation["h"] ** 2).sum() + (deviation["g"] ** 2).sum())
    assert result.energy == pytest.approx(result.loss + rest, rel=1e-12)


@every_engine
def test_under_fixed_prediction_it_is_a_linear_system(engine) -> None:
    """(deviations, errors)' = A (deviations, errors) + b, of which the matrix exponential is the solution."""
    circuit, inputs, targets = network(1, {"h": 2.0, "out": 5.0})
    W, V, U = (circuit.parameters[name] for name in "WVU")
    h = np.tanh(inputs["x"][0] @ W)
    g = np.tanh(h @ V)
    slope = V * (1 - g**2)
    a = np.zeros((3 + 3 + 3 + 2, 3 + 3 + 3 + 2))
    of_h, of_g, e_h, e_out = np.split(np.arange(11), [3, 6, 9])
    a[np.ix_(of_h, e_h)], a[np.ix_(of_h, of_g)] = -np.eye(3) / 3.0, slope / 3.0
    a[np.ix_(of_g, of_g)], a[np.ix_(of_g, e_out)] = -np.eye(3) / 10.0, U / 10.0
    a[np.ix_(e_h, of_h)], a[np.ix_(e_h, e_h)] = np.eye(3) / 2.0, -np.eye(3) / 2.0 / 2.0
    a[np.ix_(e_out, e_out)] = -np.eye(2) / 0.5 / 5.0
    b = np.zeros(11)
    b[e_out] = (targets["out"][0] - g @ U) / 5.0
    whole = expm(6.0 * np.block([[a, b[:, None]], [np.zeros((1, 12))]]))[:11, 11]
    sim = pcn.Simulator(circuit, integrator=pcn.RungeKutta4(0.05), engine=engine)
    result = sim.run(6.0, inputs=inputs, targets=targets)
    got = [result.values["h"] - h, result.values["g"] - g, result.errors["h"], result.errors["out"]]
    np.testing.assert_allclose(np.concatenate([part.ravel() for part in got]), whole, rtol=1e-7)


@every_dynamics
@pytest.mark.parametrize("integrator", [pcn.Euler, pcn.ExponentialEuler, pcn.RungeKutta4])
def test_steps_converge_with_the_integrators_order(integrator, dynamics) -> None:
    circuit, inputs, targets = network(2, {"h": 2.0, "out": 3.0})
    ends = []
    for dt in (0.5, 0.25, 0.125):
        sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=integrator(dt))
        end = sim.run(6.0, inputs=inputs, targets=targets)
        ends.append(np.concatenate([end.values["h"].ravel(), end.errors["h"].ravel(), end.errors["out"].ravel()]))
    ratio = np.linalg.norm(ends[0] - ends[1]) / np.linalg.norm(ends[1] - ends[2])
    assert np.log2(ratio) == pytest.approx(integrator.order, abs=0.25)


ENERGIES = [pcn.SquaredError(), pcn.Bernoulli(), pcn.SoftmaxCrossEntropy()]


@every_engine
@every_dynamics
@pytest.mark.parametrize("energy", ENERGIES, ids=repr)
def test_the_error_of_a_clamped_output_is_exact_with_its_own_constant(energy, dynamics, engine) -> None:
    """With all else held, e(t) = a (1 - exp(-t / (tau_e precision))); a is the error at once."""
    ends = []
    for error_tau in (0.0, 7.0):
        graph = mlp((3, 4, 2))
        circuit = pcn.build_circuit(graph, energies={"out": energy}, precision=2.0, error_tau={"out": error_tau})
        generator = np.random.default_rng(2)
        sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=pcn.ExponentialEuler(3.0), engine=engine)
        data = {"x": generator.normal(size=(3, 3))}, {"h1": generator.normal(size=(3, 4))}
        goal = {"out": np.array([[0.2, 0.8], [1.0, 0.0], [0.5, 0.5]])}
        ends.append(sim.run(9.0, inputs=data[0], clamp=data[1], targets=goal))
    share = 1 - np.exp(-9.0 / (7.0 * 2.0))
    np.testing.assert_allclose(ends[1].errors["out"], share * ends[0].errors["out"], rtol=1e-13)
    np.testing.assert_allclose(ends[1].gradients["W2"], share * ends[0].gradients["W2"], rtol=1e-13)
    assert ends[1].loss == ends[0].loss


@every_dynamics
@pytest.mark.parametrize("integrator", [pcn.Euler(0.5), pcn.ExponentialEuler(0.5), pcn.RungeKutta4(0.5)], ids=repr)
@pytest.mark.parametrize("error_tau", [{"h": 2.0}, {"g": 1.0, "out": 3.0}, 2.0], ids=str)
def test_the_kernel_is_the_reference(error_tau, integrator, dynamics, tmp_path) -> None:
    """Over a change of data on the way, with what was stored, and with records."""
    circuit, inputs, targets = network(5, error_tau)
    results = []
    for engine in KINDS:
        sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=integrator, engine=engine)
        sim.run(4.0, inputs=inputs, targets=targets)
        sim.run(2.0, inputs={"x": -inputs["x"]}, targets={"out": -targets["out"]})
        sim.set_parameters({"U": 0.5 * circuit.parameters["U"]})
        sim.run(1.0)
        sim.store(tmp_path / f"{type(engine).__name__}.pcn")
        first = sim.run(3.0, record=[pcn.Record("h", "error", every=0.5)])
        sim.restore(tmp_path / f"{type(engine).__name__}.pcn")
        sim.run(1.5)
        again = sim.run(1.5)
        for name in ("h", "g", "out"):
            assert np.array_equal(first.errors[name], again.errors[name])
        results.append(first)
    slow, fast = results
    for kind in ("values", "errors", "gradients"):
        for name, wanted in getattr(slow, kind).items():
            np.testing.assert_allclose(getattr(fast, kind)[name], wanted, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(fast.records["h.error"], slow.records["h.error"], rtol=1e-11, atol=1e-13)
    assert fast.energy == pytest.approx(slow.energy, rel=1e-11)


@every_dynamics
def test_threads_change_nothing_and_a_tolerance_little(dynamics) -> None:
    circuit, inputs, targets = network(40)
    ends = []
    for engine in (pcn.Kernel(threads=1), pcn.Kernel(threads=2), pcn.Kernel(tolerance=1e-6)):
        sim = pcn.Simulator(circuit, dynamics=dynamics, engine=engine, integrator=pcn.Euler(0.5))
        ends.append(sim.run(20.0, inputs=inputs, targets=targets))
    for name in ("h", "g", "out"):
        assert np.array_equal(ends[0].errors[name], ends[1].errors[name])
        np.testing.assert_allclose(ends[2].errors[name], ends[0].errors[name], rtol=1e-4, atol=1e-5)


def test_a_state_with_a_tolerance_is_stored(tmp_path) -> None:
    circuit, inputs, targets = network(3)
    sim = strict(circuit, pcn.Euler(0.5), pcn.Kernel(tolerance=1e-3))
    sim.run(4.0, inputs=inputs, targets=targets)
    sim.store(tmp_path / "state.pcn")
    first = sim.run(4.0)
    sim.restore(tmp_path / "state.pcn")
    assert np.array_equal(sim.run(4.0).errors["h"], first.errors["h"])


@every_dynamics
def test_float32_is_its_rounding(dynamics) -> None:
    circuit, inputs, targets = network(3)
    ends = [
        pcn.Simulator(circuit, dynamics=dynamics, dtype=dtype).run(30.0, inputs=inputs, targets=targets)
        for dtype in (np.float64, np.float32)
    ]
    for name in ("h", "g", "out"):
        np.testing.assert_allclose(ends[1].errors[name], ends[0].errors[name], rtol=1e-3, atol=1e-6)


@pytest.mark.halved
@every_engine
@every_dynamics
def test_its_equilibrium_is_that_without(dynamics, engine) -> None:
    ends = []
    for error_tau in (0.0, 2.0, {"g": 5.0}):
        circuit, inputs, targets = network(3, error_tau)
        sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=pcn.Euler(0.5), engine=engine)
        ends.append(sim.run(until=pcn.Settled(rtol=1e-10, limit=1e4), inputs=inputs, targets=targets))
    assert [end.status for end in ends] == [pcn.Status.COMPLETED] * 3
    for end in ends[1:]:
        for name in ("h", "g", "out"):
            np.testing.assert_allclose(end.errors[name], ends[0].errors[name], rtol=1e-7, atol=1e-12)


def test_it_is_saved_and_shown(tmp_path) -> None:
    circuit, _, _ = network(1)
    assert circuit.leaky_errors == ("h",)
    assert circuit.error_tau["h"].tolist() == [2.0, 1.0, 4.0]
    circuit.save(tmp_path / "circuit.pcn")
    loaded = pcn.load_circuit(tmp_path / "circuit.pcn")
    assert loaded.error_tau["h"].tolist() == [2.0, 1.0, 4.0]
    plain = network(1, 0.0)[0]
    assert fingerprint(loaded) == fingerprint(circuit) != fingerprint(plain)
    assert circuit.nx.nodes["h.error"]["error_tau"] == (2.0, 1.0, 4.0)
    assert circuit.nx.nodes["g.error"]["error_tau"] == 0.0
    assert "error_tau" not in circuit.nx.nodes["h.value"]
    assert "error tau/ms" in str(circuit)
    assert "error tau/ms" not in str(plain)
    text = circuit.equations()
    assert "derr/dt = (at_once - err)/(precision*error_tau) : 1\nat_once = precision*(v - prediction) : 1" in text
    assert "error_tau : second (constant)  # 1 to 4 ms" in text
    assert text.count("derr/dt") == 1


WRONG = [
    ({"h": -1.0}, "error_tau of vertex 'h' must be finite and not negative, got -1"),
    ({"h": np.array([0.0, 1.0, 2.0])}, "error_tau of vertex 'h' is 0 for 1 of its 3 units: give 0 for all"),
    ({"h": np.nan}, "error_tau of vertex 'h'"),
    ({"hh": 1.0}, "hh"),
]


@pytest.mark.parametrize(("error_tau", "message"), WRONG, ids=[m for _, m in WRONG])
def test_what_is_no_time_constant_is_refused(error_tau, message) -> None:
    with pytest.raises(pcn.errors.PcneuroError, match=message):
        network(1, error_tau)


REFUSED = [
    ({"engine": pcn.EventDriven()}, "EventDriven integrates value neurons only, and error neurons of 'h' have"),
    ({"engine": pcn.EventDriven(0.0)}, "EventDriven integrates value neurons only, and error neurons of 'h' have"),
    (
        {"schedule": pcn.FastForward()},
        r"FastForward integrates .* 'h' have a time constant: use Parallel\(\), or build",
    ),
    ({"schedule": pcn.Sequential()}, r"Sequential settling .* 'h' have a time constant: use Parallel\(\), or build"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=[m[:20] for _, m in REFUSED])
def test_what_cannot_do_it_refuses_it(settings, message) -> None:
    with pytest.raises(ParameterError, match=message):
        pcn.Simulator(network(1)[0], **settings)


@every_engine
def test_delays_refuse_it(engine) -> None:
    with pytest.raises(ParameterError, match=r"a circuit with conduction delays .* error neurons of 'h' have a time"):
        pcn.Simulator(network(1)[0].with_delays(2.0), engine=engine)


def test_a_wavefront_refuses_it() -> None:
    circuit, inputs, targets = network(1)
    with pytest.raises(ParameterError, match="error neurons of 'h' have a time constant: no error is there at the"):
        pcn.wavefront(pcn.Simulator(circuit), 10.0, inputs=inputs, targets=targets)


@pytest.mark.parametrize("integrator", [pcn.Euler, pcn.ExponentialEuler, pcn.RungeKutta4])
def test_a_step_that_is_too_long_for_a_pair_is_refused_with_one_that_works(integrator) -> None:
    """tau dv/dt = -e, tau_e de/dt = v - Sigma e: Euler's steps are stable up to Sigma tau where it oscillates."""
    circuit, inputs, targets = network(1, {"h": 20.0})
    with pytest.raises(UnstableStepError, match="dt = 50 ms is unstable for population 'h', whose value neurons") as e:
        pcn.Simulator(circuit, integrator=integrator(50.0))
    works = float(str(e.value).split("dt = ")[2].split()[0])
    sim = pcn.Simulator(circuit, integrator=integrator(works))
    assert sim.run(400 * works, inputs=inputs, targets=targets).status is pcn.Status.COMPLETED


def test_the_limit_of_eulers_steps_of_a_pair() -> None:
    graph = pcn.trace(lambda x: pcn.vertex(2.0 * x, "y"), x=pcn.Latent((), prior=0.0))
    circuit = pcn.build_circuit(graph, tau=10.0, precision={"x": 4.0}, error_tau={"x": 10.0})
    with pytest.raises(UnstableStepError, match="'x'"):
        pcn.Simulator(circuit, integrator=pcn.Euler(2.501))
    pcn.Simulator(circuit, integrator=pcn.Euler(2.499))


@pytest.mark.parametrize(("integrator", "steps"), [(pcn.Euler(1.0), 600), (pcn.RungeKutta4(1.0), 150)], ids=repr)
def test_the_step_that_is_advised_is_stable_and_near_the_limit(integrator, steps) -> None:
    """Of a linear circuit: errors stay bounded at that step, and do not at 1.6 times as long ones."""
    weights = pcn.Parameter(np.array([[3.0, -1.0], [2.0, 2.0]]))
    graph = pcn.trace(lambda x, W: pcn.vertex(x @ W, "y"), x=pcn.Latent((2,), prior=0.0), W=weights)
    circuit = pcn.build_circuit(graph, error_tau=5.0)
    targets = {"y": np.array([[1.0, 2.0]])}
    sim = strict(circuit, integrator)
    sim.run(0.0, targets=targets)
    dt = Stability(circuit, sim._state.dynamics, integrator, sim._data, circuit.parameters).stable_dt()
    sizes = []
    for step in (dt, 1.6 * dt):
        sizes.append(abs(strict(circuit, type(integrator)(step)).run(steps * step, targets=targets).errors["x"]).max())
    assert sizes[0] < 10 < 1000 * sizes[0] < sizes[1]


def test_a_run_that_diverges_says_where_and_what_to_do() -> None:
    weights = pcn.Parameter(np.array([[3.0, -1.0], [2.0, 2.0]]))
    graph = pcn.trace(lambda x, W: pcn.vertex(x @ W, "y"), x=pcn.Latent((2,), prior=0.0), W=weights)
    sim = strict(pcn.build_circuit(graph, error_tau=5.0), pcn.Euler(2.0))
    with pytest.warns(pcn.PcneuroWarning, match=r"population '[xy]' is no longer finite at .* ms; try dt = 0\.\d+ ms"):
        assert sim.run(1e5, targets={"y": np.ones(2)}).status is pcn.Status.DIVERGED


@every_engine
@every_dynamics
def test_a_stream_is_the_runs_in_a_row(dynamics, engine) -> None:
    circuit, _, _ = network(3)
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(6, 3, 4)), generator.normal(size=(3, 3, 2))
    once, by_hand = (pcn.Simulator(circuit, dynamics=dynamics, integrator=pcn.Euler(0.5), engine=engine) for _ in "ab")
    streams = {"x": pcn.TimedArray(x, 2.0)}, {"out": pcn.TimedArray(y, 4.0)}
    result = once.run(12.0, inputs=streams[0], targets=streams[1])
    for k in range(6):
        last = by_hand.run(2.0, inputs={"x": x[k]}, targets={"out": y[k // 2]})
    for name in ("h", "g", "out"):
        assert np.array_equal(result.errors[name], last.errors[name])
        assert np.array_equal(result.values[name], last.values[name])


@every_engine
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(1.0)], ids=repr)
def test_a_value_goes_on_by_a_constant_drive_while_its_error_stands(integrator, engine) -> None:
    """The error of the output is there at once, and constant; that of the value it drives does not move at first."""
    tau, error_tau, w, x, target = 10.0, 20.0, 0.7, 0.5, 1.5
    graph = pcn.trace(lambda x, w: pcn.vertex(pcn.vertex(2.0 * x, "h") * w, "out"), x=pcn.Input(()), w=pcn.Parameter(w))
    circuit = pcn.build_circuit(graph, tau=tau, error_tau={"h": error_tau})
    sim = pcn.Simulator(circuit, engine=engine, integrator=integrator)
    records = sim.run(8.0, inputs={"x": x}, targets={"out": target}, record=[pcn.Record("h")]).records
    drive, v, e, expected = w * (target - w * 2 * x), 2 * x, 0.0, []
    step = 1 / error_tau if isinstance(integrator, pcn.Euler) else -np.expm1(-1 / error_tau)
    for _ in range(9):
        expected.append(v)
        v, e = v + (drive - e) / tau, e + step * (v - 2 * x - e)
    np.testing.assert_allclose(records["h.value"].values.ravel(), expected, rtol=1e-14)
