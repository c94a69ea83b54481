"""Wrong values for what is asked of layers: schemes, currents, potentials and their pictures."""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import xarray

import pcneuro as pcn
from pcneuro import passes
from tests.robustness.wrong_calls import Row, circuit, simulator
from tests.robustness.wrong_calls import X as GIVEN
from tests.robustness.wrong_calls import Y as TARGETS
from tests.robustness.wrong_values import Value, bank, names, numbers, objects

matplotlib.use("Agg")
SCHEME = passes.Scheme.named("bastos_2012")
CELLS = {"what": "population", "kind": "value", "layer": "L5", "cell_type": "pyramidal cell"}
CONNECTION = {"what": "projection", "kind": "excite", "projection": "intrinsic"}
TEXT = [
    *bank(False, number=3, none=None, list_=["L5"], bytes_=b"L5", dict_={}, true=True, an_object=object(), nul="\0"),
    *bank(False, with_a_line="L5\nx", long="x" * 5000, a_class=str, set_={"L5"}, not_a_number=float("nan")),
]
"""One line of text: these are none."""
NO_ROWS = [
    *bank(False, number=3, none=None, text="nowhere.csv", a_set={"x"}, true=True, an_object=object(), bytes_=b"x"),
    *bank(False, numbers=[1, 2], texts=["a"], empty=[], nested=[[{}]], no_what=[{"layer": "L1"}], empty_dict={}),
    *bank(False, no_layers=[CELLS], unknown=[*SCHEME.rows, {**CELLS, "column": 1}], a_scheme_class=passes.Scheme),
    Value("a folder", lambda: "/tmp", False),
    Value("the table", lambda: SCHEME.table, True),
    Value("a tuple", lambda: tuple(SCHEME.rows), True),
]


@cache
def placed() -> pcn.Circuit:
    return passes.apply(circuit(), passes.Laminar(SCHEME))


@cache
def records() -> xarray.Dataset:
    sim = simulator(placed())
    return sim.run(4.0, inputs={"x": GIVEN}, targets={"out": TARGETS}, record=pcn.laminar_records(placed())).records


@cache
def currents() -> xarray.Dataset:
    return pcn.laminar_currents(records(), placed())


def drawn(*given: Any, **more: Any) -> Any:
    axes = pcn.plot.layers(*(given or (pcn.lfp(currents()),)), **more)
    shown = [(ax.get_title(), ax.get_xlabel(), [line.get_xdata()[0] for line in ax.lines]) for ax in axes]
    plt.close(axes[0].figure)
    return shown


def recorded(of: Any = None, **more: Any) -> Any:
    return [(each.name, each.every) for each in pcn.laminar_records(placed() if of is None else of, **more)]


def summed(*given: Any, **more: Any) -> Any:
    made = pcn.laminar_currents(*(given or (records(), placed())), **more)
    return made.excitatory.values, made.inhibitory.values


def value(of: xarray.DataArray) -> Any:
    """Its numbers, of which those that are none are equal."""
    return of.fillna(-1.0).values


def with_cell(column: str, cells: dict[str, Any]) -> Any:
    return lambda v: passes.SchemeRow(**{**cells, column: v})


def trials() -> xarray.DataArray:
    many = pcn.lfp(currents()).isel(batch=0, drop=True).expand_dims(trial=2)
    return many.assign_coords(condition=("trial", ["a", "b"]))


COLUMNS = {
    "what": (CELLS, "population"),
    "kind": (CELLS, "value"),
    "role": (CELLS, "hidden"),
    "vertex": (CELLS, "h*"),
    "layer": (CELLS, "L5"),
    "cell_type": (CELLS, "pyramidal cell"),
    "area": ({**CELLS, "vertex": "*_x"}, "stem"),
    "source": (CELLS, "assumption"),
    "reach": (CONNECTION, "within"),
    "projection": (CONNECTION, "intrinsic"),
    "effect": (CONNECTION, "excitatory"),
}
NONE, AN_ARRAY = ("none",), objects("DataArray", none=True)
DEPTH = {"what": "layer", "layer": "L5"}
VERTICES = [
    *bank(False, text="h", number=3, dict_={"h": 1}, a_set={"h"}, unknown=["nope"], numbers=[1], nested=[["h"]]),
    *bank(False, an_object=object(), true=True, with_none=["h", None]),
    *bank(True, a_tuple=("h",)),
]
ROWS = [
    Row("passes.Laminar", "scheme", SCHEME, objects("Scheme", none=False, like=passes.Scheme), passes.Laminar),
    Row("passes.Scheme", "rows", SCHEME.rows, NO_ROWS, lambda v: passes.Scheme(v).rows, said="[Ss]cheme|table"),
    Row("passes.Scheme.named", "name", "bastos_2012", names(known="Bastos_2012"), passes.Scheme.named, said="scheme"),
    *(
        Row("passes.SchemeRow", column, right, TEXT, with_cell(column, cells))
        for column, (cells, right) in COLUMNS.items()
    ),
    Row("passes.SchemeRow", "depth", 1.0, numbers(1.0, low=0.0, none=True), with_cell("depth", DEPTH)),
    Row("laminar_records", "circuit", None, objects("Circuit", none=False), recorded, but=NONE),
    Row(
        "laminar_records",
        "every",
        2.0,
        numbers(2.0, low=0.0, above=True, time=True, none=True),
        lambda v: recorded(every=v),
        but=NONE,
    ),
    Row("laminar_records", "vertices", ["h"], VERTICES, lambda v: recorded(vertices=v), said="vert"),
    Row(
        "laminar_currents",
        "records",
        None,
        objects("Dataset", none=False),
        lambda v: summed() if v is None else summed(v, placed()),
        but=NONE,
    ),
    Row(
        "laminar_currents",
        "circuit",
        None,
        objects("Circuit", none=False),
        lambda v: summed() if v is None else summed(records(), v),
        but=NONE,
    ),
    Row("laminar_currents", "vertices", ["h"], VERTICES, lambda v: summed(vertices=v), said="vert"),
    Row(
        "lfp",
        "currents",
        None,
        objects("Dataset", none=False),
        lambda v: value(pcn.lfp(currents() if v is None else v)),
        but=NONE,
    ),
    Row("lfp", "inhibition", 1.5, numbers(1.5), lambda v: value(pcn.lfp(currents(), inhibition=v))),
    Row("lfp", "delay", 2.0, numbers(2.0, low=0.0, time=True), lambda v: value(pcn.lfp(currents(), delay=v))),
    Row(
        "csd",
        "potential",
        None,
        AN_ARRAY,
        lambda v: value(pcn.csd(pcn.lfp(currents()) if v is None else v)),
        but=NONE,
    ),
    Row("plot.layers", "potential", None, AN_ARRAY, lambda v: drawn() if v is None else drawn(v), but=NONE),
    Row("plot.layers", "area", "h", names(none=True), lambda v: drawn(area=v), but=NONE),
    Row(
        "plot.layers", "by", "condition", names(none=True), lambda v: drawn(trials(), by=v), said="by|column", but=NONE
    ),
    Row("plot.layers", "onset", 2.0, numbers(2.0, time=True, none=True), lambda v: drawn(onset=v), but=NONE),
]
