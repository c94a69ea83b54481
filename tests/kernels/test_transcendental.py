"""The functions of vectors: how exact they are, that no lane depends on another, and that they call nothing."""

from __future__ import annotations

import platform
import re

import numba
import numpy as np
import pytest

from pcneuro.kernels import dispatch, elementwise, lists
from pcneuro.kernels.arguments import Memory, Operators
from pcneuro.kernels.primitives import PRIMITIVES
from pcneuro.kernels.transcendental.trigonometric import farthest
from pcneuro.kernels.vectors import Format
from tests.helpers import run_kernel
from tests.kernels import accuracy

UNARY = sorted(name for name, f in PRIMITIVES.items() if f.arity == 1 and f.vector is not None)
LIBM = sorted(name for name, f in PRIMITIVES.items() if f.farthest is not None)
COMPILED = [name for name, f in PRIMITIVES.items() if not f.cheap and f.vector is not None]
COMPILED += ["sqrt", "sign", "absolute", "maximum", "add", "relax", "normalise"]
COMPILED += ["softmax", "log_softmax", "softmax_cross_entropy_error", "bernoulli_error"]
DTYPES = [pytest.param(d, id=np.dtype(d).name) for d in (np.float32, np.float64)]
with_digits = pytest.mark.skipif(not accuracy.WIDE, reason="long double is no wider than double")
PRECISE = [DTYPES[0], pytest.param(np.float64, id="float64", marks=with_digits)]


def check(name, limit, *operands, scale=None):
    got, expected = accuracy.applied(name, *operands), accuracy.exact(name, *operands)
    distance = accuracy.ulps(got, expected, scale)
    worst = int(np.argmax(distance))
    where = f"{name}({', '.join(str(x[worst]) for x in operands)}) is {got[worst]}, should be {expected[worst]}"
    assert distance[worst] <= limit, f"{where}: {distance[worst]:.2f} units in the last place"
    with np.errstate(all="ignore"):
        return got, expected.astype(got.dtype)


@pytest.mark.parametrize("dtype", PRECISE)
@pytest.mark.parametrize("name", UNARY)
def test_unary_functions_are_within_two_units_in_the_last_place(name, dtype):
    count = 3000 if name == "erf" and dtype is np.float64 else 200_000
    got, expected = check(name, 1.6, accuracy.points(dtype, count))
    zero = (got == 0) & (expected == 0)
    if name not in ("relu", "positive", "sign"):  # their zeros are of no sign, or of another than in these twins
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("dtype", PRECISE)
@pytest.mark.parametrize("name", LIBM)
def test_angles_are_reduced_up_to_the_documented_bound_and_beyond(name, dtype):
    rng = np.random.default_rng(4)
    turns = np.arange(1, 60_000) * (np.pi / 2) * (1 if dtype is np.float32 else 10_000)
    check(name, 1.6, turns.astype(dtype))
    check(name, 1.6, (10 ** rng.uniform(3, 12, 100_000)).astype(dtype))


@pytest.mark.parametrize("dtype", PRECISE)
@pytest.mark.parametrize("name", ["hypot", "power", "logaddexp"])
def test_binary_functions_are_within_two_units_in_the_last_place(name, dtype):
    rng = np.random.default_rng(5)
    x, y = (rng.permutation(accuracy.points(dtype, 200_000, seed)) for seed in (6, 7))
    if name == "power":
        # Results over the whole range, from bases over the whole range and from those close to 1.
        largest, n = np.log(float(np.finfo(dtype).max)), 100_000
        logarithm = rng.uniform(-largest, largest, n) * rng.choice([1, 1e-2, 1e-5], n)
        base = np.exp(logarithm).astype(dtype)
        with np.errstate(all="ignore"):
            exponent = (rng.uniform(-1.2, 1.01, n) * largest / np.log(base.astype(np.float64))).astype(dtype)
        x, y = np.concatenate([x, base]), np.concatenate([y, exponent])
    # What cancels in a sum cannot be more exact than its terms.
    scale = np.fmax(np.fmin(abs(x), abs(y)), dtype(np.log(2))) if name == "logaddexp" else None
    check(name, 2, x, y, scale=scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("base", [-np.inf, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, np.inf, np.nan])
def test_powers_of_special_numbers(base, dtype):
    exponents = [-np.inf, -3, -2.5, -2, -1, -0.5, -0.0, 0, 0.5, 1, 2, 2.5, 3, 1e30, 2.0**23 + 1, np.inf, np.nan]
    x, y = np.full(len(exponents), base, dtype), np.array(exponents, dtype)
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    got = accuracy.applied("power", x, y)
    np.testing.assert_allclose(got, expected, rtol=1.01 * np.finfo(dtype).eps)
    whole = expected == np.rint(expected)
    np.testing.assert_array_equal(got[whole], expected[whole])
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(expected[numbers]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_results_do_not_depend_on_the_place(name, dtype):
    """Bit for bit the same for full vectors, for what is left at the end, next to others, and through a table."""
    operands = [accuracy.points(dtype, 300, k)[-600:] for k in range(PRIMITIVES[name].arity)]
    n = operands[0].size
    bits = np.uint32 if dtype is np.float32 else np.uint64

    def same(got, expected):
        # Of all the NaNs, it need not be the same one.
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
        numbers = ~np.isnan(expected)
        np.testing.assert_array_equal(got.view(bits)[numbers], expected.view(bits)[numbers])

    expected = accuracy.applied(name, *operands)
    for lanes in (3, 8, 40):
        same(accuracy.applied(name, *operands, lanes=lanes), expected)
    for first in range(1, 18):
        same(accuracy.applied(name, *(x[first:] for x in operands)), expected[first:])
    single = [accuracy.applied(name, *(x[i : i + 1] for x in operands))[0] for i in range(0, n, 7)]
    same(np.array(single, dtype), expected[::7])
    if PRIMITIVES[name].arity == 2:
        order, buf = np.random.default_rng(0).permutation(n), np.concatenate([*operands, np.zeros(n, dtype)])
        arguments = [2 * n, 0, 8, 0, n, 8, 0, n]
        assert run_kernel(name, arguments, [order], buf, np.zeros(1, dtype), 1, 1) == 1
        same(buf[-n:], expected[order])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LIBM)
def test_far_angles_do_not_change_their_neighbours(name, dtype):
    x = np.random.default_rng(8).normal(size=64).astype(dtype)
    far = x.copy()
    far[5::16] = 2 * farthest(Format(None, np.dtype(dtype), 1, True))
    kept = np.arange(64) % 16 != 5
    np.testing.assert_array_equal(accuracy.applied(name, far)[kept], accuracy.applied(name, x)[kept])


def assembly(name, dtype):
    kernel = numba.cfunc(dispatch.signature(np.dtype(dtype)), error_model="numpy")(dispatch.KERNELS[name])
    return kernel._library.get_asm_str()


@pytest.mark.halved
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", COMPILED)
def test_kernels_are_vector_code_without_calls(name, dtype):
    text = assembly(name, dtype)
    # Called are the kernel itself by its C wrapper, and libm for angles that are far out.
    called = {c for c in re.findall(r"callq?\s+\*?(\S+)", text) if "kernel" not in c and not c.startswith("_ZN")}
    addresses = set(re.findall(r"movabsq\s+\$(\w+)", text))
    libm = re.compile(r"^(exp|log|tanh|sin|cos|tan|erf|pow|sqrt)\w*$")
    suffix = "f" if dtype is np.float32 else ""
    allowed = {name + suffix} if name in LIBM else set()
    assert {c for c in called | addresses if libm.match(c)} <= allowed
    letter = "s" if dtype is np.float32 else "d"
    # The and of float64 may be written as that of float32: bits are bits.
    packed = rf"v?(add|sub|mul|sqrt|and|cmp\w*|fn?madd\d+)p{letter}|vp(and|ternlog)[dq]|vandp[sd]"
    assert re.search(rf"({packed})\s.*[xyz]mm\d", text)


@pytest.mark.halved
@pytest.mark.parametrize("dtype", PRECISE)
@pytest.mark.parametrize("name", ["exp2", "log10", "sinh", "sigmoid", "tan", "arcsin", "cbrt"])
def test_without_fused_multiplication_they_are_as_exact(name, dtype, monkeypatch):
    monkeypatch.setattr(elementwise, "fuses", lambda: False)
    kernel = numba.cfunc(dispatch.signature(np.dtype(dtype)), error_model="numpy")(dispatch.KERNELS[name])
    assert "fmadd" not in kernel._library.get_asm_str()
    x = accuracy.points(dtype, 100_000)
    buf = np.concatenate([x, np.zeros_like(x)])
    ints, context = np.array([x.size, 0, dispatch.IDENTITY, 0, x.size]), np.array([1, 1, 0, 1])
    table = np.array([kernel.address])
    memory = Memory(buf, np.zeros(1, dtype), context)
    assert lists.run_list(Operators(table, ints), memory, np.zeros((1, 2), np.int64)) == (1, -1)
    assert accuracy.ulps(buf[x.size :], accuracy.exact(name, x)).max() <= 1.7
