"""A circuit on its way to another process: the bytes of its file, and where code is that they name."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Self

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.loading import circuit_from_bytes
from pcneuro.circuit.saving import circuit_bytes
from pcneuro.errors import CircuitFileError
from pcneuro.ops.custom import Custom

_SCRIPT = "__main__"


@dataclass(frozen=True)
class SentCircuit:
    """The bytes of a circuit's file, and the modules that define operators of users, which files have by name only."""

    contents: bytes
    modules: tuple[str, ...]

    @classmethod
    def of(cls, circuit: Circuit) -> Self:
        """A circuit as it is sent."""
        sources = (node.source for node in circuit.graph.nodes.values())
        definitions = (source.definition for source in sources if isinstance(source, Custom))
        modules = {definition.forward.__module__ for definition in definitions if definition is not None}
        return cls(circuit_bytes(circuit), tuple(sorted(modules - {_SCRIPT})))

    def circuit(self) -> Circuit:
        """The circuit, made again here. Raises CircuitFileError where an operator of a user is not to be had."""
        for module in self.modules:
            try:
                importlib.import_module(module)
            except ImportError as error:
                raise CircuitFileError(
                    f"the module {module!r}, which defines an operator of this circuit, cannot be imported here "
                    f"({' '.join(str(error).split())}): put it where workers import from"
                ) from None
        try:
            return circuit_from_bytes(self.contents, "a circuit that was sent")
        except CircuitFileError as error:
            raise CircuitFileError(f"{error}; define operators in a module that workers import, not in a script") from (
                None
            )
