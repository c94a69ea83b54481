"""MNIST, IDX files."""

import gzip

import numpy as np
import pytest

import pcneuro.data
from tests.data.writers import pixels, write_idx

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def write(home, compress=False, count=12):
    """The four files; returns what is in them."""
    labels = (np.arange(count) % 10).astype(np.uint8)
    written = [pixels(count, 28, 28), labels, pixels(4, 28, 28), labels[:4]]
    for name, array in zip(NAMES, written, strict=True):
        write_idx(home / f"{name}{'.gz' if compress else ''}", array, compress)
    return written


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("place", [".", "mnist", "MNIST/raw"])
def test_mnist_is_what_was_written(tmp_path, compress, place):
    written = write(tmp_path / place, compress)
    data = pcneuro.data.load("mnist", folder=tmp_path)
    assert data.train.images.shape == (12, 1, 28, 28)
    assert data.train.images.dtype == np.float32
    assert (data.train.images[:, 0] == written[0] / np.float32(255)).all()
    assert (data.train.labels == written[1]).all()
    assert (data.test.images[:, 0] == written[2] / np.float32(255)).all()
    assert data.test.labels.tolist() == [0, 1, 2, 3]
    assert data.test.classes == tuple("0123456789")
    assert len(pcneuro.data.load("mnist", folder=tmp_path, train=5).train) == 5


def test_names_with_a_dot_and_compression_by_content(tmp_path):
    write(tmp_path / "mnist", compress=True)
    for path in list((tmp_path / "mnist").iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx").removesuffix(".gz")))
    assert len(pcneuro.data.load("mnist", folder=tmp_path).train) == 12


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_cut_anywhere(tmp_path, refused, compress, name):
    write(tmp_path, compress, count=4)
    path = tmp_path / f"{name}{'.gz' if compress else ''}"
    content = path.read_bytes()
    for size in {*range(30), len(content) // 2, len(content) - 1} & set(range(len(content))):
        path.write_bytes(content[:size])
        message = refused("mnist")
        assert message.startswith(f"{path}: ")
        assert "needed is IDX of" in message
    path.write_bytes(b"")
    assert f"{path}: is empty" in refused("mnist")


def test_a_compressed_file_that_is_damaged(tmp_path, refused):
    write(tmp_path, compress=True)
    path = tmp_path / f"{NAMES[0]}.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert "is truncated or damaged" in refused("mnist")


@pytest.mark.parametrize(
    ("name", "array", "expected"),
    [
        (NAMES[0], pixels(12, 27, 28), "images of 27 x 28; needed is IDX of 60,000 images of 28 x 28"),
        (NAMES[1], np.arange(12, dtype=np.uint8), "label 10 of image 10 is out of range 0 to 9"),
        (NAMES[1], np.zeros(11, np.uint8), "11 labels for the 12 images in train-images-idx3-ubyte"),
        (NAMES[0], np.zeros(12, np.uint8), "begins with 0x00000801, not with 0x00000803"),
        (NAMES[2], np.zeros((0, 28, 28), np.uint8), "has nothing in it"),
    ],
)
def test_arrays_that_are_others(tmp_path, refused, name, array, expected):
    write(tmp_path)
    write_idx(tmp_path / name, array)
    assert f"{tmp_path / name}: {expected}" in refused("mnist")


def test_another_file(tmp_path, refused):
    write(tmp_path)
    (tmp_path / NAMES[0]).write_bytes(b"<html>not found</html>")
    message = refused("mnist")
    assert "begins with 0x3c68746d, not with 0x00000803" in message
    assert "magic 0x00000803, 47,040,016 bytes, or .gz" in message


@pytest.mark.parametrize("compress", [True, False])
def test_a_header_that_lies_takes_no_memory(tmp_path, refused, compress):
    write(tmp_path)
    header = bytes.fromhex("00000803 ffffffff ffffffff ffffffff") + bytes(100)
    (tmp_path / NAMES[0]).write_bytes(gzip.compress(header) if compress else header)
    assert "79,228,162,458,924,105,385,300,197,375 bytes, and 100 follow" in refused("mnist")


def test_bytes_that_are_left_over(tmp_path, refused):
    write(tmp_path)
    with (tmp_path / NAMES[1]).open("ab") as file:
        file.write(b"\0")
    assert "12 = 12 bytes, and more follow" in refused("mnist")
