"""Dropout with a given mask: no operator of its own, a product with what the caller drew.

y = x * mask / (1 - rate);  (dy/dx)^T g = g * mask / (1 - rate).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from pcneuro.ops.axes import check_operand
from pcneuro.ops.base import ArrayFunction
from pcneuro.ops.maps import elementwise
from pcneuro.ops.registry import public
from pcneuro.quantities import SHARE, number


@cache
def _masked() -> ArrayFunction:
    """The product as one expression; made when it is first used, since its derivatives need SymPy."""
    return elementwise("x*mask*scale", ("x", "mask", "scale"))


@public
def dropout(x: Any, mask: Any, rate: float) -> Any:
    """Silence the units of x where ``mask`` is 0, and scale the others so that the mean over masks is x.

    Nothing here is random. Give the mask as an ``Input``, and for each sample zeros and ones that were drawn with the
    probability ``rate`` of a zero; a mask of 1 - rate everywhere leaves x as it is, as one wants it after learning.

    Parameters
    ----------
    x, mask
        Traced or plain arrays of one sample; the mask broadcasts to x.
    rate
        The share of units that are silenced, from 0 on and below 1.

    Returns
    -------
    x * mask / (1 - rate), of x's shape, traced where x or mask is.

    Raises
    ------
    ParameterError
        For a rate outside [0, 1).
    ShapeError
        For a mask that does not broadcast to x.
    """
    rate = number("dropout: rate", rate, SHARE)
    check_operand("dropout", np.shape(x), "x", x)
    check_operand("dropout", np.shape(x), "mask", mask)
    return _masked()(x, mask, 1 / (1 - rate))
