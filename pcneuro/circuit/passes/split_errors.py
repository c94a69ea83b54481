"""Error neurons in pairs of rates that are not negative (Rao & Ballard 1999; Keller & Mrsic-Flogel 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.errors import ParameterError, unknown_name
from pcneuro.quantities import NOT_NEGATIVE, name_tuple, number


@final
@dataclass(frozen=True)
class SplitErrors(AbstractPass):
    """Gives a vertex two populations of error neurons, ON for positive and OFF for negative errors.

        ON = [e]+ + baseline,    OFF = [-e]+ + baseline,    ON - OFF = e

    All that read the error read ON - OFF: ON inhibits the vertex' value neurons and OFF excites them, and what comes
    back to parents is W^T (ON - OFF). So the circuit is the one that was given, while no error neuron has a negative
    rate. ``circuit.nx`` has both, ``"h.error_on"`` and ``"h.error_off"``, and ``Record("h", "error_on")`` their rates.

    Parameters
    ----------
    baseline
        Rate at an error of zero; not negative.
    vertices
        Which vertices; None: all that something predicts.

    Raises ParameterError for a negative baseline, for vertices that are no list of names, and for a latent without a
    prior, which has no error neurons; UnknownNameError for a vertex that there is not.

    Examples
    --------
    >>> pcn.passes.apply(circuit, pcn.passes.SplitErrors(vertices=["h"])).vertices
    ('h', 'out')
    """

    baseline: float = 0.0
    vertices: Sequence[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "baseline", number("baseline of SplitErrors", self.baseline, NOT_NEGATIVE))
        if self.vertices is not None:
            object.__setattr__(self, "vertices", name_tuple("vertices of SplitErrors", self.vertices))

    def apply(self, circuit: Circuit) -> Circuit:
        """The circuit after this pass."""
        predicted = [name for name in circuit.vertices if circuit.has_prediction(name)]
        chosen = predicted if self.vertices is None else self.vertices
        for name in chosen:
            if name not in circuit.vertices:
                raise unknown_name("vertex of SplitErrors", name, circuit.vertices)
            if name not in predicted:
                raise ParameterError(
                    f"SplitErrors of {name!r}, a latent without a prior, which has no error neurons: leave it out"
                )
        records = {
            name: replace(record, error_baseline=self.baseline) if name in chosen else record
            for name, record in circuit.properties.items()
        }
        return replace(circuit, properties=records)
