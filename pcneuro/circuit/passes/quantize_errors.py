"""Messages of a few bits: what chips carry of an error from core to core."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.messages import AbstractMessages


@final
@dataclass(frozen=True)
class QuantizeErrors(AbstractMessages):
    """Lets error neurons send messages of ``bits`` bits: k q, ``|k|`` from 1 to 2^(bits-1), q = scale / 2^(bits-1).

    ``Kernel`` and ``Reference`` send errors anew in each evaluation: what comes back to others is Q(e), the nearest
    multiple, 0 where that is none. ``EventDriven``, and ``Kernel`` where there are delays, send changes, the nearest
    multiple of what an error is away from the sum of what was sent, once that is at least the threshold and more than
    q / 2 (q, at exact times): what is not sent stays, and nothing piles up. What is beyond the scale saturates, and
    follows in the next bin. With one bit messages are -scale or scale. A neuron's own value, and the synapses onto it,
    of which gradients are read, know e itself.

    Under strict dynamics events carry the messages to a neuron's own dendrite, which sends on what it makes of them.

    ``FastForward`` refuses it, as what rounding makes of errors does not add up; so do ``Exact(order=2)``, whose
    messages are lines and no numbers, and ``bounds``, as there is none for what saturates.

    Parameters
    ----------
    bits
        From 1 to 16.
    scale
        The largest that a message can say, in the errors' own unit: a number, or a dict by vertex.
    vertices
        Which vertices; None: all that ``scale`` names, or that have error neurons.
    rounding
        ``pcn.passes.Nearest()``, or ``pcn.passes.Stochastic(seed)``: the multiple below or above, so that the mean is
        e; drawn for each unit of each sample in each step (all stages of one alike), in ``Kernel`` and
        ``Reference`` without conduction delays.

    Raises ParameterError for values out of range, and for a vertex without error neurons or without a scale;
    UnknownNameError for a vertex that there is not.

    Examples
    --------
    >>> pcn.passes.apply(circuit, pcn.passes.QuantizeErrors(bits=8, scale=1.0)).vertices
    ('h', 'out')
    """

    def apply(self, circuit: Circuit) -> Circuit:
        """The circuit after this pass."""
        predicted = [name for name in circuit.vertices if circuit.has_prediction(name)]
        properties = dict(circuit.properties)
        unable = "a latent without a prior, which has no error neurons"
        for name, payload in self.payloads(circuit, predicted, unable).items():
            properties[name] = replace(properties[name], error_payload=payload)
        return replace(circuit, properties=properties)
