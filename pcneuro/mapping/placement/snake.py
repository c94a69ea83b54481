"""The snake curve: from tile to tile of a mesh, each beside the last."""

from __future__ import annotations

import numpy as np

from pcneuro.mapping.mesh import Mesh


def snake(mesh: Mesh) -> np.ndarray:
    """(slots,) int64: the slots of a mesh up one column and down the next, tile after tile."""
    tiles = np.arange(mesh.width * mesh.height).reshape(mesh.width, mesh.height)
    tiles[1::2] = tiles[1::2, ::-1]
    return (tiles.ravel()[:, None] * mesh.cores_a_tile + np.arange(mesh.cores_a_tile)).ravel()
