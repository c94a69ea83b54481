"""Currents by layer are the terms of the circuit's equations; their proxies are sums and differences in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import xarray

import pcneuro as pcn
from circuits.oddball import oddball
from pcneuro import passes
from pcneuro.analysis import lfp as module
from pcneuro.errors import CapacityError, PcneuroError

BASTOS = passes.Scheme.named("bastos_2012")
LAYERS = passes.Laminar(BASTOS)
RNG = np.random.default_rng(3)
W1, W2 = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 3))
GIVEN = {"inputs": {"x": RNG.normal(size=(2, 4))}, "targets": {"out": RNG.normal(size=(2, 3))}}
TAU, PRECISION, DT = 10.0, 2.0, 0.5


@pytest.fixture(scope="module")
def circuit() -> pcn.Circuit:
    def layers(x, W1, W2):  # type: ignore[no-untyped-def]
        return pcn.vertex(pcn.vertex(np.tanh(x @ W1), "h") @ W2, "out")

    graph = pcn.trace(layers, x=pcn.Input((4,)), W1=pcn.Parameter(W1), W2=pcn.Parameter(W2))
    return passes.apply(pcn.build_circuit(graph, tau=TAU, precision={"h": PRECISION}), LAYERS)


def ran(circuit: pcn.Circuit, engine: object, vertices: list[str] | None = None) -> xarray.Dataset:
    simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(DT), engine=engine)  # type: ignore[arg-type]
    return simulator.run(10.0, record=pcn.laminar_records(circuit, vertices=vertices), **GIVEN).records


@pytest.mark.parametrize("engine", [pcn.Reference(), pcn.Kernel()], ids=["reference", "kernel"])
@pytest.mark.parametrize("pairs", [False, True], ids=["signed", "pairs"])
def test_signed_currents_are_what_moves_the_neurons(circuit: pcn.Circuit, engine: object, pairs: bool) -> None:
    """Of value neurons tau dv/dt, by differences of v; of error neurons e / precision."""
    given = passes.apply(circuit, passes.SplitErrors(baseline=1.5)) if pairs else circuit
    records = ran(given, engine)
    currents = pcn.laminar_currents(records, given)
    signed = (currents.excitatory - currents.inhibitory).sum("projection").sel(area="h")
    moved = TAU * np.diff(records["h.value"].values.sum(axis=-1), axis=0) / DT
    np.testing.assert_allclose(signed.sel(layer="L5").values[:-1], moved, rtol=0, atol=1e-10)
    errors = records["h.error"].values.sum(axis=-1) / PRECISION
    # Neurons for negative errors are driven by the opposite of what drives those for positive ones.
    np.testing.assert_allclose(signed.sel(layer="L2/3").values, 0.0 if pairs else errors, rtol=0, atol=1e-10)
    for layer in ("L1", "L4", "L6", "thalamus"):
        assert not currents.sel(layer=layer).to_array().any()


def test_currents_are_told_apart_by_sign_and_projection(circuit: pcn.Circuit) -> None:
    records = ran(circuit, pcn.Reference())
    currents = pcn.laminar_currents(records, circuit)
    value, prediction, feedback = (records[f"h.{name}"].values for name in ("value", "prediction", "feedback"))
    at = {"area": "h", "layer": "L2/3"}
    for projection, signed in (("intrinsic", value), ("feedback", -prediction)):
        chosen = currents.sel(projection=projection, **at)
        np.testing.assert_allclose(chosen.excitatory.values, np.maximum(signed, 0).sum(axis=-1))
        np.testing.assert_allclose(chosen.inhibitory.values, np.maximum(-signed, 0).sum(axis=-1))
    forward = currents.sel(area="h", layer="L5", projection="feedforward")
    np.testing.assert_allclose((forward.excitatory - forward.inhibitory).values, feedback.sum(axis=-1))
    # Nothing reads the output, so that nothing comes back to it.
    assert not currents.sel(area="out", layer="L5", projection="feedforward").to_array().any()
    assert (currents.depth.sel(layer="L5") == 1.05) & np.isnan(currents.depth.sel(layer="thalamus"))


def test_pairs_inhibit_and_excite_by_their_rates(circuit: pcn.Circuit) -> None:
    baseline = 0.25
    given = passes.apply(circuit, passes.SplitErrors(baseline=baseline))
    records = ran(given, pcn.Reference())
    own = pcn.laminar_currents(records, given).sel(area="h", layer="L5", projection="intrinsic")
    on, off = (np.maximum(sign * records["h.error"].values, 0) + baseline for sign in (1, -1))
    np.testing.assert_allclose(own.excitatory.values, off.sum(axis=-1))
    np.testing.assert_allclose(own.inhibitory.values, on.sum(axis=-1))


def test_synapses_in_another_layer_have_their_currents_there(circuit: pcn.Circuit) -> None:
    row = {"what": "projection", "kind": "prediction", "layer": "L1", "projection": "top-down"}
    apical = circuit.with_scheme(BASTOS.before([row]))
    one, other = (pcn.laminar_currents(ran(c, pcn.Reference()), c) for c in (circuit, apical))
    np.testing.assert_array_equal(
        other.sel(layer="L1", projection="top-down").to_array(), one.sel(layer="L2/3", projection="feedback").to_array()
    )


def made(excitatory: np.ndarray, inhibitory: np.ndarray, depth: list[float], dt: float = 2.0) -> xarray.Dataset:
    """Currents of one area and projection, (layers, times)."""
    layers = [f"l{k}" for k in range(len(depth))]
    dims = ("area", "layer", "projection", "time")
    return xarray.Dataset(
        {"excitatory": (dims, excitatory[None, :, None]), "inhibitory": (dims, inhibitory[None, :, None])},
        {
            "area": ["a"],
            "layer": layers,
            "projection": ["all"],
            "time": dt * np.arange(excitatory.shape[1]),
            "depth": ("layer", depth),
        },
    )


def test_proxies_are_weighted_sums() -> None:
    excitatory, inhibitory = RNG.random((2, 3, 6))
    currents = made(excitatory, inhibitory, [0.1, 0.2, 0.4])
    np.testing.assert_allclose(pcn.lfp(currents).values[0], excitatory + inhibitory)
    np.testing.assert_allclose(pcn.lfp(currents, inhibition=-1.0).values[0], excitatory - inhibitory)
    weighted = pcn.lfp(currents, inhibition=1.65, delay=6.0).values[0]
    assert np.isnan(weighted[:, :3]).all()
    np.testing.assert_allclose(weighted[:, 3:], excitatory[:, :-3] + 1.65 * inhibitory[:, 3:])


DEPTHS = [[0.0, 0.5, 1.0, 1.5, 2.0], [0.1, 0.4, 0.75, 1.05, 1.35]]


def potential(values: np.ndarray, depth: list[float]) -> xarray.DataArray:
    return xarray.DataArray(values, dims="layer", coords={"depth": ("layer", depth)})


@pytest.mark.parametrize("depth", DEPTHS)
def test_density_of_a_parabola_is_minus_its_second_derivative(depth: list[float]) -> None:
    z = np.array(depth)
    found = pcn.csd(potential(3.0 * z**2 - z + 5.0, depth)).values
    np.testing.assert_allclose(found[1:-1], -6.0)


@pytest.mark.parametrize("depth", DEPTHS)
def test_density_of_a_dipole_is_its_source_and_its_sink(depth: list[float]) -> None:
    """A source of 2 in the second layer and a sink in the fourth: the potential falls by 2 a mm between them."""
    z, charge = np.array(depth), 2.0
    phi = -charge * np.clip(z, z[1], z[3])
    found = pcn.csd(potential(phi, depth))
    thickness = (z[2:] - z[:-2]) / 2
    np.testing.assert_allclose(found.thickness.values[1:-1], thickness)
    wanted = np.zeros(5)
    wanted[1], wanted[3] = charge / thickness[0], -charge / thickness[2]
    np.testing.assert_allclose(found.values, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("depth", DEPTHS)
def test_nothing_leaves_the_cortex(depth: list[float]) -> None:
    currents = made(*RNG.random((2, 5, 7)), depth)
    found = pcn.csd(pcn.lfp(currents))
    total = (found * found.thickness).sum("layer")
    np.testing.assert_allclose(total.values, 0.0, rtol=0, atol=1e-12)
    assert found.dims == ("area", "layer", "time")
    assert np.abs(found).max() > 0.1


def test_layers_outside_the_cortex_have_no_density(circuit: pcn.Circuit) -> None:
    found = pcn.csd(pcn.lfp(pcn.laminar_currents(ran(circuit, pcn.Reference()), circuit)))
    assert list(found.layer.values) == ["L1", "L2/3", "L4", "L5", "L6"]
    assert found.dims == ("area", "layer", "time", "batch")


def test_trials_have_the_currents_of_the_run() -> None:
    circuit = passes.apply(oddball(), LAYERS)
    protocol = pcn.Protocol(
        {"condition": ["standard", "deviant"], "cue": 1.0, "heard": [0, 1], "duration": 20.0},
        values={"heard": np.eye(8)[:2]},
        interval=10.0,
        repeats=3,
        between=pcn.KeepState(),
    )
    result = protocol.run(pcn.Simulator(circuit, dynamics=pcn.Strict()), record=pcn.laminar_records(circuit))
    whole = pcn.lfp(pcn.laminar_currents(result.records, circuit)).sel(area="heard")
    trials = pcn.lfp(pcn.laminar_currents(protocol.aligned(result), circuit)).sel(area="heard")
    assert trials.dims == ("layer", "trial", "time")
    for k, onset in enumerate(protocol.table["onset"]):
        wanted = whole.sel(time=slice(onset, onset + 19.5)).isel(batch=0)
        np.testing.assert_allclose(trials.isel(trial=k).values, wanted.values)
    means = protocol.mean(trials.transpose("trial", ...).to_dataset(name="lfp"))
    assert set(means.condition.values) == {"standard", "deviant"}


def test_what_has_no_currents_is_refused(circuit: pcn.Circuit, monkeypatch: pytest.MonkeyPatch) -> None:
    records = ran(circuit, pcn.Reference(), ["h"])
    assert set(records) == {"h.value", "h.error", "h.prediction", "h.feedback"}
    pcn.laminar_currents(records, circuit, ["h"])
    currents = pcn.laminar_currents(records, circuit, ["h"])
    some = records.isel(h_unit=[0, 1])
    cut = circuit.with_scheme(
        BASTOS.before(
            [{"what": "projection", "kind": "prediction", "vertex": "x", "layer": "L1", "projection": "top-down"}]
        )
    )
    rows = [
        (lambda: pcn.laminar_records(circuit.with_scheme(None)), "the circuit has no layers"),
        (lambda: pcn.laminar_records(circuit, vertices=["g"]), "unknown vertex 'g'"),
        (lambda: pcn.laminar_records(circuit, vertices="h"), "give a list of names"),  # type: ignore[arg-type]
        (lambda: pcn.laminar_currents(records, circuit), r"out\.\w+ is not among the records"),
        (lambda: pcn.laminar_currents(some, circuit, ["h"]), "2 of the 5 units"),
        (lambda: pcn.laminar_currents(3, circuit), "records is 3"),  # type: ignore[arg-type]
        (lambda: pcn.laminar_currents(records, circuit, []), "no synapses reach"),
        (lambda: pcn.lfp(records), "currents has no excitatory"),
        (lambda: pcn.lfp(currents, inhibition=np.nan), "inhibition is nan"),
        (lambda: pcn.lfp(currents, delay=-1.0), "delay is -1"),
        (lambda: pcn.lfp(currents, delay=0.3), "delay 0.3 ms: give a multiple"),
        (lambda: pcn.lfp(currents, delay=1e9), r"delay is 1e\+09 ms, and \d+ times are recorded, .* apart: give less"),
        (lambda: pcn.lfp(currents.isel(time=[0, 1, 3]), delay=0.5), "are from 0.5 to 1 ms apart"),
        (
            lambda: pcn.lfp(currents.isel(time=slice(None, None, -1)), delay=0.5),
            "needs all that were recorded, in thei",
        ),
        (
            lambda: pcn.lfp(currents.isel(time=0), delay=0.5),
            r"no dimension of time among those there are \(area, layer,",
        ),
        (lambda: pcn.csd(records["h.value"]), "no dimension 'layer'"),
        (lambda: pcn.csd(pcn.lfp(currents).isel(layer=[1])), "needs two of them"),
        (lambda: pcn.csd(pcn.lfp(currents).isel(layer=[3, 1])), "each below the one before"),
    ]
    for call, match in rows:
        with pytest.raises(PcneuroError, match=match):
            call()
    assert pcn.laminar_currents(ran(cut, pcn.Reference()), cut).sizes["area"] == 2
    monkeypatch.setattr(module, "MOST_BYTES", 100.0)
    with pytest.raises(CapacityError, match="record less often"):
        pcn.laminar_currents(records, circuit, ["h"])


def test_sums_that_reach_two_layers_are_refused() -> None:
    def both(x, y, W):  # type: ignore[no-untyped-def]
        return pcn.vertex(x @ W + y, "h")

    graph = pcn.trace(both, x=pcn.Input((4,)), y=pcn.Input((5,)), W=pcn.Parameter(W1))
    row = {"what": "projection", "kind": "prediction", "vertex": "y", "layer": "L1", "projection": "top-down"}
    circuit = passes.apply(pcn.build_circuit(graph), passes.Laminar(BASTOS.before([row])))
    with pytest.raises(PcneuroError, match=r"reach h\.error in L2/3 and L1, and only their sum is recorded"):
        pcn.laminar_records(circuit)
    assert pcn.laminar_records(circuit, vertices=[]) == []
