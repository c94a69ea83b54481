"""What only moves, joins or repeats units, and what tells shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pcneuro import ops
from pcneuro.errors import TraceError
from pcneuro.importing.layers import resizing
from pcneuro.importing.layers.samples import from_last, without_leading
from pcneuro.importing.onnx_operators.table import ONNX, SLOW, allowed, constant, multiplications, numbers, traced


@ONNX("Constant")
def _constant(
    value: Any = None,
    value_float: float | None = None,
    value_floats: Sequence[float] | None = None,
    value_int: int | None = None,
    value_ints: Sequence[int] | None = None,
) -> Any:
    for given, dtype in ((value_float, np.float64), (value_floats, np.float64), (value_int, np.int64)):
        if given is not None:
            return np.array(given, dtype=dtype)
    return np.array(value_ints, dtype=np.int64) if value is None else value


@ONNX("ConstantOfShape")
def _constant_of_shape(shape: Any, value: Any = None) -> Any:
    fill = np.zeros(1) if value is None else np.asarray(value)
    return np.full(allowed(numbers("a shape", shape)), fill.ravel()[0])


@ONNX("Range")
def _range(start: Any, limit: Any, delta: Any) -> Any:
    first, last, step = (constant("a range", x).item() for x in (start, limit, delta))
    allowed([max(math.ceil((last - first) / step), 0)])
    return np.arange(first, last, step)


@ONNX("EyeLike")
def _eye_like(x: Any, dtype: int | None = None, k: int = 0) -> Any:
    rows, columns = allowed(np.shape(x))
    return np.eye(rows, columns, k)


@ONNX("Shape")
def _shape(x: Any, start: int = 0, end: int | None = None) -> Any:
    return np.array(np.shape(x)[start:end], dtype=np.int64)


@ONNX("Size")
def _size(x: Any) -> Any:
    return np.array(np.size(x), dtype=np.int64)


@ONNX("Reshape")
def _reshape(x: Any, shape: Any, allowzero: int = 0) -> Any:
    wanted = numbers("a shape", shape)
    if not allowzero:
        wanted = [np.shape(x)[i] if n == 0 else n for i, n in enumerate(wanted)]
    return np.reshape(x, wanted)


@ONNX("Flatten")
def _flatten(x: Any, axis: int = 1) -> Any:
    shape = np.shape(x)
    first = axis + len(shape) if axis < 0 else axis
    return np.reshape(x, (math.prod(shape[:first]), math.prod(shape[first:])))


@ONNX("Transpose")
def _transpose(x: Any, perm: Sequence[int] | None = None) -> Any:
    return np.transpose(x, None if perm is None else tuple(perm))


@ONNX("Squeeze")
def _squeeze(x: Any, axes: Any = None) -> Any:
    if axes is None and np.shape(x)[:1] == (1,):
        raise TraceError("it squeezes all axes of length 1, that of samples, too: export the model with axes")
    return np.squeeze(x, None if axes is None else tuple(numbers("axes", axes)))


@ONNX("Unsqueeze")
def _unsqueeze(x: Any, axes: Any) -> Any:
    return np.expand_dims(x, tuple(numbers("axes", axes)))


@ONNX("Concat")
def _concat(*xs: Any, axis: int) -> Any:
    last = from_last(axis, np.ndim(xs[0]))
    if last == -np.ndim(xs[0]):
        return np.concatenate(xs, axis=last)
    return without_leading(lambda *arrays: np.concatenate(arrays, axis=last), *xs)


@ONNX("Split")
def _split(x: Any, split: Any = None, outputs: int = 1, axis: int = 0, num_outputs: int | None = None) -> Any:
    length = np.shape(x)[axis]
    if split is None:
        if num_outputs not in (None, outputs):
            raise TraceError(f"it splits into {num_outputs} parts and has {outputs} outputs: the file is damaged")
        share = -(-length // outputs)
        places = list(range(share, length, share))
    else:
        places = [int(n) for n in np.cumsum(numbers("split", split))[:-1]]
    return tuple(np.split(x, places, axis=axis))


@ONNX("Slice")
def _slice(x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    first, last = numbers("starts", starts), numbers("ends", ends)
    over = list(range(len(first))) if axes is None else numbers("axes", axes)
    by = [1] * len(first) if steps is None else numbers("steps", steps)
    key = [slice(None)] * np.ndim(x)
    for axis, a, b, step in zip(over, first, last, by, strict=True):
        n = np.shape(x)[axis]
        # Numbers below -n mean the beginning, and in ONNX do so as an end of a backward slice, too.
        stop = None if step < 0 and b < -n else b
        key[axis] = slice(a, stop, step)
    return x[tuple(key)]


@ONNX("Gather")
def _gather(x: Any, indices: Any, axis: int = 0) -> Any:
    tokens = traced(indices) or np.asarray(indices).dtype.kind == "f"
    allowed([*np.shape(indices), *np.delete(np.shape(x), axis)])
    if not tokens:
        return np.take(x, np.asarray(indices), axis=axis)
    if axis % np.ndim(x):
        raise TraceError("it takes by indices that depend on the data along an axis other than the first: transpose it")
    rows = np.reshape(x, (np.shape(x)[0], -1))
    taken = without_leading(lambda sample: ops.embedding(sample, rows), indices)
    return np.reshape(taken, (*np.shape(indices), *np.shape(x)[1:]))


@ONNX("GatherElements")
def _gather_elements(x: Any, indices: Any, axis: int = 0) -> Any:
    return np.take_along_axis(x, constant("indices", indices).astype(np.int64), axis=axis)


@ONNX("Expand")
def _expand(x: Any, shape: Any) -> Any:
    return np.broadcast_to(x, allowed(np.broadcast_shapes(np.shape(x), tuple(numbers("a shape", shape)))))


@ONNX("Tile")
def _tile(x: Any, repeats: Any) -> Any:
    counts = numbers("repeats", repeats)
    allowed(n * m for n, m in zip(np.shape(x), counts, strict=True))
    return np.tile(x, counts)


_MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}
"""ONNX's names of paddings -> NumPy's."""


@ONNX("Pad")
def _pad(x: Any, pads: Any, value: Any = None, axes: Any = None, mode: str = "constant") -> Any:
    around, ndim = numbers("pads", pads), np.ndim(x)
    over = list(range(ndim)) if axes is None else numbers("axes", axes)
    widths = [(0, 0)] * ndim
    for k, axis in enumerate(over):
        widths[axis] = (around[k], around[k + len(over)])
    allowed(n + low + high for n, (low, high) in zip(np.shape(x), widths, strict=True))
    kept = tuple(slice(max(-low, 0), n - max(-high, 0)) for (low, high), n in zip(widths, np.shape(x), strict=True))
    added = [(max(low, 0), max(high, 0)) for low, high in widths]
    fill = 0.0 if value is None or not np.size(value) else float(constant("a padding's value", value).item())
    settings = {"constant_values": fill} if mode == "constant" else {}
    return np.pad(x[kept], added, mode=_MODES[mode], **settings)  # type: ignore[call-overload]


@ONNX("Trilu")
def _trilu(x: Any, k: Any = 0, upper: int = 1) -> Any:
    offset = int(constant("k", k).item()) if np.ndim(k) == 0 else numbers("k", k)[0]
    triangle = np.triu if upper else np.tril
    mask = triangle(np.ones(np.shape(x)[-2:], dtype=bool), offset)
    if not traced(x):
        return np.where(mask, x, np.zeros_like(x))
    return without_leading(lambda v: np.where(mask, v, 0.0), x)


@ONNX("DepthToSpace")
def _depth_to_space(x: Any, blocksize: int, mode: str = "DCR") -> Any:
    n, c, h, w = np.shape(x)
    b = blocksize
    if mode == "DCR":
        y = np.transpose(np.reshape(x, (n, b, b, c // b**2, h, w)), (0, 3, 4, 1, 5, 2))
    else:
        y = np.transpose(np.reshape(x, (n, c // b**2, b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return np.reshape(y, (n, c // b**2, h * b, w * b))


@ONNX("SpaceToDepth")
def _space_to_depth(x: Any, blocksize: int) -> Any:
    n, c, h, w = np.shape(x)
    b = blocksize
    y = np.transpose(np.reshape(x, (n, c, h // b, b, w // b, b)), (0, 3, 5, 1, 2, 4))
    return np.reshape(y, (n, c * b**2, h // b, w // b))


def _labels(term: str, ndim: int) -> list[str | int]:
    """A label for each axis of an operand of an einsum; those of an ellipsis are counted from its last."""
    before, _, behind = term.partition("...")
    return [*before, *range(len(before) + len(behind) - ndim, 0), *behind]


@ONNX("Einsum")
def _einsum(*xs: Any, equation: str) -> Any:
    inputs, arrow, out = equation.replace(" ", "").partition("->")
    lengths: dict[str | int, int] = {}
    for term, x in zip(inputs.split(","), xs, strict=True):
        for label, n in zip(_labels(term, np.ndim(x)), np.shape(x), strict=True):
            lengths[label] = max(n, lengths.get(label, 1))
    # Without an arrow labels that stand once are those of the result.
    once = [c for c in lengths if isinstance(c, int) or inputs.count(c) == 1]
    shared = [c for c in lengths if isinstance(c, int)] if "..." in out else []
    allowed(lengths.get(c, 1) for c in ([*shared, *out] if arrow else once))
    multiplications(SLOW, *lengths.values())
    return np.einsum(equation, *xs)


@ONNX("OneHot")
def _one_hot(indices: Any, depth: Any, values: Any, axis: int = -1) -> Any:
    count = numbers("depth", depth)[0]
    off, on = constant("values", values)
    allowed([*np.shape(indices), count])
    allowed([count, count])
    rows = np.where(np.eye(count, dtype=bool), on, off).astype(np.float64)
    return np.moveaxis(_gather(rows, indices), -1, axis)


@ONNX("Resize")
def _resize(
    x: Any,
    roi: Any = None,
    scales: Any = None,
    sizes: Any = None,
    mode: str = "nearest",
    coordinate_transformation_mode: str = "half_pixel",
    nearest_mode: str = "round_prefer_floor",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
) -> Any:
    if mode not in ("nearest", "linear"):
        raise TraceError(f"it resizes with mode {mode!r}: there are 'nearest' and 'linear'")
    shape = np.shape(x)
    if sizes is not None and np.size(sizes):
        out = numbers("sizes", sizes)
        factors = [m / n for n, m in zip(shape, out, strict=True)]
    else:
        factors = [float(s) for s in constant("scales", scales)]
        out = [int(n * s) for n, s in zip(shape, factors, strict=True)]
    allowed(out)
    for axis, (n, m, factor) in enumerate(zip(shape, out, factors, strict=True)):
        if n != m:
            allowed([n, m])
            if mode == "linear":
                multiplications(int(np.size(x)), m)
            at = resizing.places(n, m, factor, coordinate_transformation_mode)
            x = resizing.resampled(x, axis, at, mode, nearest_mode)
    return x
