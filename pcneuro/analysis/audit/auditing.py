"""The audit of a circuit: what each update reads by its structure, and interventions that hold it to that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcneuro.analysis.audit.certificate import Certificate, Found
from pcneuro.analysis.audit.report import OTHER, Audit, AuditRow
from pcneuro.analysis.audit.signs import Signs
from pcneuro.analysis.audit.states import BATCH, Simulated
from pcneuro.analysis.audit.structure import Structure
from pcneuro.analysis.audit.traits import Traits
from pcneuro.analysis.audit.updates import DERIVATIVE, OWN, POST, PRE, WEIGHTS, Update
from pcneuro.circuit.batches import batched
from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError, check_object, unknown_name
from pcneuro.kernels.philox import MASK
from pcneuro.model.dynamics import AbstractDynamics, FixedPrediction, Strict
from pcneuro.quantities import by_name, flag, whole
from pcneuro.simulator.progress import Bar

WORK = 3 * 10**10
"""Synaptic operations that interventions may take, some tens of seconds; of more updates a random part is looked at."""
OVERHEAD = 20_000
"""What a node takes beside its synapses, in synaptic operations."""
MIXTURES = 5
"""How often predictions are computed for each intervention on an update, about."""
MOST = 1000
"""Interventions on each update, and single neurons and synapses of each."""


def audit(
    circuit: Circuit,
    *,
    dynamics: AbstractDynamics | None = None,
    inputs: Mapping[str, Any] | None = None,
    interventions: int = 2,
    singles: int = 4,
    seed: int = 0,
    report: bool = False,
) -> Audit:
    """What every class of neurons and synapses of a circuit reads, and whether that is local; tested by interventions.

    The change of each population, and of each parameter, is taken from the reference simulator. Between two random
    states all variables are changed at once that are not adjacent to it, then to other signs and sizes: it has to stay
    the same bit for bit. Then each class of what is adjacent is changed, which has to change it.

    Parameters
    ----------
    circuit
        From ``build_circuit``.
    dynamics
        ``FixedPrediction()`` or ``Strict()``; by default the first, as of ``Simulator``, and the second in circuits
        with cycles.
    inputs
        Samples to choose from, by input, for circuits that do not take any numbers, two or more that differ; all
        others are drawn.
    interventions
        Pairs of states for each update, with three interventions each; 0 for none, and then nothing is certified.
    singles
        Neurons of each population and entries of each parameter, drawn, of which all other units are changed.
    seed
        Of states, interventions and entries, a whole number below 2^32.
    report
        Whether progress is told on standard error, after two seconds.

    Raises
    ------
    ParameterError
        For arguments out of range, dynamics that the circuit does not have, and where the circuit takes no inputs that
        are drawn.
    UnknownNameError, ShapeError, DataError
        For inputs that do not fit.

    Examples
    --------
    >>> report = pcn.audit(circuit)
    >>> len(report.neurons) > 0
    True
    """
    check_object("circuit", circuit, Circuit)
    dynamics = _dynamics(circuit, dynamics)
    interventions = whole("interventions", interventions, 0, MOST)
    singles = whole("singles", singles, 0, MOST)
    seed, report = whole("seed", seed, 0, MASK), flag("report", report)
    given = _samples(circuit, inputs)
    structure = Structure(circuit)
    neurons, plastic = tuple(structure.neurons()), tuple(structure.synapses())
    updates = (*neurons, *plastic)
    pairs = [
        Simulated(circuit, dynamics, seed + number, given, structure.way_to, structure.itself)
        for number in range(interventions)
    ]
    certificate = Certificate(structure, pairs, singles, seed)
    chosen = _chosen(structure, len(updates), interventions, seed)
    traits = Traits(structure, neurons, dynamics)
    signs = Signs(structure, traits, (pairs or [Simulated(circuit, dynamics, seed, given)])[0].activity)
    rows = _Rows(structure, traits, signs, certificate)
    made = []
    with Bar("audit", quiet=not report) as bar:
        for number, update in enumerate(updates):
            made.append(rows.row(update, certificate.of(update) if number in chosen else Found()))
            bar.show((number + 1) / len(updates), update.label)
    return Audit(tuple(made[: len(neurons)]), tuple(made[len(neurons) :]), dynamics.name, seed)


def _dynamics(circuit: Circuit, dynamics: AbstractDynamics | None) -> AbstractDynamics:
    if dynamics is None:
        return Strict() if circuit.graph.recurrent else FixedPrediction()
    check_object("dynamics", dynamics, AbstractDynamics)
    if dynamics.holds_predictions and circuit.graph.recurrent:
        raise ParameterError(f"{dynamics.name}() has no cycles, and this circuit has: use dynamics=pcn.Strict()")
    return dynamics


def _samples(circuit: Circuit, inputs: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
    """Samples of inputs to choose from, float64 with a batch axis."""
    if inputs is None:
        return {}
    for name in by_name("values of inputs=", inputs):
        if name not in circuit.graph.inputs:
            raise unknown_name("input of the audit", str(name), circuit.graph.inputs)
    made = {name: batched(f"input {name!r}", v, circuit.graph.inputs[name].shape) for name, v in inputs.items()}
    for name, samples in made.items():
        if (samples == samples[:1]).all():
            raise ParameterError(
                f"input {name!r} of the audit has {len(samples)} samples that do not differ, and interventions change "
                "it: give two that differ, or leave it out to have it drawn"
            )
    return made


def _chosen(structure: Structure, updates: int, interventions: int, seed: int) -> set[int]:
    """Numbers of the updates that interventions are made for: as many as the work allows."""
    if not interventions:
        return set()
    nodes = structure.graph.nodes.values()
    synapses = sum(p.synapses for p in structure.dendrites.projections())
    once = BATCH * synapses + OVERHEAD * len(nodes)
    most = max(1, WORK // (once * MIXTURES * interventions))
    rng = np.random.default_rng(seed)
    return set(range(updates)) if most >= updates else set(rng.choice(updates, size=most, replace=False).tolist())


def _rule(update: Update, moves: bool) -> str:
    """What changes a parameter: its rule, or the gradient, if there is one."""
    if update.rule is not None:
        return update.rule.text()
    return "gradient" if moves else "fixed"


class _Rows:
    """Makes the rows of an audit."""

    def __init__(self, structure: Structure, traits: Traits, signs: Signs, certificate: Certificate) -> None:
        self.structure, self.traits, self.signs, self.certificate = structure, traits, signs, certificate
        self.ahead = {u.name: u.reads.get(WEIGHTS, frozenset()) for u in structure.neurons() if u.kind == "error"}

    def row(self, update: Update, found: Found) -> AuditRow:
        """The row of an update, of which interventions ``found`` something."""
        structure, read = self.structure, self.certificate.read(update, found)
        outside = update.adjacent - update.allowed | found.culprits
        others = structure.named(outside)
        reads = {name: structure.named(frozenset(variables) - outside) for name, variables in read.items()}
        reads = {name: names for name, names in reads.items() if names} | ({OTHER: others} if others else {})
        local = not others and found.singles == found.singles_unchanged
        synapse = update.kind in ("synapse", "variance")
        return AuditRow(
            update.label,
            update.kind,
            self._size(update),
            reads,
            rule=_rule(update, bool(reads)) if synapse else "",
            local=local,
            hebbian=update.kind == "synapse" and local and POST in reads and reads.keys() <= {OWN, PRE, POST},
            transported=self._transported(update),
            one_to_one=not synapse and self.traits.one_to_one(update),
            derivative=DERIVATIVE in reads,
            phase=self.traits.phase(update),
            negative=not synapse and self.traits.negative(update),
            one_sign=synapse or self.signs.one_sign(update),
            units=update.coupled or update.of_mean,
            interventions=found.interventions,
        )

    def _size(self, update: Update) -> int:
        learned = self.structure.circuit.variances
        return learned[update.name].size if update.kind == "variance" else self.structure.graph.nodes[update.name].size

    def _transported(self, update: Update) -> tuple[str, ...]:
        """Weights that errors come back by, and that predictions are computed by at another place."""
        back = {v for v in update.reads.get(WEIGHTS, ()) if v.kind == "parameter"}
        if update.kind == "value":
            # Of whichever neurons: they are in two places all the same.
            back &= set().union(*self.ahead.values())
        return self.structure.named(back) if update.kind != "error" else ()
