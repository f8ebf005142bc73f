"""Canonical orientation: equal solutions look equal, and remain the same solution."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as hs
from torch.testing import assert_close

import supertoy as st
from supertoy.rotations import aligned


def turned(W, angle, mirrored):
    c, s = torch.tensor(angle, dtype=torch.float64).cos(), torch.tensor(angle, dtype=torch.float64).sin()
    O = torch.stack([torch.stack([c, -s]), torch.stack([s, c])])
    return (O @ torch.diag(torch.tensor([1.0, -1.0 if mirrored else 1.0], dtype=torch.float64))) @ W


@settings(max_examples=40, deadline=None, derandomize=True)
@given(angle=hs.floats(0, 6.28), mirrored=hs.booleans(), k=hs.integers(2, 6))
def test_turned_and_mirrored_copies_become_one(angle, mirrored, k):
    around = 2 * torch.pi * torch.arange(k, dtype=torch.float64) / k
    W = 1.1 * torch.stack([around.cos(), around.sin()])[None]
    oriented = st.canonical_orientation(turned(W, angle, mirrored))
    assert_close(oriented, st.canonical_orientation(W), rtol=0, atol=1e-9)
    assert_close(oriented.mT @ oriented, W.mT @ W, rtol=0, atol=1e-9)


def test_the_first_represented_feature_points_right_and_the_next_up():
    W = torch.tensor([[[0.01, 0.0, 0.0, 1.0], [0.0, -1.0, 1.0, 0.0]]])
    oriented = st.canonical_orientation(W)[0]
    assert_close(oriented[:, 1], torch.tensor([1.0, 0.0]), atol=1e-6, rtol=0)
    assert_close(oriented[:, 2], torch.tensor([-1.0, 0.0]), atol=1e-6, rtol=0)
    assert_close(oriented[:, 3], torch.tensor([0.0, 1.0]), atol=1e-6, rtol=0)


def test_other_dimensions_are_refused():
    with pytest.raises((ValueError, TypeError), match="2"):
        st.canonical_orientation(torch.ones(1, 3, 4))


def test_a_sequence_that_only_turns_and_mirrors_stands_still():
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(3, 7, generator=generator, dtype=torch.float64)
    turns = [torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q for _ in range(5)]
    sequence = torch.stack([W, *(turn @ W for turn in turns)])
    assert_close(aligned(sequence), W.expand(6, 3, 7), rtol=0, atol=1e-9)


def test_alignment_leaves_the_solution_and_comes_nearer_to_the_one_before():
    generator = torch.Generator().manual_seed(1)
    W = torch.randn(4, 2, 5, generator=generator, dtype=torch.float64)
    turned_W = aligned(W)
    assert_close(turned_W.mT @ turned_W, W.mT @ W, rtol=0, atol=1e-9)
    for before, here, as_it_was in zip(turned_W, turned_W[1:], W[1:], strict=False):
        nearest = (before - here).norm()
        assert nearest <= (before - as_it_was).norm()
        for k in range(36):
            assert nearest <= (before - turned(here[None], torch.pi * k / 18, k % 2)[0]).norm() + 1e-9
