"""Codes whose place in the hierarchy is known without measuring."""

import pytest
import torch

import supertoy as st
from supertoy.chapters.features.privileged_basis import random_orthogonal
from supertoy.chapters.features.representation import Properties, properties_of

ROTATION = random_orthogonal(4, 1)[0]


def linear(W):
    return lambda x: x @ W.double().T


@pytest.mark.parametrize(
    ("code", "n_features", "highest"),
    [
        (lambda x: x.prod(1, keepdim=True), 2, "none"),
        (lambda x: x[:, :1] + x[:, 1:] - 2 * x.prod(1, keepdim=True), 2, "none"),
        (lambda x: (x @ torch.tensor([[1.0], [-1.0]]).double()).relu(), 2, "none"),  # one feature silences the other
        (lambda x: ((3 * x[:, :1]).floor() + x[:, 1:]) / 3, 2, "decomposable"),
        (lambda x: x.square(), 3, "decomposable"),
        (linear(torch.tensor([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])), 3, "linear"),
        (linear(torch.tensor([[1.0, 0.0, 0.6, 0.8], [0.0, 1.0, 0.8, -0.6]])), 4, "linear"),
        (linear(ROTATION), 4, "not in superposition"),
        (linear(torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.05]))), 4, "basis-aligned"),  # the last is not represented
        (lambda x: 3 * x.flip(1) + 1, 4, "basis-aligned"),
    ],
)
def test_every_code_has_its_place(code, n_features, highest):
    assert properties_of(code, n_features).highest == highest


def test_positive_and_negative_parts_are_decomposable_and_a_fifth_is_not_linear():
    found = properties_of(lambda x: torch.cat([x.relu(), (-x).relu()], 1), 3, st.values.SIGNED, n_rows=100_000)
    assert found.highest == "decomposable"
    assert found.not_additive == pytest.approx(0, abs=1e-20)
    # Of ReLU(x) with x uniform on [-1, 1]: variance 1/6 - 1/16, of which the best line explains 1/12.
    assert found.not_linear == pytest.approx(1 - (1 / 12) / (1 / 6 - 1 / 16), abs=0.005)


def test_interactions_of_two_features_count_in_full():
    # Of x y, uniform on [0, 1]: variance 1/9 - 1/16, of which (x - 1/2) (y - 1/2) has 1/144.
    found = properties_of(lambda x: x.prod(1, keepdim=True), 2, n_rows=200_000)
    assert found.not_additive == pytest.approx((1 / 144) / (1 / 9 - 1 / 16), abs=0.003)


def test_among_many_features_interactions_of_two_count_for_half_and_of_all_for_nearly_all():
    def centred(x):
        return x - 0.5

    pair = properties_of(lambda x: centred(x[:, :2]).prod(1, keepdim=True), 10, n_rows=100_000)
    every = properties_of(lambda x: centred(x).prod(1, keepdim=True) * 1e6, 10, n_rows=200_000)
    assert pair.not_additive == pytest.approx(0.5, abs=0.02)
    assert every.not_additive == pytest.approx(1, abs=0.1)


def test_independence_is_the_ratio_of_singular_values_and_alignment_that_of_the_worst_feature():
    W = torch.tensor([[1.0, 0.6], [0.0, 0.8]])
    found = properties_of(linear(W), 2)
    singular = torch.linalg.svdvals(W)
    assert found.independence == pytest.approx((singular[1] / singular[0]).item(), rel=1e-6)
    assert found.alignment == pytest.approx(0.64)


def test_a_property_needs_all_those_before_it():
    assert Properties(0.5, 0.0, 1.0, 1.0).holds == (False, False, False, False)
    assert Properties(0.0, 0.5, 1.0, 1.0).holds == (True, False, False, False)
    assert Properties(0.0, 0.0, 0.01, 1.0).highest == "linear"
    assert Properties(0.0, 0.0, 1.0, 0.5).highest == "not in superposition"


@pytest.mark.parametrize(
    ("code", "n_features", "message"),
    [
        (lambda x: x[:, 0], 2, r"representation must return h \[4096 rows, hidden\], got shape \[4096\]"),
        (lambda x: x / 0, 2, "h must be finite"),
        (lambda x: 0 * x, 2, "representation must depend on x"),
        (lambda x: x, 0, "n_features must be at least 1"),
    ],
)
def test_what_is_no_representation_is_refused(code, n_features, message):
    with pytest.raises(ValueError, match=message):
        properties_of(code, n_features)
