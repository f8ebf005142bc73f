"""Sets of features that are stored as one."""

import torch

from supertoy import sets
from supertoy.chapters.correlation import collapse
from tests.chapters.correlation.claim_cases import ONE, PENTAGON


def test_a_pair_of_which_one_is_missing_has_not_collapsed():
    W = torch.stack([ONE, PENTAGON])
    assert collapse.collapsed(W, 2).tolist() == [[True, False, False], [False] * 3]
    assert sets.n_directions(W, 2).tolist() == [[1, 2, 2], [2, 2, 1]]
