"""The activity of a circuit by vertex, for all samples, and the states of samples by unit: one made of the other.

Units of a sample are counted from ``base``, where value neurons were at the sweep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pcneuro.circuit.activity import Activity
from pcneuro.engines.events.abstract_mode import Seen
from pcneuro.engines.events.senders import Sending
from pcneuro.engines.events.state import Sample
from pcneuro.model.dynamics import deviation


def begin(sample: Sample, number: int, sending: Sending, dense: Activity, base: Mapping[str, np.ndarray]) -> None:
    """Let sample ``number``, which is at the sweep, begin at the values of ``dense``."""
    circuit, clamped, predictions = sending.engine.circuit, sending.engine.data.clamped, sending.units.predictions
    for name, part in sending.slices.items():
        sample["x"][part] = deviation(dense.values[name][number], base[name][number]).ravel()
        if name in clamped and name in predictions:
            away = -dense.errors[name][number].ravel() / circuit.precision[name].ravel()
            sample["x"][part], sample["predicted"][part] = 0.0, away
        elif name in circuit.graph.latents and name in predictions:
            # The sweep took its value, which need not be what is expected of it.
            sample["predicted"][part] = (dense.predictions[name][number] - base[name][number]).ravel()


def show(seen: Sequence[Seen], sending: Sending, dense: Activity, base: Mapping[str, np.ndarray]) -> None:
    """Write to ``dense`` what samples are seen as: values, predictions, errors and feedback of all vertices."""
    circuit, holds_predictions = sending.engine.circuit, sending.engine.dynamics.holds_predictions
    samples, *parts = zip(*seen, strict=True)
    values, predicted, known, received = (np.stack(arrays) for arrays in parts)
    errors = sending.precision * (values - predicted)

    def of(name: str, units: np.ndarray) -> np.ndarray:
        return of_vertex(sending, name, units)

    if not holds_predictions:
        # Dendrites know what was sent.
        dense.values |= {n: base[n] + of(n, known) for n in dense.free}
        dense.predict()
    for name in circuit.vertices:
        predicts = circuit.has_prediction(name)
        dense.errors[name] = of(name, errors) if predicts else np.zeros_like(dense.values[name])
        if name in dense.free:
            dense.values[name] = base[name] + of(name, values)
            dense.feedback[name] = of(name, received)
        if not holds_predictions and predicts:
            known_there = [sending.prediction(sample, name) for sample in samples]
            dense.predictions[name] = np.stack(known_there).reshape(dense.values[name].shape)


def of_vertex(sending: Sending, name: str, units: np.ndarray) -> np.ndarray:
    """A vertex' part of (batch, units), as (batch, \\*shape)."""
    return units[:, sending.slices[name]].reshape(-1, *sending.engine.circuit.graph.nodes[name].shape)
