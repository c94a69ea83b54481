"""Output energies: errors against the derivative of the energy, its equation and its kernel."""

from __future__ import annotations

import re

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.model.energies.abstract import ENERGIES
from tests.helpers import run_kernel

BATCH, UNITS = 3, 4
KINDS = [pcn.SquaredError(), pcn.Bernoulli(), pcn.SoftmaxCrossEntropy()]

every_energy = pytest.mark.parametrize("energy", KINDS, ids=repr)


def data(energy) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A target that the energy takes, a prediction, (batch, units), and a precision, (units,)."""
    rng = np.random.default_rng(3)
    target = rng.random((BATCH, UNITS))
    one = isinstance(energy, pcn.SoftmaxCrossEntropy)
    target = target / target.sum(axis=1, keepdims=True) if one else target
    return target, 2 * rng.normal(size=target.shape), np.full(UNITS, 1.3) if one else 0.5 + rng.random(UNITS)


def test_here_are_all_of_them():
    assert {kind for kind, of in ENERGIES.items() if of.__module__.startswith("pcneuro.")} == {e.kind for e in KINDS}


@every_energy
def test_the_error_is_minus_the_derivative_of_the_energy(energy):
    target, prediction, precision = data(energy)
    assert energy.check(target, precision) is None
    slopes, step = np.zeros_like(prediction), 1e-5
    for unit in range(UNITS):
        aside = step * np.eye(UNITS)[unit]
        high, low = (energy.value(target, prediction + sign * aside, precision) for sign in (1, -1))
        slopes[:, unit] = (high - low) / (2 * step)
    np.testing.assert_allclose(energy.error(target, prediction, precision), -slopes, rtol=1e-7, atol=1e-9)


@every_energy
def test_the_equation_is_the_error(energy):
    target, prediction, precision = data(energy)
    total = np.exp(prediction).sum(axis=1, keepdims=True)
    named = {"v": target, "prediction": prediction, "precision": precision, "total_exp_prediction": total}
    error = eval(energy.equation(), {"exp": np.exp}, named)
    np.testing.assert_allclose(energy.error(target, prediction, precision), error, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("energy", [energy for energy in KINDS if energy.kernel is not None], ids=repr)
@pytest.mark.parametrize("large", [False, True], ids=["", "far from zero"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_kernel_is_its_twin(energy, large, dtype):
    target, prediction, precision = (a.astype(dtype) for a in data(energy))
    prediction = prediction * dtype(200 if large else 1)
    nothing = np.full((UNITS, BATCH), np.nan, dtype)
    buf = np.concatenate([target.T, prediction.T, nothing]).ravel()
    value, predicted, error = (k * UNITS for k in range(3))
    arguments = [value, predicted, error, 0, UNITS, UNITS]
    assert run_kernel(energy.kernel, arguments, [], buf, precision, BATCH, BATCH) == 1
    actual = buf.reshape(3, UNITS, BATCH)[2].T
    tolerance = 1e-14 if dtype == np.float64 else 1e-6
    np.testing.assert_allclose(actual, energy.error(target, prediction, precision), rtol=0, atol=4 * tolerance)


@pytest.mark.parametrize(
    ("energy", "target", "precision", "what"),
    [
        (pcn.Bernoulli(), [[0.5, 1.5]], 1.0, "needs targets in .0, 1., got values from 0.5 to 1.5"),
        (pcn.SoftmaxCrossEntropy(), [[0.5, 0.25]], 1.0, "sum to 1 over the last axis .* from 0.75 to 0.75"),
        (pcn.SoftmaxCrossEntropy(), [[1.5, -0.5]], 1.0, "not negative"),
        (pcn.SoftmaxCrossEntropy(), [1.0], 1.0, "an axis of classes"),
        (pcn.SoftmaxCrossEntropy(), [[0.5, 0.5]], [1.0, 2.0], "one precision for all classes"),
    ],
)
def test_targets_that_do_not_fit_are_refused(energy, target, precision, what):
    assert re.search(what, energy.check(np.array(target), np.array(precision)))
