"""Where the rules of a circuit act in its groups and projections: which variables follow which equations."""

from __future__ import annotations

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.equations.expressions import times
from pcneuro.circuit.plasticity import learned_name
from pcneuro.engines.plastic import plastic_of
from pcneuro.errors import ParameterError
from pcneuro.export.groups import VARIANCES, GroupSynapses
from pcneuro.export.learning import Learning, note
from pcneuro.export.wiring import Wiring
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.model.plasticity import AbstractPlasticity
from pcneuro.model.plasticity.abstract import DESCENT, MEAN, NAMED, POST, PRE, PREDICTION, VALUE
from pcneuro.ops.base import Weights
from pcneuro.ops.formula import Formula

BEFORE_ALL = -1
"""Number of a sum of values alone, which stand when a step begins."""


def of_neurons(circuit: Circuit) -> tuple[str, ...]:
    """Parameters with a rule that neurons have, and not synapses, such as biases and gains."""
    graph = circuit.graph
    return tuple(
        name
        for name in graph.parameters
        if name in circuit.plasticity
        and all(graph.nodes[user].operator.description.reads_unit_by_unit for user in graph.consumers[name])
    )


def check_plasticity(circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, batch: int) -> None:
    """Raise ParameterError where Brian2 has no plasticity, whatever the rules are."""
    if circuit.plasticity and dynamics.holds_predictions:
        circuit.only_fixed_weights(
            f"{dynamics!r} in Brian2, where each change would bring a new feedforward sweep,", "use Strict()"
        )
    if circuit.plasticity and batch > 1:
        circuit.only_fixed_weights(
            "a batch in Brian2, whose samples are copies of all synapses that would have to change by their sum,",
            "give one sample, or use Kernel()",
        )
    for name, rule in circuit.plasticity.items():
        if rule.of_vertex and (name in circuit.leaky_errors or integrator.exact_leak):
            which = "time constants of its error neurons" if name in circuit.leaky_errors else repr(integrator)
            raise ParameterError(
                f"{type(rule).__name__} of {name!r} in Brian2 changes what a step is worth by the {which}: use Euler() "
                "without error_tau, or simulate with Kernel()"
            )


class PlasticWiring:
    """Puts the rules of its circuit into a wiring, for one sample, under dynamics that follow predictions.

    ``learnings`` are all variables that change. Raises ParameterError for a rule without equivalent there.
    """

    def __init__(self, wiring: Wiring, circuit: Circuit, integrator: AbstractIntegrator) -> None:
        self.wiring, self.circuit = wiring, circuit
        self.reads: dict[tuple[str, str, str], str] = {}
        """Group, vertex and word -> the variable of the group that has it: the mean, or each its own."""
        self._check_computed()
        self.learnings: list[Learning] = []
        for plastic in plastic_of(self.circuit, integrator):
            made = self._made(plastic.of, plastic.rule, plastic.every)
            self.learnings.append(made)
        for name, group in wiring.groups.items():
            own = [one for one in self.learnings if one.owner == name and not one.of_synapses]
            group.lines += [*note(own), *(line for one in own for line in one.lines)]

    def _check_computed(self) -> None:
        """Raise ParameterError where weights of synapses are computed from what changes."""
        for projection in self.wiring.projections:
            made = projection.weights.parameter
            if made in self.wiring.units.parameters:
                raise ParameterError(
                    f"weights of {projection.name} are computed from parameters with rules ({made!r}), and synapses in "
                    "Brian2 do not follow them: leave these out, by circuit.with_plasticity(...)"
                )

    def _made(self, name: str, rule: AbstractPlasticity, every: int | None) -> Learning:
        learned = learned_name(name, rule)
        if rule.of_vertex:
            words: dict[str, Formula] = {VALUE: "v", PREDICTION: "prediction"}
            return Learning(learned, name, False, VARIANCES, None, rule, every, words)
        self._check_follows(name, rule)
        if name in self.wiring.units.plastic:
            number = self.wiring.units.parameters[name]
            group = self.wiring.group_of[number]
            words = {DESCENT: self.wiring.returned.get(number, 0.0), **self._mean(group, rule, "")}
            return Learning(learned, group, False, self.wiring.variable[number], None, rule, every, words)
        projection = self._projection(name, rule)
        words = self._at_synapses(name, rule, projection) | self._mean(projection.behind, rule, "_post")
        weights = projection.weights
        made = Learning(learned, projection.name, True, "w", weights.index, rule, every, words)
        projection.learning = made
        return made

    def _refusal(self, name: str, rule: AbstractPlasticity, why: str) -> ParameterError:
        return ParameterError(
            f"plasticity of {name!r} ({rule.text()}) is no equation of single synapses or neurons in Brian2: {why}; "
            "leave it out, by circuit.with_plasticity(...), or simulate with Kernel()"
        )

    def _check_follows(self, name: str, rule: AbstractPlasticity) -> None:
        """What follows another parameter is told apart from that by nothing: both see the same error and activity."""
        followed, graph = rule.follows(name), self.circuit.graph
        if followed == name:
            return
        users = {user for leaf in (name, followed) for user in graph.consumers[leaf]}
        nodes = [graph.nodes[user] for user in users]
        paired = len(nodes) == 1 and [nodes[0].operands[k] for k in nodes[0].operator.description.only_back] == [name]
        if not paired:
            raise self._refusal(name, rule, f"it follows {followed!r}, and not as the way back of one pcn.ops.project")

    def _projection(self, name: str, rule: AbstractPlasticity) -> GroupSynapses:
        """The one projection whose synapses have each entry once."""
        projections = [p for p in self.wiring.projections if p.weights.origin == name]
        if len(projections) != 1:
            raise self._refusal(name, rule, f"it is the weights of {len(projections)} projections")
        entries, size = projections[0].weights.index, self.circuit.parameters[name].size
        count = projections[0].weights.values.size if entries is None else np.unique(entries).size
        if not projections[0].pre.size == count == size:
            raise self._refusal(name, rule, f"its {size} entries are shared by {projections[0].pre.size} synapses")
        return projections[0]

    def _at_synapses(self, name: str, rule: AbstractPlasticity, synapses: GroupSynapses) -> dict[str, Formula]:
        """What there is at synapses, besides the mean of a vertex."""
        assert synapses.forward is not None
        pre = f"{synapses.forward[0]}_pre"
        behind: Formula = 0.0 if synapses.backward is None else f"{synapses.backward[0]}_post"
        words: dict[str, Formula] = {PRE: pre, DESCENT: times(pre, behind)}
        if POST in rule.names:
            post = self.circuit.anatomy.product(name).post
            if synapses.behind != post:
                raise self._refusal(name, rule, f"its synapses end elsewhere than at {post!r}")
            words[POST] = "v_post"
        if NAMED in rule.names:
            words[NAMED] = self._named(name, rule, synapses.behind)
        return words

    def _named(self, name: str, rule: AbstractPlasticity, group: str) -> str:
        """The activity of the vertex that a rule names, as each neuron of a group of as many knows its own."""
        vertex = self.circuit.anatomy.vertex("vertex", rule.named_vertex() or "")
        units = self.wiring.groups[vertex].size
        if units != self.wiring.groups[group].size:
            raise self._refusal(name, rule, f"its synapses end at other units than those of {vertex!r}")
        each = np.arange(units)
        return self._read(group, vertex, "of", each, each, 1.0) + "_post"

    def _mean(self, group: str, rule: AbstractPlasticity, ending: str) -> dict[str, Formula]:
        """The mean activity of a vertex as a group knows it: by synapses from each of its neurons to each of these."""
        named = rule.mean_of()
        if named is None:
            return {}
        vertex = self.circuit.anatomy.vertex("vertex", named)
        units = self.wiring.groups[vertex].size
        pre, post = (index.ravel() for index in np.indices((units, self.wiring.groups[group].size)))
        return {MEAN: self._read(group, vertex, "mean", pre, post, 1 / units) + ending}

    def _read(self, group: str, vertex: str, word: str, pre: np.ndarray, post: np.ndarray, weight: float) -> str:
        """Variable of a group that sums up activities of a vertex, made once."""
        if (group, vertex, word) not in self.reads:
            groups, projections = self.wiring.groups, self.wiring.projections
            variable = self.reads[group, vertex, word] = groups[group].block.name(f"{word}_{vertex}")
            groups[group].lines.append(f"{variable} : 1")
            title = f"{vertex}_to_{group}_{len(projections)}".replace(".", "_")
            weights, forward = Weights(np.array([weight])), ("v", variable)
            made = GroupSynapses(title, vertex, group, pre, post, weights, BEFORE_ALL, forward, None)
            projections.append(made)
        return self.reads[group, vertex, word]
