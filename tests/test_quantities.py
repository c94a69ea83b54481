"""Times with units are converted wherever there is a time, and nothing else has units; masks and labels."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
import xarray

import pcneuro as pcn
from pcneuro.errors import DataError, ParameterError, PcneuroError, ShapeError
from pcneuro.export import nir
from pcneuro.export.spiking import Decoding, LeakyIntegrateAndFire
from pcneuro.quantities import in_ms
from tests.circuits_for_tests import mlp

brian2 = pytest.importorskip("brian2")
ms, second, mV = brian2.ms, brian2.second, brian2.mV

GRAPH = pcn.trace(lambda x, W: x @ W, x=pcn.Input((5,)), W=pcn.Parameter(np.linspace(-1.0, 1.0, 15).reshape(5, 3)))
CIRCUIT = pcn.build_circuit(GRAPH)


FACTORS = {"second": 1000.0, "millisecond": 1.0}


class PintQuantity:
    """What pint's quantities offer; its conversions are those of times."""

    def __init__(self, magnitude, units):
        self.magnitude, self.units, self.unitless = magnitude, units, units == "dimensionless"

    def to(self, wanted):
        if wanted != "ms" or self.units not in FACTORS:
            raise RuntimeError(f"cannot convert from {self.units} to {wanted}")
        return PintQuantity(self.magnitude * FACTORS[self.units], "millisecond")


# Times


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        (10 * ms, 10.0),
        (0.3 * ms, 0.3),
        (0.01 * second, 10.0),
        (PintQuantity(10.0, "millisecond"), 10.0),
        (PintQuantity(2, "second"), 2000.0),
        (datetime.timedelta(milliseconds=2.5), 2.5),
        (np.timedelta64(1, "s"), 1000.0),
        (brian2.Quantity(3.0), 3.0),
        (PintQuantity(3.0, "dimensionless"), 3.0),
    ],
)
def test_a_quantity_of_time_is_the_number_of_its_ms(quantity, number):
    assert in_ms("it", quantity) == number
    assert isinstance(in_ms("it", quantity), float)


def test_arrays_and_lists_of_times():
    np.testing.assert_array_equal(in_ms("it", np.array([[1.0, 0.1]]) * ms), [[1.0, 0.1]])
    assert in_ms("it", [1 * ms, 2.0]) == [1.0, 2.0]
    np.testing.assert_array_equal(in_ms("it", PintQuantity(np.array([1.0, 2.0]), "second")), [1000.0, 2000.0])
    np.testing.assert_array_equal(in_ms("it", np.array([1, 2], "m8[s]")), [1000.0, 2000.0])
    plain = [1, 2]
    assert in_ms("it", plain) is plain


def counted(until):
    sim = pcn.Simulator(CIRCUIT, engine=pcn.EventDriven())
    data = {"inputs": {"x": np.ones(5)}, "targets": {"out": np.zeros(3)}}
    return pcn.events_per_neuron(sim.run(20.0, events=pcn.RecordEvents(), **data).events, until)


def simulated(**settings):
    result = pcn.Simulator(CIRCUIT).run(inputs={"x": np.ones(5)}, targets={"out": np.zeros(3)}, **settings)
    return result.time, result.values["out"].tolist()


def exported(delay, step):
    pytest.importorskip("nir")
    data = {"inputs": {"x": np.ones(5)}, "targets": {"h": np.ones(3)}}

    def deep(x, W):
        return {"h": pcn.vertex(pcn.vertex(x @ W, "first") * 2.0, "h")}

    circuit = pcn.build_circuit(pcn.trace(deep, x=pcn.Input((5,)), W=GRAPH.parameters["W"].source))
    nodes = nir.graph(circuit, **data, delay=delay, step=step).nodes
    return {name: np.asarray(node.delay).tolist() for name, node in nodes.items() if hasattr(node, "delay")}


TIMES = {
    "tau": lambda t: pcn.build_circuit(GRAPH, tau=t(7.0)).tau["out"].tolist(),
    "tau by vertex": lambda t: pcn.build_circuit(GRAPH, tau={"out": [t(7.0), t(8.0), t(9.0)]}).tau["out"].tolist(),
    "dt": lambda t: [kind(t(0.1)) for kind in (pcn.Euler, pcn.ExponentialEuler, pcn.RungeKutta4)],
    "delays": lambda t: dict(pcn.build_circuit(mlp((2, 3, 2)), delays=t(2.0)).delays),
    "with_delays": lambda t: dict(
        pcn.build_circuit(mlp((2, 3, 2))).with_delays({("x.value", "h1.error"): t(2.0)}).delays
    ),
    "ConstantDelay": lambda t: pcn.ConstantDelay(t(2.0)),
    "UniformDelay": lambda t: pcn.UniformDelay(t(1.0), t(5.0)),
    "LognormalDelay": lambda t: pcn.LognormalDelay(t(1.0), 0.5, least=t(0.5)),
    "SynapticDelays": lambda t: pcn.SynapticDelays([t(1.0), t(2.0)]),
    "DistanceDelay": lambda t: pcn.DistanceDelay([[0.0]], [[1.0]], 2.0, least=t(0.5)),
    "Record": lambda t: pcn.Record("out", every=t(5.0)),
    "Settled": lambda t: pcn.Settled(limit=t(1000.0)),
    "run": lambda t: simulated(duration=t(12.0)),
    "until": lambda t: simulated(until=pcn.Settled(limit=t(20.0), rtol=0.0)),
    "stream": lambda t: [c.time for c in pcn.Simulator(CIRCUIT).stream(t(5.0), inputs={"x": np.ones(5)})][-1],
    "wavefront": lambda t: (
        pcn.wavefront(
            pcn.Simulator(CIRCUIT), t(20.0), inputs={"x": np.ones(5)}, targets={"out": np.zeros(3)}, every=t(2.0)
        ).every
    ),
    "check": lambda t: pcn.check(CIRCUIT, t(5.0), "reference", inputs={"x": np.ones(5)}).result.time,
    "PredictiveCoding": lambda t: pcn.PredictiveCoding(pcn.Simulator(CIRCUIT), t(50.0)).settings(),
    "spiking": lambda t: (LeakyIntegrateAndFire(tau=t(15.0)), Decoding(filter=t(2.0), window=t(100.0))),
    "events": lambda t: counted(t(5.0)),
    "nir": lambda t: exported(t(3.0), t(1.0)),
}


@pytest.mark.parametrize("name", TIMES)
def test_one_rule_for_every_time(name):
    make = TIMES[name]
    plain = make(lambda number: number)
    assert make(lambda number: number * ms) == plain
    assert make(lambda number: PintQuantity(number, "millisecond")) == plain
    for wrong in (lambda number: number * mV, lambda number: PintQuantity(number, "volt")):
        with pytest.raises(PcneuroError, match=r"is in (m\^2 kg s\^-3 A\^-1|volt); give a time") as raised:
            make(wrong)
        assert isinstance(raised.value, ParameterError)


# What is no time


REFUSED = {
    "input": lambda v: run(inputs={"x": v(5)}),
    "list of inputs": lambda v: run(inputs={"x": [v(5), v(5)]}),
    "target": lambda v: run(targets={"out": v(3)}),
    "clamp": lambda v: run(clamp={"out": v(3)}),
    "initial": lambda v: run(initial={"out": v(3)}),
    "parameter": lambda v: pcn.Parameter(v(3)),
    "new parameters": lambda v: CIRCUIT.with_parameters({"W": v(5, 3)}),
    "set_parameters": lambda v: pcn.Simulator(CIRCUIT).set_parameters({"W": v(5, 3)}),
    "prior": lambda v: pcn.Latent((3,), prior=v(3)),
    "precision": lambda v: pcn.build_circuit(GRAPH, precision={"out": v(3)}),
    "constant": lambda v: pcn.trace(lambda x: x * v(3), x=pcn.Input((3,))),
    "backprop": lambda v: pcn.backprop(CIRCUIT, {"x": v(5)}, {"out": np.ones(3)}),
    "examples": lambda v: pcn.Examples({"x": v(4, 5)}, {"out": np.ones((4, 3))}),
    "targets of examples": lambda v: pcn.Examples({"x": np.ones((4, 5))}, {"out": v(4, 3)}),
}


def run(**data):
    return pcn.Simulator(CIRCUIT).run(1.0, **{"inputs": {"x": np.ones(5)}, **data})


def masked(*shape):
    return np.ma.array(np.full(shape, 777.0), mask=np.arange(np.prod(shape)).reshape(shape) == 1)


@pytest.mark.parametrize("name", REFUSED)
def test_values_under_a_mask_are_refused_everywhere(name):
    with pytest.raises(DataError, match=r"has 1 of \d+ values under a mask: give numbers for all") as raised:
        REFUSED[name](masked)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "constant"])
def test_units_of_what_has_none_are_refused_everywhere(name):
    with pytest.raises(DataError, match=r"is in .*; only times have units here"):
        REFUSED[name](lambda *shape: np.ones(shape) * mV)
    with pytest.raises(DataError, match="is in s; only times have units here"):
        REFUSED[name](lambda *shape: np.ones(shape) * second)


@pytest.mark.parametrize("make", [lambda v: pcn.build_circuit(GRAPH, tau=v), pcn.SynapticDelays])
def test_times_under_a_mask_are_refused(make):
    with pytest.raises(DataError, match="values under a mask"):
        make(masked(3))


def test_a_mask_that_hides_nothing_is_no_mask():
    whole = np.ma.array(np.arange(5.0))
    np.testing.assert_array_equal(
        run(inputs={"x": whole}).values["out"], run(inputs={"x": np.arange(5.0)}).values["out"]
    )


# Labels


X = np.random.default_rng(0).normal(size=(5, 5))
Y = np.random.default_rng(1).normal(size=(5, 3))


@pytest.mark.parametrize(
    "table",
    [
        X.tolist(),
        pd.DataFrame(X),
        pd.DataFrame(X, columns=[*"edcba"], index=[4, 3, 2, 1, 0]),
        xarray.DataArray(X, dims=("batch", "x_unit")),
        xarray.DataArray(X, dims=("batch", "x_unit")).transpose(),
    ],
)
def test_tables_and_labelled_arrays_are_taken_by_samples(table):
    """Five samples of five units: nothing but names tells rows from columns."""
    np.testing.assert_allclose(run(inputs={"x": table}).values["out"], X @ CIRCUIT.parameters["W"])

    def learned(inputs):
        examples = pcn.Examples({"x": inputs}, {"out": Y})
        return pcn.Trainer(pcn.Backprop(CIRCUIT), pcn.SGD(0.1), examples, examples, batch=2).run(2).parameters["W"]

    np.testing.assert_array_equal(learned(table), learned(X))


def test_recorded_activity_is_given_again():
    """A dataset of results has the names that are understood, in whatever order."""
    records = pcn.Simulator(CIRCUIT).run(5.0, inputs={"x": X}, targets={"out": Y}, record=pcn.Record("out")).records
    last = records["out.value"].isel(time=-1).transpose("out_unit", "batch")
    np.testing.assert_array_equal(run(inputs={"x": X}, targets={"out": last}).values["out"], Y)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: run(inputs={"x": xarray.DataArray(X, dims=("trial", "unit"))}), r"call that of samples 'batch'"),
        (lambda: run(inputs={"x": xarray.DataArray(X[0], dims="batch")}), r"needed are 'batch' and 1 for the axes"),
        (
            lambda: pcn.Examples({"x": xarray.DataArray(X, dims=("trial", "unit"))}, {"out": Y}),
            r"rename\(trial='batch'\)",
        ),
        (lambda: pcn.Examples({"x": 1.0}, {"out": Y}), "input 'x' is a single number"),
        (
            lambda: run(inputs={"x": pd.DataFrame(X)}, targets={"out": pd.DataFrame(Y, index=[4, 3, 2, 1, 0])}),
            "samples of target 'out' have the labels of those of input 'x' in another order",
        ),
        (
            lambda: pcn.Examples({"x": pd.DataFrame(X)}, {"out": pd.DataFrame(Y, index=[4, 3, 2, 1, 0])}),
            "in another order",
        ),
        (
            lambda: pcn.backprop(
                CIRCUIT,
                {"x": xarray.DataArray(X, {"batch": [*"abcde"]}, ("batch", "unit"))},
                {"out": xarray.DataArray(Y, {"batch": [*"bacde"]}, ("batch", "unit"))},
            ),
            "in another order",
        ),
    ],
)
def test_labels_that_do_not_tell_are_refused(make, text):
    with pytest.raises(ShapeError, match=text):
        make()


def test_labels_of_samples_are_those_of_the_records():
    labelled = xarray.DataArray(X[:3].T, {"batch": ["a", "b", "c"]}, ("unit", "batch"))
    sim = pcn.Simulator(CIRCUIT)
    kept = [pcn.Record("out", every=1.0), pcn.Record("out", "error", every=1.0, samples=[2, 0])]
    first = sim.run(3.0, inputs={"x": labelled}, targets={"out": Y[:3]}, record=kept).records
    plain = pcn.Simulator(CIRCUIT).run(3.0, inputs={"x": X[:3]}, targets={"out": Y[:3]}, record=kept).records
    for name in first.data_vars:
        np.testing.assert_array_equal(first[name].values, plain[name].values)
    np.testing.assert_array_equal(first["out.value"].sel(batch="c"), plain["out.value"].sel(batch=2))
    (other,) = set(first["out.error"].dims) - {"time", "out_unit"}
    assert first[other].values.tolist() == ["c", "a"]
    # They stay those of the inputs, until there are others.
    assert sim.run(1.0, targets={"out": Y[:3]}, record=kept[:1]).records.batch.values.tolist() == ["a", "b", "c"]
    chunks = list(sim.stream(1.0, record=kept[:1]))
    assert chunks[-1].records.batch.values.tolist() == ["a", "b", "c"]
    frame = pd.DataFrame(X[:3], index=[7, 5, 9])
    assert sim.run(1.0, inputs={"x": frame}, record=kept[:1]).records.batch.values.tolist() == [7, 5, 9]
    assert sim.run(1.0, inputs={"x": X[:3]}, record=kept[:1]).records.batch.values.tolist() == [0, 1, 2]


@pytest.mark.parametrize("value", [xarray.Dataset({"x": ("unit", X[0])}), iter([1.0]), {"a": 1.0}, [1.0, "a"], None])
def test_what_is_no_array_is_refused_by_the_project(value):
    for make in (
        lambda: run(inputs={"x": value}),
        lambda: pcn.Parameter(value),
        lambda: pcn.Examples({"x": value}, {"out": Y}),
    ):
        with pytest.raises(DataError):
            make()
