"""Dask: the rows of one process, whoever dies, and scripts for queues of jobs."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from pcneuro.batch import Batch
from pcneuro.batch.runners import Dask, Lsf, Pbs, Sge, Slurm
from pcneuro.batch.runners.child import environment
from pcneuro.batch.tasks import DEADLY
from pcneuro.errors import ConfigurationError, WorkerError
from pcneuro.studies.observer import Silent
from tests.batch.small import contents, written

pytest.importorskip("zarr")
distributed = pytest.importorskip("distributed")


def test_rows_do_not_depend_on_who_did_them(tmp_path):
    batch = Batch(written(tmp_path), {"arguments.weight": [0.5, 1.0, 1.5, 2.0, 2.5]})
    alone = batch.run(tmp_path / "alone")
    shared = batch.run(tmp_path / "shared", Dask(number=1))
    assert contents(shared.folder) == contents(alone.folder)


@pytest.mark.long
def test_a_run_that_kills_all_its_workers_is_a_row(tmp_path):
    rows = Batch(written(tmp_path), {"arguments.deadly": [False, True, False]}).run(tmp_path / "out", Dask(number=1))
    assert rows.dataset()["status"].values.tolist() == [1, 2, 1]
    assert rows.dataset()["message"].values[1] == DEADLY


def test_a_scheduler_that_does_not_answer(tmp_path):
    with pytest.raises(ConfigurationError, match=r"scheduler at tcp://127.0.0.1:9 does not answer: waited 0.5 s"):
        Batch(written(tmp_path), {"arguments.weight": [0.5, 1.0]}).run(
            tmp_path / "out", Dask("tcp://127.0.0.1:9", wait=0.5)
        )
    assert not (tmp_path / "out").exists()


def test_another_server_at_the_address_of_a_scheduler():
    """The bytes of its answer are taken for the count of frames that follow, for which no memory is enough."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with suppress(OSError):  # closed at the end
                while True:
                    with server.accept()[0] as connection:
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match=f"scheduler at {address} does not answer"):
            with Dask(address, wait=2.0).client(Silent()):
                pass


class KillsAfterTheFirst(Silent):
    """Kills a process when the first block is done."""

    def __init__(self, process):
        self.process = process

    def progress(self, share, note=""):
        self.process.kill()


class StopsAfterTheFirst(Silent):
    """As Ctrl-C when the first block is done."""

    def progress(self, share, note=""):
        self.stopped = self.stopped or share > 0


def test_workers_at_an_address_complete_their_block_after_ctrl_c_and_begin_no_other(tmp_path):
    batch = Batch(written(tmp_path), {"arguments.seconds": [0.0, 0.0] + [0.5 + 1e-3 * k for k in range(4)]}, block=1)
    local = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**local) as cluster:
        runner = Dask(cluster.scheduler_address)
        stopped = batch.run(tmp_path / "out", runner, observer=StopsAfterTheFirst())
        assert sorted(stopped.done()) == [0, 1]
        deadline = time.monotonic() + 10.0
        while len(stopped.done()) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1.0)  # in which it would have done two more
        assert sorted(stopped.done()) == [0, 1, 2]


@pytest.mark.long
def test_a_scheduler_that_dies_is_told_in_one_line_and_the_rest_is_done_later(tmp_path):
    address = tmp_path / "address.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--scheduler-file", str(address)]
    quiet = {"env": environment(1), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen([*command, "--no-dashboard"], **quiet)
    try:
        with distributed.Client(scheduler_file=str(address), timeout=60, set_as_default=False) as client:
            place = client.scheduler.address
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", place, "--nthreads", "1", "--no-dashboard"]
        workers = subprocess.Popen([*worker, "--death-timeout", "20"], **quiet)
        batch = Batch(written(tmp_path), {"arguments.seconds": [0.2] * 20})
        with pytest.raises(WorkerError, match="is gone; what is done is kept: the same command goes on with the rest"):
            batch.run(tmp_path / "out", Dask(place), observer=KillsAfterTheFirst(scheduler))
    finally:
        for process in (scheduler, workers):
            process.kill()
            process.wait()
    assert len(batch.run(tmp_path / "out").done()) == 20


@pytest.mark.parametrize(
    ("runner", "lines"),
    [
        (Slurm, ["#SBATCH -p long", "#SBATCH -A me", "#SBATCH --cpus-per-task=2", "#SBATCH -t 02:00"]),
        (Pbs, ["#PBS -q long", "#PBS -A me", "#PBS -l walltime=02:00"]),
        (Lsf, ["#BSUB -q long", '#BSUB -P "me"', "#BSUB -n 2", "#BSUB -W 02:00"]),
        (Sge, ["#$ -q long", "#$ -P me", "#$ -l h_rt=02:00"]),
    ],
)
def test_scripts_of_jobs_need_no_cluster(runner, lines):
    pytest.importorskip("dask_jobqueue")
    script = runner(
        memory="4GB", cores=2, queue="long", account="me", walltime="02:00", prologue=["module load python"]
    ).script()
    own = ["export NUMBA_NUM_THREADS=1", "module load python"]
    assert [line for line in [*lines, *own] if line not in script.splitlines()] == []
    assert "distributed.cli.dask_worker tcp://SCHEDULER:PORT" in script
    assert "--nthreads 1" in script
    assert "--nworkers 2" in script


def test_wrong_keys_of_jobs():
    pytest.importorskip("dask_jobqueue")
    with pytest.raises(ConfigurationError, match=r"runner slurm: .*nonsense"):
        Slurm(memory="4GB", options={"nonsense": 1}).script()
    with pytest.raises(ConfigurationError, match="options: cores is a key of the runner itself"):
        Slurm(memory="4GB", options={"cores": 1}).script()


def test_who_computes_is_left_as_it_is(tmp_path):
    """Arrays of xarray are computed in this process while a batch goes on, and behind it."""
    dask = pytest.importorskip("dask")
    before = dask.config.get("scheduler", None)
    with Dask(number=1).client(Silent()):
        assert dask.config.get("scheduler", None) == before
    assert dask.config.get("scheduler", None) == before
