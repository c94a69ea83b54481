"""Wrong values for the arguments of graphs and of what a circuit is given."""

from __future__ import annotations

import dataclasses

import numpy as np

import pcneuro as pcn
from tests.robustness.wrong_calls import Row, V, W, X, function
from tests.robustness.wrong_values import arrays, flags, indices, names, numbers, objects, whole_numbers

ROWS = [
    Row(
        "Input",
        "shape",
        (3,),
        whole_numbers(3, 1),
        lambda v: pcn.Input(v).shape,
        said="Input",
        but=("array", "list", "tuple", "no axes"),
    ),
    Row(
        "Input",
        "shape",
        (2, 3),
        [*indices([2, 3]), *numbers(2.0, low=0)],
        lambda v: pcn.Input(v).shape,
        said="Input",
        but=(
            "too high",
            "number",
            "whole",
            "int8",
            "uint64",
            "float64",
            "float32",
            "float16",
            "true",
            "false",
            "array",
        ),
    ),
    Row(
        "Latent",
        "shape",
        (2, 3),
        indices([2, 3]),
        lambda v: pcn.Latent(v).shape,
        said="Latent",
        but=("too high", "number", "nested"),
    ),
    Row(
        "Latent",
        "prior",
        X,
        arrays(X, none=True),
        lambda v: pcn.Latent((2, 3), prior=v).prior,
        but=("one number", "empty"),
    ),
    Row(
        "Parameter",
        "value",
        X,
        arrays(X, finite=False, shape=False, number=None),
        lambda v: pcn.Parameter(v).value.astype(float),
        said="Parameter",
    ),
    Row(
        "Parameter",
        "value",
        W,
        arrays(W, shape=False, number=None),
        lambda v: (
            pcn.trace(function, x=pcn.Input((3,)), W=pcn.Parameter(v), V=pcn.Parameter(V))
            .parameters["W"]
            .source.value.astype(float)
        ),
        said="Parameter|parameter",
    ),
    Row(
        "vertex",
        "name",
        "h",
        names(),
        lambda v: list(pcn.trace(lambda x: pcn.vertex(np.tanh(x), v), x=pcn.Input((2,))).nodes),
        but=("unknown",),
        said="name",
    ),
    Row(
        "vertex",
        "x",
        X,
        [dataclasses.replace(value, fits=True) for value in arrays(X)],
        lambda v: pcn.vertex(v, "h") is v,
    ),
    Row(
        "trace",
        "function",
        function,
        objects("function", none=False),
        lambda v: pcn.trace(v, x=pcn.Input((3,)), W=pcn.Parameter(W), V=pcn.Parameter(V)),
        but=("a class", "a function"),
        said="function",
    ),
    Row(
        "trace",
        "check",
        True,
        flags(True),
        lambda v: pcn.trace(lambda x: pcn.vertex(np.tanh(x), "h"), check=v, x=pcn.Input((3,))),
        said="check",
    ),
    Row(
        "trace",
        "leaves",
        pcn.Input((3,)),
        objects("Input", none=False, like=pcn.Input),
        lambda v: pcn.trace(lambda x: pcn.vertex(np.tanh(x), "h"), x=v),
        said="leaf 'x'",
    ),
    Row("elementwise", "expression", "tanh(x)", names(), lambda v: pcn.elementwise(v)(X), said="expression|nope|name"),
    Row(
        "elementwise",
        "variables",
        ["x"],
        [*names(), *objects("x", none=False)],
        lambda v: pcn.elementwise("tanh(x)", v)(X),
        but=("its name", "text", "list of text"),
        said="variable|expression",
    ),
    Row("Euler", "dt", 2.0, numbers(2.0, low=0.0, above=True, time=True), lambda v: pcn.Euler(v).dt),
    Row(
        "ExponentialEuler",
        "dt",
        2.0,
        numbers(2.0, low=0.0, above=True, time=True),
        lambda v: pcn.ExponentialEuler(v).dt,
    ),
    Row("RungeKutta4", "dt", 2.0, numbers(2.0, low=0.0, above=True, time=True), lambda v: pcn.RungeKutta4(v).dt),
    Row("Settled", "rtol", 0.5, numbers(0.5, low=0.0, high=0.99), lambda v: pcn.Settled(rtol=v)),
    Row("Settled", "atol", 0.5, numbers(0.5, low=0.0), lambda v: pcn.Settled(atol=v)),
    Row("Settled", "limit", 4.0, numbers(4.0, low=0.0, above=True, time=True), lambda v: pcn.Settled(limit=v)),
    Row("ConstantDelay", "ms", 2.0, numbers(2.0, low=0.0, time=True), lambda v: pcn.ConstantDelay(v)),
    Row("UniformDelay", "low", 2.0, numbers(2.0, low=0.0, high=9.0, time=True), lambda v: pcn.UniformDelay(v, 9.0)),
    Row("UniformDelay", "high", 8.0, numbers(8.0, low=2.0, time=True), lambda v: pcn.UniformDelay(2.0, v)),
    Row("UniformDelay", "seed", 3, whole_numbers(3), lambda v: pcn.UniformDelay(2.0, 3.0, v)),
    Row(
        "LognormalDelay",
        "median",
        2.0,
        numbers(2.0, low=0.0, above=True, time=True),
        lambda v: pcn.LognormalDelay(v, 0.5),
    ),
    Row("LognormalDelay", "sigma", 0.5, numbers(0.5, low=0.0), lambda v: pcn.LognormalDelay(2.0, v)),
    Row("LognormalDelay", "seed", 3, whole_numbers(3), lambda v: pcn.LognormalDelay(2.0, 0.5, seed=v)),
    Row(
        "LognormalDelay",
        "least",
        2.0,
        numbers(2.0, low=0.0, time=True),
        lambda v: pcn.LognormalDelay(2.0, 0.5, least=v),
    ),
    Row(
        "SynapticDelays",
        "values",
        np.abs(X),
        arrays(np.abs(X), shape=False),
        lambda v: pcn.SynapticDelays(v).values,
        said="SynapticDelays",
        but=("in seconds", "durations"),
    ),
]
