"""A robot arm that reaches for a point: FABRIK (Aristidou & Lasenby 2011), forwards and backwards along the joints."""

import numpy as np

import pcneuro as pcn


def robot_arm(joints, target):
    lengths = np.linalg.norm(np.diff(joints, axis=0), axis=1)
    base = joints[0]
    p = [joints[i] for i in range(len(joints))]
    for _ in range(2):
        p[-1] = target
        for i in reversed(range(len(p) - 1)):
            direction = (p[i] - p[i + 1]) / np.linalg.norm(p[i] - p[i + 1])
            p[i] = p[i + 1] + lengths[i] * direction
        p[0] = base
        for i in range(len(p) - 1):
            direction = (p[i + 1] - p[i]) / np.linalg.norm(p[i + 1] - p[i])
            p[i + 1] = p[i] + lengths[i] * direction
    return np.vstack(p)


def make() -> pcn.Circuit:
    """A circuit whose output is where the joints come to lie."""
    joints = [[0.0, 0.0], [0.2, 1.0], [1.0, 1.5], [1.8, 1.2]]
    return pcn.build_circuit(pcn.trace(robot_arm, joints=pcn.Parameter(joints), target=pcn.Parameter([1.5, -0.7])))
