"""Learning-rate schedules."""

import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError
from pcneuro.learning import RATES, ConstantRate


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (ConstantRate(), [1, 1, 1, 1, 1]),
        (pcn.StepDecay(every=2, by=0.5), [1, 1, 0.5, 0.5, 0.25]),
        (pcn.ExponentialDecay(by=0.5), [1, 0.5, 0.25, 0.125, 0.0625]),
        (pcn.CosineDecay(epochs=4), [1, (1 + 2**-0.5) / 2, 0.5, (1 - 2**-0.5) / 2, 0]),
        (pcn.CosineDecay(epochs=2, least=0.5), [1, 0.75, 0.5, 0.5, 0.5]),
    ],
)
def test_factors(rate, expected):
    assert [rate.factor(epoch) for epoch in range(1, 6)] == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    "made",
    [
        lambda: pcn.StepDecay(every=0),
        lambda: pcn.StepDecay(every=2, by=0.0),
        lambda: pcn.ExponentialDecay(by=1.5),
        lambda: pcn.CosineDecay(epochs=0),
        lambda: pcn.CosineDecay(epochs=3, least=2.0),
    ],
)
def test_settings_out_of_range_are_refused(made):
    with pytest.raises(ParameterError, match="; give "):
        made()


def test_all_are_known_by_name():
    assert set(RATES) == {"ConstantRate", "StepDecay", "ExponentialDecay", "CosineDecay"}
