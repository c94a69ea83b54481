"""Worker of compare.py: PCX (github.com/liukidar/pcx, on PyPI as pcx, which asks for jax<0.5), strict dynamics.

Vodes of its squared-error energy, initialised by its forward pass, the last one clamped to the target; optax.sgd on the
Vodes' values is the Euler step of all at once. Its examples unroll a handful of steps in Python; a hundred go through
its ``scan``, which compiles in seconds instead of minutes. All of it is compiled as one function.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pcx.functional as pxf
import pcx.nn as pxnn
import pcx.predictive_coding as pxc
import pcx.utils as pxu
from peer import Problem, Step, main


class Layers(pxc.EnergyModule):
    """tanh layers, and a linear one whose Vode is clamped."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.layers = [pxnn.Linear(n, m) for n, m in pairwise(problem.sizes)]
        self.vodes = [pxc.Vode() for _ in self.layers]
        self.vodes[-1].h.frozen = True
        for i, layer in enumerate(self.layers, 1):
            # Its weights are (outputs, inputs).
            layer.nn.weight.set(jnp.asarray(problem.theta[f"W{i}"].T))
            layer.nn.bias.set(jnp.asarray(problem.theta[f"b{i}"]))

    def __call__(self, x: jax.Array, y: jax.Array | None) -> jax.Array:
        for layer, vode in zip(self.layers[:-1], self.vodes[:-1], strict=True):
            x = vode(jnp.tanh(layer(x)))
        x = self.vodes[-1](self.layers[-1](x))
        if y is not None:
            self.vodes[-1].set("h", y)
        return x


PER_SAMPLE = pxu.M(pxc.VodeParam | pxc.VodeParam.Cache).to((None, 0))


@pxf.vmap(PER_SAMPLE, in_axes=(0, 0), out_axes=0)
def forward(x, y, *, model):
    """The feedforward sweep, and the target's clamp."""
    return model(x, y)


@pxf.vmap(PER_SAMPLE, in_axes=(0,), out_axes=None, axis_name="batch")
def energy(x, *, model):
    """Summed over the batch."""
    model(x, None)
    return jax.lax.psum(model.energy(), "batch")


by_values = pxf.value_and_grad(pxu.M(pxu.M_hasnot(pxc.VodeParam, frozen=True)).to([False, True]))(energy)
by_weights = pxf.value_and_grad(pxu.M(pxnn.LayerParam).to([False, True]))(energy)


def make(method: str, problem: Problem, threads: int) -> Step:
    """``strict``."""
    if method != "strict":
        raise SystemExit(f"{method}: PCX's predictions always follow the values")
    model = Layers(problem)
    x, y = jnp.asarray(problem.x), jnp.asarray(problem.y)

    @pxf.jit()
    def gradients(x, y, *, model):
        with pxu.step(model, (pxc.STATUS.INIT, None), clear_params=pxc.VodeParam.Cache):
            forward(x, y, model=model)
        optimizer = pxu.Optim(lambda: optax.sgd(problem.rate), pxu.M_hasnot(pxc.VodeParam, frozen=True)(model))

        def relax(_, x, *, model, optimizer):
            with pxu.step(model, clear_params=pxc.VodeParam.Cache):
                _, change = by_values(x, model=model)
            optimizer.step(model, change["model"])
            return (x,), None

        pxf.scan(relax, xs=None, length=problem.steps)(x, model=model, optimizer=optimizer)
        with pxu.step(model, clear_params=pxc.VodeParam.Cache):
            _, changed = by_weights(x, model=model)
        return [(layer.nn.weight.get(), layer.nn.bias.get()) for layer in changed["model"].layers]

    def step() -> Mapping[str, np.ndarray]:
        layers = enumerate(gradients(x, y, model=model), 1)
        return {name: np.asarray(g) for i, (W, b) in layers for name, g in ((f"W{i}", W.T), (f"b{i}", b))}

    return step


if __name__ == "__main__":
    main(make, f"{version('pcx')}, jax {jax.__version__}")
