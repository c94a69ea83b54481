"""Street View House Numbers, cropped digits (Netzer et al. 2011)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pcneuro.data.downloads import AbstractDownload, SingleFile
from pcneuro.data.files import AbstractImageFiles, reading, scaled
from pcneuro.data.matlab import read_matlab
from pcneuro.data.parts import Images

TRAIN, TEST = "train_32x32.mat", "test_32x32.mat"
HEIGHT, WIDTH, CHANNELS = 32, 32, 3
ADDRESS = "http://ufldl.stanford.edu/housenumbers/"
ARRAYS = "a MATLAB file of X (32 x 32 x 3 x images, uint8) and y (labels 1 to 10, where 10 is the digit 0)"
ZERO = 10
"""The file's label of the digit 0."""


@dataclass(frozen=True)
class SVHN(AbstractImageFiles):
    """Colour images of 3 x 32 x 32, digits on houses; the class of a digit is the digit.

    Examples
    --------
    >>> pcn.data.SVHN(folder="data", test=1000).test
    1000
    """

    name: ClassVar[str] = "svhn"
    title: ClassVar[str] = "99,289 colour images of digits on houses"
    source: ClassVar[str] = ADDRESS
    terms: ClassVar[str] = "non-commercial use only"
    places: ClassVar[tuple[str, ...]] = ("svhn",)
    files: ClassVar[dict[str, str]] = {
        TRAIN: f"{ARRAYS} of 182,040,794 bytes",
        TEST: f"{ARRAYS} of 64,275,384 bytes",
    }
    official: ClassVar[tuple[int, int]] = (73_257, 26_032)
    downloads: ClassVar[tuple[AbstractDownload, ...]] = (
        SingleFile(ADDRESS + TRAIN, "md5:e26dedcc434d2e4c54c9b2d4a06d8373", 182_040_794, f"svhn/{TRAIN}"),
        SingleFile(ADDRESS + TEST, "md5:eb5a983be6a315427106f1b164d9cef3", 64_275_384, f"svhn/{TEST}"),
    )

    def read_train(self, home: Path) -> Images:
        return self._read(self.need(home, TRAIN), self.train)

    def read_test(self, home: Path) -> Images:
        return self._read(self.need(home, TEST), self.test)

    def _read(self, path: Path, limit: int | None) -> Images:
        pixels, labels = self._arrays(path)
        pixels, labels = pixels[..., :limit], labels[:limit]
        images = scaled(np.ascontiguousarray(pixels.transpose(3, 2, 0, 1)))
        return Images(images, labels.astype(np.int64) % ZERO, tuple(map(str, range(10))))

    def _arrays(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """X and y as they are in the file, of the right shapes and in range."""
        contents = self._contents(path)
        for name in ("X", "y"):
            if name not in contents:
                has = ", ".join(contents) or "nothing of the two"
                raise self.wrong(path, f"has no array {name} (it has {has}): needed is {self.files[path.name]}")
        pixels, labels = contents["X"], contents["y"]
        if pixels.ndim != 4 or pixels.shape[:3] != (HEIGHT, WIDTH, CHANNELS) or pixels.dtype != np.uint8:
            raise self.wrong(
                path, f"X is {pixels.dtype} of shape {pixels.shape}; needed is uint8 of (32, 32, 3, images)"
            )
        count = pixels.shape[3]
        if labels.size != count or labels.dtype.kind not in "iu" or count == 0:
            raise self.wrong(
                path,
                f"y is {labels.dtype} of shape {labels.shape} beside {count} images in X; needed is a label an image",
            )
        labels = labels.ravel()
        wrong = (labels < 1) | (labels > ZERO)
        if wrong.any():
            first = int(wrong.argmax())
            raise self.wrong(
                path, f"label {labels[first]} of image {first} is out of range 1 to 10 (10 is the digit 0)"
            )
        return pixels, labels

    def _contents(self, path: Path) -> dict[str, np.ndarray]:
        with reading(path):
            if path.stat().st_size == 0:
                raise self.wrong(path, f"is empty: needed is {self.files[path.name]}")
            try:
                return read_matlab(path, ("X", "y"))
            except ValueError as error:
                raise self.wrong(
                    path, f"is truncated or no MATLAB file ({error}): needed is {self.files[path.name]}"
                ) from None
