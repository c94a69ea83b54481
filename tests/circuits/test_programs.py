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

    @property
    def targets(self) -> Arrays:
        """What the outputs shall be."""
        return {name: (self.outputs[name] - way)[np.newaxis] for name, way in self.direction.items()}

    @functools.cached_property
    def exact(self) -> Any:
        """The values and gradients of backprop."""
        return pcn.backprop(self.circuit, self.inputs, self.targets)

    def plain(self, parameters: Arrays) -> Arrays:
        """What the plain function returns; it gets numbers where there are no axes, and may write to the rest."""
        trees = self.circuit.graph.trees
        inside = {leaf for tree in trees.values() for leaf in tree.paths.values()}
        arrays = {name: value[0] for name, value in self.inputs.items()} | parameters
        arrays = {name: np.array(value) if np.ndim(value) else float(value) for name, value in arrays.items()}
        arguments = {name: value for name, value in arrays.items() if name not in inside}
        return as_dict(self.function(**arguments, **{name: tree.of(arrays) for name, tree in trees.items()}))

    @functools.cached_property
    def outputs(self) -> Arrays:
        """What it returns for the circuit's parameters."""
        return self.plain(dict(self.circuit.parameters))

    @functools.cached_property
    def direction(self) -> Arrays:
        """A random one, for each output."""
        rng = np.random.default_rng(5)
        return {name: rng.normal(size=np.shape(value)) for name, value in self.outputs.items()}

    def along(self, parameters: Arrays) -> float:
        """The outputs of the plain function along the direction."""
        returned = self.plain(parameters)
        return sum(float(np.sum(way * returned[name])) for name, way in self.direction.items())


@functools.cache
def program(name: str) -> Program:
    """The program of circuits/programs/<name>.py."""
    module = importlib.import_module(f"circuits.programs.{name}")
    sample = module.sample() if hasattr(module, "sample") else {}
    inputs = {each: np.asarray(value, dtype=float)[np.newaxis] for each, value in sample.items()}
    return Program(getattr(module, name), module.make(), inputs)


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


@pytest.mark.halved
@pytest.mark.parametrize("name", NAMES)
def test_a_simulated_circuit_settles_to_the_gradients_of_backprop(name):
    """With fixed predictions and steps of a time constant: an error comes one hop further in every step."""
    p = program(name)
    step = 10.0
    sim = pcn.Simulator(p.circuit, integrator=pcn.Euler(step))
    result = sim.run(step * (len(p.circuit.vertices) + 1), inputs=p.inputs, targets=p.targets)
    assert result.status == "completed"
    assert_all_close(result.gradients, p.exact.gradients, 1e-9)
