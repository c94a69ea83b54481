"""The real files, where they are: PCNEURO_DATA, or shared/data beside the repository."""

import hashlib

import numpy as np
import pytest

import pcneuro.data
from pcneuro.data import DATASETS
from pcneuro.data.sets.names import LANGUAGES


def loaded(folder, name, **choices):
    """The data set, or a skip where it is not there."""
    if DATASETS[name](folder=folder).status() == "not there":
        pytest.skip(f"no {name} in {folder}")
    return pcneuro.data.load(name, folder=folder, **choices)


def test_cifar10(real):
    data = loaded(real, "cifar10", train=500, test=1000)
    assert data.train.images.shape == (500, 3, 32, 32)
    assert data.train.classes[0] == "airplane"
    assert np.bincount(data.test.labels, minlength=10).min() > 50
    assert 0.3 < data.test.images.mean() < 0.6
    # Neighbouring pixels of a photograph are alike, so rows, columns and channels are where they should be.
    for axis in (2, 3):
        assert np.abs(np.diff(data.test.images, axis=axis)).mean() < 0.1
    assert np.abs(np.diff(data.test.images, axis=1)).mean() < 0.1


def test_names(real):
    data = loaded(real, "names")
    assert data.notes == ()
    assert (len(data.train), len(data.test)) == (16040, 4010)
    assert data.train.tokens.shape[1] == 20
    assert data.train.classes == tuple(LANGUAGES)


def test_names_have_their_pinned_checksums(real):
    loaded(real, "names")
    for download in DATASETS["names"].downloads:
        content = (real / download.place).read_bytes()
        assert len(content) == download.size
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == download.checksum


def test_shakespeare(real):
    data = loaded(real, "shakespeare")
    assert data.notes == ()
    assert len(data.train.vocabulary) == 65
    assert data.train.vocabulary.decode(data.train.tokens[0]).startswith(
        "First Citizen:\nBefore we proceed any further"
    )
    assert data.train.tokens.shape == (20_077, 50)
    (download,) = DATASETS["shakespeare"].downloads
    content = (real / download.place).read_bytes()
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == download.checksum


@pytest.mark.parametrize(("name", "shape"), [("cifar100", (3, 32, 32)), ("svhn", (3, 32, 32)), ("mnist", (1, 28, 28))])
def test_others_are_whole(real, name, shape):
    assert loaded(real, name, train=100).train.images.shape == (100, *shape)
