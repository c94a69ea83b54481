"""What a pass is: a circuit in, a more cortical circuit out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError, told


class AbstractPass(ABC):
    """Makes another circuit of a circuit, which it leaves as it is. Passes are frozen data.

    What a pass cannot serve it refuses with a ParameterError that names the node or vertex.

    Examples
    --------
    >>> isinstance(pcn.passes.Dale(), pcn.passes.AbstractPass)
    True
    """

    @abstractmethod
    def apply(self, circuit: Circuit) -> Circuit:
        """The circuit after this pass."""


def apply(circuit: Circuit, passes: Sequence[AbstractPass] | AbstractPass) -> Circuit:
    """The circuit after these passes, one behind the other, in this order.

    Raises ParameterError for what is no circuit or no pass, and what each pass refuses.

    Examples
    --------
    >>> changed = pcn.passes.apply(circuit, [pcn.passes.NoDerivative()])
    >>> changed.vertices
    ('h', 'out')
    """
    if not isinstance(circuit, Circuit):
        raise ParameterError(f"passes are applied to a circuit (from pcn.build_circuit), and this is {told(circuit)}")
    each: Any = [passes] if isinstance(passes, AbstractPass) else passes
    if not isinstance(each, Sequence) or isinstance(each, str):
        raise ParameterError(f"passes are {told(passes)}; give a list of objects, such as [pcn.passes.NoDerivative()]")
    for number, one in enumerate(each):
        if not isinstance(one, AbstractPass):
            cure = f": write {one.__name__}(...)" if isinstance(one, type) else ""
            raise ParameterError(f"pass {number} is {told(one)}; give an object of pcn.passes{cure}")
    for one in each:
        circuit = one.apply(circuit)
    return circuit
