"""Messages that are drawn: loops written by hand with the generator's words, engines, pieces of runs, and the mean."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes
from pcneuro.kernels.philox import philox
from pcneuro.model.payload import Payload
from pcneuro.model.rounding import abstract
from tests.circuit.passes import circuits_for_passes

RNG = np.random.default_rng(11)
X, Y = RNG.normal(size=(3, 6)), RNG.normal(size=(3, 4))
W1, W2, W3 = RNG.normal(size=(6, 5)) / 2, RNG.normal(size=(5, 5)) / 2, RNG.normal(size=(5, 4)) / 2
TAU, DT, SEED = 10.0, 0.5, 3
GIVEN = {"inputs": {"x": X}, "targets": {"out": Y}}
DRAWN = passes.Stochastic(SEED)
ERRORS = passes.QuantizeErrors(4, {"h1": 0.5, "h2": 1.0, "out": 2.0}, rounding=DRAWN)
VALUES = passes.QuantizeValues(4, 1.0, rounding=DRAWN)


@pytest.fixture(scope="module")
def circuit() -> pcn.Circuit:
    return circuits_for_passes.three_layers(W1, W2, W3, TAU)


@pytest.fixture(scope="module")
def two_layers() -> pcn.Circuit:
    return circuits_for_passes.two_layers(W1, W3, TAU)


def drawn(number, bits, scale, population, step):
    """The multiple below or above by the words of Philox, one for each unit of each sample."""
    quantum, most = scale / 2 ** (bits - 1), 2 ** (bits - 1)
    samples, units = number.shape
    words = np.zeros((samples, units))
    for sample in range(samples):
        for unit in range(units):
            counter = np.array([step, 0, unit // 4, sample], dtype=np.uint64)
            words[sample, unit] = philox(counter, (SEED, crc32(population.encode())))[unit % 4]
    below = np.floor(number / quantum)
    up = (words + 0.5) / 2**32 < number / quantum - below
    return np.clip(below + up, -most, most) * quantum


def simulator_of(circuit, engine, dynamics=None, integrator=None, **settings):
    dynamics, integrator = dynamics or pcn.FixedPrediction(), integrator or pcn.Euler(DT)
    return pcn.Simulator(circuit, engine=engine, dynamics=dynamics, integrator=integrator, **settings)


def assert_alike(one, other, atol=1e-11):
    for name in other.errors:
        np.testing.assert_allclose(one.errors[name], other.errors[name], rtol=0, atol=atol)
    for name in other.gradients:
        np.testing.assert_allclose(one.gradients[name], other.gradients[name], rtol=0, atol=atol)


@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=repr)
def test_errors_are_drawn_in_each_step(two_layers, engine):
    made = passes.apply(two_layers, passes.QuantizeErrors(3, 2.0, rounding=DRAWN))
    h = np.tanh(X @ W1)
    out, error = Y - h @ W3, np.zeros((3, 5))
    for step in range(30):
        error = error + DT / TAU * (drawn(out, 3, 2.0, "out.error", step) @ W3.T - error)
    result = simulator_of(made, engine).run(15.0, **GIVEN)
    np.testing.assert_allclose(result.errors["h"], error, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.gradients["W3"], -h.T @ out, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.gradients["W1"], -X.T @ (error * (1 - h**2)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=repr)
def test_values_are_drawn_in_each_step(two_layers, engine):
    made = passes.apply(two_layers, passes.QuantizeValues(3, 1.0, rounding=DRAWN))
    h = begun = np.tanh(X @ W1)
    for step in range(30):
        error = Y - drawn(h, 3, 1.0, "h.value", step) @ W3
        h = h + DT / TAU * (error @ W3.T - (h - begun))
    sent = drawn(h, 3, 1.0, "h.value", 30)
    result = simulator_of(made, engine, pcn.Strict()).run(15.0, **GIVEN)
    np.testing.assert_allclose(result.values["h"], h, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.gradients["W3"], -sent.T @ (Y - sent @ W3), rtol=0, atol=1e-12)


@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=repr)
def test_the_sweep_of_fixed_prediction_draws_values(two_layers, engine):
    made = passes.apply(two_layers, passes.QuantizeValues(3, 1.0, rounding=DRAWN))
    simulator, h = simulator_of(made, engine), np.tanh(X @ W1)
    simulator.run(7.0, **GIVEN)
    np.testing.assert_allclose(
        simulator.run(1.0).errors["out"], Y - drawn(h, 3, 1.0, "h.value", 0) @ W3, rtol=0, atol=1e-12
    )
    again = simulator.run(1.0, inputs={"x": X / 2}, targets={"out": Y}).errors["out"]
    np.testing.assert_allclose(again, Y - drawn(np.tanh(X / 2 @ W1), 3, 1.0, "h.value", 16) @ W3, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
@pytest.mark.parametrize("integrator", [pcn.Euler(DT), pcn.RungeKutta4(1.0)], ids=repr)
def test_engines_agree(circuit, dynamics, integrator):
    made = passes.apply(circuit, [VALUES, ERRORS])
    results = [simulator_of(made, e, dynamics, integrator).run(20.0, **GIVEN) for e in (pcn.Kernel(), pcn.Reference())]
    assert_alike(*results)


def test_engines_agree_as_data_change_with_time_and_weights_learn(circuit):
    made = passes.apply(circuit, [VALUES, ERRORS]).with_plasticity({"W2": pcn.Hebbian(200.0)})
    moving = pcn.TimedArray(np.stack([X, -X, X / 2]), 5.0)
    given = {"inputs": {"x": moving}, "targets": {"out": Y}}
    for dynamics in (pcn.FixedPrediction(), pcn.Strict()):
        results = [simulator_of(made, e, dynamics).run(15.0, **given) for e in (pcn.Kernel(), pcn.Reference())]
        assert_alike(*results)
        np.testing.assert_allclose(results[0].parameters["W2"], results[1].parameters["W2"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=repr)
@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
def test_pieces_of_a_run_and_snapshots_are_the_run(circuit, engine, dynamics, tmp_path: Path):
    made = passes.apply(circuit, [VALUES, ERRORS])
    whole = simulator_of(made, engine, dynamics).run(20.0, **GIVEN)
    pieces = simulator_of(made, engine, dynamics)
    pieces.run(7.5, **GIVEN)
    pieces.store(tmp_path / "stored")
    read = simulator_of(made, engine, dynamics)
    read.restore(tmp_path / "stored")
    for simulator in (pieces, read):
        result = simulator.run(12.5)
        for name in whole.errors:
            np.testing.assert_array_equal(result.errors[name], whole.errors[name])
            np.testing.assert_array_equal(simulator.values[name], whole.values[name])


def test_a_batch_of_several_blocks_is_its_samples(circuit):
    made = passes.apply(circuit, [VALUES, ERRORS])
    x, y = RNG.normal(size=(50, 6)), RNG.normal(size=(50, 4))
    given = {"inputs": {"x": x}, "targets": {"out": y}}
    for dtype, atol in ((np.float64, 1e-12), (np.float32, 1e-4)):
        results = [simulator_of(made, e, dtype=dtype).run(1.0, **given) for e in (pcn.Kernel(), pcn.Reference())]
        np.testing.assert_allclose(results[0].errors["h2"], results[1].errors["h2"], rtol=0, atol=atol)
    first = simulator_of(made, pcn.Kernel()).run(1.0, inputs={"x": x[:20]}, targets={"out": y[:20]})
    np.testing.assert_allclose(
        first.errors["h2"], simulator_of(made, pcn.Kernel()).run(1.0, **given).errors["h2"][:20], rtol=0, atol=1e-13
    )


def test_the_mean_over_steps_is_the_error_itself(two_layers):
    """2,000 draws of a deviation of at most q / 2 = 0.5: five standard errors of their mean."""
    made = passes.apply(two_layers, passes.QuantizeErrors(2, 2.0, rounding=DRAWN))
    simulator = simulator_of(made, pcn.Kernel())
    result = simulator.run(1000.0, **GIVEN, record=[pcn.Record("h", "feedback")])
    wanted = np.clip(Y - np.tanh(X @ W1) @ W3, -2, 2) @ W3.T
    away = result.records["h.feedback"].values.mean(axis=0) - wanted
    assert (np.abs(away) <= 5 * 0.5 / np.sqrt(2000) * np.linalg.norm(W3, axis=1)).all()


def test_it_is_saved_and_shown(circuit, tmp_path: Path):
    made = passes.apply(circuit, [VALUES, ERRORS])
    made.save(tmp_path / "circuit")
    loaded = pcn.load_circuit(tmp_path / "circuit")
    assert loaded.payloads == made.payloads
    assert "4 bits of 0.5, drawn" in str(loaded)
    one, other = (simulator_of(each, pcn.Kernel()).run(5.0, **GIVEN) for each in (made, loaded))
    np.testing.assert_array_equal(one.errors["h1"], other.errors["h1"])


def test_who_does_not_draw_refuses(circuit):
    errors, values = (passes.apply(circuit, each) for each in (ERRORS, VALUES))
    for made, settings in (
        (errors, {"engine": pcn.EventDriven(0.0)}),
        (errors, {"engine": pcn.Kernel(tolerance=0.1)}),
        (errors, {"schedule": pcn.Sequential()}),
        (errors.with_delays(1.0), {"engine": pcn.Kernel()}),
        (errors.with_delays(1.0), {"engine": pcn.Reference()}),
        (values, {"engine": pcn.EventDriven(0.0)}),
        (values, {"engine": pcn.EventDriven(0.1)}),
    ):
        with pytest.raises(pcn.PcneuroError, match=r"or rounding=Nearest\(\)"):
            pcn.Simulator(made, **settings).run(1.0, **GIVEN)
    with pytest.raises(pcn.PcneuroError, match="rounding of QuantizeErrors"):
        passes.QuantizeErrors(3, 1.0, rounding="stochastic")


def test_a_rounding_that_messages_do_not_know_is_refused(monkeypatch):
    monkeypatch.setattr(abstract, "ROUNDINGS", dict(abstract.ROUNDINGS))

    class Down(abstract.AbstractRounding):
        def whole(self, numbers, name):
            return np.floor(numbers)

        def sign(self, numbers, name):
            return np.where(numbers < 0, -1.0, 1.0)

        def attributes(self):
            return {}

    with pytest.raises(pcn.PcneuroError, match="messages are not rounded by"):
        Payload(3, 1.0, Down())


@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=repr)
def test_samples_of_a_piece_have_the_messages_of_their_numbers(circuit, engine) -> None:
    rounded = passes.apply(circuit, [ERRORS])
    sim = pcn.Simulator(rounded, engine=engine, integrator=pcn.Euler(DT))
    whole = sim.run(6.0, **GIVEN).errors
    sim.reset(first_sample=1)
    piece = sim.run(6.0, inputs={"x": X[1:]}, targets={"out": Y[1:]}).errors
    for name, errors in piece.items():
        np.testing.assert_allclose(errors, whole[name][1:], rtol=1e-12, atol=1e-14)
