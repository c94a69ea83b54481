"""Operator kernels, compiled once each and called out of a table of addresses.

A kernel is a function of five arguments, the same for all::

    kernel(buf, shared, ints, at, context) -> status

========== ============= ====================================================================================
buf        float[::1]    activities of one block of samples, rows of ``lanes`` samples: row r is buf[r*lanes:]
shared     float[::1]    what all samples share: constants, parameters, and the gradients of parameters
ints       int64[::1]    arguments of all instructions: row numbers, sizes, index tables
at         int64         where the arguments of this instruction begin in ``ints``
context    int64[::1]    ``lanes``, the lanes in use, this part, the number of parts, the row in ``shared`` where
                         this part has room of its own, the number of the step, and that of the block's first
                         sample (see LANES ... SAMPLE)
========== ============= ====================================================================================

Because the caller holds nothing but addresses, a new graph compiles nothing: it is a new ``ints`` and a new list of
instructions. Kernels neither raise nor allocate; an exception inside a ``cfunc`` would be swallowed and return 0,
which is why OK is 1.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from pcneuro.kernels.compiling import callback, inner, kernel
from pcneuro.kernels.progress import compilation, name_of

OK = 1
BAD_INDEX = 2  # a value that should number a row numbers none
BAD_MATRIX = 3  # a matrix that has no inverse, factor, or eigenvectors of its own
BAD_OPERATOR = 4  # a user's own operator raised, or returned another shape
LANES, ACTIVE, PART, PARTS, PANEL, STEP_NUMBER, SAMPLE, CONTEXT = range(8)
IDENTITY = -1  # index argument: row u of the operand belongs to row u of the loop
SCALAR = -2  # index argument: the operand has one row, which serves every row of the loop

_INTS = types.int64[::1]
_FLOATS = {np.dtype(np.float32): types.float32[::1], np.dtype(np.float64): types.float64[::1]}

KERNELS: dict[str, Callable[..., int]] = {}
PARTITIONED: set[str] = set()
"""Kernels that can do a part of their work; their first argument is the work, in multiplications a sample."""
MADE: set[str] = set()
"""Kernels that were made in this process, of users' own functions: no file holds them, and no cache keeps them."""


def op_kernel(
    name: str, *, partitioned: bool = False, made: bool = False
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register the decorated function as operator kernel ``name``. Nothing is compiled before it is first needed.

    One that is ``made`` in this process is kept in no cache.
    """

    def register(function: Callable[..., int]) -> Callable[..., int]:
        if name in KERNELS:
            raise ValueError(f"two operator kernels are called {name!r}")
        KERNELS[name] = function
        if partitioned:
            PARTITIONED.add(name)
        if made:
            MADE.add(name)
        return function

    return register


def opcode(name: str) -> int:
    """Position of kernel ``name`` in the table."""
    return _opcodes(len(KERNELS))[name]


@cache
def _opcodes(count: int) -> dict[str, int]:
    return {name: code for code, name in enumerate(KERNELS)}


def signature(dtype: np.dtype) -> types.Type:
    """Numba signature of every operator kernel in one floating-point type."""
    real = _FLOATS[np.dtype(dtype)]
    return types.int64(real, real, _INTS, types.int64, _INTS)


_COMPILED: dict[tuple[np.dtype, str], Any] = {}
"""Compiled kernels by dtype and name. Without them the addresses in the tables dangle."""
_TABLES: dict[tuple[np.dtype, int], np.ndarray] = {}
_FILLING = threading.Lock()


def _address(dtype: np.dtype, name: str) -> int:
    """Compile a kernel, or load it; returns its address."""
    if (dtype, name) not in _COMPILED:
        _COMPILED[dtype, name] = callback(name, KERNELS[name], signature(dtype), kept=name not in MADE)
    return _COMPILED[dtype, name].address


def expect(dtype: np.dtype, codes: Iterable[np.ndarray], functions: Iterable[Any] = ()) -> None:
    """Say that the kernels of these instruction lists, and these functions, will be called: progress counts on it."""
    opcodes = {int(opcode) for code in codes for opcode in code[:, 0]}
    kernels = [(name, function) for k, (name, function) in enumerate(KERNELS.items()) if k in opcodes]
    compilation.expect(np.dtype(dtype).name, [*kernels, *((name_of(f), f) for f in functions)])


def table(dtype: np.dtype, *codes: np.ndarray) -> object:
    """Table of kernels for ``dtype``: int64 addresses, or the plain functions under ``NUMBA_DISABLE_JIT``.

    It is one array for all callers, until users' operators add kernels: a longer one has what is compiled by then, too,
    and old ones stay as they are. The kernels of the instruction lists ``codes``, (opcode, position of arguments) a
    row, are compiled or loaded first where that has not been done; others may be missing, and have the address 0.
    """
    if numba.config.DISABLE_JIT:
        return list(KERNELS.values())
    kind = np.dtype(dtype)
    addresses = _TABLES.get((kind, len(KERNELS)))
    if addresses is None:
        done = [_COMPILED[kind, name].address if (kind, name) in _COMPILED else 0 for name in list(KERNELS)]
        addresses = _TABLES.setdefault((kind, len(done)), np.array(done, dtype=np.int64))
    if all(addresses[code[:, 0]].all() for code in codes):
        return addresses
    with _FILLING:
        wanted = {int(opcode) for code in codes for opcode in code[:, 0]}
        names = {opcode: name for opcode, name in enumerate(KERNELS) if opcode in wanted and not addresses[opcode]}
        for opcode, name in names.items():
            addresses[opcode] = _address(kind, name)
    return addresses


def row(ints: np.ndarray, index: int, u: int) -> int:
    """Row of an operand for row ``u`` of the loop, by its index argument."""
    if index >= 0:
        return ints[index + u]
    if index == IDENTITY:
        return u
    return 0


def ix(position: int) -> int:
    """An index into a buffer that is not negative.

    Numba lets negative indices count from the end, and the check for them keeps LLVM from seeing that a loop runs
    through consecutive memory: with this index, a loop over lanes becomes vector code (7 times as fast, on a Hebbian
    sum).
    """
    return position


if numba.config.DISABLE_JIT:

    def call_op(entry, buf, shared, ints, at, context):
        """Call one operator kernel."""
        return entry(buf, shared, ints, at, context)
else:
    row = kernel(row, cache=False)

    @inner(cache=False)
    def ix(position):  # type: ignore[no-untyped-def]
        """See above."""
        return types.uintp(position)

    @intrinsic
    def call_op(typingctx, entry, buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
        """Call the operator kernel at address ``entry``."""
        arguments = (buf, shared, _INTS, types.int64, _INTS)
        sig = types.int64(types.int64, *arguments)

        def codegen(ctx, builder, sig, args):  # type: ignore[no-untyped-def]
            returned = ctx.get_value_type(types.int64)
            function = ir.FunctionType(returned, [ctx.get_value_type(t) for t in arguments])
            return builder.call(builder.inttoptr(args[0], function.as_pointer()), args[1:])

        return sig, codegen
