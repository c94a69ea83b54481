"""PyTorch modules as graphs: what ``torch.export`` writes down of one sample, with the axis of samples taken off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError, TraceError, told
from pcneuro.graph.graph import Input, Parameter
from pcneuro.graph.trace import trace
from pcneuro.importing.names import AbstractModel, as_names
from pcneuro.importing.torch_gradients import check_gradients
from pcneuro.importing.torch_library import calling, library
from pcneuro.importing.torch_program import Program, memory, plain
from pcneuro.importing.torch_samples import Call, agree, call_of, output_axes


@dataclass(frozen=True, eq=False)
class TorchModel(AbstractModel):
    """A PyTorch module as a graph of one sample.

    ``graph`` is what ``pcn.build_circuit`` takes, ``parameters`` the names in the module's ``state_dict`` by those in
    the graph, and ``inputs`` the names in the graph by those of the module's arguments.

    Examples
    --------
    >>> import torch
    >>> model = pcn.importing.torch(torch.nn.Linear(3, 2), torch.zeros(1, 3))
    >>> sorted(model.parameters)
    ['bias', 'weight']
    """

    inputs: Mapping[str, str]
    state: Mapping[str, Any] = field(repr=False)
    """The module's tensors when it was imported."""
    owner: Mapping[str, str] = field(repr=False)
    """Name of a tensor that learns -> the first of its names, where it has several."""

    def state_dict(self, parameters: Circuit | Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What ``module.load_state_dict`` takes: the parameters of a trained circuit, or given by their graph's names.

        Tensors are copies, in the module's dtypes; buffers, frozen parameters and what is not given are what the module
        had. Raises ParameterError, UnknownNameError, ShapeError and DataError for parameters that do not fit.
        """
        values, torch = self.values(parameters), library()
        state = {}
        for name, tensor in self.state.items():
            owner = self.owner.get(name)
            new = tensor if owner is None else torch.from_numpy(np.array(values[owner]))
            state[name] = new.to(tensor.dtype).clone()
        return state


def torch(module: Any, example: Any, *, batch_axis: int | None = 0) -> TorchModel:
    """A PyTorch module as a graph of one sample, whose circuit has the module's gradients.

    Parameters
    ----------
    module
        A ``torch.nn.Module`` in evaluation mode (``module.eval()``); it is not changed.
    example
        What it is called with: a tensor, a tuple of tensors (and of what else it takes), or a dict by argument, of one
        sample or more. Real numbers count by their shapes only; whole ones are taken for tokens, and their values, too.
    batch_axis
        The axis of samples of every tensor of ``example``; 1 where time comes first. None takes the example as one
        sample, without such an axis.

    Returns
    -------
    TorchModel
        ``graph`` has an ``Input`` for each tensor of the example, without the axis of samples, under the name of the
        argument (``x``, or ``state_0`` where it is a tuple), and a ``Parameter`` for each parameter that learns, under
        its name in ``state_dict`` with ``_`` for each dot. Its outputs are called ``out``, or ``out_0``, ``out_1``, or
        as the keys of a dict. Frozen parameters and buffers are constants.

    Raises
    ------
    TraceError
        For an operator that is not known or mixes samples: its node, its name, and what to do.
    ShapeError, ParameterError, DataError
        For examples and settings that do not fit, and parameters that are not finite.
    MissingExtraError
        Where PyTorch is not installed.

    Examples
    --------
    >>> import torch
    >>> linear = torch.nn.Linear(3, 2)
    >>> pcn.importing.torch(linear, torch.zeros(1, 3)).parameters
    {'weight': 'weight', 'bias': 'bias'}
    """
    lib = library()
    if not isinstance(module, lib.nn.Module):
        raise ParameterError(f"module is {told(module)}: give a torch.nn.Module")
    if isinstance(module, lib.jit.ScriptModule):
        raise ParameterError(f"module is {told(module)}, a ScriptModule: give the module that it was made of")
    _check_evaluation(lib, module)
    call = call_of(module, example, batch_axis)
    expected = call.outputs(call.sample(0))
    program = Program(lib, _exported(lib, call))
    inputs = as_names(call.tensors)
    names = as_names(program.parameters, inputs.values())
    function = _Function(call, program, inputs, names, expected)
    leaves: dict[str, Any] = {inputs[name]: Input(call.shape(name)) for name in call.tensors}
    leaves |= {names[name]: Parameter(plain(tensor)) for name, tensor in program.parameters.items()}
    graph = trace(function, **leaves)
    function.compare(leaves)
    learned = {names[name]: tensor for name, tensor in program.parameters.items()}
    check_gradients(call, graph, inputs, function.outputs, learned)
    held = {n: t for n, t in module.state_dict(keep_vars=True).items() if isinstance(t, lib.Tensor)}
    owner = {memory(tensor): name for name, tensor in program.parameters.items()}
    return TorchModel(
        graph,
        {names[name]: name for name in program.parameters},
        inputs,
        {name: tensor.detach().clone() for name, tensor in held.items()},
        {name: owner[memory(tensor)] for name, tensor in held.items() if memory(tensor) in owner},
    )


class _Function:
    """What is traced: the module's program, of one sample without the axis of samples, by the graph's names."""

    def __init__(
        self,
        call: Call,
        program: Program,
        inputs: Mapping[str, str],
        names: Mapping[str, str],
        expected: Mapping[str, Any],
    ) -> None:
        self.call, self.program, self.inputs, self.names, self.expected = call, program, inputs, names, expected
        self.__name__ = type(call.module).__name__
        self.axes = output_axes(call, expected)
        self.outputs = as_names(expected)

    def __call__(self, **leaves: Any) -> dict[str, Any]:
        axis, tensors = self.call.batch_axis, self.call.tensors
        parameters = {name: leaves[self.names[name]] for name in self.program.parameters}
        given = {}
        for placeholder, name in zip(self.program.inputs, self.call.names, strict=True):
            if name in tensors:
                x = leaves[self.inputs[name]]
                given[placeholder] = x if axis is None else np.expand_dims(x, axis)
        values = zip(self.outputs.values(), self.axes, self.program.run(given, parameters), strict=True)
        return {name: y if axis is None else np.squeeze(y, axis) for name, axis, y in values if y is not None}

    def compare(self, leaves: Mapping[str, Any]) -> None:
        """Raise TraceError where the module returns something else for the example's first sample."""
        sample = dict(zip(self.call.names, self.call.sample(0), strict=True))
        given = {name: leaf.value for name, leaf in leaves.items() if isinstance(leaf, Parameter)}
        for name in self.call.tensors:
            given[self.inputs[name]] = plain(sample[name]).reshape(leaves[self.inputs[name]].shape)
        with np.errstate(all="ignore"):
            got = self(**given)
        for (name, expected), axis in zip(self.expected.items(), self.axes, strict=True):
            if self.outputs[name] in got:
                y = plain(expected) if axis is None else plain(expected).squeeze(axis)
                if not agree(np.asarray(got[self.outputs[name]]), y, expected.dtype):
                    raise TraceError(
                        f"output {name!r} of the graph is not what the module returns for the example: please report it"
                    )


def _check_evaluation(lib: Any, module: Any) -> None:
    """Raise TraceError for layers that do something else in training mode, and norms that mix samples in both."""
    norms = lib.nn.modules.batchnorm._BatchNorm
    for name, layer in module.named_modules():
        where = f"{type(layer).__name__} {name!r}" if name else type(layer).__name__
        if isinstance(layer, norms) and layer.running_mean is None:
            raise TraceError(
                f"{where} has no running statistics, so that it mixes samples, which a circuit keeps apart: set "
                "track_running_stats=True and train it in PyTorch, or use GroupNorm or LayerNorm"
            )
        drops = isinstance(layer, lib.nn.modules.dropout._DropoutNd) and layer.p > 0
        if layer.training and (drops or isinstance(layer, norms)):
            raise TraceError(
                f"{where} is in training mode, which has no meaning for one sample: call module.eval() before it is "
                "imported (norms then use their running statistics), or use GroupNorm or LayerNorm"
            )


def _exported(lib: Any, call: Call) -> Any:
    """The module's operators on one sample, with views and writes in place undone."""
    args, keywords = call.arguments(call.sample(0))
    with calling("torch.export cannot write the module down", "leave out what depends on values (if, while, .item())"):
        return lib.export.export(call.module, args, keywords, strict=False).run_decompositions({})
