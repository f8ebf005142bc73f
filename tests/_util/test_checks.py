"""Checks of values say what was wanted and what came."""

import pytest
import torch

from supertoy._util import checks


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 1], "x must rise, got 1 after 1"),
        (torch.tensor([1.0, 3.0, 2.0]), "x must rise, got 2 after 3"),
        ([0.0, 1.0], "x must be above 0, got 0"),
        (torch.tensor([torch.nan]), "x must be above 0, got nan"),
    ],
)
def test_a_grid_rises(values, message):
    with pytest.raises(ValueError, match=message):
        checks.require_rising(x=values, above=0)
    checks.require_rising(x=[0.5, 1], above=0)
    checks.require_rising(x=torch.tensor([-1, 0]))


def test_shares_lie_between_nothing_and_all():
    checks.require_shares(p=torch.tensor([1e-9, 1.0]))
    for bad in (0, -0.1, 1.1, float("nan"), torch.tensor([1.0, 0.0])):
        with pytest.raises(ValueError, match=r"p must lie in \(0, 1\]; got"):
            checks.require_shares(p=bad)


def test_names_have_meanings():
    for name, bad, least in (("seed", -1, 0), ("n_rows", 0, 1)):
        with pytest.raises(ValueError, match=f"{name} must be at least {least}, got {bad}"):
            checks.meaning(name, counts=True)(**{name: bad})
    with pytest.raises(ValueError, match="weight must add up to 1"):
        checks.meaning("weight", counts=False)(weight=torch.ones(2))
    with pytest.raises(ValueError, match="steps must rise"):
        checks.meaning("steps", counts=False)(steps=[2, 1])
    assert checks.meaning("W", counts=False) is None
    assert checks.meaning("n_features", counts=False) is None  # a tensor, in some claims
