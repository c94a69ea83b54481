"""A module that ``torch.export`` has written down, as a NumPy function of one sample and of its parameters."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pcneuro.errors import TraceError, shown
from pcneuro.importing.aten import ATEN
from pcneuro.importing.operators import inside
from pcneuro.ops.base import AbstractTraced

IGNORED = {
    "layout",
    "device",
    "pin_memory",
    "memory_format",
    "non_blocking",
    "copy",
    "implicit",
    "dtype",
    "sparse",
}
"""Arguments of PyTorch's operators that say how numbers are kept, not what they are."""


_RANDOM = "it draws random numbers: draw them outside, and give them to the module as an input"


def plain(tensor: Any) -> np.ndarray:
    """A tensor as a NumPy array."""
    tensor = tensor.detach().cpu()
    return tensor.double().numpy() if tensor.dtype.itemsize < 4 and tensor.is_floating_point() else tensor.numpy()


def memory(tensor: Any) -> tuple[Any, ...]:
    """What two names of one tensor have in common, and views of one memory have not."""
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype


class Program:
    """The operators of an exported module, in their order.

    ``parameters`` are those that learn and are used, by the name that the module has for them; one that has several
    names is there once.
    """

    def __init__(self, torch: Any, exported: Any) -> None:
        self.torch = torch
        self.nodes = list(exported.graph.nodes)
        self.parameters: dict[str, Any] = {}
        self.constants: dict[str, Any] = {}
        self.leaf_of: dict[str, str] = {}
        """Placeholder -> parameter."""
        self.inputs: list[str] = []
        """Placeholders of what the module is called with."""
        placeholders = {node.name: node for node in self.nodes if node.op == "placeholder"}
        names: dict[Any, str] = {}
        for spec in exported.graph_signature.input_specs:
            kind, placeholder = spec.kind.name, spec.arg.name
            if kind == "USER_INPUT":
                self.inputs.append(placeholder)
                if hasattr(spec.arg, "value"):
                    self.constants[placeholder] = spec.arg.value
            elif kind == "PARAMETER" and exported.state_dict[spec.target].requires_grad:
                tensor = exported.state_dict[spec.target]
                name = names.setdefault(memory(tensor), spec.target)
                if placeholders[placeholder].users:
                    self.parameters[name] = tensor
                    self.leaf_of[placeholder] = name
            elif kind in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
                held = exported.state_dict if spec.target in exported.state_dict else exported.constants
                self.constants[placeholder] = held[spec.target].detach()
            else:
                raise TraceError(f"the module has {shown(spec.target)}, a {kind} that is no tensor: leave it out")
        self.outputs = self._outputs(exported.graph_signature.output_specs)

    def _outputs(self, specs: Any) -> list[Any]:
        (last,) = (node for node in self.nodes if node.op == "output")
        results = []
        for spec, node in zip(specs, last.args[0], strict=True):
            if spec.kind.name == "USER_OUTPUT":
                results.append(node)
            else:
                raise TraceError(
                    f"the module writes to {shown(spec.target)} when it is called: samples would depend on those "
                    "before them; call module.eval(), or keep it in an output"
                )
        return results

    @functools.cached_property
    def depending(self) -> set[str]:
        """Nodes that depend on inputs or parameters."""
        names = {*self.leaf_of, *(name for name in self.inputs if name not in self.constants)}
        for node in self.nodes:
            if any(other.name in names for other in node.all_input_nodes):
                names.add(node.name)
        return names

    def run(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Any]:
        """Values of the outputs, None for those that no leaf reaches; of inputs by placeholder, parameters by name."""
        values: dict[Any, Any] = {}
        for node in self.nodes:
            if node.op == "placeholder":
                if node.name in self.leaf_of:
                    values[node] = parameters[self.leaf_of[node.name]]
                elif node.name in inputs:
                    values[node] = self._input(node, inputs[node.name])
                else:
                    values[node] = self.constants.get(node.name)
            elif node.op == "call_function":
                with inside(node.name, str(node.target)):
                    values[node] = self._evaluate(node, values)
            elif node.op != "output":
                raise TraceError(f"node {node.name!r} is a {node.op}, which has no place in a graph of functions")
        return [values[node] if self._is_output(node) else None for node in self.outputs]

    def _is_output(self, node: Any) -> bool:
        """Whether an output is one of numbers that depend on a leaf."""
        return getattr(node, "name", None) in self.depending and node.meta["val"].is_floating_point()

    def _input(self, node: Any, value: Any) -> Any:
        """An input's array; truth values are numbers that are not 0."""
        truth = node.meta["val"].dtype == self.torch.bool
        return np.not_equal(value, 0.0) if truth else value

    def _evaluate(self, node: Any, values: Mapping[Any, Any]) -> Any:
        node_type = type(node)

        def value_of(argument: Any) -> Any:
            if isinstance(argument, list | tuple):
                return [value_of(part) for part in argument]
            if not isinstance(argument, node_type):
                return argument
            return values[argument]

        if node.target is operator.getitem:
            return values[node.args[0]][node.args[1]]
        arguments = [value_of(a) for a in node.args]
        keywords = {name: value_of(a) for name, a in node.kwargs.items()}
        if not isinstance(node.target, self.torch._ops.OpOverload):
            raise TraceError("this is no operator of PyTorch: leave it out of the module")
        if not any(map(_depends, _flat([*arguments, *keywords.values()]))):
            if self.torch.Tag.nondeterministic_seeded in node.target.tags:
                raise TraceError(_RANDOM)
            with self.torch.no_grad():
                return node.target(*arguments, **keywords)
        name = node.target._schema.name.removeprefix("aten::").split(".")[0]
        if name not in ATEN.functions and self.torch.Tag.nondeterministic_seeded in node.target.tags:
            raise TraceError(_RANDOM)
        function = ATEN.find(name)
        return function(**self._bound(node, function, arguments, keywords))

    def _bound(
        self, node: Any, function: Callable[..., Any], arguments: list[Any], keywords: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Arguments of a function by name. Raises TraceError for one that says something it cannot be told.

        Beside those of the schema a function may have ``known``, values of the arguments that are parameters, by name,
        and ``resolution``, the distance from 1 to the next number of the dtype.
        """
        accepted = inspect.signature(function).parameters
        anything = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
        schema = node.target._schema.arguments
        given = dict(zip((a.name for a in schema), arguments, strict=False)) | dict(keywords)
        bound = {}
        for argument in schema:
            name = argument.name
            value = given.get(name, argument.default_value)
            if name in accepted or anything:
                bound[name] = self._plain(value)
            elif name in given and name not in IGNORED and value != argument.default_value:
                raise TraceError(f"its argument {name}={shown(value)} is not known here: leave it out")
        self._check_dtype(node)
        if "resolution" in accepted:
            bound["resolution"] = self.torch.finfo(node.meta["val"].dtype).eps
        if "known" in accepted:
            bound["known"] = {a.name: self._known(n) for a, n in zip(schema, node.args, strict=False)}
        return bound

    def _known(self, node: Any) -> np.ndarray | None:
        """The values of an argument that is a parameter or a constant; None for all others."""
        if getattr(node, "op", None) != "placeholder":
            return None
        tensor = self.parameters.get(self.leaf_of.get(node.name, ""), self.constants.get(node.name))
        return None if tensor is None else plain(tensor)

    def _check_dtype(self, node: Any) -> None:
        """Raise TraceError where numbers are made whole, which says nothing about where they came from."""
        if node.target._schema.name not in ("aten::to", "aten::_to_copy", "aten::type_as"):
            return
        before, after = node.args[0].meta["val"], node.meta["val"]
        if before.is_floating_point() and not after.is_floating_point():
            raise TraceError(f"it makes {after.dtype} of real numbers: compute it outside, and give it as an input")

    def _plain(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._plain(part) for part in value]
        return plain(value) if isinstance(value, self.torch.Tensor) else value


def _flat(values: Any) -> list[Any]:
    return [leaf for v in values for leaf in (_flat(v) if isinstance(v, list | tuple) else [v])]


def _depends(value: Any) -> bool:
    return isinstance(value, AbstractTraced | np.ndarray | np.generic)
