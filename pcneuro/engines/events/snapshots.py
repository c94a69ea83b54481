"""Snapshots of an event-driven engine: its state as arrays by name, in parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from pcneuro.circuit.activity import check_like
from pcneuro.engines.events.state import KEPT, Sample

Arrays = dict[str, np.ndarray]
FIXED = (*KEPT, "counts")
"""Arrays of a sample whose sizes are those of the network."""


def state(samples: Sequence[Sample], parts: Mapping[str, Mapping[str, np.ndarray]]) -> Arrays:
    """What samples are and what is under way, under "events.", and other arrays, under the name of their part."""
    kept = [sample.kept() for sample in samples]
    arrays = {f"events.{name}": np.stack([arrays[name] for arrays in kept]) for name in FIXED}
    for number, sample in enumerate(samples):
        arrays |= {f"events.{number}.{name}": array for name, array in sample.queued().items()}
    return arrays | {f"{part}.{name}": array for part, given in parts.items() for name, array in given.items()}


class SnapshotArrays:
    """The arrays of a snapshot, which anybody may have written, by what they are of."""

    def __init__(self, state: Mapping[str, np.ndarray]) -> None:
        parts: dict[str, Arrays] = {"base": {}, "began": {}, "events": {}, "tally": {}}
        self.dense: Arrays = {}
        """Of the circuit at one moment (``circuit.activity``)."""
        self.complete = "step" in state
        for key, array in state.items():
            part, _, name = key.partition(".")
            if key != "step":
                parts.get(part, self.dense)[name if part in parts else key] = array
        self.base, self.began, self.events = parts["base"], parts["began"], parts["events"]
        """Values at the sweep; parameters there, if they have changed since; samples."""
        self.tally = parts["tally"]
        """What was counted before (``Tally``)."""

    def check(self, batch: int, vertices: Collection[str], parameters: Mapping[str, np.ndarray]) -> None:
        """Raise ValueError where something is missing, of another number of samples, or of other parameters."""
        if self.began:
            check_like(self.began, parameters)
        if not {*FIXED, "limits"} <= self.events.keys() or not self.complete or self.base.keys() != set(vertices):
            raise ValueError("it is none of an event-driven engine")
        if any(len(self.events[name]) != batch for name in FIXED):
            raise ValueError("it is of another number of samples")

    def of_sample(self, number: int) -> Arrays:
        """Arrays of one sample, as ``Sample.take_up`` takes them."""
        prefix = f"{number}."
        queued = {key.removeprefix(prefix): a for key, a in self.events.items() if key.startswith(prefix)}
        return {name: self.events[name][number] for name in FIXED} | queued
