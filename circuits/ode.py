"""A pendulum with damping, whose constants are learned from its motion: a computation graph that is no neural network.

    angle' = velocity        velocity' = -gravity sin(angle) - damping velocity

is solved by the classical Runge-Kutta method of fourth order, unrolled over time. The slopes at the four stages of
every step are vertices, too: each is linear in ``gravity`` (g over length, in 1/s^2) and in ``damping`` (1/s), so that
both are learned by a Hebbian rule, as synapses are: the error behind them times the activity before.
"""

import numpy as np

import pcneuro as pcn


def ode(
    steps: int = 20,
    step: float = 0.1,
    gravity: float = 9.81,
    damping: float = 0.2,
    spread: float = 0.3,
    seed: int = 0,
    tau: float = 10.0,
) -> pcn.Circuit:
    """A circuit of the vertices slope1_t, ..., slope4_t and state_t for t = 1 ... ``steps``, and out.

    The input ``start`` is the angle (rad) and the angular velocity (rad/s) at time zero; the output has shape (steps,
    2), the same after each ``step`` seconds. Each parameter begins at the ``gravity`` and ``damping`` given here, times
    a factor that is uniform between 1 - spread and 1 + spread. ``tau`` is in ms.
    """

    def slope(state, gravity, damping):
        angle, velocity = state
        return np.stack([velocity, -gravity * np.sin(angle) - damping * velocity])

    def forward(start, gravity, damping):
        state, states = start, []
        for t in range(1, steps + 1):
            first = pcn.vertex(slope(state, gravity, damping), f"slope1_{t}")
            second = pcn.vertex(slope(state + step / 2 * first, gravity, damping), f"slope2_{t}")
            third = pcn.vertex(slope(state + step / 2 * second, gravity, damping), f"slope3_{t}")
            fourth = pcn.vertex(slope(state + step * third, gravity, damping), f"slope4_{t}")
            state = pcn.vertex(state + step / 6 * (first + 2 * second + 2 * third + fourth), f"state_{t}")
            states.append(state)
        return pcn.vertex(np.stack(states), "out")

    factor = np.random.default_rng(seed).uniform(1 - spread, 1 + spread, 2)
    constants = {"gravity": pcn.Parameter(gravity * factor[0]), "damping": pcn.Parameter(damping * factor[1])}
    return pcn.build_circuit(pcn.trace(forward, start=pcn.Input((2,)), **constants), tau=tau)
