"""The noise of a circuit as the compiled loop takes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.engines.kernel.blocks import AbstractBlocks
from pcneuro.engines.kernel.update_steps import UpdateSteps
from pcneuro.kernels.arguments import ITSELF, NOISE_COLUMNS, Noise
from pcneuro.kernels.noise import padded
from pcneuro.kernels.philox import WORDS


@dataclass(frozen=True, eq=False)
class Noises:
    """What noise does in a step, by unit of the rows of the state that have some; fields are those of ``Noise``.

    ``drawn`` has a row a block of samples.
    """

    of_state: np.ndarray
    table: np.ndarray
    factors: np.ndarray
    drawn: np.ndarray
    width: int

    @classmethod
    def of(cls, engine: AbstractBlocks, updates: UpdateSteps) -> Noises:
        """Of an engine, with what is clamped now."""
        rows, vertices = engine.dynamics.rows, engine.circuit.vertices
        kept, begin = {}, 0
        for population, units in engine.persistent.items():
            kept[population], begin = begin, begin + units
        of_state = np.full(len(updates.tables.states), -1, dtype=np.int64)
        table: list[list[int]] = []
        parts: list[np.ndarray] = []
        most = begin = 0
        for name, row in engine.moving() if engine.circuit.noise else ():
            stirring = engine.stirring(name, row)
            if stirring is None:
                continue
            of_state[rows.index(row) * len(vertices) + vertices.index(name)] = len(table)
            eta = ITSELF if row.variable == "noise" else kept.get(engine.population(name, row), -1)
            table.append([begin, eta, engine.noise_stream(name, row)])
            parts.append(np.stack([stirring.persistence.ravel(), stirring.amplitude.ravel(), stirring.gain.ravel()]))
            begin, most = begin + parts[-1].shape[1], max(most, parts[-1].shape[1])
        width = padded(engine.lanes)
        return cls(
            of_state,
            np.array(table, dtype=np.int64).reshape(-1, NOISE_COLUMNS),
            np.concatenate([np.zeros((3, 0)), *parts], axis=1).astype(engine.dtype),
            np.zeros((len(engine.buf), WORDS * -(-most // WORDS) * width)),
            width,
        )

    def of_block(self, engine: AbstractBlocks, eta: np.ndarray, block: int) -> Noise:
        """What the loop takes for one block of samples; ``eta`` has a row for each, or none."""
        return self._noise(engine, eta[min(block, len(eta) - 1)], self.drawn[block], block * engine.lanes)

    def of_all(self, engine: AbstractBlocks, eta: np.ndarray) -> Noise:
        """What a loop takes that steps all blocks together: what it writes has a row a block."""
        return self._noise(engine, eta, self.drawn, 0)

    def _noise(self, engine: AbstractBlocks, eta: np.ndarray, drawn: np.ndarray, first: int) -> Noise:
        persistence, amplitude, gain = self.factors
        width, seed, number = self.width, engine.seed, engine.first_sample + first
        return Noise(self.of_state, self.table, persistence, amplitude, gain, eta, drawn, width, number, seed)
