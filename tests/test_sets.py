"""How sets of features are stored, read off weights."""

import pytest
import torch
from torch.testing import assert_close

from supertoy import sets
from tests.chapters.correlation.claim_cases import CROSS, DIGONS, HEXAGON, ONE, PENTAGON, TWO


def test_angles_between_partners_are_those_of_the_drawing():
    W = torch.stack([CROSS, DIGONS])
    assert_close(sets.partner_angles(W), torch.tensor([[90.0, 90], [180, 180]]), rtol=0, atol=0.05)


def test_a_pair_with_a_missing_feature_has_no_angle():
    assert sets.partner_angles(PENTAGON[None]).isnan().tolist() == [[False, False, True]]


def test_arrangements_have_names():
    names = {"2 orthogonal": CROSS, "2 antipodal": DIGONS, "3 side by side": HEXAGON, "1 collapsed, 2 side by side": ONE}
    assert all(sets.arrangement(W) == name for name, W in names.items())
    assert sets.arrangement(PENTAGON).endswith("1 missing")


def test_a_collapsed_set_has_one_direction():
    assert sets.n_directions(torch.stack([HEXAGON, ONE, TWO]), 2).tolist() == [[2, 2, 2], [1, 2, 2], [1, 1, 2]]
    assert sets.n_directions(torch.zeros(1, 2, 6), 3).tolist() == [[0, 0]]


def test_features_that_are_alike_in_a_chain_are_one_direction():
    angle = torch.deg2rad(torch.tensor([0.0, 20, 40, 120]))
    W = torch.stack([angle.cos(), angle.sin()])[None]
    assert sets.n_directions(W, 4).tolist() == [[2]]


def test_directions_do_not_depend_on_the_order_of_a_set():
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(50, 2, 6, generator=generator)
    counts = sets.n_directions(W, 6)
    assert len(counts.unique()) > 2
    assert torch.equal(counts, sets.n_directions(W[:, :, torch.randperm(6, generator=generator)], 6))


def test_sets_have_to_fit():
    with pytest.raises(ValueError, match="set_size must divide the number of features of W, 4, got 3"):
        sets.n_directions(CROSS[None], 3)
