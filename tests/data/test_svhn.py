"""SVHN, MATLAB files."""

import contextlib

import numpy as np
import pytest
from scipy.io import loadmat

import pcneuro.data
from pcneuro.data.sets import svhn
from pcneuro.errors import DataFileError
from tests.data.writers import pixels, write_mat


def arrays(count=5):
    """X and y as in the official files."""
    labels = (np.arange(count) + 9) % 10 + 1
    return {"X": pixels(count, 32, 32, 3).transpose(1, 2, 3, 0), "y": labels.astype(np.uint8)[:, np.newaxis]}


@pytest.fixture
def home(tmp_path):
    for name in ("train", "test"):
        write_mat(tmp_path / "svhn" / f"{name}_32x32.mat", **arrays())
    return tmp_path / "svhn"


@pytest.fixture
def read_here(monkeypatch):
    """Whole files are read in this process: another one, which reads damaged files, starts slowly."""
    read = lambda path, names: {name: array for name, array in loadmat(path).items() if name in names}  # noqa: E731
    monkeypatch.setattr(svhn, "read_matlab", read)


@pytest.mark.parametrize("compress", [True, False])
def test_svhn_is_what_was_written(home, tmp_path, compress):
    written = arrays(7)
    write_mat(home / "train_32x32.mat", compress, **written)
    data = pcneuro.data.load("svhn", folder=tmp_path)
    assert data.train.images.shape == (7, 3, 32, 32)
    assert data.train.images.flags.c_contiguous
    row, column, channel, image = 3, 14, 2, 6
    expected = written["X"][row, column, channel, image] / np.float32(255)
    assert data.train.images[image, channel, row, column] == expected
    assert data.train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6]  # 10, 1, 2, ... in the file
    assert data.train.classes == tuple("0123456789")
    assert "7 images to learn from instead of the official 73,257" in data.notes
    assert len(pcneuro.data.load("svhn", folder=tmp_path, train=2).train) == 2


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"X": np.zeros((32, 32, 5), np.uint8)},
            "X is uint8 of shape (32, 32, 5); needed is uint8 of (32, 32, 3, images)",
        ),
        ({"X": np.zeros((28, 32, 3, 5), np.uint8)}, "shape (28, 32, 3, 5)"),
        ({"X": np.zeros((32, 32, 3, 5))}, "X is float64"),
        ({"y": np.ones((4, 1), np.uint8)}, "y is uint8 of shape (4, 1) beside 5 images in X"),
        ({"y": np.array([[1, 2, 0, 3, 4]], np.uint8).T}, "label 0 of image 2 is out of range 1 to 10"),
        ({"y": np.array([[1, 2, 11, 3, 4]], np.uint8).T}, "label 11 of image 2 is out of range 1 to 10"),
        ({"y": np.array([["a", "b", "c", "d", "e"]]).T}, "y is <U1"),
    ],
)
def test_arrays_that_are_others(home, refused, changed, expected):
    write_mat(home / "test_32x32.mat", **(arrays() | changed))
    message = refused("svhn")
    assert message.startswith(f"{home}/test_32x32.mat: ")
    assert expected in message


@pytest.mark.usefixtures("read_here")
def test_an_array_that_is_missing(home, refused):
    write_mat(home / "test_32x32.mat", X=arrays()["X"], Y=np.ones(5))
    assert "has no array y (it has X): needed is a MATLAB file of X (32 x 32 x 3 x images, uint8)" in refused("svhn")


@pytest.mark.parametrize("content", [b"", b"\x00", b"not a MATLAB file" * 20])
def test_another_file(home, refused, content):
    (home / "train_32x32.mat").write_bytes(content)
    message = refused("svhn")
    assert message.startswith(f"{home}/train_32x32.mat: is ")
    assert "182,040,794 bytes" in message
    assert "http://ufldl.stanford.edu/housenumbers/" in message


@pytest.mark.parametrize("compress", [True, False])
def test_a_file_that_is_cut_or_damaged(home, tmp_path, compress):
    path = home / "train_32x32.mat"
    write_mat(path, compress, **arrays(2))
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    path.write_bytes(content[: rng.integers(1, len(content))])
    with pytest.raises(DataFileError, match=r"train_32x32\.mat"):
        pcneuro.data.load("svhn", folder=tmp_path)
    # One byte, as each file is read in a process of its own; many more are damaged in tests/robustness.
    damaged = bytearray(content)
    damaged[rng.integers(0, 400)] = rng.integers(0, 256)
    path.write_bytes(damaged)
    # What is damaged may be a pixel, so that it can be read; but nothing else is raised.
    with contextlib.suppress(DataFileError):
        pcneuro.data.load("svhn", folder=tmp_path)


@pytest.mark.usefixtures("read_here")
def test_one_of_two_files(home, refused):
    (home / "test_32x32.mat").unlink()
    assert refused("svhn").startswith(f"{home}/test_32x32.mat is missing: needed is a MATLAB file")
