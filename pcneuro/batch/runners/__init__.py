"""Runners of batches, one a file: this process, processes of this machine, Dask."""

from pcneuro.batch.runners.abstract import RUNNERS, AbstractRunner
from pcneuro.batch.runners.dask import Dask
from pcneuro.batch.runners.here import Here
from pcneuro.batch.runners.jobs import AbstractJobs, Lsf, Pbs, Sge, Slurm
from pcneuro.batch.runners.processes import Processes
from pcneuro.batch.runners.shard import Shard

__all__ = [
    "RUNNERS",
    "AbstractJobs",
    "AbstractRunner",
    "Dask",
    "Here",
    "Lsf",
    "Pbs",
    "Processes",
    "Sge",
    "Shard",
    "Slurm",
]
