"""Burgers' equation on a circle: derivatives by the fast Fourier transform, viscosity by an integrating factor."""

import numpy as np

import pcneuro as pcn


def burgers_spectral(u, viscosity):
    n, dt = len(u), 0.02
    k = np.fft.rfftfreq(n, d=1 / n)
    for _ in range(3):
        u_hat = np.fft.rfft(u)
        advection = -0.5j * k * np.fft.rfft(u**2)
        u_hat = (u_hat + dt * advection) * np.exp(-viscosity * k**2 * dt)
        u = np.fft.irfft(u_hat, n)
    return u


def make(points: int = 8) -> pcn.Circuit:
    """A circuit whose output is the velocity after three steps."""
    x = 2 * np.pi * np.arange(points) / points
    leaves = {"u": pcn.Parameter(np.sin(x) + 0.3 * np.cos(2 * x)), "viscosity": pcn.Parameter(0.3)}
    return pcn.build_circuit(pcn.trace(burgers_spectral, **leaves))
