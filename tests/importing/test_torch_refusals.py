"""Modules of PyTorch that cannot become circuits, each refused by name, and parameters that go back."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro import importing
from pcneuro.errors import ParameterError, ShapeError, TraceError, UnknownNameError

torch = pytest.importorskip("torch")  # `make test-long` installs it

from torch import nn  # noqa: E402
from torch.nn import functional as f  # noqa: E402

from tests.importing.modules import with_statistics  # noqa: E402
from tests.importing.torch_for_tests import Does, agree, drawn  # noqa: E402


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
