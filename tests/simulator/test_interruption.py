"""Ctrl-C, once and twice, and use from several threads: a run counts or does not, and a torn state is not used."""

import signal
import threading

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError, TornStateError
from tests.circuits_for_tests import data_for, mlp, same

SETTINGS = {
    "kernel": {"engine": pcn.Kernel(threads=2)},
    "reference": {"engine": pcn.Reference()},
    "zero threshold": {"engine": pcn.EventDriven()},
    "bins": {"engine": pcn.EventDriven(threshold=0.01, threads=2)},
    "exact": {"engine": pcn.EventDriven(0.01, pcn.Exact()), "dynamics": pcn.Strict()},
    "fast forward": {"schedule": pcn.FastForward()},
}
every_engine = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


@pytest.fixture(scope="module")
def circuit():
    return pcn.build_circuit(mlp((5, 7, 6, 3)))


@pytest.fixture(autouse=True)
def _usual_answer_to_control_c():
    # Other libraries, or the shell that began the tests, may have set another one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def given(circuit):
    inputs, targets = data_for(circuit.graph, 3)
    return {"inputs": inputs, "targets": targets}


def run(sim, *arguments, **settings):
    """As ``stream`` does below: how it ended, and what it says."""
    result = sim.run(*arguments, **settings)
    return result.status, result.message


def stream(sim, *arguments, **settings):
    *_, last = sim.stream(*arguments, **settings)
    return last.status, last.message


both_ways = pytest.mark.parametrize("simulate", [run, stream])


def interrupts(monkeypatch, owner, name, times, *, after=False):
    """Have a method get so many Ctrl-C before, or after, it does its work the next time."""
    method = getattr(owner, name)

    def interrupted(*arguments, **keywords):
        monkeypatch.setattr(owner, name, method)
        done = method(*arguments, **keywords) if after else None
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        return done if after else method(*arguments, **keywords)

    monkeypatch.setattr(owner, name, interrupted)


@both_ways
@every_engine
def test_control_c_before_the_first_step_ends_a_run_of_none(circuit, settings, simulate, monkeypatch):
    """Where kernels are compiled: when the state is made, and the feedforward sweep is done."""
    sim = pcn.Simulator(circuit, **settings)
    interrupts(monkeypatch, sim._state.engine, "start", 1)
    status, message = simulate(sim, 20.0, **given(circuit))
    assert (status, sim.time) == ("interrupted", 0.0)
    assert message == "interrupted at 0 ms, after 0 of 20 steps; run() goes on from there"
    assert same(sim.run(20.0).errors, pcn.Simulator(circuit, **settings).run(20.0, **given(circuit)).errors)


@both_ways
@pytest.mark.parametrize("place", ["step", "evaluate", "report"])
def test_control_c_is_told_of_wherever_it_comes(circuit, simulate, place, monkeypatch):
    """A caller that runs again and again would otherwise never be stopped, where all steps are one chunk."""
    sim = pcn.Simulator(circuit)
    sim.run(1.0, **given(circuit))
    settings = {}
    if place == "report":
        settings = {"report": lambda elapsed, share, *span: share == 1.0 and signal.raise_signal(signal.SIGINT)}
    else:
        interrupts(monkeypatch, sim._state.engine, place, 1)
    status, message = simulate(sim, 1.0, **settings)
    assert (status, sim.time) == ("interrupted", 2.0)
    assert message == "interrupted at 2 ms, after 1 of 1 steps; run() goes on from there"


@both_ways
@pytest.mark.parametrize("after", [False, True], ids=["before the step", "after the step"])
@every_engine
def test_a_second_control_c_within_a_step_leaves_nothing_to_use(
    circuit, settings, simulate, after, monkeypatch, tmp_path
):
    data = given(circuit)
    sim = pcn.Simulator(circuit, **settings)
    sim.run(5.0, **data)
    sim.store(tmp_path / "stored")
    name = "leap" if "schedule" in settings else "step"
    interrupts(monkeypatch, sim._state.engine, name, 2, after=after)
    with pytest.raises(KeyboardInterrupt):
        simulate(sim, 20.0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    refused = [
        lambda: sim.run(1.0),
        lambda: sim.stream(1.0),
        lambda: sim.values,
        lambda: sim.errors,
        lambda: sim.predictions,
        lambda: sim.gradients,
        lambda: sim.parameters,
        lambda: sim.time,
        sim.bounds,
        sim.arrivals,
        lambda: sim.set_parameters({}),
        lambda: sim.store(tmp_path / "torn"),
    ]
    for use in refused:
        with pytest.raises(TornStateError, match=r"stopped by KeyboardInterrupt .*call reset\(\), or restore\(\)"):
            use()
    assert [path.name for path in tmp_path.iterdir()] == ["stored"]
    expected = pcn.Simulator(circuit, **settings)
    expected.run(5.0, **data)
    later = expected.run(20.0)
    sim.restore(tmp_path / "stored")
    assert sim.time == 5.0
    assert same(sim.run(20.0).errors, later.errors)
    interrupts(monkeypatch, sim._state.engine, name, 2, after=after)
    with pytest.raises(KeyboardInterrupt):
        simulate(sim, 20.0)
    sim.reset()
    sim.run(5.0)
    assert same(sim.run(20.0).errors, later.errors)


def test_what_fails_within_a_step_leaves_nothing_to_use_either(circuit, monkeypatch):
    sim = pcn.Simulator(circuit)

    def fail(*arguments):
        raise MemoryError

    monkeypatch.setattr(sim._state.engine, "step", fail)
    with pytest.raises(MemoryError):
        sim.run(5.0, **given(circuit))
    with pytest.raises(TornStateError, match="by MemoryError"):
        sim.run(5.0)


@both_ways
@every_engine
def test_an_exception_between_steps_leaves_what_was_done(circuit, settings, simulate):
    sim = pcn.Simulator(circuit, **settings)

    def stop(elapsed, share, *span):
        if share > 0.0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(sim, 20.0, report=stop, report_period=1e-9, **given(circuit))
    assert sim.time > 0.0
    expected = pcn.Simulator(circuit, **settings).run(sim.time, **given(circuit))
    assert same(sim.values, expected.values)
    assert same(sim.errors, expected.errors)


@both_ways
def test_a_second_control_c_while_the_state_is_made_costs_nothing(circuit, simulate, monkeypatch):
    sim = pcn.Simulator(circuit)
    interrupts(monkeypatch, sim._state.engine, "start", 2, after=True)
    with pytest.raises(KeyboardInterrupt):
        simulate(sim, 20.0, **given(circuit))
    assert same(sim.run(20.0).errors, pcn.Simulator(circuit).run(20.0, **given(circuit)).errors)


@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference(), pcn.EventDriven(0.01)], ids=repr)
def test_what_is_under_way_is_not_lost_in_silence(circuit, engine, monkeypatch):
    """With conduction delays a state is made anew from the one before, which is then gone."""
    delayed, data = circuit.with_delays(pcn.ConstantDelay(3.0)), given(circuit)
    sim = pcn.Simulator(delayed, engine=engine)
    sim.run(5.0, **data)
    interrupts(monkeypatch, sim._state.engine, "start", 2, after=True)
    changed = {"out": 0.5 * data["targets"]["out"]}
    with pytest.raises(KeyboardInterrupt):
        sim.run(5.0, targets=changed)
    with pytest.raises(TornStateError):
        sim.run(5.0)
    sim.reset()
    expected = pcn.Simulator(delayed, engine=engine).run(10.0, inputs=data["inputs"], targets=changed)
    assert same(sim.run(10.0).errors, expected.errors)


def test_parameters_are_taken_all_or_none(circuit, monkeypatch):
    sim = pcn.Simulator(circuit)
    sim.run(5.0, **given(circuit))
    before = sim.parameters
    interrupts(monkeypatch, sim._state.engine, "load", 1, after=True)
    with pytest.raises(KeyboardInterrupt):
        sim.set_parameters({name: 2.0 * array for name, array in before.items()})
    with pytest.raises(TornStateError):
        sim.run(1.0)
    sim.reset()
    assert same(sim.parameters, before)
    assert same(sim.run(5.0).errors, pcn.Simulator(circuit).run(5.0, **given(circuit)).errors)


USES = [
    lambda sim: sim.run(1.0),
    lambda sim: sim.stream(1.0),
    lambda sim: sim.reset(),
    lambda sim: sim.set_parameters({}),
    lambda sim: sim.errors,
    lambda sim: sim.gradients,
]


@pytest.mark.parametrize("use", USES, ids=["run", "stream", "reset", "set_parameters", "errors", "gradients"])
@pytest.mark.parametrize("simulate", [run, stream])
def test_a_simulator_that_is_run_in_another_thread_says_so(circuit, use, simulate):
    sim = pcn.Simulator(circuit)
    under_way, tried = threading.Event(), threading.Event()

    def wait(elapsed, share, *span):
        under_way.set()
        tried.wait(60.0)

    ended = []
    thread = threading.Thread(target=lambda: ended.append(simulate(sim, 5.0, report=wait, **given(circuit))))
    thread.start()
    under_way.wait(60.0)
    try:
        with pytest.raises(ParameterError, match="this simulator is being run in another thread: wait until"):
            use(sim)
        assert sim.time == 0.0  # which a thread that shows it may ask for at any time
    finally:
        tried.set()
        thread.join()
    assert ended[0][0] == "completed"
    assert same(sim.run(5.0).errors, pcn.Simulator(circuit).run(10.0, **given(circuit)).errors)


def test_reports_may_read(circuit):
    sim, seen = pcn.Simulator(circuit), []
    sim.run(5.0, report=lambda *progress: seen.append(np.abs(sim.errors["h1"]).max()), **given(circuit))
    assert len(seen) > 1
