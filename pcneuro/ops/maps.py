"""Elementwise operators: a formula of one or more operands, unit by unit, with NumPy's broadcasting.

out = f(x, y, ...);  (d out / d x)^T g = sum over the units that x was broadcast to of g * f_x(x, y, ..., out).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, final

import numpy as np

from pcneuro.errors import ExpressionError, ShapeError, shown, told
from pcneuro.kernels.dispatch import IDENTITY
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    ArrayFunction,
    Placed,
    PlacedPull,
    Shape,
    Slot,
    Units,
    Weights,
    apply,
    size,
    unit_indices,
)
from pcneuro.ops.derivatives import derivatives, local_derivatives
from pcneuro.ops.description import Description, UnitFormula
from pcneuro.ops.formula import COMPOSED, CONDITIONS, Formula, evaluate, jumps, parse, to_text, variables_of
from pcneuro.ops.primitives import PRIMITIVES
from pcneuro.ops.registry import public
from pcneuro.ops.rows import lower_combine

VARIABLES = ("x", "y", "z", "w")


@dataclass(frozen=True)
class Definition:
    """A formula, and its derivative by each operand; what errors come back by, if that is not the derivative."""

    formula: Formula
    derivatives: tuple[Formula, ...]


FUNCTIONS: dict[str, Definition] = {
    name: Definition((name, *VARIABLES[: primitive.arity]), local_derivatives(name))
    for name, primitive in PRIMITIVES.items()
    if primitive.derivatives
} | {
    name: Definition(
        parse(composed.text, composed.variables, internal=True),
        tuple(parse(text, (*composed.variables, "out"), internal=True) for text in composed.derivatives),
    )
    for name, composed in COMPOSED.items()
}
"""The operators that have a name: every primitive that has derivatives, and what is composed of them."""


@cache
def _user_definition(expression: str, variables: tuple[str, ...]) -> Definition:
    formula = parse(expression, variables)
    try:
        return Definition(formula, derivatives(formula, variables))
    except ExpressionError as error:
        raise ExpressionError(f"expression {expression!r}: {error}") from None


class AbstractMap(AbstractOperator):
    """A formula of its operands, unit by unit, with NumPy's broadcasting."""

    @property
    @abstractmethod
    def definition(self) -> Definition:
        """The formula and its partial derivatives."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of the operands in the formula."""

    @property
    def description(self) -> Description:
        return Description(
            self.units, formula=UnitFormula(self.definition.formula, self.names, self.definition.derivatives)
        )

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != len(self.names):
            raise ShapeError(f"{self.label} takes {len(self.names)} operand(s), got {len(shapes)}")
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise ShapeError(f"{self.label}: shapes {' and '.join(map(str, shapes))} do not broadcast") from None

    def _aligned(self, operands: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        if len({a.ndim for a in operands}) == 1:
            return dict(zip(self.names, operands, strict=True))
        ndim = max(a.ndim for a in operands)
        # The batch axis stays first; missing axes of one sample go behind it.
        return {
            name: a.reshape(a.shape[:1] + (1,) * (ndim - a.ndim) + a.shape[1:])
            for name, a in zip(self.names, operands, strict=True)
        }

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        arrays = self._aligned(operands)
        with np.errstate(all="ignore"):
            result = np.asarray(evaluate(self.definition.formula, arrays))
        if result.ndim and all(a.shape == result.shape or a.size == 1 for a in arrays.values()):
            return result
        return np.broadcast_to(result, np.broadcast_shapes(*(a.shape for a in arrays.values())))

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        arrays = self._aligned(operands)
        with np.errstate(all="ignore"):
            product = gradient * evaluate(self.definition.derivatives[k], arrays | {"out": output})
        product = np.broadcast_to(product, np.broadcast_shapes(product.shape, output.shape))
        aligned = arrays[self.names[k]].shape
        axes = tuple(i for i in range(1, product.ndim) if aligned[i] == 1 and product.shape[i] != 1)
        return product.sum(axis=axes, keepdims=True).reshape(product.shape[:1] + operands[k].shape[1:])

    def linear_in(self, k: int) -> bool:
        (formula, derivative), name = (self.definition.formula, self.definition.derivatives[k]), self.names[k]
        if derivative == 0.0:
            return name not in variables_of(formula)
        return not {name, "out"} & set(variables_of(derivative)) and not jumps(formula, name)

    def passes_back(self, k: int) -> bool:
        return self.definition.derivatives[k] != 0.0

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(self.shape(*shapes))

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        aligned: dict[str, Units | Weights] = {}
        for name, operand_shape, operand in zip(self.names, shapes, operands, strict=True):
            index = np.broadcast_to(unit_indices(operand_shape), shape).ravel()
            aligned[name] = operand.take(index) if isinstance(operand, Weights) else make.gather(operand, index)
        slopes = dict(zip(self.names, self.definition.derivatives, strict=True))
        passed = {n: slopes[n] for n, x in aligned.items() if isinstance(x, Units) and slopes[n] != 0.0}
        return make.function(self.definition.formula, aligned, passed)

    def _indices(self, at: Placed) -> dict[str, np.ndarray]:
        shapes = dict(zip(self.names, at.shapes, strict=True)) | {"out": at.shape}
        return {name: np.broadcast_to(unit_indices(s), at.shape).ravel() for name, s in shapes.items()}

    def _emitter(self, low: AbstractLowering, at: Placed) -> _Emitter:
        slots = dict(zip(self.names, at.operands, strict=True)) | {"out": at.out}
        return _Emitter(low, at.out.laned, at.out.units, slots, self._indices(at))

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        self._emitter(low, at).into(at.out, self.definition.formula)

    def lower_linearise(
        self, low: AbstractLowering, at: Placed, wanted: Sequence[int]
    ) -> dict[int, tuple[float, str | None, Slot | None]]:
        emitter = self._emitter(low, at)
        factors: dict[int, tuple[float, str | None, Slot | None]] = {}
        for k in wanted:
            derivative = self.definition.derivatives[k]
            if isinstance(derivative, float):
                factors[k] = (derivative, None, None)
            elif isinstance(derivative, str):
                factors[k] = (1.0, derivative, emitter.slots[derivative])
            else:
                factors[k] = (1.0, "out", emitter.slot(derivative))
        return factors

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        scale, variable, factor = at.linearised[pull.k]
        indices = self._indices(at)
        every = indices["out"]
        where = indices[variable] if variable else None
        target_index = indices[self.names[pull.k]]
        lower_combine(low, pull.target, target_index, pull.gradient, every, pull.accumulate, factor, where, scale)


@final
@dataclass(frozen=True)
class Map(AbstractMap):
    """A function of ``FUNCTIONS`` by name, or (with ``variables``) a user's expression over these variables."""

    kind: ClassVar[str] = "map"
    function: str
    variables: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(self.variables))
        if not self.variables and self.function not in FUNCTIONS:
            raise ExpressionError(f"unknown elementwise function {self.function!r}")
        for name in self.variables:
            if not (isinstance(name, str) and name.isidentifier()) or name == "out":
                raise ExpressionError(
                    f"variable {shown(name)} of expression {self.function!r} is no name (or is 'out')"
                )
        if len(set(self.variables)) != len(self.variables):
            raise ExpressionError(f"expression {self.function!r} names a variable twice: {shown(self.variables)}")
        self.definition  # noqa: B018  an expression that does not parse is an error here, not at the first use

    @property
    def definition(self) -> Definition:
        return _user_definition(self.function, self.variables) if self.variables else FUNCTIONS[self.function]

    @property
    def names(self) -> tuple[str, ...]:
        return self.variables or VARIABLES[: len(FUNCTIONS[self.function].derivatives)]

    @property
    def label(self) -> str:
        return "expression" if self.variables else self.function

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(bool if self.function in CONDITIONS and not self.variables else np.float64)


class _Emitter:
    """Turns formulas into instructions; a subformula that was met before is not computed again."""

    def __init__(
        self, low: AbstractLowering, laned: bool, units: int, slots: dict[str, Slot], indices: dict[str, np.ndarray]
    ) -> None:
        self.low, self.laned, self.units = low, laned, units
        self.slots, self.indices = slots, indices
        self.known: dict[Formula, Slot] = {}

    def argument(self, formula: Formula) -> tuple[int, int, int]:
        if isinstance(formula, float):
            # A constant lives in the shared buffer, which is the buffer at hand where nothing is laned.
            return self.low.constant(formula), self.low.index(np.zeros(self.units, np.int64), 1), int(self.laned)
        if isinstance(formula, str):
            slot = self.slots[formula]
            index = self.low.index(self.indices[formula], slot.units)
            return slot.row, index, int(self.laned and not slot.laned)
        slot = self.slot(formula)
        return slot.row, IDENTITY, 0

    def slot(self, formula: Formula) -> Slot:
        """A temporary that holds the value of a formula."""
        if formula not in self.known:
            temporary = self.low.temporary(self.units, self.laned)
            self.into(temporary, formula)
            self.known[formula] = temporary
        return self.known[formula]

    def into(self, out: Slot, formula: Formula) -> None:
        """Compute a formula to a slot."""
        name, *arguments = _fused(("add", formula, 0.0) if isinstance(formula, str | float) else formula)
        places = [self.argument(a) for a in arguments]
        self.low.emit(name, out.row, *(field for place in places for field in place), self.units)


def lower_formula(low: AbstractLowering, out: Slot, formula: Formula, operands: Mapping[str, Slot]) -> None:
    """Emit a formula, unit by unit, of operands of as many units as ``out`` has."""
    every = np.arange(out.units)
    _Emitter(low, out.laned, out.units, dict(operands), dict.fromkeys(operands, every)).into(out, formula)


def _fused(formula: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same by one function where there is one for it: derivatives that are computed at every step."""
    match formula:
        case ("subtract", 1.0, ("square", y)):
            return ("tanh_slope", y)
        case ("multiply", y, ("subtract", 1.0, z)) if y == z:
            return ("sigmoid_slope", y)
    return formula


def _named(name: str) -> ArrayFunction:
    operator = Map(name)

    def function(*operands: Any) -> Any:
        return apply(operator, *operands)

    function.__name__ = function.__qualname__ = name
    expression = to_text(operator.definition.formula)
    function.__doc__ = f"{name}: {expression}, elementwise, on traced or plain arrays of any shape."
    return function


relu = public(_named("relu"))
sigmoid = public(_named("sigmoid"))
softplus = public(_named("softplus"))
gelu = public(_named("gelu"))


@public
def elementwise(expression: str, variables: Sequence[str] = ("x",)) -> ArrayFunction:
    """A transfer function from a Brian2-style expression, such as ``elementwise("x*tanh(x/2)")``.

    Parameters
    ----------
    expression
        Arithmetic (``+ - * / **``), numbers, ``pi``, ``e`` and the functions of the package over ``variables``.
        It is parsed by a closed grammar, never evaluated as Python.
    variables
        The names of its operands, in the order in which they are passed.

    Returns
    -------
    A function of as many arrays as there are variables, of shapes that broadcast; its partial derivatives are SymPy's.

    Raises
    ------
    ExpressionError
        Where the expression does not parse, names something unknown, or has a derivative outside the vocabulary.
    """
    texts = isinstance(variables, Sequence) and all(isinstance(name, str) for name in variables)
    if not isinstance(expression, str) or not texts:
        raise ExpressionError(
            f"elementwise needs an expression and names of variables, as texts: got {told(expression)} and "
            f"{told(variables)}"
        )
    if not variables:
        raise ExpressionError(f"expression {expression!r} has no variables: give at least one name")
    operator = Map(expression, tuple(variables))

    def function(*operands: Any) -> Any:
        return apply(operator, *operands)

    function.__name__ = function.__qualname__ = "elementwise"
    function.__doc__ = f"{expression} of {', '.join(operator.variables)}, elementwise."
    return function
