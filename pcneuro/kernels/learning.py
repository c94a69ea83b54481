"""The loop over time steps while parameters change, too: all blocks of samples take a step before any takes the next.

A step is a row of phases, each divided into as many shares as there are threads: blocks of samples, or parts of what is
changed. Each sum over samples is over the blocks in their order, so that results depend on neither threads nor pieces.
"""

from __future__ import annotations

from typing import NamedTuple

from pcneuro.kernels.arguments import (
    BACKWARD,
    COUNT,
    DRIVE_ROW,
    FLAG_OF,
    FRESH,
    INPUTS,
    INTERVAL_STEPS,
    LEARNED_FROM,
    LEARNED_TO,
    PRE,
    SUMS_FROM,
    SUMS_TO,
    UNSWEPT,
    VALUE_ROW,
    ZERO_FROM,
    ZERO_TO,
    Blocks,
    Dirty,
    Layout,
    Learning,
    Memory,
    Noise,
    Operators,
    Records,
    Stimuli,
    Tableau,
    Team,
    Updates,
)
from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import LANES, OK, PANEL, PART, PARTS, STEP_NUMBER, call_op, ix
from pcneuro.kernels.following import follow, follow_product, follow_stage, reweighted, share_of
from pcneuro.kernels.lists import run_list
from pcneuro.kernels.loop import keep_slope, keep_start, move, move_stage
from pcneuro.kernels.noise import noise_of
from pcneuro.kernels.records import copy_records
from pcneuro.kernels.rings import keep, recall
from pcneuro.kernels.stimuli import present, stimuli_of, sweep_again
from pcneuro.kernels.subnormals import flush, restore
from pcneuro.kernels.team import PHASE, STEP, WHICH, finish, hand_out, take, wait, wait_for_work
from pcneuro.kernels.uncounted import uncounted
from pcneuro.kernels.updates import evaluate

# Phases of a step: of blocks of samples, bring all up to date at a stage, move it to the end of the step, bring errors
# up to date with the state, sweep again; then of parameters, their sums begin at zero, sums over samples, a change
# by drives, and the change of a stage
STAGE, MOVE, REFRESH, SWEEP, ZERO, SUM, CHANGE, CHANGE_STAGE = range(8)
DIVERGED = -1
"""What comes of a share where something ceased to be finite, beside the statuses of kernels."""


class Loop(NamedTuple):
    """All that a step reads and writes: see ``learn``."""

    operators: Operators
    blocks: Blocks
    tables: Updates
    layout: Layout
    dirty: Dirty
    tableau: Tableau
    stimuli: Stimuli
    noise: Noise
    records: Records
    learning: Learning
    team: Team


@inner(forceinline=True)
def _worse(one, other):  # type: ignore[no-untyped-def]
    """Of two outcomes that of a kernel that failed, else that something diverged."""
    return one if other == OK or (other == DIVERGED and one != OK) else other


@inner
def _stage(stage, step, b, memory, dirty, loop):  # type: ignore[no-untyped-def]
    """Bring a block up to date at a stage of a step, and record what it begins with: stimuli are as in the step."""
    operators, tables, layout, learning, tableau = loop.operators, loop.tables, loop.layout, loop.learning, loop.tableau
    flags, lanes = dirty.flags, memory.context[LANES]
    if stage == 0:
        memory.context[STEP_NUMBER] = step
        status = present(operators, memory, dirty, stimuli_of(loop.stimuli, b, lanes), step)
        if status != OK:
            return status
        keep(memory, tables.rings, step)
        if tableau.weights.shape[0] > 1:
            keep_start(memory, tables.states, layout)
    else:
        move_stage(stage, 0, memory, tables.states, layout, dirty, tableau)
    status = evaluate(operators, memory, tables, layout, dirty, True)
    if status == OK and learning.groups[0, LEARNED_TO] > 0:
        status, _ = run_list(operators, memory, learning.tail)
    if status != OK:
        return status
    if stage == 0:
        copy_records(Records(loop.records.table[b], loop.records.buf[b]), memory.buf, lanes, step)
    if tableau.weights.shape[0] > 1:
        keep_slope(stage, memory, tables.states, layout)
    learning.fresh[b], flags[FRESH], flags[UNSWEPT] = flags[FRESH], 0, 0
    for k in range(INPUTS, INPUTS + layout.inputs):
        flags[k] = 0
    return OK


@inner
def _move(step, b, memory, dirty, loop):  # type: ignore[no-untyped-def]
    """Take a block to the end of a step."""
    noise, fresh = noise_of(loop.noise, b, memory.context[LANES]), loop.learning.fresh[b]
    finite = move(fresh, memory, loop.tables.states, loop.layout, dirty, loop.tableau, noise, step)
    recall(memory, loop.tables.rings, step + 1, dirty.flags)
    return OK if finite else DIVERGED


@inner
def _of_block(phase, which, step, b, loop):  # type: ignore[no-untyped-def]
    """Do a phase on one block of samples."""
    operators, blocks = loop.operators, loop.blocks
    memory = Memory(blocks.bufs[b], blocks.shared, blocks.contexts[b])
    dirty = Dirty(loop.dirty.flags[b], loop.dirty.largest[b], loop.dirty.tolerance)
    if phase == STAGE:
        return _stage(which, step, b, memory, dirty, loop)
    if phase == MOVE:
        return _move(step, b, memory, dirty, loop)
    if phase == SWEEP:
        return sweep_again(operators, memory, dirty.flags, stimuli_of(loop.stimuli, b, memory.context[LANES]))
    status = evaluate(operators, memory, loop.tables, loop.layout, dirty, False)
    if status == OK:
        status, _ = run_list(operators, memory, loop.learning.tail)
    return status


@inner
def _zero(group, share, loop):  # type: ignore[no-untyped-def]
    """Let one share of what sums add to begin at zero."""
    learning, shared = loop.learning, loop.blocks.shared
    for k in range(learning.groups[group, ZERO_FROM], learning.groups[group, ZERO_TO]):
        row = learning.zeroed[k, 0]
        first, last = share_of(learning.zeroed[k, 1], share, loop.team.shares)
        for i in range(row + first, row + last):
            shared[ix(i)] = 0
    return OK


@inner
def _sum(row, share, loop):  # type: ignore[no-untyped-def]
    """Do one share of sums over all samples; the first has those that are not divided."""
    operators, blocks, learning, shares = loop.operators, loop.blocks, loop.learning, loop.team.shares
    for i in range(learning.sums[row, 0], learning.sums[row, 1]):
        code, parts, whole = learning.code[i], learning.parts[i], learning.parts[i] == 0
        if whole and share > 0:
            continue
        for part in range(0 if whole else share * parts, 1 if whole else (share + 1) * parts):
            for b in range(blocks.bufs.shape[0]):
                context = learning.contexts[share, b]
                context[PART], context[PARTS] = part, 1 if whole else parts * shares
                context[PANEL] = learning.panel + share * learning.breadth
                status = call_op(
                    operators.table[code[0]], blocks.bufs[b], blocks.shared, operators.ints, code[1], context
                )
                if status != OK:
                    return status
    return OK


@inner
def _change(group, stage, share, loop):  # type: ignore[no-untyped-def]
    """Let one share of the parameters of a group follow their drives; in a step of several stages, to the next one."""
    learning, shared, shares = loop.learning, loop.blocks.shared, loop.team.shares
    finite = True
    for k in range(learning.groups[group, LEARNED_FROM], learning.groups[group, LEARNED_TO]):
        row = learning.table[k]
        if stage >= 0:
            finite &= follow_stage(k, stage, share, shares, shared, loop.tableau, learning)
        elif row[PRE] >= 0:
            finite &= follow_product(k, share, shares, loop.blocks, learning)
        else:
            first, last = share_of(row[COUNT], share, shares)
            finite &= follow(shared, row[VALUE_ROW], row[DRIVE_ROW], first, last, learning.numbers[k])
    return OK if finite else DIVERGED


@inner
def _do(phase, which, step, share, loop):  # type: ignore[no-untyped-def]
    """Do one share of a phase; returns what came of it. ``which`` is a stage, a group, or a row of sums."""
    if phase == ZERO:
        return _zero(which, share, loop)
    if phase == SUM:
        return _sum(which, share, loop)
    if phase == CHANGE:
        return _change(which, -1, share, loop)
    if phase == CHANGE_STAGE:
        return _change(0, which, share, loop)
    outcome = OK
    first, last = share_of(loop.blocks.bufs.shape[0], share, loop.team.shares)
    for b in range(first, last):
        outcome = _worse(outcome, _of_block(phase, which, step, b, loop))
    return outcome


@inner
def _together(phase, which, step, loop):  # type: ignore[no-untyped-def]
    """Do a phase, with whoever helps; returns what came of it."""
    team = loop.team
    if team.shares == 1:
        return _do(phase, which, step, 0, loop)
    hand_out(team, phase, which, step)
    share = take(team)
    while share >= 0:
        finish(share, _do(phase, which, step, share, loop), team)
        share = take(team)
    wait(team)
    outcome = OK
    for k in range(team.shares):
        outcome = _worse(outcome, team.outcomes[k])
    return outcome


@inner
def _help(loop):  # type: ignore[no-untyped-def]
    """Do shares of whatever is handed out."""
    team = loop.team
    while wait_for_work(team):
        share = take(team)
        if share >= 0:
            board = team.board
            finish(share, _do(board[PHASE], board[WHICH], board[STEP], share, loop), team)


@inner
def _sum_drives(group, loop):  # type: ignore[no-untyped-def]
    """Sum the drives of a group over all samples, but for those that are summed as they change."""
    operators, shared, learning = loop.operators, loop.blocks.shared, loop.learning
    row = learning.groups[group]
    if row[ZERO_TO] > row[ZERO_FROM]:
        _together(ZERO, group, 0, loop)
    for k in range(row[SUMS_FROM], row[SUMS_TO]):
        status = _together(SUM, k, 0, loop)
        if status != OK:
            return status
    if row[BACKWARD] == 1:
        status, _ = run_list(operators, Memory(shared, shared, learning.context), learning.backward)
        return status
    return OK


@inner
def _tell(group, loop):  # type: ignore[no-untyped-def]
    """Put up the flags of the parameters of a group in all blocks."""
    flags, learning = loop.dirty.flags, loop.learning
    for k in range(learning.groups[group, LEARNED_FROM], learning.groups[group, LEARNED_TO]):
        for b in range(flags.shape[0]):
            flags[b, learning.table[k, FLAG_OF]] = 1


@inner
def _changed(step, loop):  # type: ignore[no-untyped-def]
    """Compute what follows from parameters alone; where predictions are held, sweep again."""
    status = reweighted(loop.operators, loop.blocks.shared, loop.learning)
    if status == OK and loop.stimuli.held:
        return _together(SWEEP, 0, step, loop)
    return status


@inner
def _learn_stage(stage, step, loop):  # type: ignore[no-untyped-def]
    """Sum the drives at a stage, and take what is integrated to the next one.

    Where one stage makes a step, or weights are held in it, they go on at its end.
    """
    status = _sum_drives(0, loop)
    if status != OK or loop.tableau.weights.shape[0] == 1 or loop.stimuli.held:
        return status
    outcome = _together(CHANGE_STAGE, stage, step, loop)
    _tell(0, loop)
    return _worse(outcome, reweighted(loop.operators, loop.blocks.shared, loop.learning))


@inner
def _at_intervals(step, loop):  # type: ignore[no-untyped-def]
    """Change what is due before this step, with the errors of the state as it is."""
    groups = loop.learning.groups
    due = False
    for group in range(1, groups.shape[0]):
        due |= step % groups[group, INTERVAL_STEPS] == 0
    if not due:
        return OK
    status = _together(REFRESH, 0, step, loop)
    if status != OK:
        return status
    for group in range(1, groups.shape[0]):
        if step % groups[group, INTERVAL_STEPS] == 0:
            status = _sum_drives(group, loop)
            if status != OK:
                return status
    outcome = OK
    for group in range(1, groups.shape[0]):
        if step % groups[group, INTERVAL_STEPS] == 0:
            outcome = _worse(outcome, _together(CHANGE, group, step, loop))
            _tell(group, loop)
    return _worse(outcome, _changed(step, loop))


@inner
def _end(step, loop):  # type: ignore[no-untyped-def]
    """Take all blocks, and what is integrated with them, to the end of a step."""
    once = loop.learning.groups[0, LEARNED_TO] > 0 and (loop.tableau.weights.shape[0] == 1 or loop.stimuli.held)
    outcome = OK
    # Errors may stand where states do: what reads them comes first.
    if once:
        outcome = _together(CHANGE, 0, step, loop)
    outcome = _worse(outcome, _together(MOVE, 0, step, loop))
    if not once or outcome != OK:
        return outcome
    _tell(0, loop)
    return _changed(step, loop)


@inner
def _step(step, loop):  # type: ignore[no-untyped-def]
    """Take all to the next step; returns what came of it."""
    learning = loop.learning
    copy_records(Records(learning.records, learning.recorded), loop.blocks.shared, 1, step)
    outcome = OK
    for stage in range(loop.tableau.weights.shape[0]):
        status = _together(STAGE, stage, step, loop)
        if status == OK and learning.groups[0, LEARNED_TO] > 0 and (stage == 0 or not loop.stimuli.held):
            status = _learn_stage(stage, step, loop)
        outcome = _worse(outcome, status)
        if outcome != OK and outcome != DIVERGED:
            return outcome
    outcome = _worse(outcome, _end(step, loop))
    return _at_intervals(step + 1, loop) if outcome == OK else outcome


@kernel
def learn(
    operators, blocks, tables, layout, dirty, tableau, stimuli, noise, records, learning, team, share, step, steps
):  # type: ignore[no-untyped-def]
    """Step all blocks of samples together, as ``loop.advance`` does one, while parameters change.

    What is of one block there has a row a block here: ``dirty.flags`` and ``dirty.largest``, ``stimuli.played`` and
    ``stimuli.room``, ``noise.eta`` and ``noise.drawn``, ``records``. Writes these, ``blocks.bufs``, ``blocks.shared``,
    what ``learning`` writes, and ``team``. Called with share 0, it returns what ``advance`` does; with others, at the
    same time in other threads, it helps that one until ``team`` is dismissed.
    """
    operators, blocks, tables, dirty = uncounted(operators), uncounted(blocks), uncounted(tables), uncounted(dirty)
    tableau, stimuli, noise = uncounted(tableau), uncounted(stimuli), uncounted(noise)
    records, learning, team = uncounted(records), uncounted(learning), uncounted(team)
    loop = Loop(operators, blocks, tables, layout, dirty, tableau, stimuli, noise, records, learning, team)
    before = flush(blocks.shared)
    outcome, done = OK, 0
    if share > 0:
        _help(loop)
    while share == 0 and done < steps and outcome == OK:
        outcome = _step(step + done, loop)
        if outcome == OK:
            done += 1
    restore(before)
    return OK if outcome == DIVERGED else outcome, done, outcome != DIVERGED


@kernel
def reweigh(operators, shared, learning):  # type: ignore[no-untyped-def]
    """What ``reweighted`` does, for who calls from outside. Writes ``shared``; returns the status of the kernels."""
    return reweighted(operators, shared, learning)
