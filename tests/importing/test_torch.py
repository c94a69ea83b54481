"""Modules of PyTorch as circuits: values and gradients are those of PyTorch, and parameters go back."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import importing

torch = pytest.importorskip("torch")  # `make test-long` installs it

from torch import nn  # noqa: E402
from torch.nn import functional as f  # noqa: E402

from tests.importing.modules import ResNet, Tagger, Transformer, with_statistics  # noqa: E402
from tests.importing.torch_for_tests import Does, Gain, agree, drawn, gradients_of  # noqa: E402

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
