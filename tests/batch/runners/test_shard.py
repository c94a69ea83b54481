"""Shards: together they are the batch, each block once."""

import pytest

from pcneuro.batch import Batch
from pcneuro.batch.runners import Shard
from pcneuro.errors import ConfigurationError, ParameterError
from tests.batch.small import contents, written

pytest.importorskip("zarr")


@pytest.mark.parametrize("count", [1, 2, 7, 16])
def test_each_block_is_in_one_shard(count):
    shares = [Shard(number, count).share(range(100)) for number in range(1, count + 1)]
    assert sorted(block for share in shares for block in share) == list(range(100))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_shards_fill_one_store(tmp_path):
    batch = Batch(written(tmp_path), {"arguments.weight": [0.5, 1.0, 1.5, 2.0, 2.5]})
    whole = batch.run(tmp_path / "whole")
    store = batch.run(tmp_path / "shards", Shard(2, 2))
    assert store.done() - {0} == {1, 3}  # whoever makes the store does the first run
    batch.run(tmp_path / "shards", Shard(1, 2))
    assert contents(store.folder) == contents(whole.folder)


@pytest.mark.parametrize("text", ["0/16", "17/16", "3", "3/", "/3", "a/b", "-1/4", "1/0", "1.5/4", "3/16/2", ""])
def test_nonsense_is_refused(text):
    with pytest.raises(ConfigurationError, match="write 3/16 for the third of sixteen; they are counted from 1"):
        Shard.from_text(text)


def test_numbers_of_shards():
    assert Shard.from_text("3/16") == Shard(3, 16)
    with pytest.raises(ParameterError, match="from 1 to 4"):
        Shard(5, 4)
