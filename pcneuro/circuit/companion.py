"""What goes with the networkx graph of a circuit, so that the circuit can be made of it again: all that it has.

Attributes of nodes and edges are numbers and text, for algorithms and other tools; weights and the functions that
dendrites compute are beside them.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from pcneuro.circuit.saving import circuit_bytes

if TYPE_CHECKING:
    from pcneuro.circuit.structure import AbstractCircuit

COMPANION = "pcneuro_circuit"
"""The attribute of a graph that has the circuit: in memory a ``Companion``, in GraphML its file as text."""


class Companion(str):
    """A few words about a circuit, for whatever writes graphs, and the ``circuit``; copies of a graph keep it."""

    circuit: AbstractCircuit

    @classmethod
    def of(cls, circuit: AbstractCircuit) -> Companion:
        """That of a circuit."""
        made = cls(f"{circuit!r}, in memory only")
        made.circuit = circuit
        return made


def as_text(circuit: AbstractCircuit) -> str:
    """A circuit as letters and digits: the bytes of its file in base 64."""
    return base64.b64encode(circuit_bytes(circuit)).decode("ascii")


def of_text(text: Any) -> bytes:
    """The bytes that a text is of. Raises ValueError for what is no such text."""
    if not isinstance(text, str):
        raise ValueError("it is no text")
    return base64.b64decode(text, validate=True)
