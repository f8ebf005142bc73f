"""Turning the hidden space: what stays, and what breaks."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.features import privileged_basis as r


def trained(kind):
    model = kind(1, 6, 3, seed=1, dtype=torch.float64).requires_grad_(False)
    model.W *= 3
    return model


def test_rotations_are_orthogonal_and_as_often_reflections():
    O = r.random_orthogonal(4, 400)
    assert_close(O.mT @ O, torch.eye(4, dtype=torch.float64).expand(400, 4, 4))
    assert 150 < (torch.linalg.det(O) > 0).sum() < 250
    # Every entry of a uniformly random one has mean 0 and variance 1 / d.
    assert O.mean(0).abs().max() < 5 * (0.25 / 400) ** 0.5
    assert_close(O.var(0), torch.full((4, 4), 0.25).double(), atol=0.08, rtol=0)


def test_permutations_have_a_one_in_every_row_and_column():
    P = r.random_permutations(5, 30)
    assert set(P.unique().tolist()) == {0.0, 1.0}
    assert (P.sum(1) == 1).all()
    assert (P.sum(2) == 1).all()
    assert len({tuple(each.argmax(0).tolist()) for each in P}) > 20


def test_draws_depend_on_the_seed_alone():
    assert torch.equal(r.random_orthogonal(3, 2, seed=4), r.random_orthogonal(3, 5, seed=4)[:2])
    assert not torch.equal(r.random_orthogonal(3, 1, seed=4), r.random_orthogonal(3, 1, seed=5))


def test_a_turned_linear_layer_gives_the_same_outputs_and_a_relu_layer_others():
    x = torch.rand(1, 50, 6, dtype=torch.float64)
    O, P = r.random_orthogonal(3, 5), r.random_permutations(3, 5)
    linear, relu = trained(st.ReLUOutputModel), trained(st.ReLUHiddenModel)
    assert r.relative_change(linear(x), r.rotated(linear, O)(x)).max() < 1e-12
    assert r.relative_change(linear.pre_activations(x), r.rotated(linear, O).pre_activations(x)).min() > 0.1
    assert r.relative_change(relu(x), r.rotated(relu, O)(x)).min() > 0.01
    assert r.relative_change(relu(x), r.rotated(relu, P)(x)).max() < 1e-12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: r.random_orthogonal(0, 1), "n_dimensions must be at least 1"),
        (lambda: r.random_permutations(3, 0), "n_permutations must be at least 1"),
        (lambda: r.rotated(st.ReLUOutputModel(2, 6, 3), torch.eye(3)[None]), "model must be of one instance"),
        (lambda: r.rotated(st.AbsoluteValueModel(1, 6, 3), torch.eye(3)[None]), "tied weights"),
        (lambda: r.rotated(st.ReLUOutputModel(1, 6, 3), torch.eye(2)[None]), r"O must be \[rotation, 3, 3\]"),
    ],
)
def test_what_cannot_be_turned_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
