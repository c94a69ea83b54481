"""Wrong values for the arguments of learning."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas

import pcneuro as pcn
from tests.robustness.wrong_calls import Row, X, Y, circuit, graph, simulator
from tests.robustness.wrong_values import arrays, flags, mappings, names, numbers, objects, paths, whole_numbers

EXAMPLES = pcn.Examples({"x": X}, {"out": Y})
SOME = itertools.count()
FRAME = pandas.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})


FITTING = "the value", "with unknown", "with empty", "other letters"
"""Names in a circuit are not known here."""


def taken(source: Any = FRAME, inputs: Any = "a", targets: Any = "b", flat: Any = False) -> Any:
    made = pcn.Examples.of(source, inputs, targets, flat=flat)
    return [[array.tolist() for array in group.values()] for group in (made.inputs, made.targets)]


def trained(**changes: Any) -> Any:
    """One epoch, with something changed in what the trainer is made of."""
    made = {"source": pcn.Backprop(circuit()), "optimizer": pcn.SGD(0.5), "train": EXAMPLES, "test": EXAMPLES}
    trainer = pcn.Trainer(**{**made, "batch": 2} | changes)
    return trainer.run(1).parameters


def source(**changes: Any) -> Any:
    made = pcn.PredictiveCoding(**{"simulator": simulator(), "duration": 2.0} | changes)
    return made.gradients(circuit().parameters, EXAMPLES).gradients


def shown(made: Any) -> tuple[str, Any]:
    """Settings as a checkpoint has them, so that what is the same number is the same setting."""
    return repr(made), made


POSITIVE = numbers(0.5, low=0.0, above=True)
NOT_NEGATIVE = numbers(0.5, low=0.0)
BELOW_ONE = numbers(0.5, low=0.0, high=0.99)
UP_TO_ONE = numbers(0.5, low=0.0, above=True, high=1.0)
CLIP = [value for value in numbers(0.5, low=0.0, above=True, none=True) if value.label != "infinite"]

ROWS = [
    Row("SGD", "rate", 0.5, POSITIVE, lambda v: shown(pcn.SGD(v))),
    Row("SGD", "momentum", 0.5, BELOW_ONE, lambda v: shown(pcn.SGD(1.0, v))),
    Row("SGD", "weight_decay", 0.5, NOT_NEGATIVE, lambda v: shown(pcn.SGD(1.0, weight_decay=v))),
    Row("SGD", "clip", 0.5, CLIP, lambda v: shown(pcn.SGD(1.0, clip=v))),
    Row("Adam", "rate", 0.5, POSITIVE, lambda v: shown(pcn.Adam(v))),
    Row("Adam", "beta1", 0.5, BELOW_ONE, lambda v: shown(pcn.Adam(beta1=v))),
    Row("Adam", "beta2", 0.5, BELOW_ONE, lambda v: shown(pcn.Adam(beta2=v))),
    Row("Adam", "epsilon", 0.5, POSITIVE, lambda v: shown(pcn.Adam(epsilon=v))),
    Row("Adam", "weight_decay", 0.5, NOT_NEGATIVE, lambda v: shown(pcn.Adam(weight_decay=v))),
    Row("Adam", "clip", 0.5, CLIP, lambda v: shown(pcn.Adam(clip=v))),
    Row("StepDecay", "every", 3, whole_numbers(3, 1), lambda v: shown(pcn.StepDecay(v))),
    Row("StepDecay", "by", 0.5, UP_TO_ONE, lambda v: shown(pcn.StepDecay(3, v))),
    Row("ExponentialDecay", "by", 0.5, UP_TO_ONE, lambda v: shown(pcn.ExponentialDecay(v))),
    Row("CosineDecay", "epochs", 3, whole_numbers(3, 1), lambda v: shown(pcn.CosineDecay(v))),
    Row("CosineDecay", "least", 0.5, numbers(0.5, low=0.0, high=1.0), lambda v: shown(pcn.CosineDecay(3, v))),
    Row(
        "Backprop", "circuit", graph(), objects("Circuit", none=False, like=pcn.Circuit), pcn.Backprop, said="Backprop"
    ),
    Row(
        "PredictiveCoding",
        "simulator",
        None,
        objects("Simulator", none=False, like=pcn.Simulator),
        lambda v: source() if v is None else source(simulator=v),
        but=("none",),
    ),
    Row(
        "PredictiveCoding", "duration", 2.0, numbers(2.0, low=0.0, above=True, time=True), lambda v: source(duration=v)
    ),
    Row(
        "Examples",
        "inputs",
        {"x": X},
        mappings({"x": X}, np.ones((3, 3))),
        lambda v: pcn.Examples(v, {"out": Y}).digest(),
        said="input",
        but=("with unknown", "with number", "with none", "with tuple", "with empty", "other letters", "bytes name"),
    ),
    Row(
        "Examples",
        "targets",
        {"out": Y},
        mappings({"out": Y}, np.ones((3, 3))),
        lambda v: pcn.Examples({"x": X}, v).digest(),
        said="target|out",
        but=("with unknown", "with number", "with none", "with tuple", "with empty", "other letters", "bytes name"),
    ),
    Row(
        "Examples",
        "inputs",
        X,
        arrays(X, samples=True, finite=False, shape=False),
        lambda v: pcn.Examples({"x": v}, {"out": Y}).inputs,
        said="input",
    ),
    Row(
        "Examples",
        "targets",
        Y,
        arrays(Y, samples=True, finite=False, shape=False),
        lambda v: pcn.Examples({"x": X}, {"out": v}).targets,
        said="target|input 'x'",
    ),
    Row("Examples.of", "source", FRAME, objects("DataFrame", none=False, like=pandas.DataFrame), lambda v: taken(v)),
    Row("Examples.of", "inputs", {"x": "a"}, mappings({"x": "a"}, "nope"), lambda v: taken(inputs=v), but=FITTING),
    Row("Examples.of", "targets", "b", names(known="B"), lambda v: taken(targets=v)),
    Row("Examples.of", "flat", True, flags(True), lambda v: taken(flat=v)),
    Row(
        "Trainer",
        "train",
        EXAMPLES,
        [*mappings({"x": X}, Y), *objects("Examples", none=False, like=pcn.Examples)],
        lambda v: trained(train=v),
        but=("read only", "ordered", "of a user"),
    ),
    Row(
        "Trainer",
        "train",
        X,
        arrays(X, samples=True),
        lambda v: trained(train=pcn.Examples({"x": v}, {"out": Y})),
        said="input",
    ),
    Row("Trainer", "test", EXAMPLES, objects("Examples", none=False, like=pcn.Examples), lambda v: trained(test=v)),
    Row(
        "Trainer",
        "source",
        pcn.Backprop(circuit()),
        objects("Backprop", none=False, like=pcn.Backprop),
        lambda v: trained(source=v),
    ),
    Row("Trainer", "optimizer", pcn.SGD(0.5), objects("SGD", none=False, like=pcn.SGD), lambda v: trained(optimizer=v)),
    Row("Trainer", "rates", None, objects("StepDecay", none=True, like=pcn.StepDecay), lambda v: trained(rates=v)),
    Row("Trainer", "batch", 2, whole_numbers(2, 1, most=2), lambda v: trained(batch=v)),
    Row("Trainer", "seed", 3, whole_numbers(3), lambda v: trained(seed=v)),
    Row(
        "Trainer",
        "parameters",
        {"W": np.ones((3, 4))},
        mappings({"W": np.ones((3, 4))}, X, none=True),
        lambda v: trained(parameters=v),
        said="parameter",
    ),
    Row(
        "Trainer",
        "parameters",
        np.arange(12.0).reshape(3, 4) / 8,
        arrays(np.arange(12.0).reshape(3, 4) / 8),
        lambda v: trained(parameters={"W": v}),
        said="parameter",
    ),
    Row(
        "Trainer",
        "checkpoint",
        None,
        paths(),
        lambda v: trained(checkpoint=v),
        said="checkpoint|path|folder|file|cannot",
        but=("none",),
    ),
    Row("Trainer", "output", None, names(none=True), lambda v: trained(output=v)),
    Row("Trainer", "resume", False, flags(False), lambda v: trained(checkpoint=f"c{next(SOME)}", resume=v)),
    Row(
        "Trainer",
        "measure",
        None,
        objects("measure", none=True),
        lambda v: trained(measure=v),
        but=("a class", "a function"),
    ),
    Row(
        "Trainer",
        "gradients",
        None,
        objects("Distributed", none=True, like=pcn.Distributed),
        lambda v: trained(gradients=v),
    ),
    Row(
        "Distributed",
        "client",
        None,
        objects("Client", none=True),
        lambda v: trained(gradients=pcn.Distributed(v)),
        said="client|pcneuro\\[batch\\]",
    ),
    Row("Distributed", "samples", 3, whole_numbers(3, 1), lambda v: trained(gradients=pcn.Distributed(None, v))),
    Row(
        "Distributed",
        "patience",
        2.0,
        numbers(2.0, low=0.0, above=True, time=True),
        lambda v: pcn.Distributed(None, patience=v).samples,
        but=("infinite",),
    ),
    Row(
        "Trainer.run",
        "epochs",
        2,
        whole_numbers(2),
        lambda v: pcn.Trainer(pcn.Backprop(circuit()), pcn.SGD(0.5), EXAMPLES, EXAMPLES, batch=2).run(v).parameters,
    ),
    Row(
        "Trainer.run",
        "report",
        None,
        names(none=True),
        lambda v: (
            pcn.Trainer(pcn.Backprop(circuit()), pcn.SGD(0.5), EXAMPLES, EXAMPLES, batch=2).run(0, report=v).parameters
        ),
    ),
    Row(
        "Trainer.run",
        "report_period",
        1.0,
        numbers(1.0, low=0.0, above=True, time=True),
        lambda v: (
            pcn.Trainer(pcn.Backprop(circuit()), pcn.SGD(0.5), EXAMPLES, EXAMPLES, batch=2)
            .run(0, report_period=v)
            .parameters
        ),
        but=("infinite",),
    ),
    Row(
        "Trainer.advance",
        "each_batch",
        None,
        objects("f", none=True),
        lambda v: pcn.Trainer(pcn.Backprop(circuit()), pcn.SGD(0.5), EXAMPLES, EXAMPLES, batch=2).advance(v),
        but=("a class", "a function"),
    ),
]
