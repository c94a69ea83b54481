"""The way back on its own: a synapse that no error comes back through, and one with weights of its own for errors.

stop_feedback: out = x, and nothing comes back.
project: out = x W;  (d out / d x)^T g := g B^T,  (d out / d W)^T g = x^T g.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from string import ascii_lowercase
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ParameterError, ShapeError
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Units,
    apply,
    size,
)
from pcneuro.ops.contract import EinsumPairs, einsum_numpy, lower_einsum
from pcneuro.ops.description import Description, UnitFormula
from pcneuro.ops.registry import public
from pcneuro.ops.rows import lower_combine, lower_nothing


@dataclass(frozen=True)
class StopFeedback(AbstractOperator):
    """The value of its operand, to which nothing comes back."""

    kind: ClassVar[str] = "stop_feedback"

    @property
    def description(self) -> Description:
        return Description(self.units, formula=UnitFormula("x", ("x",), (0.0,)), passes_on=True)

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1:
            raise ShapeError(f"{self.kind} takes 1 operand, got {len(shapes)}")
        return shapes[0]

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return operands[0]

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        return np.zeros_like(gradient)

    def linear_in(self, k: int) -> bool:
        return True

    def passes_back(self, k: int) -> bool:
        return False

    def connections(self, k: int, *shapes: Shape) -> int:
        return size(shapes[0])

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        return make.function("x", {"x": operands[0]}, {})

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        every = np.arange(at.out.units)
        lower_combine(low, at.out, every, at.operands[0], every, False)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        lower_nothing(low, pull)


@dataclass(frozen=True)
class Project(AbstractOperator):
    """x @ W of operands x (..., n), W (n, m) and B (n, m), through which errors come back: g @ B.T."""

    kind: ClassVar[str] = "project"

    @property
    def description(self) -> Description:
        return Description(self.units, only_back=(2,))

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 3:
            raise ShapeError(f"project takes x, W and feedback, got {len(shapes)} operands")
        x, w, b = shapes
        if len(w) != 2 or not x or x[-1] != w[0]:
            raise ShapeError(f"project: x of shape {x} and W of shape {w} do not fit; give (..., n) and (n, m)")
        if b != w:
            raise ShapeError(f"project: feedback has shape {b}; needed is that of W, {w}")
        if len(x) > len(ascii_lowercase) - 1:
            raise ShapeError(f"project: x has {len(x)} axes; {len(ascii_lowercase) - 1} are the most")
        return (*x[:-1], w[1])

    @staticmethod
    def _terms(x: Shape) -> tuple[str, str, str]:
        """Subscripts of x, W and the output: the last two letters are those of W."""
        letters = ascii_lowercase[: len(x) + 1]
        return letters[:-1], letters[-2:], letters[:-2] + letters[-1]

    def _sizes(self, shapes: Sequence[Shape]) -> dict[str, int]:
        left, right, _ = self._terms(shapes[0])
        return dict(zip(left + right[-1], (*shapes[0], shapes[1][1]), strict=True))

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        left, right, out = self._terms(operands[0].shape[1:])
        return einsum_numpy(f"{left},{right}->{out}", operands[0], operands[1])

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        left, right, out = self._terms(operands[0].shape[1:])
        if k == 0:
            return einsum_numpy(f"{out},{right}->{left}", gradient, operands[2])
        if k == 1:
            return einsum_numpy(f"{left},{out}->{right}", operands[0], gradient)
        return np.zeros((len(gradient), *operands[2].shape[1:]), dtype=gradient.dtype)

    def linear_in(self, k: int) -> bool:
        return True

    def passes_back(self, k: int) -> bool:
        return k != 2

    def connections(self, k: int, *shapes: Shape) -> int:
        return size((*shapes[0], shapes[1][1]))

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        x, weights, back = operands
        if not isinstance(x, Units):
            raise ParameterError("project of parameters alone has no equivalent in single units: multiply them by @")
        pairs, count = EinsumPairs(self._terms(shapes[0]), self._sizes(shapes)), size(shape)
        # No error comes back by the ones, and the others are there for errors only, and learn nothing.
        ahead = make.products(count, make.function("x", {"x": x}, {}), weights, pairs)
        if isinstance(back, Units):
            back = make.function("x", {"x": back}, {})
        else:
            back = replace(back, parameter=None, learned=not back.fixed)
        behind = make.products(count, x, back, pairs)
        return make.function("x", {"x": ahead, "y": behind}, {"x": 1.0, "y": 1.0})

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        left, right, out = self._terms(at.shapes[0])
        x, weights, _ = at.operands
        lower_einsum(low, f"{left},{right}->{out}", at.out, x, weights, self._sizes(at.shapes), False)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        left, right, out = self._terms(at.shapes[0])
        x, _, back = at.operands
        if pull.k == 2:
            lower_nothing(low, pull)
            return
        subscripts, a, b = (
            (f"{out},{right}->{left}", pull.gradient, back)
            if pull.k == 0
            else (f"{left},{out}->{right}", x, pull.gradient)
        )
        lower_einsum(low, subscripts, pull.target, a, b, self._sizes(at.shapes), pull.accumulate)


@public
def stop_feedback(x: Any) -> Any:
    """The value of x, to which no error comes back.

    With ``pcn.Recurrent`` it makes any rate network tau dv/dt = -v + f(W u) a circuit: each vertex is predicted by what
    it is driven by, and drives nothing back.

    Parameters
    ----------
    x
        Traced or plain array of any shape.

    Returns
    -------
    x, traced where x is; derivatives by x are zero.
    """
    return apply(StopFeedback(), x)


@public
def project(x: Any, W: Any, *, feedback: Any = None) -> Any:
    """x @ W, with errors that come back through weights of their own: g @ feedback.T in place of g @ W.T.

    Feedback alignment (Lillicrap, Cownden, Tweed & Akerman 2016), or learned feedback (Kolen & Pollack 1994). What W
    learns is as usual, x^T g. By definition the gradient of ``feedback`` is zero: no loss is descended by changing it,
    and what it learns is for a rule of its own to say.

    Parameters
    ----------
    x
        Traced or plain array of shape (..., n).
    W, feedback
        Of shape (n, m) each. ``feedback`` has to be given.

    Returns
    -------
    x @ W, of shape (..., m), traced where one of the three is.

    Raises
    ------
    ParameterError
        Without ``feedback``.
    ShapeError
        For shapes that do not fit.
    """
    if feedback is None:
        raise ParameterError(
            "project has no feedback: give feedback=B, of the shape of W; for errors that come back through W, write "
            "x @ W"
        )
    return apply(Project(), x, W, feedback)
