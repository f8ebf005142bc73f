import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy import neurons


def layers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_kind_of_a_neuron_does_not_depend_on_its_scale():
    W1, W2 = layers(3, 4, 5), layers(3, 5, 4, seed=1)
    scale = torch.tensor([0.6, 1.0, 1.5, 2.0])[:, None]
    assert torch.equal(neurons.monosemantic(scale.sqrt() * W1), neurons.monosemantic(W1))  # as long as all are in use
    assert torch.equal(neurons.main_feature(scale * W1), neurons.main_feature(W1))
    for one, other in zip(neurons.rescaled(scale * W1, W2 / scale[:, 0]), neurons.rescaled(W1, W2), strict=True):
        assert_close(one, other)


def test_rescaling_leaves_what_a_model_computes():
    model = st.AbsoluteValueModel(2, 5, 4)
    model.W1.data[0, 2] = 0  # a neuron without inputs has no scale
    W1, W2 = neurons.rescaled(model.W1.detach(), model.W2.detach())
    x = layers(2, 50, 5)
    assert_close(model.like({"W1": W1, "W2": W2, "b": model.b})(x), model(x))
    assert_close(W1.abs().amax(2), torch.ones(2, 4) - torch.eye(2)[:, :1] * torch.eye(4)[2])


def test_a_basis_is_aligned_and_a_rotated_one_is_not():
    basis = torch.eye(4)[None].repeat(1, 1, 2)
    assert_close(neurons.alignment(basis), torch.ones(1, 8))
    hadamard = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
    assert_close(neurons.alignment(hadamard @ basis), torch.full((1, 8), 0.25))
    assert_close(neurons.alignment(torch.zeros(1, 2, 3)), torch.zeros(1, 3))


def test_an_activation_is_credited_to_the_largest_contribution():
    w = torch.tensor([1.0, -1.0, 0.1])
    x = torch.tensor([[0.5, -0.2, 1.0], [0.1, -0.9, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.5]])
    activation, largest = neurons.activations(w, x)
    assert_close(activation, torch.tensor([0.8, 1.0, 0.1, 0.0]))
    assert largest.tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize("function", [neurons.in_use, neurons.monosemantic, neurons.main_feature, neurons.alignment])
def test_weights_that_are_no_numbers_are_refused(function):
    with pytest.raises(ValueError, match="W"):
        function(torch.full((1, 2, 2), torch.nan))
