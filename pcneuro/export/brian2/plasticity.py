"""What learns in a Brian2 network: its code besides equations, its monitors, and its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.export.learning import BEHIND_INTERVALS, NOTED
from pcneuro.export.rates import Rates


class PlasticParts:
    """All that learns in these groups and synapses, behind ``updaters``, which take sums over synapses, in order.

    ``sums`` take them once more behind intervals, and ``changes`` follow; each with its interval in steps.
    """

    def __init__(
        self, b2: Any, rates: Rates, groups: Mapping[str, Any], synapses: Mapping[str, Any], updaters: Sequence[Any]
    ) -> None:
        self.b2, self.rates, self.groups, self.synapses = b2, rates, groups, synapses
        self.by_name = {one.name: one for one in rates.learnings}
        """What changes while the circuit runs, by its name among the parameters."""
        self.sums = [(every, r) for every in rates.intervals for r in self._sums_again(updaters, every)]
        self.changes: list[tuple[int, Any]] = []
        for regular in rates.regulars:
            runner = self.owner(regular.owner, regular.of_synapses).run_regularly(
                regular.code, dt=self._time(regular.every), when=regular.when, order=regular.order
            )
            if regular.when == BEHIND_INTERVALS:
                self.changes.append((regular.every, runner))

    def owner(self, name: str, of_synapses: bool) -> Any:
        """The group, or the synapses, of this name."""
        return self.synapses[name] if of_synapses else self.groups[name]

    def _time(self, steps: int) -> Any:
        return steps * self.rates.integrator.dt * self.b2.ms

    def _sums_again(self, updaters: Sequence[Any], every: int) -> list[Any]:
        from brian2.groups.group import CodeRunner

        return [
            CodeRunner(
                updater.group,
                updater.template,
                code=updater.abstract_code,
                needed_variables=updater.needed_variables,
                dt=self._time(every),
                when=BEHIND_INTERVALS,
                order=k - len(updaters),
                name=f"{updater.name}_every_{every}",
                template_kwds=updater.template_kwds,
            )
            for k, updater in enumerate(updaters)
        ]

    @property
    def parts(self) -> list[Any]:
        """What a network needs to be told of; all else belongs to groups and synapses."""
        return [runner for _, runner in self.sums]

    def note(self, steps: int) -> None:
        """What changes by intervals has changed until then."""
        for name, of_synapses in self.rates.interval_owners:
            self.owner(name, of_synapses).variables[NOTED[of_synapses]].set_value(self.rates.noted(steps))

    def end(self, steps: int) -> None:
        """Make the changes at the end of a run, which would else be made at the begin of the next one."""
        for every, runner in [*self.sums, *self.changes]:
            if steps % every == 0:
                runner.run()
        self.note(steps)

    def monitor(self, name: str, every: int, title: str) -> Any:
        """Looks at what learns every so many steps, before a step changes it."""
        one = self.by_name[name]
        owner = self.owner(one.owner, one.of_synapses)
        return self.b2.StateMonitor(
            owner,
            [one.variable],
            record=np.arange(self.rates.circuit.learned[name].size),
            dt=self._time(every),
            when="before_groups",
            name=f"{owner.name}_{one.variable}_{title}_monitor",
        )

    def seen(self, name: str, monitor: Any) -> np.ndarray:
        """What a monitor has seen of it, (times, \\*shape)."""
        return self._entries(name, np.array(getattr(monitor, self.by_name[name].variable)).T)

    def now(self, name: str) -> np.ndarray:
        """Its present value."""
        one = self.by_name[name]
        return self._entries(name, np.array(self.owner(one.owner, one.of_synapses).state(one.variable)))

    def _entries(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Values (..., neurons or synapses) as the parameter has them."""
        entries, shape = self.by_name[name].entries, self.rates.circuit.learned[name].shape
        flat = np.empty_like(rows)
        flat[..., slice(None) if entries is None else entries] = rows
        return flat.reshape((*rows.shape[:-1], *shape))
