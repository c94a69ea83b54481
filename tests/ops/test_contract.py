"""Contractions: the forms that every product of arrays is brought into."""

from __future__ import annotations

import pytest

from pcneuro.errors import ShapeError
from pcneuro.ops.contract import Contract
from tests.helpers import all_variants, case, check_case, check_engines, every_case, every_variant, variant


def form(subscripts, *shapes, **settings):
    """The case of an einsum that is one contraction."""
    return case(subscripts, lambda np, a, b: np.einsum(subscripts, a, b), *shapes, **settings)


PROJECTION = form("k,kn->n", (4,), (4, 3))
FORMS = [
    form("nk,k->n", (3, 4), (4,)),
    form("mk,kn->mn", (2, 4), (4, 3)),
    form("mk,kn->nm", (2, 4), (4, 3)),
    form("pmk,pkn->pmn", (2, 3, 4), (2, 4, 2)),
    form("pmk,kn->pmn", (2, 3, 4), (4, 2)),
    form("pmk,k->pm", (2, 3, 4), (4,)),
    form("ikj,klj->li", (2, 3, 4), (3, 2, 4)),
    form("m,n->mn", (2,), (3,)),
    form("p,p->p", (3,), (3,)),
    form("k,k->", (4,), (4,)),
    form(",->", (), ()),
    case("one of each", lambda np, a, b: a @ b, (1, 1), (1, 1)),
    case("of itself", lambda np, a: a @ a, (3, 3)),
    case("twice", lambda np, a, b: np.tanh(a @ b) @ b, (3,), (3, 3)),
]
LAYERS = [
    # Wide enough that whole tiles of the micro-kernel, and their tails, are at work in both directions.
    case("layer", lambda np, a, b: np.tanh(a @ b), (19,), (19, 21), low=-0.5, high=0.5, analytic=False),
    case("layer of columns", lambda np, a, b: np.tanh(b @ a), (19,), (21, 19), low=-0.5, high=0.5, analytic=False),
]


@every_case([PROJECTION, *FORMS])
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(FORMS)
def test_kernel_is_the_reference(v):
    check_engines(v)


@every_variant([PROJECTION], all_variants)
def test_kernel_is_the_reference_for_all_kinds_of_operands(v):
    check_engines(v)


@pytest.mark.parametrize("v", [variant(LAYERS[0], "active", "shared"), variant(LAYERS[1], "active", "shared")], ids=str)
def test_whole_tiles_are_the_reference(v):
    check_engines(v)


@pytest.mark.parametrize("subscripts", ["i,j->k", "ii,i->i", "ij,j->", "Ij,jk->Ik", "i,i", "", "i->i", "i,i,i->i"])
def test_only_einsums_of_the_reduced_form_are_contractions(subscripts):
    with pytest.raises(ShapeError, match="not in the form"):
        Contract(subscripts)


def test_number_of_synapses():
    assert Contract("k,kn->n").connections(0, (4,), (4, 3), (3,)) == 12
    assert Contract("pmk,pkn->pmn").connections(1, (2, 3, 4), (2, 4, 5), (2, 3, 5)) == 120
