"""Every rule against its equations, written out for one synapse."""

import math

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError
from pcneuro.learning import OPTIMIZERS

GRADIENTS = [0.5, -1.5, 0.25, 3.0, 0.0, -0.125]


def follow(optimizer, value=0.75, gradients=GRADIENTS, factor=1.0):
    """The rule's own values, update by update, for one synapse among others."""
    theta = np.array([[value, -1.0], [2.0, 0.0]])
    memory, actual = optimizer.start(theta), []
    for number, g in enumerate(gradients, 1):
        before = theta.copy()
        gradient = np.array([[g, 1.0], [-1.0, 0.5]])
        new, memory = optimizer.update(theta, gradient, memory, factor * optimizer.rate, number)
        np.testing.assert_array_equal(theta, before)  # given arrays are left as they are
        theta = new
        actual.append(float(theta[0, 0]))
    return actual


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_sgd(momentum, decay, clip):
    theta, m, expected = 0.75, 0.0, []
    for g in GRADIENTS:
        g = g if clip is None else max(-clip, min(clip, g))
        m = momentum * m + g + decay * theta
        theta -= 0.1 * m
        expected.append(theta)
    actual = follow(pcn.SGD(0.1, momentum=momentum, weight_decay=decay, clip=clip))
    np.testing.assert_allclose(actual, expected, rtol=1e-14)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_adam(decay, clip):
    theta, m, s, expected = 0.75, 0.0, 0.0, []
    for n, g in enumerate(GRADIENTS, 1):
        g = g if clip is None else max(-clip, min(clip, g))
        m = 0.8 * m + 0.2 * g
        s = 0.95 * s + 0.05 * g**2
        step = (m / (1 - 0.8**n)) / (math.sqrt(s / (1 - 0.95**n)) + 1e-8)
        theta -= 0.01 * (step + decay * theta)
        expected.append(theta)
    actual = follow(pcn.Adam(0.01, beta1=0.8, beta2=0.95, weight_decay=decay, clip=clip))
    np.testing.assert_allclose(actual, expected, rtol=1e-13)


@pytest.mark.parametrize("optimizer", [pcn.SGD(0.1, momentum=0.5), pcn.Adam(0.1)])
def test_the_rate_that_is_given_counts(optimizer):
    first, second = follow(optimizer, factor=1.0)[0], follow(optimizer, factor=0.5)[0]
    assert second - 0.75 == pytest.approx((first - 0.75) / 2)


@pytest.mark.parametrize("optimizer", [pcn.SGD(0.1), pcn.SGD(0.1, momentum=0.9), pcn.Adam(0.1)])
def test_a_bowl_is_descended(optimizer):
    theta = np.array([3.0, -2.0])
    memory = optimizer.start(theta)
    for number in range(1, 400):
        theta, memory = optimizer.update(theta, 2 * theta, memory, optimizer.rate, number)
    assert np.abs(theta).max() < 1e-3


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: pcn.SGD(0.0), "learning rate is 0"),
        (lambda: pcn.SGD(math.inf), "learning rate is inf"),
        (lambda: pcn.SGD(0.1, momentum=1.0), "momentum is 1.0"),
        (lambda: pcn.SGD(0.1, weight_decay=-1.0), "weight_decay is -1"),
        (lambda: pcn.SGD(0.1, clip=0.0), "clip is 0"),
        (lambda: pcn.Adam(-1.0), "learning rate is -1"),
        (lambda: pcn.Adam(beta2=1.5), "beta2 is 1.5"),
        (lambda: pcn.Adam(epsilon=0.0), "epsilon is 0"),
    ],
)
def test_settings_out_of_range_are_refused(made, told):
    with pytest.raises(ParameterError, match=told):
        made()


def test_all_are_known_by_name():
    assert set(OPTIMIZERS) == {"SGD", "Adam"}
