"""Scripts of jobs: what they say is what runs."""

import os
import shutil
import subprocess

import pytest

from pcneuro.batch import Store
from pcneuro.batch.runners.child import environment
from pcneuro.cli import main
from tests.batch.small import written

pytest.importorskip("zarr")
SWEEP = "[sweep]\n'arguments.weight' = [0.5, 1.0, 1.5]\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is one of bash")
def test_jobs_of_an_array_are_shards(tmp_path, monkeypatch, capsys):
    """Two jobs, done as SLURM does them: with their number in the environment."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path, SWEEP + "[batch]\nblock = 1\n")
    assert main(["batch", "script", "small.toml", "--shards", "2", "--out", "out", "--set", "duration=4.0"]) == 0
    told = capsys.readouterr()
    assert "#SBATCH --array=1-2\n" in told.out
    assert "sbatch small.sh" in told.err
    (tmp_path / "small.sh").write_text(told.out, encoding="utf-8")
    for number in ("1", "2"):
        job = {**environment(1), "SLURM_ARRAY_TASK_ID": number}
        subprocess.run(["bash", "small.sh"], env=job, check=True, capture_output=True)
    rows = Store.open(tmp_path / "out").dataset()
    assert rows["status"].values.tolist() == [1, 1, 1]
    assert rows["time"].values.tolist() == [4.0] * 3
    assert not [name for name in os.listdir(tmp_path / "out") if name.startswith(".")]


def test_the_script_of_a_runner_that_has_jobs(tmp_path, capsys):
    pytest.importorskip("dask_jobqueue")
    file = written(tmp_path, SWEEP + "[batch.runner]\nkind = 'slurm'\nmemory = '4GB'\nqueue = 'long'\n")
    assert main(["batch", "script", str(file)]) == 0
    assert "#SBATCH -p long\n" in capsys.readouterr().out


def test_help_has_the_names_of_tables(capsys):
    main(["batch", "script", "--help"])
    assert "[batch.runner]" in capsys.readouterr().out


def test_a_runner_without_jobs_has_no_script(tmp_path, capsys):
    assert main(["batch", "script", str(written(tmp_path, SWEEP))]) == 2
    assert "[batch.runner] kind = 'processes' has no jobs" in capsys.readouterr().err


def test_names_with_line_breaks_have_no_script(tmp_path, capsys):
    """The second line of such a name would be a command of the script."""
    path = written(tmp_path).rename(tmp_path / "a\ntouch b.toml")
    assert main(["batch", "script", str(path), "--shards", "2"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "has a line break, which no script of a job can have" in told.err
