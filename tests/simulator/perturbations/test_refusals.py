"""Perturbations that are wrong, or that an engine or schedule does not take up: each is refused in a line."""

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import (
    DataError,
    ParameterError,
    PcneuroError,
    PcneuroWarning,
    ShapeError,
    UnknownNameError,
    UnstableStepError,
)
from tests.simulator.perturbations.chain_for_tests import BACK, CIRCUIT, DATA, graph_of


@pytest.mark.parametrize("engine", [pcn.EventDriven(threshold=0.0), pcn.EventDriven(threshold=1e-3)], ids=repr)
def test_events_have_silent_values_and_refuse_other_circuits(engine):
    silent = pcn.Silence("h", start=10.0, stop=20.0)
    sims = [pcn.Simulator(CIRCUIT, dynamics=pcn.Strict(), engine=engine) for _ in range(2)]
    whole = sims[0].run(30.0, perturb=[silent], **DATA)
    sims[1].run(10.0, **DATA)
    sims[1].run(10.0, clamp={"h": np.zeros((3, 4))})
    np.testing.assert_array_equal(sims[1].run(10.0, clamp={}).values["g"], whole.values["g"])
    for each in (pcn.Cut(BACK), pcn.Silence("h.error"), pcn.SetPrecision("h", 2.0)):
        with pytest.raises(ParameterError, match="makes another circuit of it, which EventDriven"):
            sims[0].run(1.0, perturb=each)


def test_delays_and_schedules_that_refuse():
    delayed = pcn.Simulator(CIRCUIT.with_delays(2.0), dynamics=pcn.Strict())
    with pytest.raises(ParameterError, match="which Kernel with conduction delays does not take up"):
        delayed.run(5.0, perturb=pcn.Cut(BACK), **DATA)
    reference = pcn.Simulator(CIRCUIT.with_delays(2.0), dynamics=pcn.Strict(), engine=pcn.Reference())
    with pytest.raises(ParameterError, match="which Reference with conduction delays does not take up"):
        reference.run(5.0, perturb=pcn.Cut(BACK), **DATA)
    circuit = pcn.build_circuit(graph_of())
    for schedule in (pcn.FastForward(), pcn.Sequential()):
        with pytest.raises(ParameterError, match=r"use Kernel\(\) or Reference\(\) with Parallel\(\)"):
            pcn.Simulator(circuit, schedule=schedule).run(5.0, perturb=pcn.SetPrecision("h", 2.0), **DATA)
    with pytest.raises(ParameterError, match="until=Settled"):
        pcn.Simulator(circuit).run(until=pcn.Settled(), perturb=pcn.Silence("h"), **DATA)


WRONG = [
    (lambda: pcn.Silence("hh"), UnknownNameError, "did you mean 'h'"),
    (lambda: pcn.Silence("h.errors"), UnknownNameError, r"did you mean 'h\.error'"),
    (lambda: pcn.Silence(3), ParameterError, "give the name of a vertex"),
    (lambda: pcn.Silence("x"), UnknownNameError, "population of Silence"),
    (lambda: pcn.Silence("h", start=5.0, stop=5.0), ParameterError, "stops at 5 ms, and starts at 5 ms"),
    (lambda: pcn.Silence("h", start=-1.0), ParameterError, "start of Silence"),
    (lambda: pcn.Silence("h", start=0.3), ParameterError, r"its start, 0\.3 ms, is no multiple of dt = 1 ms"),
    (lambda: pcn.Cut(("h.value", "y.error")), UnknownNameError, "connection 'h.value -> y.error': did you mean"),
    (lambda: pcn.Cut(("h.value", "h.error")), ParameterError, "between the neurons of one vertex"),
    (lambda: pcn.Cut("h.value"), ParameterError, "give a pair of populations"),
    (lambda: pcn.SetPrecision("h", 0.0), DataError, "0 as its least; give positive"),
    (lambda: pcn.SetPrecision("h", np.ones(3)), ShapeError, r"shape \(3,\); needed is \(4,\)"),
    (lambda: pcn.SetPrecision("h", np.nan), DataError, "nan as its least"),
    (lambda: pcn.SetPrecision("h", pcn.TimedArray(-np.ones((2, 4)), 1.0)), DataError, "-1 as its least"),
    (lambda: pcn.SetPrecision("h", pcn.TimedArray(np.ones((2, 3, 4)), 1.0)), ShapeError, "samples share it"),
    (lambda: pcn.SetPrecision("h", 1000.0), UnstableStepError, "population 'h'"),
    (lambda: pcn.SetPrecision("h", pcn.TimedArray([[1.0] * 4, [900.0] * 4], 5.0)), UnstableStepError, "population 'h'"),
    (lambda: [pcn.Silence("h", stop=9.0), pcn.Silence("h.value", start=5.0)], ParameterError, "twice from 5 ms on"),
    (lambda: "silence", ParameterError, "perturb= is 'silence'"),
    (lambda: [pcn.Record("h")], ParameterError, "perturb= has a Record"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "match"), WRONG)
def test_wrong_ones_are_refused_in_one_line(make, error, match):
    simulator = pcn.Simulator(CIRCUIT, dynamics=pcn.Strict())
    with pytest.raises(error, match=match) as told:
        simulator.run(10.0, perturb=make(), **DATA)
    assert isinstance(told.value, PcneuroError)
    assert "\n" not in str(told.value)
    assert simulator.time == 0.0


def test_what_the_run_does_not_come_to_is_told_of():
    with pytest.warns(PcneuroWarning, match="starts at 20 ms, and the run ends at 10 ms"):
        pcn.Simulator(CIRCUIT).run(10.0, perturb=pcn.Silence("h", start=20.0), **DATA)


def test_noise_and_learned_variances_are_refused():
    noisy = pcn.build_circuit(graph_of(), error_tau={"h": 5.0}, noise={"h.error": pcn.WhiteNoise(0.1)})
    with pytest.raises(ParameterError, match="would stir them"):
        pcn.Simulator(noisy, dynamics=pcn.Strict()).run(1.0, perturb=pcn.Silence("h.error"), **DATA)
    learned = pcn.build_circuit(graph_of(), plasticity={"h": pcn.LearnedVariance(tau=100.0)})
    for each in (pcn.Silence("h.error"), pcn.SetPrecision("h", 2.0)):
        with pytest.raises(ParameterError, match="plasticity learns the variance of 'h'"):
            pcn.Simulator(learned, dynamics=pcn.Strict(), engine=pcn.Reference()).run(1.0, perturb=each, **DATA)


@pytest.mark.parametrize(
    "make", [pcn.Silence, lambda name: pcn.SetPrecision(name, 1.0), lambda name: pcn.Inject(name, 1.0)]
)
@pytest.mark.parametrize("name", [3, None, ["h"], b"h"], ids=repr)
def test_what_is_no_name_is_refused_when_it_is_made(make, name):
    with pytest.raises(ParameterError, match="give the name of a vertex or population") as told:
        make(name)
    assert "\n" not in str(told.value)
