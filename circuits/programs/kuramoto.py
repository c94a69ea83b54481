"""Coupled oscillators (Kuramoto 1984), and how far they are in step at the end."""

import numpy as np

import pcneuro as pcn


def kuramoto(phases, frequencies, coupling, dt=0.1):
    n = phases.size
    for _ in range(4):
        pull = np.sin(np.subtract.outer(phases, phases)).sum(axis=0)
        phases = phases + dt * (frequencies + coupling / n * pull)
        phases = np.mod(phases, 2 * np.pi)
    order = np.hypot(np.cos(phases).mean(), np.sin(phases).mean())
    return {"order": order, "phases": phases}


def make(oscillators: int = 5, seed: int = 0) -> pcn.Circuit:
    """A circuit whose outputs are the order parameter and the phases."""
    rng = np.random.default_rng(seed)
    leaves = {
        "phases": pcn.Parameter(rng.uniform(0.5, 5, oscillators)),
        "frequencies": pcn.Parameter(rng.normal(size=oscillators)),
        "coupling": pcn.Parameter(1.5),
    }
    return pcn.build_circuit(pcn.trace(kuramoto, **leaves))
