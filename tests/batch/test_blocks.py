"""How many runs are written together."""

import pytest

from pcneuro.batch import Batch
from pcneuro.batch.blocks import timed_block, untimed_block
from pcneuro.batch.runners import Here, Shard

pytest.importorskip("zarr")


@pytest.mark.parametrize(
    ("runs", "seconds", "workers", "block"),
    [(10_000, 0.001, 2, 64), (10_000, 0.05, 2, 10), (10_000, 3.0, 2, 1), (200, 0.0, 2, 6), (10, 0.001, 8, 1)],
)
def test_blocks_are_half_a_second_and_enough_for_all_workers(runs, seconds, workers, block):
    assert timed_block(runs, seconds, workers) == block


def test_without_a_time_they_follow_from_the_number_of_runs():
    assert [untimed_block(runs) for runs in (1, 10_000, 50_000, 10**7)] == [1, 1, 5, 64]


def test_a_batch_takes_the_time_of_its_first_run_unless_it_is_told(tmp_path):
    """Shards may have stores of their own, which are merged: theirs are the same wherever they are made."""
    space = {"integrator.dt": [1.0, 2.0], "targets.v4": [0.1 * k for k in range(20)]}
    batch = Batch("simulations/scalar_graph.toml", space)
    first = batch.run(tmp_path / "timed", Here())
    assert 1 <= first.layout.block <= 40 // 16
    assert batch.run(tmp_path / "shard", Shard(1, 100)).layout.block == 1
    told = Batch("simulations/scalar_graph.toml", space, block=7).run(tmp_path / "told")
    assert told.layout.block == 7
    assert first.dataset().drop_encoding().identical(told.dataset().drop_encoding())
