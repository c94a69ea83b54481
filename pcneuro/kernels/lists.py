"""Lists of instructions, run one after the other: on one block of samples, or as sums over all of them."""

from __future__ import annotations

from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.dispatch import OK, PANEL, PART, PARTS, call_op
from pcneuro.kernels.subnormals import flush, restore


@kernel
def run_list(table, code, buf, shared, ints, context):  # type: ignore[no-untyped-def]
    """Run a list of instructions, (opcode, position of its arguments) a row. Returns (status, failed instruction)."""
    for i in range(code.shape[0]):
        status = call_op(table[code[i, 0]], buf, shared, ints, code[i, 1], context)
        if status != OK:
            return status, i
    return OK, -1


@kernel
def execute(table, code, buf, shared, ints, context):  # type: ignore[no-untyped-def]
    """The same with subnormal numbers as ``advance`` takes them."""
    before = flush(buf)
    told = run_list(table, code, buf, shared, ints, context)
    restore(before)
    return told


@kernel
def add_up(table, code, parts, bufs, shared, ints, contexts, share, shares, panel):  # type: ignore[no-untyped-def]
    """Run instructions that sum over samples, of which instruction i is to be done in ``parts[i] * shares`` parts.

    Does the parts of one of the ``shares``, each over all blocks before the next, so that what is added to stays in the
    cache. Reads ``bufs``, adds to ``shared``, where ``panel`` is room of this share's own; writes to ``contexts``.
    Returns (status, failed instruction, block).
    """
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
