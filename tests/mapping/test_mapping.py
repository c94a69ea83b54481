"""``pcn.map_circuit``: from a circuit and a run to counts and costs, held against sums in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
import xarray

import pcneuro as pcn
from pcneuro.errors import CapacityError, DataError, ParameterError, UnknownNameError
from pcneuro.mapping import (
    AssumedRate,
    Greedy,
    Mapping,
    NaturalOrder,
    RandomOrder,
    axons_of,
    chip_of,
    traffic_in_steps,
    traffic_of,
)
from pcneuro.mapping.chips import ENERGIES
from pcneuro.mapping.mapping import mapped
from pcneuro.mapping.traffic import Traffic
from tests.circuits_for_tests import mlp
from tests.mapping.networks_for_tests import axons_of_lists

SMALL = {"mesh": {"width": 3, "height": 2, "cores_a_tile": 2}, "core": {"neurons": 16, "axons_in": 64}}


def chip(**changes):
    """Loihi with smaller cores, and fewer of them."""
    loihi = chip_of("loihi").model_dump(exclude_none=True)
    tables = loihi | {"mesh": SMALL["mesh"], "core": loihi["core"] | SMALL["core"]}
    return chip_of(tables | changes)


@pytest.fixture(scope="module")
def study():
    circuit = pcn.build_circuit(mlp((12, 20, 14, 4)))
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(3, 12)), generator.normal(size=(3, 4))
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.01))
    result = sim.run(80.0, inputs={"x": x}, targets={"out": y}, events=pcn.RecordEvents(samples=[0]))
    return circuit, result, pcn.map_circuit(circuit, chip(), result)


def test_every_number_is_a_sum_over_events_and_synapses(study):
    circuit, result, made = study
    data, on = made.data, made.chip
    axons = axons_of(circuit)
    sends = traffic_of(axons, result).sends
    core, slot = data["core_of"].values, data["slot"].values
    packets = within = synops = east = north = 0.0
    links: dict = {}
    for axon, neuron in enumerate(axons.neuron):
        targets = axons.target[axons.first[axon] : axons.first[axon + 1]]
        synops += sends[axon] * len(targets)
        for there in set(core[targets].tolist()):
            here = core[neuron]
            packets += sends[axon] * (here != there)
            within += sends[axon] * (here == there)
            (x, y), (to_x, to_y) = ((on.mesh.x[slot[c]], on.mesh.y[slot[c]]) for c in (here, there))
            east, north = east + sends[axon] * abs(to_x - x), north + sends[axon] * abs(to_y - y)
            while (x, y) != (to_x, to_y):
                after = (x + np.sign(to_x - x), y) if x != to_x else (x, y + np.sign(to_y - y))
                links[(x, y, *after)] = links.get((x, y, *after), 0.0) + sends[axon]
                x, y = after
    for name, number in (
        ("packets", packets),
        ("packets_within", within),
        ("synops", synops),
        ("hops_east_west", east),
        ("hops_north_south", north),
    ):
        assert float(data[name]) == pytest.approx(number), name
    ends = zip(*(data[f"link_{name}"].values for name in ("x", "y", "to_x", "to_y", "packets")), strict=True)
    for *link, load in ends:
        assert load == pytest.approx(links.get(tuple(link), 0.0), abs=1e-9), link
    assert east > 0
    assert synops == pytest.approx(result.stats["Effective_MACs"] / result.stats["batch"])
    assert float(data["core_synops"].sum()) == pytest.approx(synops)
    assert float(data["core_packets_out"].sum()) == pytest.approx(packets)


def test_energy_is_counts_times_prices(study):
    _, _, made = study
    data, on = made.data, made.chip
    for bound, energy in zip(("low", "high"), made.energy, strict=True):
        price = {name: getattr(on.price(name), bound, 0.0) for name in ("synapse", "spike", "neuron_access")}
        price |= {name: getattr(on.price(name), bound, 0.0) for name in ("neuron_update", "message_out", "message_in")}
        every = float(data["packets"] + data["packets_within"])
        expected = (
            int(data["held"].sel(limit="compartments").sum()) * float(data["steps"]) * price["neuron_access"]
            + float(data["events"]) * (price["neuron_update"] + price["spike"])
            + every * (price["message_out"] + price["message_in"])
            + made.synops * price["synapse"]
            + float(data["hops_east_west"]) * getattr(on.price("hop_east_west"), bound)
            + float(data["hops_north_south"]) * getattr(on.price("hop_north_south"), bound)
        )
        assert energy == pytest.approx(expected)
    assert made.energy_gradient[0] > made.energy[0]


def test_limits_hold_and_natural_order_is_not_better(study):
    _, _, made = study
    data = made.data
    assert (data["held"] <= data["most"]).all()
    natural, random = data["order_packets"].values
    assert made.packets <= natural <= random
    for population in ("h1", "h2", "out"):
        assert np.array_equal(made.core(f"{population}.value"), made.core(f"{population}.error"))
    with pytest.raises(UnknownNameError, match=r"did you mean 'h1.error'"):
        made.core("h1.eror")


def test_the_same_seed_is_the_same_mapping(study, tmp_path):
    circuit, result, made = study
    made.to_netcdf(tmp_path / "a.nc")
    again = pcn.map_circuit(circuit, chip(), result)
    xarray.testing.assert_identical(again.data, made.data)
    again.to_netcdf(tmp_path / "b.nc")
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()
    read = Mapping.read(tmp_path / "a.nc", circuit)
    xarray.testing.assert_equal(read.data, made.data)


def test_rates_are_counted_like_events(study):
    circuit, _, _ = study
    made = pcn.map_circuit(circuit, chip(), AssumedRate({"h2.error": 0.5}, steps=10))
    sends = int((axons_of(circuit).kind == 1).sum())
    assert float(made.data["events"]) == 14 * 5 <= 5 * sends
    seconds = pcn.map_circuit(circuit, chip(), AssumedRate({"h2.error": 500.0}, steps=10, dt=1.0))
    assert float(seconds.data["events"]) == pytest.approx(float(made.data["events"]))
    assert "a lower bound: for those of each step record events of a run" in str(made)


def test_what_steps_wait_for_is_told(study):
    """Packets that take a second each, then neurons that do."""
    circuit, result, _ = study
    times = {name: {"low": 0.0, "high": 0.0, "source": "made up"} for name in ENERGIES}
    for slow, work, number in (("synapse", "the packets that it gets", 1), ("neuron_access", "its neurons", 0)):
        latency = times | {slow: {"low": 1e9, "high": 1e9, "source": "made up"}}
        told = pcn.map_circuit(circuit, chip(latency=latency), result)
        assert int(told.data["limiting_packets"]) == number
        core = int(told.data["limiting_core"])
        if not number:
            assert told.data["held"].sel(limit="compartments").values.argmax() == core
        assert f"it is core {core} that steps wait for, and mostly {work}: it has " in str(told)


def test_events_of_every_step_are_an_activity():
    """Gates multiply, so that dendrites send along several branches: recorded events do not tell when, steps do."""

    def gated(x, W, V):
        return pcn.vertex(pcn.vertex(x @ W, "a") * pcn.vertex(x @ V, "b"), "out")

    generator = np.random.default_rng(0)
    weights = {name: pcn.Parameter(generator.normal(size=(5, 6))) for name in "WV"}
    circuit = pcn.build_circuit(pcn.trace(gated, x=pcn.Input((5,)), **weights))
    data = {"inputs": {"x": generator.normal(size=(1, 5))}, "targets": {"out": generator.normal(size=(1, 6))}}

    def sim():
        return pcn.Simulator(circuit, engine=pcn.EventDriven(0.05))

    recorded = pcn.map_circuit(circuit, chip(), sim().run(8.0, events=pcn.RecordEvents(), **data))
    traffic = traffic_in_steps(axons_of(circuit), sim(), 8.0, **data)
    made = pcn.map_circuit(circuit, chip(), traffic)
    assert recorded.data.attrs["notes"].count("traffic_in_steps") == 1
    assert made.packets == recorded.packets
    assert np.isnan(recorded.data["longest_step"]).all()
    assert made.time[0] >= recorded.time[0] > 0
    assert (made.data["longest_step"] >= made.data["step_time"]).all()
    with pytest.raises(DataError, match=rf"activity is of {traffic.sends.size:,} axons, and this circuit has"):
        pcn.map_circuit(circuit, chip(), traffic, clamped=["a", "out"])
    larger = circuit.with_parameters({name: 1.5 * value for name, value in circuit.parameters.items()})
    with pytest.raises(DataError, match=r"^activity is of another circuit, or of other weights"):
        pcn.map_circuit(larger, chip(), traffic)


def test_silent_neurons_are_where_updates_need_them():
    """Two groups of neurons that know each other only, in turn in natural order, and silent but for updates."""
    group = np.arange(24) % 3
    axons = axons_of_lists([np.flatnonzero(group == k).tolist() for k in group], {"p.value": 24})
    silent, ones = np.zeros(24), np.ones(24)
    on = chip(mesh={"width": 3, "height": 1, "cores_a_tile": 1}, core={"neurons": 8})

    def made(sends, plasticity):
        traffic = Traffic(sends, 10.0, plasticity)
        return mapped(axons, on, traffic, None, seed=0, together=True, tell=lambda share, what: None)

    learning = made(silent, ones)
    assert float(learning.data["plasticity_packets"]) == 0.0
    assert all(np.unique(learning.data["core_of"].values[group == k]).size == 1 for k in range(3))
    # Samples come first: what they send is not between cores, though all else is.
    both = made((group == 1) * 1.0, (group != 1) * 1.0)
    assert both.packets == 0.0


def test_no_mapping_has_more_packets_of_a_sample_than_natural_order():
    """One axon of a sample, on one core with its target in natural order, and many of an update that tear it apart."""
    targets = [[1], [2, 3, 4, 5], [1, 3, 4, 5], [1, 2, 4, 5], [1, 2, 3, 5], [1, 2, 3, 4]]
    axons = axons_of_lists(targets, {"a.value": 2, "b.value": 4})
    sends, plasticity = np.zeros(6), np.full(6, 1000.0)
    sends[0], plasticity[0] = 1.0, 0.0
    on = chip(mesh={"width": 2, "height": 1, "cores_a_tile": 1}, core={"neurons": 5})
    traffic = Traffic(sends, 10.0, plasticity)
    made = mapped(axons, on, traffic, None, seed=0, together=True, tell=lambda share, what: None)
    assert made.packets <= made.data["order_packets"].values[0] == 0.0


def test_strategies_and_inputs_are_chosen(study):
    circuit, result, _ = study
    natural = pcn.map_circuit(circuit, chip(), result, strategies=[NaturalOrder()], inputs=False)
    assert "x.value" not in natural.data["population_name"].values
    assert natural.data["candidate"].values.tolist() == ["natural unrefined", "natural"]
    random = pcn.map_circuit(circuit, chip(), result, strategies=[RandomOrder()], together=False, seed=3)
    assert random.packets <= random.data["order_packets"].values[0]


def test_every_division_that_was_tried_is_told(study):
    """Each strategy alone has the packets that it has among all of them; the best was chosen."""
    circuit, result, made = study
    packets = dict(zip(made.data["candidate"].values.tolist(), made.data["candidate_packets"].values, strict=True))
    chosen = made.data.attrs["division"]
    assert packets[chosen] == made.packets
    assert packets["natural unrefined"] == made.data["order_packets"].sel(order="natural")
    for strategy in (NaturalOrder(), Greedy(), RandomOrder()):
        alone = pcn.map_circuit(circuit, chip(), result, strategies=[strategy])
        assert alone.data["candidate"].values.tolist() == ["natural unrefined", strategy.name]
        assert alone.data["candidate_packets"].values[1] == packets[strategy.name], strategy.name
    cost = made.data["candidate_packets"] + 0.01 * made.data["candidate_plasticity_packets"]
    assert cost.sel(candidate=chosen) == cost.where(made.data["candidate_beyond"] == 0).min()
    assert f"division: {chosen}, the best of {len(packets)} that were tried" in str(made)
    assert f"cores of loihi, division: {chosen}, " in repr(made)


def test_pairs_of_error_neurons_are_one_neuron_each_and_told(study):
    circuit, _, made = study
    assert "in pairs" not in str(made)
    split = pcn.passes.apply(circuit, [pcn.passes.SplitErrors(vertices=["h1"])])
    paired = pcn.map_circuit(split, chip(), AssumedRate(0.1, 10))
    assert paired.data.sizes["neuron"] == made.data.sizes["neuron"]
    assert "mapped as one neuron of either sign, whose events are those of the run: of h1\n" in f"{paired}\n"


def test_chips_without_prices_are_counted(study):
    circuit, result, made = study
    counted = pcn.map_circuit(circuit, chip(energy={}, latency={}), result)
    assert np.isnan(counted.energy).all()
    assert np.isnan(counted.time).all()
    assert "counts only" in str(counted)
    assert "there are no times, for want of a published one of neuron access, neuron update, spike," in str(counted)
    assert "\nEnergy:" not in str(counted)
    assert "\nTime:" not in str(counted)
    assert counted.synops == made.synops


def test_what_does_not_fit_is_refused_in_one_line(study):
    circuit, result, _ = study
    with pytest.raises(CapacityError, match="compartments") as refused:
        pcn.map_circuit(circuit, chip(mesh={"width": 1, "height": 1}), result)
    assert "\n" not in str(refused.value)
    other = pcn.build_circuit(mlp((12, 9, 4)))
    with pytest.raises(DataError, match="another circuit"):
        pcn.map_circuit(other, chip(), result)
    sim = pcn.Simulator(other, engine=pcn.Reference())
    plain = sim.run(2.0, inputs={"x": np.ones(12)}, targets={"out": np.ones(4)})
    with pytest.raises(DataError, match="no events"):
        pcn.map_circuit(other, chip(), plain)
    with pytest.raises(UnknownNameError, match="did you mean 'loihi'"):
        pcn.map_circuit(circuit, "lohi", result)
    with pytest.raises(ParameterError, match="strategies has 'natural' in it; give a list such as"):
        pcn.map_circuit(circuit, chip(), result, strategies=[NaturalOrder(), "natural"])
    with pytest.raises(ParameterError, match="strategies is an empty list"):
        pcn.map_circuit(circuit, chip(), result, strategies=[])
    with pytest.raises(ParameterError, match="activity is None"):
        pcn.map_circuit(circuit, "loihi", None)


@pytest.mark.parametrize("neurons", [1, 2, 3])
def test_neurons_that_are_apart_fill_cores_of_few(neurons):
    circuit = pcn.build_circuit(mlp((6, 9, 7, 3)))
    cores = -(-(6 + 2 * (9 + 7 + 3)) // neurons)
    row = {"mesh": {"width": cores, "height": 1}, "core": {"neurons": neurons}}
    made = pcn.map_circuit(circuit, chip(**row), AssumedRate(0.1, 10), together=False)
    assert made.data.sizes["core"] == cores
    assert np.bincount(made.data["core_of"].values).max() <= neurons
    # Other orders are of neurons that are apart, too.
    assert made.packets <= made.data["order_packets"].values[0]


def test_at_exact_times_it_is_the_number_of_accesses_that_is_not_known(study):
    circuit, _, _ = study
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.05, pcn.Exact()))
    result = sim.run(20.0, inputs={"x": np.ones((1, 12))}, targets={"out": np.ones((1, 4))})
    text = str(pcn.map_circuit(circuit, "loihi", result))
    assert "in no sum: neurons (at exact times, without steps, no number of neuron access)" in text
    assert "no price of" not in text
