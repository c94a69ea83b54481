"""Ratings as products of users' and films' features, with missing ratings left out by index arrays."""

import numpy as np

import pcneuro as pcn

USERS = np.array([0, 0, 1, 2, 2, 3])
FILMS = np.array([1, 2, 0, 0, 1, 2])
RATINGS = np.array([4.0, 2.0, 5.0, 3.0, 1.0, 4.5])


def matrix_factorisation(U, V, user_bias, film_bias):
    predicted = np.sum(U[USERS] * V[FILMS], axis=1) + user_bias[USERS] + film_bias[FILMS] + RATINGS.mean()
    penalty = np.linalg.norm(U) ** 2 + np.linalg.norm(V, "fro") ** 2
    return np.sqrt(np.mean((RATINGS - predicted) ** 2)) + 0.01 * penalty


def make(features: int = 2, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the error of the ratings, penalised."""
    rng = np.random.default_rng(seed)
    shapes = {"U": (4, features), "V": (3, features), "user_bias": (4,), "film_bias": (3,)}
    leaves = {name: pcn.Parameter(rng.normal(size=shape)) for name, shape in shapes.items()}
    return pcn.build_circuit(pcn.trace(matrix_factorisation, **leaves))
