"""Wrong inputs: refused in one line that names the argument, or right; never another error, nor another result."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

import pcneuro as pcn
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import PcneuroError
from pcneuro.export import brian2, nest, nir, sonata
from tests.robustness import (
    test_archives,
    test_data_files,
    wrong_in_analysis,
    wrong_in_batches,
    wrong_in_circuits,
    wrong_in_dendritic,
    wrong_in_exports,
    wrong_in_importing,
    wrong_in_layers,
    wrong_in_learning,
    wrong_in_mapping,
    wrong_in_model,
    wrong_in_networks,
    wrong_in_operators,
    wrong_in_passes,
    wrong_in_plasticity,
    wrong_in_settings,
    wrong_in_simulators,
    wrong_in_streams,
    wrong_in_time,
    wrong_in_trees,
)
from tests.robustness.wrong_calls import Row
from tests.robustness.wrong_keys import BANKS, keys

PARTS = (
    wrong_in_model,
    wrong_in_operators,
    wrong_in_passes,
    wrong_in_circuits,
    wrong_in_simulators,
    wrong_in_plasticity,
    wrong_in_streams,
    wrong_in_time,
    wrong_in_settings,
    wrong_in_learning,
    wrong_in_analysis,
    wrong_in_layers,
    wrong_in_dendritic,
    wrong_in_exports,
    wrong_in_importing,
    wrong_in_networks,
    wrong_in_trees,
    wrong_in_mapping,
    wrong_in_batches,
)
ROWS = [row for part in PARTS for row in part.ROWS]


def plain(x: Any) -> Any:
    """What came of a call, as something that is equal where all of it is."""
    if isinstance(x, np.ndarray | np.generic) and not x.ndim:
        return plain(x.item())
    if isinstance(x, np.ndarray):
        return x.shape, x.astype(float).tolist() if x.dtype.kind in "fiub" else x.tolist()
    if isinstance(x, xarray.Dataset):
        return {str(name): plain(x[name].values) for name in x.variables}
    if isinstance(x, pcn.Result):
        return plain((x.gradients, x.values, x.errors, x.records, x.loss, x.energy, x.status, x.time))
    if isinstance(x, pcn.Circuit):
        return fingerprint(x), plain(x.parameters)
    if isinstance(x, Mapping):
        return {key: plain(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [plain(each) for each in x]
    if isinstance(x, bool | int | float | str | enum.Enum) or x is None:
        return x
    if dataclasses.is_dataclass(x):
        return type(x), [plain(getattr(x, f.name)) for f in dataclasses.fields(x)]
    return repr(x)


def fault(row: Row, value: Any, right: Any) -> str:
    """What is wrong with how a value is met; empty where nothing is."""
    try:
        got = plain(row.call(value.make()))
    except Exception as error:
        return "refused: " + str(error) if value.fits else refusal(row, error)
    if value.fits is False:
        return f"taken, as {str(got)[:100]}"
    return "" if got == right else f"taken as {str(got)[:300]}, not {str(right)[:300]}"


def refusal(row: Row, error: Exception) -> str:
    """What is wrong with a refusal."""
    if not isinstance(error, PcneuroError):
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:150]} ({place.filename.rpartition('/')[2]}:{place.lineno})"
    text = str(error)
    if "\n" in text or not text or len(text) > 500:
        return f"text of {len(text)} characters: {text[:300]!r}"
    if not re.search(row.said or row.argument, text):
        return f"does not name the argument: {text}"
    return ""


# Brian2 calls what pyparsing is to lose.
of_brian2 = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
BY_NAME = [
    pytest.param(row, id=str(row), marks=of_brian2 if row.target.startswith("export.brian2") else ()) for row in ROWS
]


@pytest.mark.parametrize("row", BY_NAME)
def test_wrong_values_are_refused_in_one_line_or_are_right(row, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    right = plain(row.call(row.right))
    faults = {value.label: fault(row, value, right) for value in row.cases}
    faults = [f"{label}: {text}" for label, text in faults.items() if text]
    assert not faults, "\n".join(faults)


ALONE = {
    "FixedPrediction",
    "Strict",
    "Parallel",
    "Sequential",
    "Reference",
    "SquaredError",
    "SoftmaxCrossEntropy",
    "Bernoulli",
}
"""Classes that take no argument."""
RESULTS = {"Audit", "Check", "Circuit", "Graph", "PcneuroError", "PcneuroWarning", "Result", "Status", "Wavefront"}
"""What the package makes and users only read."""
EXPORTS = "graph", "network", "rate", "script", "spiking", "structure", "write"
"""What makes or writes something, in the modules of ``pcneuro.export``."""
OF_MAPPINGS = "AssumedRate", "axons_of", "chip_of", "traffic_of"
OF_SPACES = "Csv", "Grid", "Joined", "LatinHypercube", "Listed", "Range", "Replicated", "Sobol", "Zip"
OF_MAPPING = "check", "core", "read", "to_csv", "to_html", "to_netcdf"
"""Names of ``pcneuro.mapping`` that take something, and methods of a mapping."""
SEVERAL = {"batch", "data", "importing", "mapping", "ops", "passes", "plot", "spaces"}
"""Rooms of functions."""


def arguments() -> set[tuple[str, str]]:
    """Every argument of every public name, and of the methods that take any."""
    methods = {
        "Batch": ("run", "hash_of"),
        "Examples": ("of",),
        "Simulator": ("run", "stream", "reset", "set_parameters", "store", "restore"),
        "Trainer": ("run", "advance"),
    }
    public = {name: getattr(pcn, name) for name in pcn.__all__ if name not in RESULTS | SEVERAL | ALONE}
    public |= {f"plot.{name}": getattr(pcn.plot, name) for name in pcn.plot.__all__}
    public |= {f"ops.{name}": getattr(pcn.ops, name) for name in pcn.ops.__all__}
    public |= {f"passes.{name}": getattr(pcn.passes, name) for name in pcn.passes.__all__ if name != "AbstractPass"}
    public |= {f"spaces.{name}": getattr(pcn.spaces, name) for name in OF_SPACES}
    public |= {f"batch.{name}": getattr(pcn.batch, name) for name in ("open", "resume")}
    public |= {f"mapping.{name}": getattr(pcn.mapping, name) for name in OF_MAPPINGS}
    public |= {f"mapping.Mapping.{name}": getattr(pcn.mapping.Mapping, name) for name in OF_MAPPING}
    public |= {f"mapping.plot.{name}": getattr(pcn.mapping.plot, name) for name in pcn.mapping.plot.__all__}
    public |= {f"{name}.{each}": getattr(getattr(pcn, name), each) for name in methods for each in methods[name]}
    public |= {f"Circuit.{name}": getattr(pcn.Circuit, name) for name in ("with_delays", "save", "draw", "synapses")}
    for module in (brian2, nest, nir, sonata):
        room = module.__name__.removeprefix("pcneuro.")
        makers = [name for name in EXPORTS if inspect.isfunction(getattr(module, name, None))]
        public |= {f"{room}.{name}": getattr(module, name) for name in makers}
    return {
        (name, each)
        for name, made in public.items()
        for each in inspect.signature(made).parameters
        if each not in ("self", "settings")
    }


def test_every_public_argument_has_a_row():
    rows = {(row.target, row.argument) for row in ROWS}
    missing = sorted(f"{name}({argument})" for name, argument in arguments() - rows)
    assert not missing, f"add rows for {', '.join(missing)}"


@pytest.mark.parametrize("name", sorted(ALONE))
def test_what_takes_no_argument_takes_none(name):
    for wrong in (1, "x", None):
        with pytest.raises(TypeError):
            getattr(pcn, name)(wrong)


PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_the_numbers_of_the_page_are_those_of_the_tables():
    text = PAGE.read_text()
    values = sum(len(row.cases) for row in ROWS)
    known = [*keys()]
    for number, what in (
        (values, "values"),
        (len({(row.target, row.argument) for row in ROWS}), "arguments"),
        (sum(len(BANKS[key.holds]) for key in known), "values"),
        (len(known), "keys"),
    ):
        assert f"{number:,} {what}" in text, f"{number:,} {what}"
    for few, many in ((test_archives.FEW, test_archives.MANY), (test_data_files.FEW, test_data_files.MANY)):
        assert f"{few:,} in every run of the suite, {many:,} in a long one" in text
