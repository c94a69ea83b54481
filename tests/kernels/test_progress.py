"""What is said while kernels are compiled: at once, only then, and how far it is."""

import io
import threading
import time

import numpy as np
import pytest

from pcneuro.kernels import progress
from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.progress import AbstractReport, Compilation, StandardError, name_of, weights


class Kept(AbstractReport):
    """Keeps what it is given."""

    def __init__(self):
        self.shares, self.names, self.pauses = [], [], []

    def show(self, share, name):
        self.shares.append(share)
        self.names.append(name)

    def pause(self, share):
        self.pauses.append(share)


@inner(cache=False)
def _twice(x):
    return 2 * x


@inner(cache=False)
def _either(x, doubled):
    return _twice(x) if doubled else x


@kernel(cache=False)
def both(x):
    """3 x."""
    return _either(x, True) + _either(x, False)


@kernel(cache=False)
def thrice(x):
    """The same."""
    return _twice(x) + x


TWICE, EITHER, BOTH = (name_of(function) for function in (_twice, _either, both))


@pytest.fixture
def compilation(monkeypatch):
    """A compilation that nothing else takes part in."""
    made = Compilation(Kept())
    monkeypatch.setattr(progress, "compilation", made)
    return made


def anew(function):
    """The same function, not compiled yet."""
    return kernel(function.py_func, cache=False)


needs_compiler = pytest.mark.skipif(not hasattr(both, "py_func"), reason="without JIT")


@needs_compiler
def test_all_compiled_functions_that_are_called_have_a_weight():
    assert set(weights(both)) == {BOTH, EITHER, TWICE}
    assert all(weight > progress.WRAPPING for weight in weights(both).values())


@needs_compiler
def test_compiling_is_shown_and_nothing_else(compilation):
    function = anew(both)
    assert function(2.0) == 6.0
    report = compilation.report
    assert report.shares[0] == 0.0
    assert report.shares == sorted(report.shares)
    assert set(report.names) == {BOTH}
    assert report.pauses == [1.0]
    shown = len(report.shares)
    assert function(3.0) == 9.0
    assert len(report.shares) == shown


@needs_compiler
def test_shares_are_of_all_that_is_expected(compilation):
    first, second = anew(both), anew(thrice)
    compilation.expect("float64", [(name_of(first), first), (name_of(second), second)])
    first(1.0)
    share = compilation.report.pauses[0]
    assert 0.5 < share < 1.0
    second(1.0)
    assert compilation.report.pauses == [share, 1.0]
    # In another type of numbers it begins anew.
    compilation.expect("float32", [(name_of(first), first)])
    first(np.float32(1.0))
    assert compilation.report.pauses[-1] == 1.0


@needs_compiler
def test_what_is_loaded_before_anything_is_compiled_does_not_count(compilation):
    first, second = anew(both), anew(thrice)
    compilation.expect("float64", [(name_of(first), first), (name_of(second), second)])
    compilation.ends(name_of(second), second)
    first(1.0)
    assert compilation.report.pauses == [1.0]


@needs_compiler
def test_a_constant_argument_makes_no_version_of_its_own():
    function = anew(both)
    assert function(2.0) == 6.0
    assert len(_either.signatures) == len({signature[0] for signature in _either.signatures})


@needs_compiler
def test_threads_may_compile_at_the_same_time(compilation):
    functions = [anew(function) for function in (both, thrice) * 3]
    results = [0.0] * len(functions)

    def work(number):
        results[number] = functions[number](1.0)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [3.0] * len(functions)
    assert compilation.report.pauses[-1] == 1.0


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when it is told to."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_lines_without_a_terminal(clock, capsys):
    report = StandardError()
    for after, share in ((0, 0.0), (3, 0.2), (5, 0.4), (9, 0.6), (11, 0.8)):
        clock[0] = 100.0 + after
        report.show(share, "project")
    report.pause(0.9)
    clock[0] = 114.0
    report.pause(1.0)
    assert capsys.readouterr().err.splitlines() == [
        "compiling kernels, once on this machine: 0 %",
        "compiling kernels, once on this machine: 40 % after 5 s",
        "compiling kernels, once on this machine: 80 % after 11 s",
        "compiled kernels in 14 s",
    ]


def test_one_line_on_a_terminal_that_goes(clock, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    written = Terminal()
    monkeypatch.setattr("sys.stderr", written)
    report = StandardError()
    report.show(0.0, "project")
    clock[0] = 103.0
    report.show(0.5, "hebb")
    report.pause(1.0)
    text = written.getvalue()
    assert "\n" not in text
    shown = [line.rstrip() for line in text.split("\r") if line.strip()]
    assert shown == [
        "compiling kernels, once on this machine: 0 %, project",
        "compiling kernels, once on this machine: 50 % after 3 s, hebb",
    ]
    assert not text.rsplit("\r", 2)[1].strip()
