"""Where curves cross, also where one of them was not found everywhere."""

import math

import pytest
import torch

import supertoy as st

X = torch.tensor([0.1, 1.0], dtype=torch.float64)
FALLING, LEVEL = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 1.0])


def test_a_crossing_is_interpolated_on_a_log_axis_and_absent_where_there_is_none():
    assert st.curves.first_crossing(X, falling=FALLING, rising=LEVEL) == pytest.approx(0.1**0.5)
    assert st.curves.first_crossing(X, falling=LEVEL, rising=FALLING) is None
    assert st.curves.first_crossing(X, falling=LEVEL, rising=LEVEL) is None


def test_settings_at_which_one_curve_is_missing_are_stepped_over():
    missing = torch.tensor([1.0, math.inf])
    assert st.curves.first_crossing(X, falling=FALLING, rising=missing) is None
    x, falling = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64), torch.tensor([2.0, 1.5, 0])
    assert st.curves.first_crossing(x, falling=falling, rising=torch.tensor([1.0, math.inf, 1])) == pytest.approx(0.1**0.5)


def test_of_several_crossings_it_is_the_first():
    x = torch.tensor([1.0, 2, 4, 8, 16])
    back_and_forth = torch.tensor([1.0, -1, 1, -1, -1])
    assert st.curves.first_crossing(x, falling=back_and_forth, rising=torch.zeros(5)) == pytest.approx(2**0.5)


def test_a_loss_rests_where_it_is_flat_on_log_axes():
    steps = torch.logspace(0, 3, 61, dtype=torch.float64).round().unique().long()
    loss = torch.where(steps < 30, 1.0, torch.where(steps < 300, 0.1, 0.01)).double()
    runs = [(int(steps[a]), int(steps[b])) for a, b in st.curves.plateaus(steps, loss)]
    assert len(runs) == 3
    assert [start for start, _ in runs[1:]] == [int(steps[steps >= 30][0]), int(steps[steps >= 300][0])]
    assert st.curves.plateaus(steps, 1 / steps.double()) == []
    assert st.curves.plateaus(steps, steps.double() ** -0.1) == [(0, len(steps) - 1)]


def test_short_rests_do_not_count():
    steps, loss = torch.tensor([100, 110, 120, 130]), torch.tensor([1.0, 1.0, 0.5, 0.2])
    assert st.curves.plateaus(steps, loss) == []
    assert st.curves.plateaus(torch.tensor([100, 120, 130]), loss[1:].new_tensor([1.0, 1.0, 0.5])) == [(0, 1)]
