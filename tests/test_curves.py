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


def test_what_has_no_logarithm_or_no_order_is_refused():
    level = torch.ones(3)
    for x, message in (([1.0, 4.0, 2.0], "x must rise, got 2 after 4"), ([0.0, 1.0, 2.0], "x must be above 0, got 0")):
        with pytest.raises(ValueError, match=message):
            st.curves.first_crossing(torch.tensor(x), falling=level, rising=level)
    with pytest.raises(ValueError, match="; setting is 3 in x"):
        st.curves.first_crossing(torch.tensor([1.0, 2.0, 3.0]), falling=level[:2], rising=level)
