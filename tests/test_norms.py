"""Norms of numbers of any size: against exact arithmetic, NumPy's where that is right, and what they are used for."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.analysis.operations import gradient_error
from pcneuro.norms import cosine, norm, root_mean_square
from pcneuro.simulator.result import agreement
from tests.circuits_for_tests import chain, data_for, mlp, same
from tests.engines.events.event_runs import modes_of_both

SCALES = [1e-310, 1e-200, 1e-30, 1.0, 1e30, 1e160, 1e300]


@pytest.mark.parametrize("scale", SCALES)
def test_norms_scale_with_their_arrays(scale):
    array = scale * np.array([[3.0, -4.0], [0.0, 12.0]])
    assert norm(array) == pytest.approx(scale * 13.0, rel=1e-9)
    np.testing.assert_allclose(norm(array, axis=1), scale * np.array([5.0, 12.0]), rtol=1e-9)
    assert root_mean_square(array) == pytest.approx(scale * 6.5, rel=1e-9)
    assert cosine(array, array[:, ::-1]) == pytest.approx(-24.0 / 169.0, rel=1e-9)


def test_each_row_has_a_scale_of_its_own():
    rows = np.array([[3e300, 4e300], [3e-300, 4e-300], [0.0, 0.0], [np.inf, 1.0]])
    np.testing.assert_allclose(norm(rows, axis=1), [5e300, 5e-300, 0.0, np.inf])


def test_where_squares_are_ordinary_numbers_no_bit_differs():
    array = np.random.default_rng(0).normal(size=(50, 17)) * 1e3
    assert norm(array) == np.linalg.norm(array)
    np.testing.assert_array_equal(norm(array, axis=1), np.linalg.norm(array, axis=1))
    assert root_mean_square(array) == np.sqrt(np.mean(array**2))


def test_what_has_no_norm_and_none():
    assert math.isnan(norm(np.array([1.0, np.nan])))
    assert norm(np.array([1.0, -np.inf])) == np.inf
    assert norm(np.zeros(0)) == root_mean_square(np.zeros(0)) == norm(np.zeros(3)) == 0.0
    assert math.isnan(cosine(np.zeros(2), np.ones(2)))


@pytest.mark.parametrize("scale", [2.0**-600, 2.0**540])
def test_gradients_are_compared_whatever_their_size(scale):
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 20))
    assert agreement("w", scale * one, scale * other) == agreement("w", one, other)


# Of weights that multiply such numbers the gradient is no float64.
@pytest.mark.filterwarnings("ignore:the gradient of 'w' is not finite")
@pytest.mark.parametrize("scale", [2.0**-560, 2.0**530])
@modes_of_both
def test_events_of_a_linear_circuit_do_not_depend_on_the_unit_of_its_data(scale, mode, dynamics):
    """Thresholds are shares of errors: scaled by a power of two, all is the same, and as many events are sent."""
    circuit = pcn.build_circuit(chain(3, 0.5))

    def run(unit):
        sim = pcn.Simulator(circuit, dynamics=dynamics, engine=pcn.EventDriven(0.01, mode))
        return sim.run(60.0, inputs={"x": unit}, targets={"v3": 2.0 * unit})

    small, scaled = run(1.0), run(scale)
    assert scaled.stats["events"] == small.stats["events"]
    assert sum(small.stats["events"].values()) > 3
    assert same(scaled.errors, {name: scale * error for name, error in small.errors.items()})


def test_errors_of_all_gradients_together():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    inputs, targets = data_for(circuit.graph, 2)
    result = pcn.backprop(circuit, inputs, targets)

    large, twice = (replace(result, gradients={n: k * g for n, g in result.gradients.items()}) for k in (1e160, 2e160))
    error = gradient_error(twice, large)
    assert (error.error, error.cosine) == pytest.approx((1.0, 1.0))
