"""What came of learning prints as a table, whose numbers are those of the epochs."""

import numpy as np

import pcneuro as pcn
from pcneuro.learning import Epoch, Score, Training
from pcneuro.learning.training import LONGEST
from pcneuro.simulator.result import Status
from tests.learning.small import classifier, clusters

HEADS = ["epoch", "train loss", "test loss", "train accuracy/%", "test accuracy/%", "rate", "seconds"]


def lines_of(training):
    return str(training).splitlines()


def many(epochs, accuracy=0.5):
    made = tuple(Epoch(n, Score(1.0, accuracy), Score(2.0, accuracy), 0.1, 0.0) for n in range(epochs))
    return Training(made, {}, Status.COMPLETED, f"completed {epochs - 1} epochs")


def test_the_table_has_the_numbers_of_each_epoch_in_aligned_columns():
    training = pcn.Trainer(pcn.Backprop(classifier()), pcn.SGD(0.5), clusters(), clusters(30, seed=4), batch=16).run(2)
    first, empty, heads, rule, *rows = lines_of(training)
    assert first == training.heading
    assert first.startswith("completed 2 epochs: test loss ")
    assert (empty, rule) == ("", "-" * len(rule))
    assert heads.split() == " ".join(HEADS).split()
    assert len({len(line) for line in (heads, rule, *rows)}) == 1
    for row, epoch in zip(rows, training.epochs, strict=True):
        number, train, test, _, accuracy, rate, seconds = map(float, row.split())
        assert (number, rate) == (epoch.number, epoch.rate)
        np.testing.assert_allclose((train, test), (epoch.train.loss, epoch.test.loss), rtol=1e-3)
        assert abs(accuracy - 100 * epoch.test.accuracy) <= 0.05
        assert abs(seconds - epoch.seconds) <= 0.005


def test_the_middle_of_a_long_table_is_left_out():
    rows = lines_of(many(LONGEST + 31))[4:]
    assert len(rows) == LONGEST + 1
    assert rows[LONGEST // 2] == "... 31 more ..."
    assert [int(row.split()[0]) for row in (rows[0], rows[-1])] == [0, LONGEST + 30]
    assert len(lines_of(many(LONGEST))[4:]) == LONGEST


def test_there_is_no_column_of_accuracy_where_none_is_scored():
    assert "accuracy" not in str(many(3, float("nan")))


def test_training_that_has_not_begun_is_its_message():
    training = Training((), {}, Status.INTERRUPTED, "epoch 0: interrupted")
    assert str(training) == "epoch 0: interrupted"
    assert repr(training) == "<Training: epoch 0: interrupted>"
