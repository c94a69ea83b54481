"""SciPy's filters of traced arrays: values are SciPy's, and gradients those of central differences."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

import pcneuro as pcn
from pcneuro.errors import TraceError
from tests.helpers import assert_close

X = np.random.default_rng(3).normal(size=(4, 12))
SECTIONS = scipy.signal.butter(4, 0.3, output="sos")

FILTERS = {
    "filtfilt": lambda x: scipy.signal.filtfilt([1.0, 0.3], [1.0, 0.2], x, padlen=4),
    "sosfilt": lambda x: scipy.signal.sosfilt(SECTIONS, x, axis=0),
    "savgol_filter": lambda x: scipy.signal.savgol_filter(x, 5, 2),
    "gaussian_filter1d beyond which are twos": lambda x: scipy.ndimage.gaussian_filter1d(
        x, 1.0, 0, mode="constant", cval=2.0
    ),
    "gaussian_filter": lambda x: scipy.ndimage.gaussian_filter(x, (1.0, 0.5), order=(0, 1), mode=["wrap", "nearest"]),
    "uniform_filter": lambda x: scipy.ndimage.uniform_filter(x) + scipy.ndimage.uniform_filter(x, axes=(1,)),
    "convolve1d of a list": lambda x: scipy.ndimage.convolve1d([x[0], x[1]], [1.0, 2.0, 0.5]),
    "lfilter of traced coefficients": lambda x: scipy.signal.lfilter([x[0, 0], 0.5], (1.3, 0.2 * x[1, 1], 0.1), x),
    "lfilter of plain values": lambda x: scipy.signal.lfilter(x[0], 2.0, np.ones(5)),
}


@pytest.mark.parametrize("function", FILTERS.values(), ids=FILTERS)
def test_values_are_those_of_scipy_and_gradients_those_of_differences(function):
    graph = pcn.trace(function, x=pcn.Parameter(X))
    expected, way = function(X), np.random.default_rng(4).normal(size=X.shape)
    result = pcn.backprop(graph, targets={"out": np.zeros(expected.shape)})
    assert_close(result.values["out"][0], expected, 1e-12)
    step = 1e-5
    slope = (function(X + step * way) - function(X - step * way)) / (2 * step)
    assert_close(np.sum(result.gradients["x"] * way), np.sum(expected * slope), 1e-8)


def test_what_a_filter_cannot_take_is_refused_by_name():
    with pytest.raises(TraceError, match=r"scipy\.ndimage\.convolve1d with traced arguments beside input"):
        pcn.trace(lambda x: scipy.ndimage.convolve1d(x, x[0, :3]), x=pcn.Parameter(X))
    with pytest.raises(TraceError, match=r"scipy\.signal\.lfilter with zi= or output="):
        pcn.trace(lambda x: scipy.signal.lfilter([1.0], [1.0], x, zi=np.zeros((4, 0))), x=pcn.Parameter(X))
