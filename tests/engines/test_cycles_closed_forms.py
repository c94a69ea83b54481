"""Cycles against closed forms, by the engines that have them: equilibria, rate networks, filters and error neurons."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.special

import pcneuro as pcn
from tests.cycles_for_tests import ring
from tests.helpers import assert_close

STRICT = {"dynamics": pcn.Strict()}
every_engine = pytest.mark.parametrize("engine", [pcn.Kernel(threads=1), pcn.Reference()], ids=["kernel", "reference"])


def rate_network(W: np.ndarray, tau: np.ndarray) -> pcn.Circuit:
    """tau dv/dt = -v + tanh(x + v W)."""

    def function(x, before, W):
        return {"v": pcn.vertex(np.tanh(x + pcn.ops.stop_feedback(before) @ W), "v")}

    leaves = {"x": pcn.Input((len(W),)), "before": pcn.Recurrent("v", (len(W),)), "W": pcn.Parameter(W)}
    return pcn.build_circuit(pcn.trace(function, **leaves), tau={"v": tau})


@every_engine
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(1.0), pcn.RungeKutta4(1.0)])
def test_a_ring_of_halves_with_one_clamped_at_one_is_at_two_thirds(engine, integrator):
    sim = pcn.Simulator(ring(), engine=engine, integrator=integrator, **STRICT)
    result = sim.run(1000.0, clamp={"a": np.ones(1)})
    assert result.status == "completed"
    for name in "bc":
        assert_close(result.values[name], [[2 / 3]], 1e-13, name)


@every_engine
def test_equilibrium_of_a_linear_circuit_with_cycles(engine):
    """v_free = -A_ff^-1 A_fc v_c with A = (I - M)^T Pi (I - M)."""
    rng = np.random.default_rng(3)
    sizes, weights = {"a": 3, "b": 2, "c": 4}, {}
    names = list(sizes)
    for child in names:
        for parent in names:
            weights[f"{parent}{child}"] = 0.35 * rng.normal(size=(sizes[parent], sizes[child]))

    def function(**leaves):
        a = pcn.vertex(sum(leaves[f"{p}_past"] @ leaves[f"{p}a"] for p in "abc"), "a")
        b = pcn.vertex(a @ leaves["ab"] + leaves["b_past"] @ leaves["bb"] + leaves["c_past"] @ leaves["cb"], "b")
        c = pcn.vertex(a @ leaves["ac"] + b @ leaves["bc"] + leaves["c_past"] @ leaves["cc"], "c")
        return {"c": c}

    graph = pcn.trace(
        lambda a_past, b_past, c_past, **ws: function(a_past=a_past, b_past=b_past, c_past=c_past, **ws),
        **{f"{n}_past": pcn.Recurrent(n, (size,)) for n, size in sizes.items()},
        **{name: pcn.Parameter(w) for name, w in weights.items()},
    )
    precision = {name: rng.uniform(0.5, 2.0, size) for name, size in sizes.items()}
    circuit = pcn.build_circuit(graph, precision=precision)
    M = np.block([[weights[f"{parent}{child}"].T for parent in names] for child in names])
    A = (np.eye(9) - M).T @ np.diag(np.concatenate(list(precision.values()))) @ (np.eye(9) - M)
    clamped = rng.normal(size=3)
    expected = -np.linalg.solve(A[3:, 3:], A[3:, :3] @ clamped)
    sim = pcn.Simulator(circuit, engine=engine, integrator=pcn.Euler(1.0), **STRICT)
    result = sim.run(2000.0, clamp={"a": clamped})
    assert_close(np.concatenate([result.values["b"][0], result.values["c"][0]]), expected, 1e-10)


@every_engine
def test_a_rate_network_is_euler_by_hand(engine):
    rng = np.random.default_rng(4)
    W, tau = 1.5 * rng.normal(size=(5, 5)), rng.uniform(5.0, 20.0, 5)
    x, v = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    sim = pcn.Simulator(rate_network(W, tau), engine=engine, integrator=pcn.Euler(0.5), **STRICT)
    result = sim.run(40.0, inputs={"x": x}, initial={"v": v})
    for _ in range(80):
        v = v + 0.5 / tau * (np.tanh(x + v @ W) - v)
    assert_close(result.values["v"], v, 1e-13)


@every_engine
def test_a_rate_network_is_that_of_scipy(engine):
    rng = np.random.default_rng(5)
    W, tau = 1.5 * rng.normal(size=(5, 5)), rng.uniform(5.0, 20.0, 5)
    x, v = rng.normal(size=5), rng.normal(size=5)
    solved = scipy.integrate.solve_ivp(
        lambda t, v: (np.tanh(x + v @ W) - v) / tau, (0, 50.0), v, method="DOP853", rtol=1e-12, atol=1e-13
    )
    sim = pcn.Simulator(rate_network(W, tau), engine=engine, integrator=pcn.RungeKutta4(0.05), **STRICT)
    result = sim.run(50.0, inputs={"x": x}, initial={"v": v})
    assert_close(result.values["v"][0], solved.y[:, -1], 1e-8)


@every_engine
@pytest.mark.parametrize("feedback", [True, False])
def test_a_cycle_with_a_delay_is_euler_by_hand(engine, feedback):
    """a = past of b, b = a/2: the loop with its delay, written out; feedback reaches b at once."""

    def function(x, past):
        a = pcn.vertex(np.sin(past) + x, "a")
        return pcn.vertex(0.5 * a, "b")

    past = pcn.Recurrent("b", (2,), delay=3.0, feedback=feedback, initial=np.array([0.3, -0.2]))
    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input((2,)), past=past))
    sim = pcn.Simulator(circuit, engine=engine, integrator=pcn.Euler(1.0), **STRICT)
    x = np.array([0.7, -0.4])
    result = sim.run(25.0, inputs={"x": x}, record=[pcn.Record("b", "value")])
    history = [np.array([0.3, -0.2])] * 3
    a = np.sin(history[0]) + x
    b = 0.5 * a
    rows = []
    for _ in range(25):
        rows.append(b)
        e_a, e_b = a - np.sin(history[0]) - x, b - 0.5 * a
        back = np.cos(history[0]) * e_a if feedback else 0.0
        history = [*history[1:], b]
        a, b = a + 0.1 * (0.5 * e_b - e_a), b + 0.1 * (back - e_b)
    assert_close(result.records["b.value"].values[:25, 0], rows, 1e-14)
    assert_close(result.values["b"][0], b, 1e-14)


@every_engine
def test_temporal_predictive_coding_comes_to_the_kalman_update(engine):
    """Millidge, Tang, Osanlouy, Harper & Bogacz (2024): at equilibrium with P- := Sigma_z, and the past not revised."""
    rng = np.random.default_rng(6)
    A, C = 0.5 * rng.normal(size=(3, 3)), rng.normal(size=(2, 3))
    q, r = rng.uniform(0.5, 2.0, 3), rng.uniform(0.5, 2.0, 2)

    def function(past, A, C):
        z = pcn.vertex(A @ past, "z")
        return {"y": C @ z}

    leaves = {
        "past": pcn.Recurrent("z", (3,), delay=1500.0, feedback=False),
        "A": pcn.Parameter(A),
        "C": pcn.Parameter(C),
    }
    circuit = pcn.build_circuit(pcn.trace(function, **leaves), precision={"z": 1 / q, "y": 1 / r})
    sim = pcn.Simulator(circuit, engine=engine, integrator=pcn.Euler(1.0), **STRICT)
    z = np.zeros(3)
    for y in rng.normal(size=(4, 2)):
        result = sim.run(1500.0, targets={"y": y})
        predicted = A @ z
        gain = np.diag(q) @ C.T @ np.linalg.inv(C @ np.diag(q) @ C.T + np.diag(r))
        z = predicted + gain @ (y - C @ predicted)
        assert_close(result.values["z"][0], z, 1e-12)


@every_engine
@pytest.mark.parametrize(
    ("variance", "steps", "known"),
    [(1.0, 300, 2 / 3), (1.618034, 400, 0.618034), (1.0, 5, 0.98994), (1.0, 10, 0.72937), (1.0, 20, 0.67195)],
)
def test_how_well_scalar_temporal_predictive_coding_tracks(engine, variance, steps, known):
    """Of a random walk, with a = c = q = r = 1; after so many steps of dt = 0.1 tau from the prediction."""

    def function(past):
        z = pcn.vertex(1.0 * past, "z")
        return {"y": 1.0 * z}

    past = pcn.Recurrent("z", (1,), delay=500.0, feedback=False)
    circuit = pcn.build_circuit(pcn.trace(function, past=past), precision={"z": 1 / variance})
    sim = pcn.Simulator(circuit, engine=engine, **STRICT)
    gain = float(sim.run(float(steps), targets={"y": np.ones(1)}).values["z"][0, 0])
    # What is not corrected of the error and of the walk's next step, and what is taken on of the noise.
    left = (1 - gain) ** 2
    assert (left + gain**2) / (1 - left) == pytest.approx(known, abs=6e-6)


@every_engine
def test_gain_and_phase_of_a_sinusoid(engine):
    """C (i w I - J)^-1 B, of a linear network with a cycle whose input changes at every step."""
    W, tau, w = np.array([[0.2, 0.6], [-0.9, 0.1]]), 10.0, 2 * np.pi / 100.0

    def function(x, before, W):
        return {"v": pcn.vertex(x + pcn.ops.stop_feedback(before) @ W, "v")}

    leaves = {"x": pcn.Input((2,)), "before": pcn.Recurrent("v", (2,)), "W": pcn.Parameter(W)}
    sim = pcn.Simulator(pcn.build_circuit(pcn.trace(function, **leaves)), engine=engine, **STRICT)
    # Euler's steps are linear, too: exp(i w dt) - 1 takes the place of i w dt.
    J, B = (W.T - np.eye(2)) / tau, np.eye(2)[:, 0] / tau
    expected = np.linalg.solve((np.exp(1j * w) - 1) * np.eye(2) - J, B)
    for n in range(600):
        values = sim.run(1.0, inputs={"x": np.array([np.cos(w * n), 0.0])}).values["v"][0]
    assert_close(values, (expected * np.exp(1j * w * 600)).real, 1e-10)


# Cell types of Hertaeg & Sprekeler (2020)

GAIN, THRESHOLD, LAMBDA_E, LAMBDA_D = 0.07, 200.0, 0.31, 0.27
PHASES = {"baseline": (0.0, 0.0), "feedback": (1.0, 1.0), "playback": (1.0, 0.0), "mismatch": (0.0, 1.0)}
"""Vision and prediction of movement."""
AT_REST, STIMULUS = 1.25, 100.0


def learned_weights() -> dict[str, float]:
    """Weights with which error neurons are at rest in all phases but mismatch, where their dendrite is silent."""
    small = GAIN * STIMULUS
    # SOM and VIP neurons by phase: those of rest, of both inputs, and of vision, at which VIP neurons are silent.
    som = {"baseline": 1.3 / 0.7, "feedback": (3.25 + small) * 0.4 / 0.7, "playback": 3.25 + small}
    vip = {"baseline": 3.25 - 0.65 / 0.7, "feedback": (3.25 + small) * 0.5 / 0.7, "playback": 0.0}
    soma = (AT_REST / GAIN + THRESHOLD) / (1 - LAMBDA_E)
    inhibition = {phase: 400.0 + STIMULUS * PHASES[phase][0] - soma for phase in som}
    driven = {phase: 2.0 + 2.5 * AT_REST + small * PHASES[phase][0] for phase in som}
    rows = [[1.5 * inhibition[phase], -som[phase], -vip[phase]] for phase in som]
    inverse, from_som, from_vip = np.linalg.solve(rows, list(driven.values()))
    onto_dendrite = -(STIMULUS + 6.0 * AT_REST) / som["feedback"]
    return {"EP": -1 / inverse, "DS": onto_dendrite, "PS": from_som, "PV": from_vip}


def test_the_learned_weights_are_those_known():
    weights = learned_weights()
    for name, known in {"EP": -30.2692, "DS": -18.3537, "PS": -0.292066, "PV": -0.175239}.items():
        assert weights[name] == pytest.approx(known, abs=6e-5 if abs(known) > 1 else 6e-7)


@every_engine
def test_error_neurons_of_an_interneuron_circuit(engine):
    """Hertaeg & Sprekeler (2020): pyramidal cells with a dendrite, PV, SOM and VIP neurons; rates, homogeneous."""
    relu, stop, weights = pcn.ops.relu, pcn.ops.stop_feedback, learned_weights()

    def function(seen, moved, E, P, S, V):
        E, P, S, V = (stop(x) for x in (E, P, S, V))
        dendrite = STIMULUS * moved + 6.0 * E + weights["DS"] * S
        soma = 400.0 + STIMULUS * seen + weights["EP"] * P
        current = LAMBDA_D * relu(dendrite) + (1 - LAMBDA_E) * soma
        small = GAIN * STIMULUS
        return {
            "E": GAIN * relu(current - THRESHOLD),
            "P": relu(2.0 + small * seen + 2.5 * E - 0.5 * P + weights["PS"] * S + weights["PV"] * V),
            "S": relu(2.0 + small * seen + E - 0.6 * V),
            "V": relu(2.0 + small * moved + E - 0.5 * S),
        }

    graph = pcn.trace(
        lambda seen, moved, E_now, P_now, S_now, V_now: {
            f"r{name}": pcn.vertex(x, name) for name, x in function(seen, moved, E_now, P_now, S_now, V_now).items()
        },
        seen=pcn.Input((1,)),
        moved=pcn.Input((1,)),
        **{f"{name}_now": pcn.Recurrent(name, (1,)) for name in "EPSV"},
    )
    circuit = pcn.build_circuit(graph, tau={"E": 60.0, "P": 2.0, "S": 2.0, "V": 2.0})
    sim = pcn.Simulator(circuit, engine=engine, integrator=pcn.Euler(0.5), **STRICT)
    seen, moved = (np.array(list(PHASES.values()))[:, k : k + 1] for k in (0, 1))
    result = sim.run(1500.0, inputs={"seen": seen, "moved": moved})
    assert_close(result.values["E"][:3, 0], [AT_REST] * 3, 1e-11)
    assert result.values["E"][3, 0] == pytest.approx(2.15636, abs=6e-6)


@every_engine
def test_a_loop_with_a_delay_rings(engine):
    """tau y' = s - y(t - 2 D) with D = 12 ms, tau = 17 ms (Alamia & VanRullen 2019): tau lambda = -exp(-2 D lambda)."""
    root = scipy.special.lambertw(-24.0 / 17.0) / 24.0
    assert 1e3 * root.imag / (2 * np.pi) == pytest.approx(10.087, abs=6e-4)
    assert -1 / root.real == pytest.approx(316.7, abs=0.06)

    def function(s, now, past):
        return {"y": pcn.vertex(pcn.ops.stop_feedback(now) + s - pcn.ops.stop_feedback(past), "y")}

    leaves = {"s": pcn.Input((1,)), "now": pcn.Recurrent("y", (1,)), "past": pcn.Recurrent("y", (1,), delay=24.0)}
    circuit = pcn.build_circuit(pcn.trace(function, **leaves), tau=17.0)
    sim = pcn.Simulator(circuit, engine=engine, integrator=pcn.Euler(0.1), **STRICT)
    y = (
        sim.run(500.0, inputs={"s": np.ones(1)}, record=[pcn.Record("y", "value")]).records["y.value"].values.ravel()
        - 1
    )
    after = y[2000:]
    (twice, square), *_ = np.linalg.lstsq(np.stack([after[1:-1], -after[:-2]], axis=1), after[2:], rcond=None)
    z = np.roots([1.0, -twice, square])[0]
    steps = root
    for _ in range(50):
        # Euler's root is that of exp(0.1 lambda) - 1 = -0.1/17 exp(-24 lambda), by Newton's method from the exact one.
        wrong = np.exp(0.1 * steps) - 1 + 0.1 / 17 * np.exp(-24 * steps)
        steps -= wrong / (0.1 * np.exp(0.1 * steps) - 2.4 / 17 * np.exp(-24 * steps))
    assert abs(np.log(z).imag) / 0.1 == pytest.approx(abs(steps.imag), rel=1e-6)
    assert np.log(abs(z)) / 0.1 == pytest.approx(steps.real, rel=1e-5)
