"""Variables of a simulator, classes of what is read of them, and updates: how neurons and synapses change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pcneuro.model.plasticity import AbstractPlasticity
from pcneuro.model.plasticity.abstract import MEAN

OWN, PRE, POST, WEIGHTS, DERIVATIVE, GATE = "own", "pre", "post", "weights", "derivative", "gate"
CLASSES = (OWN, PRE, POST, WEIGHTS, DERIVATIVE, GATE)
"""Classes of what an update reads."""


@dataclass(frozen=True, order=True)
class Variable:
    """Something that a simulator holds and that an intervention may change.

    ``kind`` is ``value``, ``error``, ``prediction`` (of a vertex), ``parameter``, ``input``, ``past`` (what a leaf that
    closes a cycle with a delay has), or ``node``: what dendrites read of a node, or compute in it.
    """

    kind: str
    name: str


Adjacent = Mapping[str, frozenset[Variable]]
"""Class of what is read -> variables."""


@dataclass(frozen=True)
class Update:
    """One update: how the units of a population, or the entries of a parameter, change.

    ``reads`` is what it is made of; ``allowed`` all that is local to it, of which a rule of plasticity may read
    anything. ``children`` are the vertices by whose errors it is driven, or whose dendrites it is in.
    """

    kind: str
    """``value``, ``error``, ``synapse`` or ``variance``."""
    name: str
    """Of the vertex, or of the parameter."""
    reads: Adjacent
    allowed: frozenset[Variable]
    children: tuple[str, ...] = ()
    rule: AbstractPlasticity | None = None
    coupled: bool = False
    """Whether a unit is driven by other units of the same population, as behind a softmax."""
    half: str = ""
    """Of error neurons that come in pairs, which of the two: ``error_on`` or ``error_off``."""

    @property
    def label(self) -> str:
        """How reports call it: ``"h1.value"``, or the parameter's name."""
        return f"{self.name}.{self.half or self.kind}" if self.kind in ("value", "error") else self.name

    @property
    def adjacent(self) -> frozenset[Variable]:
        """All that it reads by its structure, and all that is local to it."""
        return self.allowed.union(*self.reads.values())

    @property
    def of_mean(self) -> bool:
        """Whether its rule takes a mean over a population, so that all units of that matter to each entry."""
        return self.rule is not None and MEAN in self.rule.names

    @property
    def derived(self) -> bool:
        """Whether what it reads follows from the structure, so that each class of it has to matter."""
        return self.kind in ("value", "error") or self.rule is None or self.rule.hebbian
