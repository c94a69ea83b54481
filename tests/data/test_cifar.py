"""CIFAR-10 and CIFAR-100, binary version."""

import numpy as np
import pytest

import pcneuro.data
from pcneuro.data import CIFAR10
from pcneuro.errors import DataFileError, ParameterError
from tests.data.writers import pixels, write_cifar10, write_cifar100, write_records


@pytest.fixture
def ten(tmp_path):
    """A folder of CIFAR-10, and what is in it."""
    return tmp_path / "cifar-10-batches-bin", write_cifar10(tmp_path)


def test_cifar10_is_what_was_written(ten, tmp_path):
    _, written = ten
    data = pcneuro.data.load("cifar10", folder=tmp_path)
    for part, names in ((data.train, sorted(written)[:5]), (data.test, ["test_batch.bin"])):
        images = np.concatenate([written[name][1] for name in names])
        labels = np.concatenate([written[name][0][:, 0] for name in names])
        assert part.images.dtype == np.float32
        assert part.labels.dtype == np.int64
        assert (part.images == images.astype(np.float32) / np.float32(255)).all()
        assert (part.labels == labels).all()
        assert (part.images.min(), part.images.max()) == (0.0, 1.0)
    assert data.train.classes[:2] == ("airplane", "automobile")
    assert len(data.train.classes) == 10
    assert "30 images to learn from instead of the official 50,000" in data.notes
    assert "6 images to test with instead of the official 10,000" in data.notes


def test_a_plane_of_red_is_the_first_channel(tmp_path):
    image = np.zeros((1, 3, 32, 32), np.uint8)
    image[0, 0, 0, 1] = 255
    for name in ("data_batch_1.bin", "test_batch.bin"):
        write_records(tmp_path / name, np.array([[3]]), image)
    part = pcneuro.data.load("cifar10", folder=tmp_path).train
    assert np.argwhere(part.images).tolist() == [[0, 0, 0, 1]]
    assert part.classes[part.labels[0]] == "cat"


def test_batches_that_are_there_are_used_and_told(tmp_path):
    written = write_cifar10(tmp_path, batches=(2, 4))
    data = pcneuro.data.load("cifar10", folder=tmp_path)
    assert (data.train.labels[6:] == written["data_batch_4.bin"][0][:, 0]).all()
    assert len(data.train) == 12
    assert data.notes[0].startswith("without data_batch_1.bin, data_batch_3.bin, data_batch_5.bin")
    assert CIFAR10(folder=tmp_path).status() == f"3 of 6 files in {tmp_path}/cifar-10-batches-bin"


def test_batches_that_are_asked_for_must_be_there(ten, tmp_path):
    home, written = ten
    train = pcneuro.data.load("cifar10", folder=tmp_path, batches=(5, 1)).train
    assert (train.labels[:6] == written["data_batch_5.bin"][0][:, 0]).all()
    (home / "data_batch_5.bin").unlink()
    with pytest.raises(DataFileError, match=r"data_batch_5.bin is missing: needed is 10,000 records .*30,730,000"):
        pcneuro.data.load("cifar10", folder=tmp_path, batches=(5, 1))


@pytest.mark.parametrize("batches", [(), (0,), (1, 1), (6,)])
def test_batches_are_numbers_of_files(batches):
    with pytest.raises(ParameterError, match="give numbers from 1 to 5"):
        CIFAR10(batches=batches)


def test_no_batch_and_no_test(ten, refused):
    home, _ = ten
    for number in range(1, 6):
        (home / f"data_batch_{number}.bin").unlink()
    assert "has none of data_batch_1.bin" in refused("cifar10")


def test_the_test_is_needed(ten, refused):
    home, _ = ten
    (home / "test_batch.bin").unlink()
    message = refused("cifar10")
    assert message.startswith(f"{home}/test_batch.bin is missing: needed is 10,000 records")
    assert "https://www.cs.toronto.edu/~kriz/cifar.html" in message


@pytest.mark.parametrize(("name", "record"), [("cifar10", 3073), ("cifar100", 3074)])
def test_a_file_that_is_cut(tmp_path, refused, name, record):
    home = {"cifar10": write_cifar10, "cifar100": write_cifar100}[name](tmp_path) and next(tmp_path.iterdir())
    path = home / {"cifar10": "data_batch_1.bin", "cifar100": "train.bin"}[name]
    content = path.read_bytes()
    for size in (1, record - 1, record + 1, len(content) - 1):
        path.write_bytes(content[:size])
        message = refused(name)
        assert message.startswith(f"{path}: {size:,} bytes are no whole number of records of {record:,}")
        assert "truncated" in message
        assert "https://www.cs.toronto.edu" in message
    path.write_bytes(b"")
    assert refused(name).startswith(f"{path}: is empty")


def test_a_label_out_of_range(ten, refused):
    home, _ = ten
    write_records(home / "data_batch_2.bin", np.array([[9], [10]]), pixels(2, 3, 32, 32))
    assert "data_batch_2.bin: label 10 of image 1 (byte 3,073) is out of range 0 to 9" in refused("cifar10")


def test_a_few_images(ten, tmp_path):
    everything = pcneuro.data.load("cifar10", folder=tmp_path)
    few = pcneuro.data.load("cifar10", folder=tmp_path, train=8, test=2)
    assert (few.train.images == everything.train.images[:8]).all()
    assert (few.test.labels == everything.test.labels[:2]).all()
    assert "8 images to learn from as asked for instead of the official 50,000" in few.notes
    assert len(pcneuro.data.load("cifar10", folder=tmp_path, train=6).train) == 6
    with pytest.raises(ParameterError, match="train=0"):
        pcneuro.data.load("cifar10", folder=tmp_path, train=0)


def test_names_of_classes(ten, tmp_path, refused):
    home, _ = ten
    (home / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n\n")
    assert pcneuro.data.load("cifar10", folder=tmp_path).train.classes == tuple("abcdefghij")
    (home / "batches.meta.txt").write_text("a\nb\n")
    assert "batches.meta.txt: has 2 names of classes; needed are 10" in refused("cifar10")


def test_cifar100_fine_and_coarse(tmp_path):
    written = write_cifar100(tmp_path)
    for coarse, byte, count in ((False, 1, 100), (True, 0, 20)):
        data = pcneuro.data.load("cifar100", folder=tmp_path, coarse=coarse)
        assert (data.train.labels == written["train.bin"][0][:, byte]).all()
        assert (data.test.images * 255 == written["test.bin"][1]).all()
        assert data.test.classes == tuple(f"{'coarse' if coarse else 'fine'} {k}" for k in range(count))
    (tmp_path / "cifar-100-binary" / "fine_label_names.txt").unlink()
    data = pcneuro.data.load("cifar100", folder=tmp_path)
    assert data.train.classes[99] == "99"
    assert "without fine_label_names.txt" in data.notes[0]


def test_cifar100_labels_out_of_range(tmp_path, refused):
    write_cifar100(tmp_path)
    path = tmp_path / "cifar-100-binary" / "test.bin"
    for labels, expected in (
        ([20, 0], "label 20 of image 0 (byte 0) is out of range 0 to 19"),
        ([0, 100], "label 100"),
    ):
        write_records(path, np.array([labels]), pixels(1, 3, 32, 32))
        assert expected in refused("cifar100")
