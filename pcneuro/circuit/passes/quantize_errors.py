"""Messages of a few bits: what chips carry of an error from core to core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.errors import ParameterError, unknown_name
from pcneuro.model.payload import Payload
from pcneuro.model.rounding import MOST_BITS
from pcneuro.quantities import POSITIVE, name_tuple, number, whole


@final
@dataclass(frozen=True)
class QuantizeErrors(AbstractPass):
    """Lets error neurons send messages of ``bits`` bits: k q, |k| from 1 to 2^(bits-1), q = scale / 2^(bits-1).

    ``Reference`` sends errors anew in each evaluation: what comes back to others is Q(e), the nearest multiple, 0 where
    that is none. ``EventDriven`` sends changes, the nearest multiple of what an error is away from the sum of what was
    sent, once that is at least the threshold and more than q / 2 (q, at exact times): what is not sent stays, and
    nothing piles up. What is beyond the scale saturates, and follows in the next bin. With one bit messages are
    -scale or scale. A neuron's own value, and the synapses onto it, of which gradients are read, know e itself.

    Parameters
    ----------
    bits
        From 1 to 16.
    scale
        The largest that a message can say, in the errors' own unit: a number, or a dict by vertex.
    vertices
        Which vertices; None: all that ``scale`` names, or that have error neurons.

    Raises ParameterError for values out of range, and for a vertex without error neurons or without a scale;
    UnknownNameError for a vertex that there is not.
    """

    bits: int
    scale: float | Mapping[str, float]
    vertices: Sequence[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", whole("bits of QuantizeErrors", self.bits, 1, MOST_BITS))
        if isinstance(self.scale, Mapping):
            if not self.scale:
                raise ParameterError("scale of QuantizeErrors is an empty dict; give a number, or one for each vertex")
            scales = {v: number(f"scale of QuantizeErrors of {v!r}", s, POSITIVE) for v, s in self.scale.items()}
            object.__setattr__(self, "scale", scales)
        else:
            object.__setattr__(self, "scale", number("scale of QuantizeErrors", self.scale, POSITIVE))
        if self.vertices is not None:
            object.__setattr__(self, "vertices", name_tuple("vertices of QuantizeErrors", self.vertices))

    def apply(self, circuit: Circuit) -> Circuit:
        """The circuit after this pass."""
        scales = self.scale
        predicted = [name for name in circuit.vertices if circuit.has_prediction(name)]
        named = list(scales) if isinstance(scales, Mapping) else predicted
        properties = dict(circuit.properties)
        for name in named if self.vertices is None else self.vertices:
            if name not in circuit.vertices:
                raise unknown_name("vertex of QuantizeErrors", name, circuit.vertices)
            if name not in predicted:
                raise ParameterError(
                    f"QuantizeErrors of {name!r}, a latent without a prior, which has no error neurons: leave it out"
                )
            if isinstance(scales, Mapping) and name not in scales:
                raise ParameterError(f"QuantizeErrors of {name!r} has no scale: give scale[{name!r}]")
            scale = scales[name] if isinstance(scales, Mapping) else scales
            properties[name] = replace(properties[name], error_payload=Payload(self.bits, scale))
        return replace(circuit, properties=properties)
