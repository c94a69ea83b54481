"""Weights of a few bits, as memories of chips hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import final

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.errors import ParameterError, unknown_name
from pcneuro.graph.graph import Node, Parameter
from pcneuro.model.rounding import NEAREST, AbstractRounding, Levels
from pcneuro.quantities import name_tuple


@final
@dataclass(frozen=True)
class Quantize(AbstractPass):
    """Rounds parameters to ``bits`` bits: W becomes scale k / K, k a whole number from -K to K, K = 2^(bits-1) - 1.

    One bit is the sign: W becomes -scale or scale, and an exact zero stays. The circuit keeps its levels: whatever
    values it is given later (``with_parameters``, ``set_parameters``, ``backprop``) are rounded to them. So a
    ``Trainer`` keeps weights in full precision, has gradients and scores of the rounded ones, and adds the gradients to
    the former (Courbariaux, Bengio & David 2015); ``circuit.with_parameters(trainer.parameters)`` is what it has
    learned, on its levels. Rules of plasticity in the loop would leave the levels at once, and are refused.

    Parameters
    ----------
    bits
        From 1 to 16.
    parameters
        Names of parameters, or of trees of them; None: all.
    scale
        The largest level of each of them, beyond which values saturate; None: its own largest absolute value.
    rounding
        ``pcn.passes.Nearest()`` or ``pcn.passes.Stochastic(seed)``.

    Raises ParameterError for values out of range, for a circuit without parameters, and for a parameter with a rule of
    plasticity; UnknownNameError for a parameter that there is not.

    Examples
    --------
    >>> coarse = pcn.passes.apply(circuit, pcn.passes.Quantize(bits=4))
    >>> coarse.graph.parameters["W1"].shape
    (3, 5)
    """

    bits: int
    parameters: Sequence[str] | None = None
    scale: float | None = None
    rounding: AbstractRounding = NEAREST
    _levels: Levels = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_levels", Levels(self.bits, self.scale, self.rounding))
        for name in ("bits", "scale"):
            object.__setattr__(self, name, getattr(self._levels, name))
        if self.parameters is not None:
            object.__setattr__(self, "parameters", name_tuple("parameters of Quantize", self.parameters))

    def apply(self, circuit: Circuit) -> Circuit:
        """The circuit after this pass."""
        graph, chosen = circuit.graph, set(self._chosen(circuit))
        for name in chosen & circuit.plasticity.keys():
            raise ParameterError(
                f"Quantize of {name!r}, which {circuit.plasticity[name]!r} changes in the loop, off its levels: leave "
                "it out of parameters, or hold it by circuit.with_plasticity({}) and learn with a Trainer"
            )

        def rounded(node: Node) -> Node:
            if node.name not in chosen:
                return node
            assert isinstance(node.source, Parameter)
            values = self._levels.rounded(node.source.value, node.name)
            return replace(node, source=Parameter(values).on(self._levels))

        return replace(circuit, graph=graph.with_nodes(map(rounded, graph.nodes.values())))

    def _chosen(self, circuit: Circuit) -> list[str]:
        graph = circuit.graph
        if not graph.parameters:
            raise ParameterError("Quantize of a circuit that has no parameters: it has no weights to be rounded")
        if self.parameters is None:
            return list(graph.parameters)
        names: list[str] = []
        for name in self.parameters:
            if name in graph.trees:
                names += [leaf for leaf in graph.trees[name].paths.values() if leaf in graph.parameters]
            elif name in graph.parameters:
                names.append(name)
            else:
                raise unknown_name("parameter of Quantize", name, dict.fromkeys([*graph.parameters, *graph.trees]))
        return names
