"""A convolutional classifier of images, that of Millidge, Tschantz & Buckley (2020).

    convolution, ReLU -> max-pooling -> convolution, ReLU -> three layers of weights, the first two with ReLU

with 6 and 16 features, 5 x 5 kernels, windows of 2 x 2, and 200 and 150 units on the way to the classes; the 32 x 32
colour images of CIFAR and SVHN make 16 x 10 x 10 = 1,600 units of the second convolution. One kernel's weights serve
every place of the image, so their Hebbian changes add up over all of them.
"""

from collections.abc import Sequence

import numpy as np

import pcneuro as pcn


def cnn(
    channels: int = 3,
    size: int = 32,
    classes: int = 10,
    kernel: int = 5,
    features: Sequence[int] = (6, 16),
    hidden: Sequence[int] = (200, 150),
    seed: int = 0,
    tau: float = 10.0,
) -> pcn.Circuit:
    """A circuit of the vertices conv1, pool, conv2, full1, full2, and out, the logits of the classes.

    The input x is an image of shape (channels, size, size): for digits of 8 x 8, say ``channels=1, size=8, kernel=3``.
    Logits are compared with the target by softmax cross-entropy. Weights are uniform within sqrt(6/n), n the number of
    inputs to a unit, so that layers of ReLU pass signals on at their size (He et al. 2015), those of the logits within
    1/sqrt(n); biases are zero. ``tau`` is in ms.
    """
    relu = pcn.ops.relu

    def forward(x, K1, c1, K2, c2, W1, b1, W2, b2, W3, b3):
        x = pcn.vertex(relu(pcn.ops.conv2d(x, K1) + c1), "conv1")
        x = pcn.vertex(pcn.ops.max_pool2d(x, 2), "pool")
        x = pcn.vertex(relu(pcn.ops.conv2d(x, K2) + c2), "conv2")
        x = pcn.vertex(relu(x.reshape(-1) @ W1 + b1), "full1")
        x = pcn.vertex(relu(x @ W2 + b2), "full2")
        return pcn.vertex(x @ W3 + b3, "out")

    generator = np.random.default_rng(seed)

    def weights(bound, *shape):
        return pcn.Parameter(generator.uniform(-bound, bound, shape))

    theta = {}
    for i, (n, m) in enumerate(((channels, features[0]), features), 1):
        theta[f"K{i}"] = weights((6 / (n * kernel**2)) ** 0.5, m, n, kernel, kernel)
        theta[f"c{i}"] = pcn.Parameter(np.zeros((m, 1, 1)))
    flat = features[1] * ((size - kernel + 1) // 2 - kernel + 1) ** 2
    for i, (n, m) in enumerate(((flat, hidden[0]), hidden, (hidden[1], classes)), 1):
        theta[f"W{i}"] = weights(((1 if i == 3 else 6) / n) ** 0.5, n, m)
        theta[f"b{i}"] = pcn.Parameter(np.zeros(m))
    graph = pcn.trace(forward, x=pcn.Input((channels, size, size)), **theta)
    return pcn.build_circuit(graph, tau=tau, energies={"out": pcn.SoftmaxCrossEntropy()})
