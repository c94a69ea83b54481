"""Wrong values for passes that rewrite a circuit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pcneuro as pcn
from tests.robustness.wrong_calls import Row, graph
from tests.robustness.wrong_values import Value, bank, flags, numbers, objects, whole_numbers

CIRCUIT = pcn.build_circuit(graph())

PASSES = [
    *bank(True, list_=[pcn.passes.NoDerivative()], tuple_=(pcn.passes.NoDerivative(),)),
    *bank(False, a_class=pcn.passes.NoDerivative, classes=[pcn.passes.NoDerivative], name="NoDerivative", number=3),
    *bank(False, names=["NoDerivative"], none=None, none_in_it=[None], dict_={"a": pcn.passes.NoDerivative()}),
    *bank(False, array=np.ones(2), an_object=object(), a_set={pcn.passes.NoDerivative()}, true=True),
]
"""Passes, one behind the other."""

VERTICES = [
    *bank(True, list_=["h"], tuple_=("h",)),
    *bank(False, a_name="h", number=3, numbers=[1], unknown=["nope"], bytes_=[b"h"], true=True, none_in_it=[None]),
    *bank(False, an_object=object(), nan=float("nan"), a_leaf=["W"], several=["h", "g"]),
]
"""Names of vertices."""

PARAMETERS = [
    *bank(True, list_=["W"], tuple_=("W",)),
    *bank(False, a_name="W", number=3, numbers=[1], unknown=["nope"], bytes_=[b"W"], true=True, none_in_it=[None]),
    *bank(False, an_object=object(), nan=float("nan"), a_vertex=["h"], several=["W", "g"]),
]
"""Names of parameters."""
NEEDED: dict[str, dict[str, Any]] = {
    "Quantize": {"bits": 4},
    "QuantizeErrors": {"bits": 4, "scale": 1.0},
    "QuantizeValues": {"bits": 4, "scale": 1.0},
}
"""Pass -> arguments that it has no defaults of."""
ALONE = {"Stochastic": lambda made: pcn.passes.Quantize(4, rounding=made)}
"""What is no pass itself -> the pass of it."""


def rows(name: str, **values: tuple[Any, list[Value]]) -> list[Row]:
    """A row for each argument of a pass, which is applied to a circuit."""
    make: Callable[..., pcn.passes.AbstractPass] = getattr(pcn.passes, name)

    def row(argument: str, right: Any, each: list[Value]) -> Row:
        said = f"{argument} of {name}"
        if argument in ("vertices", "parameters"):
            said = rf"{said}|{name} of|vertex|parameter of {name}"
        whole, needed = ALONE.get(name, lambda made: made), NEEDED.get(name, {})
        call = lambda v: applied(whole(make(**{**needed, argument: v})))  # noqa: E731
        return Row(f"passes.{name}", argument, right, each, call, said=said)

    return [row(argument, *each) for argument, each in values.items()]


def applied(given: Any) -> pcn.Circuit:
    return pcn.passes.apply(CIRCUIT, given)


def dendritic_rows(**values: tuple[Any, list[Value]]) -> list[Row]:
    """The same of a pass for chains of layers with one input and one output, which is not applied."""
    return [
        Row("passes.Dendritic", a, right, each, lambda v, a=a: pcn.passes.Dendritic(**{a: v}), said=f"{a} of Dendritic")
        for a, (right, each) in values.items()
    ]


TIME = (20.0, numbers(20.0, low=0.0, above=True, time=True))
OPTIONAL = (20.0, numbers(20.0, low=0.0, above=True, time=True, none=True))
SHARE = (0.5, numbers(0.5, low=0.0))
BELOW_ONE = (0.5, numbers(0.5, low=0.0, high=1.0))
SEED = (3, whole_numbers(3))

ROWS = [
    Row(
        "passes.apply",
        "circuit",
        CIRCUIT,
        objects("Circuit", none=False, like=pcn.Circuit),
        lambda v: pcn.passes.apply(v, []),
        said="applied to a circuit",
    ),
    Row("passes.apply", "passes", [pcn.passes.NoDerivative()], PASSES, applied, said="pass"),
    *rows("LearnedFeedback", tau=OPTIONAL, decay=SHARE, scale=SHARE, seed=SEED),
    *rows("NoDerivative", gate=(True, flags(True)), in_plasticity=(False, flags(False))),
    *rows("Dale", tau=TIME, own=(True, flags(True))),
    *rows(
        "RandomErrorConnectivity",
        vertices=(["h"], VERTICES),
        scale=SHARE,
        diagonal=(0.5, numbers(0.5)),
        tau=OPTIONAL,
        decay=SHARE,
        seed=SEED,
    ),
    *rows("SplitErrors", baseline=SHARE, vertices=(["h"], VERTICES)),
    *rows("Stochastic", seed=SEED),
    *(
        row
        for name in ("QuantizeErrors", "QuantizeValues")
        for row in rows(
            name,
            bits=(3, whole_numbers(3, least=1, most=16)),
            scale=(20.0, numbers(20.0, low=0.0, above=True)),
            vertices=(["h"], VERTICES),
            rounding=(pcn.passes.Stochastic(1), objects("Nearest", none=False, like=pcn.passes.Nearest)),
        )
    ),
    *rows(
        "Quantize",
        bits=(3, whole_numbers(3, least=1, most=16)),
        parameters=(["W"], PARAMETERS),
        scale=(20.0, numbers(20.0, low=0.0, above=True, none=True)),
        rounding=(pcn.passes.Stochastic(1), objects("Nearest", none=False, like=pcn.passes.Nearest)),
    ),
    *dendritic_rows(
        apical_gain=BELOW_ONE,
        nudging=BELOW_ONE,
        teaching=BELOW_ONE,
        tau=OPTIONAL,
        tau_interneurons=OPTIONAL,
        tau_dendrites=TIME,
        self_predicting=(True, flags(True)),
        seed=SEED,
    ),
]
