"""Hebbian sums in the kernel engine, spread over threads by synapses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.kernels import dispatch
from pcneuro.kernels.dispatch import PARTITIONED
from pcneuro.lowering import Code, as_array
from pcneuro.program import Program


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
