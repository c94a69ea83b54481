"""What only moves, joins or repeats units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pcneuro.importing.aten.table import ATEN, refused
from pcneuro.importing.layers.samples import from_last, put, without_leading
from pcneuro.ops.base import AbstractTraced


@ATEN("view", "_unsafe_view")
def _view(self: Any, size: Sequence[int]) -> Any:
    return np.reshape(self, tuple(size))


@ATEN("reshape")
def _reshape(self: Any, shape: Sequence[int]) -> Any:
    return np.reshape(self, tuple(shape))


@ATEN("view_as", "reshape_as")
def _view_as(self: Any, other: Any) -> Any:
    return np.reshape(self, np.shape(other))


@ATEN("flatten")
def _flatten(self: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    shape = np.shape(self) or (1,)
    first, last = start_dim % len(shape), end_dim % len(shape)
    return np.reshape(self, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@ATEN("unflatten")
def _unflatten(self: Any, dim: int, sizes: Sequence[int]) -> Any:
    shape, axis = np.shape(self), dim % np.ndim(self)
    return np.reshape(self, (*shape[:axis], *sizes, *shape[axis + 1 :]))


@ATEN("clone", "contiguous", "alias", "lift_fresh_copy", "lift_fresh", "positive")
def _same(self: Any) -> Any:
    return self


@ATEN("to", "_to_copy", "type_as")
def _to(self: Any, other: Any = None) -> Any:
    return self


@ATEN("copy")
def _copy(self: Any, src: Any) -> Any:
    return np.broadcast_to(src, np.shape(self))


@ATEN("squeeze")
def _squeeze(self: Any, dim: Any = None) -> Any:
    shape = np.shape(self)
    dims = range(len(shape)) if dim is None else [dim] if isinstance(dim, int) else dim
    axes = tuple(d for d in dims if shape[d] == 1)
    return np.squeeze(self, axes) if axes else self


@ATEN("unsqueeze")
def _unsqueeze(self: Any, dim: int) -> Any:
    return np.expand_dims(self, dim)


@ATEN("permute")
def _permute(self: Any, dims: Sequence[int]) -> Any:
    return np.transpose(self, tuple(dims))


@ATEN("transpose", "swapaxes", "swapdims")
def _transpose(self: Any, dim0: int, dim1: int) -> Any:
    return np.swapaxes(self, dim0, dim1) if np.ndim(self) else self


@ATEN("movedim", "moveaxis")
def _movedim(self: Any, source: Any, destination: Any) -> Any:
    return np.moveaxis(self, source, destination)


@ATEN("t")
def _t(self: Any) -> Any:
    return np.transpose(self)


@ATEN("numpy_T")
def _numpy_t(self: Any) -> Any:
    return np.transpose(self)


@ATEN("mT")
def _mt(self: Any) -> Any:
    return np.swapaxes(self, -1, -2)


@ATEN("expand")
def _expand(self: Any, size: Sequence[int]) -> Any:
    shape = np.shape(self)
    own = (1,) * (len(size) - len(shape)) + shape
    return np.broadcast_to(self, tuple(n if m == -1 else m for n, m in zip(own, size, strict=True)))


@ATEN("expand_as")
def _expand_as(self: Any, other: Any) -> Any:
    return np.broadcast_to(self, np.shape(other))


@ATEN("repeat")
def _repeat(self: Any, repeats: Sequence[int]) -> Any:
    return np.tile(self, tuple(repeats))


@ATEN("tile")
def _tile(self: Any, dims: Sequence[int]) -> Any:
    return np.tile(self, tuple(dims))


@ATEN("repeat_interleave")
def _repeat_interleave(self: Any, repeats: Any, dim: int | None = None) -> Any:
    return np.repeat(self, repeats, axis=dim)


@ATEN("cat", "concat", "concatenate")
def _cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    # PyTorch lets tensors without units of one axis pass, whatever the others' axes.
    parts = [t for t in tensors if np.shape(t) != (0,)]
    axis = from_last(dim, np.ndim(parts[0]))
    if axis == -np.ndim(parts[0]):
        return np.concatenate(parts, axis=axis)
    return without_leading(lambda *arrays: np.concatenate(arrays, axis=axis), *parts)


@ATEN("stack")
def _stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    axis = from_last(dim, np.ndim(tensors[0]) + 1)
    if axis == -np.ndim(tensors[0]) - 1:
        return np.stack(tensors)
    return without_leading(lambda *arrays: np.stack(arrays, axis=axis), *tensors)


@ATEN("split")
def _split(self: Any, split_size: Any, dim: int = 0) -> Any:
    if not isinstance(split_size, int):
        return _split_with_sizes(self, split_size, dim)
    return np.split(self, list(range(split_size, np.shape(self)[dim], split_size)), axis=dim)


@ATEN("split_with_sizes")
def _split_with_sizes(self: Any, split_sizes: Sequence[int], dim: int = 0) -> Any:
    return np.split(self, [int(n) for n in np.cumsum(split_sizes)[:-1]], axis=dim)


@ATEN("chunk")
def _chunk(self: Any, chunks: int, dim: int = 0) -> Any:
    return _split(self, -(-np.shape(self)[dim] // chunks), dim)


@ATEN("tensor_split")
def _tensor_split(self: Any, sections: int = 0, indices: Sequence[int] = (), dim: int = 0) -> Any:
    return np.array_split(self, sections or list(indices), axis=dim)


@ATEN("unbind")
def _unbind(self: Any, dim: int = 0) -> Any:
    first = np.moveaxis(self, dim, 0)
    return [first[i] for i in range(len(first))]


def _along(dim: int, key: Any) -> tuple[Any, ...]:
    """An index into one axis, counted from the first or the last."""
    return (*((slice(None),) * dim), key) if dim >= 0 else (..., key, *((slice(None),) * (-dim - 1)))


@ATEN("select")
def _select(self: Any, dim: int, index: int) -> Any:
    return self[_along(dim, index)]


@ATEN("slice")
def _slice(self: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
    return self[_along(dim, slice(start, end, step))]


@ATEN("narrow")
def _narrow(self: Any, dim: int, start: int, length: int) -> Any:
    return self[_along(dim, slice(int(start), int(start) + length))]


@ATEN("select_scatter")
def _select_scatter(self: Any, src: Any, dim: int, index: int) -> Any:
    return put(self, _along(dim, index), src)


@ATEN("slice_scatter")
def _slice_scatter(
    self: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    return put(self, _along(dim, slice(start, end, step)), src)


def _whole(index: Any) -> Any:
    """Places as whole numbers, which inputs of whole numbers are not in a graph."""
    return index.astype(np.int64) if index.dtype.kind == "f" else index


def _key(indices: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(slice(None) if index is None else _whole(index) for index in indices)


@ATEN("index")
def _index(self: Any, indices: Sequence[Any]) -> Any:
    return self[_key(indices)]


@ATEN("index_put", "_unsafe_index_put")
def _index_put(self: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    if accumulate:
        return _added(self, _key(indices), values)
    if len(indices) == 1 and getattr(indices[0], "dtype", None) == np.dtype(bool) and not np.ndim(values):
        mask = indices[0]
        mask = np.reshape(mask, (*np.shape(mask), *(1,) * (np.ndim(self) - np.ndim(mask))))
        return without_leading(lambda m, x: np.where(m, values, x), mask, self)
    return put(self, _key(indices), values)


def _added(target: Any, key: Any, source: Any) -> Any:
    """A copy of the target with the source added at a constant index, as often as a place is there."""
    if any(isinstance(part, AbstractTraced) for part in key):
        raise refused("adding at places that depend on inputs", "register the places as a buffer of the module")
    sums = np.zeros(np.shape(target))
    np.add.at(sums, key, source)
    return target + sums


@ATEN("index_add")
def _index_add(self: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    return _added(self, _along(dim, index), source if alpha == 1 else alpha * source)


@ATEN("scatter_add")
def _scatter_add(self: Any, dim: int, index: Any, src: Any) -> Any:
    places = list(np.indices(np.shape(index)))
    places[dim] = index
    return _added(self, tuple(places), src[tuple(slice(n) for n in np.shape(index))])


@ATEN("index_select")
def _index_select(self: Any, dim: int, index: Any) -> Any:
    return np.take(self, _whole(index), axis=dim)


@ATEN("gather")
def _gather(self: Any, dim: int, index: Any) -> Any:
    shape = tuple(n if axis != dim % np.ndim(self) else None for axis, n in enumerate(np.shape(index)))
    return np.take_along_axis(self[tuple(slice(0, n) for n in shape)], _whole(index), axis=dim)


@ATEN("take_along_dim")
def _take_along_dim(self: Any, indices: Any, dim: int | None = None) -> Any:
    return np.take_along_axis(self, _whole(indices), axis=dim)


@ATEN("flip")
def _flip(self: Any, dims: Sequence[int]) -> Any:
    return np.flip(self, tuple(dims))


@ATEN("roll")
def _roll(self: Any, shifts: Sequence[int], dims: Sequence[int] = ()) -> Any:
    return np.roll(self, tuple(shifts) if dims else shifts[0], axis=tuple(dims) or None)


_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""PyTorch's names of paddings -> NumPy's."""


@ATEN("constant_pad_nd", "pad")
def _pad(self: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    # From the last axis to the first, numbers before and behind; what is negative is cut off.
    widths = [(0, 0)] * (np.ndim(self) - len(pad) // 2) + list(zip(pad[-2::-2], pad[-1::-2], strict=True))
    kept = tuple(slice(max(-low, 0), n - max(-high, 0)) for (low, high), n in zip(widths, np.shape(self), strict=True))
    around = [(max(low, 0), max(high, 0)) for low, high in widths]
    settings = {"constant_values": 0.0 if value is None else float(value)} if mode == "constant" else {}
    return np.pad(self[kept], around, mode=_MODES[mode], **settings)  # type: ignore[call-overload]


@ATEN("reflection_pad1d", "reflection_pad2d")
def _reflection_pad(self: Any, padding: Sequence[int]) -> Any:
    return _pad(self, padding, "reflect")


@ATEN("replication_pad1d", "replication_pad2d")
def _replication_pad(self: Any, padding: Sequence[int]) -> Any:
    return _pad(self, padding, "replicate")


@ATEN("diagonal")
def _diagonal(self: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    return np.diagonal(self, offset, dim1, dim2)


def _triangle(self: Any, mask: np.ndarray) -> Any:
    return without_leading(lambda x: np.where(mask, x, 0.0), self)


@ATEN("tril")
def _tril(self: Any, diagonal: int = 0) -> Any:
    return _triangle(self, np.tril(np.ones(np.shape(self)[-2:], dtype=bool), diagonal))


@ATEN("triu")
def _triu(self: Any, diagonal: int = 0) -> Any:
    return _triangle(self, np.triu(np.ones(np.shape(self)[-2:], dtype=bool), diagonal))


@ATEN("unfold")
def _unfold(self: Any, dimension: int, size: int, step: int) -> Any:
    axis = dimension % np.ndim(self)
    starts = np.arange(0, np.shape(self)[axis] - size + 1, step)
    taken = np.take(self, starts[:, None] + np.arange(size), axis=axis)
    return np.moveaxis(taken, axis + 1, -1)


@ATEN("pixel_shuffle")
def _pixel_shuffle(self: Any, upscale_factor: int) -> Any:
    *batch, channels, height, width = np.shape(self)
    r = upscale_factor
    x = np.reshape(self, (*batch, channels // r**2, r, r, height, width))
    n = len(batch)
    x = np.transpose(x, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return np.reshape(x, (*batch, channels // r**2, height * r, width * r))


@ATEN("pixel_unshuffle")
def _pixel_unshuffle(self: Any, downscale_factor: int) -> Any:
    *batch, channels, height, width = np.shape(self)
    r, n = downscale_factor, len(batch)
    x = np.reshape(self, (*batch, channels, height // r, r, width // r, r))
    x = np.transpose(x, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return np.reshape(x, (*batch, channels * r**2, height // r, width // r))


@ATEN("channel_shuffle")
def _channel_shuffle(self: Any, groups: int) -> Any:
    n, channels, *space = np.shape(self)
    return np.reshape(np.swapaxes(np.reshape(self, (n, groups, channels // groups, *space)), 1, 2), np.shape(self))


@ATEN("fill")
def _fill(self: Any, value: Any) -> Any:
    return np.broadcast_to(value, np.shape(self))


@ATEN("broadcast_tensors")
def _broadcast_tensors(tensors: Sequence[Any]) -> Any:
    return np.broadcast_arrays(*tensors)


@ATEN("zeros_like", "empty_like")
def _zeros_like(self: Any) -> Any:
    return np.zeros(np.shape(self))


@ATEN("ones_like")
def _ones_like(self: Any) -> Any:
    return np.ones(np.shape(self))


@ATEN("full_like")
def _full_like(self: Any, fill_value: float) -> Any:
    return np.full(np.shape(self), float(fill_value))


@ATEN("new_zeros", "new_empty")
def _new_zeros(self: Any, size: Sequence[int]) -> Any:
    return np.zeros(tuple(size))


@ATEN("new_ones")
def _new_ones(self: Any, size: Sequence[int]) -> Any:
    return np.ones(tuple(size))


@ATEN("new_full")
def _new_full(self: Any, size: Sequence[int], fill_value: float) -> Any:
    return np.full(tuple(size), float(fill_value))
