"""Worker of compare.py: how fast this machine multiplies and adds, from registers only, in all threads at once.

Sixteen independent chains of vector FMAs, float32, at the width that pcneuro's micro-kernel uses.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from peer import Problem, Step, main

from pcneuro.kernels.tile import vector_length

CHAINS = 12
LANES = vector_length(np.float32)
ITERATIONS = 2_000_000


@intrinsic
def multiply_add(typingctx: Any, iterations: Any) -> Any:
    """x = 0.5 x + 1 in all chains, as often as told; their sum's first lane, so that nothing is left out."""

    def codegen(context: Any, b: Any, signature: Any, args: Any) -> Any:
        vec, i64 = ir.VectorType(ir.FloatType(), LANES), ir.IntType(64)
        fma = cgutils.get_or_insert_function(b.module, ir.FunctionType(vec, [vec] * 3), f"llvm.fma.v{LANES}f32")
        half, one = (ir.Constant(vec, [value] * LANES) for value in (0.5, 1.0))
        before, loop, done = b.block, b.append_basic_block("peak.loop"), b.append_basic_block("peak.done")
        b.branch(loop)
        b.position_at_end(loop)
        count = b.phi(i64)
        count.add_incoming(ir.Constant(i64, 0), before)
        chains = [b.phi(vec) for _ in range(CHAINS)]
        new = [b.call(fma, [chain, half, one]) for chain in chains]
        for k, (chain, value) in enumerate(zip(chains, new, strict=True)):
            chain.add_incoming(ir.Constant(vec, [float(k)] * LANES), before)
            chain.add_incoming(value, loop)
        following = b.add(count, ir.Constant(i64, 1))
        count.add_incoming(following, loop)
        b.cbranch(b.icmp_signed("<", following, args[0]), loop, done)
        b.position_at_end(done)
        total = new[0]
        for value in new[1:]:
            total = b.fadd(total, value)
        return b.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return types.float32(types.int64), codegen


@numba.njit(parallel=True)
def everywhere(threads: int, iterations: int) -> float:
    """In each thread."""
    total = 0.0
    for _ in numba.prange(threads):
        total += multiply_add(iterations)
    return total


def make(method: str, problem: Problem, threads: int) -> Step:
    """``fma``."""
    numba.set_num_threads(threads)

    def step() -> dict[str, np.ndarray]:
        everywhere(threads, ITERATIONS)
        return {}

    return step


if __name__ == "__main__":
    main(make, numba.__version__)
