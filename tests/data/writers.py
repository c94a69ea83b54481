"""Small files in the official formats, written without the package's own readers."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from scipy.io import savemat

RNG = np.random.default_rng(5)


def pixels(count: int, *shape: int) -> np.ndarray:
    """Random bytes, of which the first is 0 and the last 255."""
    drawn = RNG.integers(0, 256, (count, *shape), dtype=np.uint8)
    drawn.flat[0], drawn.flat[-1] = 0, 255
    return drawn


def write_records(path: Path, labels: np.ndarray, images: np.ndarray) -> None:
    """Records of CIFAR: the label bytes of shape (records, 1 or 2), then red, green and blue planes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for label, image in zip(labels, images, strict=True):
            file.write(bytes(label.tolist()) + image.tobytes())


def write_cifar10(folder: Path, count: int = 6, batches: tuple[int, ...] = (1, 2, 3, 4, 5)) -> dict[str, tuple]:
    """A folder of CIFAR-10; returns labels and images by file."""
    home = folder / "cifar-10-batches-bin"
    written = {}
    for name in [*(f"data_batch_{n}.bin" for n in batches), "test_batch.bin"]:
        written[name] = RNG.integers(0, 10, (count, 1)), pixels(count, 3, 32, 32)
        write_records(home / name, *written[name])
    return written


def write_cifar100(folder: Path, count: int = 6) -> dict[str, tuple]:
    """A folder of CIFAR-100; returns label pairs and images by file."""
    home = folder / "cifar-100-binary"
    written = {}
    for name in ("train.bin", "test.bin"):
        labels = np.stack([RNG.integers(0, 20, count), RNG.integers(0, 100, count)], axis=1)
        written[name] = labels, pixels(count, 3, 32, 32)
        write_records(home / name, *written[name])
    (home / "fine_label_names.txt").write_text("\n".join(f"fine {k}" for k in range(100)) + "\n")
    (home / "coarse_label_names.txt").write_text("\n".join(f"coarse {k}" for k in range(20)) + "\n")
    return written


def write_mat(path: Path, compress: bool = True, **arrays: np.ndarray) -> None:
    """A MATLAB file of version 5."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, arrays, do_compression=compress)


def write_idx(path: Path, array: np.ndarray, compress: bool = False) -> None:
    """An IDX file of unsigned bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if compress else content)
