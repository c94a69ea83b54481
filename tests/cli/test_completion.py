"""Completion, asked for as bash does: files, examples, circuits, keys of ``--set``."""

import pytest

from pcneuro.cli.app import app


@pytest.fixture
def completed(folder, monkeypatch, capsys):
    """What bash is offered for a line whose last word is not finished."""

    def offered(line):
        monkeypatch.setenv("_PCNEURO_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        with pytest.raises(SystemExit):
            app(args=[], prog_name="pcneuro")
        return set(capsys.readouterr().out.split())

    return offered


@pytest.mark.parametrize(
    ("line", "offered", "never"),
    [
        ("pcneuro run x", {"x.toml"}, {"circuits.py"}),
        ("pcneuro run quick", {"quickstart"}, {"x.toml"}),
        ("pcneuro show c", {"circuits.py"}, {"x.toml"}),
        ("pcneuro run x.toml --set du", {"duration="}, {"samples="}),
        ("pcneuro run x.toml --set inputs.", {"inputs.x.kind="}, {"targets.out.kind="}),
        ("pcneuro run missing.toml --set du", set(), {"duration="}),
    ],
)
def test_what_is_offered_begins_so_and_fits(completed, line, offered, never):
    found = completed(line)
    assert offered <= found
    assert not never & found
    assert all(each.startswith(line.split(" ")[-1]) for each in found)
