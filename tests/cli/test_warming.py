"""``pcneuro cache warm``: who compiles what, and how far it is."""

import queue
from concurrent.futures import Future

import numpy as np
import pytest

from pcneuro.cli import warming
from pcneuro.cli.warming import Events, Learning, Loop, OperatorKernels
from pcneuro.kernels import dispatch


def test_every_operator_kernel_is_compiled_once_for_each_dtype():
    names = [(p.dtype, name) for p in warming.portions() if isinstance(p, OperatorKernels) for name in p.names]
    assert sorted(names, key=str) == sorted(
        ((np.dtype(dtype), name) for dtype in (np.float32, np.float64) for name in dispatch.KERNELS), key=str
    )


def test_what_takes_longest_comes_first():
    parts = warming.portions()
    assert [type(part) for part in parts[:2]] == [Events, Events]
    assert {type(part) for part in parts[2:6]} == {Loop, Learning}
    weights = [part.weight for part in parts[6:]]
    assert weights == sorted(weights, reverse=True)
    assert all(weight > 0 for weight in weights)


class Immediate:
    """Does in this process, one after the other, what it is given."""

    def __init__(self, workers, context, initializer, arguments):
        initializer(*arguments)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def submit(self, function, *arguments):
        future = Future()
        try:
            future.set_result(function(*arguments))
        except OSError as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait, cancel_futures):
        self.ended = not wait and cancel_futures


@pytest.fixture
def here(monkeypatch):
    """Portions that compile nothing, done in this process."""
    monkeypatch.setattr(warming, "ProcessPoolExecutor", Immediate)
    monkeypatch.setattr(warming, "get_context", lambda kind: type("Context", (), {"Queue": queue.Queue}))
    monkeypatch.setattr(warming, "compilation", type("Compilation", (), {"restart": lambda self: None})())
    parts = [Loop(np.dtype(np.float64)), Loop(np.dtype(np.float32))]
    monkeypatch.setattr(warming, "portions", lambda: parts)
    return parts


def test_progress_ends_when_all_is_compiled(here, monkeypatch):
    monkeypatch.setattr(Loop, "compile", lambda self: warming.compilation.report.show(0.5, str(self.dtype)))
    shown = []
    warming.warm(lambda share, name: shown.append((share, name)))
    assert shown[-1][0] == 1.0
    assert {name for _, name in shown} == {"float32"}


def test_there_is_no_progress_of_what_is_loaded(here, monkeypatch):
    monkeypatch.setattr(Loop, "compile", lambda self: None)
    shown = []
    warming.warm(lambda share, name: shown.append((share, name)))
    assert shown == []


def test_an_error_of_a_process_is_one_of_the_command(here, monkeypatch):
    def fail(self):
        raise OSError("no space left")

    monkeypatch.setattr(Loop, "compile", fail)
    with pytest.raises(OSError, match="no space left"):
        warming.warm(lambda share, name: None)
