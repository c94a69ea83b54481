"""Dynamics with a row of state of their own, written in one place, run by every engine that integrates rows.

Error neurons with a time constant, tau_e de/dt = v - prediction - e / precision (Bogacz 2017, section 3, where all
time constants are 1).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pcneuro as pcn
from pcneuro.errors import ParameterError
from pcneuro.kernels.dispatch import IDENTITY
from pcneuro.model.dynamics import AbstractDynamics, StateRow
from pcneuro.model.dynamics.abstract import DYNAMICS

ERROR_TAU = 1.0


class SlowErrors(AbstractDynamics):
    """Strict dynamics whose error neurons are integrated, too."""

    holds_predictions = False
    superposes = False
    rows = (
        StateRow("value", region="value", drive="drive", leak="error"),
        StateRow("error", region="error", drive="deviation", leak="scaled_error"),
    )
    activity = ("value",)
    parts = ("scale",)
    before_error = ("forward", "linearise", "deviate", "scale")
    after_error = ("feedback",)

    def refresh(self, network):
        network.predict()

    def gain(self, row, integrator, neurons):
        if row.variable == "value":
            return super().gain(row, integrator, neurons)
        return integrator.gain(np.full(neurons.tau.shape, ERROR_TAU), 1.0 / neurons.precision)

    def region(self, network, region, vertex, precision):
        if region == "scaled_error":
            return network.error[vertex] / precision
        return super().region(network, region, vertex, precision)

    def emit(self, part, program, vertex, rows, units):
        program.emit("divide", rows["scaled_error"], rows["error"], IDENTITY, 0, rows["precision"], IDENTITY, 1, units)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """Only here: other tests go through all dynamics that there are."""
    DYNAMICS[SlowErrors.__name__] = SlowErrors
    yield
    del DYNAMICS[SlowErrors.__name__]


DYNAMICS.pop(SlowErrors.__name__)


def bogacz() -> pcn.Circuit:
    graph = pcn.trace(lambda size: pcn.vertex(size**2, "light"), size=pcn.Latent((), prior=3.0))
    return pcn.build_circuit(graph, tau=1.0)


ENGINES = [pcn.Reference(), pcn.Kernel(threads=1)]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: type(e).__name__)
def test_bogaczs_example(engine: pcn.engines.Engine) -> None:
    """Figures of an independent computation, by simultaneous Euler steps of 0.01."""
    sim = pcn.Simulator(bogacz(), dynamics=SlowErrors(), integrator=pcn.Euler(0.01), engine=engine)
    result = sim.run(5.0, targets={"light": 2.0}, record=[pcn.Record("size", "value", every=0.01)])
    sizes = result.records["size.value"].values.ravel()
    at = int(np.argmin(sizes))
    assert (sizes[at], result.records.time.values[at]) == (pytest.approx(0.893254, abs=1e-6), pytest.approx(0.84))
    end = result.values["size"].item(), result.errors["size"].item(), result.errors["light"].item()
    assert end == pytest.approx((1.552420, -1.430506, -0.441673), abs=1e-6)


def network(batch: int) -> tuple[pcn.Circuit, dict[str, np.ndarray], dict[str, np.ndarray]]:
    generator = np.random.default_rng(5)
    weights = {name: 0.5 * generator.normal(size=shape) for name, shape in {"W": (4, 3), "V": (3, 2)}.items()}

    def mlp(x, W, V):
        return pcn.vertex(pcn.vertex(np.tanh(x @ W), "h") @ V, "out")

    graph = pcn.trace(mlp, x=pcn.Input((4,)), **{k: pcn.Parameter(v) for k, v in weights.items()})
    circuit = pcn.build_circuit(graph, tau={"h": 3.0}, precision={"h": 2.0, "out": 0.5})
    return circuit, {"x": generator.normal(size=(batch, 4))}, {"out": generator.normal(size=(batch, 2))}


def test_it_follows_the_differential_equations() -> None:
    circuit, inputs, targets = network(1)
    W, V = (circuit.parameters[name] for name in "WV")
    x, y = inputs["x"][0], targets["out"][0]

    def slope(_, state):
        h, e_h, e_out = np.split(state, [3, 6])
        return np.concatenate(
            [
                (-e_h + V @ e_out) / 3.0,
                (h - np.tanh(x @ W) - e_h / 2.0) / ERROR_TAU,
                (y - h @ V - e_out / 0.5) / ERROR_TAU,
            ]
        )

    begin = np.concatenate([np.tanh(x @ W), np.zeros(5)])
    wanted = solve_ivp(slope, (0, 7), begin, method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    sim = pcn.Simulator(circuit, dynamics=SlowErrors(), integrator=pcn.RungeKutta4(0.01))
    result = sim.run(7.0, inputs=inputs, targets=targets)
    got = [result.values["h"], result.errors["h"], result.errors["out"]]
    np.testing.assert_allclose(np.concatenate([a.ravel() for a in got]), wanted, rtol=1e-8)


@pytest.mark.parametrize("integrator", [pcn.Euler(0.1), pcn.ExponentialEuler(0.1), pcn.RungeKutta4(0.1)], ids=repr)
def test_the_kernel_is_the_reference(integrator, tmp_path) -> None:
    """Over a change of data on the way, with what was stored, and with records."""
    circuit, inputs, targets = network(5)
    results = []
    for engine in ENGINES:
        sim = pcn.Simulator(circuit, dynamics=SlowErrors(), integrator=integrator, engine=engine)
        sim.run(2.0, inputs=inputs, targets=targets)
        sim.run(1.0, targets={"out": -targets["out"]})
        sim.store(tmp_path / f"{type(engine).__name__}.pcn")
        first = sim.run(2.0, record=[pcn.Record("h", "error", every=0.5)])
        sim.restore(tmp_path / f"{type(engine).__name__}.pcn")
        again = sim.run(2.0)
        for name in ("h", "out"):
            assert np.array_equal(first.errors[name], again.errors[name])
        results.append(first)
    slow, fast = results
    for name in ("h", "out"):
        np.testing.assert_allclose(fast.values[name], slow.values[name], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(fast.errors[name], slow.errors[name], rtol=1e-12, atol=1e-14)
    for name in circuit.parameters:
        np.testing.assert_allclose(fast.gradients[name], slow.gradients[name], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(fast.records["h.error"], slow.records["h.error"], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: type(e).__name__)
def test_it_settles_where_strict_dynamics_do(engine) -> None:
    circuit, inputs, targets = network(3)
    ends = []
    for dynamics in (SlowErrors(), pcn.Strict()):
        sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=pcn.Euler(0.1), engine=engine)
        ends.append(sim.run(until=pcn.Settled(rtol=1e-9, limit=1e4), inputs=inputs, targets=targets))
    assert [end.status for end in ends] == [pcn.Status.COMPLETED] * 2
    for name in ("h", "out"):
        np.testing.assert_allclose(ends[0].errors[name], ends[1].errors[name], rtol=1e-5)


@pytest.mark.parametrize("engine", [pcn.EventDriven(), pcn.EventDriven(0.0)], ids=repr)
def test_engines_of_values_alone_refuse_it(engine) -> None:
    with pytest.raises(ParameterError, match="EventDriven integrates value neurons only, and SlowErrors integrates er"):
        pcn.Simulator(network(1)[0], dynamics=SlowErrors(), engine=engine)


def test_what_superposes_is_refused_by_schedules() -> None:
    with pytest.raises(ParameterError, match="SlowErrors"):
        pcn.Simulator(network(1)[0], dynamics=SlowErrors(), schedule=pcn.FastForward())
