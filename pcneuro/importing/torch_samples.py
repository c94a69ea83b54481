"""How a module is called: its example, one sample of it, and whether samples stay apart."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.errors import ParameterError, ShapeError, TraceError, told
from pcneuro.importing.names import apart
from pcneuro.importing.torch_library import calling, library
from pcneuro.importing.torch_program import plain
from pcneuro.quantities import whole

SLACK = 1000
"""Units in the last place, of an output's largest value, that two ways to compute it may differ by."""


@dataclass(frozen=True, eq=False)
class Call:
    """What a module is called with, as a flat list of ``leaves``, tensors and others, and their ``names``."""

    module: Any
    leaves: list[Any]
    names: list[str]
    structure: Any
    batch_axis: int | None

    @property
    def tensors(self) -> dict[str, Any]:
        """Those of the leaves that are tensors."""
        torch = library()
        return {n: t for n, t in zip(self.names, self.leaves, strict=True) if isinstance(t, torch.Tensor)}

    def arguments(self, leaves: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments with these leaves."""
        from torch.utils import _pytree

        return _pytree.tree_unflatten(leaves, self.structure)

    def sample(self, number: int) -> list[Any]:
        """The leaves with one sample only, whose axis is kept, with length 1."""
        torch, axis = library(), self.batch_axis
        if axis is None:
            return self.leaves
        return [t.narrow(axis, number, 1) if isinstance(t, torch.Tensor) else t for t in self.leaves]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one sample of an input."""
        shape = list(self.tensors[name].shape)
        if self.batch_axis is not None:
            del shape[self.batch_axis]
        return tuple(shape)

    def outputs(self, leaves: list[Any], learning: bool = False) -> dict[str, Any]:
        """What the module returns, flat, by name; with the way back to its parameters where they are learning."""
        from torch.utils import _pytree

        torch = library()
        args, keywords = self.arguments(leaves)
        with (
            calling("the module cannot be called with the example", "give what it takes"),
            torch.set_grad_enabled(learning),
        ):
            returned = self.module(*args, **keywords)
        found, _ = _pytree.tree_flatten_with_path(returned)
        return dict(zip(_names(found, "out"), (value for _, value in found), strict=True))


def _names(found: Any, root: str) -> list[str]:
    """A name for each part of nested tuples and dicts, no two the same."""
    names: dict[str, None] = {}
    for path, _ in found:
        names[apart(_name(path, root), names)] = None
    return list(names)


def _name(path: Any, root: str) -> str:
    """A name of a part of nested tuples and dicts: the keys to it."""
    keys = [str(getattr(k, "idx", getattr(k, "key", getattr(k, "name", k)))) for k in path]
    return "_".join([root, *keys] if not keys or keys[0].isdigit() else keys)


def call_of(module: Any, example: Any, batch_axis: int | None) -> Call:
    """How a module is called. Raises ParameterError and ShapeError for an example that does not fit."""
    from torch.utils import _pytree

    torch = library()
    batch_axis = None if batch_axis is None else whole("batch_axis", batch_axis)
    try:
        signature = inspect.signature(module.forward)
        if isinstance(example, Mapping):
            bound = signature.bind(**example)
        else:
            bound = signature.bind(*(example if isinstance(example, tuple | list) else (example,)))
    except (TypeError, ValueError) as error:
        raise ParameterError(f"example is {told(example)} that the module cannot be called with: {error}") from None
    paths, _ = _pytree.tree_flatten_with_path(dict(bound.arguments))
    leaves, structure = _pytree.tree_flatten((bound.args, bound.kwargs))
    call = Call(module, leaves, _names(paths, "input"), structure, batch_axis)
    if not call.tensors:
        raise ParameterError(f"example is {told(example)}: give a tensor, or a tuple or dict of what the module takes")
    _check_batch(torch, call)
    return call


def _check_batch(torch: Any, call: Call) -> None:
    axis, lengths = call.batch_axis, {}
    if axis is None:
        return
    for name, tensor in call.tensors.items():
        if tensor.ndim <= axis or not tensor.shape[axis]:
            raise ShapeError(
                f"example {name!r} has shape {tuple(tensor.shape)}, and no samples along axis {axis}: give batch_axis, "
                "which is None for one sample without such an axis"
            )
        lengths[name] = tensor.shape[axis]
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"the example has different numbers of samples along axis {axis}: {lengths}")


def drawn_sample(call: Call) -> list[Any]:
    """The leaves of one sample that is another one than the example's first, and drawn like it."""
    torch = library()
    generator = torch.Generator().manual_seed(0)
    leaves = []
    for one, tensor in zip(call.sample(0), call.leaves, strict=True):
        if not isinstance(tensor, torch.Tensor):
            leaves.append(tensor)
        elif tensor.is_floating_point():
            drawn = torch.randn(one.shape, generator=generator).to(one)
            leaves.append(one + (one.std() if one.numel() > 1 and one.std() > 0 else 1) * drawn)
        else:
            place = torch.randint(tensor.numel(), one.shape, generator=generator)
            leaves.append(tensor.reshape(-1)[place])
    return leaves


def output_axes(call: Call, alone: Mapping[str, Any]) -> list[int | None]:
    """The axis of samples of each output, from those of one sample.

    Raises TraceError where an output has none, and where samples are mixed.
    """
    torch = library()
    if call.batch_axis is None:
        return [None] * len(alone)
    other = drawn_sample(call)
    second = call.outputs(other)
    both = [
        torch.cat([a, b], call.batch_axis) if isinstance(a, torch.Tensor) else a
        for a, b in zip(call.sample(0), other, strict=True)
    ]
    together = call.outputs(both)
    axes: list[int | None] = []
    for name, y in alone.items():
        if not isinstance(y, torch.Tensor):
            axes.append(None)
            continue
        shapes = tuple(y.shape), tuple(together[name].shape)
        differing = [i for i, (n, m) in enumerate(zip(*shapes, strict=False)) if (n, m) == (1, 2)]
        if len(shapes[0]) != len(shapes[1]) or len(differing) != 1:
            raise TraceError(
                f"output {name!r} of one sample has shape {shapes[0]}, of two {shapes[1]}: it has no axis of samples, "
                "and a graph is of one; take means over samples outside the module, and name the axis of a squeeze()"
            )
        axes.append(differing[0])
        places = [together[name].narrow(differing[0], place, 1) for place in (0, 1)]
        pairs = zip(places, (y, second[name]), strict=True)
        if y.is_floating_point() and not all(agree(plain(a), plain(b), y.dtype) for a, b in pairs):
            raise TraceError(
                f"output {name!r} of a sample is another one beside a second sample: the module mixes samples, which a "
                "circuit keeps apart; call module.eval(), take means over samples outside the module, and name the "
                "axis of a squeeze()"
            )
    return axes


def agree(a: np.ndarray, b: np.ndarray, dtype: Any) -> bool:
    """Whether two ways to compute an output in a dtype of PyTorch came to the same."""
    with np.errstate(invalid="ignore"):
        largest = max(float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b))), 1.0)
        tolerance = SLACK * library().finfo(dtype).eps * largest
        return bool(np.allclose(a, b, rtol=0, atol=tolerance, equal_nan=True))
