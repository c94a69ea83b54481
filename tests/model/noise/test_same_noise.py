"""Noise depends on the seed, the sample and the time: not on the engine, threads, pieces, or what else is computed."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import CircuitFileError
from tests.model.noise.noisy_for_tests import KINDS, arrays, every_engine, noisy

INTEGRATORS = [pcn.Euler(1.0), pcn.ExponentialEuler(1.0), pcn.RungeKutta4(1.0)]
every_integrator = pytest.mark.parametrize("integrator", INTEGRATORS, ids=repr)


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
@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
def test_pieces_of_a_batch_have_its_noise(dynamics, engine) -> None:
    circuit, inputs, targets = noisy()
    sim = pcn.Simulator(circuit, dynamics=dynamics, engine=engine, seed=2)
    whole = arrays(sim.run(12.0, inputs=inputs, targets=targets))
    for begin, end in ((0, 9), (9, 29), (29, 37)):
        sim.reset(first_sample=begin)
        part = {"inputs": {"x": inputs["x"][begin:end]}, "targets": {"out": targets["out"][begin:end]}}
        for piece, all_samples in zip(arrays(sim.run(12.0, **part)), whole, strict=True):
            np.testing.assert_allclose(piece, all_samples[begin:end], rtol=1e-12, atol=1e-14)


@every_engine
def test_a_stored_piece_is_one_of_its_samples(engine, tmp_path) -> None:
    circuit, inputs, targets = noisy()
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine)
    sim.reset(first_sample=4)
    sim.run(6.0, inputs=inputs, targets=targets)
    sim.store(tmp_path / "state.pcn")
    on = arrays(sim.run(5.0))
    sim.reset()
    with pytest.raises(CircuitFileError, match="another first sample: 4 there, 0 here"):
        sim.restore(tmp_path / "state.pcn")
    sim.reset(first_sample=4)
    sim.restore(tmp_path / "state.pcn")
    for again, before in zip(arrays(sim.run(5.0)), on, strict=True):
        assert np.array_equal(again, before)


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
