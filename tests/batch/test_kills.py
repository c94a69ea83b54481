"""Kills at random moments: a batch that goes on is that of an uninterrupted one, to the byte, and nothing is left."""

import os
import subprocess
import sys

import pytest

from pcneuro.batch.runners.child import environment

pytest.importorskip("zarr")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


def kill(folder, runs, seed, *kinds):
    command = [sys.executable, "-m", "tests.batch.killed_batch", str(folder), str(runs), str(seed), *kinds]
    told = folder.parent / "told"
    with told.open("w") as file:  # no pipe, which whoever is left would keep open
        ended = subprocess.run(command, env=environment(1), stdout=file, stderr=file)
    assert ended.returncode == 0, told.read_text()


@pytest.fixture
def folder(tmp_path):
    for place in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        place.chmod(0o755)  # read-only folders are tried as another user
    (tmp_path / "batches").mkdir()
    return tmp_path / "batches"


def test_what_is_killed_goes_on(folder):
    kill(folder, 40, 0, "shard:3", "full:1", "read_only:1")


@pytest.mark.long
def test_however_often_it_is_killed(folder):
    kill(folder, 200, 1, "shard:30", "client:15", "group:15", "worker:20", "full:10", "read_only:10")
