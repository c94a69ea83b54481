"""np.fft of traced arrays: every function, length, axis and scale, and spectral solvers of equations of physics."""

from __future__ import annotations

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.graph.tracing.test_complex import halves, real
from tests.helpers import assert_close, check_case, every_case

W = np.array([0.5 - 1.0j, 1.2 + 0.3j, -0.7 + 0.1j])

CASES = [
    real("fft", lambda np, a: np.abs(np.fft.fft(a)) ** 2, (2, 4)),
    real("fft of complex values", lambda np, a: np.real(np.fft.ifft(W * np.fft.fft(a))), (3,)),
    real("fft along an axis", lambda np, a: np.imag(np.fft.fft(a, axis=0)), (3, 2)),
    real("rfft", lambda np, a: np.real(np.fft.rfft(a)) * np.imag(np.fft.rfft(a)), (4,)),
    real("irfft", lambda np, a: np.fft.irfft(np.fft.rfft(a) * W), (4,)),
    real("fft2", lambda np, a: np.real(np.fft.ifft2(np.fft.fft2(a) * W)), (2, 3)),
    real("rfft2", lambda np, a: np.fft.irfft2(np.fft.rfft2(a) * W), (3, 4)),
    real("fftshift", lambda np, a: np.real(np.fft.fftshift(np.fft.fft(a)) * W), (3,)),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


X = np.random.default_rng(5).normal(size=(4, 3))
SINGLE = [{}, {"n": 2}, {"n": 7, "axis": 0}, {"norm": "ortho"}, {"norm": "forward", "axis": -2}, {"n": 1}, {"n": 8}]
SEVERAL = [{}, {"s": (3, 5), "axes": (0, 1)}, {"norm": "ortho"}, {"axes": (1, 0), "norm": "forward"}]


@pytest.mark.parametrize("options", SINGLE, ids=str)
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_transforms_along_an_axis_are_those_of_numpy(name, options):
    def f(x):
        transform = getattr(np.fft, name)
        both = [transform(x, **options)] if name in ("rfft", "ihfft") else [transform(x * W, **options)] * 2
        return np.concatenate([halves(z) for z in [*both, transform(x, **options)]])

    assert_close(pcn.backprop(pcn.trace(f, x=pcn.Parameter(X))).values["out"][0], f(X), 1e-14)


@pytest.mark.parametrize("options", SEVERAL, ids=str)
@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"])
def test_transforms_over_several_axes_are_those_of_numpy(name, options):
    def f(x):
        return halves(getattr(np.fft, name)(x if name.startswith("rfft") else x * W, **options))

    assert_close(pcn.backprop(pcn.trace(f, x=pcn.Parameter(X))).values["out"][0], f(X), 1e-14)


@pytest.mark.parametrize("n", [1, 2, 5, 6])
@pytest.mark.parametrize("name", ["rfft", "irfft", "hfft", "ihfft"])
def test_gradients_are_those_of_a_linear_map(name, n):
    def f(x):
        return halves(getattr(np.fft, name)(x if name in ("rfft", "ihfft") else x + 1j * x[::-1], n))

    x = X[:, 0]
    got = pcn.backprop(pcn.trace(f, x=pcn.Parameter(x)), targets={"out": np.zeros(f(x).shape)})
    assert_close(got.gradients["x"], [f(e) @ f(x) for e in np.eye(4)], 1e-14)


def test_200_random_transforms_and_their_gradients():
    rng = np.random.default_rng(12)
    for _ in range(200):
        name = rng.choice(["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
        shape = tuple(rng.integers(1, 6, rng.integers(1, 4)))
        options = {
            "axis": int(rng.integers(-len(shape), len(shape))),
            "norm": [None, "backward", "ortho", "forward"][rng.integers(4)],
            "n": int(rng.integers(1, 9)),
        }
        weights = 1.0 if name in ("rfft", "ihfft") else rng.normal(size=shape) + 1j * rng.normal(size=shape)

        def f(x, name=name, weights=weights, options=options):
            return halves(getattr(np.fft, name)(x * weights, **options))

        x, direction = rng.normal(size=(2, *shape))
        out = f(x)
        deviation = rng.normal(size=out.shape)
        got = pcn.backprop(pcn.trace(f, x=pcn.Parameter(x), check=False), targets={"out": out + deviation})
        assert_close(got.values["out"][0], out, 1e-14, f"{name} {shape} {options}")
        # A linear map and its transpose: y . f(v) = f^T(y) . v.
        assert_close(np.sum(got.gradients["x"] * direction), -deviation @ f(direction), 1e-12, f"{name} {shape}")


@pytest.mark.parametrize("axes", [None, 0, (0, 1)])
def test_shifts_are_those_of_numpy(axes):
    def f(x):
        return np.fft.fftshift(x, axes) * np.real(np.fft.ifftshift(x * W, axes=axes))

    assert_close(pcn.backprop(pcn.trace(f, x=pcn.Parameter(X))).values["out"][0], f(X), 1e-14)


@pytest.mark.parametrize("n", [131, 256, 390, 1000])
def test_long_transforms_take_fewer_connections_and_have_the_same_gradients(n):
    rng = np.random.default_rng(n)
    x, target = rng.normal(size=n), rng.normal(size=n // 2 + 1)

    def f(x, np):
        # Autograd has no derivative of np.fft.rfft for odd lengths.
        spectrum = np.fft.fft(x)[: n // 2 + 1] if np is anp and n % 2 else np.fft.rfft(x)
        return np.abs(spectrum) + np.real(np.fft.fft(x * 1j)[: n // 2 + 1]) / n

    def loss(x):
        return 0.5 * anp.sum((target - f(x, anp)) ** 2)

    graph = pcn.trace(lambda x: f(x, np), x=pcn.Parameter(x))
    got = pcn.backprop(graph, targets={"out": target})
    assert_close(got.values["out"][0], f(x, np), 1e-13)
    assert_close(got.gradients["x"], autograd.grad(loss)(x), 1e-12)
    largest = max(node.size for node in graph.nodes.values())
    assert largest <= n * n if n == 131 else largest <= 128**2


def test_the_matrix_of_a_transform_is_in_a_graph_once():
    def f(x):
        for _ in range(5):
            x = np.fft.irfft(np.fft.rfft(x) * W)
        return x

    graph = pcn.trace(f, x=pcn.Input((4,)))
    sizes = [node.size for node in graph.nodes.values() if node.is_leaf and node.size >= 12]
    assert sorted(sizes) == [12, 12, 16, 16]


# Equations of physics

N = 16
WAVES = 2 * np.pi * np.fft.rfftfreq(N, 1.0 / N)
PLACES = np.arange(N) / N


def heat(u, viscosity, library=np):
    """The heat equation, each wave by its own decay: exact for what the grid has."""
    return library.fft.irfft(library.fft.rfft(u) * library.exp(-viscosity * WAVES**2))


def burgers(u, viscosity, library=np, steps=4, dt=0.005):
    """Burgers' equation, pseudo-spectral: products on the grid, derivatives in the spectrum."""
    for _ in range(steps):
        flux = library.fft.irfft(0.5j * WAVES * library.fft.rfft(u * u))
        diffusion = library.fft.irfft(-(WAVES**2) * library.fft.rfft(u)) * viscosity
        u = u + dt * (diffusion - flux)
    return u


def test_the_heat_equation_decays_as_its_solution():
    u = np.sin(2 * np.pi * PLACES) + 0.5 * np.cos(6 * np.pi * PLACES)
    graph = pcn.trace(heat, u=pcn.Input((N,)), viscosity=pcn.Parameter(0.01))
    decay = np.exp(-0.01 * (2 * np.pi * np.array([1, 3])) ** 2)
    expected = decay[0] * np.sin(2 * np.pi * PLACES) + 0.5 * decay[1] * np.cos(6 * np.pi * PLACES)
    assert_close(pcn.backprop(graph, {"u": u[None]}).values["out"][0], expected, 1e-14)


@pytest.mark.parametrize("equation", [heat, burgers])
def test_spectral_solvers_learn_as_autograd_does(equation):
    u = np.sin(2 * np.pi * PLACES) + 0.2
    target = np.random.default_rng(9).normal(size=N)

    def loss(u, viscosity):
        return 0.5 * anp.sum((target - equation(u, viscosity, anp)) ** 2)

    graph = pcn.trace(lambda u, v: equation(u, v), u=pcn.Parameter(u), v=pcn.Parameter(np.array(0.02)))
    expected = autograd.grad(loss, (0, 1))(u, 0.02)
    got = pcn.backprop(graph, targets={"out": target}).gradients
    assert_close(got["u"], expected[0], 1e-12)
    assert_close(got["v"], expected[1], 1e-12)
    # Predictive coding at its equilibrium, by the kernels.
    circuit = pcn.build_circuit(graph)
    steps = len(circuit.vertices) + 1
    result = pcn.Simulator(circuit, dynamics=pcn.FixedPrediction(), integrator=pcn.Euler(10.0)).run(
        10.0 * steps, targets={"out": target[None]}
    )
    assert_close(result.gradients["v"], expected[1], 1e-11)


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x: np.fft.rfft(x, axis=1).real, ShapeError, r"np\.fft\.rfft over axis 1 of an array of shape \(4,\)"),
        (lambda x: np.fft.fft(x, 0).real, ShapeError, r"np\.fft\.fft of 0 points.*give one at least"),
        (lambda x: np.fft.fft(x, norm="half").real, TraceError, r"np\.fft\.fft with norm='half'"),
        (lambda x: np.fft.fft(x, 8209).real, TraceError, r"8209 points, a prime number,.*16384"),
        (lambda x: np.fft.fft(x, out=np.zeros(4, complex)).real, TraceError, r"np\.fft\.fft with out="),
        (lambda x: np.fft.rfft(x * 1j).real, TraceError, r"np\.fft\.rfft of complex values"),
        (lambda x: np.fft.fftn(x, (4, 4), (0,)).real, ShapeError, r"np\.fft\.fftn over axes \(0,\) with s=\(4, 4\)"),
    ],
)
def test_what_is_no_transform_is_named_with_the_line(function, error, text):
    with pytest.raises(error, match=text) as caught:
        pcn.trace(function, x=pcn.Input((4,)))
    assert "test_fourier.py:" in str(caught.value)


def test_the_phase_of_what_is_real_is_pi_or_nothing():
    x = np.array([-1.0, -2.0, -0.5, -3.0])
    graph = pcn.trace(lambda x: np.angle(np.stack([np.fft.fft(x), np.fft.fft(-x[::-1])])), x=pcn.Parameter(x))
    expected = np.angle(np.stack([np.fft.fft(x), np.fft.fft(-x[::-1])]))
    assert_close(pcn.backprop(graph).values["out"][0], expected, 1e-14)
