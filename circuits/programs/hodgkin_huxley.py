"""The action potential of Hodgkin & Huxley (1952) by the exponential Euler method."""

import numpy as np

import pcneuro as pcn


def rates(V):
    return {
        "m": (0.1 * (V + 40) / (1 - np.exp(-(V + 40) / 10)), 4 * np.exp(-(V + 65) / 18)),
        "h": (0.07 * np.exp(-(V + 65) / 20), 1 / (1 + np.exp(-(V + 35) / 10))),
        "n": (0.01 * (V + 55) / (1 - np.exp(-(V + 55) / 10)), 0.125 * np.exp(-(V + 65) / 80)),
    }


def hodgkin_huxley(current, g_na, g_k, g_leak, dt=0.1):
    V, gates = -65.0, {"m": 0.05, "h": 0.6, "n": 0.32}
    voltages = []
    for step_current in current:
        for name, (opening, closing) in rates(V).items():
            target = opening / (opening + closing)
            gates[name] = target + (gates[name] - target) * np.exp(-dt * (opening + closing))
        sodium = g_na * gates["m"] ** 3 * gates["h"] * (V - 50)
        potassium = g_k * gates["n"] ** 4 * (V + 77)
        V = V + dt * (step_current - sodium - potassium - g_leak * (V + 54.4))
        voltages.append(V)
    return np.array(voltages)


def make(steps: int = 5) -> pcn.Circuit:
    """A circuit whose output is the membrane potential (mV) after each step of 0.1 ms."""
    leaves = {
        "current": pcn.Parameter(np.linspace(5, 20, steps)),
        "g_na": pcn.Parameter(120.0),
        "g_k": pcn.Parameter(36.0),
        "g_leak": pcn.Parameter(0.3),
    }
    return pcn.build_circuit(pcn.trace(hodgkin_huxley, **leaves))
