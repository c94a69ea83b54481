"""Formulas of one unit: a list of codes for a machine with a stack, so that a new function compiles nothing.

Where ``kernels.elementwise`` works on rows of samples, this is for units one by one, as events reach them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.primitive import Primitive
from pcneuro.kernels.primitives import PRIMITIVES

NUMBER, OPERAND, OUT, FIRST_ONE = range(4)
"""Codes that push something: a number, an operand, the function's own value. Each is followed by an index. The codes
of primitives begin behind them, those of one number first."""
ONE, TWO = ([p for p in PRIMITIVES.values() if p.arity == arity] for arity in (1, 2))
FIRST_TWO = FIRST_ONE + len(ONE)
CODES = {primitive.name: FIRST_ONE + k for k, primitive in enumerate([*ONE, *TWO])}
"""Primitive -> its code."""
DEPTH = 256
"""Room on the stack; formulas are nested 100 deep at most."""


def _chosen(name: str, operands: str, primitives: list[Primitive]) -> Callable[..., float]:
    """The function ``name`` of a code and operands, made of the rows of the table: their cases one after another.

    It says that it is of this file and module, so that Numba keeps what it compiles of it, and finds it again.
    """
    lines = [f"def {name}(code, {operands}):"]
    for primitive in primitives[:-1]:
        lines += [f"    if code == {CODES[primitive.name]}:", f"        return {primitive.single}"]
    lines.append(f"    return {primitives[-1].single}")
    scope: dict[str, Any] = {"__name__": __name__, "math": math, "np": np}
    scope |= {primitive.name: primitive.lane for primitive in primitives if primitive.lane is not None}
    exec(compile("\n".join(lines), __file__, "exec"), scope)
    return kernel(scope[name])


one = _chosen("one", "x", ONE)
"""A primitive of one number, in float64, by its code."""
two = _chosen("two", "x, y", TWO)
"""A primitive of two numbers, in float64, by its code."""


@kernel
def evaluate(codes, numbers, begin, end, operands, out, stack):  # type: ignore[no-untyped-def]
    """The value of codes[begin:end] at these operands; ``stack`` has room for DEPTH. Writes ``stack``."""
    depth = 0
    at = begin
    while at < end:
        code = codes[at]
        at += 1
        if code < FIRST_ONE:
            if code == NUMBER:
                stack[depth] = numbers[codes[at]]
            elif code == OPERAND:
                stack[depth] = operands[codes[at]]
            else:
                stack[depth] = out
            at += 1
            depth += 1
        elif code < FIRST_TWO:
            stack[depth - 1] = one(code, stack[depth - 1])
        else:
            depth -= 1
            stack[depth - 1] = two(code, stack[depth - 1], stack[depth])
    return stack[0]
