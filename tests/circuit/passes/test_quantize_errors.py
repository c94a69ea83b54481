"""Messages of a few bits: loops written by hand, other engines, and the order of convergence to exact errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes
from tests.circuit.passes import circuits_for_passes

QuantizeErrors = passes.QuantizeErrors
RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(3, 6)), RNG.normal(size=(3, 4))
W1, W2, W3 = RNG.normal(size=(6, 5)) / 2, RNG.normal(size=(5, 5)) / 2, RNG.normal(size=(5, 4)) / 2
TAU, DT, STEPS = 10.0, 0.5, 80
GIVEN = {"inputs": {"x": X}, "targets": {"out": Y}}


@pytest.fixture(scope="module")
def circuit() -> pcn.Circuit:
    return circuits_for_passes.three_layers(W1, W2, W3, TAU)


def run(circuit, engine, dynamics=None, steps=STEPS, **settings):
    simulator = pcn.Simulator(
        circuit, engine=engine, dynamics=dynamics or pcn.FixedPrediction(), integrator=pcn.Euler(DT), **settings
    )
    return simulator.run(steps * DT, **GIVEN)


def by_hand(send, steps=STEPS):
    """Errors of fixed prediction, layer by layer; ``send`` makes of an error and of what was sent what now is known."""
    h1, h2 = np.tanh(X @ W1), np.tanh(np.tanh(X @ W1) @ W2)
    out = Y - h2 @ W3
    errors = {"h1": np.zeros_like(h1), "h2": np.zeros_like(h2), "out": out}
    known = {name: np.zeros_like(error) for name, error in errors.items()}
    for step in range(steps + 1):
        known = {name: send(error, known[name]) for name, error in errors.items()}
        drive = {"h1": (known["h2"] * (1 - h2**2)) @ W2.T, "h2": known["out"] @ W3.T}
        if step < steps:
            for name in ("h1", "h2"):
                errors[name] = errors[name] + DT / TAU * (drive[name] - errors[name])
    return errors


def nearest(number, bits, scale):
    quantum = scale / 2 ** (bits - 1)
    return np.clip(np.rint(number / quantum), -(2 ** (bits - 1)), 2 ** (bits - 1)) * quantum


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("scale", [0.3, 4.0], ids=["saturating", "wide"])
def test_the_reference_sends_the_nearest_multiple(circuit, bits, scale):
    result = run(passes.apply(circuit, QuantizeErrors(bits, scale)), pcn.Reference())
    wanted = by_hand(lambda error, known: nearest(error, bits, scale))
    for name in ("h1", "h2", "out"):
        np.testing.assert_allclose(result.errors[name], wanted[name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("scale", [0.3, 4.0], ids=["saturating", "wide"])
@pytest.mark.parametrize("threshold", [0.0, 0.05])
def test_events_are_multiples_and_what_is_not_sent_stays(circuit, bits, scale, threshold):
    made = passes.apply(circuit, QuantizeErrors(bits, scale))
    quantum = scale / 2 ** (bits - 1)

    def send(error, known):
        away = error - known
        loud = (np.abs(away) >= threshold) & (np.abs(away) > quantum / 2)
        return known + np.where(loud, nearest(away, bits, scale), 0.0)

    simulator = pcn.Simulator(made, engine=pcn.EventDriven(pcn.Absolute(threshold)), integrator=pcn.Euler(DT))
    result = simulator.run(STEPS * DT, **GIVEN, events=pcn.RecordEvents(kinds=["error"]))
    wanted = by_hand(send)
    for name in ("h1", "h2", "out"):
        np.testing.assert_allclose(result.errors[name], wanted[name], rtol=1e-10, atol=1e-12)
    numbers = result.events.change.values / quantum
    np.testing.assert_allclose(numbers, np.rint(numbers), atol=1e-9)
    assert set(np.abs(np.rint(numbers))) <= {*range(1, 2 ** (bits - 1) + 1)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bits", [3, 9])
def test_bins_that_send_what_changes_are_the_clocked_steps(circuit, bits, dtype):
    made = passes.apply(circuit, QuantizeErrors(bits, 4.0))
    events, clocked = (run(made, engine, dtype=dtype) for engine in (pcn.EventDriven(0.0), pcn.Reference()))
    for name in ("h1", "h2", "out"):
        np.testing.assert_allclose(
            events.errors[name], clocked.errors[name], rtol=0, atol=1e-5 if dtype == "float32" else 1e-12
        )


def test_gradients_come_to_the_exact_ones_in_first_order_of_the_quantum(circuit):
    exact = pcn.backprop(circuit, **GIVEN).gradients
    for engine in (pcn.Reference(), pcn.EventDriven(0.0), pcn.EventDriven(pcn.Absolute(0.0), pcn.TimeBinned())):
        away = []
        for bits in (4, 8, 12):
            made = passes.apply(circuit, QuantizeErrors(bits, 4.0))
            gradients = run(made, engine, steps=2000).gradients
            away.append(np.linalg.norm(gradients["W1"] - exact["W1"]) / np.linalg.norm(exact["W1"]))
        np.testing.assert_allclose(np.log2(np.divide(away[:-1], away[1:])) / 4, 1.0, atol=0.35)


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_at_exact_times_what_others_know_is_within_a_quantum(circuit, bits):
    """An error that is held comes to the nearest below a quantum; messages are multiples of it."""
    made, quantum = passes.apply(circuit, QuantizeErrors(bits, 2.0)), 2.0 / 2 ** (bits - 1)
    simulator = pcn.Simulator(made, engine=pcn.EventDriven(pcn.Absolute(1e-6), pcn.Exact()), integrator=pcn.Euler(DT))
    result = simulator.run(300.0, **GIVEN, events=pcn.RecordEvents(kinds=["error"]))
    changes = result.events.change.values / quantum
    np.testing.assert_allclose(changes, np.rint(changes), atol=1e-9)
    exact = pcn.backprop(circuit, **GIVEN).errors
    # W3 takes what is not known of the output's errors to h2, by as much as its rows add up to.
    assert (np.abs(result.errors["h2"] - exact["h2"]) <= quantum * np.abs(W3).sum(axis=1) + 1e-9).all()
    assert (result.errors["h2"] != exact["h2"]).any()


def test_strict_dynamics_send_in_the_reference(circuit):
    exact = run(circuit, pcn.Reference(), pcn.Strict())
    away = [
        np.abs(
            run(passes.apply(circuit, QuantizeErrors(bits, 4.0)), pcn.Reference(), pcn.Strict()).values["h1"]
            - exact.values["h1"]
        ).max()
        for bits in (6, 16)
    ]
    assert 0 < away[1] < away[0] / 100


def test_it_is_saved_shown_and_named_by_vertex(circuit, tmp_path: Path):
    made = passes.apply(circuit, QuantizeErrors(3, {"h1": 0.5, "out": 2.0}))
    assert set(made.payloads) == {"h1", "out"}
    made.save(tmp_path / "circuit")
    loaded = pcn.load_circuit(tmp_path / "circuit")
    assert loaded.payloads == made.payloads
    assert str(loaded) == str(made)
    assert "3 bits of 0.5" in str(made)
    assert "# err comes back to others in messages of 3 bits of 0.5" in made.equations()
    assert made.nx.nodes["h1.error"]["error_payload"] == "3 bits of 0.5"
    assert [*passes.apply(circuit, QuantizeErrors(3, 1.0, ["h2"])).payloads] == ["h2"]


def test_what_cannot_serve_it_is_refused_by_name(circuit):
    made = passes.apply(circuit, QuantizeErrors(3, 1.0))
    with pytest.raises(pcn.PcneuroError, match="messages of 'h1' have 3 bits"):
        run(made, pcn.EventDriven(0.1, pcn.Exact(order=2)), steps=1)
    with pytest.raises(pcn.PcneuroError, match="messages of 'h1' have 3 bits"):
        run(made, pcn.Reference(), schedule=pcn.FastForward(), steps=1)
    with pytest.raises(pcn.PcneuroError, match="'h2' has no scale"):
        passes.apply(circuit, QuantizeErrors(3, {"h1": 0.5}, ["h2"]))
    with pytest.raises(pcn.PcneuroError, match="vertex of QuantizeErrors 'h3'"):
        passes.apply(circuit, QuantizeErrors(3, {"h3": 0.5}))
    simulator = pcn.Simulator(made, engine=pcn.EventDriven(0.0))
    simulator.run(2.0, **GIVEN)
    with pytest.raises(pcn.PcneuroError, match="a bound of errors"):
        simulator.bounds()
