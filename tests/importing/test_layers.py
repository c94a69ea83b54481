"""Layers against PyTorch's functions, for settings drawn at random: strides, paddings, dilations, groups, roundings."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.importing.layers import norms, pooling, projections, recurrent

torch = pytest.importorskip("torch")  # `make test-long` installs it

from torch.nn import functional as f  # noqa: E402

SEEDS = range(200)


def close(ours, theirs, seed):
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}")


def drawn(rng, *shape):
    return rng.normal(size=shape)


def numbers(rng, axes, low, high):
    """A whole number for each axis, ``high`` excluded."""
    return [int(n) for n in rng.integers(low, high, axes)]


def test_convolutions():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        axes, groups = int(rng.integers(1, 3)), int(rng.integers(1, 3))
        kernel, stride, dilation = (numbers(rng, axes, 1, 4) for _ in range(3))
        padding = numbers(rng, axes, 0, 3)
        space = [d * (k - 1) + 1 + int(rng.integers(0, 5)) for d, k in zip(dilation, kernel, strict=True)]
        x = drawn(rng, 2, 2 * groups, *space)
        w, b = drawn(rng, 3 * groups, 2, *kernel), drawn(rng, 3 * groups)
        conv = f.conv1d if axes == 1 else f.conv2d
        tensors = map(torch.as_tensor, (x, w, b))
        expected = conv(*tensors, stride=stride, padding=padding, dilation=dilation, groups=groups)
        close(projections.convolution(x, w, b, stride, [(p, p) for p in padding], dilation, groups), expected, seed)


def test_convolutions_with_uneven_padding():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        kernel, around = numbers(rng, 2, 1, 4), [tuple(numbers(rng, 2, 0, 3)) for _ in range(2)]
        x, w = drawn(rng, 1, 2, 5, 6), drawn(rng, 3, 2, *kernel)
        padded = f.pad(torch.as_tensor(x), (*around[1], *around[0]))
        close(
            projections.convolution(x, w, None, [1, 2], around, [1, 1], 1),
            f.conv2d(padded, torch.as_tensor(w), stride=(1, 2)),
            seed,
        )


def test_transposed_convolutions():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        axes, groups = int(rng.integers(1, 3)), int(rng.integers(1, 3))
        kernel, stride, dilation = (numbers(rng, axes, 1, 4) for _ in range(3))
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        padding = [int(rng.integers(0, r // 2 + 1)) for r in reach]
        more = [int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True)]
        x = drawn(rng, 2, 2 * groups, *numbers(rng, axes, 2, 5))
        w, b = drawn(rng, 2 * groups, 3, *kernel), drawn(rng, 3 * groups)
        conv = f.conv_transpose1d if axes == 1 else f.conv_transpose2d
        settings = {
            "stride": stride,
            "padding": padding,
            "output_padding": more,
            "groups": groups,
            "dilation": dilation,
        }
        around = [(p, p) for p in padding]
        ours = projections.transposed_convolution(x, w, b, stride, around, dilation, groups, more)
        close(ours, conv(*map(torch.as_tensor, (x, w, b)), **settings), seed)


def test_pools():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        axes, round_up, count = int(rng.integers(1, 3)), bool(rng.integers(2)), bool(rng.integers(2))
        size, stride, dilation = numbers(rng, axes, 1, 4), numbers(rng, axes, 1, 4), numbers(rng, axes, 1, 3)
        padding = [int(rng.integers(0, k // 2 + 1)) for k in size]
        x = drawn(rng, 2, 2, *numbers(rng, axes, 6, 10))
        around, tensor = [(p, p) for p in padding], torch.as_tensor(x)
        largest, mean = (f.max_pool1d, f.avg_pool1d) if axes == 1 else (f.max_pool2d, f.avg_pool2d)
        close(
            pooling.max_pool(x, size, stride, around, dilation, round_up),
            largest(tensor, size, stride, padding, dilation, round_up),
            seed,
        )
        close(
            pooling.avg_pool(x, size, stride, around, round_up, count),
            mean(tensor, size, stride, padding, round_up, count),
            seed,
        )


def test_adaptive_pools():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        space = numbers(rng, 2, 1, 8)
        out = [int(rng.integers(1, n + 3)) for n in space]
        x = drawn(rng, 2, 3, *space)
        close(pooling.adaptive_avg_pool(x, out), f.adaptive_avg_pool2d(torch.as_tensor(x), out), seed)


def test_norms():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        groups, share, space = int(rng.integers(1, 4)), int(rng.integers(1, 4)), numbers(rng, 2, 1, 4)
        channels = groups * share
        x, gain, bias = drawn(rng, 2, channels, *space, 2), drawn(rng, channels), drawn(rng, channels)
        tensors = [torch.as_tensor(a) for a in (x, gain, bias)]
        close(norms.group_norm(x, groups, gain, bias, 1e-3), f.group_norm(tensors[0], groups, *tensors[1:], 1e-3), seed)
        close(norms.layer_norm(x, 2, None, None, 1e-3), f.layer_norm(tensors[0], x.shape[-2:], eps=1e-3), seed)
        mean, variance = drawn(rng, channels), rng.uniform(0.1, 2, channels)
        statistics = torch.as_tensor(mean), torch.as_tensor(variance)
        expected = f.batch_norm(tensors[0], *statistics, *tensors[1:], eps=1e-3)
        close(norms.batch_norm(x, mean, variance, gain, bias, 1e-3), expected, seed)
        # Of an even number ONNX has one more channel behind, PyTorch one more before.
        size = 2 * int(rng.integers(0, 3)) + 1
        expected = f.local_response_norm(tensors[0], size, 0.2, 0.6, 1.5)
        close(norms.local_response_norm(x, size, 0.2, 0.6, 1.5), expected, seed)


CELLS = [
    (torch.nn.RNN, recurrent.Elman(), 1),
    (torch.nn.GRU, recurrent.GRU("rzn"), 1),
    (torch.nn.LSTM, recurrent.LSTM("ifgo"), 2),
]


@pytest.mark.parametrize(("kind", "cell", "states"), CELLS)
def test_recurrent_layers(kind, cell, states):
    """With any number of layers, directions, samples, and with biases or without."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        time, batch, features, units, layers = numbers(rng, 5, 1, 4)
        both, bias = bool(rng.integers(2)), bool(rng.integers(2))
        theirs = kind(features, units, layers, bias=bias, bidirectional=both).double()
        arrays = [p.detach().numpy() for p in theirs.parameters()]
        count = 4 if bias else 2
        ways = [recurrent.Weights(*arrays[i : i + count]) for i in range(0, len(arrays), count)]
        weights = [ways[i : i + 1 + both] for i in range(0, len(ways), 1 + both)]
        x = drawn(rng, time, batch, features)
        start = [drawn(rng, layers * (1 + both), batch, units) for _ in range(states)]
        given = tuple(map(torch.as_tensor, start))
        with torch.no_grad():
            y, ends = theirs(torch.as_tensor(x), given if states == 2 else given[0])
        ours, last = recurrent.layers(cell, x, tuple(start), weights)
        close(ours, y, seed)
        for end, expected in zip(last, ends if states == 2 else (ends,), strict=True):
            close(end, expected, seed)
