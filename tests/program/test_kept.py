"""Circuits built alike are lowered once, and each is simulated with its own numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.engines.events.topology import TOPOLOGIES, UNITS
from pcneuro.program.compiler import PROGRAMS
from pcneuro.program.kept import Kept
from tests.circuits.small import MAKERS, Small
from tests.circuits_for_tests import DYNAMICS, mlp, not_inferred


def moved(small: Small, seed: int) -> Small:
    """The same with other weights and time constants, built anew."""
    rng = np.random.default_rng(seed)
    circuit = small.circuit.with_parameters(
        {name: value + 0.1 * rng.normal(size=value.shape) for name, value in small.circuit.parameters.items()}
    )
    properties = {name: replace(each, tau=each.tau * rng.uniform(1, 2)) for name, each in circuit.properties.items()}
    return replace(small, circuit=replace(circuit, properties=properties))


def run(small: Small, dt: float, seed: int = 0, dtype: type = np.float64, **settings) -> pcn.Result:
    sim = pcn.Simulator(small.circuit, integrator=pcn.Euler(dt), seed=seed, dtype=dtype, **settings)
    return sim.run(20 * dt, inputs=small.inputs, targets=small.targets, clamp=small.latents)


def assert_same(one: pcn.Result, other: pcn.Result) -> None:
    for group in ("values", "errors", "predictions", "gradients"):
        first, second = getattr(one, group), getattr(other, group)
        assert first.keys() == second.keys()
        for name, array in first.items():
            np.testing.assert_array_equal(array, second[name], strict=True, err_msg=f"{group} of {name}")
    assert (one.loss, one.energy, one.status) == (other.loss, other.energy, other.status)


@not_inferred
@pytest.mark.parametrize("dynamics", DYNAMICS, ids=repr)
@pytest.mark.parametrize("name", MAKERS)
def test_what_another_circuit_left_changes_no_bit(name, dynamics):
    """Lowered for other weights, time constants, time step, data and type: as if it had been lowered for this one."""
    wanted = moved(MAKERS[name](np.random.default_rng(0)), 1)
    PROGRAMS.clear()
    fresh = run(wanted, 0.5, dynamics=dynamics)
    PROGRAMS.clear()
    run(moved(MAKERS[name](np.random.default_rng(2)), 3), 1.0, dtype=np.float32, dynamics=dynamics)
    made = PROGRAMS.made
    again = moved(MAKERS[name](np.random.default_rng(0)), 1)
    assert_same(run(again, 0.5, dynamics=dynamics), fresh)
    # An internal, as nothing else tells that nothing was lowered.
    assert PROGRAMS.made == made


def grid(seed: int, tau: float = 10.0, precision: float = 1.0, delays: object = 0.0) -> Small:
    """Two layers whose synapses have delays, with weights and data of a seed."""
    rng = np.random.default_rng(seed)
    leaves = {"x": pcn.Input((3,))} | {
        name: pcn.Parameter(rng.normal(size=shape)) for name, shape in (("W", (3, 4)), ("V", (4, 2)))
    }
    graph = pcn.trace(
        lambda x, W, V: pcn.vertex(pcn.vertex(np.tanh(x @ W), "h") @ V + np.full(2, 0.1), "out"), **leaves
    )
    circuit = pcn.build_circuit(graph, tau=tau, precision={"h": precision}, delays=delays)
    return Small(circuit, {"x": rng.normal(size=(2, 3))}, {"out": rng.normal(size=(2, 2))})


def distances(velocity: float) -> dict[tuple[str, str], pcn.DistanceDelay]:
    """Delays by distance between places on a line."""
    delay = pcn.DistanceDelay(np.arange(4.0)[:, None], 10.0 + np.arange(2.0)[:, None], velocity)
    return {("h.value", "out.error"): delay, ("out.error", "h.value"): delay}


SWEPT = {
    "weights and data": lambda v: (grid(v, delays=2.0), 1.0, {}),
    "tau": lambda v: (grid(0, tau=10.0 + v, delays=2.0), 1.0, {}),
    "precision": lambda v: (grid(0, precision=2.0 + v, delays=2.0), 1.0, {}),
    "seed": lambda v: (grid(0, delays=2.0), 1.0, {"seed": v}),
    "delays": lambda v: (grid(0, delays=2.0 + v), 1.0, {}),
    "drawn delays": lambda v: (grid(0, delays=pcn.UniformDelay(1.0, 4.0 + v, seed=v)), 1.0, {}),
    "delays by distance": lambda v: (grid(0, delays=distances(1.0 + v)), 1.0, {}),
    "dt": lambda v: (grid(0, delays=4.0), 1.0 + v, {}),
}


@pytest.mark.parametrize("dynamics", DYNAMICS, ids=repr)
@pytest.mark.parametrize("swept", SWEPT)
def test_a_sweep_of_a_circuit_with_delays_lists_nothing_again(swept, dynamics):
    """And its results are as if everything had been made for them."""
    runs, fresh = [SWEPT[swept](value) for value in range(2)], []
    for small, dt, settings in runs:
        UNITS.clear()
        TOPOLOGIES.clear()
        fresh.append(run(small, dt, dynamics=dynamics, **settings))
    made = [UNITS.made, TOPOLOGIES.made]
    for (small, dt, settings), wanted in zip(runs, fresh, strict=True):
        assert_same(run(small, dt, dynamics=dynamics, **settings), wanted)
    assert [UNITS.made, TOPOLOGIES.made] == made
    assert any(one.loss != fresh[0].loss or one.energy != fresh[0].energy for one in fresh[1:]) or swept == "seed"


def noisy(seed: int, rule: float, constant: float) -> Small:
    rng = np.random.default_rng(seed)

    def function(x, W, V):
        return pcn.vertex(np.tanh(pcn.vertex(np.tanh(x @ W) + np.full(4, constant), "h") @ V) ** 2, "out")

    leaves = {
        "x": pcn.Input((3,)),
        "W": pcn.Parameter(rng.normal(size=(3, 4))),
        "V": pcn.Parameter(rng.normal(size=(4, 2))),
    }
    circuit = pcn.build_circuit(
        pcn.trace(function, **leaves),
        precision={"h": rng.uniform(2, 3)},
        noise={"h": pcn.WhiteNoise(0.1 * rng.uniform())},
        error_tau={"out": 1.0 + rng.uniform()},
        plasticity={"W": pcn.Hebbian(rule)},
    )
    return Small(circuit, {"x": rng.normal(size=(2, 3))}, {"out": rng.normal(size=(2, 2))})


def test_noise_rules_precisions_and_constants_are_the_circuits_own():
    wanted = noisy(1, 0.01, 0.3)
    PROGRAMS.clear()
    fresh = run(wanted, 0.1, seed=5)
    PROGRAMS.clear()
    run(noisy(2, 0.01, 0.7), 0.2, seed=6)
    made = PROGRAMS.made
    assert_same(run(wanted, 0.1, seed=5), fresh)
    assert PROGRAMS.made == made
    # With another rule it is lowered anew, whether or not that makes a difference.
    run(noisy(2, 0.02, 0.7), 0.2, seed=6)
    assert PROGRAMS.made == made + 1


def test_a_current_and_a_schedule_have_programs_of_their_own():
    circuit, x = pcn.build_circuit(mlp((5, 7, 6, 3))), np.ones((1, 5))
    inject = [pcn.Inject("h1", 0.5, start=0.0, stop=10.0)]

    def all_runs():
        with_current = pcn.Simulator(circuit).run(20.0, inputs={"x": x}, targets={"out": np.ones(3)}, perturb=inject)
        leapt = pcn.Simulator(circuit, schedule=pcn.FastForward()).run(
            20.0, inputs={"x": x}, targets={"out": np.ones(3)}
        )
        without = pcn.Simulator(circuit).run(20.0, inputs={"x": x}, targets={"out": np.ones(3)})
        return with_current, leapt, without

    PROGRAMS.clear()
    first = all_runs()
    for one, other in zip(first, all_runs(), strict=True):
        assert_same(one, other)


def test_operators_of_one_source_that_close_over_other_numbers_are_not_mixed_up():
    def made(factor: float) -> pcn.Circuit:
        scaled = pcn.operator(lambda x: factor * x, lambda g, out, x: (factor * g,), name="scaled_by_what_is_around")
        return pcn.build_circuit(pcn.trace(lambda x: pcn.vertex(scaled(x), "out"), x=pcn.Input((2,))))

    for factor in (2.0, 3.0):
        result = pcn.Simulator(made(factor)).run(1.0, inputs={"x": np.ones(2)})
        np.testing.assert_array_equal(result.values["out"], np.full((1, 2), factor))


def test_it_keeps_what_was_asked_for_last_within_bounds():
    kept: Kept[str] = Kept(most=2, limit=10)
    size = len
    assert [kept.get(key, lambda key=key: key, size) for key in ("a", "b", "a", "c", "a", "b")] == list("abacab")
    assert kept.made == 4  # b went for c, and had to be made again
    kept.get("large", lambda: "x" * 11, size)
    made = kept.made
    kept.get("large", lambda: "x" * 11, size)
    assert kept.made == made + 1
    kept.get("b", lambda: "b", size)
    assert kept.made == made + 1
