"""MNIST (LeCun, Cortes & Burges), in the IDX format, compressed or not."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from pcneuro.data.downloads import AbstractDownload, SingleFile
from pcneuro.data.files import AbstractImageFiles, reading, scaled
from pcneuro.data.parts import Images
from pcneuro.files import open_regular

TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SIDE = 28
# Two zeros, 8 for unsigned bytes, and the number of axes.
IMAGES, LABELS = 0x00000803, 0x00000801
GZIP = b"\x1f\x8b"
CHUNK = 1 << 20
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"


def _images(count: int) -> str:
    return f"IDX of {count:,} images of 28 x 28 (magic 0x{IMAGES:08x}, {16 + count * SIDE * SIDE:,} bytes, or .gz)"


def _labels(count: int) -> str:
    return f"IDX of {count:,} labels (magic 0x{LABELS:08x}, {8 + count:,} bytes, or .gz)"


@dataclass(frozen=True)
class MNIST(AbstractImageFiles):
    """Handwritten digits, grey images of 1 x 28 x 28; the class of a digit is the digit.

    Examples
    --------
    >>> pcn.data.MNIST(folder="data", train=1000).train
    1000
    """

    name: ClassVar[str] = "mnist"
    title: ClassVar[str] = "70,000 grey images of handwritten digits"
    source: ClassVar[str] = f"http://yann.lecun.com/exdb/mnist/ (mirror: {MIRROR})"
    terms: ClassVar[str] = "CC BY-SA 3.0"
    places: ClassVar[tuple[str, ...]] = ("mnist", "MNIST/raw")
    files: ClassVar[dict[str, str]] = {
        TRAIN[0]: _images(60_000),
        TRAIN[1]: _labels(60_000),
        TEST[0]: _images(10_000),
        TEST[1]: _labels(10_000),
    }
    official: ClassVar[tuple[int, int]] = (60_000, 10_000)
    downloads: ClassVar[tuple[AbstractDownload, ...]] = tuple(
        SingleFile(f"{MIRROR}{name}.gz", f"md5:{checksum}", size, f"mnist/{name}.gz")
        for name, checksum, size in (
            (TRAIN[0], "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
            (TRAIN[1], "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
            (TEST[0], "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
            (TEST[1], "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
        )
    )

    def variants(self, name: str) -> tuple[str, ...]:
        dotted = name.replace("-idx", ".idx")  # as some programs unpack it
        return (name, f"{name}.gz", dotted, f"{dotted}.gz")

    def read_train(self, home: Path) -> Images:
        return self._read(home, TRAIN, self.train)

    def read_test(self, home: Path) -> Images:
        return self._read(home, TEST, self.test)

    def _read(self, home: Path, names: tuple[str, str], limit: int | None) -> Images:
        paths = [self.need(home, name) for name in names]
        pixels = self._array(paths[0], IMAGES, names[0])
        labels = self._array(paths[1], LABELS, names[1])
        if pixels.shape[1:] != (SIDE, SIDE):
            size = " x ".join(map(str, pixels.shape[1:]))
            raise self.wrong(paths[0], f"images of {size}; needed is {self.files[names[0]]}")
        if len(pixels) != len(labels):
            raise self.wrong(paths[1], f"{len(labels):,} labels for the {len(pixels):,} images in {paths[0].name}")
        if (labels > 9).any():
            first = int((labels > 9).argmax())
            raise self.wrong(paths[1], f"label {labels[first]} of image {first} is out of range 0 to 9")
        images = scaled(pixels[:limit])[:, np.newaxis]
        return Images(images, labels[:limit].astype(np.int64), tuple(map(str, range(10))))

    def _array(self, path: Path, magic: int, name: str) -> np.ndarray:
        """What an IDX file has in it: unsigned bytes of the shape that its header tells."""
        needed = f"needed is {self.files[name]}"
        with reading(path), open_regular(path) as plain:
            compressed = plain.read(len(GZIP)) == GZIP
            plain.seek(0)
            file: Any = gzip.open(plain) if compressed else plain
            try:
                shape = self._shape(path, file, magic, needed)
                return self._content(path, file, shape, needed)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise self.wrong(path, f"is truncated or damaged ({error}): {needed}") from error

    def _shape(self, path: Path, file: BinaryIO, magic: int, needed: str) -> tuple[int, ...]:
        """The header: the magic number, whose last byte is the number of axes, and their lengths."""
        axes = magic & 0xFF
        size = 4 + 4 * axes
        header = file.read(size)
        if not header:
            raise self.wrong(path, f"is empty: {needed}")
        if header[:4] != magic.to_bytes(4, "big"):
            raise self.wrong(path, f"begins with 0x{header[:4].hex()}, not with 0x{magic:08x}: {needed}")
        if len(header) < size:
            raise self.wrong(path, f"is truncated in its header of {size} bytes: {needed}")
        return struct.unpack(f">{axes}I", header[4:])

    def _content(self, path: Path, file: BinaryIO, shape: tuple[int, ...], needed: str) -> np.ndarray:
        size = math.prod(shape)
        content = bytearray()
        # Piece by piece, so that a header that lies takes no memory.
        while len(content) <= size and (piece := file.read(min(CHUNK, size + 1 - len(content)))):
            content += piece
        if len(content) != size:
            got = f"{len(content):,}" if len(content) < size else "more"
            raise self.wrong(
                path, f"its header tells of {' x '.join(map(str, shape))} = {size:,} bytes, and {got} follow: {needed}"
            )
        if size == 0:
            raise self.wrong(path, f"has nothing in it: {needed}")
        return np.frombuffer(content, dtype=np.uint8).reshape(shape)
