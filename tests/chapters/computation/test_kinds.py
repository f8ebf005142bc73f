"""Neurons that respond to several features."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy import neurons
from supertoy.chapters.computation import kinds
from tests.test_neurons import layers


def test_every_neuron_in_use_is_one_of_the_two_kinds():
    W = layers(20, 6, 9).square() * layers(20, 6, 9, seed=1)
    W[:, 0] = 0
    used = neurons.in_use(W)
    assert not used[:, 0].any()
    assert torch.equal(neurons.monosemantic(W) ^ kinds.polysemantic(W), used)
    assert neurons.monosemantic(W).any()
    assert kinds.polysemantic(W).any()


def test_the_kind_of_a_neuron_does_not_depend_on_its_scale():
    W = layers(3, 4, 5)
    scale = torch.tensor([0.6, 1.0, 1.5, 2.0])[:, None]
    assert torch.equal(kinds.polysemantic(scale.sqrt() * W), kinds.polysemantic(W))  # as long as all are in use
    assert torch.equal(kinds.is_primary(scale * W), kinds.is_primary(W))


def test_neurons_come_in_the_order_of_their_main_features():
    W = torch.eye(5)[None, [3, 0, 4, 1, 2]]
    order = kinds.by_main_feature(W)
    assert torch.equal(W[0, order[0]], torch.eye(5))


def test_purity_looks_at_the_top_only_and_knows_silent_neurons():
    W = torch.tensor([[1.0, 0.4], [0.0, 0.0]])
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.9], [0.0, 0.8]])
    top, whole = kinds.purity_at_the_top(W, x, top=0.25), kinds.purity_at_the_top(W, x, top=1)
    assert (top[0], whole[0]) == (1, 0.25)
    assert torch.isnan(top[1])
    with pytest.raises(ValueError, match="top must be at most 1, got 2"):
        kinds.purity_at_the_top(W, x, top=2.0)
    with pytest.raises(ValueError, match="W must have two features or more, got 1"):
        kinds.is_primary(torch.ones(1, 2, 1))


def test_the_scale_of_a_neuron_means_nothing():
    W1, W2 = layers(3, 4, 5), layers(3, 5, 4, seed=1)
    scale = torch.tensor([0.6, 1.0, 1.5, 2.0])[:, None]
    for one, other in zip(kinds.rescaled(scale * W1, W2 / scale[:, 0]), kinds.rescaled(W1, W2), strict=True):
        assert_close(one, other)


def test_rescaling_leaves_what_a_model_computes():
    model = st.AbsoluteValueModel(2, 5, 4)
    model.W1.data[0, 2] = 0  # a neuron without inputs has no scale
    W1, W2 = kinds.rescaled(model.W1.detach(), model.W2.detach())
    x = layers(2, 50, 5)
    assert_close(model.like({"W1": W1, "W2": W2, "b": model.b})(x), model(x))
    assert_close(W1.abs().amax(2), torch.ones(2, 4) - torch.eye(2)[:, :1] * torch.eye(4)[2])


def test_an_activation_is_credited_to_the_largest_contribution():
    w = torch.tensor([1.0, -1.0, 0.1])
    x = torch.tensor([[0.5, -0.2, 1.0], [0.1, -0.9, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.5]])
    activation, largest = kinds.activations(w, x)
    assert_close(activation, torch.tensor([0.8, 1.0, 0.1, 0.0]))
    assert largest.tolist() == [0, 1, 2, 2]
