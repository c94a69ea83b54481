"""What leaves that close cycles have in the feedforward sweep, and before it."""

from __future__ import annotations

import numpy as np

from pcneuro.circuit.cycles import recurrent_of
from pcneuro.engines.kernel.blocks import AbstractBlocks
from pcneuro.ops.base import Slot


def begin(engine: AbstractBlocks) -> None:
    """Write that to the engine's buffers; the past of vertices stays as it is where a simulation continues."""
    graph, program, data = engine.circuit.graph, engine.program, engine.data
    known, rings = {**data.initial, **data.clamped}, engine._rings(program)
    for name in graph.recurrent:
        source, slot = recurrent_of(graph, name), program.leaves[name]
        initial = np.broadcast_to(source.initial, (data.batch, *source.shape))
        engine._write(program.initial[name], initial)
        if name not in rings:
            engine._write(slot, known.get(graph.sender(name), initial))
        elif not data.continues:
            ring = rings[name]
            engine._write(slot, initial)
            past = np.repeat(initial[:, None], ring.steps, axis=1)
            engine._write(Slot(ring.row, ring.steps * slot.units, True), past)
