"""Nodes in a given order are packed into cores, one core after the other."""

from __future__ import annotations

from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.mapping.structures import AXONS_IN, AXONS_OUT, COMPARTMENTS, SOURCE, SYNAPSES


@kernel
def pack(load, order, block, whole, limit, reaches, core, stamp, held):  # type: ignore[no-untyped-def]
    """Pack what ``load``, a ``Load``, says, and return how many cores it takes.

    If one node is too much for any, it is -1 less the node's place in ``order`` (nodes,).
    ``block`` (nodes,) int64, by place in the order, is where the block of a node ends (a population): one that finds no
    room in a core that has been begun starts another one, if ``whole``. Of axons that begin in a core,
    ``reaches`` (nodes,) int64 says on how many cores those of a node are taken to have synapses. Writes ``core``
    (nodes,). Scratch: ``stamp`` (nets,), -1, and ``held`` (HELD,) int64, 0.
    """
    here, k, nodes = 0, 0, order.size
    first, first_of_block = True, True
    while k < nodes:
        v = order[k]
        first_of_block = k == 0 or block[k - 1] == k
        if whole and first_of_block and not first:
            size = synapses = 0
            for at in range(k, block[k]):
                size += load.size[order[at]]
                synapses += load.synapses[order[at]]
            if held[COMPARTMENTS] + size > limit[COMPARTMENTS] or held[SYNAPSES] + synapses > limit[SYNAPSES]:
                here += 1
                held[:] = 0
                first = True
        more = 0
        for j in range(load.node_first[v], load.node_first[v + 1]):
            if load.node_times[j] > SOURCE and stamp[load.net[j]] != here:
                more += 1
        held[COMPARTMENTS] += load.size[v]
        held[SYNAPSES] += load.synapses[v]
        held[AXONS_IN] += more
        held[AXONS_OUT] += reaches[v]
        for what in range(held.size):
            if held[what] > limit[what]:
                if first:
                    return -1 - k
                here += 1
                held[:] = 0
                first = True
                break
        else:
            for j in range(load.node_first[v], load.node_first[v + 1]):
                if load.node_times[j] > SOURCE:
                    stamp[load.net[j]] = here
            core[v] = here
            first = False
            k += 1
    return here + 1
