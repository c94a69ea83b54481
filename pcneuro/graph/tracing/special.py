"""Functions of scipy.special that are written in Python, and ask no protocol of NumPy's, or that others make up."""

from __future__ import annotations

import importlib
from typing import Any

from pcneuro.graph.tracing.of_scipy import of_scipy
from pcneuro.ops import special_functions
from pcneuro.ops.registry import answers_ufunc
from pcneuro.ops.softmaxes import log_softmax, softmax

_of_special = of_scipy("scipy.special")
_of_special(special_functions.polygamma)
_of_special(special_functions.logsumexp)


@_of_special
def _softmax(x: Any, axis: Any = None) -> Any:
    return special_functions.over_axes(softmax, x, axis)


@_of_special
def _log_softmax(x: Any, axis: Any = None) -> Any:
    return special_functions.over_axes(log_softmax, x, axis)


@answers_ufunc("scipy.special", "betaln")
def _betaln(a: Any, b: Any) -> Any:
    gammaln = importlib.import_module("scipy.special").gammaln
    return gammaln(a) + gammaln(b) - gammaln(a + b)
