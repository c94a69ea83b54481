"""What passes have in common that let neurons send messages of few bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.errors import ParameterError, check_object, unknown_name
from pcneuro.model.payload import Payload
from pcneuro.model.rounding import MOST_BITS, NEAREST, AbstractRounding
from pcneuro.quantities import POSITIVE, name_tuple, number, whole


@dataclass(frozen=True)
class AbstractMessages(AbstractPass):
    """Messages of ``bits`` bits, up to ``scale``, of these ``vertices``, with this ``rounding``."""

    bits: int
    scale: float | Mapping[str, float]
    vertices: Sequence[str] | None = None
    rounding: AbstractRounding = NEAREST

    def __post_init__(self) -> None:
        kind = type(self).__name__
        object.__setattr__(self, "bits", whole(f"bits of {kind}", self.bits, 1, MOST_BITS))
        if isinstance(self.scale, Mapping):
            if not self.scale:
                raise ParameterError(f"scale of {kind} is an empty dict; give a number, or one for each vertex")
            scales = {v: number(f"scale of {kind} of {v!r}", s, POSITIVE) for v, s in self.scale.items()}
            object.__setattr__(self, "scale", scales)
        else:
            object.__setattr__(self, "scale", number(f"scale of {kind}", self.scale, POSITIVE))
        check_object(f"rounding of {kind}", self.rounding, AbstractRounding)
        if self.vertices is not None:
            object.__setattr__(self, "vertices", name_tuple(f"vertices of {kind}", self.vertices))

    def payloads(self, circuit: Circuit, able: Sequence[str], unable: str) -> dict[str, Payload]:
        """What messages can say of each of the vertices, which have to be among those ``able`` to send any.

        Raises UnknownNameError for a vertex that there is not, ParameterError for one of which ``unable`` says why it
        has no messages, and for one without a scale.
        """
        kind, scales = type(self).__name__, self.scale
        named = list(scales) if isinstance(scales, Mapping) else able
        found: dict[str, Payload] = {}
        for name in named if self.vertices is None else self.vertices:
            if name not in able:
                if name not in circuit.vertices:
                    raise unknown_name(f"vertex of {kind}", name, dict.fromkeys([*circuit.vertices, *able]))
                raise ParameterError(f"{kind} of {name!r}, {unable}: leave it out")
            if isinstance(scales, Mapping) and name not in scales:
                raise ParameterError(f"{kind} of {name!r} has no scale: give scale[{name!r}]")
            found[name] = Payload(self.bits, scales[name] if isinstance(scales, Mapping) else scales, self.rounding)
        return found
