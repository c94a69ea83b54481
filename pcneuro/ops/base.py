"""What an operator is: a shape rule, a forward function, its local derivative, and how both become instructions."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np

from pcneuro.errors import DataError, ParameterError
from pcneuro.ops.description import Description
from pcneuro.ops.pairs import AbstractPairs, SwappedPairs
from pcneuro.ops.sameness import value_key
from pcneuro.quantities import plain

Shape = tuple[int, ...]

OPERATORS: dict[str, type[AbstractOperator]] = {}


@dataclass(frozen=True)
class Slot:
    """Place of an array in the buffers of a program.

    ``row`` is its first row and ``units`` its number of rows. ``laned`` tells the buffer: True for the activities of a
    block (one column a sample), False for what all samples share.
    """

    row: int
    units: int
    laned: bool


@dataclass(frozen=True)
class Placed:
    """Where an operator of a program reads and writes: slots, and the shapes of one sample."""

    out: Slot
    operands: tuple[Slot, ...]
    shape: Shape
    """The output's."""
    shapes: tuple[Shape, ...]
    """The operands'."""
    linearised: Any = None
    """What ``lower_linearise`` returned."""


@dataclass(frozen=True)
class PlacedPull:
    """A product of ``gradient`` with the transposed derivative by operand ``k``, written or added to ``target``."""

    k: int
    gradient: Slot
    target: Slot
    accumulate: bool


class AbstractLowering(ABC):
    """What an operator may ask of the compiler that turns a circuit into a program."""

    @abstractmethod
    def emit(self, kernel: str, *arguments: int) -> None:
        """Append the instruction: call ``kernel`` with these integers."""

    @abstractmethod
    def table(self, values: np.ndarray) -> int:
        """Position in ``ints`` of an index table, stored once."""

    @abstractmethod
    def packed(self, values: np.ndarray) -> int:
        """Position in ``ints`` of 32-bit indices, two to a place; the same array is stored once."""

    @abstractmethod
    def constant(self, value: float) -> int:
        """Row of the shared buffer that holds ``value``."""

    @abstractmethod
    def temporary(self, units: int, laned: bool) -> Slot:
        """A slot of the operator's own, kept from one instruction list to the next."""

    def index(self, values: np.ndarray, rows: int) -> int:
        """Index argument that makes the loop's row u stand for row ``values[u]`` of an operand with ``rows`` rows."""
        from pcneuro.kernels.dispatch import IDENTITY, SCALAR

        flat = np.asarray(values, dtype=np.int64).ravel()
        if rows == 1 and not flat.any():
            return IDENTITY if flat.size == 1 else SCALAR
        if flat.size == rows and np.array_equal(flat, np.arange(rows)):
            return IDENTITY
        return self.table(flat)


@dataclass(frozen=True)
class Units:
    """A population of an exported circuit: its number among all of them, and how many units it has."""

    number: int
    size: int


@dataclass(frozen=True, eq=False)
class Weights:
    """Numbers that all samples share, one a unit or synapse, or one for all.

    They are the entries ``index`` (None: all, in their order) of the node ``origin`` where they come from one, which
    may be a ``parameter``; all else (``parameter`` None) are constants, what is computed from parameters, too.
    """

    values: np.ndarray
    parameter: str | None = None
    index: np.ndarray | None = None
    learned: bool = False
    """Whether they are computed from parameters, and so may change."""
    origin: str | None = None
    """The node of the graph that has these numbers: a parameter, a constant, or what is computed from them alone."""

    @property
    def fixed(self) -> bool:
        """Whether they are numbers that never change."""
        return self.parameter is None and not self.learned

    def take(self, index: np.ndarray) -> Weights:
        """Entries of these, in this order."""
        flat = np.asarray(index, dtype=np.int64).ravel()
        entries = flat if self.index is None else self.index[flat]
        return Weights(self.values[flat], self.parameter, entries, self.learned, self.origin)


class AbstractUnits(ABC):
    """What an operator may ask of an exporter: sums over synapses, and functions unit by unit. There is nothing else.

    Whoever exports a circuit knows these two, and every operator says what it is in them; the way back, from errors to
    what they are due to, follows from that.
    """

    @abstractmethod
    def synapses(self, size: int, source: Units, pre: np.ndarray, post: np.ndarray, weights: Weights | float) -> Units:
        """A population of ``size`` units: out[post] = sum over synapses of weight * source[pre]."""

    @abstractmethod
    def add(self, first: Units, second: Units) -> Units:
        """The sum of two populations of the same size."""

    @abstractmethod
    def function(self, formula: Any, operands: Mapping[str, Units | Weights], derivatives: Mapping[str, Any]) -> Units:
        """Unit by unit ``formula`` of the operands, all of one size, with its derivative by those that have one.

        Formulas are trees of ``ops.formula`` over primitives that ``equations.expressions`` can write for Brian2; that
        of a derivative may contain ``out``, the value of the function. Nothing goes back to an operand without one.
        Raises ValueError where sizes differ.
        """

    def gather(self, source: Units, index: np.ndarray) -> Units:
        """Copies of units, in this order; the population itself where that is all of them in theirs."""
        flat = np.asarray(index, dtype=np.int64).ravel()
        if flat.size == source.size and np.array_equal(flat, np.arange(flat.size)):
            return source
        return self.synapses(flat.size, source, flat, np.arange(flat.size), 1.0)

    def product(self, a: Units | Weights, b: Units | Weights) -> Units:
        """Unit by unit a times b."""
        slopes = {name: other for (name, x), other in zip((("x", a), ("y", b)), "yx") if isinstance(x, Units)}
        return self.function(("multiply", "x", "y"), {"x": a, "y": b}, slopes)

    def projection(self, size: int, source: Units, pairs: AbstractPairs, weights: Weights) -> Units:
        """``synapses`` whose ``pairs``, of units of the source and entries of the weights, need not be made at once."""
        pre, entries, post = pairs.all()
        return self.synapses(size, source, pre, post, weights.take(entries))

    def products(self, size: int, a: Units | Weights, b: Units | Weights, pairs: AbstractPairs) -> Units:
        """The sum of a[i] b[j] over pairs: synapses where one of the two is weights, products of activities else."""
        if isinstance(a, Units) and isinstance(b, Weights):
            return self.projection(size, a, pairs, b)
        if isinstance(a, Weights) and isinstance(b, Units):
            return self.projection(size, b, SwappedPairs(pairs), a)
        assert isinstance(a, Units)
        assert isinstance(b, Units)
        i, j, post = pairs.all()
        multiplied = self.product(self.gather(a, i), self.gather(b, j))
        return self.synapses(size, multiplied, np.arange(np.size(post)), post, 1.0)


class AbstractOperator(ABC):
    """An operator of the graph: frozen data, no state.

    The NumPy side (``forward``, ``vjp``) takes arrays with one leading batch axis, of length B or, for what all samples
    share, of length 1; per-sample semantics hold behind it. The kernel side (``lower_*``) emits instructions that do
    the same on rows of samples. ``kind`` names the operator in saved circuits; subclasses register themselves by it.
    """

    kind: ClassVar[str]
    draws: ClassVar[bool] = False
    """Whether it draws numbers anew in each step of a run."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in cls.__dict__:
            if OPERATORS.setdefault(cls.kind, cls) is not cls:
                raise ValueError(f"two operators are of kind {cls.kind!r}")

    @property
    def label(self) -> str:
        """Short name, as in ``print(circuit)`` and in names of unnamed nodes."""
        return self.kind

    @property
    def description(self) -> Description:
        """What the operator is, for equations, exporters and whoever builds circuits: ``units``, and more if it can."""
        return Description(self.units)

    @property
    def dtype(self) -> np.dtype:
        """What NumPy's own result would be: numbers, truth values or indices. Everything is simulated as numbers."""
        return np.dtype(np.float64)

    @abstractmethod
    def shape(self, *shapes: Shape) -> Shape:
        """Shape of the output for one sample. Raises ShapeError where the operands do not fit."""

    @abstractmethod
    def forward(self, *operands: np.ndarray) -> np.ndarray:
        """Output of shape (batch, *shape) for operands of shape (batch or 1, *shape)."""

    def in_step(self, step: int) -> AbstractOperator:
        """The operator with the numbers that it draws in a step, if it ``draws`` any."""
        return self

    @abstractmethod
    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        """(d output / d operand k)^T gradient, of shape (batch, *shape of operand k)."""

    @abstractmethod
    def linear_in(self, k: int) -> bool:
        """Whether the output is an affine function of operand k, the others held."""

    def passes_back(self, k: int) -> bool:
        """Whether anything comes back to operand k, or its derivative is 0 wherever there is one, as a condition's."""
        return True

    @abstractmethod
    def connections(self, k: int, *shapes: Shape) -> int:
        """Number of (unit of operand k, unit of output) pairs where the one acts on the other."""

    @abstractmethod
    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        """Emit what computes the output from the operands."""

    def lower_linearise(self, low: AbstractLowering, at: Placed, wanted: Sequence[int]) -> Any:
        """Emit what the derivatives of the ``wanted`` operands need once at a state.

        Returns what ``lower_vjp`` is to find as ``at.linearised``.
        """
        return None

    @abstractmethod
    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        """Emit what writes (or adds, with ``pull.accumulate``) the derivative's product with the gradient.

        A target that is not laned while the gradient is gets the sum over the lanes in use, always added.
        """

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        """What it computes, of ``shape``, as a population: from operands (Units or Weights) of these ``shapes``.

        Units are those of the arrays in C order, without a batch axis. At least one operand is Units: what is computed
        from parameters alone is computed beforehand. An operand itself may be returned. Raises ParameterError where an
        operand is Weights that cannot be, and where nobody has said what this operator is in single units.
        """
        raise ParameterError(
            f"operator {self.label!r} has no equivalent in single units and synapses: it is neither exported nor run "
            "by events"
        )

    def attributes(self) -> dict[str, Any]:
        """The operator's data as plain values and arrays, for saving."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def key(self) -> Hashable:
        """Equal for operators of the same data, which then compute the same, and for no others."""
        return value_key(self)


class AbstractTraced(ABC):
    """An array that records what is done to it."""

    @abstractmethod
    def apply(self, operator: AbstractOperator, *operands: Any) -> Any:
        """Record ``operator`` on operands of which at least one is traced."""


class ArrayFunction(Protocol):
    """A function of arrays that works on traced and on plain arrays alike."""

    def __call__(self, *operands: Any) -> Any: ...


def apply(operator: AbstractOperator, *operands: Any) -> Any:
    """Apply an operator to traced arrays (a new node) or to plain arrays of one sample (the result)."""
    for operand in operands:
        if isinstance(operand, AbstractTraced):
            return operand.apply(operator, *operands)
    arrays = [_numbers(operator.label, a) for a in operands]
    operator.shape(*(a.shape for a in arrays))
    return operator.forward(*(a[None] for a in arrays))[0]


def _numbers(what: str, operand: Any) -> np.ndarray:
    """An array of floating-point numbers. Raises DataError where none can be made, as of masks and units."""
    try:
        array = np.asarray(plain(what, operand))
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{what} of a {type(operand).__name__} that is no array: {error}") from None
    if array.dtype.kind not in "fciub":
        raise DataError(f"{what} of an array of dtype {array.dtype}; numbers are needed")
    return array.astype(np.float64) if array.dtype.kind in "iub" else array


def size(shape: Shape) -> int:
    """Number of units of a shape."""
    return int(math.prod(shape))


def unit_indices(shape: Shape) -> np.ndarray:
    """The number of every unit, in an array of that shape."""
    return np.arange(size(shape), dtype=np.int64).reshape(shape)
