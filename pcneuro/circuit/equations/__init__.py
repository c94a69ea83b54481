"""The differential equations of a circuit, in Brian2's syntax and derived from the formulas of its operators.

Every population is one block. A block is complete but for its sums over synapses: each is declared as a variable of
its own (two projections must not write to the same one) and described behind a ``#``. The dendrite's part of the
feedback, ``g_... = d prediction / d I_... * err``, is the chain rule from the error back to the synapses, so that a
synapse only multiplies what is before it by what is behind it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import numpy as np

from pcneuro.circuit.abstract_property import ERROR, VALUE
from pcneuro.circuit.equations.dendrite import AbstractPlaces, Block, Compartment
from pcneuro.circuit.plasticity import learned_name
from pcneuro.circuit.projections import role_of
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.circuit.synapses import extent
from pcneuro.graph.graph import Latent
from pcneuro.model.energies import AbstractEnergy

_HEADER = """\
# Equations in Brian2's syntax, one block for each population. I_..., v_... and f_... are sums over the synapses of one
# projection each: v_pre is v before the synapse, g_post or err_post what is behind it. d W ~ says how W learns.
# Predictions follow v (strict dynamics). Under fixed prediction, the predictions and all that the g_... are computed
# from, except err, are held at the feedforward sweep."""

_HALVES = (("err_on", ""), ("err_off", "-"))
"""Rates of error neurons in pairs: err = err_on - err_off."""
_FREE_ERROR = "precision*(v - prediction)"


def blocks(circuit: AbstractCircuit) -> dict[str, str]:
    """The equations of each population, and of each compartment of a dendrite that has units of its own.

    Returns
    -------
    dict
        Input, vertex or ``"<vertex>.<folded node>"`` -> text that ``brian2.Equations`` reads: v, err and prediction
        are dimensionless, tau is in seconds.
    """
    return dict(_Writer(circuit).blocks())


def equations(circuit: AbstractCircuit) -> str:
    """The differential equations of every population in Brian2's syntax: one block each, empty lines between them."""
    return "\n\n".join([_HEADER, *blocks(circuit).values(), *_plasticity(circuit)])


def _plasticity(circuit: AbstractCircuit) -> list[str]:
    """The equations of all that changes while the circuit runs, as comments: sums are over the batch."""
    texts = []
    for name, rule in circuit.plasticity.items():
        learned, tau = learned_name(name, rule), f"{rule.tau:g}*ms"
        leak = "" if not rule.decay else f" - {learned}" if rule.decay == 1 else f" - {rule.decay:g}*{learned}"
        if rule.every is None:
            text = f"# d {learned}/dt = ({rule.formula(name)}{leak})/({tau})"
        else:
            text = f"# every {rule.every:g}*ms: {learned} += {rule.every / rule.tau:g}*({rule.formula(name)}{leak})"
        if rule.bounds is not None:
            text += f", clipped to {rule.limits[0]:g} ... {rule.limits[1]:g}"
        texts.append(f"{text}; precision of {name} = 1/{learned}" if rule.of_vertex else text)
    return ["\n".join(["# What changes while the circuit runs", *texts])] if texts else []


class _Writer(AbstractPlaces):
    """Goes through the vertices, and through the compartments of their dendrites as they turn up."""

    def __init__(self, circuit: AbstractCircuit) -> None:
        super().__init__(circuit)
        self.circuit = circuit
        self.written = {name: Block(self._title(name)) for name in circuit.vertices}
        for (source, target), delays in extent(circuit).items():
            self.written[target.rpartition(".")[0]].late.append((source, *delays))
        self.waiting: list[str] = []

    def _title(self, name: str) -> str:
        node, role = self.graph.nodes[name], role_of(self.circuit, name)
        kinds = "value and error neurons" if self.circuit.has_prediction(name) else "value neurons"
        return f"{name}: {role}, {node.size:,} {kinds}, shape {node.shape}"

    def place(self, vertex: str, node: str) -> str:
        if node in self.graph.recurrent:
            return self.graph.sender(node)
        if node == vertex or node in self.dendrites.sources:
            return node
        place = f"{vertex}.{node}"
        if place not in self.written:
            inner = self.graph.nodes[node]
            title = f"{place}: {inner.size:,} units in the dendrite of {vertex}, shape {inner.shape}, no dynamics"
            self.written[place] = Block(title)
            self.waiting.append(node)
        return place

    def block(self, place: str) -> Block | None:
        return self.written.get(place)

    def blocks(self) -> Iterator[tuple[str, str]]:
        """Names and texts, inputs first, then in topological order."""
        inside: dict[str, list[str]] = {}
        for vertex in self.circuit.vertices:
            self.waiting = [vertex] if self.graph.nodes[vertex].operands else []
            before = inside[vertex] = []
            while self.waiting:
                root = self.waiting.pop()
                place = self.place(vertex, root)
                Compartment(self, vertex, root, self.written[place]).write()
                before.extend([] if root == vertex else [place])
        for name, node in self.graph.inputs.items():
            yield name, f"# {name}: input, {node.size:,} value neurons, shape {node.shape}\nv : 1  # clamped to data"
        for vertex in self.circuit.vertices:
            for place in sorted(inside[vertex], key=lambda p: self.dendrites.position[p.partition(".")[2]]):
                block = self.written[place]
                yield place, block.text([f"err = {' + '.join(block.feedback) or '0'} : 1"])
            yield vertex, self._population(vertex)

    def _population(self, vertex: str) -> str:
        block, source = self.written[vertex], self.graph.nodes[vertex].source
        lines = []
        drive = block.feedback
        if len(drive) > 1:
            lines.append(f"feedback = {' + '.join(drive)} : 1")
            drive = ["feedback"]
        tau = _constant("tau", "second", self.circuit.tau[vertex], " ms")
        if not self.circuit.has_prediction(vertex):
            block.constants.append(tau)
            stir = self._stir(vertex, VALUE, "tau", block, lines)
            return block.text([f"dv/dt = {' '.join(drive) or '0'}/tau{stir} : 1", *lines])
        energy = self.circuit.energies.get(vertex)
        leaky = vertex in self.circuit.leaky_errors
        noisy = vertex in self.circuit.noisy_errors
        error = block.name("at_once") if leaky or noisy else "err"
        if energy is None:
            force = f"({drive[0]} - err)/tau" if drive else "-err/tau"
            lines.append(f"{error} = {_FREE_ERROR} : 1")
        else:
            # To an output something feeds back by a cycle only: no other node uses it.
            force = f"(1 - clamped)*({drive[0]} - err)/tau" if drive else "-(1 - clamped)*err/tau"
            block.constants.append("clamped : 1 (shared, constant)  # 1 while v is clamped to a target, else 0")
            lines.extend(_output_error(block, energy, error))
        stir = self._stir(vertex, VALUE, "tau", block, lines)
        force += stir if energy is None or not stir else stir.replace(" + ", " + (1 - clamped)*", 1)
        if leaky:
            stir = self._stir(vertex, ERROR, "error_tau", block, lines)
            lines.insert(0, f"derr/dt = ({error} - err)/(precision*error_tau){stir} : 1")
            block.constants.append(_constant("error_tau", "second", self.circuit.error_tau[vertex], " ms"))
        if noisy:
            added = self.circuit.noise[f"{vertex}.{ERROR}"]
            lines.insert(0, f"err = {error} + eta_err : 1")
            block.constants.append(f"eta_err : 1  # {added!r}")
        if vertex in self.circuit.baselines:
            rate = f"{self.circuit.baselines[vertex]:g}"
            lines += [f"{block.name(half)} = clip({s}err, 0, inf) + {rate} : 1" for half, s in _HALVES]
        if vertex in self.circuit.payloads:
            lines.append(f"# err comes back to others in messages of {self.circuit.payloads[vertex]}")
        if isinstance(source, Latent):
            block.constants.append(_constant("prediction", "1", np.asarray(source.prior), ", the prior's mean"))
        block.constants += [_constant("precision", "1", self.circuit.precision[vertex], ""), tau]
        return block.text([f"dv/dt = {force} : 1", *lines])

    def _stir(self, vertex: str, kind: str, tau: str, block: Block, lines: list[str]) -> str:
        """What noise adds to the derivative of a population's state, " + ..." or nothing; its own lines go to both."""
        noise = self.circuit.noise.get(f"{vertex}.{kind}")
        if noise is None:
            return ""
        term, more = noise.equations(tau, {VALUE: "v", ERROR: "err"}[kind])
        lines += [line for line in more if "/dt" in line]
        block.constants += [f"{line}  # of {noise!r}" for line in more if "/dt" not in line]
        return f" + {term}"


def _constant(name: str, unit: str, values: np.ndarray, suffix: str) -> str:
    low, high = values.min(), values.max()
    if low == high:
        return f"{name} : {unit} (shared, constant)  # {low:g}{suffix}"
    return f"{name} : {unit} (constant)  # {low:g} to {high:g}{suffix}"


def _output_error(block: Block, energy: AbstractEnergy, error: str) -> Iterator[str]:
    """The error of an output: that of its energy while it is clamped, as anywhere else while it is free.

    ``error`` is the name of the variable.
    """
    clamped = energy.equation()
    if clamped == _FREE_ERROR:
        yield f"{error} = {clamped} : 1"
        return
    yield f"{error} = clamped*({clamped}) + (1 - clamped)*{_FREE_ERROR} : 1  # {energy!r}"
    tree = ast.parse(clamped, mode="eval")
    calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in calls}
    for name in sorted(names - {"v", "prediction", "precision"}):
        yield f"{block.name(name)} : 1  # of {energy!r}, summed over the population"
