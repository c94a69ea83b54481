"""Samples out of parts of data sets, data frames and labelled datasets are those that one would take by hand."""

import numpy as np
import pandas
import pytest
import xarray

import pcneuro.data
from pcneuro.errors import DataError, ParameterError, ShapeError, UnknownNameError
from pcneuro.learning import Examples

POINTS = pcneuro.data.load("pendulum", samples=10)
PARTS = ("digits", {}), ("pendulum", {"samples": 10, "steps": 3})


def frame():
    made = pandas.DataFrame({"a": [0.5, 1.5, 2.5], "n": [1, 2, 3], "kind": ["odd", "even", "odd"]}, index=[7, 3, 5])
    return made.assign(kind=made["kind"].astype(pandas.CategoricalDtype(["even", "odd", "neither"])))


def dataset():
    rates, choice = np.arange(6.0).reshape(2, 3), np.eye(2)[[0, 1, 1]]
    return xarray.Dataset({"rates": (("unit", "batch"), rates), "choice": (("batch", "side"), choice)})


@pytest.mark.parametrize(("name", "choices"), PARTS)
def test_a_part_gives_its_inputs_and_targets(name, choices):
    part = pcneuro.data.load(name, **choices).train
    for flat in (False, True):
        made = Examples.of(part, "x", "out", flat=flat)
        for got, whole in ((made.inputs["x"], part.inputs), (made.targets["out"], part.targets)):
            np.testing.assert_array_equal(got, whole.reshape(len(whole), -1) if flat else whole)


def test_columns_of_a_frame_are_arrays_and_categories_are_one_hot():
    made = Examples.of(frame(), {"x": ["a", "n"], "alone": "a", "all": ["n", "kind"]}, {"out": "kind"})
    one_hot = np.array([[0, 1, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(made.inputs["x"], [[0.5, 1], [1.5, 2], [2.5, 3]])
    np.testing.assert_array_equal(made.inputs["alone"], [0.5, 1.5, 2.5])
    np.testing.assert_array_equal(made.inputs["all"], np.column_stack([[1, 2, 3], one_hot]))
    np.testing.assert_array_equal(made.targets["out"], one_hot)


def test_parts_of_a_frame_have_all_its_classes():
    assert Examples.of(frame().iloc[:1], "a", "kind").targets["kind"].shape == (1, 3)


def test_variables_of_a_dataset_have_their_samples_in_front():
    made = Examples.of(dataset(), {"x": "rates"}, {"out": "choice"})
    np.testing.assert_array_equal(made.inputs["x"], dataset().rates.values.T)
    np.testing.assert_array_equal(made.targets["out"], dataset().choice.values)
    assert [*Examples.of(dataset(), ["rates"], "choice").inputs] == ["rates"]


def gap(column):
    made = frame()
    made.loc[3, column] = None
    return made


NAN = dataset().assign(rates=dataset().rates.where(dataset().rates > 2))
TWICE = pandas.concat([frame(), frame()[["a"]]], axis=1)
WRONG = {
    "data set": (POINTS, "x", "out", DataError, r"'pendulum'.*\.train or \.test"),
    "names of a part": (
        pcneuro.data.load("pendulum", samples=10).test,
        {"x": "inputs"},
        "out",
        ParameterError,
        "inputs",
    ),
    "array": (np.ones((3, 2)), "x", "out", DataError, "source is .*give a part of a data set"),
    "column": (frame(), "A", "kind", UnknownNameError, r"column \(inputs: 'A'\) 'A': did you mean 'a'"),
    "texts": (frame().astype({"kind": str}), "a", "kind", DataError, r"targets: .*'kind' holds .*astype\('category'\)"),
    "missing": (gap("a"), "a", "kind", DataError, r"column 'a' lacks 1 value.*dropna\(\)"),
    "missing class": (gap("kind"), "a", "kind", DataError, "column 'kind' lacks 1 value"),
    "no columns": (frame(), {"x": []}, "kind", ParameterError, "inputs: 'x' has"),
    "number": (frame(), {"x": 3}, "kind", ParameterError, "inputs: 'x' has 3"),
    "name of a number": (frame(), {"x": ["a", 3]}, "kind", ParameterError, "names of columns are texts"),
    "twice": (TWICE, "a", "kind", DataError, "several columns 'a'"),
    "variable": (
        dataset(),
        "rate",
        "choice",
        UnknownNameError,
        "'rate': did you mean 'rates'",
    ),
    "several variables": (dataset(), {"x": ["rates"]}, "choice", ParameterError, "the name of one variable"),
    "dimension": (dataset().rename(batch="trial"), "rates", "choice", ShapeError, "call that of samples 'batch'"),
    "NaN": (NAN, "rates", "choice", DataError, r"variable 'rates' lacks 3 value.*dropna\('batch'\)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused_in_one_line(case):
    source, inputs, targets, kind, message = WRONG[case]
    with pytest.raises(kind, match=message) as caught:
        Examples.of(source, inputs, targets)
    assert "\n" not in str(caught.value)
