"""What leaves have before the feedforward sweep: latents are at their priors, the past of vertices as it is given."""

from __future__ import annotations

import numpy as np

from pcneuro.circuit.cycles import recurrent_of
from pcneuro.engines.kernel.blocks import AbstractBlocks
from pcneuro.graph.graph import Latent
from pcneuro.ops.base import Slot


def begin(engine: AbstractBlocks) -> None:
    """Write that to the engine's buffers."""
    _latents(engine)
    _past(engine)


def _latents(engine: AbstractBlocks) -> None:
    program, data = engine.program, engine.data
    for name, node in engine.circuit.graph.latents.items():
        assert isinstance(node.source, Latent)
        prior = np.zeros(node.shape) if node.source.prior is None else np.asarray(node.source.prior)
        mean = np.broadcast_to(prior, (data.batch, *node.shape))
        engine._write(program.slot("prediction", name), mean)
        if name not in data.clamped:
            engine._write(program.slot("value", name), data.initial.get(name, mean))


def _past(engine: AbstractBlocks) -> None:
    """It stays as it is where a simulation continues."""
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
