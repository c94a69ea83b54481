"""Worker of lstm.py: gradients of the same LSTM by PyTorch, with the equations written out, in float32."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from worker import serve

GATES = ("input", "forget", "candidate", "output")


def loss(x: torch.Tensor, y: torch.Tensor, theta: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy of all characters that come next, summed. The gates' weights stand side by side, as one matrix."""
    driven = x @ theta["W"] + theta["b_gates"]
    h = c = x.new_zeros(len(x), theta["U"].shape[0])
    states = []
    for drive in driven.unbind(1):
        taken_in, forget, candidate, output = (drive + h @ theta["U"]).chunk(4, dim=1)
        c = torch.sigmoid(forget) * c + torch.sigmoid(taken_in) * torch.tanh(candidate)
        h = torch.sigmoid(output) * torch.tanh(c)
        states.append(h)
    logits = torch.stack(states, dim=1) @ theta["V"] + theta["b"]
    return -(y * torch.log_softmax(logits, dim=-1)).sum()


def main() -> None:
    """Read the problem, and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    begun = time.perf_counter()
    with np.load(options.folder / "problem.npz") as problem:
        x, y = (torch.from_numpy(problem[name]) for name in "xy")
        joined = {
            name: np.concatenate([problem[f"{letter}_{gate}"] for gate in GATES], axis=-1)
            for name, letter in (("W", "W"), ("U", "U"), ("b_gates", "b"))
        }
        joined |= {name: problem[name] for name in ("V", "b")}
    theta = {name: torch.from_numpy(value).requires_grad_() for name, value in joined.items()}

    def step() -> Mapping[str, np.ndarray]:
        for parameter in theta.values():
            parameter.grad = None
        loss(x, y, theta).backward()
        found = {name: parameter.grad.numpy() for name, parameter in theta.items()}
        apart = {name: found[name] for name in ("V", "b")}
        for name, letter in (("W", "W"), ("U", "U"), ("b_gates", "b")):
            parts = np.split(found[name], len(GATES), axis=-1)
            apart |= {f"{letter}_{gate}": part for gate, part in zip(GATES, parts, strict=True)}
        return apart

    serve(step, options.folder / "torch.npz", version=torch.__version__, setup=time.perf_counter() - begun)


if __name__ == "__main__":
    main()
