"""What tests of the command line share."""

import pytest

from pcneuro.cli import main
from tests.studies.conftest import CIRCUITS, SMALL


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with circuits and a file that runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circuits.py").write_text(CIRCUITS)
    (tmp_path / "x.toml").write_text(SMALL)
    return tmp_path


@pytest.fixture
def pcneuro(folder, capsys):
    """Run a command; returns exit code, standard output and standard error."""

    def command(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def refused(pcneuro):
    """Run a command that must fail as bad input; returns its one line."""

    def command(*arguments):
        code, _, err = pcneuro(*arguments)
        assert code == 2, err
        lines = [line for line in err.splitlines() if not line.startswith("Compiling")]
        assert len(lines) == 1, err
        assert lines[0].startswith("pcneuro: ")
        return lines[0].removeprefix("pcneuro: ")

    return command
