"""The equations of a vertex' value and error neurons in Brian2's syntax."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.circuit.abstract_property import ERROR, VALUE
from pcneuro.circuit.equations.dendrite import Block
from pcneuro.circuit.equations.expressions import brian2_text, plus
from pcneuro.circuit.plasticity import VARIANCE
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.export.groups import VARIANCES, Group, GroupSynapses, pairs_of
from pcneuro.export.spiking import Spiking
from pcneuro.ops.base import Weights
from pcneuro.ops.formula import Formula


@dataclass(frozen=True)
class VertexEquations:
    """Writes the neurons of a vertex into its ``group``.

    ``held``: predictions are. ``mean`` is the variable that a clamped output is compared with, if it is another one
    than its prediction; ``sends``, whether others receive its spikes instead of its values.
    """

    group: Group
    circuit: AbstractCircuit
    clamped: bool
    held: bool
    mean: str | None
    sends: bool
    spiking: Spiking | None

    @property
    def error_variable(self) -> str:
        """Variable of an error as others, and its own value neuron, receive it."""
        return "err" if self.spiking is None else "received"

    def write(self, terms: list[Formula]) -> None:
        """All equations, where these ``terms`` come back to it."""
        group, name, circuit = self.group, self.group.name, self.circuit
        predicted = circuit.has_prediction(name)
        lines = [f"drive = {brian2_text(plus(terms))} : 1"]
        leak = f" - {self.error_variable}" if predicted else ""
        if self.clamped:
            lines.append("v : 1")
        elif self.held and predicted:
            # Small errors at large values are not lost in rounding.
            lines += [f"ddev/dt = (drive{leak})*rate{self._stir(VALUE, lines)} : 1", "v = prediction + dev : 1"]
        else:
            lines.append(f"dv/dt = (drive{leak})*rate{self._stir(VALUE, lines)} : 1")
        if predicted:
            if name in circuit.leaky_errors:
                stir = self._stir(ERROR, lines)
                lines += [f"at_once = {self._error()} : 1", f"derr/dt = (at_once - err)*error_rate{stir} : 1"]
                lines.append("error_rate : Hz (constant)")
            else:
                lines.append(f"err = {self._error()} : 1")
            self._weigh(lines)
        if not self.clamped:
            lines.append("rate : Hz (constant)")
        group.lines += lines
        if self.spiking is not None:
            self._decode(predicted, self.spiking)

    def _weigh(self, lines: list[str]) -> None:
        """The precision: a constant, or of a variance that is learned."""
        group, learned = self.group, self.circuit.variances.get(f"{self.group.name}{VARIANCE}")
        if learned is None:
            lines.append("precision : 1 (constant)")
            group.constants["precision"] = self.circuit.precision[group.name].ravel()
        else:
            # How it changes is said where plasticity is.
            lines.append(f"precision = 1/{VARIANCES} : 1")
            group.constants[VARIANCES] = learned.ravel()

    def _stir(self, kind: str, lines: list[str]) -> str:
        """What noise adds to the derivative of a state, " + ..." or nothing; its own lines go to ``lines``."""
        noise = self.circuit.noise.get(f"{self.group.name}.{kind}")
        if noise is None:
            return ""
        lines.append(f"{kind}_scatter : Hz**0.5 (constant)")
        if not noise.persists:
            return f" + {kind}_scatter*xi_{kind}"
        lines += [
            f"d{kind}_eta/dt = -{kind}_eta*{kind}_forgets + {kind}_scatter*xi_{kind} : 1",
            f"{kind}_forgets : Hz (constant)",
            f"{kind}_push : Hz (constant)",
        ]
        return f" + {kind}_eta*{kind}_push"

    def _decode(self, predicted: bool, spiking: Spiking) -> None:
        """What is received of spikes, and means over the window in which they are read."""
        group = self.group
        window = f"int(t >= begin and t < end)/({spiking.decoding.window!r}*ms)"
        group.lines += ["begin : second (shared, constant)", "end : second (shared, constant)"]
        group.lines.append(f"dvalue_mean/dt = v*{window} : 1")
        if predicted:
            group.lines += [
                f"dreceived/dt = -received/({spiking.decoding.filter!r}*ms) : 1",
                f"dmean/dt = received*{window} : 1",
                f"dprediction_mean/dt = prediction*{window} : 1",
                "jump : 1 (shared, constant)",
            ]
        least = spiking.values.least()
        if least is not None and self.sends:
            group.lines.append("sent : 1")
            group.threshold = f"abs(v - sent) >= {least!r}"
            group.reset = "sent = v"

    def _error(self) -> str:
        known = "sent" if self.sends else "v"
        if self.clamped and self.mean is not None:
            return f"precision*(v - {self.mean})"
        deviates = self.held and not self.clamped and known == "v"
        return "precision*dev" if deviates else f"precision*({known} - prediction)"


def error_pairs(group: Group, spiking: Spiking, last: int) -> tuple[Group, list[GroupSynapses]]:
    """The ON and OFF neurons of a vertex' errors, with one synapse from each error and one to what is received.

    ``last`` is behind the numbers of all sums of predictions, on which errors depend.
    """
    errors = spiking.errors
    pairs = Group(pairs_of(group.name), 2 * errors.units * group.size, Block(group.name))
    pairs.lines = [
        "drive : 1",
        "polarity : 1 (constant)",
        "gain : Hz (shared, constant)",
        f"wanted = {errors.baseline!r}*Hz + gain*clip(polarity*drive, 0, inf) : Hz",
        *errors.equations(),
    ]
    pairs.method, pairs.threshold, pairs.reset = errors.method, "m >= 1", "m -= 1"
    pairs.constants["polarity"] = np.tile(np.repeat([1.0, -1.0], errors.units), group.size)
    unit, neuron = np.repeat(np.arange(group.size), 2 * errors.units), np.arange(pairs.size)
    one, title = Weights(np.ones(1)), pairs.name.replace(".", "_")
    on_spike = "received_post += polarity_pre*jump_post"
    return pairs, [
        GroupSynapses(f"{title}_in", group.name, pairs.name, unit, neuron, one, last, ("err", "drive"), None),
        GroupSynapses(f"{title}_out", pairs.name, group.name, neuron, unit, one, last, None, None, on_spike),
    ]
