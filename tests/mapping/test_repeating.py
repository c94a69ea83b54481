"""How to repeat a mapping, as its report says: every argument, and the same mapping where that is run."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.mapping import AbstractStrategy, AssumedRate, Greedy, NaturalOrder, RandomOrder, chip_of
from pcneuro.mapping.partition import STRATEGIES
from pcneuro.mapping.report import call, report
from tests.circuits_for_tests import mlp
from tests.mapping.mappings_for_tests import made_up

NO_RESULT = {"report"}
"""Arguments that do not change the mapping."""


@pytest.fixture(scope="module")
def circuit():
    return pcn.build_circuit(mlp((6, 9, 7, 3)))


@pytest.fixture(scope="module")
def result(circuit):
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.05))
    return sim.run(20.0, inputs={"x": np.ones((1, 6))}, targets={"out": np.ones((1, 3))}, clamp={"h1": np.ones((1, 9))})


def test_every_argument_of_map_circuit_is_there():
    parameters = set(inspect.signature(pcn.map_circuit).parameters) - NO_RESULT
    text = call(made_up(2))
    assert set(re.findall(r"^    (\w+)[=,]", text, flags=re.MULTILINE)) == parameters


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"strategies": [Greedy(), RandomOrder()], "seed": 5, "together": False},
        {"inputs": False, "strategies": [NaturalOrder()]},
    ],
)
def test_what_the_report_says_is_the_mapping_again(circuit, result, chosen):
    small = chip_of(chip_of("generic").model_dump() | {"name": "small", "core": {"neurons": 12}})
    made = pcn.map_circuit(circuit, small, result, clamped=["out", "h1"], **chosen)
    names = {"circuit": circuit, "result": result, "chip": small}
    exec(call(made), names)
    again = names["mapping"]
    assert again.data.identical(made.data)
    assert "# chip: small, by the path" in call(made)
    assert "clamped=[&#x27;h1&#x27;, &#x27;out&#x27;]" in report(made)


@pytest.mark.parametrize("rate", [AssumedRate(0.1, 10), AssumedRate({"h1.error": np.float32(2)}, 10, dt=0.5)])
def test_so_it_is_with_a_rate_that_is_assumed(circuit, rate):
    made = pcn.map_circuit(circuit, "generic", rate)
    names = {"circuit": circuit}
    exec(call(made), names)
    assert names["mapping"].data.identical(made.data)


def test_strategies_of_users_are_named(circuit, monkeypatch):
    monkeypatch.setattr("pcneuro.mapping.partition.abstract.STRATEGIES", STRATEGIES)
    before = dict(STRATEGIES)

    class Mine(AbstractStrategy):
        name = "mine"

        def starts(self, problem, natural, cores, seed):
            yield natural

    try:
        made = pcn.map_circuit(circuit, "generic", AssumedRate(0.1, 10), strategies=[Mine()])
        assert "strategies=[Mine()]" in call(made)
    finally:
        STRATEGIES.clear()
        STRATEGIES.update(before)
    assert "strategies=[mine]" in call(made)
