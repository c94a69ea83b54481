"""Exact times against a plain loop: all units are brought on, each is asked when it crosses, and the first sends."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from pcneuro.kernels.events.arrays import DONE, QUEUE_FULL
from pcneuro.kernels.events.exact import advance_exact, crossing_of_lines, schedule_all
from pcneuro.kernels.events.rows import crossing
from tests.kernels.events.networks import Case, case, start
from tests.kernels.events.test_units import later

UNTIL = 12.0


class Events:
    """The twin under fixed prediction: dense, one event after another, what is under way in a list."""

    def __init__(self, of: Case, network, state, *, lines: bool) -> None:
        self.of, self.network, self.lines, self.now = of, network, lines, 0.0
        self.x, self.slopes = state.x.copy(), state.slopes
        zeros = np.zeros((5, of.units), of.dtype)
        self.received, self.received_slope, self.sent, self.sent_slope, self.predicted = zeros
        self.waiting: list[tuple[float, int, float, float]] = []
        self.events = np.zeros(of.units, dtype=int)

    def due(self) -> np.ndarray:
        network, when = self.network, np.full(self.of.units, np.inf)
        for u in range(self.of.n, self.of.units):
            error = network.precision[u] * self.x[u]
            limits = network.rate[u], network.threshold[u], self.now
            if self.lines:
                line = self.received[u], self.received_slope[u], self.sent[u], self.sent_slope[u]
                when[u] = crossing_of_lines(error, *line, *limits)
            else:
                when[u] = crossing(error, self.received[u], self.sent[u], *limits)
        return when

    def go(self, time: float) -> None:
        """Bring all units to ``time``."""
        ago = time - self.now
        self.x = later(self.network, self.x, 0.0, self.received, ago, self.received_slope)
        self.received += self.received_slope * ago
        self.sent += self.sent_slope * ago
        self.now = time

    def send(self, u: int) -> None:
        network, b = self.network, u - self.of.n
        error = network.precision[u] * self.x[u]
        change, self.sent[u] = error - self.sent[u], error
        slope = 0.0
        if self.lines:
            new = network.rate[u] * (self.received[u] - error)
            slope, self.sent_slope[u] = new - self.sent_slope[u], new
        self.events[u] += 1
        for pre in np.flatnonzero(self.of.weights[:, b]):
            w = self.of.weights[pre, b] * self.slopes[b]
            self.waiting.append((self.now + self.of.delays[pre, b], int(pre), w * change, w * slope))

    def run(self, until: float) -> None:
        while True:
            for event in [event for event in self.waiting if event[0] <= self.now]:
                self.waiting.remove(event)
                self.received[event[1]] += event[2]
                self.received_slope[event[1]] += event[3]
            when = self.due()
            arrival = min((event[0] for event in self.waiting), default=np.inf)
            earliest = min(when.min(), arrival)
            if earliest > until:
                break
            self.go(earliest)
            if arrival > earliest:
                self.send(int(np.argmin(when)))
        self.go(until)


def values_at(network, state, until):
    """Values of the kernel's units at ``until``."""
    slope = state.received_slope if state.lines else 0.0
    return later(network, state.x, state.predicted, state.received, until - state.at, slope)


@pytest.mark.parametrize("delayed", [False, True], ids=["at once", "delayed"])
@pytest.mark.parametrize("lines", [False, True], ids=["order 1", "order 2"])
def test_fixed_prediction_against_a_loop_over_events(lines, delayed):
    of = case(n=12, m=35, sparse=delayed, delayed=delayed)
    network, state = start(of, strict=False, exact=True, lines=lines)
    # What b receives is held from the beginning, so that its errors have somewhere to go.
    state.received[of.n :] = np.random.default_rng(5).normal(0, 0.3, of.m)
    twin = Events(of, network, state, lines=lines)
    twin.received[:] = state.received
    schedule_all(network, state, 0.0)
    for until in (UNTIL / 3, UNTIL):
        assert advance_exact(until, network, state) == DONE
        twin.run(until)
        np.testing.assert_array_equal(state.events[of.units : 2 * of.units], twin.events)
        np.testing.assert_allclose(values_at(network, state, until), twin.x, rtol=0, atol=1e-9)
    assert twin.events.sum() > 40
    assert (state.down.most_queued > 5) == delayed


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="tens of thousands of events, which take a minute in Python")
def test_strict_sends_values_and_ends_near_the_equilibrium_of_thresholds_of_zero():
    """With small thresholds values of b come to their predictions, and nothing is left to send."""
    of = case(n=6, m=5)
    of.threshold[:] = of.value_threshold[:] = 1e-4
    of.gain[:], of.precision[:], of.gate = 1 / of.tau, 1.0, 1e-5
    network, state = start(of, strict=True, exact=True)
    schedule_all(network, state, 0.0)
    for _ in range(50):
        why = advance_exact(400.0, network, state)
        if why == DONE:
            break
    assert why == DONE
    units, n = of.units, of.n
    x = values_at(network, state, 400.0)
    sums = state.activity[n : n + of.m]
    np.testing.assert_allclose(sums, state.activity[:n] @ of.weights, atol=1e-9)
    np.testing.assert_allclose(x[n:], state.predicted[n:], atol=5e-3)
    assert state.events[:n].any()
    assert state.events[2 * units :].any()


def test_why_it_stops():
    of = case(delayed=True)
    network, state = start(of, strict=False, exact=True)
    schedule_all(network, state, 0.0)
    tight = state.replaced(down=state.down.replaced(room=network.room_down))
    assert advance_exact(1.0, network, tight) == QUEUE_FULL
    assert advance_exact(0.0, network, state) in (DONE, QUEUE_FULL)
