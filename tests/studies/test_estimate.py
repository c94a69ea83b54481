"""How long a file would take: by the pace of its first run, without what is compiled once."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from pcneuro.kernels.progress import compilation
from pcneuro.simulator.result import Status
from pcneuro.studies import estimate as module
from pcneuro.studies import read
from pcneuro.studies.tasks.relaxation import RelaxationTask


@pytest.mark.parametrize(("piece", "seconds"), [(False, 2.0), (True, 10.0)])
def test_compiling_is_no_time_of_a_run(monkeypatch, piece, seconds):
    now, before, perform = [0.0], compilation.report, RelaxationTask.perform

    def pass_by(amount, compiled):
        if compiled:
            compilation.report.show(0.5, "a kernel")
        now[0] += amount
        if compiled:
            compilation.report.pause(1.0)

    def slowly(task, job):
        outcome = perform(task, replace(job, observer=module._Piece(module._Clock(before))))
        job.observer.progress(0.1)
        pass_by(36.0, compiled=True)
        assert not job.observer.stopped
        pass_by(4.0 if piece else 2.0, compiled=False)
        job.observer.progress(0.5)
        assert job.observer.stopped == piece
        return replace(outcome, status=Status.INTERRUPTED) if piece else outcome

    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(RelaxationTask, "perform", slowly)
    known = module.estimate(read(Path("simulations/chain.toml")))
    assert known.seconds == pytest.approx(seconds)
    assert known.share == (0.5 if piece else 1.0)
    assert compilation.report is before
