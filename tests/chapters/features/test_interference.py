"""What one active feature does to the others, where it can be computed by hand."""

import pytest
import torch
from torch.testing import assert_close

from supertoy.chapters.features import interference
from supertoy.measures import superposition

DIGON = torch.tensor([[[1.0, -1.0]]], dtype=torch.float64)
PENTAGON = torch.stack([f(2 * torch.pi / 5 * torch.arange(5, dtype=torch.float64)) for f in (torch.cos, torch.sin)])[None]


def test_unit_directions_interfere_as_much_as_they_are_in_superposition():
    assert_close(interference.read_linearly(PENTAGON), superposition(PENTAGON))
    assert_close(interference.read_linearly(PENTAGON), torch.full((1, 5), 1.5).double())  # 5/2 without the feature's own


def test_a_relu_hides_all_of_a_digon_and_the_negative_part_of_a_pentagon():
    zero = torch.zeros(1, 5, dtype=torch.float64)
    assert_close(interference.through_relu(DIGON, zero[:, :2]), torch.zeros(1, 2).double())
    both_neighbours = 2 * torch.cos(torch.tensor(2 * torch.pi / 5, dtype=torch.float64)) ** 2
    assert_close(interference.through_relu(PENTAGON, zero), both_neighbours.expand(1, 5))


def test_a_bias_of_minus_the_interference_removes_it_and_a_smaller_one_leaves_its_cube():
    W = torch.tensor([[[1.0, 0.6], [0.0, 0.8]]], dtype=torch.float64)
    for threshold in (0.6, 0.3):
        b = torch.full((1, 2), -threshold, dtype=torch.float64)
        # ∫ (0.6 x - t)² dx from t / 0.6 to 1, over ∫ x² dx.
        left = (0.6 - threshold) ** 3 / (3 * 0.6) / (1 / 3)
        assert_close(interference.through_relu(W, b, n_nodes=2000), torch.full((1, 2), left).double(), atol=1e-5, rtol=0)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"b must be .* of shape \[1, 2\]; feature is 5 in W"):
        interference.through_relu(PENTAGON, torch.zeros(1, 2).double())
    with pytest.raises(ValueError, match="n_nodes must be at least 1"):
        interference.through_relu(PENTAGON, torch.zeros(1, 5).double(), n_nodes=0)
    with pytest.raises(ValueError, match="b must be finite"):
        interference.through_relu(PENTAGON, torch.full((1, 5), torch.nan).double())
