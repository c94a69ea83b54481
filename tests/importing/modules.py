"""PyTorch modules as people write them, each with an example of what it is called with."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """A basic block of a residual network."""

    def __init__(self, channels, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return functional.relu(out)


class ResNet(nn.Module):
    """ResNet-18 for CIFAR-10 where its width is 64 and it has two blocks a layer."""

    def __init__(self, width=64, blocks=(2, 2, 2, 2), classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        layers, channels = [], width
        for k, count in enumerate(blocks):
            outputs = width * 2**k
            for i in range(count):
                layers.append(Block(channels, outputs, 2 if k and not i else 1))
                channels = outputs
        self.layers = nn.Sequential(*layers)
        self.linear = nn.Linear(channels, classes)

    def forward(self, x):
        out = self.layers(functional.relu(self.bn1(self.conv1(x))))
        out = functional.avg_pool2d(out, out.shape[-1])
        return self.linear(out.view(out.size(0), -1))


def with_statistics(module, seed=0):
    """A module in evaluation mode whose batch norms have seen something."""
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if getattr(layer, "running_mean", None) is not None:
            layer.running_mean += 0.3 * torch.randn(layer.running_mean.shape, generator=generator)
            layer.running_var *= 0.5 + torch.rand(layer.running_var.shape, generator=generator)
    return module.eval()


class Tagger(nn.Module):
    """An LSTM over tokens, and a class for each."""

    def __init__(self, vocabulary=7, features=4, units=5, classes=3):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, features)
        self.lstm = nn.LSTM(features, units, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * units, classes)

    def forward(self, tokens):
        hidden, _ = self.lstm(self.embedding(tokens))
        return self.head(hidden)


class Head(nn.Module):
    """One head of causal self-attention, as in many a tutorial."""

    def __init__(self, features, size, block):
        super().__init__()
        self.key = nn.Linear(features, size, bias=False)
        self.query = nn.Linear(features, size, bias=False)
        self.value = nn.Linear(features, size, bias=False)
        self.register_buffer("tril", torch.tril(torch.ones(block, block)))

    def forward(self, x):
        _, time, _ = x.shape
        k, q = self.key(x), self.query(x)
        weights = q @ k.transpose(-2, -1) * k.shape[-1] ** -0.5
        weights = weights.masked_fill(self.tril[:time, :time] == 0, float("-inf"))
        return functional.softmax(weights, dim=-1) @ self.value(x)


class Layer(nn.Module):
    """A layer of a transformer whose norms come first."""

    def __init__(self, features, heads, block):
        super().__init__()
        self.heads = nn.ModuleList([Head(features, features // heads, block) for _ in range(heads)])
        self.projection = nn.Linear(features, features)
        self.feedforward = nn.Sequential(
            nn.Linear(features, 2 * features), nn.GELU(), nn.Linear(2 * features, features), nn.Dropout(0.2)
        )
        self.norm1, self.norm2 = nn.LayerNorm(features), nn.LayerNorm(features)

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.projection(torch.cat([head(y) for head in self.heads], dim=-1))
        return x + self.feedforward(self.norm2(x))


class Transformer(nn.Module):
    """A small language model of plain PyTorch: embeddings of tokens and places, layers, logits."""

    def __init__(self, vocabulary=6, features=8, heads=2, block=5, layers=2):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, features)
        self.places = nn.Embedding(block, features)
        self.layers = nn.Sequential(*[Layer(features, heads, block) for _ in range(layers)])
        self.norm = nn.LayerNorm(features)
        self.head = nn.Linear(features, vocabulary)

    def forward(self, index):
        _, time = index.shape
        x = self.tokens(index) + self.places(torch.arange(time))
        return self.head(self.norm(self.layers(x)))
