"""A Bezier curve by de Casteljau's construction, its length, and how sharply it bends."""

import numpy as np

import pcneuro as pcn


def bezier(control):
    points = []
    for t in np.linspace(0, 1, 7):
        level = control
        while len(level) > 1:
            level = (1 - t) * level[:-1] + t * level[1:]
        points.append(level[0])
    curve = np.array(points)
    segments = np.diff(curve, axis=0)
    length = np.linalg.norm(segments, axis=1).sum()
    angles = np.arctan2(segments[:, 1], segments[:, 0])
    return {"curve": curve, "length": length, "bending": np.sum(np.diff(angles) ** 2)}


def make() -> pcn.Circuit:
    """A circuit whose outputs are points of the curve, its length and its bending."""
    control = [[0.0, 0.0], [1.0, 2.0], [2.5, 1.5], [3.0, -0.5]]
    return pcn.build_circuit(pcn.trace(bezier, control=pcn.Parameter(control)))
