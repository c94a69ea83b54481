"""Locks: one client at a time, each shard once, and nothing of a holder that is dead."""

import errno
import json
import os
import subprocess
import sys

import pytest

from pcneuro.batch import locks
from pcneuro.batch.runners.child import environment
from pcneuro.errors import LockedError, PcneuroWarning

fcntl = pytest.importorskip("fcntl")
HOLD = """
from pathlib import Path
from pcneuro.batch import locks
with locks.client(Path({!r})):
    print(1, flush=True)
    input()
"""


def test_one_client_at_a_time(tmp_path):
    with locks.client(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["process"] == os.getpid()
        with pytest.raises(LockedError, match=rf"is being worked on by process {os.getpid()} on .*: wait for it"):
            with locks.client(tmp_path):
                pass
    with locks.client(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_dead_holder_holds_nobody_up(tmp_path):
    command = [sys.executable, "-c", HOLD.format(str(tmp_path))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment(1), **pipes) as other:
        assert other.stdout.readline() == "1\n"
        with pytest.raises(LockedError, match=f"process {other.pid}"), locks.client(tmp_path):
            pass
        other.kill()
        other.wait()
    assert (tmp_path / ".lock").exists()
    with locks.client(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_what_killed_shards_have_left_is_removed(tmp_path):
    for hold in (lambda: locks.client(tmp_path), lambda: locks.shard(tmp_path, "2-of-3")):
        (tmp_path / ".lock-shard-1-of-2").touch()
        with hold():
            pass
        assert not list(tmp_path.iterdir())


def test_shards_work_beside_each_other(tmp_path):
    with locks.shard(tmp_path, "1-of-2"):
        with locks.shard(tmp_path, "2-of-2"):
            pass
        with pytest.raises(LockedError, match=r"by process .*shard 1 of 2"), locks.client(tmp_path):
            pass
        with pytest.raises(LockedError, match="by process"), locks.shard(tmp_path, "1-of-2"):
            pass
    with locks.client(tmp_path):
        with pytest.raises(LockedError, match="by process"), locks.shard(tmp_path, "1-of-2"):
            pass
    assert not list(tmp_path.iterdir())


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refused(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.warns(PcneuroWarning, match="without locks"), locks.client(tmp_path):
        pass
