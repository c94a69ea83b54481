"""Modules of PyTorch as circuits: values and gradients are those of PyTorch, and parameters go back."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import importing
from pcneuro.errors import ParameterError, ShapeError, TraceError, UnknownNameError

torch = pytest.importorskip("torch")  # `make test-long` installs it

from torch import nn  # noqa: E402
from torch.nn import functional as f  # noqa: E402

from tests.importing.modules import ResNet, Tagger, Transformer, with_statistics  # noqa: E402


class Does(nn.Module):
    """A module of a function of its layers and its input."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *x):
        return self.function(self, *x)


class Gain(nn.Module):
    """A gain for each unit of a sample, so that something learns from what comes back."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(0.5 + torch.rand(shape, generator=torch.Generator().manual_seed(1)))

    def forward(self, x):
        return x * self.weight


def gradients_of(module, example, targets):
    """Of squared errors, by PyTorch."""
    module.zero_grad()
    returned = module(*example)
    flat = [y for y in torch.utils._pytree.tree_flatten(returned)[0] if isinstance(y, torch.Tensor)]
    sum(0.5 * ((y - torch.as_tensor(t)) ** 2).sum() for y, t in zip(flat, targets, strict=True)).backward()
    return {name: p.grad for name, p in module.named_parameters()}


def agree(module, *example, batch_axis=0, tolerance=1e-9, dtype=torch.float64, seed=0):
    """Import a module and hold values and gradients of a batch against PyTorch's; returns the model."""
    module = module.to(dtype)
    example = tuple(x.to(dtype) if x.is_floating_point() else x for x in example)
    model = importing.torch(module, example, batch_axis=batch_axis)
    rng = np.random.default_rng(seed)
    outputs = [y for y in torch.utils._pytree.tree_flatten(module(*example))[0] if isinstance(y, torch.Tensor)]
    axes = [0 if batch_axis is not None else None] * len(outputs)
    targets = [rng.normal(size=tuple(y.shape)) for y in outputs]
    if batch_axis:
        axes = [next(i for i, n in enumerate(y.shape) if n == example[0].shape[batch_axis]) for y in outputs]
    expected = gradients_of(module, example, targets)

    def first(x, axis):
        return np.asarray(x) if axis is None else np.moveaxis(np.asarray(x), axis, 0)

    inputs = {model.inputs[n]: first(x, batch_axis) for n, x in zip(model.inputs, example, strict=True)}
    names = list(model.graph.outputs)
    goals = {n: first(t, a) for n, t, a in zip(names, targets, axes, strict=True)}
    result = pcn.backprop(model.graph, inputs, goals)
    for name, y, axis in zip(names, outputs, axes, strict=True):
        value = first(y.detach(), axis) if axis is not None else y.detach().numpy()[None]
        node = model.graph.outputs[name].name
        got = np.broadcast_to(result.values[node], value.shape)
        np.testing.assert_allclose(got, value, rtol=tolerance, atol=tolerance * max(1, np.abs(value).max()))
    for name, gradient in result.gradients.items():
        theirs = expected[model.parameters[name]]
        theirs = np.zeros(gradient.shape) if theirs is None else theirs.numpy()
        np.testing.assert_allclose(
            gradient, theirs, rtol=0, atol=tolerance * max(1, np.abs(theirs).max()), err_msg=name
        )
    return model


def drawn(*shape, seed=0, batch=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *shape, generator=generator)


LAYERS = {
    "linear": (nn.Linear(4, 3), (4,)),
    "linear without bias, over time": (nn.Linear(4, 3, bias=False), (5, 4)),
    "conv1d": (nn.Conv1d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2), (2, 9)),
    "conv1d same": (nn.Conv1d(2, 3, 4, padding="same"), (2, 7)),
    "conv2d": (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2), (4, 6, 7)),
    "conv2d circular": (nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), (1, 4, 5)),
    "conv2d reflect": (nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), (1, 4, 5)),
    "transposed conv1d": (nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (4, 5)),
    "transposed conv2d": (nn.ConvTranspose2d(2, 3, 3, stride=2, padding=2, dilation=2), (2, 4, 3)),
    "max_pool1d": (nn.MaxPool1d(3, 2, 1), (2, 8)),
    "max_pool2d": (nn.MaxPool2d(2), (2, 4, 6)),
    "max_pool2d rounded up": (nn.MaxPool2d(3, 2, 1, ceil_mode=True), (2, 6, 5)),
    "max_pool2d dilated": (nn.MaxPool2d(2, 1, dilation=2), (2, 5, 5)),
    "avg_pool1d": (nn.AvgPool1d(3, 2, 1), (2, 8)),
    "avg_pool2d without padding": (nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), (2, 6, 6)),
    "avg_pool2d rounded up": (nn.AvgPool2d(3, 2, 1, ceil_mode=True), (1, 6, 8)),
    "avg_pool2d divisor": (nn.AvgPool2d(2, divisor_override=3), (1, 4, 4)),
    "adaptive average": (nn.AdaptiveAvgPool2d(1), (2, 4, 5)),
    "adaptive average of uneven windows": (nn.AdaptiveAvgPool2d((3, 2)), (2, 7, 4)),
    "adaptive average 1d": (nn.AdaptiveAvgPool1d(2), (2, 6)),
    "adaptive max": (nn.AdaptiveMaxPool2d((2, 1)), (2, 4, 3)),
    "batch norm": (nn.BatchNorm1d(4), (4,)),
    "batch norm 2d": (nn.BatchNorm2d(3), (3, 2, 2)),
    "batch norm without gain": (nn.BatchNorm1d(3, affine=False), (3, 2)),
    "layer norm": (nn.LayerNorm(4), (3, 4)),
    "layer norm over two axes": (nn.LayerNorm((3, 4), bias=False), (3, 4)),
    "group norm": (nn.GroupNorm(2, 4), (4, 3, 2)),
    "instance norm": (nn.InstanceNorm2d(2, affine=True), (2, 3, 3)),
    "rms norm": (nn.RMSNorm(4), (2, 4)),
    "prelu": (nn.PReLU(3), (3, 2, 2)),
    "upsampling along a line": (nn.Upsample(scale_factor=2, mode="linear"), (2, 3)),
    "upsampling between corners": (nn.Upsample((5, 4), mode="bilinear", align_corners=True), (2, 2, 3)),
    "upsampling": (nn.Upsample(scale_factor=(2, 1.5), mode="bilinear"), (2, 2, 4)),
    "upsampling to a size": (nn.Upsample((5, 7)), (2, 2, 3)),
    "normalised weights": (nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), (4,)),
    "nearest up": (nn.Upsample(scale_factor=2, mode="nearest"), (2, 2, 3)),
    "pixel shuffle": (nn.PixelShuffle(2), (4, 2, 3)),
    "pixel unshuffle": (nn.PixelUnshuffle(2), (1, 4, 6)),
    "flatten": (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (3, 4))), (2, 6)),
    "reflection": (nn.ReflectionPad1d((1, 2)), (2, 4)),
    "replication": (nn.ReplicationPad2d((1, 2, 0, 1)), (2, 3, 4)),
    "zeros": (nn.ZeroPad2d((1, -1, 0, 2)), (2, 3, 4)),
}

ACTIVATIONS = (
    "CELU ELU GELU GLU Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish ReLU ReLU6 SELU SiLU Sigmoid Softplus "
    "Softsign Tanh Tanhshrink"
).split()


class TestLayers:
    @pytest.mark.parametrize("name", LAYERS)
    def test_layer(self, name):
        layer, shape = LAYERS[name]
        agree(with_statistics(nn.Sequential(Gain(*shape), layer)), drawn(*shape))

    @pytest.mark.parametrize("name", ACTIVATIONS)
    def test_activation(self, name):
        # PyTorch itself has the slope of a hard sigmoid in single precision.
        tolerance = 1e-7 if name == "Hardsigmoid" else 1e-9
        agree(nn.Sequential(nn.Linear(4, 6), getattr(nn, name)()), 3 * drawn(4), tolerance=tolerance)

    def test_activations_with_settings(self):
        """And softmax over any axis."""
        layers = [nn.GELU("tanh"), nn.Softplus(2.0), nn.ELU(0.5), nn.LeakyReLU(0.3), nn.Softmax(-1), nn.CELU(0.4)]
        agree(nn.Sequential(nn.Linear(4, 6), *layers), drawn(4))
        agree(nn.Sequential(nn.Linear(4, 6), nn.Softmax(dim=1), nn.LogSoftmax(dim=2)), drawn(3, 4))

    @pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
    @pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "bidirectional": True, "batch_first": True}])
    def test_recurrent_layer(self, kind, settings):
        """With the states at the end as outputs, whose axis of samples is the second."""
        layer = Does(lambda self, x: self.layer(x)[0], layer=kind(3, 4, **settings))
        agree(layer, drawn(5, 3, batch=4) if settings else drawn(4, 3, batch=5), batch_axis=0 if settings else 1)

    def test_states(self):
        """That are given, and returned."""

        def function(self, x, h, c):
            y, (h, c) = self.lstm(x, (h, c))
            return {"y": y, "h": h, "c": c}

        layer = Does(function, lstm=nn.LSTM(3, 4))
        model = agree(layer, drawn(7, 3, batch=5), drawn(7, 4, batch=1), drawn(7, 4, batch=1), batch_axis=1)
        assert list(model.graph.outputs) == ["y", "h", "c"]
        assert model.graph.outputs["h"].shape == (1, 4)

    def test_cells(self):
        def function(self, x):
            h, c = self.lstm(x[:, 0])
            for t in range(1, x.size(1)):
                h, c = self.lstm(x[:, t], (h, c))
            return self.rnn(c, self.gru(h))

        agree(Does(function, lstm=nn.LSTMCell(2, 3), gru=nn.GRUCell(3, 4), rnn=nn.RNNCell(3, 4)), drawn(3, 2))

    @pytest.mark.parametrize("batch_first", [True, False])
    def test_multihead_attention(self, batch_first):
        layer = Does(lambda self, x: self.a(x, x, x)[0], a=nn.MultiheadAttention(4, 2, batch_first=batch_first))
        agree(layer, drawn(3, 4, batch=2) if batch_first else drawn(2, 4, batch=3), batch_axis=int(not batch_first))

    def test_causal_attention(self):
        def function(self, x):
            q, k, v = self.w(x).reshape(x.size(0), 4, 2, 6).transpose(1, 2).chunk(3, -1)
            mask = torch.tensor([[True, False, True, True]])
            y = f.scaled_dot_product_attention(q, k, v, is_causal=True)
            return y + f.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=0.7)

        agree(Does(function, w=nn.Linear(3, 12)), drawn(4, 3))

    def test_encoder_layer(self):
        agree(nn.TransformerEncoderLayer(4, 2, 6, batch_first=True).eval(), drawn(3, 4))
        agree(
            nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, norm_first=True, activation="gelu").eval(),
            drawn(3, 4),
        )

    def test_embedding(self):
        """Its padding has a value and does not learn."""
        tokens = torch.tensor([[0, 2, 1], [4, 2, 2]])
        layer = nn.Embedding(5, 3, padding_idx=2)
        layer.weight.data[2] = 1.0
        model = agree(nn.Sequential(layer), tokens)
        assert model.graph.inputs["input"].shape == (3,)


FUNCTIONS = {
    "views": lambda self, x: x.view(x.size(0), -1).unflatten(1, (2, 6)).flatten(1).reshape(-1, 3, 4),
    "permute": lambda self, x: x.permute(0, 2, 1).transpose(1, 2).movedim(1, 2).mT @ x.swapaxes(1, 2),
    "squeeze": lambda self, x: x.unsqueeze(1).squeeze(1) + x[:, :, None].squeeze(2).sum(1, keepdim=True),
    "join": lambda self, x: torch.cat([x, torch.stack([x[..., 0], x[..., 1]], dim=-1)], dim=2),
    "split": lambda self, x: x.split(2, dim=2)[1] * x.chunk(2, dim=-1)[0] + torch.unbind(x, 2)[3][..., None],
    "split by sizes": lambda self, x: x.split([1, 3], dim=2)[1] + x.tensor_split(4, dim=2)[0],
    "index": lambda self, x: x[:, [0, 2, 0]][:, 1:, ::2] + x[:, -1:, -2:].index_select(2, torch.tensor([1, 0])),
    "write": lambda self, x: f.relu(_written(x)),
    "expand": lambda self, x: x[:, :1].expand(-1, 3, 4) * x + x.repeat(1, 2, 1)[:, 1:4] - x[:, :1].expand_as(x),
    "roll": lambda self, x: x.roll(1, 1) + x.flip([2]) + x.repeat_interleave(2, 1)[:, :3],
    "pad": lambda self, x: f.pad(x, (1, 2, -1, 0), value=0.5) + f.pad(x, (2, 1), mode="reflect")[:, 1:],
    "gather": lambda self, x: x.gather(2, torch.ones(x.size(0), 3, 2, dtype=torch.int64)),
    "triangle": lambda self, x: (x @ x.mT).tril() + (x @ x.mT).triu(1) * 2 + torch.diagonal(x, 0, 1, 2)[..., None],
    "unfold": lambda self, x: x.unfold(2, 2, 1),
    "reductions": lambda self, x: x.mean(1) + x.sum(1) + x.prod(1) + x.var(1) + x.std(1, unbiased=False),
    "over all": lambda self, x: x.mean((1, 2), keepdim=True) + x.sum([1, 2], keepdim=True) * x,
    "norms": lambda self, x: f.normalize(x, dim=-1) + x.norm(dim=1, keepdim=True) + x.norm(p=3, dim=2, keepdim=True),
    "largest": lambda self, x: (
        x.relu().max(1).values + x.amin(1) * x.min(dim=2, keepdim=True)[0].sum(1) + x.amax((1, 2))[:, None]
    ),
    "order": lambda self, x: x.sort(2, descending=True).values * x.topk(3, dim=1)[0] + x.sort(dim=1)[0].cumsum(1),
    "logsumexp": lambda self, x: torch.logsumexp(x, 1) + f.cosine_similarity(x, x.flip([1]), dim=1),
    "products": lambda self, x: torch.einsum("bij,bkj->bik", x, x) @ x + torch.bmm(x, x.mT).matmul(x),
    "arithmetic": lambda self, x: torch.add(x, x, alpha=2) - 1 / (2 + x**2) + torch.sub(1, x, alpha=3) / 5,
    "more arithmetic": lambda self, x: torch.lerp(x, x**2, 0.3) + torch.addcmul(x, x, x, value=0.5) + (x * x) ** 1.5,
    "elementary": lambda self, x: (
        x.exp().log1p() + x.sin() * x.cos() + torch.erf(x) + x.abs().sqrt() + (1 + x * x).rsqrt()
    ),
    "clamp": lambda self, x: x.clamp(-0.5, 0.5) + torch.maximum(x, 0.3 * x) + x.clamp_min(0.1) + f.hardtanh(x),
    "constants": lambda self, x: (
        x * torch.arange(4.0, dtype=x.dtype) + torch.ones_like(x) * torch.eye(3, 4, dtype=x.dtype)
    ),
    "types": lambda self, x: x.to(x.dtype).contiguous().clone().type_as(x) * x.new_full((1,), 2.0),
    "write at places": lambda self, x: f.relu(_written_at_places(x)),
    "add at places": lambda self, x: _added_at_places(x),
    "norm of nothing": lambda self, x: x + (0 * x).norm(dim=-1, keepdim=True),
    "in the middle": lambda self, x: x.median(-1).values + x.kthvalue(2, dim=-1)[0] + f.pairwise_distance(x, x.flip(1)),
    "queries without keys": lambda self, x: f.scaled_dot_product_attention(
        x, x, x, attn_mask=torch.tensor([[True, True, False], [False] * 3, [False, True, True]])
    ),
    "causal": lambda self, x: (x @ x.mT).masked_fill(torch.ones(3, 3).triu(1).bool(), -torch.inf).softmax(-1),
}


def _written(x):
    y = x.clone()
    y[:, 1] += 1
    y[:, :, 2:] *= 2
    return y


def _added_at_places(x):
    y = torch.zeros_like(x).index_add(2, torch.tensor([0, 0, 2, 1]), x)
    return y.scatter_add(1, torch.tensor([[[0], [2]]]).expand(x.size(0), 2, 1), x[:, :2, :1])


def _written_at_places(x):
    y = x.clone()
    y[x > 0.5] = 0.25
    y[:, :, 0] = 1
    y[:, torch.tensor([0, 2]), torch.tensor([1, 3])] = -2.0 * x[:, 1, :2]
    return y


class TestFunctions:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_function(self, name):
        function = FUNCTIONS[name]
        agree(Does(lambda self, x: function(self, self.gain(x)), gain=Gain(3, 4)), drawn(3, 4))

    def test_places_as_inputs(self):
        gain, places = Gain(3, 4), torch.tensor([2, 0, 1])

        def chosen(self, x, n):
            y = self.gain(x)
            return y[torch.arange(len(n)), n] + y.gather(1, n[:, None, None].expand(-1, 1, 4))[:, 0]

        agree(Does(chosen, gain=gain), drawn(3, 4), places)

    def test_sample_without_an_axis_for_samples(self):
        model = agree(nn.Sequential(nn.Linear(4, 3), nn.Tanh()), drawn(batch=4), batch_axis=None)
        assert model.graph.inputs["input"].shape == (4,)

    def test_dicts_and_several_inputs(self):
        """Inputs are called as arguments are, outputs as keys."""
        module = Does(
            lambda self, x, y: {"sum": self.a(x) + self.b(y), "y": self.b(y)}, a=nn.Linear(2, 3), b=nn.Linear(4, 3)
        )
        model = agree(module, drawn(2), drawn(4))
        assert list(model.graph.outputs) == ["sum", "y"]

    def test_example_by_name(self):
        class Named(nn.Linear):
            def forward(self, left, right=None):
                return super().forward(left if right is None else left * right)

        model = importing.torch(Named(2, 3), {"left": drawn(2), "right": drawn(2)})
        assert model.inputs == {"left": "left", "right": "right"}
        assert list(model.graph.inputs) == ["left", "right"]


class TestCircuits:
    def test_residual_network(self):
        agree(with_statistics(ResNet(width=2, blocks=(1, 1))), drawn(3, 8, 8))

    def test_tagger(self):
        agree(Tagger(), torch.tensor([[0, 6, 2, 2], [1, 3, 5, 4]]))

    def test_transformer(self):
        agree(Transformer().eval(), torch.tensor([[0, 1, 2, 5], [4, 4, 3, 0]]))

    @pytest.mark.parametrize(
        ("module", "example"),
        [
            (lambda: with_statistics(ResNet(width=2, blocks=(1, 1))), drawn(3, 8, 8, batch=2)),
            (Tagger, torch.tensor([[0, 6, 2], [1, 3, 5]])),
            (lambda: Transformer(layers=1).eval(), torch.tensor([[0, 1, 2], [4, 4, 3]])),
        ],
        ids=["residual network", "tagger", "transformer"],
    )
    def test_simulation(self, module, example):
        """The gradients of a circuit at rest are PyTorch's in float32, to 1e-5, and what it learns goes back."""
        torch.manual_seed(1)
        module = module()
        model = importing.torch(module, example)
        circuit = pcn.build_circuit(model.graph)
        (name,) = model.graph.inputs
        y = module(example)
        target = y.detach().numpy() + np.random.default_rng(0).normal(size=tuple(y.shape))
        expected = gradients_of(module, (example,), [target])
        sim = pcn.Simulator(circuit, schedule=pcn.FastForward())
        result = sim.run(10_000.0, inputs={name: example.numpy()}, targets={"out": target})
        for parameter, gradient in result.gradients.items():
            theirs = expected[model.parameters[parameter]].numpy()
            np.testing.assert_allclose(gradient, theirs, rtol=0, atol=1e-5 * max(1, np.abs(theirs).max()))
        learned = {n: v - 0.1 * result.gradients[n] for n, v in circuit.parameters.items()}
        with torch.no_grad():
            for parameter, tensor in module.named_parameters():
                tensor -= 0.1 * expected[parameter]
        for parameter, tensor in model.state_dict(learned).items():
            torch.testing.assert_close(tensor, module.state_dict()[parameter], atol=1e-5, rtol=1e-5)

    @pytest.mark.long
    def test_resnet_18(self):
        """The whole network, as it is used for CIFAR-10: values and gradients of one image."""
        model = agree(with_statistics(ResNet()), drawn(3, 32, 32, batch=1), tolerance=1e-5, dtype=torch.float32)
        assert sum(node.size for node in model.graph.parameters.values()) > 11e6


class Normalised(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))

    def forward(self, x):
        return self.layers(x)


class Straight(torch.autograd.Function):
    """The sign, with the derivative of what it is of."""

    @staticmethod
    def forward(context, x):
        return torch.sign(x)

    @staticmethod
    def backward(context, gradient):
        return gradient


def _partly(self, x):
    with torch.no_grad():
        gate = self.layer(x)
    return gate * self.layer(x)


def _hooked():
    layer = nn.Linear(3, 2)
    layer.weight.register_hook(lambda gradient: 2 * gradient)
    return layer


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        self.count += 1
        return x * self.count


REFUSED = {
    "batch norm in training mode": (Normalised(), r"BatchNorm1d 'layers.1' is in training mode.*module.eval\(\)"),
    "batch norm without statistics": (
        nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False)).eval(),
        r"BatchNorm1d '0' has no running statistics.*GroupNorm",
    ),
    "dropout in training mode": (nn.Sequential(nn.Dropout(0.5)), r"Dropout '0' is in training mode.*module.eval\(\)"),
    "dropout by a function": (Does(lambda self, x: f.dropout(x, 0.5)), r"dropout.*module.eval\(\)"),
    "a mean over samples": (Does(lambda self, x: x - x.mean(0)), "mixes samples"),
    "a norm of everything": (Does(lambda self, x: x / x.norm()), "mixes samples"),
    "a sum of the samples before": (Does(lambda self, x: x.cumsum(0)), "mixes samples"),
    "a layer that does not learn": (Does(_partly, layer=nn.Linear(3, 3)), "'layer_weight' in PyTorch is not the deriv"),
    "a backward of its own": (
        Does(lambda self, x: Straight.apply(self.layer(x)), layer=nn.Linear(3, 3)),
        r"gradient of 'layer_weight' in PyTorch.*no_grad\(\), hooks, and functions with a backward",
    ),
    "a hook": (_hooked(), "gradient of 'weight' in PyTorch is not the derivative"),
    "a loss": (Does(lambda self, x: x.square().sum()), "has no axis of samples"),
    "a squeeze of the axis of samples": (
        Does(lambda self, x: x[:, :1].squeeze()),
        r"has no axis of samples.*squeeze\(\)",
    ),
    "an operator that is not known": (
        Does(lambda self, x: torch.special.i0(x)),
        r"'special_i0' \(aten\.special_i0.*not known here",
    ),
    "three axes": (nn.Sequential(nn.Unflatten(1, (1, 1, 1, 3)), nn.MaxPool3d(1)), "aten.max_pool3d.*not known here"),
    "a value without a way back": (Does(lambda self, x: x.detach() + x), "aten.detach.*nothing goes back"),
    "whole numbers": (Does(lambda self, x: x * x.long()), "makes torch.int64 of real numbers"),
    "a decision": (Does(lambda self, x: x if x.sum() > 0 else -x), "torch.export cannot write the module down"),
    "random numbers": (Does(lambda self, x: x + torch.rand(3)), "mixes samples|draws random numbers"),
    "a buffer that is written": (Counting(), "writes to 'count'"),
}


class TestRefusals:
    @pytest.mark.parametrize("name", REFUSED)
    def test_refused(self, name):
        """By the name of what it is, with what to do."""
        module, message = REFUSED[name]
        with pytest.raises(TraceError, match=message) as caught:
            importing.torch(module, drawn(3))
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("example", "settings", "error", "message"),
        [
            (torch.zeros(2, 3), {"batch_axis": 2}, ShapeError, "no samples along axis 2"),
            (torch.zeros(2, 3), {"batch_axis": -1}, ParameterError, "batch_axis is -1"),
            (torch.zeros(0, 3), {}, ShapeError, "no samples along axis 0"),
            ((torch.zeros(2, 3), torch.zeros(2, 3)), {}, ParameterError, "cannot be called with"),
            ({"y": torch.zeros(2, 3)}, {}, ParameterError, "cannot be called with"),
            (np.zeros((2, 3)), {}, ParameterError, "give a tensor"),
            (torch.zeros(2, 4), {}, TraceError, "cannot be called with the example"),
        ],
    )
    def test_examples(self, example, settings, error, message):
        with pytest.raises(error, match=message):
            importing.torch(nn.Linear(3, 2), example, **settings)

    def test_inputs_of_different_lengths(self):
        with pytest.raises(ShapeError, match="different numbers of samples"):
            importing.torch(Does(lambda self, x, y: x + y), (drawn(3), drawn(3, batch=2)))

    @pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
    def test_what_is_no_module(self):
        with pytest.raises(ParameterError, match="give a torch"):
            importing.torch(lambda x: x, drawn(3))
        with pytest.raises(ParameterError, match="give the module that it was made of"):
            importing.torch(torch.jit.trace(nn.Linear(3, 2), drawn(3)), drawn(3))

    def test_parameters_that_do_not_fit(self):
        model = importing.torch(nn.Linear(3, 2), drawn(3))
        with pytest.raises(UnknownNameError, match="weights"):
            model.state_dict({"weights": np.zeros((2, 3))})
        with pytest.raises(ShapeError, match="weight"):
            model.state_dict({"weight": np.zeros((3, 2))})
        with pytest.raises(ParameterError, match="give a circuit"):
            model.state_dict([1.0])


class TestState:
    def test_names(self):
        """Letters of a name that vertices cannot have become _, and names stay apart."""
        layers = nn.ModuleDict({"a_b": nn.Linear(3, 3), "a": nn.ModuleDict({"b": nn.Linear(3, 3)})})
        model = agree(Does(lambda self, x: self.m["a"]["b"](self.m["a_b"](x)), m=layers), drawn(3))
        assert model.parameters["m_a_b_weight"] == "m.a_b.weight"
        assert model.parameters["m_a_b_weight_1"] == "m.a.b.weight"

    def test_names_that_are_there_twice(self):
        """Inputs, outputs and parameters stay apart."""

        class Named(nn.Module):
            def __init__(self):
                super().__init__()
                self.x = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))

            def forward(self, x):
                return {"a": {"b": x * self.x}, "a_b": x + self.x, "x": x - self.x}

        model = agree(Named(), drawn(3))
        assert model.inputs == {"x": "x"}
        assert model.parameters == {"x_1": "x"}
        assert list(model.graph.outputs) == ["a_b", "a_b_1", "x"]

    def test_parameters_that_share_memory_are_two(self):
        """A view of another one is a parameter of its own."""
        layers = nn.Linear(3, 4), nn.Linear(3, 2, bias=False)
        layers[1].weight = nn.Parameter(layers[0].weight.data[:2])
        module = Does(lambda self, x: (self.a(x), self.b(x)), a=layers[0], b=layers[1])
        model = importing.torch(module, drawn(3))
        assert sorted(model.parameters.values()) == ["a.bias", "a.weight", "b.weight"]
        module.load_state_dict(model.state_dict())

    def test_frozen_parameters_and_buffers_are_constants(self):
        module = with_statistics(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))
        module[0].weight.requires_grad_(False)
        model = importing.torch(module, drawn(3))
        assert list(model.parameters.values()) == ["0.bias", "1.weight", "1.bias"]
        state = model.state_dict({"v1_bias": np.array([3.0, 4.0])})
        assert state.keys() == module.state_dict().keys()
        assert state["1.bias"].tolist() == [3.0, 4.0]
        assert state["1.bias"].dtype == torch.float32
        for name in ("0.weight", "1.running_mean", "1.num_batches_tracked"):
            torch.testing.assert_close(state[name], module.state_dict()[name])
        module.load_state_dict(state)

    def test_shared_parameters_are_one(self):
        """And go back under all their names."""
        one = nn.Linear(3, 3)
        module = Does(lambda self, x: self.b(torch.tanh(self.a(x))), a=one, b=one)
        model = agree(module, drawn(3))
        assert len(model.parameters) == 2
        state = model.state_dict({n: np.full(p.shape, 2.0) for n, p in model.graph.parameters.items()})
        assert all((state[name] == 2).all() for name in ("a.weight", "b.weight", "a.bias", "b.bias"))

    def test_the_module_stays_what_it_was(self):
        """In training mode, too, and a generator of random numbers where it was."""
        module = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
        before, drawing = {n: t.clone() for n, t in module.state_dict().items()}, torch.get_rng_state()
        importing.torch(module, drawn(3))
        assert module.training
        assert torch.equal(torch.get_rng_state(), drawing)
        for name, tensor in module.state_dict().items():
            torch.testing.assert_close(tensor, before[name])
        assert all(p.grad is None for p in module.parameters())
