"""Errors as potentials of apical dendrites (Sacramento, Ponte Costa, Bengio & Senn 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pcneuro.circuit.building import build_circuit
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.circuit.passes.rewriting import refuse_levels, taken
from pcneuro.errors import ParameterError
from pcneuro.graph.graph import Input, Node, Parameter, Recurrent
from pcneuro.graph.trace import trace, vertex
from pcneuro.model.energies import SquaredError
from pcneuro.model.plasticity import AbstractPlasticity, DeltaRule
from pcneuro.ops.base import AbstractOperator, apply
from pcneuro.ops.feedback import stop_feedback
from pcneuro.quantities import POSITIVE, SHARE, flag, milliseconds, number, whole


@final
@dataclass(frozen=True)
class Dendritic(AbstractPass):
    """Makes a chain of dense layers a circuit of pyramidal cells with three compartments, and interneurons.

    Each layer h, with weights W from below and activation f, becomes (rates f, potentials u, all follow at once but for
    their time constants)

        u        = basal + apical_gain * apical            soma, ``h``
        basal    = f_below(u_below) @ W + b                no neurons of its own
        apical   = f_above(u_above) @ h_top_down + f_above(i) @ h_lateral              ``h_apical``
        i        = (1 - nudging) * predicted + nudging * u_above                       ``h_interneurons``
        predicted = f(u) @ h_to_interneurons + b_above

    The interneurons of h, one for each cell of the layer above, learn to predict these cells, and then to cancel what
    comes down from them: then apical potentials are 0 (the self-predicting state), until the layer above is at
    something else than what it is driven to from below. What is left is the error, and teaches W.

        tau dW/dt               = f_below(u_below) x (f(u) - f(basal))           difference: ``h_basal``
        tau dh_to_interneurons/dt = f(u) x (f_above(i) - f_above(predicted))     difference: ``h_predicted``
        tau dh_lateral/dt       = f_above(i) x (0 - apical)

    The output ``y`` is what its cells are driven to from below, so that a target clamps it; the cells, ``y_soma``, are
    pulled to it by ``teaching``. The equations are those of Sacramento et al. (2018), divided by conductances. All
    cycles are without delay: strict dynamics.

    Parameters
    ----------
    apical_gain, nudging, teaching
        Shares from 0 to below 1, of apical potentials in somas, of the layer above in interneurons, and of the target.
    tau
        Time constant of plasticity in ms; None: weights stay.
    tau_interneurons
        Of the plasticity of interneurons, likewise; None: that of ``tau``.
    tau_dendrites
        Time constant of dendritic potentials in ms.
    self_predicting
        Whether interneurons begin in the self-predicting state. Else their weights are drawn.
    seed
        Of the generator that draws them, and the weights that come down.

    Raises ParameterError for values out of range, and for a circuit that is no chain of layers f(x @ W + b).

    Examples
    --------
    >>> pcn.passes.Dendritic(apical_gain=0.5).apical_gain
    0.5
    """

    apical_gain: float = 0.5
    nudging: float = 0.5
    teaching: float = 0.5
    tau: float | None = None
    tau_interneurons: float | None = None
    tau_dendrites: float = 1.0
    self_predicting: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("apical_gain", "nudging", "teaching"):
            object.__setattr__(self, name, number(f"{name} of Dendritic", getattr(self, name), SHARE))
        for name in ("tau", "tau_interneurons"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, milliseconds(f"{name} of Dendritic", getattr(self, name), POSITIVE))
        object.__setattr__(self, "tau_dendrites", milliseconds("tau_dendrites of Dendritic", self.tau_dendrites))
        object.__setattr__(self, "self_predicting", flag("self_predicting of Dendritic", self.self_predicting))
        object.__setattr__(self, "seed", whole("seed of Dendritic", self.seed, 0))

    def apply(self, circuit: Circuit) -> Circuit:
        made = _Microcircuits(circuit, self).circuit_of()
        return made if circuit.scheme is None else made.with_scheme(circuit.scheme)


@dataclass(frozen=True)
class _Layer:
    """A vertex f(x @ W + b): names of its weights and bias, and the nodes of f from the potential on."""

    name: str
    weights: str
    bias: str | None
    functions: tuple[AbstractOperator, ...]

    def rate(self, potential: Any) -> Any:
        for function in self.functions:
            potential = apply(function, potential)
        return potential


class _Microcircuits:
    def __init__(self, circuit: Circuit, asked: Dendritic) -> None:
        self.circuit, self.asked, self.graph = circuit, asked, circuit.graph
        if len(self.graph.inputs) != 1 or len(self.graph.outputs) != 1 or self.graph.recurrent or self.graph.latents:
            raise self._refused("it has not one input and one output, or has latents or cycles")
        (self.input,) = self.graph.inputs
        self.layers: list[_Layer] = []
        below = self.input
        for name in circuit.vertices:
            self.layers.append(self._layer(name, below))
            below = name
        self._check_properties()

    def _check_properties(self) -> None:
        """Refuse what value and error neurons have, and the cells that come in their place do not."""
        circuit = self.circuit
        given = {
            "delays": circuit.delays,
            "noise": circuit.noise,
            "plasticity": circuit.plasticity,
            "energies": any(one.energy not in (None, SquaredError()) for one in circuit.properties.values()),
            "precisions": any((one.precision != 1.0).any() for one in circuit.properties.values()),
            "time constants of errors": any(one.error_tau.any() for one in circuit.properties.values()),
            "baselines of errors": any(one.error_baseline is not None for one in circuit.properties.values()),
        }
        for what, there in given.items():
            if there:
                raise self._refused(f"it has {what}, which the cells that come in its place do not: build it without")

    def _refused(self, why: str) -> ParameterError:
        return ParameterError(f"Dendritic is for a chain of dense layers f(x @ W + b), and this circuit is none: {why}")

    def _layer(self, name: str, below: str) -> _Layer:
        """What a vertex computes of the one below."""
        functions: list[AbstractOperator] = []
        node, bias = self.graph.nodes[name], None
        while node.operator.description.subscripts is None:
            read = [o for o in node.operands if o not in self.graph.shared]
            formula = node.operator.description.formula
            if len(read) != 1 or formula is None or read[0] == below:
                raise self._refused(f"{name!r} is more than f(x @ W + b) of {below!r}, at {node.name!r}")
            if len(node.operands) == 1:
                functions.append(node.operator)
            else:
                bias = self._bias(node, name, bias)
            node = self.graph.nodes[read[0]]
        x, weights = node.operands
        if x != below or not isinstance(self.graph.nodes[weights].source, Parameter) or len(node.shape) != 1:
            raise self._refused(f"{name!r} is no product of {below!r}, a vector, and a parameter, at {node.name!r}")
        return _Layer(name, weights, bias, tuple(reversed(functions)))

    def _bias(self, node: Node, name: str, found: str | None) -> str:
        added = [o for o in node.operands if isinstance(self.graph.nodes[o].source, Parameter)]
        if node.operator.description.formula is None or len(added) != 1 or found or node.operator.label != "add":
            raise self._refused(
                f"{name!r} has more than one bias and functions of one operand, such as np.tanh, behind its product, "
                f"at {node.name!r}"
            )
        return added[0]

    def circuit_of(self) -> Circuit:
        refuse_levels(self.graph, self.graph.parameters, "Dendritic")
        parameters = {name: Parameter(np.asarray(value)) for name, value in self.circuit.parameters.items()}
        own = self._own_weights()
        leaves: dict[str, Any] = {self.input: Input(self.graph.nodes[self.input].shape), **parameters, **own}
        for name, size in self._read():
            leaves[f"{name}_now"] = Recurrent(name, (size,), feedback=False)
        self._check_names([*own, *(f"{name}_now" for name, _ in self._read())])
        graph = trace(self._function, **leaves, check=False)
        taus: dict[str, float] = {}
        for layer in self.layers:
            dendrites = [f"{layer.name}_{part}" for part in _DENDRITES]
            taus |= dict.fromkeys([n for n in dendrites if n in graph.nodes], self.asked.tau_dendrites)
            tau = self.circuit.tau[layer.name]
            if not (tau == tau.flat[0]).all():
                raise self._refused(f"time constants of {layer.name!r} differ from unit to unit")
            cells = [n for n in (layer.name, self._soma(layer), f"{layer.name}_interneurons") if n in graph.nodes]
            taus |= dict.fromkeys(cells, float(tau.flat[0]))
        return build_circuit(graph, vertices="marked", tau=taus, plasticity=self._rules())

    def _check_names(self, leaves: list[str]) -> None:
        """Refuse a circuit that has a name which is added."""
        cells = [f"{layer.name}_{part}" for layer in self.layers for part in (*_DENDRITES, "interneurons", "soma")]
        for name in (*leaves, *cells):
            if name in self.graph.nodes:
                raise taken("Dendritic", name)

    def _soma(self, layer: _Layer) -> str:
        return f"{layer.name}_soma" if layer is self.layers[-1] else layer.name

    def _read(self) -> list[tuple[str, int]]:
        """Populations that others read, and their sizes."""
        found = []
        for layer, above in zip(self.layers, [*self.layers[1:], None], strict=True):
            found.append((self._soma(layer), self.graph.nodes[layer.name].size))
            if above is None:
                found.append((layer.name, self.graph.nodes[layer.name].size))
            else:
                found.append((f"{layer.name}_apical", self.graph.nodes[layer.name].size))
                found.append((f"{layer.name}_interneurons", self.graph.nodes[above.name].size))
        return found

    def _own_weights(self) -> dict[str, Parameter]:
        """Weights that come down, and those of interneurons."""
        rng, made = np.random.default_rng(self.asked.seed), {}
        for layer, above in zip(self.layers, self.layers[1:], strict=False):
            ahead = np.asarray(self.circuit.parameters[above.weights])
            deviation = np.sqrt(np.mean(np.square(ahead)))
            down, to, lateral = (
                deviation * rng.standard_normal(s) for s in (ahead.T.shape, ahead.shape, ahead.T.shape)
            )
            made[f"{layer.name}_top_down"] = Parameter(down)
            made[f"{layer.name}_to_interneurons"] = Parameter(ahead if self.asked.self_predicting else to)
            made[f"{layer.name}_lateral"] = Parameter(-down if self.asked.self_predicting else lateral)
        return made

    def _rules(self) -> dict[str, AbstractPlasticity]:
        tau = self.asked.tau
        rules: dict[str, AbstractPlasticity] = {}
        inside = self.asked.tau_interneurons or tau
        for layer in self.layers:
            if tau is not None:
                rules[layer.weights] = DeltaRule(f"{layer.name}_basal", tau)
            if inside is not None and layer is not self.layers[-1]:
                rules[f"{layer.name}_to_interneurons"] = DeltaRule(f"{layer.name}_predicted", inside)
                rules[f"{layer.name}_lateral"] = DeltaRule(f"{layer.name}_apical", inside)
        return rules

    def _function(self, **given: Any) -> Any:
        """The circuit as a function of its leaves; every population is read as it is now, and no error comes back."""
        asked, rate_below = self.asked, given[self.input]
        for layer, above in zip(self.layers, [*self.layers[1:], None], strict=True):
            name = layer.name
            basal = rate_below @ given[layer.weights] + (0.0 if layer.bias is None else given[layer.bias])
            soma = given[f"{self._soma(layer)}_now"]
            if above is None:
                rate = layer.rate(basal)
                vertex(rate + asked.teaching * (given[f"{name}_now"] - rate), f"{name}_soma")
                vertex(rate - soma, f"{name}_basal")
                # The rate from below is the prediction of the target, and a vertex of its own: it may be clamped.
                (output,) = self.graph.outputs
                return {output: vertex(stop_feedback(rate), name)}
            apical = given[f"{name}_apical_now"]
            vertex(basal + asked.apical_gain * apical, name)
            rate = layer.rate(soma)
            vertex(layer.rate(basal) - rate, f"{name}_basal")
            self._above(layer, above, rate, given)
            rate_below = rate
        raise AssertionError("a chain ends in an output")

    def _above(self, layer: _Layer, above: _Layer, rate: Any, given: dict[str, Any]) -> None:
        """The interneurons of a layer, and what comes down to its apical dendrites."""
        name, nudging = layer.name, self.asked.nudging
        last = above is self.layers[-1]
        higher, cells = given[f"{self._soma(above)}_now"], given[f"{name}_interneurons_now"]
        predicted = rate @ given[f"{name}_to_interneurons"] + (0.0 if above.bias is None else given[above.bias])
        # The cells of the output are told by their rates.
        rated = (lambda x: x) if last else above.rate
        told = above.rate(predicted) if last else predicted
        vertex(told + nudging * (higher - told), f"{name}_interneurons")
        vertex(rated(told) - rated(cells), f"{name}_predicted")
        coming = rated(higher) @ given[f"{name}_top_down"] + rated(cells) @ given[f"{name}_lateral"]
        vertex(coming, f"{name}_apical")


_DENDRITES = ("apical", "basal", "predicted")
