"""Lists of instructions, run one after the other: on one block of samples, or as sums over all of them."""

from __future__ import annotations

from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.dispatch import OK, PANEL, PART, PARTS, call_op
from pcneuro.kernels.subnormals import flush, restore


@kernel
def run_list(operators, memory, code):  # type: ignore[no-untyped-def]
    """Run a list of instructions on one block. Returns (status, failed instruction)."""
    table, ints = operators
    buf, shared, context = memory
    for i in range(code.shape[0]):
        status = call_op(table[code[i, 0]], buf, shared, ints, code[i, 1], context)
        if status != OK:
            return status, i
    return OK, -1


@kernel
def execute(operators, memory, code):  # type: ignore[no-untyped-def]
    """The same with subnormal numbers as ``loop.advance`` takes them."""
    before = flush(memory.buf)
    outcome = run_list(operators, memory, code)
    restore(before)
    return outcome


@kernel
def add_up(operators, blocks, sums):  # type: ignore[no-untyped-def]
    """Do one share of the sums, each over all blocks before the next, so that what is added to stays in the cache.

    Adds to ``blocks.shared``, writes to ``blocks.contexts``. Returns (status, failed instruction, block).
    """
    table, ints = operators
    bufs, shared, contexts = blocks
    code, parts, share, shares, panel = sums
    before = flush(bufs[0])
    for i in range(code.shape[0]):
        for part in range(share * parts[i], (share + 1) * parts[i]):
            for block in range(bufs.shape[0]):
                context = contexts[block]
                context[PART], context[PARTS], context[PANEL] = part, parts[i] * shares, panel
                status = call_op(table[code[i, 0]], bufs[block], shared, ints, code[i, 1], context)
                if status != OK:
                    restore(before)
                    return status, i, block
    restore(before)
    return OK, -1, -1
