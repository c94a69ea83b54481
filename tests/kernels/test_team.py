"""A team of threads: each share of each phase is done once, whoever comes to do it, and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pcneuro.kernels.arguments import Team
from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.team import BOARD, DISMISSED, PHASE, TICKET, WHICH, finish, hand_out, take, wait, wait_for_work

PHASES, SHARES = 3000, 7


@kernel(cache=False)
def lead(done, team):
    """Hand out phases, of which each counts on what the ones before have done; returns whether all was as it was."""
    right = True
    for phase in range(done.shape[0]):
        hand_out(team, phase, 2 * phase, 0)
        share = take(team)
        while share >= 0:
            done[phase, share] += phase + 1
            finish(share, phase, team)
            share = take(team)
        wait(team)
        for share in range(team.shares):
            right &= done[phase, share] == phase + 1 and team.outcomes[share] == phase
    return right


@kernel(cache=False)
def assist(done, team):
    """Do shares until there are no more; returns how many."""
    count = 0
    while wait_for_work(team):
        share = take(team)
        if share >= 0:
            phase = team.board[PHASE]
            done[phase, share] += team.board[WHICH] // 2 + 1
            finish(share, phase, team)
            count += 1
    return count


def led(done, team):
    try:
        return lead(done, team)
    finally:
        team.board[TICKET] = DISMISSED


@pytest.mark.parametrize("helpers", [0, 1, 3])
def test_each_share_is_done_once(helpers):
    team = Team(np.zeros(BOARD, dtype=np.int64), np.zeros(SHARES, dtype=np.int64), SHARES)
    done = np.zeros((PHASES, SHARES), dtype=np.int64)
    with ThreadPoolExecutor(helpers + 1) as pool:
        others = [pool.submit(assist, done, team) for _ in range(helpers)]
        assert pool.submit(led, done, team).result()
        assert sum(other.result() for other in others) <= PHASES * SHARES
    np.testing.assert_array_equal(done, np.arange(1, PHASES + 1)[:, None] + np.zeros(SHARES))
    # Who comes too late finds nothing to do.
    assert assist(done, team) == 0
