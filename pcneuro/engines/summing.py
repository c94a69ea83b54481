"""Hebbian sums in the kernel engine, spread over threads by synapses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.engines.threads import spread
from pcneuro.kernels import dispatch
from pcneuro.kernels.dispatch import PARTITIONED
from pcneuro.kernels.hebbian import PANEL
from pcneuro.lowering import Code, as_array
from pcneuro.program import Program

if TYPE_CHECKING:
    from pcneuro.engines.kernel import KernelEngine

# Below this many multiplications a Hebbian sum is not worth handing to several threads.
SPLIT_WORK = 20_000_000


@dataclass(frozen=True)
class Phase:
    """Sums to different places, which can be made side by side.

    ``split`` are instructions that can do a part of their work, of which there are ``work`` multiplications a sample;
    ``whole`` those that cannot.
    """

    whole: np.ndarray
    split: np.ndarray
    work: int


def phases(program: Program) -> list[Phase]:
    """All Hebbian sums of a program: those to one place in their order, which every sum depends on."""
    parted = {dispatch.opcode(name) for name in PARTITIONED}
    found: list[Phase] = []
    whole: Code = []
    split: Code = []
    targets: set[int] = set()

    def end() -> None:
        if whole or split:
            work = sum(int(program.ints[at]) for _, at in split)
            found.append(Phase(as_array(whole), as_array(split), work))
        whole.clear()
        split.clear()
        targets.clear()

    for target, code in program.hebb:
        kinds = {opcode in parted for opcode, _ in code}
        if target.row in targets or len(kinds) > 1:
            end()
        targets.add(target.row)
        for instruction in code:
            (split if instruction[0] in parted else whole).append(instruction)
            if len(kinds) > 1:
                # What one instruction of these leaves, the next one reads.
                end()
    end()
    return found


def gradients(engine: KernelEngine) -> dict[str, np.ndarray]:
    """Minus the Hebbian sums over the batch, by parameter."""
    program = engine.program
    for slot in program.sums:
        engine.shared[slot.row : slot.row + slot.units] = 0.0
    for phase in engine.phases:
        parts = engine.threads if phase.work * engine.data.batch >= SPLIT_WORK else 1
        spread(partial(_sum, engine, phase, parts), parts, parts)
    engine.execute_shared(program.code["shared_backward"])
    found = {}
    for name, slot in program.adjoints.items():
        found[name] = -engine.shared[slot.row : slot.row + slot.units].reshape(engine.parameters[name].shape)
    return found


def _sum(engine: KernelEngine, phase: Phase, parts: int, part: int) -> None:
    """One part of the Hebbian sums of a phase over all blocks, in their order; the first has what is not split."""
    for block in range(len(engine.buf)):
        if part == 0 and len(phase.whole):
            engine.checked(phase.whole, engine.buf[block], engine.contexts[block])
        if len(phase.split):
            context = engine.contexts[block].copy()
            context[[dispatch.PART, dispatch.PARTS]] = part, parts
            context[dispatch.PANEL] = engine.program.shared_rows + part * PANEL[engine.dtype]
            engine.checked(phase.split, engine.buf[block], context)
