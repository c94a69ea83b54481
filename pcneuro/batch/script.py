"""Scripts for clusters: an array of SLURM jobs that each do a shard of a batch, with no scheduler beside SLURM."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from pcneuro.batch.runners.child import THREADS
from pcneuro.errors import ConfigurationError

ARRAY = """\
#!/usr/bin/env bash
# Shards of {file}: each job of the array does one of {count}, into one store, which all nodes must see.
# Submit it:    sbatch {script}
# How far it is: pcneuro batch status {out}
# What a killed job has left to do is done by submitting this again: what is done is not done twice.
#SBATCH --job-name={name}
#SBATCH --array=1-{count}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --time=01:00:00
#SBATCH --output={name}-%A_%a.log
set -euo pipefail
{threads}
cd {folder}
exec {python} -m pcneuro run {file} --out {out}{sets} --shard "$SLURM_ARRAY_TASK_ID/{count}"
"""


def array_script(file: Path, out: Path, count: int, script: str, sets: Sequence[str] = ()) -> str:
    """The script of an array of ``count`` SLURM jobs for a simulation file; memory and time are to be adapted.

    ``sets`` are set in the file, as by ``--set``. Raises ConfigurationError for names and values with line breaks, of
    which a comment of the script would make commands.
    """
    for text in (str(file), str(out), script, *sets):
        if text.splitlines() not in ([], [text]):
            raise ConfigurationError(f"{text!r} has a line break, which no script of a job can have: rename it")
    return ARRAY.format(
        file=shlex.quote(str(file)),
        out=shlex.quote(str(out)),
        sets="".join(f" --set {shlex.quote(each)}" for each in sets),
        count=count,
        script=shlex.quote(script),
        name=shlex.quote(file.stem),
        threads="\n".join(f"export {name}=1" for name in THREADS),
        folder=shlex.quote(str(Path.cwd())),
        python=shlex.quote(sys.executable),
    )
