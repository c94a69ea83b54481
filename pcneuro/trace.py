"""Tracing: an ordinary NumPy function of one sample is called once with arrays that record what is done to them."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from pcneuro import tracing_rules as rules
from pcneuro.errors import GraphError, ShapeError, TraceError
from pcneuro.graph import Constant, Graph, Input, Latent, Leaf, Node, Parameter, check_finite
from pcneuro.ops.base import AbstractOperator, AbstractTraced, Shape, unit_indices
from pcneuro.ops.contract import Contract
from pcneuro.ops.elementwise import FUNCTIONS, Map
from pcneuro.ops.gather import Take
from pcneuro.ops.reduce import Prod, Sum

_SKIPPED = (str(Path(__file__).parent), str(Path(np.__file__).parent))


def _where() -> str:
    """File, line and text of the innermost frame that is neither ours nor NumPy's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_SKIPPED):
        frame = frame.f_back
    path, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(path, line).strip()
    return f"{Path(path).name}:{line}{': ' + text if text else ''}"


def _refuse(what: str, instead: str) -> TraceError:
    return TraceError(f"{what} cannot be traced ({_where()}): {instead}")


class _Recorder:
    """The graph while it is being made: entries by number, and the names they have been given."""

    def __init__(self) -> None:
        self.entries: list[tuple[AbstractOperator | Leaf, tuple[int, ...], Shape, str]] = []
        self.names: dict[int, str] = {}
        self.marked: set[int] = set()
        self.marks: dict[str, tuple[int, str]] = {}

    def add(self, source: AbstractOperator | Leaf, operands: tuple[int, ...], shape: Shape) -> TracedArray:
        self.entries.append((source, operands, shape, _where()))
        return TracedArray(self, len(self.entries) - 1, shape)

    def lift(self, value: Any) -> TracedArray:
        """A traced array as it is; a number or array as a constant."""
        if isinstance(value, TracedArray):
            if value._recorder is not self:
                raise _refuse("an array of another trace", "use arrays of this call of the function only")
            return value
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise _refuse(f"a constant of dtype {array.dtype}", "use real numbers")
        constant = array.astype(np.float64)
        constant.flags.writeable = False
        return self.add(Constant(constant), (), constant.shape)

    def apply(self, operator: AbstractOperator, *operands: Any) -> TracedArray:
        traced = [self.lift(a) for a in operands]
        try:
            shape = operator.shape(*(a.shape for a in traced))
        except ShapeError as error:
            raise ShapeError(f"{error} ({_where()})") from None
        return self.add(operator, tuple(a._number for a in traced), shape)

    def gather(self, name: str, indices: np.ndarray, operands: Sequence[Any]) -> TracedArray:
        if len(operands) == 1 and indices.shape == np.shape(operands[0]) and name in ("reshape", "squeeze", "ravel"):
            return self.lift(operands[0])
        if indices.size == 0:
            raise _refuse(f"{name} with an empty result", "every array needs at least one unit")
        return self.apply(Take(name, indices), *operands)

    def numbered(self, operands: Sequence[TracedArray]) -> list[np.ndarray]:
        """Arrays of unit numbers in place of the operands, the second's after the first's."""
        first, found = 0, []
        for operand in operands:
            found.append(unit_indices(operand.shape) + first)
            first += operand.size
        return found

    def mark(self, array: TracedArray, name: str) -> TracedArray:
        source = self.entries[array._number][0]
        if not isinstance(source, AbstractOperator) or array._number in self.names:
            array = self.gather("copy", unit_indices(array.shape), [array])
        if name in self.marks:
            raise GraphError(f"the vertex name {name!r} is used twice ({self.marks[name][1]}; {_where()})")
        self.marks[name] = (array._number, _where())
        self.names[array._number] = name
        return array


class TracedArray(AbstractTraced, NDArrayOperatorsMixin):
    """Stands for an array of one sample while a function is traced. It has a shape and no values."""

    __hash__ = object.__hash__
    dtype = np.dtype(np.float64)

    def __init__(self, recorder: _Recorder, number: int, shape: Shape) -> None:
        self._recorder, self._number = recorder, number
        self.shape: Shape = tuple(shape)

    # What NumPy asks for

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        if kwargs.pop("out", None) is not None:
            raise _refuse(f"an in-place {name}", "write a = a + b instead of a += b, and leave out out=")
        if method == "reduce" and name in ("add", "multiply"):
            kwargs.setdefault("axis", 0)
            return _reduce("sum" if name == "add" else "prod", *inputs, **kwargs)
        if method != "__call__" or kwargs:
            raise _refuse(f"np.{name}.{method} with {', '.join(kwargs) or 'this method'}", f"call np.{name}(x) plainly")
        if name == "matmul":
            return _matmul(*inputs)
        name = rules.UFUNC_ALIASES.get(name, name)
        if name == "positive":
            return self
        if name in rules.COMPARISONS:
            raise _refuse(f"the comparison np.{name}", rules.COMPARISONS[name])
        if name == "power" and not isinstance(inputs[1], TracedArray) and np.ndim(inputs[1]) == 0 and inputs[1] == 2:
            return self.apply(Map("square"), inputs[0])
        if name not in FUNCTIONS:
            raise _refuse(f"np.{name}", rules.instead_of(name))
        return self.apply(Map(name), *inputs)

    def __array_function__(self, function: Callable, types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        if function in _HANDLERS:
            return _HANDLERS[function](*args, **kwargs)
        if name in rules.STRUCTURAL and getattr(np, name, None) is function:
            return _structural(name, function, args, kwargs)
        raise _refuse(f"np.{name}", rules.instead_of(name))

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise _refuse(
            "turning a traced array into a plain one",
            "keep to functions of numpy and pcn.ops; build arrays with np.stack or np.concatenate",
        )

    # What Python asks for

    def __bool__(self) -> bool:
        raise _refuse(
            "a decision (if, while, and, or) on a traced value",
            "use np.where on a constant mask, np.maximum, or pcn.ops.relu",
        )

    def _no_number(self) -> Any:
        raise _refuse(
            "a plain number made of a traced value", "use np. functions instead of math., and no float() or int()"
        )

    __float__ = __int__ = __index__ = __complex__ = _no_number

    def __setitem__(self, key: Any, value: Any) -> None:
        raise _refuse("an in-place write (a[...] = b)", "build the array with np.concatenate, np.stack or np.where")

    def __getitem__(self, key: Any) -> TracedArray:
        parts = key if isinstance(key, tuple) else (key,)
        if any(isinstance(part, TracedArray) for part in parts):
            raise _refuse("indexing by a traced value", "index with constants, or multiply by a one-hot input")
        try:
            indices = np.asarray(unit_indices(self.shape)[key])
        except IndexError as error:
            raise ShapeError(f"index {key!r} into shape {self.shape}: {error} ({_where()})") from None
        return self._recorder.gather("index", indices, [self])

    def __len__(self) -> int:
        if not self.shape:
            raise _refuse("len() of an array without axes", "give it an axis with np.expand_dims")
        return self.shape[0]

    def __iter__(self) -> Iterator[TracedArray]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<traced array of shape {self.shape}>"

    # What an ndarray has

    def apply(self, operator: AbstractOperator, *operands: Any) -> TracedArray:
        return self._recorder.apply(operator, *operands)

    @property
    def ndim(self) -> int:
        """Number of axes of one sample."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of units of one sample."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def T(self) -> TracedArray:
        """The array with its axes reversed."""
        return np.transpose(self)

    def reshape(self, *shape: Any, order: str = "C") -> TracedArray:
        """As np.reshape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self, *axes: Any) -> TracedArray:
        """As np.transpose."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def swapaxes(self, first: int, second: int) -> TracedArray:
        """As np.swapaxes."""
        return np.swapaxes(self, first, second)

    def squeeze(self, axis: Any = None) -> TracedArray:
        """As np.squeeze."""
        return np.squeeze(self, axis)

    def ravel(self) -> TracedArray:
        """As np.ravel."""
        return np.ravel(self)

    flatten = ravel

    def sum(self, axis: Any = None, keepdims: bool = False) -> TracedArray:
        """As np.sum."""
        return _reduce("sum", self, axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> TracedArray:
        """As np.mean."""
        return _reduce("mean", self, axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> TracedArray:
        """As np.prod."""
        return _reduce("prod", self, axis, keepdims=keepdims)

    def dot(self, other: Any) -> TracedArray:
        """As np.dot."""
        return _dot(self, other)

    def copy(self) -> TracedArray:
        """The array itself: nothing writes to a traced array."""
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(name)
        raise _refuse(f"the array method or attribute .{name}", rules.instead_of(name))


def _recorder(*operands: Any) -> _Recorder:
    return next(a._recorder for a in operands if isinstance(a, TracedArray))


def _structural(name: str, function: Callable, args: Any, kwargs: Any) -> Any:
    """Run a function that only moves units on arrays of unit numbers, and gather what it makes of them."""
    if not args:
        key = next(iter(kwargs))
        args, kwargs = (kwargs[key],), {k: v for k, v in kwargs.items() if k != key}
    first, *rest = args
    if any(isinstance(a, TracedArray) for a in _leaves((rest, kwargs))):
        raise _refuse(f"np.{name} with a traced argument behind the first", "pass constants there")
    recorder = _recorder(*_leaves(first))
    several = isinstance(first, list | tuple)
    operands = [recorder.lift(a) for a in (first if several else [first])]
    numbers = recorder.numbered(operands)
    try:
        result = function(numbers if several else numbers[0], *rest, **kwargs)
    except (ValueError, IndexError) as error:
        shapes = " and ".join(str(a.shape) for a in operands)
        raise ShapeError(f"np.{name} of shape {shapes}: {error} ({_where()})") from None
    if isinstance(result, list | tuple):
        return [recorder.gather(name, np.asarray(part), operands) for part in result]
    return recorder.gather(name, np.asarray(result), operands)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _reduce(
    kind: str, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **other: Any
) -> TracedArray:
    unused = {k: v for k, v in other.items() if v is not np._NoValue}
    if out is not None or unused:
        raise _refuse(f"np.{kind} with {', '.join(unused) or 'out'}", "reduce over axis= and keepdims= only")
    keepdims = keepdims is not np._NoValue and bool(keepdims)
    try:
        every = range(x.ndim) if axis is None else axis if isinstance(axis, list | tuple) else [axis]
        axes = tuple(sorted(np.lib.array_utils.normalize_axis_index(int(a), x.ndim) for a in every))
        if len(set(axes)) < len(axes):
            raise ValueError("an axis is named twice")
    except ValueError as error:
        raise ShapeError(f"np.{kind} over axis {axis} of an array of shape {x.shape}: {error} ({_where()})") from None
    if kind == "prod":
        return x.apply(Prod(axes, keepdims), x)
    count = np.prod([x.shape[a] for a in axes], dtype=np.int64)
    return x.apply(Sum(axes, keepdims, 1.0 / float(count) if kind == "mean" else 1.0), x)


def _einsum(subscripts: Any, *operands: Any, **kwargs: Any) -> TracedArray:
    if not isinstance(subscripts, str) or "." in subscripts or kwargs.keys() - {"optimize"}:
        raise _refuse(
            "this form of np.einsum", 'write the subscripts out, as in np.einsum("ij,jk->ik", a, b), without ellipsis'
        )
    recorder = _recorder(*operands)
    traced = [recorder.lift(a) for a in operands]
    try:
        terms, out = rules.einsum_terms(subscripts, [a.shape for a in traced])
    except ValueError as error:
        raise ShapeError(f"np.einsum: {error} ({_where()})") from None
    keep = set(out)
    term, result = terms[0], traced[0]
    for k in range(len(traced)):
        later = set().union(*terms[k + 2 :]) if k + 2 <= len(terms) else set()
        if k == 0:
            needed = keep.union(*terms[1:])
            term, result = _tidy(recorder, result, term, needed)
            continue
        other_term, other = _tidy(recorder, traced[k], terms[k], keep | set(term) | set().union(*terms[k + 1 :], set()))
        after = keep.union(later, *terms[k + 1 :])
        term, result = _tidy(recorder, result, term, after | set(other_term))
        joined = "".join(dict.fromkeys(c for c in term + other_term if c in after))
        joined = out if k == len(traced) - 1 and sorted(joined) == sorted(out) else joined
        result = recorder.apply(Contract(f"{term},{other_term}->{joined}"), result, other)
        term = joined
    if term != out:
        indices = unit_indices(result.shape).transpose([term.index(c) for c in out])
        result = recorder.gather("transpose", indices, [result])
    return result


def _tidy(recorder: _Recorder, x: TracedArray, term: str, needed: set[str]) -> tuple[str, TracedArray]:
    """Take diagonals for letters that repeat in a term, and sum over those that nothing else needs."""
    unique = "".join(dict.fromkeys(term))
    if unique != term:
        x = recorder.gather("diagonal", np.einsum(f"{term}->{unique}", unit_indices(x.shape)), [x])
    lonely = tuple(i for i, c in enumerate(unique) if c not in needed)
    if lonely:
        x = recorder.apply(Sum(lonely), x)
    return "".join(c for c in unique if c in needed), x


def _matmul(a: Any, b: Any) -> TracedArray:
    recorder = _recorder(a, b)
    a, b = recorder.lift(a), recorder.lift(b)
    if not a.ndim or not b.ndim:
        raise ShapeError(
            f"matmul of shapes {a.shape} and {b.shape}: a number has no axes; multiply with * ({_where()})"
        )
    left, right = a.shape[:-2], b.shape[:-2]
    try:
        np.broadcast_shapes(left, right)
    except ValueError:
        raise ShapeError(
            f"matmul of shapes {a.shape} and {b.shape}: the leading axes do not broadcast ({_where()})"
        ) from None
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else -1]:
        raise ShapeError(f"matmul of shapes {a.shape} and {b.shape}: the inner axes do not fit ({_where()})")
    ndim = max(len(left), len(right))
    left, right = (1,) * (ndim - len(left)) + left, (1,) * (ndim - len(right)) + right
    # A leading axis of length 1 against a longer one is shared over it; where both have length 1 the first keeps it.
    of_a = [i for i in range(ndim) if left[i] > 1 or right[i] == 1]
    of_b = [i for i in range(ndim) if right[i] > 1]
    a_core, b_core = ("mk" if a.ndim > 1 else "k"), ("kn" if b.ndim > 1 else "k")
    a = a.reshape(tuple(left[i] for i in of_a) + a.shape[-len(a_core) :])
    b = b.reshape(tuple(right[i] for i in of_b) + b.shape[-len(b_core) :])
    letters = "abcdefgh"[:ndim]
    terms = ("".join(letters[i] for i in of_a) + a_core, "".join(letters[i] for i in of_b) + b_core)
    out = letters + (a_core + b_core).replace("k", "")
    return recorder.apply(Contract(f"{terms[0]},{terms[1]}->{out}"), a, b)


def _dot(a: Any, b: Any) -> TracedArray:
    recorder = _recorder(a, b)
    a, b = recorder.lift(a), recorder.lift(b)
    if not a.ndim or not b.ndim:
        return recorder.apply(Map("multiply"), a, b)
    if b.ndim <= 2 and a.ndim <= 2:
        return _matmul(a, b)
    left = "abcdefgh"[: a.ndim - 1]
    right = "ijklmnop"[: b.ndim - 1]
    inner = right[:-1] + "z" + right[-1:] if b.ndim > 1 else "z"
    return _einsum(f"{left}z,{inner}->{left}{right}", a, b)


def _tensordot(a: Any, b: Any, axes: Any = 2) -> TracedArray:
    recorder = _recorder(a, b)
    a, b = recorder.lift(a), recorder.lift(b)
    if isinstance(axes, int):
        axes = (list(range(a.ndim - axes, a.ndim)), list(range(axes)))
    pairs = [[int(i) for i in np.atleast_1d(part)] for part in axes]
    left = list("abcdefghijkl"[: a.ndim])
    right = list("mnopqrstuvwx"[: b.ndim])
    for i, j in zip(*pairs, strict=True):
        right[j] = left[i]
    out = [c for c in left if c not in right] + [c for c in right if c not in left]
    return _einsum(f"{''.join(left)},{''.join(right)}->{''.join(out)}", a, b)


def _where_mask(mask: Any, *choices: Any) -> TracedArray:
    if isinstance(mask, TracedArray) or len(choices) != 2:
        raise _refuse(
            "np.where on a mask that depends on the data",
            "use a constant mask, np.maximum, or a smooth gate such as pcn.ops.sigmoid",
        )
    recorder = _recorder(*choices)
    operands = [recorder.lift(a) for a in choices]
    try:
        return recorder.gather("where", np.where(np.asarray(mask, dtype=bool), *recorder.numbered(operands)), operands)
    except ValueError as error:
        raise ShapeError(f"np.where: {error} ({_where()})") from None


def _clip(x: Any, low: Any = None, high: Any = None, **kwargs: Any) -> Any:
    low, high = kwargs.pop("min", low), kwargs.pop("max", high)
    if {k for k, v in kwargs.items() if v is not None and v is not np._NoValue}:
        raise _refuse(f"np.clip with {', '.join(kwargs)}", "call np.clip(x, low, high)")
    result = x if low is None or low is np._NoValue else np.maximum(x, low)
    return result if high is None or high is np._NoValue else np.minimum(result, high)


def _pad(x: Any, width: Any, mode: str = "constant", **kwargs: Any) -> TracedArray:
    if mode == "constant":
        value = np.asarray(kwargs.pop("constant_values", 0.0))
        if value.ndim or kwargs:
            raise _refuse("np.pad with several constants", "pad with one number")
        numbers = np.pad(unit_indices(x.shape), width, constant_values=x.size)
        return x._recorder.gather("pad", numbers, [x, float(value)])
    return x._recorder.gather("pad", np.pad(unit_indices(x.shape), width, mode=mode, **kwargs), [x])  # type: ignore[call-overload]


_HANDLERS: dict[Callable, Callable] = {
    np.sum: lambda *a, **k: _reduce("sum", *a, **k),
    np.mean: lambda *a, **k: _reduce("mean", *a, **k),
    np.prod: lambda *a, **k: _reduce("prod", *a, **k),
    np.einsum: _einsum,
    np.dot: _dot,
    np.inner: lambda a, b: _dot(a, b) if np.ndim(a) == 0 or np.ndim(b) < 2 else _dot(a, np.swapaxes(b, -1, -2)),
    np.outer: lambda a, b: _einsum("i,j->ij", np.ravel(a), np.ravel(b)),
    np.vdot: lambda a, b: _einsum("i,i->", np.ravel(a), np.ravel(b)),
    np.tensordot: _tensordot,
    np.where: _where_mask,
    np.clip: _clip,
    np.pad: _pad,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x, axis=None: x.size if axis is None else x.shape[axis],
    np.copy: lambda x, **_: x,
    np.zeros_like: lambda x, **_: np.zeros(x.shape),
    np.ones_like: lambda x, **_: np.ones(x.shape),
    np.full_like: lambda x, fill_value, **_: np.full(x.shape, fill_value),
}


def vertex(x: Any, name: str) -> Any:
    """Give ``x`` value and error neurons of its own, under ``name``.

    Outside a trace, on plain arrays, it returns ``x`` as it is. Raises GraphError for a name used twice or one that is
    not made of letters, digits and underscores.
    """
    if not isinstance(x, TracedArray):
        return x
    array = x._recorder.mark(x, name)
    array._recorder.marked.add(array._number)
    return array


def trace(function: Callable[..., Any], /, **leaves: Leaf) -> Graph:
    """Call ``function`` once with traced arrays and return its computation graph.

    Parameters
    ----------
    function
        An ordinary NumPy function of one sample (no batch axis), which returns an array or a dict of arrays. A single
        array that is no marked vertex becomes the output ``"out"``.
    leaves
        For each of its arguments an ``Input(shape)``, a ``Parameter(array)`` or a ``Latent(shape)``.

    Returns
    -------
    Graph
        With ``nodes``, ``parameters``, ``inputs`` and ``outputs`` by name, in the order traced. An output that other
        nodes use, too, is read out through a vertex of its own, called ``<name>_readout`` where the name is taken.

    Raises
    ------
    TraceError
        For an operation that has no derivative or is not known: its name, the line, and what to write instead.
    ShapeError, GraphError, DataError
        For shapes that do not fit, a name used twice, and NaN or infinity in a parameter.
    """
    recorder = _Recorder()
    arguments: dict[str, TracedArray] = {}
    for name, leaf in leaves.items():
        if not isinstance(leaf, Input | Parameter | Latent):
            raise TraceError(
                f"leaf {name!r} is a {type(leaf).__name__}: wrap it as Input(shape), Parameter(array) or Latent(shape)"
            )
        if isinstance(leaf, Parameter):
            check_finite(f"parameter {name!r}", leaf.value)
        arguments[name] = recorder.add(leaf, (), leaf.shape)
        recorder.names[arguments[name]._number] = name
        recorder.marks[name] = (arguments[name]._number, f"leaf {name!r}")
    try:
        returned = function(**arguments)
    except TypeError as error:
        if isinstance(error, TraceError) or error.__traceback__ is None or error.__traceback__.tb_next is not None:
            raise
        raise TraceError(
            f"calling {getattr(function, '__name__', 'the function')} with leaves {', '.join(leaves)}: {error}"
        ) from None
    return _finish(recorder, returned if isinstance(returned, Mapping) else {"": returned})


def _finish(recorder: _Recorder, returned: Mapping[str, Any]) -> Graph:
    """Name what has no name, give every output a vertex that nothing else uses, drop what no output needs."""
    outputs: dict[str, int] = {}
    if not returned:
        raise GraphError("the function returned an empty dict: there is no output")
    for name, array in returned.items():
        if not isinstance(array, TracedArray):
            raise TraceError(
                f"output {name or 'out'!r} is a {type(array).__name__}, not an array that depends on the leaves"
            )
        name = name or recorder.names.get(array._number, "out") if _is_marked(recorder, array) else name or "out"
        consumed = any(array._number in operands for _, operands, _, _ in recorder.entries)
        if (
            consumed
            or array._number in outputs.values()
            or not isinstance(recorder.entries[array._number][0], AbstractOperator)
        ):
            array = recorder.gather("copy", unit_indices(array.shape), [array])
            array = recorder.mark(array, f"{name}_readout" if name in recorder.marks else name)
        elif array._number not in recorder.names:
            array = recorder.mark(array, f"{name}_readout" if name in recorder.marks else name)
        outputs[name] = array._number
    needed: set[int] = set()
    stack = [*outputs.values(), *recorder.names]
    while stack:
        number = stack.pop()
        if number not in needed:
            needed.add(number)
            stack.extend(recorder.entries[number][1])
    taken_names = set(recorder.names.values())
    nodes = []
    for number, (source, operands, shape, where) in enumerate(recorder.entries):
        named = number in recorder.names
        if number not in needed:
            continue
        if not named:
            label = source.label if isinstance(source, AbstractOperator) else "constant"
            recorder.names[number] = _free(label, taken_names)
        marked = number in recorder.marked
        nodes.append(
            Node(recorder.names[number], source, tuple(recorder.names[o] for o in operands), shape, marked, where)
        )
    return Graph(nodes, {name: recorder.names[number] for name, number in outputs.items()})


def _is_marked(recorder: _Recorder, array: TracedArray) -> bool:
    return array._number in recorder.names and isinstance(recorder.entries[array._number][0], AbstractOperator)


def _free(label: str, taken: set[str]) -> str:
    name, count = label, 0
    while name in taken:
        count += 1
        name = f"{label}_{count}"
    taken.add(name)
    return name
