"""The classics in circuits/programs/ run as they are written, and their gradients are those of central differences."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import TraceError
from tests.helpers import Arrays, as_dict, assert_all_close, assert_close

NAMES = sorted(path.stem for path in (Path(__file__).parents[2] / "circuits" / "programs").glob("*.py"))
STEP = 1e-4
"""Of the differences; their error is of fourth order in it."""


@dataclass(frozen=True)
class Program:
    """A circuit, the plain function that it was made of, and one sample of its inputs, with a batch axis of one.

    ``targets`` are a random ``direction`` away from the outputs, so that gradients are the derivatives along it.
    """

    function: Callable[..., Any]
    circuit: pcn.Circuit
    inputs: Arrays
    outputs: Arrays
    direction: Arrays

    @property
    def targets(self) -> Arrays:
        """What the outputs shall be."""
        return {name: (self.outputs[name] - way)[np.newaxis] for name, way in self.direction.items()}

    @functools.cached_property
    def exact(self) -> Any:
        """The values and gradients of backprop."""
        return pcn.backprop(self.circuit, self.inputs, self.targets)

    def along(self, parameters: Arrays) -> float:
        """The outputs of the plain function along the direction."""
        returned = plain(self.function, parameters, self.inputs)
        return sum(float(np.sum(way * returned[name])) for name, way in self.direction.items())


def plain(function: Callable[..., Any], parameters: Arrays, inputs: Arrays) -> Arrays:
    """What the function gives on plain arrays; it gets numbers where there are no axes, and may write to the rest."""
    arguments = {name: value[0] for name, value in inputs.items()} | parameters
    return as_dict(function(**{n: np.array(v, dtype=float) if np.ndim(v) else float(v) for n, v in arguments.items()}))


@functools.cache
def program(name: str) -> Program:
    """The program of circuits/programs/<name>.py."""
    module = importlib.import_module(f"circuits.programs.{name}")
    try:
        circuit = module.make()
    except (TraceError, AttributeError) as error:
        pytest.skip(str(error))
    sample = module.sample() if hasattr(module, "sample") else {}
    inputs = {each: np.asarray(value)[np.newaxis] for each, value in sample.items()}
    function = getattr(module, name)
    rng = np.random.default_rng(5)
    outputs = plain(function, dict(circuit.parameters), inputs)
    direction = {each: rng.normal(size=np.shape(value)) for each, value in outputs.items()}
    return Program(function, circuit, inputs, outputs, direction)


@pytest.mark.parametrize("name", NAMES)
def test_a_program_gives_what_it_gives_on_plain_arrays(name):
    p = program(name)
    values = p.exact.values
    got = {output: values[node.name][0] for output, node in p.circuit.graph.outputs.items()}
    assert_all_close(got, p.outputs, 1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_its_gradients_are_central_differences_of_the_plain_function(name):
    """Along a random direction of each parameter, extrapolated to steps of zero (Richardson)."""
    p = program(name)
    parameters = dict(p.circuit.parameters)
    rng = np.random.default_rng(6)
    for each, gradient in p.exact.gradients.items():
        way = rng.normal(size=gradient.shape)

        def difference(step, each=each, way=way):
            there, back = ({**parameters, each: parameters[each] + s * way} for s in (step, -step))
            return (p.along(there) - p.along(back)) / (2 * step)

        expected = (4 * difference(STEP / 2) - difference(STEP)) / 3
        scale = max(1.0, float(np.abs(gradient).max()))
        assert_close(np.sum(gradient * way) / scale, expected / scale, 1e-7, each)


@pytest.mark.parametrize("name", NAMES)
def test_a_simulated_circuit_settles_to_the_gradients_of_backprop(name):
    """With fixed predictions and steps of a time constant: an error comes one hop further in every step."""
    p = program(name)
    step = 10.0
    sim = pcn.Simulator(p.circuit, integrator=pcn.Euler(step))
    result = sim.run(step * (len(p.circuit.vertices) + 1), inputs=p.inputs, targets=p.targets)
    assert result.status == "completed"
    assert_all_close(result.gradients, p.exact.gradients, 1e-9)
