"""Modules of PyTorch for tests, and how they are held against what is imported of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import pcneuro as pcn
from pcneuro import importing


class Does(nn.Module):
    """A module of a function of its layers and its input."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *x):
        return self.function(self, *x)


class Gain(nn.Module):
    """A gain for each unit of a sample, so that something learns from what comes back."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(0.5 + torch.rand(shape, generator=torch.Generator().manual_seed(1)))

    def forward(self, x):
        return x * self.weight


def gradients_of(module, example, targets):
    """Of squared errors, by PyTorch."""
    module.zero_grad()
    returned = module(*example)
    flat = [y for y in torch.utils._pytree.tree_flatten(returned)[0] if isinstance(y, torch.Tensor)]
    sum(0.5 * ((y - torch.as_tensor(t)) ** 2).sum() for y, t in zip(flat, targets, strict=True)).backward()
    return {name: p.grad for name, p in module.named_parameters()}


def agree(module, *example, batch_axis=0, tolerance=1e-9, dtype=torch.float64, seed=0):
    """Import a module and hold values and gradients of a batch against PyTorch's; returns the model."""
    module = module.to(dtype)
    example = tuple(x.to(dtype) if x.is_floating_point() else x for x in example)
    model = importing.torch(module, example, batch_axis=batch_axis)
    rng = np.random.default_rng(seed)
    outputs = [y for y in torch.utils._pytree.tree_flatten(module(*example))[0] if isinstance(y, torch.Tensor)]
    axes = [0 if batch_axis is not None else None] * len(outputs)
    targets = [rng.normal(size=tuple(y.shape)) for y in outputs]
    if batch_axis:
        axes = [next(i for i, n in enumerate(y.shape) if n == example[0].shape[batch_axis]) for y in outputs]
    expected = gradients_of(module, example, targets)

    def first(x, axis):
        return np.asarray(x) if axis is None else np.moveaxis(np.asarray(x), axis, 0)

    inputs = {model.inputs[n]: first(x, batch_axis) for n, x in zip(model.inputs, example, strict=True)}
    names = list(model.graph.outputs)
    goals = {n: first(t, a) for n, t, a in zip(names, targets, axes, strict=True)}
    result = pcn.backprop(model.graph, inputs, goals)
    for name, y, axis in zip(names, outputs, axes, strict=True):
        value = first(y.detach(), axis) if axis is not None else y.detach().numpy()[None]
        node = model.graph.outputs[name].name
        got = np.broadcast_to(result.values[node], value.shape)
        np.testing.assert_allclose(got, value, rtol=tolerance, atol=tolerance * max(1, np.abs(value).max()))
    for name, gradient in result.gradients.items():
        theirs = expected[model.parameters[name]]
        theirs = np.zeros(gradient.shape) if theirs is None else theirs.numpy()
        np.testing.assert_allclose(
            gradient, theirs, rtol=0, atol=tolerance * max(1, np.abs(theirs).max()), err_msg=name
        )
    return model


def drawn(*shape, seed=0, batch=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *shape, generator=generator)
