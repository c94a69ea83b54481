"""The operator kernels of primitives, of which every elementwise operator is made.

Forward functions and derivatives alike are expressions over these (see ``formula``), so that a new transfer function,
a user's expression included, is a list of instructions and compiles nothing. ``kernels.primitives`` is their table.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pcneuro.kernels.dispatch import IDENTITY, LANES, OK, SCALAR, ix, op_kernel, row
from pcneuro.kernels.elementwise import apply_one, apply_two
from pcneuro.kernels.primitives import PRIMITIVES

__all__ = ["LN2", "PRIMITIVES"]

LN2 = math.log(2.0)


# The kernels hold the name of their function, not the function: Numba caches by what a closure holds, and an intrinsic
# is another one in every process.
def _unary_kernel(name: str) -> Callable[..., int]:
    def kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
        lanes = context[LANES]
        out, src, index, is_shared, n = ints[at] * lanes, ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
        source = src * lanes
        if is_shared == 1 or index != IDENTITY:
            # Rows that do not follow each other are copied to where the result will be.
            source = out
            for u in range(n):
                if is_shared == 1:
                    x = shared[ix(src + row(ints, index, u))]
                    for i in range(lanes):
                        buf[ix(out + u * lanes + i)] = x
                else:
                    s = (src + row(ints, index, u)) * lanes
                    for i in range(lanes):
                        buf[ix(out + u * lanes + i)] = buf[ix(s + i)]
        apply_one(name, buf, out, source, n * lanes)
        return OK

    return kernel


def _binary_kernel(name: str) -> Callable[..., int]:
    def kernel(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
        lanes = context[LANES]
        out, n = ints[at] * lanes, ints[at + 7]
        a, ia, a_shared = ints[at + 1], ints[at + 2], ints[at + 3]
        b, ib, b_shared = ints[at + 4], ints[at + 5], ints[at + 6]
        # One row of numbers instead of n rows of lanes, wherever the operands allow.
        rows, length = n, lanes
        a_index, b_index = SCALAR if a_shared == 1 else IDENTITY, SCALAR if b_shared == 1 else IDENTITY
        flat = lanes == 1 or (ia == a_index and ib == b_index)
        if flat:
            rows, length, a_index, b_index = 1, n * lanes, ia, ib
        for u in range(rows):
            first, second = a, b
            if not flat:
                first, second = a + row(ints, ia, u), b + row(ints, ib, u)
            if a_shared == 0:
                first *= lanes
            if b_shared == 0:
                second *= lanes
            o = out + u * lanes
            apply_two(name, buf, shared, ints, o, first, a_shared, a_index, second, b_shared, b_index, length)
        return OK

    return kernel


for _primitive in PRIMITIVES.values():
    op_kernel(_primitive.name)((_unary_kernel if _primitive.arity == 1 else _binary_kernel)(_primitive.name))
