"""The check of a trace: the function runs on plain arrays, and what it returns is held against the graph's values."""

from __future__ import annotations

import contextlib
import io
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pcneuro.errors import PcneuroError, TraceError, warn
from pcneuro.graph.arguments import Arguments, name_of
from pcneuro.graph.forward import forward_pass
from pcneuro.graph.graph import Constant, Graph, Input, Latent, Leaf, Node, Parameter, Recurrent
from pcneuro.graph.tracing.array import Recorder, TracedArray
from pcneuro.graph.tracing.sparse import TracedSparse
from pcneuro.graph.tracing.witness import Noted, witness

Arrays = dict[str, np.ndarray]

_TOLERANCE = 1e-9
"""Largest difference between the function's values and the graph's, relative to the largest value of the array."""
_ROUNDING = 1e-13
"""Relative size of the random changes of every operation that tell how much rounding matters."""
_OFTEN = 10.0
"""How many times such a change a difference may be that is put down to rounding."""
_SEED = 0

_DRAWS: tuple[Callable[[np.random.Generator, tuple[int, ...]], np.ndarray], ...] = (
    lambda rng, shape: rng.normal(size=shape),
    lambda rng, shape: rng.uniform(0.1, 0.9, shape),
    lambda rng, shape: rng.integers(0, 2, shape).astype(np.float64),
)
"""What leaves without values get: any numbers; where the function refuses those, positive ones; then zeros and ones."""

_vertices: ContextVar[dict[str, Any] | None] = ContextVar("_vertices", default=None)


def note_vertex(array: Any, name: str) -> None:
    """A plain array that ``pcn.vertex`` was given; kept where a check is at work."""
    seen = _vertices.get()
    if seen is not None:
        seen[name] = array


@dataclass(frozen=True)
class Tried:
    """One call of the function on plain arrays: the leaves' values, what it returned, its vertices, and the graph's."""

    leaves: Arrays
    returned: dict[Any, Any]
    vertices: dict[str, Any]
    values: Arrays = field(default_factory=dict)


@dataclass(frozen=True)
class RandomStates:
    """States of the generators that NumPy and Python have for everybody."""

    numpy: Any
    python: Any

    @classmethod
    def now(cls) -> RandomStates:
        """The present ones."""
        return cls(np.random.get_state(), random.getstate())  # noqa: NPY002, the function may draw from it

    def restore(self) -> None:
        """Go back to these."""
        np.random.set_state(self.numpy)  # noqa: NPY002
        random.setstate(self.python)

    def differ(self, other: RandomStates) -> bool:
        """Whether anything was drawn between the two."""
        ours, theirs = self.numpy, other.numpy
        moved = ours[0] != theirs[0] or ours[2:] != theirs[2:] or not np.array_equal(ours[1], theirs[1])
        return moved or self.python != other.python


@dataclass(frozen=True)
class Check:
    """A function that has been traced, and what was made of it.

    ``whole`` makes the graph with what no output needs, too; ``again`` traces the function once more; ``before`` and
    ``after`` are the states of the common generators before and after the trace.
    """

    arguments: Arguments
    recorder: Recorder
    graph: Graph
    whole: Callable[[], Graph]
    again: Callable[[], Recorder]
    before: RandomStates
    after: RandomStates

    def run(self) -> None:
        """Raise TraceError where the function and the graph differ, and warn where it differs from itself."""
        with _quiet():
            self.before.restore()
            try:
                problem = self._problem()
            finally:
                self.after.restore()
        if isinstance(problem, PcneuroError):
            raise problem
        if problem:
            warn(problem)

    def _problem(self) -> PcneuroError | str | None:
        """The error to raise, or the text to warn with."""
        tried = self._try_draws()
        if isinstance(tried, PcneuroError) or tried is None:
            return tried
        fits = self._fits(tried)
        if fits and not self.before.differ(self.after):
            return None
        self.after.restore()
        try:
            second = _called(self.arguments, tried.leaves)
        except Exception as error:
            return self._changing(f"raises {type(error).__name__} when it is called again")
        if not _all_close(second.returned, tried.returned):
            return self._changing("returns other values at every call")
        return None if fits else self._difference(tried)

    # Calls

    @property
    def _drawn(self) -> tuple[str, ...]:
        """Leaves that have no values."""
        return tuple(name for name, leaf in self.leaves.items() if isinstance(leaf, Input | Latent | Recurrent))

    @property
    def _name(self) -> str:
        return name_of(self.arguments.function)

    @property
    def leaves(self) -> Mapping[str, Leaf]:
        """The leaves, those of trees, too, by name."""
        return self.arguments.leaves

    def _try_draws(self) -> Tried | PcneuroError | None:
        """The first call whose values are finite, else the first; nothing where the function refuses every draw."""
        first = None
        for draw in _DRAWS if self._drawn else _DRAWS[:1]:
            try:
                tried = _called(self.arguments, _values(self.leaves, draw))
                tried = replace(tried, values=self._forward(tried))
            except Exception as error:
                if not self._drawn:
                    return TraceError(
                        f"{self._name} can be traced, but called on the values of its leaves it raises "
                        f"{type(error).__name__}: {' '.join(str(error).split())}; {_UNCHECKED}"
                    )
                continue
            kept = [a for a in (*tried.returned.values(), *tried.vertices.values()) if isinstance(a, TracedArray)]
            if kept:
                return TraceError(
                    f"{self._name} keeps traced arrays from one call to the next: compute them in each; {_UNCHECKED}"
                )
            if all(_finite(array) for array in tried.returned.values()):
                return tried
            first = first or tried
        return first

    def _forward(self, tried: Tried, rounded: Callable[[np.ndarray], np.ndarray] | None = None) -> Arrays:
        leaves = {name: value[None] for name, value in tried.leaves.items()}
        return {name: value[0] for name, value in forward_pass(self.graph, leaves, rounded).items()}

    # Comparisons

    def _outputs(self, tried: Tried) -> Iterator[tuple[Node, Any, np.ndarray | None]]:
        """The node of each output, what the function returned, and what the graph has."""
        single = list(tried.returned) == [""]
        for name, node in self.graph.outputs.items():
            yield node, tried.returned.get("" if single else name, _MISSING), tried.values[node.name]

    def _fits(self, tried: Tried) -> bool:
        if list(tried.returned) != [""] and set(tried.returned) != set(self.graph.outputs):
            return False
        apart = [(node, plain) for node, plain, graphs in self._outputs(tried) if not _close(plain, graphs)]
        if not apart:
            return True
        rng = np.random.default_rng(_SEED)
        changed = self._forward(tried, lambda a: _rounded(a, rng))
        return all(
            _close(plain, tried.values[n.name], _OFTEN * _largest(changed[n.name] - tried.values[n.name]))
            for n, plain in apart
        )

    # Messages

    def _changing(self, what: str) -> str:
        """The warning of a function that is not the same at every call, with the constants that are not."""
        lines = []
        with contextlib.suppress(Exception):
            for one, other in zip(self.recorder.entries, self.again().entries, strict=False):
                first, second = one[0], other[0]
                if isinstance(first, Constant) and isinstance(second, Constant) and one[3] == other[3]:
                    if not np.array_equal(first.value, second.value):
                        lines.append(f"an array of shape {one[2]} ({one[3]})")
        which = f": {' and '.join(dict.fromkeys(lines))}" if lines else ""
        return (
            f"{self._name} {what}{which}; the graph keeps what was drawn, or counted, while it was traced, and is not "
            "checked: draw outside of the function and give it as an argument, as trace(..., noise=pcn.Input(shape))"
        )

    def _difference(self, tried: Tried) -> TraceError:
        """The error that says where the function and the graph part."""
        place = self._first_operation(tried) or self._first_vertex(tried)
        return TraceError(f"the graph is not what {self._name} computes: {place}; {_UNCHECKED}")

    def _first_vertex(self, tried: Tried) -> str:
        for name, array in tried.vertices.items():
            if name in tried.values and not _close(array, tried.values[name]):
                return _apart(f"vertex {name!r}", array, tried.values[name])
        if list(tried.returned) != [""] and set(tried.returned) != set(self.graph.outputs):
            names = ", ".join(map(str, tried.returned))
            return f"on plain arrays it returns {names}, and {', '.join(self.graph.outputs)} while it is traced"
        for node, plain, graphs in self._outputs(tried):
            if not _close(plain, graphs):
                return _apart(f"output {node.name!r}", plain, graphs)
        raise AssertionError("a difference is at an output")

    def _first_operation(self, tried: Tried) -> str:
        """The first operation on plain arrays whose values no node of the graph has; empty where none is found."""
        notes: list[Noted] = []
        try:
            _called(self.arguments, tried.leaves, notes)
            graph = self.whole()
            leaves = {name: value[None] for name, value in tried.leaves.items()}
            values = {name: value[0] for name, value in forward_pass(graph, leaves).items()}
        except Exception:
            return ""
        for note in notes:
            if any(_close(note.array, value) for value in values.values()):
                continue
            same = [name for name, node in graph.nodes.items() if node.where == note.where and not node.is_leaf]
            what = f"{note.name} ({note.where})" if note.where else note.name
            fitting = [name for name in same if values[name].shape == note.array.shape]
            return _apart(what, note.array, values[fitting[-1]] if fitting else None)
        return ""


def _values(leaves: Mapping[str, Leaf], draw: Callable[..., np.ndarray]) -> Arrays:
    rng = np.random.default_rng(_SEED)
    values = {}
    for name, leaf in leaves.items():
        if isinstance(leaf, Parameter):
            values[name] = leaf.value.astype(np.float64)
            continue
        values[name] = draw(rng, leaf.shape)
        if isinstance(leaf, Latent) and leaf.prior is not None:
            values[name] = values[name] + leaf.prior
    return values


def _called(arguments: Arguments, values: Arrays, notes: list[Noted] | None = None) -> Tried:
    """Call the function on copies of the leaves' values; numbers are NumPy's, as results without axes are."""
    arrays: dict[str, Any] = {}
    for name, value in values.items():
        leaf = arguments.leaves[name]
        array: Any = value.copy() if notes is None else witness(value.copy(), notes)
        if isinstance(leaf, Parameter) and leaf.pattern is not None:
            arrays[name] = TracedSparse(array, leaf.pattern)
        else:
            arrays[name] = array if array.ndim or notes is not None else array[()]
    vertices: dict[str, Any] = {}
    token = _vertices.set(vertices)
    try:
        returned = arguments.call(arrays)
    finally:
        _vertices.reset(token)
    return Tried(values, dict(returned) if isinstance(returned, Mapping) else {"": returned}, vertices)


def runs_on_plain_arrays(arguments: Arguments, before: RandomStates) -> bool:
    """Whether a function that has failed in a trace returns something for any values that the check draws."""
    after = RandomStates.now()
    with _quiet():
        try:
            for draw in _DRAWS:
                before.restore()
                with contextlib.suppress(Exception):
                    _called(arguments, _values(arguments.leaves, draw))
                    return True
        finally:
            after.restore()
    return False


_MISSING = object()
_UNCHECKED = "where that is meant, trace(..., check=False)"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Neither text nor warnings of a function that has been called already."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _rounded(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Values with rounding errors, but for whole numbers: they may be conditions and indices, which have none."""
    changed = values * (1.0 + _ROUNDING * rng.uniform(-1.0, 1.0, values.shape))
    return np.where(values == np.rint(values), values, changed)


def _array(value: Any) -> np.ndarray | None:
    """An array of float64; None for what is no array of real numbers."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return None
    return array.astype(np.float64) if array.dtype.kind in "fiub" else None


def _finite(value: Any) -> bool:
    array = _array(value)
    return array is not None and bool(np.isfinite(array).all())


def _largest(array: np.ndarray) -> float:
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max()) if finite.size else 0.0


def _close(plain: Any, graphs: Any, more: float = 0.0) -> bool:
    """Whether two arrays are the same but for rounding; NaN and infinities stand where they stand in the other."""
    a, b = _array(plain), _array(graphs)
    if a is None or b is None or a.shape != b.shape:
        return False
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
        return False
    largest = max(_largest(a), _largest(b))
    return not finite.any() or bool(np.abs(a[finite] - b[finite]).max() <= _TOLERANCE * largest + more)


def _all_close(ones: Mapping[Any, Any], others: Mapping[Any, Any]) -> bool:
    """Whether two calls returned the same; what is no array is not looked into."""

    def same(one: Any, other: Any) -> bool:
        return _close(one, other) or (_array(one) is None and type(one) is type(other))

    return set(ones) == set(others) and all(same(one, others[name]) for name, one in ones.items())


def _apart(what: str, plain: Any, graphs: Any) -> str:
    """Where two arrays differ most, in words."""
    a, b = _array(plain), _array(graphs)
    if a is None:
        return f"{what} is {'missing' if plain is _MISSING else f'a {type(plain).__name__}'} on plain arrays"
    if b is None:
        return f"{what} makes an array of shape {a.shape} on plain arrays, which the graph does not have"
    if a.shape != b.shape:
        return f"{what} has shape {a.shape} on plain arrays and {b.shape} in the graph"
    with np.errstate(all="ignore"):
        distance = np.where(a == b, 0.0, np.nan_to_num(np.abs(a - b), nan=np.inf))
    unit = tuple(int(i) for i in np.unravel_index(np.argmax(distance), a.shape))
    return f"{what} is {a[unit]:.6g} on plain arrays and {b[unit]:.6g} in the graph{f', at {unit}' if unit else ''}"
