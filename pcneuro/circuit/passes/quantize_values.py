"""Messages of a few bits: what chips carry of a value neuron's activity from core to core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.messages import AbstractMessages
from pcneuro.circuit.passes.rewriting import AbstractRewriting
from pcneuro.graph.graph import Node
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.model.payload import Payload, stream_of
from pcneuro.ops.base import AbstractOperator
from pcneuro.ops.messages import DrawnMessage, Message


@final
@dataclass(frozen=True)
class QuantizeValues(AbstractMessages):
    """Lets value neurons send messages of ``bits`` bits: predictions of others read Q(v) in the place of v::

        vhat_j = f_j(Q(v_i); theta),    Q(v) = k q, |k| up to 2^(bits-1), q = scale / 2^(bits-1)

    Q(v) is the nearest multiple, saturating at the scale. Derivatives of f_j are taken at Q(v), and weights learn by
    it: their gradient is error times Q(v). Errors come back to v as if it had been sent as it is (Bengio, Leonard &
    Courville 2013): that is what ``backprop`` of the new circuit does, too. A neuron's own error knows v itself.

    It stands in the dendrites that read v, as a function of single units, so that every engine, export and pass has it.
    Under strict dynamics, too: what ``EventDriven`` records of a value neuron are changes of v, as large as they are,
    which reach this function; the axon behind it sends changes of Q(v), where there are any. Synaptic operations, and
    packets and energies of a mapping, are of what axons send.

    Parameters
    ----------
    bits
        From 1 to 16.
    scale
        The largest that a message can say, in the values' own unit: a number, or a dict by vertex.
    vertices
        Which vertices and inputs; None: all that ``scale`` names, or all vertices.
    rounding
        ``pcn.passes.Nearest()``, or ``pcn.passes.Stochastic(seed)``: the multiple below or above, so that the mean is
        v; drawn for each unit of each sample in each step (all stages of one alike), in ``Kernel`` and
        ``Reference`` without conduction delays. Under fixed prediction the step is that of the
        sweep.

    Raises ParameterError for values out of range, and for a vertex without a scale; UnknownNameError for a vertex that
    there is not.

    Examples
    --------
    >>> pcn.passes.apply(circuit, pcn.passes.QuantizeValues(bits=8, scale=1.0)).vertices
    ('h', 'out')
    """

    def apply(self, circuit: Circuit) -> Circuit:
        """The circuit after this pass."""
        named = self.vertices is not None or not isinstance(self.scale, (int, float))
        able = [*circuit.vertices, *(circuit.graph.inputs if named else ())]
        return _Sent(circuit, self.payloads(circuit, able, "")).circuit_of()


class _Sent(AbstractRewriting):
    def __init__(self, circuit: Circuit, payloads: dict[str, Payload]) -> None:
        super().__init__(circuit, "QuantizeValues")
        self.payloads = payloads
        self.messages: dict[str, TracedArray] = {}
        """Node with the activity of a value neuron -> what is sent of it."""

    def computed(self, node: Node, operands: tuple[TracedArray, ...]) -> Any:
        pairs = zip(node.operands, operands, strict=True)
        return self.again(node, *(self._sent(name, operand) for name, operand in pairs))

    def _sent(self, name: str, operand: TracedArray) -> TracedArray:
        payload = self.payloads.get(self.graph.sender(name) if name in self.graph.recurrent else name)
        if payload is None:
            return operand
        if name not in self.messages:
            self.messages[name] = self.recorder.apply(self._message(name, payload), operand)
        return self.messages[name]

    def _message(self, name: str, payload: Payload) -> AbstractOperator:
        seed = payload.rounding.drawn_by
        if seed is None:
            return Message(payload.quantum, payload.most)
        return DrawnMessage(payload.quantum, payload.most, seed, stream_of(f"{name}.value"))
