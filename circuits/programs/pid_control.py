"""A PID controller that brings an oven to its temperature, with a heater that saturates."""

import numpy as np

import pcneuro as pcn


class Controller:
    """Proportional, integral and derivative action on the error."""

    def __init__(self, kp, ki, kd, dt):
        self.kp, self.ki, self.kd, self.dt = kp, ki, kd, dt
        self.integral = 0.0
        self.previous = None

    def __call__(self, error):
        self.integral += error * self.dt
        slope = 0.0 if self.previous is None else (error - self.previous) / self.dt
        self.previous = error
        return np.clip(self.kp * error + self.ki * self.integral + self.kd * slope, 0, 2)


def pid_control(kp, ki, kd, target, dt=0.2):
    controller = Controller(kp, ki, kd, dt)
    T, cost = 0.0, 0.0
    for _ in range(8):
        heat = controller(target - T)
        T = T + dt * (heat - 0.5 * T)
        cost += np.abs(target - T) * dt
    return cost


def make() -> pcn.Circuit:
    """A circuit whose output is the error, summed over time."""
    gains = {"kp": 1.1, "ki": 0.6, "kd": 0.15, "target": 1.0}
    return pcn.build_circuit(pcn.trace(pid_control, **{name: pcn.Parameter(value) for name, value in gains.items()}))
