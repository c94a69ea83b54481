"""Cut: a connection that passes nothing on for a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cutting import check_edge, without
from pcneuro.errors import ParameterError, told
from pcneuro.simulator.perturbations.abstract import AbstractIntervention


@dataclass(frozen=True, eq=False)
class Cut(AbstractIntervention):
    """A connection of ``Circuit.nx`` passes nothing on, in its direction only.

    Parameters
    ----------
    edge
        ``(source, target)``. ``("h1.value", "h2.error")``: the prediction of h2 is computed as if h1 were silent, while
        errors of h2 still come back to it. ``("h2.error", "h1.value")``: errors of h2 do not come back to h1, while it
        still predicts h2. For both cut both.
    start, stop
        In ms of simulated time, multiples of dt; None: the begin, and no end.

    Examples
    --------
    >>> cut = pcn.Cut(("out.error", "h.value"), start=20.0)  # from 20 ms on
    >>> pcn.Simulator(circuit).run(100.0, **data, perturb=[cut]).status
    <Status.COMPLETED: 'completed'>
    """

    edge: Any
    rebuilds = True

    def __post_init__(self) -> None:
        pair = isinstance(self.edge, tuple | list) and len(self.edge) == 2
        if not pair or not all(isinstance(end, str) for end in self.edge):
            raise ParameterError(
                f'a Cut is of {told(self.edge)}; give a pair of populations, such as ("h1.value", "h2.error")'
            )
        object.__setattr__(self, "edge", tuple(self.edge))
        super().__post_init__()

    @property
    def place(self) -> str:
        return " -> ".join(self.edge)

    def resolved(self, circuit: Circuit, dt: float) -> Self:
        check_edge(circuit, self.edge)
        return self

    def circuit(self, circuit: Circuit, step: int) -> Circuit:
        return without(circuit, self.edge)
