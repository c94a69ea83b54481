"""Pairs of products made a range at a time are those made all at once, and those that the product is a sum over."""

import math

import numpy as np
import pytest
from scipy import sparse

import pcneuro as pcn
from pcneuro.ops.contract import Contract, EinsumPairs
from pcneuro.ops.pairs import AbstractPairs, ListedPairs, SwappedPairs
from pcneuro.ops.sparse import SparsePairs, SparseProduct


def einsum(subscripts, left, right):
    operator = Contract(subscripts)
    return EinsumPairs(operator._terms(), operator._sizes((left, right)))


class Collected(Exception):
    """Carries the pairs that an operator hands to ``products``."""


def window_pairs(x, kernel, **settings):
    class Make:
        def products(self, size, a, b, pairs):
            raise Collected(pairs)

    graph = pcn.trace(lambda x, w: pcn.ops.conv2d(x, w, **settings), x=pcn.Input(x), w=pcn.Parameter(np.zeros(kernel)))
    (node,) = (n for n in graph.nodes.values() if not n.is_leaf)
    with pytest.raises(Collected) as caught:
        node.operator.units(Make(), node.shape, [x, kernel], [None, None])
    return caught.value.args[0], node.operator


@pytest.mark.parametrize(
    ("subscripts", "left", "right"),
    [
        ("j,jk->k", (5,), (5, 3)),
        ("ij,jk->ik", (2, 5), (5, 3)),
        ("ijk,ikl->ijl", (2, 3, 4), (2, 4, 2)),
        ("a,b->ba", (2,), (3,)),
        ("a,a->", (4,), (4,)),
        (",->", (), ()),
    ],
)
def test_pairs_of_an_einsum(subscripts, left, right):
    pairs = einsum(subscripts, left, right)
    check(pairs, lambda a, b: np.einsum(subscripts, a, b), left, right)


@pytest.mark.parametrize(
    ("kernel", "settings"),
    [
        ((4, 4, 3, 2), {}),
        ((4, 2, 3, 2), {"groups": 2, "stride": 2, "padding": 1}),
        ((3, 4, 2, 2), {"padding": 2, "dilation": 2}),
        ((3, 4, 2, 2), {"stride": (2, 1), "padding": (0, 1)}),
    ],
)
def test_pairs_of_a_convolution(kernel, settings):
    pairs, operator = window_pairs((4, 7, 6), kernel, **settings)
    check(pairs, lambda a, b: operator.forward(a[None], b[None])[0], (4, 7, 6), kernel)


@pytest.mark.parametrize("transposed", [False, True])
def test_pairs_of_a_sparse_product(transposed):
    matrix = sparse.random(9, 7, 0.3, random_state=1, format="csr")
    product = SparseProduct(matrix.indptr, matrix.indices, 7, transposed)
    shape = (3, 7 if transposed else 9)
    pairs = SparsePairs(product, 3)
    check(pairs, lambda a, b: product.forward(a[None], b[None])[0], shape, (matrix.nnz,))


def check(pairs: AbstractPairs, function, left, right):
    generator = np.random.default_rng(3)
    a, b = generator.normal(size=left), generator.normal(size=right)
    expected = np.ravel(function(a, b))
    i, j, out = pairs.all()
    assert len(i) == len(j) == len(out) == pairs.count
    got = np.bincount(out, weights=a.ravel()[i] * b.ravel()[j], minlength=expected.size)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
    for step in (1, 7, pairs.count):
        if math.ceil(pairs.count / step) > 200:
            continue
        parts = [pairs.part(first, min(first + step, pairs.count)) for first in range(0, pairs.count, step)]
        for whole, pieces in zip((i, j, out), zip(*parts, strict=True), strict=True):
            np.testing.assert_array_equal(np.concatenate(pieces), whole)
            assert pieces[0].dtype == whole.dtype == np.int64
    other = SwappedPairs(pairs).all()
    np.testing.assert_array_equal(other[0], j)
    listed = ListedPairs(i, j, out)
    for mine, theirs in zip(listed.part(1, 3), pairs.part(1, min(3, pairs.count)), strict=True):
        np.testing.assert_array_equal(mine, theirs)
