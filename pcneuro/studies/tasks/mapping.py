"""The task ``mapping``: a circuit on a neuromorphic chip, and what its events cost there."""

from __future__ import annotations

import json
from collections import abc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pcneuro.circuit.circuit import Circuit
from pcneuro.data import DATASETS, AbstractDataset
from pcneuro.engines import Engine, EventDriven
from pcneuro.errors import ConfigurationError, ParameterError
from pcneuro.files.toml import Problem, nearest
from pcneuro.mapping.activity import traffic_in_steps, traffic_of
from pcneuro.mapping.against_sanafe import TOLERANCE, hold_network
from pcneuro.mapping.assumed import AssumedRate
from pcneuro.mapping.axons import Axons
from pcneuro.mapping.chips import CHIPS, OWN, Chip, chip_of
from pcneuro.mapping.formatting import count, joule, not_priced, second, share
from pcneuro.mapping.mapping import MOST_SEED, mapped
from pcneuro.mapping.of_circuit import axons_of
from pcneuro.mapping.partition import STRATEGIES, AbstractStrategy
from pcneuro.mapping.result import Mapping
from pcneuro.mapping.tables import headline, remarks, tables
from pcneuro.mapping.traffic import Traffic
from pcneuro.recording.events import RecordEvents
from pcneuro.simulator.result import Status
from pcneuro.studies.datasets import examples
from pcneuro.studies.observer import PartObserver
from pcneuro.studies.tables import kind_table
from pcneuro.studies.task import DrivenTask, FinishedRun, Job, Outcome, TextTable, engines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAPPING = "mapping.nc"
"""File of a run."""
RUNNING = 0.5
"""Share of the work that the run by events takes, roughly."""
MOST = 6
"""So many runs of a sweep are drawn, the first ones."""
SUFFIX, SANAFE = ".toml", "sanafe"


def _known(chip: Any) -> Any:
    if isinstance(chip, str) and chip not in CHIPS and not chip.endswith(SUFFIX):
        raise Problem((), f"unknown chip; {nearest(chip, CHIPS)}; {OWN}")
    return chip


def _strategies(names: Any) -> Any:
    """Strategies by their names."""
    if not isinstance(names, list):
        return names
    for number, name in enumerate(names):
        if not isinstance(name, str) or name not in STRATEGIES:
            raise Problem((str(number),), f"unknown strategy; {nearest(str(name), sorted(STRATEGIES))}")
    return [STRATEGIES[name]() for name in names]


class MappingTask(DrivenTask):
    """Runs a circuit by events, or takes a ``rate``, puts it on a ``chip``, and counts and prices what is sent."""

    kind = "mapping"

    engine: Annotated[Engine, kind_table(engines, "EventDriven")] = EventDriven()
    """What computes the run by events; a table with a kind."""
    title: str = ""
    """What tables call it."""
    seed: int = Field(0, ge=0, le=MOST_SEED)
    """Seed of all that is drawn, the placement included."""
    chip: Annotated[str, BeforeValidator(_known)] = "loihi"
    """Name of a chip, or path of its file."""
    rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Events of each neuron a step, assumed: nothing is run then."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Steps of a sample, with rate."""
    on_chip_inputs: bool = True
    """Whether inputs have neurons of their own on the chip."""
    together: bool = True
    """Whether the value and error neurons of a unit are on one core."""
    strategies: Annotated[list[AbstractStrategy] | None, BeforeValidator(_strategies)] = Field(None, min_length=1)
    """Ways to divide neurons among cores, of which the best is taken; names such as "greedy", or tables with a kind."""
    dataset: Annotated[AbstractDataset | None, kind_table(lambda: DATASETS)] = None
    """Data set that samples are taken from, instead of inputs and targets; a table with a kind."""
    against: str = ""
    """A simulator of chips to compare with: "sanafe"."""
    tolerance: float = Field(TOLERANCE, ge=0, allow_inf_nan=False)
    """Largest relative difference that is agreement."""

    @classmethod
    def set_to_check(cls, against: str, tolerance: float | None) -> list[str]:
        more = [] if tolerance is None else [f"tolerance={tolerance!r}"]
        return [f"against={json.dumps(against)}", *more]

    @field_validator("against")
    @classmethod
    def _target(cls, name: str) -> str:
        if name not in ("", SANAFE):
            raise Problem((), f"is for mappings {SANAFE!r}: hold the circuit itself against others, by a file of a run")
        return name

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.rate is None) != (self.steps is None):
            missing = "steps" if self.steps is None else "rate"
            raise Problem((missing,), "is missing: a rate, in events a step, is given with the steps of a sample")
        if self.rate is not None:
            for key in ("duration", "until", "dataset", "inputs", "targets", "clamp"):
                if getattr(self, key):
                    raise Problem((key,), "is for a run, and rate takes the place of one: leave one of them out")
            return self
        if self.duration is None and self.until is None:
            raise Problem(("duration",), "is missing: the time to simulate, in ms, or give rate and steps")
        if self.duration is not None and self.until is not None:
            raise Problem(("until",), "stands beside duration: give one of the two, and limit in until")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not isinstance(self.engine, EventDriven):
            raise Problem(("engine",), "needs to be EventDriven: what is mapped are its events")
        if self.dataset is not None and (self.inputs or self.targets):
            raise Problem(("dataset",), "stands beside inputs or targets: give one of the two")
        return self

    def data(self, job: Job) -> dict[str, dict[str, Any]]:
        if self.dataset is None:
            return super().data(job)
        first, _ = examples(self.dataset.load(), job.circuit, self.samples, None)
        return {"inputs": dict(first.inputs), "targets": dict(first.targets), "clamp": {}}

    def check(self, circuit: Circuit) -> None:
        if self.rate is None:
            super().check(circuit)

    @classmethod
    def parts(cls, run: FinishedRun, pictures: abc.Mapping[str, str]) -> list[str] | None:
        from pcneuro.mapping.report import parts

        return parts(run.outcome.detail, pictures)

    def perform(self, job: Job) -> Outcome:
        chip = self._chip(job.folder)
        data = {} if self.rate is not None else self.data(job)
        held = None
        if data:
            outputs = job.circuit.graph.outputs
            held = [outputs[n].name if n in outputs else n for n in (*data["targets"], *data["clamp"])]
        axons = axons_of(job.circuit, clamped=held, inputs=self.on_chip_inputs)
        traffic, status, message = self._activity(job, axons, data)
        rest = PartObserver(job.observer, 0.0 if self.rate is not None else RUNNING, RUNNING)
        made = mapped(
            axons,
            chip,
            traffic,
            self.strategies,
            seed=self.seed,
            together=self.together,
            tell=rest.progress,
        )
        made.to_netcdf(job.stream(MAPPING))
        numbers = {"title": self.title, "chip": chip.name, **_numbers(made)}
        if job.observer.stopped and status is Status.COMPLETED:
            status, message = Status.INTERRUPTED, "interrupted while the circuit was mapped, which came to its end"
        elif self.against:
            job.observer.say("The same by SANA-FE")
            numbers |= self._held(axons, made, self._replayed(job, axons, data, traffic))
        numbers_only = made.data.drop_dims(["neuron", "core", "link"])
        return Outcome(numbers, numbers_only, status, message, job.circuit, detail=made)

    def _activity(self, job: Job, axons: Axons, data: dict[str, dict[str, Any]]) -> tuple[Traffic, Status, str]:
        """What axons send: of a run, all of whose events are recorded, or as it is assumed."""
        if self.rate is not None and self.steps is not None:
            return AssumedRate(self.rate, self.steps).traffic(axons), Status.COMPLETED, "completed the mapping"
        watched = replace(job, observer=PartObserver(job.observer, 0.0, RUNNING))
        events = RecordEvents(samples=[0])
        result = self.simulate(watched, self.simulator(job.circuit), data, [], events)
        if result.status is Status.DIVERGED:
            raise ParameterError(f"the run by events diverged, and there is nothing to map: {result.message}")
        return traffic_of(axons, result), result.status, f"{result.message}, and the mapping"

    def _replayed(self, job: Job, axons: Axons, data: dict[str, dict[str, Any]], traffic: Traffic) -> Traffic:
        """Traffic that says when each axon sends: where dendrites send by themselves, of a run step by step."""
        if traffic.raster is not None or not data:
            return traffic
        return traffic_in_steps(axons, self.simulator(job.circuit), traffic.steps * self.integrator.dt, **data)

    def _held(self, axons: Axons, made: Mapping, traffic: Traffic) -> dict[str, Any]:
        """How the numbers of a mapping agree with SANA-FE's, of the sample whose events are recorded."""
        core, slot = made.data["core_of"].values, made.data["slot"].values
        held = hold_network(axons, core, slot, made.chip, traffic, self.tolerance)
        return {
            "against": self.against,
            "tolerance": self.tolerance,
            "worst": held.worst,
            "agrees": held.agrees,
            "quantities": {row.quantity: {"pcneuro": row.ours, self.against: row.sanafe} for row in held.rows},
        }

    def _chip(self, folder: Path) -> Chip:
        """The chip; files are looked for beside that of the simulation, and above it."""
        if not self.chip.endswith(SUFFIX):
            return chip_of(self.chip)
        places = [place / self.chip for place in (folder, folder.parent, Path.cwd())]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            looked = ", ".join(str(folder) for folder in dict.fromkeys(place.parent for place in places))
            raise ConfigurationError(f"chip = {self.chip!r}: there is no such file in {looked}")
        return chip_of(found)

    @classmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        from pcneuro.mapping.plot.figures import figures

        drawn: dict[str, Figure] = {}
        for number, run in enumerate(runs[:MOST]):
            ending = f"-{number}" if len(runs) > 1 else ""
            drawn |= {f"{name}{ending}": figure for name, figure in figures(run.outcome.detail).items()}
        return drawn

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        if len(runs) == 1:
            made: Mapping = runs[0].outcome.detail
            whole = [TextTable(table.title, table.columns, table.rows) for table in tables(made)]
            first, beside = ([[line.strip()] for line in of(made)] for of in (headline, remarks))
            notes = [TextTable("Beside the numbers", ["note"], beside)] if beside else []
            return [TextTable("Mapping", ["what"], first), *whole, *notes, *_agreement(runs[0])]
        columns = ["run", "chip", "cores", "packets", "of natural", "hops", "energy of a gradient", "time of a sample"]
        held = [table for run in runs for table in _agreement(run)]
        rows, missing = [_row(run) for run in runs], [", ".join(not_priced(run.outcome.detail.data)) for run in runs]
        if any(missing):
            columns = [*columns, "not priced"]
            rows = [[*row, parts] for row, parts in zip(rows, missing, strict=True)]
        return [TextTable("Mappings", columns, rows), *held]


def _numbers(made: Mapping) -> dict[str, Any]:
    """The numbers of a mapping for the summary."""
    data = made.data
    single = {str(name): variable.item() for name, variable in data.data_vars.items() if not variable.dims}
    return {
        **single,
        "neurons": data.sizes["neuron"],
        "synapses": data.attrs["synapses"],
        "cores": data.sizes["core"],
        "energy_sample_pj": made.energy,
        "energy_gradient_pj": made.energy_gradient,
        "time_sample_ns": made.time,
        "orders": dict(zip(data["order"].values.tolist(), data["order_packets"].values.tolist(), strict=True)),
        "notes": remarks(made),
    }


def _agreement(run: FinishedRun) -> list[TextTable]:
    """A table of how a mapping agrees with SANA-FE, where it was held against it."""
    numbers = run.outcome.numbers
    if "quantities" not in numbers:
        return []
    rows = [[name, *(f"{value:.12g}" for value in both.values())] for name, both in numbers["quantities"].items()]
    verdict = "agree" if numbers["agrees"] else "do not agree"
    title = f"pcneuro and SANA-FE {verdict}: relative error {numbers['worst']:.2g} at most, of the first sample"
    return [TextTable(f"{title} ({run.label})" if run.label else title, ["", "pcneuro", "SANA-FE"], rows)]


def _row(run: FinishedRun) -> list[str]:
    made: Mapping = run.outcome.detail
    natural = float(made.data["order_packets"].values[0])
    return [
        run.outcome.numbers["title"] or run.label,
        made.chip.name,
        f"{made.data.sizes['core']:,}",
        count(made.packets),
        share(made.packets, natural),
        count(made.hops),
        " to ".join(dict.fromkeys(joule(each) for each in made.energy_gradient)),
        " to ".join(dict.fromkeys(second(each) for each in made.time)),
    ]
