"""Worker of lstm.py and compare.py: gradients of the same LSTM by PyTorch, with the equations written out, in float32.

By backprop, or (--steps) by predictive coding as Millidge, Tschantz & Buckley (2020) do it: from the last time to the
first, all errors of one time relax together for so many Euler steps, while what comes from the time after it stands.
What is constant meanwhile is computed once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from worker import serve

GATES = ("input", "forget", "candidate", "output")
Tensors = Mapping[str, torch.Tensor]


def read(path: Path) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Data, targets, and weights: those of the gates side by side, as one matrix."""
    with np.load(path) as problem:
        x, y = (torch.from_numpy(problem[name]) for name in "xy")
        joined = {
            name: np.concatenate([problem[f"{letter}_{gate}"] for gate in GATES], axis=-1)
            for name, letter in (("W", "W"), ("U", "U"), ("b_gates", "b"))
        }
        joined |= {name: problem[name] for name in ("V", "b")}
    return x, y, {name: torch.from_numpy(value) for name, value in joined.items()}


def apart(joined: Tensors) -> dict[str, np.ndarray]:
    """Gradients by the circuit's names."""
    separate = {name: joined[name].numpy() for name in ("V", "b")}
    for name, letter in (("W", "W"), ("U", "U"), ("b_gates", "b")):
        parts = np.split(joined[name].numpy(), len(GATES), axis=-1)
        separate |= {f"{letter}_{gate}": part for gate, part in zip(GATES, parts, strict=True)}
    return separate


def loss(x: torch.Tensor, y: torch.Tensor, theta: Tensors) -> torch.Tensor:
    """Cross-entropy of all characters that come next, summed."""
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


def relax(
    gates: tuple[torch.Tensor, ...],
    before: torch.Tensor,
    c: torch.Tensor,
    fed: tuple[torch.Tensor, torch.Tensor],
    steps: int,
    rate: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Errors of one time: those of its gates side by side, and that of c; ``fed`` is what else feeds h and c."""
    taken_in, _, candidate, output = gates
    bent = torch.tanh(c)
    to_c = output * (1 - bent * bent)
    to_gates = torch.cat([candidate, before, taken_in], dim=1)
    e_h, e_c = torch.zeros_like(c), torch.zeros_like(c)
    e_gates, e_output = torch.zeros_like(to_gates), torch.zeros_like(c)
    for _ in range(steps):
        # From the gates up, so that each reads what is above it from before the step.
        e_gates += rate * (to_gates * e_c.repeat(1, 3) - e_gates)
        e_c += rate * (to_c * e_h + fed[1] - e_c)
        e_output += rate * (bent * e_h - e_output)
        e_h += rate * (fed[0] - e_h)
    return torch.cat([e_gates, e_output], dim=1), e_c


def loop(x: torch.Tensor, y: torch.Tensor, theta: Tensors, steps: int, rate: float) -> dict[str, torch.Tensor]:
    """Fixed prediction: a sweep there, then time by time back."""
    driven = (x @ theta["W"] + theta["b_gates"]).unbind(1)
    zero = x.new_zeros(len(x), theta["U"].shape[0])
    h, c, gates = [zero], [zero], []
    for drive in driven:
        taken_in, forget, candidate, output = (drive + h[-1] @ theta["U"]).chunk(4, dim=1)
        taken_in, forget, output = (torch.sigmoid(gate) for gate in (taken_in, forget, output))
        gates.append((taken_in, forget, torch.tanh(candidate), output))
        c.append(forget * c[-1] + taken_in * gates[-1][2])
        h.append(output * torch.tanh(c[-1]))
    states = torch.stack(h[1:], dim=1)
    e_y = y - torch.softmax(states @ theta["V"] + theta["b"], dim=-1)
    from_y = e_y @ theta["V"].T
    gradients = {name: torch.zeros_like(value) for name, value in theta.items()}
    gradients["V"] -= states.flatten(0, 1).T @ e_y.flatten(0, 1)
    gradients["b"] -= e_y.sum((0, 1))
    to_h = to_c = zero
    for t in reversed(range(len(gates))):
        errors, e_c = relax(gates[t], c[t], c[t + 1], (from_y[:, t] + to_h, to_c), steps, rate)
        slopes = [g * (1 - g) if k != 2 else 1 - g * g for k, g in enumerate(gates[t])]
        sent = errors * torch.cat(slopes, dim=1)
        gradients["W"] -= x[:, t].T @ sent
        gradients["U"] -= h[t].T @ sent
        gradients["b_gates"] -= sent.sum(0)
        to_h, to_c = sent @ theta["U"].T, gates[t][1] * e_c
    return gradients


def main() -> None:
    """Read the problem, and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    begun = time.perf_counter()
    x, y, theta = read(options.folder / "problem.npz")
    if options.steps is None:
        for parameter in theta.values():
            parameter.requires_grad_()

    def backprop() -> Mapping[str, np.ndarray]:
        for parameter in theta.values():
            parameter.grad = None
        loss(x, y, theta).backward()
        return apart({name: parameter.grad for name, parameter in theta.items()})

    def coded() -> Mapping[str, np.ndarray]:
        with torch.inference_mode():
            return apart(loop(x, y, theta, options.steps, options.rate))

    step, name = (backprop, "torch") if options.steps is None else (coded, "loop")
    serve(step, options.folder / f"{name}.npz", version=torch.__version__, setup=time.perf_counter() - begun)


if __name__ == "__main__":
    main()
