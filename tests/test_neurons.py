import pytest
import torch
from torch.testing import assert_close

from supertoy import neurons


def layers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_kind_of_a_neuron_does_not_depend_on_its_scale():
    W1 = layers(3, 4, 5)
    scale = torch.tensor([0.6, 1.0, 1.5, 2.0])[:, None]
    assert torch.equal(neurons.monosemantic(scale.sqrt() * W1), neurons.monosemantic(W1))  # as long as all are in use
    assert torch.equal(neurons.main_feature(scale * W1), neurons.main_feature(W1))


def test_a_basis_is_aligned_and_a_rotated_one_is_not():
    basis = torch.eye(4)[None].repeat(1, 1, 2)
    assert_close(neurons.alignment(basis), torch.ones(1, 8))
    hadamard = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
    assert_close(neurons.alignment(hadamard @ basis), torch.full((1, 8), 0.25))
    assert_close(neurons.alignment(torch.zeros(1, 2, 3)), torch.zeros(1, 3))


@pytest.mark.parametrize("function", [neurons.in_use, neurons.monosemantic, neurons.main_feature, neurons.alignment])
def test_weights_that_are_no_numbers_are_refused(function):
    with pytest.raises(ValueError, match="W"):
        function(torch.full((1, 2, 2), torch.nan))
