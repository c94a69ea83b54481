"""Axes resized: PyTorch's upsampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcneuro.importing.aten.table import ATEN
from pcneuro.importing.layers import resizing


def _resized(
    x: Any, output_size: Sequence[int] | None, factors: Sequence[float | None] | None, coordinates: str, mode: str
) -> Any:
    """x (batch, channels, ...) with other lengths, which are given, or follow from factors."""
    for k, n in enumerate(np.shape(x)[2:]):
        factor = None if not factors else factors[k]
        m = output_size[k] if output_size else int(n * (factor or 1.0))
        if n != m:
            at = resizing.places(n, m, factor or m / n, coordinates)
            x = resizing.resampled(x, k + 2, at, mode)
    return x


def _factors(several: Sequence[float] | None, *by_axis: float | None) -> list[float | None]:
    """Factors of the axes, however PyTorch's overload has them; the first of ``by_axis`` is that of a single axis."""
    if several:
        return list(several)
    return [by_axis[0]] if by_axis[0] else list(by_axis[1:])


@ATEN("upsample_nearest1d", "upsample_nearest2d")
def _nearest(
    input: Any = None,
    self: Any = None,
    output_size: Sequence[int] | None = None,
    scale_factors: Sequence[float] | None = None,
    scales: float | None = None,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Any:
    factors = _factors(scale_factors, scales, scales_h, scales_w)
    return _resized(self if input is None else input, output_size, factors, "asymmetric", "nearest")


@ATEN("upsample_linear1d", "upsample_bilinear2d")
def _linear(
    align_corners: bool,
    input: Any = None,
    self: Any = None,
    output_size: Sequence[int] | None = None,
    scale_factors: Sequence[float] | None = None,
    scales: float | None = None,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Any:
    factors = _factors(scale_factors, scales, scales_h, scales_w)
    coordinates = "align_corners" if align_corners else "half_pixel"
    return _resized(self if input is None else input, output_size, factors, coordinates, "linear")
