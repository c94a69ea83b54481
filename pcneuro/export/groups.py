"""Neuron groups and projections between them, as Brian2 reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from pcneuro.circuit.equations.dendrite import Block
from pcneuro.export.learning import NOTED, Learning, note
from pcneuro.ops.base import Weights

VARIANCES = "variance"
"""Variable of a vertex whose variances are learned."""
TAKEN = set(
    "active add_attribute add_dependency add_to_magic_network after_run assign_id before_run check_variable_write "
    "clock code_objects codeobj_class contained_objects custom_operation equations event_codes events get_states id "
    "indices invalidates_magic_network method_choice name namespace order resetter resolve_all run run_at run_on_clock "
    "run_on_event run_regularly runner set_event_schedule set_states spikes start state state_updater stop "
    "subexpression_updater thresholder updaters user_equations variables when dev rate error_rate at_once drive "
    "value_scatter value_eta value_forgets value_push error_scatter error_eta error_forgets error_push xi_value "
    "xi_error received sent mean value_mean prediction_mean jump begin end".split()
) | {*NOTED.values(), VARIANCES, "w"}
"""Names in a group that are not free: Brian2's attributes of a NeuronGroup, and our own variables."""


MADE = re.compile(r".*_(stateupdater|thresholder|resetter|monitor|in|out|group)(_\d+)?|.*_to_.*")
"""Names that Brian2, or we, give to what belongs to a group of a shorter name."""


@dataclass
class Group:
    """A neuron group: its equations, and values of its constants.

    Its units come sample after sample, ``size`` of them in all.
    """

    name: str
    size: int
    block: Block
    lines: list[str] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    """Variable that stays as it was in the feedforward sweep -> the population that it is of."""
    method: str = "euler"
    threshold: str | None = None
    reset: str | None = None

    @property
    def equations(self) -> str:
        """What Brian2 reads."""
        return "\n".join(self.lines)


@dataclass
class GroupSynapses:
    """Synapses from one group to another.

    ``forward`` are the variable before and the one behind them that sums (None: predictions are held), ``backward`` the
    one behind and the one before that sums (None: nothing goes back).
    """

    name: str
    before: str
    behind: str
    pre: np.ndarray
    post: np.ndarray
    weights: Weights
    number: int
    """Of the population that it leads to: projections act in this order, and back in the opposite one."""
    forward: tuple[str, str] | None
    backward: tuple[str, str] | None
    on_spike: str | None = None
    """What a spike of the group before does."""
    learning: Learning | None = None
    """How weights change in the loop; None: they stay."""

    @property
    def plain(self) -> bool:
        """Whether its weight is one number for all synapses, for ever: then it is part of the equations."""
        return self.weights.fixed and self.weights.values.size == 1

    @property
    def equations(self) -> list[str]:
        """Lines that Brian2 reads."""
        weight = repr(float(self.weights.values[0])) if self.plain else "w"
        lines = [] if self.plain else ["w : 1"]
        if self.learning is not None:
            lines = [*note([self.learning]), *self.learning.lines]
        if self.forward is not None:
            lines.append(f"{self.forward[1]}_post = {weight}*{self.forward[0]}_pre : 1 (summed)")
        if self.backward is not None:
            lines.append(f"{self.backward[1]}_pre = {weight}*{self.backward[0]}_post : 1 (summed)")
        return lines


def pairs_of(vertex: str) -> str:
    """The group of a vertex' spiking error neurons."""
    return f"{vertex}.error"
