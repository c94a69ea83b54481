"""What has been sent and has not arrived yet, synapse by synapse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pcneuro.engines.events.fan_out import FanOut
from pcneuro.kernels.events.axons import GROUP, GROUP_BITS


class Late(NamedTuple):
    """What synapses have not received yet, in the order of a fan-out table, (synapses,)."""

    change: np.ndarray
    slope: np.ndarray
    """Of what changes linearly, per unit of time; 0 elsewhere."""


def late(fan_out: FanOut, queue: Mapping[str, np.ndarray], time: float) -> Late:
    """What synapses lack at this time, where these events are under way: arrays by ``state.QUEUE``.

    Changes that are lines are as they are now at their sender.
    """
    node, group, change = queue["key"] >> GROUP_BITS, queue["key"] & GROUP, queue["change"].astype(np.float64)
    slope = queue["slope"].astype(np.float64) if queue.get("slope", np.zeros(0)).size else np.zeros_like(change)
    change = change + slope * (time - (queue["time"] - fan_out.delay[group]))
    # An event has not come to the group that it reaches next, and to those of its node behind it.
    by_synapse = []
    for missing in (change, slope):
        steps = np.zeros(fan_out.delay.size + 1)
        np.add.at(steps, group, missing)
        np.add.at(steps, fan_out.first[node + 1], -missing)
        by_synapse.append(np.repeat(np.cumsum(steps)[:-1], np.diff(fan_out.begin)))
    return Late(*by_synapse)
