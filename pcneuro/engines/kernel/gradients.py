"""Hebbian sums in the kernel engine, spread over threads by synapses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.engines.kernel.blocks import Phase
from pcneuro.engines.kernel.threads import spread
from pcneuro.kernels import dispatch, lists
from pcneuro.kernels.arguments import Blocks, Sums
from pcneuro.kernels.dispatch import PARTITIONED
from pcneuro.kernels.hebbian import PANEL
from pcneuro.ops.base import Slot
from pcneuro.program import Program
from pcneuro.program.lowering import Code, as_array

if TYPE_CHECKING:
    from pcneuro.engines.kernel.blocks import AbstractBlocks

# Below this many multiplications a Hebbian sum is not worth handing to several threads.
SPLIT_WORK = 20_000_000
# Bytes of sums that are added to at a time, by all blocks of samples: about half of a second-level cache.
NEAR = 1 << 18


def phases(program: Program, itemsize: int) -> list[Phase]:
    """All Hebbian sums of a program."""
    return phases_of(program.hebb, program, itemsize)


def phases_of(hebb: Sequence[tuple[Slot, Code]], program: Program, itemsize: int) -> list[Phase]:
    """These sums of a program: those to one place in their order, which every sum depends on."""
    parted = {dispatch.opcode(name) for name in PARTITIONED}
    sums: list[Phase] = []
    whole: Code = []
    split: Code = []
    parts: list[int] = []
    targets: set[int] = set()

    def end() -> None:
        if whole or split:
            work = sum(int(program.ints[at]) for _, at in split)
            sums.append(Phase(as_array(whole), as_array(split), np.array(parts, dtype=np.int64), work))
        for kept in (whole, split, parts, targets):
            kept.clear()

    for target, code in hebb:
        kinds = {opcode in parted for opcode, _ in code}
        if target.row in targets or len(kinds) > 1:
            end()
        targets.add(target.row)
        for instruction in code:
            if instruction[0] in parted:
                split.append(instruction)
                parts.append(-(-target.units * itemsize // NEAR))
            else:
                whole.append(instruction)
            if len(kinds) > 1:
                # What one instruction of these leaves, the next one reads.
                end()
    end()
    return sums


def gradients(engine: AbstractBlocks) -> dict[str, np.ndarray]:
    """Minus the Hebbian sums over the batch, by parameter."""
    program = engine.program
    engine.compile(*(code for phase in engine.phases for code in (phase.whole, phase.split)))
    for slot in program.sums:
        engine.shared[slot.row : slot.row + slot.units] = 0.0
    for phase in engine.phases:
        shares = engine.threads if phase.work * engine.data.batch >= SPLIT_WORK else 1
        spread(partial(_sum, engine, phase, shares), shares, shares)
    engine.execute_shared(program.code["shared_backward"])
    by_parameter = {}
    for name, slot in program.adjoints.items():
        by_parameter[name] = -engine.shared[slot.row : slot.row + slot.units].reshape(engine.parameters[name].shape)
    return by_parameter


def _sum(engine: AbstractBlocks, phase: Phase, shares: int, share: int) -> None:
    """One share of the Hebbian sums of a phase over all blocks, in their order; the first has what is not split."""
    codes = [(phase.split, phase.parts, shares)]
    if share == 0:
        codes.insert(0, (phase.whole, np.ones(len(phase.whole), dtype=np.int64), 1))
    for code, parts, among in codes:
        if len(code):
            blocks = Blocks(engine.buf, engine.shared, engine.contexts.copy())
            panel = engine.program.shared_rows + share * PANEL[engine.dtype]
            sums = Sums(code, parts, share, among, panel)
            status, at, block = lists.add_up(engine.operators, blocks, sums)
            if status != dispatch.OK:
                engine.checked(code[at : at + 1], engine.buf[block], engine.contexts[block])
