"""Cortical layers: where each population is, of which cells, and what its projections are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.errors import check_object
from pcneuro.model.lamination import Scheme


@final
@dataclass(frozen=True)
class Laminar(AbstractPass):
    """Gives every population a layer, a cell type and an area, and every projection what it is in the cortex.

    A vertex is an area, a column of layers. What the circuit computes stays as it is, bit for bit; passes behind it
    keep the scheme, and ask it for the populations that they add.

    Parameters
    ----------
    scheme
        The table that says so: ``Scheme.named("bastos_2012")``, or one of your own.

    Raises ParameterError for what is no scheme, and for a population or projection that it leaves out.

    Examples
    --------
    >>> scheme = pcn.passes.Scheme.named("bastos_2012")
    >>> pcn.passes.Laminar(scheme).scheme is scheme
    True
    """

    scheme: Scheme

    def __post_init__(self) -> None:
        check_object("scheme of Laminar", self.scheme, Scheme)

    def apply(self, circuit: Circuit) -> Circuit:
        return circuit.with_scheme(self.scheme)
