"""Worker of compare.py: PyTorch, by backprop, or by predictive coding written out.

The loops of a layered problem are those of loops.py; the convolutional network, circuits/cnn.py's, goes layer by layer
through the vector-Jacobian products of autograd, as Millidge, Tschantz & Buckley (2020) do in theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import loops
import numpy as np
import torch
from peer import Problem, Step, main
from torch.nn import functional

Tensors = Mapping[str, torch.Tensor]
Layer = tuple[Callable[..., torch.Tensor], tuple[str, ...]]
"""What a vertex computes from the one before it and from parameters, and the names of these."""


def layers_of(problem: Problem) -> list[Layer]:
    """The vertices in order."""
    if problem.kind == "cnn":
        return [
            (lambda v, K, c: functional.conv2d(v, K, c.flatten()).relu(), ("K1", "c1")),
            (lambda v: functional.max_pool2d(v, 2), ()),
            (lambda v, K, c: functional.conv2d(v, K, c.flatten()).relu(), ("K2", "c2")),
            (lambda v, W, b: (v.flatten(1) @ W + b).relu(), ("W1", "b1")),
            (lambda v, W, b: (v @ W + b).relu(), ("W2", "b2")),
            (lambda v, W, b: v @ W + b, ("W3", "b3")),
        ]
    hidden = [(lambda v, W, b: torch.tanh(v @ W + b), (f"W{i}", f"b{i}")) for i in range(1, problem.layers)]
    return [*hidden, (lambda v, W, b: v @ W + b, (f"W{problem.layers}", f"b{problem.layers}"))]


def output_error(kind: str, out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """-dE/dout: of the cross-entropy of the network with convolutions, or of the squared error."""
    return y - torch.softmax(out, 1) if kind == "cnn" else y - out


def backprop(problem: Problem, x: torch.Tensor, y: torch.Tensor, theta: Tensors) -> dict[str, torch.Tensor]:
    """One sweep there and back."""
    out = x
    for layer, names in layers_of(problem):
        out = layer(out, *(theta[name] for name in names))
    loss = -(y * torch.log_softmax(out, 1)).sum() if problem.kind == "cnn" else 0.5 * (y - out).square().sum()
    return dict(zip(theta, torch.autograd.grad(loss, list(theta.values())), strict=True))


def layerwise(problem: Problem, x: torch.Tensor, y: torch.Tensor, theta: Tensors) -> dict[str, torch.Tensor]:
    """Fixed prediction through each layer's vector-Jacobian product, in every step."""
    layers = layers_of(problem)
    sources, outs, v = [], [], x
    for layer, names in layers:
        v = v.detach().requires_grad_()
        sources.append(v)
        v = layer(v, *(theta[name] for name in names))
        outs.append(v)
    errors = [torch.zeros_like(out) for out in outs]
    errors[-1] = output_error(problem.kind, outs[-1].detach(), y)

    def product(i: int, to: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        return torch.autograd.grad(outs[i], to, errors[i], retain_graph=True)

    for _ in range(problem.steps):
        # From the input up, so that each reads what is above it from before the step.
        for i in range(len(layers) - 1):
            errors[i] += problem.rate * (product(i + 1, [sources[i + 1]])[0] - errors[i])
    changes: dict[str, torch.Tensor] = {}
    for i, (_, names) in enumerate(layers):
        if names:
            gradients = product(i, [theta[name] for name in names])
            changes |= {name: -gradient for name, gradient in zip(names, gradients, strict=True)}
    return changes


def unfolded(problem: Problem, x: torch.Tensor, y: torch.Tensor, theta: Tensors) -> dict[str, torch.Tensor]:
    """Fixed prediction by hand in every step, convolutions by unfolding: products of matrices, and folds back."""
    sources, slopes, outs, v = [], [], [], x
    names = [("K1", "c1"), (), ("K2", "c2"), ("W1", "b1"), ("W2", "b2"), ("W3", "b3")]
    for of in names:
        if not of:
            v, where = functional.max_pool2d(v, 2, return_indices=True)
            sources.append(where)
        elif of[0].startswith("K"):
            K, c = (theta[name] for name in of)
            sources.append(functional.unfold(v, K.shape[-2:]))
            size = v.shape[-1] - K.shape[-1] + 1
            v = (K.flatten(1) @ sources[-1] + c.flatten()[:, None]).reshape(len(v), -1, size, size)
        else:
            sources.append(v.flatten(1))
            v = sources[-1] @ theta[of[0]] + theta[of[1]]
        slopes.append((v > 0).float() if of and of[0] != "W3" else torch.ones(()))
        v = v.relu() if of and of[0] != "W3" else v
        outs.append(v)
    errors = [torch.zeros_like(out) for out in outs]
    errors[-1] = output_error(problem.kind, outs[-1], y)
    for _ in range(problem.steps):
        for i in range(len(names) - 1):
            above, of = errors[i + 1] * slopes[i + 1], names[i + 1]
            if not of:
                fed = functional.max_unpool2d(above, sources[i + 1], 2, output_size=outs[i].shape)
            elif of[0].startswith("K"):
                K = theta[of[0]]
                fed = functional.fold(K.flatten(1).T @ above.flatten(2), outs[i].shape[-2:], K.shape[-2:])
            else:
                fed = (above @ theta[of[0]].T).reshape(outs[i].shape)
            errors[i] += problem.rate * (fed - errors[i])
    changes: dict[str, torch.Tensor] = {}
    for of, source, slope, error in zip(names, sources, slopes, errors, strict=True):
        if of and of[0].startswith("K"):
            sent = (error * slope).flatten(2)
            changes[of[0]] = -torch.einsum("bol,bkl->ok", sent, source).reshape(theta[of[0]].shape)
            changes[of[1]] = -sent.sum((0, 2)).reshape(theta[of[1]].shape)
        elif of:
            changes[of[0]], changes[of[1]] = -(source.T @ (error * slope)), -(error * slope).sum(0)
    return changes


def make(method: str, problem: Problem, threads: int) -> Step:
    """``backprop``; by hand ``strict``, ``fixed`` and ``unfolded``; ``layerwise``, fixed prediction by autograd."""
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)
    theta = {name: torch.from_numpy(value) for name, value in problem.theta.items()}
    if method in ("backprop", "layerwise"):
        for parameter in theta.values():
            parameter.requires_grad_()
        function = {"backprop": backprop, "layerwise": layerwise}[method]
        return lambda: {name: value.numpy() for name, value in function(problem, x, y, theta).items()}
    written = {"strict": loops.strict, "fixed": loops.fixed}

    def step() -> Mapping[str, np.ndarray]:
        with torch.inference_mode():
            if method == "unfolded":
                changes = unfolded(problem, x, y, theta)
            else:
                changes = written[method](torch, x, y, theta, problem.steps, problem.rate)
            return {name: value.numpy() for name, value in changes.items()}

    return step


if __name__ == "__main__":
    main(make, torch.__version__)
