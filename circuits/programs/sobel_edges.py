"""Edges of an image by the filters of Sobel, after smoothing with a width that is learned."""

import numpy as np

import pcneuro as pcn


def correlate2d(image, kernel):
    height, width = kernel.shape
    padded = np.pad(image, ((height // 2, height // 2), (width // 2, width // 2)), mode="constant")
    result = np.zeros(image.shape)
    for i in range(height):
        for j in range(width):
            result += kernel[i, j] * padded[i : i + image.shape[0], j : j + image.shape[1]]
    return result


def sobel_edges(image, width):
    profile = np.exp(-(np.arange(-1, 2) ** 2) / (2 * width**2))
    kernel = np.outer(profile, profile)
    smooth = correlate2d(image, kernel / kernel.sum())
    sobel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
    gx, gy = correlate2d(smooth, sobel), correlate2d(smooth, sobel.T)
    return np.sqrt(gx**2 + gy**2 + 1e-6)


def make(size: int = 5, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the strength of edges."""
    image = np.random.default_rng(seed).uniform(size=(size, size))
    return pcn.build_circuit(pcn.trace(sobel_edges, image=pcn.Parameter(image), width=pcn.Parameter(0.8)))
