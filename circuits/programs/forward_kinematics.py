"""A robot of three rotating joints in space: products of homogeneous matrices, and the Jacobian by cross products."""

import numpy as np

import pcneuro as pcn


def rotation(axis, angle):
    c, s = np.cos(angle), np.sin(angle)
    if axis == "z":
        return np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    return np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]])


def translation(length):
    T = np.eye(4)
    T[0, 3] = length
    return T


def forward_kinematics(angles, lengths):
    T, axes, origins = np.eye(4), [], []
    for axis, angle, length in zip("zxz", angles, lengths):
        axes.append(T[:3, 2] if axis == "z" else T[:3, 0])
        origins.append(T[:3, 3])
        T = T @ rotation(axis, angle) @ translation(length)
    hand = T[:3, 3]
    jacobian = np.column_stack([np.cross(a, hand - o) for a, o in zip(axes, origins)])
    manipulability = np.sqrt(np.linalg.det(jacobian @ jacobian.T))
    return {"hand": hand, "manipulability": manipulability}


def make() -> pcn.Circuit:
    """A circuit whose outputs are the place of the hand, and how freely it moves."""
    leaves = {"angles": pcn.Parameter([0.3, 0.8, -0.6]), "lengths": pcn.Parameter([1.0, 0.7, 0.4])}
    return pcn.build_circuit(pcn.trace(forward_kinematics, **leaves))
