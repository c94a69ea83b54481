"""Wrong values for the keys of simulation files, by what each key holds; the keys are those of the models."""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pcneuro.studies.run  # noqa: F401  tasks register themselves where they are imported
from pcneuro.batch.runners import RUNNERS, Shard
from pcneuro.batch.table import BatchTable
from pcneuro.data import DATASETS
from pcneuro.export.spiking import Spiking
from pcneuro.files.toml import Problem, checked
from pcneuro.learning import OPTIMIZERS, RATES
from pcneuro.model.delays import DELAYS
from pcneuro.model.dynamics.abstract import DYNAMICS
from pcneuro.model.integrators.abstract import INTEGRATORS
from pcneuro.model.settled import Settled
from pcneuro.recording.events import RecordEvents
from pcneuro.recording.record import Record
from pcneuro.simulator.schedules.abstract import SCHEDULES
from pcneuro.studies.file import BATCH
from pcneuro.studies.tables import made_from, settings_of
from pcneuro.studies.task import TASKS, engines
from pcneuro.studies.values import VALUES

DAY = datetime.date(2020, 1, 1)
HUGE = 10**400
# Shares to test with are held against the data's size where these are loaded, and NaN with them.
BANKS: dict[str, list[Any]] = {
    "number": ["x", "1.0", True, [], [1.0], {"nope": 1}, DAY, float("nan"), float("-inf"), HUGE],
    "drawn": ["x", "0.5", True, [], [0.5], {"nope": 1}, DAY, HUGE],
    "threshold": ["x", True, [1], DAY, {"kind": "Nope"}, {"kind": 3}, -1.0, float("nan")],
    "whole": [1.5, "x", "1", True, [], [1], {"nope": 1}, DAY, float("nan"), float("inf")],
    "text": [1, 1.5, True, [], ["x"], {"nope": 1}, DAY],
    "flag": [0, 1, "true", "no", [], DAY, {"nope": 1}],
    "list": [1, "x", True, {"nope": 1}, DAY, [{"nope": 1}]],
    "names": [1, "x", True, [1], DAY],
    "intervals": ["x", True, [1.0], [1.0, 2.0, 3.0], DAY, -1.0, {"nope": 1}],
    "trials": [1, "x", True, {"nope": 1}, DAY, [1]],
    "table": ["x", True, [1], DAY, {"nope": 1}, {"kind": "Nope"}, {"kind": 3}],
}
WANTED = {
    "number": "duration tolerance every temperature dt rate momentum weight_decay clip beta1 beta2 epsilon by least "
    "step gravity damping noise ms median sigma low high mean scale rtol atol limit grid tail before after velocity "
    "wait",
    "whole": "seed samples epochs batch_size seeds test_samples sample_length threads train test length steps repeats "
    "replicates block number cores jobs",
    "text": "task circuit description dtype against title target data output folder vocabulary path vertex variable "
    "experiment table chip address memory queue account walltime",
    "flag": "shuffle pack adapt periodic absolute may_diverge continuous coarse overwrite together on_chip_inputs",
    "list": "strategies trial record perturb parameters thresholds modes units durations shares batches vertices kinds "
    "keep prologue directives",
    "names": "inputs targets clamp arguments options rest perturbations",
    "table": "between dynamics integrator schedule engine delays until events spiking dataset learning optimizer rates "
    "threshold mode values errors decoding runner",
}
"""What keys of these names hold, but for ``OTHERS``."""
OTHERS = {
    ("StepDecay", "every"): "whole",
    ("digits", "test"): "drawn",
    ("mnist5k", "test"): "drawn",
    ("names", "test"): "drawn",
    ("pendulum", "test"): "drawn",
    ("shakespeare", "test"): "number",
    ("EventDriven", "threshold"): "threshold",
    ("EventDriven", "values"): "threshold",
    ("Record", "samples"): "list",
    ("RecordEvents", "samples"): "list",
    ("DistanceDelay", "source"): "list",
    ("DistanceDelay", "target"): "list",
    ("SynapticDelays", "values"): "list",
    ("given", "values"): "text",
    ("protocol", "by"): "text",
    ("protocol", "interval"): "intervals",
    ("protocol", "trial"): "trials",
    ("protocol", "values"): "names",
}
BASE: Mapping[str, Mapping[str, Any]] = {
    "check": {"against": "reference"},
    **{kind: {"memory": "4GB"} for kind in ("slurm", "pbs", "lsf", "sge")},
    "protocol": {"record": [{"vertex": "h"}], "trial": [{"duration": 20.0}]},
    "experiment": {"experiment": "file.py:function"},
    "timed": {"dt": 1.0, "path": "x.npy"},
    "training": {"duration": 1.0, "dataset": {"kind": "digits"}, "optimizer": {"rate": 0.1}},
    "spiking": {"units": [1]},
    "SGD": {"rate": 0.1},
    "StepDecay": {"every": 1},
    "ExponentialDecay": {"by": 0.5},
    "CosineDecay": {"epochs": 1},
    "DistanceDelay": {"source": [[0.0]], "target": [[1.0]], "velocity": 1.0},
    "LognormalDelay": {"median": 1.0, "sigma": 0.5},
    "UniformDelay": {"low": 1.0, "high": 2.0},
    "Record": {"vertex": "h"},
}
"""Keys without which there is no such table."""
FREE = {("given", "values")}
"""Keys that the file gives without a table of their own."""


@dataclass(frozen=True)
class Key:
    """A key of the table of a task or of an object, by its kind."""

    owner: str
    name: str

    @property
    def holds(self) -> str:
        """What it holds; KeyError for a key of which nothing is said above."""
        known = {name: what for what, names in WANTED.items() for name in names.split()}
        return OTHERS.get((self.owner, self.name)) or known[self.name]

    def read(self, value: Any) -> Any:
        """Read a table in which this key has this value. Raises Problem."""
        table = {**BASE.get(self.owner, {}), self.name: value}
        if self.owner == BATCH:
            return checked(BatchTable, table)
        if self.owner in TASKS:
            return checked(TASKS[self.owner], {"task": self.owner, "circuit": "file.py:function"} | table)
        return made_from({self.owner: objects()[self.owner]}, self.owner, table)

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"


def objects() -> dict[str, type]:
    """All that a table with a kind may stand for."""
    registries = (INTEGRATORS, DYNAMICS, SCHEDULES, engines(), OPTIMIZERS, RATES, DATASETS, DELAYS, VALUES, RUNNERS)
    made: dict[str, type] = {each.__name__: each for each in (Record, RecordEvents, Settled, Spiking)}
    for registry in registries:
        # What other tests register is theirs.
        made |= {n: each for n, each in registry.items() if each.__module__.startswith("pcneuro")}
    # Which shard it is, is said on the command line.
    return {name: each for name, each in made.items() if not inspect.isabstract(each) and each is not Shard}


def keys() -> Iterator[Key]:
    """Every key of every table."""
    for kind, task in TASKS.items():
        if task.__module__.startswith("pcneuro"):
            yield from (Key(kind, name) for name in task.model_fields)
    yield from (Key(BATCH, name) for name in BatchTable.model_fields)
    for kind, made in objects().items():
        yield from (Key(kind, name) for name in settings_of(made).model_fields if (kind, name) not in FREE)


def fault(key: Key, value: Any) -> str:
    """What is wrong with how a value is met; empty where it is refused in a line that names the key."""
    try:
        key.read(value)
    except Problem as problem:
        text = f"{'.'.join(problem.path)}: {problem.text}"
        if "\n" in text or len(text) > 400 or key.name not in text:
            return text
        return ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "taken"
