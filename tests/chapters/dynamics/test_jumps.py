"""Jumps of dimensionality, and how much of the loss falls near them."""

import pytest
import torch
from torch.testing import assert_close

from supertoy.chapters.dynamics import jumps
from tests.chapters.dynamics.claim_cases import CREEPING, ELSEWHERE, JUMPING, STEPS, WITH_THEM


def test_only_the_last_rise_counts():
    values = torch.tensor([[0.0, 0, 1], [1, 0, 1], [0, 0, 1], [1, 0, 1]])
    rises = jumps.last_rises(torch.tensor([0, 10, 20, 30]), values, level=0.5)
    assert rises[0] == 25
    assert rises[1:].isnan().all()


def test_features_jump_when_they_are_half_way_to_a_digon():
    at = torch.tensor([1500.0, 1510, 1520, 1530, 3000, 3010, 3020, 3030]).double()
    assert_close(jumps.jumps(STEPS, JUMPING), at, rtol=0, atol=5)
    assert len(jumps.jumps(STEPS, JUMPING.flip(0))) == 0
    early = torch.where(STEPS >= 200, 0.5, 0.0)[:, None].double()
    assert len(jumps.jumps(STEPS, early)) == 0  # the first tenth is left out


def test_decrease_in_overlapping_windows_counts_once():
    steps, loss = torch.tensor([0, 10, 20]), torch.tensor([3.0, 1.0, 0.0])
    assert jumps.decrease_near(steps, loss, torch.tensor([4.0, 6.0]), half_width=2) == pytest.approx(2 / 3)
    assert jumps.decrease_near(steps, loss, torch.tensor([]), half_width=2) == 0


def test_a_window_that_leaves_comes_in_again():
    steps, loss = torch.tensor([0, 10, 20, 30]), torch.tensor([4.0, 1.0, 1.0, 0.0])
    shares = [jumps.decrease_near(steps, loss, torch.tensor([25.0]), half_width=4, shift=s) for s in (0, 10, 20, 30)]
    assert shares == [0.25, 0.75, 0, 0.25]


def test_where_the_loss_falls_evenly_shifted_windows_hold_as_much():
    share, shifted = jumps.decrease_at_jumps(STEPS, JUMPING, 1 - STEPS.double() / 5000)
    assert_close(shifted, torch.full_like(shifted, share), rtol=0, atol=0.05)  # within a snapshot at either end


def test_a_loss_that_falls_with_the_jumps_falls_near_them():
    share, shifted = jumps.decrease_at_jumps(STEPS, JUMPING, WITH_THEM)
    assert share > 0.9
    assert shifted.mean() < 0.5
    assert jumps.decrease_at_jumps(STEPS, JUMPING, ELSEWHERE)[0] < 0.05
    assert len(jumps.jumps(STEPS, CREEPING)) == 8
