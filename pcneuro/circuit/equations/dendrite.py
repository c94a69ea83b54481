"""The equations of dendrites: what a vertex's prediction is computed from, and the chain rule back to its synapses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pcneuro.circuit.cycles import recurrent_of, returning
from pcneuro.circuit.equations.expressions import brian2_text, is_taken, occurrences, operations, plus, times
from pcneuro.circuit.feedback import AbstractVisitor, Pull, Station, feedback
from pcneuro.circuit.projections import Dendrites
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.graph.graph import Constant, Node
from pcneuro.ops.description import UnitFormula
from pcneuro.ops.formula import Formula, substitute

_LARGEST = 8
"""Operations that an expression has at most before a part of it gets an equation of its own."""
NOISE = {f"{what}_{of}" for what in ("sigma", "tau", "eta", "xi") for of in ("v", "err")}
"""Names of what noise adds to a block."""
_INDICES = "ijklmnopqrstuvwxyz"


@dataclass
class Block:
    """The lines of one population, or of one compartment of a dendrite."""

    title: str
    forward: list[str] = field(default_factory=list)
    sums: list[str] = field(default_factory=list)
    backward: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    learning: list[str] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)
    """Names of the variables that sum what comes back from the children."""
    late: list[tuple[str, float, float]] = field(default_factory=list)
    """Populations whose signals take time to come here: each with the shortest and the longest delay in ms."""
    taken: set[str] = field(
        default_factory=lambda: {
            "v",
            "err",
            "prediction",
            "precision",
            "tau",
            "error_tau",
            "feedback",
            "clamped",
            *NOISE,
        }
    )

    def name(self, wanted: str) -> str:
        """The wanted name, or one like it that is free in the block and means nothing else to Brian2."""
        base = name = f"{wanted}_0" if is_taken(wanted) else wanted
        k = 1
        while name in self.taken:
            k += 1
            name = f"{base}_{k}"
        self.taken.add(name)
        return name

    def define(self, wanted: str, formula: Formula, lines: list[str]) -> str:
        """Give a formula a name and an equation among ``lines``."""
        name = self.name(wanted)
        lines.append(f"{name} = {brian2_text(formula)} : 1")
        return name

    def summed(self, wanted: str, comment: str) -> str:
        """Declare a variable that sums over synapses."""
        name = self.name(wanted)
        self.sums.append(f"{name} : 1  # = {comment}")
        return name

    def feed_back(self, child: str, comment: str) -> None:
        """Declare a variable that sums what comes back from one projection to ``child``."""
        self.feedback.append(self.summed(f"f_{child.replace('.', '_')}", comment))

    def text(self, dynamics: Sequence[str]) -> str:
        """All lines, with those on the neurons' dynamics first."""
        lines = [*dynamics, *reversed(self.forward), *self.backward, *self.sums, *self.constants, *self.learning]
        if any("erf(" in line for line in lines):
            lines.append("# erf: give Brian2 a Function of this name (scipy.special.erf)")
        for source, low, high in self.late:
            time = f"{low:g}" if low == high else f"{low:.3g} to {high:.3g}"
            lines.append(f"# delay: what comes from {source} left it {time} ms before")
        return "\n".join([f"# {self.title}", *lines])


class AbstractPlaces(ABC):
    """Where compartments find the blocks of each other and of populations."""

    def __init__(self, circuit: AbstractCircuit) -> None:
        self.graph, self.dendrites = circuit.graph, Dendrites(circuit)
        # Errors go back to activities, those of inputs too, and to what is computed from parameters.
        silent = self.graph.recurrent.keys() - set(returning(self.graph))
        way = feedback(self.graph, self.dendrites.sources - silent)
        self.stations = {station.name: station for station in way.stations}
        self.described: dict[str, str] = {}
        """Node that is computed from parameters and constants -> what it is, in a few words for a comment."""
        for name, node in self.graph.nodes.items():
            self.described[name] = name
            if not node.is_leaf and name not in self.dendrites.active:
                read = (o if o in self.dendrites.sources else self.described[o] for o in node.operands)
                text = f"{node.operator.label}({', '.join(read)})"
                self.described[name] = text if len(text) <= 40 else name

    def station(self, name: str) -> Station:
        """A node with the pulls that leave it: none where no error comes to it."""
        return self.stations.get(name) or Station(self.graph.nodes[name], (), ())

    def read_from(self, vertex: str, node: str) -> str:
        """Where a node is read in the dendrite of a vertex, in words: in which block, and how long ago."""
        late = recurrent_of(self.graph, node).delay if node in self.graph.recurrent else 0.0
        return f"{self.place(vertex, node)}{f', {late:g} ms ago' if late else ''}"

    @abstractmethod
    def place(self, vertex: str, node: str) -> str:
        """Name of the block that holds a node in the dendrite of a vertex: a population's or a compartment's."""

    @abstractmethod
    def block(self, place: str) -> Block | None:
        """The block of that name; None for an input, to which nothing is fed back."""


class Compartment(AbstractVisitor[Station, Formula]):
    """Writes what one node of a vertex's dendrite computes, and the chain rule from it back to its synapses.

    Elementwise nodes of the same shape belong to the compartment of the node that uses them, unit by unit. Where units
    are summed, copied or moved, there are synapses: a variable stands for their sum, and what they come from is another
    compartment or a population.
    """

    def __init__(self, places: AbstractPlaces, vertex: str, root: str, block: Block) -> None:
        self.places, self.vertex, self.root, self.block = places, vertex, root, block
        self.graph, self.dendrites = places.graph, places.dendrites
        self.name = places.place(vertex, root)
        self.nodes = self._nodes()
        self.symbols: dict[str, Formula] = {}
        self.copies: dict[str, str] = {}
        self.weights: dict[str, Formula] = {}
        self.arrived: dict[str, list[Formula]] = {root: ["err"]}
        """Node -> what comes back to it, in terms."""

    def _nodes(self) -> list[Node]:
        names, stack = {self.root}, [self.root]
        while stack:
            node = self.graph.nodes[stack.pop()]
            for operand in node.operands if node.operator.description.formula is not None else ():
                inner = operand not in self.dendrites.sources and not self.dendrites.is_weight(operand)
                if inner and operand not in names and self.graph.nodes[operand].shape == node.shape:
                    names.add(operand)
                    stack.append(operand)
        return [self.graph.nodes[n] for n in sorted(names, key=self.dendrites.position.__getitem__)]

    def _uses(self) -> Counter[str]:
        """How often each node's formula would be written out, forward and back."""
        uses: Counter[str] = Counter()
        for node in self.nodes:
            written = node.operator.description.formula
            if written is None:
                continue
            here = occurrences(written.formula)
            for pull in self.places.station(node.name).pulls:
                here += occurrences(written.derivative(pull.k))
            uses[node.name] += here["out"]
            for variable, operand in zip(written.variables, node.operands, strict=True):
                uses[operand] += here[variable]
        return uses

    def _operand(self, name: str) -> Formula:
        if name in self.symbols:
            return self.symbols[name]
        if self.dendrites.is_weight(name):
            if name not in self.weights:
                self.weights[name] = self._constant(name)
            return self.weights[name]
        if name not in self.copies:
            same = self.graph.nodes[name].shape == self.graph.nodes[self.root].shape
            source = self.places.read_from(self.vertex, name)
            text = f"v_pre, one to one from {source}" if same else f"v_pre, broadcast from {source}"
            self.copies[name] = self.block.summed(f"v_{name}", text)
        return self.copies[name]

    def _constant(self, name: str) -> Formula:
        node = self.graph.nodes[name]
        if isinstance(node.source, Constant) and node.size == 1:
            return float(node.source.value.ravel()[0])
        flags = "shared, constant" if node.size == 1 < self.graph.nodes[self.root].size else "constant"
        symbol = self.block.name(name)
        comment = "" if node.is_leaf else f"  # = {self.places.described[name]}"
        self.block.constants.append(f"{symbol} : 1 ({flags}){comment}")
        return symbol

    def _operands(self, node: Node, written: UnitFormula) -> dict[str, Formula]:
        return dict(zip(written.variables, map(self._operand, node.operands), strict=True))

    def write(self) -> None:
        """Write the equations, forward and back, and what goes back into the blocks before this one."""
        uses = self._uses()
        for node in self.nodes:
            written = node.operator.description.formula
            if written is not None:
                formula = substitute(written.formula, self._operands(node, written))
                if node.name != self.root and (uses[node.name] > 1 or operations(formula) > _LARGEST):
                    formula = self.block.define(node.name, formula, self.block.forward)
                self.symbols[node.name] = formula
            else:
                self.symbols[node.name] = _Synapses(self, node).forward()
        value = "prediction" if self.root == self.vertex else "v"
        self.block.forward.append(f"{value} = {brian2_text(self.symbols[self.root])} : 1")
        self.symbols[self.root] = value
        self._backward()

    def _backward(self) -> None:
        arrived = self.arrived
        self.visit(self.places.station(node.name) for node in reversed(self.nodes))
        for operand, symbol in self.copies.items():
            total = plus(arrived.get(operand, ()))
            if total != 0.0:
                behind = self.named(f"g_{symbol}", total)
                self.feed_back(operand, f"sum over synapses to {self.name} of {behind}_post")
        for operand in self.weights:
            if operand in arrived:
                small = self.graph.nodes[operand].size < self.graph.nodes[self.root].size
                total_text = brian2_text(plus(arrived[operand]))
                self.learns(operand, f"{total_text}{', summed over what it is broadcast to' if small else ''}")

    def arrive(self, station: Station) -> Formula | None:
        node, total = station.node, plus(self.arrived.get(station.name, ()))
        if node.operator.description.formula is None:
            if total != 0.0:
                _Synapses(self, node).backward(self.named(f"g_{self.symbols[node.name]}", total))
            return None
        long = len(station.pulls) > 1 or operations(total) > _LARGEST
        return self.named(f"g_{node.name}", total) if long else total

    def pull(self, station: Station, pull: Pull, leaving: Formula) -> None:
        written = station.node.operator.description.formula
        assert written is not None
        names = self._operands(station.node, written) | {"out": self.symbols[station.name]}
        product = times(substitute(written.derivative(pull.k), names), leaving)
        self.arrived.setdefault(pull.operand, []).append(product)

    def named(self, wanted: str, formula: Formula) -> str:
        """A name for a formula: its own where it is one, else a new one with an equation."""
        if isinstance(formula, str):
            return formula
        return self.block.define(wanted.replace("g_prediction", "g"), formula, self.block.backward)

    def feed_back(self, operand: str, comment: str) -> None:
        """Tell the block of an operand what comes back to it from here."""
        block = self.places.block(self.places.place(self.vertex, operand))
        if block is not None:
            block.feed_back(self.name, comment)

    def learns(self, weight: str, rule: str, subscripts: str = "") -> None:
        """Note by what a weight changes, where it is computed from parameters."""
        if self.dendrites.carried(weight):
            self.block.learning.append(f"# d {self.places.described[weight]}{subscripts} ~ {rule}")


class _Synapses:
    """The synapses of a node that is not elementwise: the variable for their sum, and what goes back through them."""

    def __init__(self, compartment: Compartment, node: Node) -> None:
        self.compartment, self.node = compartment, node
        self.places, self.block = compartment.places, compartment.block
        weighs = self.places.dendrites.is_weight
        self.active = [k for k, o in enumerate(node.operands) if not weighs(o)]
        self.weights = [k for k, o in enumerate(node.operands) if weighs(o)]
        self.only_back = node.operator.description.only_back
        self.terms: dict[int, str] = {}
        subscripts = node.operator.description.subscripts
        if subscripts is not None:
            terms = subscripts.replace("->", ",").split(",")
            order = [*self.active, 2, *self.weights]
            letters = dict.fromkeys("".join(terms[k] for k in order))
            index = dict(zip(letters, _INDICES, strict=False))
            self.terms = {k: "".join(index[c] for c in term) for k, term in enumerate(terms)}

    @property
    def _copies(self) -> bool:
        return self.node.operator.description.copied is not None

    def _place(self, k: int) -> str:
        return self.places.place(self.compartment.vertex, self.node.operands[k])

    def _read_from(self, k: int) -> str:
        return self.places.read_from(self.compartment.vertex, self.node.operands[k])

    def _weight(self, k: int) -> str:
        return self.places.described[self.node.operands[k]] + self._subscripts(k)

    def _subscripts(self, k: int) -> str:
        return f"[{', '.join(self.terms[k])}]" if self.terms.get(k) else ""

    def forward(self) -> str:
        """Declare the sum over synapses and return its name."""
        operands = self.node.operands
        if not self.active:
            name = self.block.name(f"I_{self.node.name}")
            self.block.constants.append(f"{name} : 1 (constant)  # = {self.places.described[self.node.name]}")
            return name
        direct = (
            len(self.active) == len(self.weights) == 1 and self.places.graph.nodes[operands[self.weights[0]]].is_leaf
        )
        short = f"{operands[self.active[0]]}_{operands[self.weights[0]]}" if direct else self.node.name
        return self.block.summed(f"I_{short}", self._sum())

    def _sum(self) -> str:
        label = self.node.operator.label
        sources = " and ".join(self._read_from(k) for k in self.active)
        if self.terms and self.weights:
            return f"sum over synapses from {sources} of {self._weight(self.weights[0])}*v_pre"
        if self.terms:
            a, b = (f"v{self._subscripts(k)} of {self._read_from(k)}" for k in (0, 1))
            return f"{_over(self.terms[0] + self.terms[1], self.terms[2])}({a})*({b})"
        if self._copies:
            return f"v_pre of the one unit of {sources} that it copies"
        weights = "".join(f", {self._weight(k)}" for k in self.weights if k not in self.only_back)
        return f"{label} over synapses from {sources} of v_pre{weights}"

    def backward(self, behind: str) -> None:
        """Write what goes back through the synapses, and by what their weights change, from the error behind them."""
        label, target, linear = self.node.operator.label, self.compartment.name, self._copies
        pulled = {pull.k for pull in self.places.station(self.node.name).pulls}
        for k in (k for k in self.active if k in pulled):
            if self.only_back:
                weights = "*".join(self._weight(j) for j in self.only_back)
                text = f"sum over synapses to {target} of {weights}*{behind}_post"
            elif self.terms and self.weights:
                text = f"sum over synapses to {target} of {self._weight(self.weights[0])}*{behind}_post"
            elif self.terms:
                a = f"v{self._subscripts(1 - k)} of {self._place(1 - k)}"
                b = f"{behind}{self._subscripts(2)} of {target}"
                text = f"{_over(self.terms[1 - k] + self.terms[2], self.terms[k])}({a})*({b})"
            elif linear:
                text = f"sum over synapses to {target} of {behind}_post"
            else:
                text = f"sum over synapses to {target} of d {label}/d v_pre * {behind}_post"
            self.compartment.feed_back(self.node.operands[k], text)
        for k in (k for k in self.weights if k in pulled):
            if self.terms and self.active:
                rule = f"v_pre*{behind}_post"
            else:
                rule = f"d {label}/d {self._weight(k)} * {behind}"
            self.compartment.learns(self.node.operands[k], rule, self._subscripts(k))


def _over(letters: str, kept: str) -> str:
    """``"sum over k of "`` for the letters that are not kept."""
    summed = [c for c in dict.fromkeys(letters) if c not in kept]
    return f"sum over {', '.join(summed)} of " if summed else ""
