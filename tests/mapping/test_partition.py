"""Neurons divided among cores: against all divisions that there are, natural order, and the limits of a core."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from pcneuro.errors import CapacityError, MissingExtraError, ParameterError
from pcneuro.kernels.mapping.chance import generator
from pcneuro.kernels.mapping.moving import settle
from pcneuro.kernels.mapping.refining import sweep
from pcneuro.kernels.mapping.structures import HELD
from pcneuro.mapping.counting import destinations
from pcneuro.mapping.limits import Limits
from pcneuro.mapping.partition import (
    STRATEGIES,
    Greedy,
    HypergraphPartitioner,
    NaturalOrder,
    RandomOrder,
    divide,
    hypergraph_partitioner,
    started,
)
from pcneuro.mapping.partition.problem import LIMITS, Problem
from pcneuro.mapping.partition.refinement import laid, refined
from tests.mapping.networks import axons_from, layered, random_matrix

OWN = [NaturalOrder(), Greedy()]


def packets_of(axons, core, sends):
    return destinations(axons, core, int(core.max()) + 1).packets(sends)


def all_divisions(neurons: int, cores: int, room: int) -> np.ndarray:
    """(divisions, neurons): every way to divide neurons among cores that are alike, each with its room."""
    divisions = np.zeros((1, 1), dtype=np.int64)
    for _ in range(1, neurons):
        largest = divisions.max(axis=1)
        divisions = np.concatenate(
            [np.column_stack([divisions[largest + 1 >= c], np.full((largest + 1 >= c).sum(), c)]) for c in range(cores)]
        )
        divisions = divisions[np.array([(divisions == c).sum(axis=1) <= room for c in range(cores)]).all(axis=0)]
    return divisions


def fewest_packets(matrix: np.ndarray, sends: np.ndarray, room: int) -> float:
    """Of all divisions among as few cores as hold the neurons."""
    cores = -(-matrix.shape[0] // room)
    divisions = all_divisions(matrix.shape[0], cores, room)
    own = divisions[:, :, None] == np.arange(cores)
    reached = np.stack([(own[:, row]).any(axis=1) for row in matrix], axis=1)
    return float(((reached & ~own).sum(axis=2) * sends).sum(axis=1).min())


@pytest.mark.parametrize("strategies", [OWN, None], ids=["own", "all"])
def test_small_networks_have_the_fewest_packets_possible(strategies):
    """In nine of ten random networks of at most ten neurons, and never more than 5 % more."""
    more = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        neurons, room = int(rng.integers(4, 11)), int(rng.integers(2, 6))
        matrix = random_matrix(rng, neurons, rng.uniform(0.15, 0.6))
        axons = axons_from(matrix)
        sends = rng.integers(0, 20, neurons).astype(float)
        core = divide(axons, Limits(room), sends[axons.neuron], strategies=strategies).core
        assert np.bincount(core).max() <= room
        got = packets_of(axons, core, sends[axons.neuron])
        best = fewest_packets(matrix.toarray() > 0, sends, room)
        assert got >= best
        more.append(got / best - 1 if got > best else 0.0)
    assert np.mean(np.array(more) == 0) >= 0.9
    assert max(more) <= 0.05


@pytest.mark.parametrize("strategies", [[Greedy()], None], ids=["own", "all"])
def test_shuffled_neurons_come_together_again(strategies):
    """Layers with local synapses, whose neurons are shuffled: within 1.08 of their natural order."""
    if strategies is None:
        pytest.importorskip("mtkahypar")
    rng = np.random.default_rng(0)
    sizes, room = [256, 256, 256], 64
    matrix = layered(rng, sizes, 20, 24, 0.05)
    neurons = sum(sizes)
    sends = np.round(rng.gamma(1, 20, neurons)) + 1
    natural = packets_of(axons_from(matrix), np.arange(neurons) // room, sends)
    order = rng.permutation(neurons)
    axons = axons_from(matrix[order][:, order])
    core = divide(axons, Limits(room), sends[order], strategies=strategies).core
    assert packets_of(axons, core, sends[order]) <= 1.08 * natural


def test_one_seed_gives_one_division_in_any_number_of_threads(monkeypatch):
    import numba

    rng = np.random.default_rng(0)
    axons = axons_from(random_matrix(rng, 60, 0.1))
    sends = rng.random(axons.neuron.size)
    one = divide(axons, Limits(8), sends, seed=3).core
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        np.random.seed(0)  # noqa: NPY002 (that it does not matter)
        assert divide(axons, Limits(8), sends, seed=3).core.tobytes() == one.tobytes()
    finally:
        numba.set_num_threads(before)


@pytest.mark.parametrize("seed", range(6))
def test_no_limit_is_exceeded_and_natural_order_is_never_better(seed):
    rng = np.random.default_rng(seed)
    sizes = [30, 20, 20]
    matrix = random_matrix(rng, 70, 0.08)
    unit = np.append(np.arange(50), np.arange(30, 50))
    axons = axons_from(matrix, sizes, unit)
    sends = rng.poisson(2.0, axons.neuron.size).astype(float)
    natural = divide(axons, Limits(16), sends, strategies=[], sweeps=0).core
    free = destinations(axons, natural, natural.max() + 1)
    tight = Limits(
        16,
        axons_in=int(0.8 * free.axons_in.max()),
        axons_out=int(0.8 * free.axons_out.max()) + 1,
        synapses=int(0.8 * free.synapses_held.max()),
        fan_in=int(axons.fan_in.max()),
    )
    plain = divide(axons, tight, sends, strategies=[], sweeps=0).core
    for strategies in (None, [RandomOrder()], OWN):
        core = divide(axons, tight, sends, strategies=strategies, seed=seed).core
        at = destinations(axons, core, core.max() + 1)
        assert not any(excess.any() for excess in tight.excess(at).values())
        assert at.packets(sends) <= packets_of(axons, plain, sends)
        assert core.max() <= plain.max()
        assert (core[unit == unit[30]] == core[30]).all()
        assert (core[30:50] == core[50:]).all()


def test_neurons_of_a_unit_may_be_apart():
    """Two units, and neurons that have synapses with the other one's only: apart they need no packet."""
    matrix = np.zeros((4, 4))
    matrix[0, 3] = matrix[1, 2] = 1
    axons = axons_from(matrix, [2, 2], np.array([0, 1, 0, 1]))
    sends = np.ones(2)
    assert packets_of(axons, divide(axons, Limits(2), sends).core, sends) == 2
    assert packets_of(axons, divide(axons, Limits(2), sends, together=False).core, sends) == 0


def test_natural_order_packs_populations_whole():
    axons = axons_from(np.ones((14, 14)), [3, 3, 2, 6])
    core = divide(axons, Limits(4), np.ones(14), strategies=[], sweeps=0).core
    assert core.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4]
    axons = axons_from(np.ones((7, 7)), [2, 2, 3])
    assert divide(axons, Limits(4), np.ones(7), strategies=[], sweeps=0).core.tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_populations_follow_closely_where_cores_are_few():
    axons = axons_from(np.ones((12, 12)), [3, 3, 3, 3])
    core = divide(axons, Limits(4), np.ones(12), strategies=[], sweeps=0, cores=3).core
    assert core.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for most, taken in ((3, 3), (4, 4), (9, 4)):
        assert divide(axons, Limits(4), np.ones(12), strategies=[], sweeps=0, most=most).core.max() + 1 == taken
    with pytest.raises(CapacityError, match=r"12 neurons take 3 cores, and there are 2: of compartments, .* 12 of 4"):
        divide(axons, Limits(4), np.ones(12), cores=2)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Limits(1), r"a unit of 'p0' has 2 compartments, and a core at most 1 \(compartments\): .*together=False"),
        (Limits(8, axons_in=3), r"has 4 axons in, and a core at most 3 \(axons_in\)"),
        (Limits(8, synapses=5), r"has 6 synapses, and a core at most 5 \(synapses\)"),
        (Limits(2, axons_out=1), "than the 1 axons out of a core allow, .*: let it reach fewer neurons"),
        (
            Limits(8, fan_in=2),
            r"a neuron of 'p1' has 4 synapses, and a neuron at most 2 \(fan_in\): give it",
        ),
    ],
)
def test_what_no_division_mends_is_told(limits, text):
    matrix = np.zeros((4, 4))
    matrix[:, 2] = matrix[:2, 0] = 1
    axons = axons_from(matrix, [2, 2], np.array([0, 1, 0, 1]))
    with pytest.raises(CapacityError, match=text):
        divide(axons, limits, np.ones(4))


def test_an_axon_that_has_to_reach_too_many_cores_is_told():
    matrix = np.zeros((4, 4))
    matrix[1, 2:] = 1
    text = r"at 'p1' are 2 destinations of one axon, and an axon at most 1 \(destinations\): let neurons reach fewer"
    with pytest.raises(CapacityError, match=text):
        divide(axons_from(matrix, [1, 3]), Limits(1, destinations=1), np.ones(1))


def test_units_that_are_kept_together_are_told_to_be_put_apart_where_that_helps():
    """Value neurons reach the error neurons of all units: these fit on one core, the units do not."""
    matrix = np.zeros((8, 8))
    matrix[:4, 4:] = 1
    axons, limits = axons_from(matrix, [4, 4], np.tile(np.arange(4), 2)), Limits(4, destinations=1)
    with pytest.raises(CapacityError, match=r"destinations\): keep value and error neurons apart \(together=False\), "):
        divide(axons, limits, np.ones(4))
    assert divide(axons, limits, np.ones(4), together=False).core.tolist() == [0] * 4 + [1] * 4


def test_arguments_that_do_not_fit_are_told():
    axons = axons_from(np.ones((3, 3)))
    with pytest.raises(ParameterError, match="needed is a Strategy object"):
        divide(axons, Limits(2), np.ones(3), strategies=["natural"])
    with pytest.raises(ParameterError, match=r"sends need a number for each of 3 axons, got shape \(2,\)"):
        divide(axons, Limits(2), np.ones(2))


def test_a_library_that_is_not_installed_is_told(monkeypatch):
    hypergraph_partitioner._initialized.cache_clear()
    monkeypatch.setattr(hypergraph_partitioner, "_LIBRARY", "no_such_library")
    axons = axons_from(np.ones((6, 6)))
    with pytest.raises(MissingExtraError, match=r"pcneuro\[mapping\]"):
        divide(axons, Limits(2), np.ones(6), strategies=[HypergraphPartitioner()])
    assert divide(axons, Limits(2), np.ones(6)).core.size == 6
    hypergraph_partitioner._initialized.cache_clear()


def test_an_axon_with_one_destination_has_all_its_targets_on_one_core():
    """Two groups that know each other only, in turn: natural order has two destinations for each axon."""
    matrix = np.equal.outer(np.arange(8) % 2, np.arange(8) % 2)
    axons = axons_from(matrix)
    core = divide(axons, Limits(4, destinations=1), np.ones(8)).core
    assert (core == core[np.arange(8) % 2]).all()


def test_starts_are_as_they_are_called():
    assert sorted(STRATEGIES) == ["greedy", "mtkahypar", "natural", "random"]
    axons = axons_from(sp.csr_matrix(np.ones((8, 8))))
    one, other = (started(axons, Limits(4), np.ones(8), RandomOrder(), 2, seed=seed) for seed in (0, 1))
    assert np.bincount(one).tolist() == np.bincount(other).tolist() == [4, 4]
    assert one.tolist() != other.tolist()
    assert started(axons, Limits(4), np.ones(8), NaturalOrder(), 2).tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_what_moves_change_is_what_counting_anew_finds(temperature):
    """Packets, and what each core holds, after sweeps: against the counts of destinations, to the last one."""
    rng = np.random.default_rng(1)
    matrix = random_matrix(rng, 40, 0.15)
    matrix.setdiag(1)
    axons = axons_from(matrix, [20, 20], np.tile(np.arange(20), 2))
    sends = rng.poisson(1.0, axons.neuron.size).astype(float)
    limits = Limits(12, axons_in=20, axons_out=30, synapses=60, destinations=2)
    problem = Problem.of(axons, limits, sends, True)
    cores = 4
    at = laid(problem.nets, np.arange(problem.nodes) % cores, cores, problem.limit)
    packets, beyond = settle(problem.nets, at)
    state, waiting, seen = generator(0), np.full(16, -1, dtype=np.int32), np.full(cores, -1)
    for _ in range(5):
        order = np.arange(problem.nodes)
        more, out = sweep(problem.nets, at, order, waiting, seen, state, temperature, 1e-9)
        packets, beyond = packets + more, beyond + out
        counted = destinations(axons, at.core[problem.node], cores)
        assert packets == pytest.approx(counted.packets(sends))
        held = [counted.compartments, counted.axons_in, counted.axons_out, counted.synapses_held]
        assert len(held) == HELD == len(LIMITS) - 1
        np.testing.assert_array_equal(at.used.T, held)
        farther = np.maximum(np.diff(counted.begin) - 2, 0).sum()
        assert beyond == np.maximum(at.used - problem.limit[:HELD], 0).sum() + farther


def test_what_is_beyond_limits_is_mended():
    """All on one core, which holds eight."""
    axons = axons_from(random_matrix(np.random.default_rng(0), 32, 0.2))
    problem = Problem.of(axons, Limits(8), np.ones(axons.neuron.size), True)
    assert refined(problem.nets, np.zeros(32, dtype=np.int64), 4, problem.limit, np.zeros(20)).beyond == 0
