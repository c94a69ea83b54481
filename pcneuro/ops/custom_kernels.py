"""Kernels of users' own operators: made for the shapes of their operands, and compiled when they are first used.

A kernel copies the operands of one lane to consecutive places, calls the user's function on arrays there, and copies
what it returns to the lane. Functions that are to stay NumPy's are called back, and take Python's lock meanwhile.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numba
import numpy as np

from pcneuro.kernels import dense
from pcneuro.kernels.dispatch import ACTIVE, BAD_OPERATOR, LANES, OK, ix, op_kernel
from pcneuro.ops.base import Shape, size

_TEMPLATE = """
def kernel(buf, shared, ints, at, context):
    lanes, active = context[LANES], context[ACTIVE]
    target, start = ints[at], ints[at + 1] * lanes
    for lane in range(lanes):
        if lane >= active:
            repeat(buf, {count}, lanes, active, lane, target)
            continue
{loads}
        try:
{call}
        except Exception:
            return BAD_OPERATOR
        store(buf, start, {count}, lanes, lane, target)
    return OK
"""
_COMPILED = """            result = {call}
            {check}
            for u in range({count}):
                buf[ix(start + u)] = {value}"""
_CALLED_BACK = """            if call(buf[start:].ctypes, buf.itemsize) != OK:
                return BAD_OPERATOR"""


def places(shapes: Sequence[Shape]) -> list[int]:
    """Where each array begins that stands behind the others; last where they end."""
    return [0, *np.cumsum([size(shape) for shape in shapes]).tolist()]


def room(shapes: Sequence[Shape], result: Shape) -> int:
    """Units that a kernel needs for the arguments of one lane, or for the result, which is written over them."""
    return max(places(shapes)[-1], size(result), 1)


def make_kernel(
    name: str, function: Callable[..., Any], shapes: Sequence[Shape], result: Shape, pick: int | None, *, compiled: bool
) -> None:
    """Register the kernel ``name``: what ``function`` returns, or its entry ``pick``, of arguments of these shapes.

    Its instructions have the row of the target, that of the scratch rows, and the rows of the arguments.
    """
    starts, lines, arguments = places(shapes), [], []
    for k, (shape, start) in enumerate(zip(shapes, starts, strict=False)):
        lines.append(f"load(buf, ints[at + {k + 2}], {size(shape)}, lanes, lane, start + {start})")
        end = start + size(shape)
        array = f"buf[start + {start} : start + {end}].reshape({tuple(shape)})"
        arguments.append(array if shape else f"buf[start + {start}]")
    chosen = "" if pick is None else f"[{pick}]"
    call = _COMPILED.format(
        call=f"function({', '.join(arguments)}){chosen}",
        check=f"if result.shape != {tuple(result)}:\n                return BAD_OPERATOR" if result else "pass",
        count=size(result),
        value="flat[u]" if result else "np.asarray(result).item()",
    )
    if result:
        call = call.replace("            for u", "            flat = result.ravel()\n            for u")
    text = _TEMPLATE.format(
        loads="\n".join(f"        {line}" for line in lines),
        call=call if compiled else _CALLED_BACK,
        count=size(result),
    )
    names: dict[str, Any] = {
        "LANES": LANES, "ACTIVE": ACTIVE, "OK": OK, "BAD_OPERATOR": BAD_OPERATOR, "np": np, "ix": ix,
        "load": dense.load, "store": dense.store, "repeat": dense.repeat, "function": function, "__name__": __name__,
    }  # fmt: skip
    if not compiled:
        names["call"] = _called_back(function, shapes, result, pick)
        del names["function"]
    exec(text, names)
    kernel = names["kernel"]
    kernel.__qualname__ = name
    op_kernel(name, made=True)(kernel)


def _called_back(function: Callable[..., Any], shapes: Sequence[Shape], result: Shape, pick: int | None) -> Any:
    """What a kernel calls to have Python work on the memory from a place on; it returns OK, or another status."""
    starts = places(shapes)

    def call(memory: Any, itemsize: int) -> int:
        try:
            number = _NUMBERS[itemsize]
            address = getattr(memory, "data", memory)
            flat = np.ctypeslib.as_array((number * room(shapes, result)).from_address(address))
            arguments = [flat[i:j].reshape(s).copy()[()] for s, (i, j) in zip(shapes, pairwise(starts), strict=True)]
            returned = function(*arguments)
            array = np.asarray(returned if pick is None else returned[pick])
            if array.shape != result:
                return BAD_OPERATOR
            flat[: array.size] = array.ravel()
        except Exception:
            return BAD_OPERATOR
        return OK

    return call if numba.config.DISABLE_JIT else _CALL(call)


_NUMBERS: dict[int, Any] = {4: ctypes.c_float, 8: ctypes.c_double}
_CALL = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)
