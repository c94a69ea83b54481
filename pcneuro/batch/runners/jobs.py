"""Clusters with a queue of jobs: SLURM, PBS, LSF and SGE. Workers of Dask are jobs there, by dask-jobqueue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

from pcneuro.batch.extras import needed
from pcneuro.batch.runners.child import THREADS
from pcneuro.batch.runners.dask import AbstractDask
from pcneuro.errors import ConfigurationError
from pcneuro.quantities import whole
from pcneuro.studies.observer import AbstractObserver

NOWHERE = "tcp://SCHEDULER:PORT"
"""Stands in scripts that are shown for the address that the scheduler will have."""


@dataclass(frozen=True, kw_only=True)
class AbstractJobs(AbstractDask):
    """Workers that are jobs of a queue. The scheduler runs where this is called, which the nodes must reach.

    Parameters
    ----------
    memory
        Of a job, such as ``"8GB"``.
    cores
        Of a job: it has as many workers, of one thread each.
    jobs
        How many there are at most.
    adapt
        Jobs are started when there is work, and end without; else all are there until the end.
    queue, account, walltime
        As the queue has them, such as ``walltime = "02:00:00"``; account is the project of LSF and SGE.
    prologue
        Lines of the job script before workers start, such as ``module load python``.
    directives
        Further lines of its header, without ``#SBATCH`` or the like, such as ``--exclusive``.
    options
        Further keywords of dask-jobqueue's cluster, such as ``interface = "ib0"``.
    """

    memory: str
    cores: int = 1
    jobs: int = 1
    adapt: bool = False
    queue: str | None = None
    account: str | None = None
    walltime: str | None = None
    prologue: list[str] = field(default_factory=list)
    directives: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    cluster_name: ClassVar[str]
    """Its class in dask-jobqueue."""
    account_key: ClassVar[str] = "account"
    """What that calls the account."""

    def __post_init__(self) -> None:
        whole("cores", self.cores, 1)
        whole("jobs", self.jobs, 1)

    @property
    def workers(self) -> int:
        return self.jobs * self.cores

    def script(self) -> str:
        """The script of a job, as it will be submitted; no cluster is needed for it. Raises ConfigurationError."""
        job = self._class().job_cls
        return str(self._made(job, scheduler=NOWHERE, name="pcneuro").job_script())

    def refill(self, client: Any) -> None:
        if not self.adapt:
            client.cluster.scale(jobs=self.jobs)

    @contextmanager
    def client(self, observer: AbstractObserver) -> Iterator[Any]:
        with (
            self._made(self._class()) as cluster,
            needed("distributed").Client(cluster, set_as_default=False) as client,
        ):
            if self.adapt:
                cluster.adapt(minimum_jobs=0, maximum_jobs=self.jobs)
            else:
                cluster.scale(jobs=self.jobs)
            observer.say(f"{self.jobs} jobs are in the queue; the batch goes on as they start")
            yield client

    def _class(self) -> Any:
        return getattr(needed("dask_jobqueue"), self.cluster_name)

    def _made(self, kind: Any, **more: Any) -> Any:
        try:
            return kind(**self._keywords(), **more)
        except ConfigurationError:
            raise
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"runner {self.kind}: {' '.join(str(error).split())}") from None

    def _keywords(self) -> Mapping[str, Any]:
        given = {"queue": self.queue, self.account_key: self.account, "walltime": self.walltime}
        known = {
            "cores": self.cores,
            "processes": self.cores,
            "memory": self.memory,
            "job_name": "pcneuro",
            "job_script_prologue": [*(f"export {name}=1" for name in THREADS), *self.prologue],
            "job_extra_directives": list(self.directives),
            **{key: value for key, value in given.items() if value is not None},
        }
        for key in self.options:
            if key in known:
                raise ConfigurationError(f"runner {self.kind}: options: {key} is a key of the runner itself")
        return {**known, **self.options}


@final
@dataclass(frozen=True, kw_only=True)
class Slurm(AbstractJobs):
    """Jobs of SLURM."""

    kind: ClassVar[str] = "slurm"
    cluster_name: ClassVar[str] = "SLURMCluster"


@final
@dataclass(frozen=True, kw_only=True)
class Pbs(AbstractJobs):
    """Jobs of PBS."""

    kind: ClassVar[str] = "pbs"
    cluster_name: ClassVar[str] = "PBSCluster"


@final
@dataclass(frozen=True, kw_only=True)
class Lsf(AbstractJobs):
    """Jobs of LSF."""

    kind: ClassVar[str] = "lsf"
    cluster_name: ClassVar[str] = "LSFCluster"
    account_key: ClassVar[str] = "project"


@final
@dataclass(frozen=True, kw_only=True)
class Sge(AbstractJobs):
    """Jobs of SGE."""

    kind: ClassVar[str] = "sge"
    cluster_name: ClassVar[str] = "SGECluster"
    account_key: ClassVar[str] = "project"
