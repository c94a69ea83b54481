"""A ray tracer: a shaded sphere above a plane, decided by ``np.where`` for all pixels at once."""

import numpy as np

import pcneuro as pcn


def normalize(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def ray_tracer(centre, radius, colour, light):
    y, x = np.mgrid[-1:1:4j, -1:1:4j]
    origin = np.array([0.0, 0.2, -3.0])
    rays = np.stack([x, y, 2 * np.ones_like(x)], axis=-1)
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    b = np.sum(rays * (origin - centre), axis=-1)
    c = np.sum((origin - centre) ** 2) - radius**2
    discriminant = b**2 - c
    hit = discriminant > 0
    distance = -b - np.sqrt(np.where(hit, discriminant, 1.0))
    point = origin + distance[..., None] * rays
    normal = (point - centre) / radius
    brightness = np.clip(np.sum(normal * normalize(light), axis=-1), 0.1, None)
    sky = 0.5 * (rays[..., 1:2] + 1) * np.array([0.4, 0.6, 1.0])
    return np.where(hit[..., None], brightness[..., None] * colour, sky)


def make() -> pcn.Circuit:
    """A circuit whose output is an image of 4 x 4 pixels."""
    leaves = {
        "centre": pcn.Parameter([0.1, 0.05, 0.2]),
        "radius": pcn.Parameter(0.9),
        "colour": pcn.Parameter([0.9, 0.3, 0.2]),
        "light": pcn.Parameter([1.0, 1.5, -1.0]),
    }
    return pcn.build_circuit(pcn.trace(ray_tracer, **leaves))
