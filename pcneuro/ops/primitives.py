"""The operator kernels of primitives, of which every elementwise operator is made.

Forward functions and derivatives alike are expressions over these (see ``formula``), so that a new transfer function,
a user's expression included, is a list of instructions and compiles nothing. ``kernels.primitives`` is their table.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import IDENTITY, LANES, OK, SCALAR, ix, op_kernel, row
from pcneuro.kernels.elementwise import apply_one, apply_two
from pcneuro.kernels.primitives import PRIMITIVES

__all__ = ["LN2", "PRIMITIVES"]

LN2 = math.log(2.0)


@inner(cache=False)
def _consecutive(buf, shared, ints, at, lanes):  # type: ignore[no-untyped-def]
    """Where the operand of a unary primitive begins; rows that do not follow each other are copied to its result."""
    out, src, index, is_shared, n = ints[at] * lanes, ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    if is_shared == 0 and index == IDENTITY:
        return src * lanes
    for u in range(n):
        if is_shared == 1:
            x = shared[ix(src + row(ints, index, u))]
            for i in range(lanes):
                buf[ix(out + u * lanes + i)] = x
        else:
            s = (src + row(ints, index, u)) * lanes
            for i in range(lanes):
                buf[ix(out + u * lanes + i)] = buf[ix(s + i)]
    return out


@inner(cache=False)
def _loop(ints, at, lanes):  # type: ignore[no-untyped-def]
    """(flat, rows, numbers a row, index of a, index of b) of the loop of a binary primitive.

    It is flat, one row of numbers instead of n rows of lanes, wherever the operands allow.
    """
    n, ia, ib = ints[at + 7], ints[at + 2], ints[at + 5]
    a_index = SCALAR if ints[at + 3] == 1 else IDENTITY
    b_index = SCALAR if ints[at + 6] == 1 else IDENTITY
    if lanes == 1 or (ia == a_index and ib == b_index):
        return True, 1, n * lanes, ia, ib
    return False, n, lanes, a_index, b_index


@inner(cache=False)
def _first(ints, at, lanes, flat, u):  # type: ignore[no-untyped-def]
    """Where an operand, whose arguments begin at ``at``, begins for row ``u`` of that loop."""
    first = ints[at]
    if not flat:
        first += row(ints, ints[at + 1], u)
    return first * lanes if ints[at + 2] == 0 else first


# The kernels hold the name of their function, not the function: Numba caches by what a closure holds, and an intrinsic
# is another one in every process. What is the same for all of them is compiled once, apart from them.
def _unary_kernel(name: str) -> Callable[..., int]:
    def kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
        lanes = context[LANES]
        apply_one(name, buf, ints[at] * lanes, _consecutive(buf, shared, ints, at, lanes), ints[at + 4] * lanes)
        return OK

    return kernel


def _binary_kernel(name: str) -> Callable[..., int]:
    def kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
        lanes = context[LANES]
        flat, rows, length, ia, ib = _loop(ints, at, lanes)
        for u in range(rows):
            a, b = _first(ints, at + 1, lanes, flat, u), _first(ints, at + 4, lanes, flat, u)
            out = (ints[at] + u) * lanes
            apply_two(name, buf, shared, ints, out, a, ints[at + 3], ia, b, ints[at + 6], ib, length)
        return OK

    return kernel


for _primitive in PRIMITIVES.values():
    op_kernel(_primitive.name)((_unary_kernel if _primitive.arity == 1 else _binary_kernel)(_primitive.name))
