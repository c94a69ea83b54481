"""Threads in one compiled loop: one leads through the phases of a step, and the others help with what it hands out.

Whoever is free takes the next share of a phase. The leader waits for shares that were taken, for nobody to come: where
other threads are late, or never there, it does all of them. What a share computes does not depend on who does it.
"""

from __future__ import annotations

import platform
import sys
import threading

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pcneuro.kernels.compiling import inner

TICKET, PHASE, WHICH, STEP, DONE, BOARD = 0, 1, 2, 3, 16, 32
"""Numbers of ``Team.board``: the next share, below how many there are; what is to be done; and how many are done.

The last stands apart from the others, by two cache lines, since all write it.
"""
COUNT_BITS = 32
"""Where in the ticket the number of shares begins."""
NEXT = (1 << COUNT_BITS) - 1
DISMISSED = -(1 << 62)
"""The ticket after the last phase: nobody will hand out anything more."""
SPINS = 200
"""Looks at the board after which a thread that waits lets others have its processor: some microseconds."""

PAUSES = {"x86_64": "llvm.x86.sse2.pause", "amd64": "llvm.x86.sse2.pause"}
PAUSE = PAUSES.get(platform.machine().lower(), "")
"""The instruction that tells the processor of a waiting loop; none elsewhere."""
YIELD = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
"""The system's function that lets other threads run."""

if numba.config.DISABLE_JIT:
    _LOCK = threading.Lock()

    def _add(board, place, value):  # type: ignore[no-untyped-def]
        """Twin of the compiled function."""
        with _LOCK:
            before = int(board[place])
            board[place] += value
        return before

    def _load(board, place):  # type: ignore[no-untyped-def]
        """Twin of the compiled function."""
        return int(board[place])

    def _store(board, place, value):  # type: ignore[no-untyped-def]
        """Twin of the compiled function."""
        board[place] = value

    def _relax(turn):  # type: ignore[no-untyped-def]
        """Python's threads take turns anyway."""
else:

    @intrinsic
    def _add(typingctx, board, place, value):  # type: ignore[no-untyped-def]
        """Add to a number of the board at once; returns what it was."""

        def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
            numbers = context.make_array(signature.args[0])(context, b, args[0]).data
            return b.atomic_rmw("add", b.gep(numbers, [args[1]]), args[2], "seq_cst")

        return types.int64(board, types.int64, types.int64), codegen

    @intrinsic
    def _load(typingctx, board, place):  # type: ignore[no-untyped-def]
        """A number of the board as other threads have left it, and all that they wrote before."""

        def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
            numbers = context.make_array(signature.args[0])(context, b, args[0]).data
            return b.load_atomic(b.gep(numbers, [args[1]]), "acquire", 8)

        return types.int64(board, types.int64), codegen

    @intrinsic
    def _store(typingctx, board, place, value):  # type: ignore[no-untyped-def]
        """Write a number of the board, for other threads to see after all that was written before."""

        def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
            numbers = context.make_array(signature.args[0])(context, b, args[0]).data
            b.store_atomic(args[2], b.gep(numbers, [args[1]]), "release", 8)
            return context.get_dummy_value()

        return types.void(board, types.int64, types.int64), codegen

    @intrinsic
    def _relax(typingctx, turn):  # type: ignore[no-untyped-def]
        """Wait a moment; every so many turns, let other threads run."""

        def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
            last = ir.Constant(ir.IntType(64), SPINS - 1)
            rest = b.urem(args[0], ir.Constant(ir.IntType(64), SPINS))
            with b.if_else(b.icmp_signed("==", rest, last)) as (yields, spins):
                with yields:
                    kind = ir.FunctionType(ir.IntType(32), [])
                    b.call(cgutils.get_or_insert_function(b.module, kind, YIELD), [])
                with spins:
                    if PAUSE:
                        kind = ir.FunctionType(ir.VoidType(), [])
                        b.call(cgutils.get_or_insert_function(b.module, kind, PAUSE), [])
            return context.get_dummy_value()

        return types.void(types.int64), codegen


@inner
def hand_out(team, phase, which, step):  # type: ignore[no-untyped-def]
    """Put a phase on the board, for all to take shares of; what it is of is for them to know. Writes ``team.board``."""
    board = team.board
    board[PHASE], board[WHICH], board[STEP], board[DONE] = phase, which, step, 0
    _store(board, TICKET, team.shares << COUNT_BITS)


@inner
def take(team):  # type: ignore[no-untyped-def]
    """The number of a share that is to be done, -1 if there is none now. Adds to ``team.board``.

    What the board says of its phase stays until it is ``finished``.
    """
    board = team.board
    ticket = _load(board, TICKET)
    if ticket < 0 or ticket & NEXT >= ticket >> COUNT_BITS:
        return -1
    # In the meantime others may have taken the last, or the board may have a new phase: the ticket is of one of them.
    ticket = _add(board, TICKET, 1)
    if ticket < 0 or ticket & NEXT >= ticket >> COUNT_BITS:
        return -1
    return ticket & NEXT


@inner
def finish(share, outcome, team):  # type: ignore[no-untyped-def]
    """Say what came of a share that was taken. Writes ``team.outcomes``, adds to ``team.board``."""
    team.outcomes[share] = outcome
    _add(team.board, DONE, 1)


@inner
def wait(team):  # type: ignore[no-untyped-def]
    """Wait until all shares of the phase are done."""
    turn = 0
    while _load(team.board, DONE) < team.shares:
        _relax(turn)
        turn += 1


@inner
def wait_for_work(team):  # type: ignore[no-untyped-def]
    """Wait until there is a share to take; returns whether there will ever be one."""
    turn = 0
    while True:
        ticket = _load(team.board, TICKET)
        if ticket < 0 or ticket & NEXT < ticket >> COUNT_BITS:
            return ticket >= 0
        _relax(turn)
        turn += 1
