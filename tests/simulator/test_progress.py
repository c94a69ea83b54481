"""A bar on a terminal, and what is said beside it."""

import io
import sys

import pytest

from pcneuro.kernels.progress import StandardError, compilation
from pcneuro.simulator.progress import Bar, silenced


class Terminal(io.StringIO):
    """Says that it is a terminal."""

    def isatty(self):
        return True


def test_what_is_compiled_is_shown_in_a_bar_that_is_there(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    with Bar("work", patience=0.0) as bar:
        assert isinstance(compilation.report, StandardError)
        bar.show(0.1, "epoch 1")
        compilation.report.show(0.37, "project")
        assert bar.bar.tasks[0].fields["note"] == "compiling kernels: 37 %, project"
        compilation.report.pause(0.5)
        assert bar.bar.tasks[0].fields["note"] == ""
    assert isinstance(compilation.report, StandardError)


def test_without_patience_a_line_comes_at_once(capsys):
    with Bar("work", patience=0.0) as bar:
        bar.show(0.0)
    assert capsys.readouterr().err == "work: 0 % after < 1s\n"


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_what_is_silenced_shows_nothing_at_all(stream, monkeypatch):
    monkeypatch.setattr("sys.stderr", stream())
    before = compilation.report
    with silenced(), Bar("work", patience=0.0) as bar:
        bar.show(0.5, "epoch 1")
        bar.say("a line")
        compilation.report.show(0.1, "project")
        compilation.report.pause(1.0)
    assert sys.stderr.getvalue() == ""
    assert compilation.report is before
    with Bar("work", patience=0.0) as bar:
        bar.show(0.5)
    assert sys.stderr.getvalue() != ""
