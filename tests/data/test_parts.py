"""Parts of data sets, as arrays and as a circuit takes them."""

import numpy as np
import pytest

from pcneuro.data import Images, LoadedDataset, Passages, Trajectories, Vocabulary, Words
from pcneuro.data.parts import held_out
from pcneuro.errors import DataError, ParameterError

AB = Vocabulary("ab")


def images(labels, shape=(1, 2, 2), dtype=np.float32):
    return Images(np.zeros((3, *shape), dtype), np.array(labels), ("x", "y"))


def test_images_and_their_one_hot_targets():
    part = images([0, 1, 1])
    assert len(part) == 3
    assert part.inputs is part.images
    assert part.targets.dtype == np.float32
    assert part.targets.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert part.take(np.array([2, 0])).labels.tolist() == [1, 0]
    assert part.take(slice(2)).images.shape == (2, 1, 2, 2)
    assert part.describe() == "images of 1 x 2 x 2, 2 classes"


def test_words():
    tokens = np.array([[2, 0, 1], [1, 1, 1]])
    part = Words(tokens, np.array([2, 3]), np.array([1, 0]), ("x", "y"), AB)
    assert part.inputs.shape == (2, 3, 2)
    assert part.inputs[0].tolist() == [[0, 0], [1, 0], [0, 1]]
    assert part.targets.tolist() == [[0, 1], [1, 0]]
    assert [AB.decode(t[-n:]) for t, n in zip(part.tokens, part.lengths, strict=True)] == ["ab", "bbb"]
    assert len(part.take(slice(1))) == 1


def test_passages():
    part = Passages(np.array([[0, 1]]), np.array([[1, 0]]), AB)
    assert part.inputs.tolist() == [[[1, 0], [0, 1]]]
    assert part.targets.tolist() == [[[0, 1], [1, 0]]]
    assert len(part.take(slice(0))) == 0


def test_trajectories():
    part = Trajectories(np.zeros((3, 2)), np.ones((3, 5, 2)), 0.25)
    assert len(part) == 3
    assert part.inputs is part.starts
    assert part.targets is part.states
    assert part.take(np.array([2, 0])).states.shape == (2, 5, 2)
    assert part.describe() == "motions of 2 variables, 5 steps of 0.25 s"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: images([0, 1, 2]), "label 2 of sample 2 is out of range: 0 to 1"),
        (lambda: images([0, -1, 1]), "label -1 of sample 1 is out of range"),
        (lambda: images([0, 1]), r"shape \(2,\); needed are integers of shape \(3,\)"),
        (lambda: images([0.0, 1.0, 1.0]), "labels of dtype float64"),
        (lambda: images([0, 1, 1], shape=(4,)), r"shape \(3, 4\); needed is float32 of \(samples, channels"),
        (lambda: images([0, 1, 1], dtype=np.float64), "images of dtype float64"),
        (lambda: Words(np.zeros(3, int), np.zeros(3, int), np.zeros(3, int), ("x",), AB), r"tokens of shape \(3,\)"),
        (lambda: Words(np.zeros((2, 1), int), np.zeros(2, int), np.array([0, 5]), ("x",), AB), "label 5 of sample 1"),
        (lambda: Passages(np.zeros((2, 3), int), np.zeros((2, 4), int), AB), r"\(2, 4\); needed is"),
        (lambda: Trajectories(np.zeros((3, 2)), np.zeros((3, 5, 4)), 0.1), r"starts of shape \(3, 2\), states of"),
        (lambda: Trajectories(np.zeros(3), np.zeros((3, 5)), 0.1), r"needed are \(samples, variables\) and"),
    ],
)
def test_what_does_not_fit_is_refused(make, expected):
    with pytest.raises(DataError, match=expected):
        make()


def test_a_data_set_tells_what_it_is():
    data = LoadedDataset("x", images([0, 1, 1]), images([0, 0, 0]), ("without y.bin",))
    assert str(data) == "x: 3 to learn from and 3 to test with: images of 1 x 2 x 2, 2 classes; without y.bin"
    assert data.truth == {}


def test_what_is_held_out_is_a_permutation_of_its_seed():
    train, test = held_out(10, 0.25, seed=3)
    assert (len(train), len(test)) == (8, 2)
    assert sorted([*train, *test]) == list(range(10))
    again = held_out(10, 0.25, seed=3)
    assert (again[0] == train).all()
    assert (held_out(10, 0.25, seed=4)[0] != train).any()
    assert [len(part) for part in held_out(2, 0.99, 0)] == [1, 1]


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_the_share_that_is_held_out_is_a_share(share):
    with pytest.raises(ParameterError, match="between 0 and 1"):
        held_out(10, share, 0)
