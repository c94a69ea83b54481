"""SciPy's transforms, convolutions, filters and integrals of traced arrays, held against SciPy and their linearity."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import scipy.integrate
import scipy.signal

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.graph.tracing.test_complex import halves
from tests.helpers import assert_close

X = np.random.default_rng(8).normal(size=(4, 5))
KERNEL = np.array([[1.0, -2.0, 0.5], [0.3, 0.1, 1.5]])
PLACES = np.array([0.0, 0.2, 1.0, 1.1, 2.0])


def both(function, x):
    """In one axis and in two, with the longer array first and second, in two modes."""
    results = [function(x, KERNEL, mode=mode) for mode in ("same", "valid")]
    results += [function(x[0], KERNEL[0], mode=mode) for mode in ("same", "valid")]
    results += [function(KERNEL[0], x[0], mode) for mode in ("same", "valid")]
    return np.concatenate([np.ravel(result) for result in results])


LINEAR = {
    "fft": lambda x: scipy.fft.fft(x, 6, axis=0, norm="ortho", workers=1),
    "rfft and irfft": lambda x: scipy.fft.irfft(scipy.fft.rfft(x) * 2j, 5),
    "hfft and ihfft": lambda x: scipy.fft.hfft(scipy.fft.ihfft(x)),
    "fft2": lambda x: scipy.fft.ifft2(scipy.fft.fft2(x)[:3]),
    "rfftn": lambda x: scipy.fft.irfftn(scipy.fft.rfftn(x), (4, 6)),
    "dct": lambda x: scipy.fft.dct(x, 3, 7, axis=0, norm="ortho"),
    "idct": lambda x: scipy.fft.idct(x, norm="forward", orthogonalize=True),
    "dst": lambda x: scipy.fft.dst(x, n=3) + scipy.fft.idst(x, 4)[:, :3],
    "dctn": lambda x: scipy.fft.idctn(scipy.fft.dctn(x)[:3], s=(2, 5)),
    "dct of complex values": lambda x: scipy.fft.dct(x * 1j),
    "hilbert": lambda x: scipy.signal.hilbert(x, axis=0)[:, :4] + scipy.signal.hilbert(x, 4),
    "lfilter": lambda x: scipy.signal.lfilter([1.0, 0.5], [1.0, -0.3, 0.1], x, axis=0),
    "cumulative_trapezoid": lambda x: scipy.integrate.cumulative_trapezoid(x, PLACES, initial=0),
    "trapezoid and simpson": lambda x: scipy.integrate.trapezoid(x, PLACES) + scipy.integrate.simpson(x, x=PLACES),
    "convolve": lambda x: both(scipy.signal.convolve, x),
    "correlate": lambda x: both(scipy.signal.correlate, x),
    "fftconvolve": lambda x: both(scipy.signal.fftconvolve, x),
    "convolve2d beyond the edge": lambda x: (
        scipy.signal.convolve2d(x, KERNEL, "full", "symm")[:4, :5] + scipy.signal.convolve2d(x, KERNEL, "same", "wrap")
    ),
    "lists": lambda x: scipy.fft.fft([x[0, 0], x[1, 1]]) + scipy.signal.convolve([x[0, 0], 2 * x[0, 1]], [1.0], "same"),
    "correlate2d": lambda x: (
        scipy.signal.correlate2d(x, KERNEL, "same", "wrap")
        + scipy.signal.correlate2d(x, KERNEL[:, :2], "same")
        + scipy.signal.correlate2d(x, KERNEL, "full", "symm")[1:, :5]
        + scipy.signal.correlate2d(KERNEL, x, "valid")[0, 0]
    ),
    "convolve2d": lambda x: scipy.signal.convolve2d(KERNEL, x, "full") * 2.0 + scipy.signal.correlate(x, KERNEL),
}


@pytest.mark.parametrize("function", LINEAR.values(), ids=LINEAR)
def test_values_and_gradients_are_those_of_the_linear_map(function):
    graph = pcn.trace(lambda x: halves(function(x)), x=pcn.Parameter(X))
    expected = halves(function(X))
    got = pcn.backprop(graph, targets={"out": np.zeros(expected.shape)})
    assert_close(got.values["out"][0], expected, 1e-13)
    columns = [halves(function(e.reshape(X.shape))) for e in np.eye(X.size)]
    assert_close(got.gradients["x"], (columns @ expected).reshape(X.shape), 1e-12)


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x: scipy.signal.convolve(x, KERNEL[0]), TraceError, r"shapes \(4, 5\) and \(3,\)"),
        (lambda x: scipy.signal.convolve(x, x[:5, :5], "wrap"), TraceError, "mode='wrap'"),
        (lambda x: scipy.signal.convolve(x, np.ones((5, 1)), "valid"), ShapeError, "neither within the other"),
        (lambda x: scipy.signal.convolve2d(x, KERNEL, boundary="odd"), TraceError, "boundary='odd'"),
        (lambda x: scipy.fft.dct(x, n=5000), TraceError, r"scipy\.fft\.dct of 5000 points"),
    ],
)
def test_what_cannot_be_is_named_with_the_line(function, error, text):
    with pytest.raises(error, match=text) as caught:
        pcn.trace(function, x=pcn.Input((4, 5)))
    assert "test_scipy_signals.py:" in str(caught.value)
