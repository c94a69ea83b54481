"""Local processes: the rows of one process, whoever dies on the way."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pcneuro.batch import Batch
from pcneuro.batch.runners import Processes
from pcneuro.batch.runners.child import environment
from pcneuro.batch.tasks import DEADLY
from pcneuro.errors import OutputError, ParameterError
from pcneuro.studies.observer import Silent
from tests.batch import functions
from tests.batch.small import contents, written

pytest.importorskip("zarr")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes are killed")
WEIGHTS = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


def test_rows_do_not_depend_on_who_did_them(tmp_path):
    batch = Batch(written(tmp_path), {"arguments.weight": WEIGHTS})
    alone = batch.run(tmp_path / "alone")
    shared = batch.run(tmp_path / "shared", Processes(2))
    assert alone.dataset()["status"].values.tolist() == [1] * len(WEIGHTS)
    assert contents(shared.folder) == contents(alone.folder)


def test_a_worker_that_dies_is_replaced(tmp_path):
    path = written(tmp_path, "arguments = {once = true}\n")
    batch = Batch(path, {"arguments.weight": WEIGHTS})
    assert batch.run(tmp_path / "out", Processes(2)).dataset()["status"].values.tolist() == [1] * len(WEIGHTS)
    assert (tmp_path / "died").exists()


def test_a_run_that_kills_all_its_workers_is_a_row(tmp_path):
    rows = Batch(written(tmp_path), {"arguments.deadly": [False, True, False]}).run(tmp_path / "out", Processes(1))
    assert rows.dataset()["status"].values.tolist() == [1, 2, 1]
    assert rows.dataset()["message"].values[1] == DEADLY


def test_a_first_run_that_kills_is_a_row(tmp_path):
    """It tells nobody what rows are like; the next one does."""
    rows = Batch(functions.exiting, {"code": [1, 0, 1]}, block=1).run(tmp_path / "out", Processes(1))
    assert rows.dataset()["status"].values.tolist() == [2, 1, 2]
    assert rows.dataset()["message"].values.tolist() == [DEADLY, "", DEADLY]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_what_workers_are_told_is_not_read_by_runs(tmp_path):
    """Input of this process is empty, as pytest has it."""
    rows = Batch(functions.reading, {"width": [1, 2, 3]}, block=1).run(tmp_path / "out", Processes(1)).dataset()
    assert rows["read"].values.tolist() == [0, 0, 0]


def test_what_a_worker_cannot_write_is_told_in_one_line(tmp_path):
    """The folder of a file that goes with each block is a file here, which no user may write into."""
    batch = Batch(written(tmp_path), {"arguments.weight": WEIGHTS})
    store = batch.run(tmp_path / "out")
    shutil.rmtree(store.folder / "provenance")
    shutil.rmtree(store.folder / "runs.zarr/status/c")
    (store.folder / "provenance").touch()
    with pytest.raises(OutputError, match=r"cannot write .*out: .*; what was there is as it was"):
        batch.run(tmp_path / "out", Processes(1))


class StopsAfterTheFirst(Silent):
    def progress(self, share, note=""):
        self.stopped = True


def test_what_is_stopped_goes_on(tmp_path):
    batch = Batch(written(tmp_path), {"arguments.weight": WEIGHTS, "arguments.seconds": [0.05]})
    store = batch.run(tmp_path / "out", Processes(2), observer=StopsAfterTheFirst())
    assert 0 < len(store.done()) < len(WEIGHTS)
    assert len(batch.run(tmp_path / "out").done()) == len(WEIGHTS)


def test_workers_end_when_their_parent_is_killed(tmp_path):
    path = written(tmp_path)
    code = (
        "from pcneuro.batch import Batch; from pcneuro.batch.runners import Processes;"
        f"Batch({str(path)!r}, {{'arguments.seconds': [0.1] * 1000}}).run({str(tmp_path / 'out')!r}, Processes(2))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment(1))
    chunks = tmp_path / "out/runs.zarr/status/c"
    while not (chunks.exists() and len(list(chunks.iterdir())) > 2) and parent.poll() is None:
        time.sleep(0.05)
    workers = [p for p in processes() if str(tmp_path / "out") in command(p) and "begin.py" in command(p)]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    killed = time.monotonic()
    assert workers
    while any("begin.py" in command(p) for p in workers):
        assert time.monotonic() - killed < 10
        time.sleep(0.05)
    assert not list((tmp_path / "out").rglob("*.partial"))


def processes():
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def command(process):
    """Command line of a process; empty where there is none, or what is left of it waits for its parent."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize("number", [0, -1, 1.5, True, "2"])
def test_no_number_of_processes(number):
    with pytest.raises(ParameterError, match="number of processes"):
        Processes(number)


def test_processes_share_the_processors(monkeypatch):
    code = "from pcneuro.engines.kernel.threads import available_threads; print(available_threads())"
    told = subprocess.run([sys.executable, "-c", code], env=environment(1), capture_output=True, text=True, check=True)
    assert told.stdout == "1\n"
