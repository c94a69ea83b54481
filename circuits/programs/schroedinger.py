"""A wave packet in a potential: the equation of Schroedinger by the split-step Fourier method."""

import numpy as np

import pcneuro as pcn


def schroedinger(potential, momentum, dt=0.1):
    n = len(potential)
    x = np.linspace(-4, 4, n, endpoint=False)
    k = 2 * np.pi * np.fft.fftfreq(n, d=8 / n)
    psi = np.exp(-(x**2)) * np.exp(1j * momentum * x)
    psi = psi / np.sqrt(np.sum(np.abs(psi) ** 2))
    for _ in range(3):
        psi = np.exp(-0.5j * dt * potential) * psi
        psi = np.fft.ifft(np.exp(-0.5j * dt * k**2) * np.fft.fft(psi))
        psi = np.exp(-0.5j * dt * potential) * psi
    return np.abs(psi) ** 2


def make(points: int = 8) -> pcn.Circuit:
    """A circuit whose output is the probability at each point."""
    potential = 0.5 * np.linspace(-4, 4, points, endpoint=False) ** 2
    return pcn.build_circuit(pcn.trace(schroedinger, potential=pcn.Parameter(potential), momentum=pcn.Parameter(0.7)))
