"""Sets that are trees: their states against a list of all subtrees, their samples and losses against counting."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.quadrature import quadrature
from tests.strategies import model_with_random_weights, plain_sample


def test_states_are_the_subtrees_with_the_root():
    data = st.HierarchicalSets(2, [None, 0, 1, 0], 0.5, torch.tensor([0.25, 0.5, 0.125]), n_features=9)
    expected = {
        (): 0.5,
        (0,): 0.5 * 0.75 * 0.875,
        (0, 1): 0.5 * 0.25 * 0.5 * 0.875,
        (0, 1, 2): 0.5 * 0.25 * 0.5 * 0.875,
        (0, 3): 0.5 * 0.75 * 0.125,
        (0, 1, 3): 0.5 * 0.25 * 0.5 * 0.125,
        (0, 1, 2, 3): 0.5 * 0.25 * 0.5 * 0.125,
    }
    assert {tuple(members): p.item() for members, p in data.states(0)} == expected
    assert {tuple(i - 4 for i in members): p.item() for members, p in data.states(1)} == expected
    assert [members for members, _ in data.states(2)] == [[], [8]]
    assert data.zero_probability.item() == 0.125


def test_a_member_is_active_only_with_its_parent_and_then_as_often_as_it_should():
    q = torch.tensor([[0.2, 0.9], [0.5, 1.0]])
    data = st.HierarchicalSets(1, [None, 0, 1], 0.25, q)
    x, weight = data.sample(200_000, torch.Generator().manual_seed(0))
    on, w = x > 0, weight.double()
    assert not (on[..., 1:] & ~on[..., :-1]).any()
    chance = [(w * on[..., i]).sum(1) for i in range(3)]
    n = 0.25 * 200_000
    for parent, child, given in zip(chance, chance[1:], q.T.double(), strict=False):
        assert ((child / parent - given).abs() <= 5 * (given * (1 - given) / (n * 0.1)) ** 0.5).all()
    for i in range(3):  # values are uniform, whatever else is active
        assert_close((w * x[..., i]).sum(1) / chance[i], torch.full((2,), 0.5).double(), rtol=0.02, atol=0)


def test_the_probability_of_two_together_is_that_of_all_on_their_ways_to_the_root():
    parent, q = [None, 0, 0, 1, 1, 3, 2], torch.tensor([[0.5, 0.3, 0.8, 0.9, 0.4, 0.6], [0.9, 0.2, 0.1, 0.5, 1.0, 0.7]])
    data = st.HierarchicalSets(1, parent, torch.tensor([[0.4], [0.9]]), q)
    counted = st.FeatureDistribution.set_activity(data)  # over all states
    for formula, expected in zip(data.set_activity(), counted, strict=True):
        assert_close(formula, expected)


def test_trees_with_too_many_states_are_sampled_and_have_exact_moments():
    data = st.HierarchicalSets(1, [None] + [0] * 12, 0.5, 0.3)  # 2^12 + 1 states
    assert not data.states_are_known
    assert st.HierarchicalSets(1, [None] + [0] * 11, 0.5, 0.3).states_are_known
    assert_close(data.moments()[0], torch.tensor([[0.25] + [0.075] * 12], dtype=torch.float64))
    with pytest.raises(
        ValueError, match="data must have at most 4096 states to be enumerated, got more in HierarchicalSets"
    ):
        data.set_states()
    linear = model_with_random_weights(st.LinearModel, 1, 13, 4).requires_grad_(False)
    sampled, error = st.sampled_loss(linear, *data.sample(200_000, torch.Generator().manual_seed(0)))
    assert ((st.expected_loss(linear, data) - sampled).abs() < 5 * error).all()


def test_the_exact_loss_is_that_of_plain_samples_and_of_all_states():
    data = st.HierarchicalSets(2, [None, 0, 0], torch.tensor([[0.6], [0.2]]), torch.tensor([0.7, 0.3]))
    model = model_with_random_weights(st.ReLUOutputModel, 2, 6, 3).requires_grad_(False)
    exact = st.expected_loss(model, data, rtol=1e-6)
    slow = plain_sample(data, 200_000)
    loss, error = st.sampled_loss(model, slow, torch.full(slow.shape[:2], 1 / slow.shape[1], dtype=torch.float64))
    assert ((exact - loss).abs() < 5 * error).all()
    x, weight = quadrature(data.to(dtype=torch.float64), 5)
    assert_close(exact, st.sampled_loss(model, x.expand(2, -1, -1), weight)[0], rtol=5e-3, atol=0)


def test_a_chain_whose_children_are_certain_is_a_correlated_set_and_a_root_alone_a_feature():
    model = model_with_random_weights(st.ReLUOutputModel, 1, 3, 2)
    chain = st.HierarchicalSets(1, [None, 0, 1], 0.3, 1.0)
    assert_close(st.expected_loss(model, chain), st.expected_loss(model, st.CorrelatedSets(1, 3, 0.3)))
    roots = st.HierarchicalSets(3, [None], 0.3, 1.0)
    assert_close(st.expected_loss(model, roots), st.expected_loss(model, st.Independent(3, 0.3)))
    assert roots.sample(10)[0].shape == (1, 10, 3)


def test_settings_can_be_chosen_and_repeated_and_shown():
    data = st.HierarchicalSets(1, (None, 0), torch.tensor([[0.1], [0.2]]), 0.5)
    assert_close(data.select(torch.tensor([1])).activity()[0], torch.tensor([[0.2, 0.1]]).double())
    assert st.HierarchicalSets(1, (None, 0), 0.1, 0.5).expand(3).sample(10)[0].shape == (3, 10, 2)
    assert str(data) == (
        "HierarchicalSets(n_sets=1, parent=(None, 0), probability=[0.1, 0.2], child_probability=0.5, n_features=2, "
        "values=Uniform(0, 1), n_instances=2)"
    )


def test_sparse_children_of_a_common_parent_are_absorbed_or_not_but_the_loss_falls():
    data = st.HierarchicalSets(2, [None, 0, 0], 0.1, 0.3)
    model = st.ReLUOutputModel(1, 6, 3, seed=0)
    before = st.expected_loss(model, data)
    assert (st.train(model, data, n_steps=100).loss < 0.7 * before).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"parent": []}, ValueError, r"parent must begin with None, for the root, got \[\]"),
        ({"parent": [0, 0]}, ValueError, "parent must begin with None"),
        ({"parent": [None, 1, 0]}, ValueError, r"parent\[1\] must be an earlier member, got 1"),
        ({"parent": [None, 0, -1]}, ValueError, r"parent\[2\] must be at least 0, got -1"),
        ({"parent": [None, 0, True]}, TypeError, r"parent\[2\] must be int \| None, got bool"),
        ({"probability": 0.0}, ValueError, r"probability must lie in \(0, 1\]"),
        ({"child_probability": 1.5}, ValueError, r"child_probability must lie in \(0, 1\]; got 1.5"),
        ({"child_probability": 0.0}, ValueError, "child_probability must lie in"),
        ({"child_probability": float("nan")}, ValueError, "child_probability must be finite"),
        ({"child_probability": torch.tensor(0.5 + 0j)}, TypeError, "child_probability must hold real numbers"),
        ({"child_probability": torch.full((3,), 0.5)}, ValueError, r"child_probability must broadcast .* got shape \[3\]"),
        (
            {"probability": torch.full((2, 1), 0.5), "child_probability": torch.full((3, 2), 0.5)},
            ValueError,
            r"probability and child_probability must be for 1 or equally many instances, got \[2, 3\]",
        ),
        ({"n_features": 5}, ValueError, r"at most n_features = 5, got 2 \* 3"),
    ],
)
def test_what_is_no_tree_is_refused(change, error, message):
    arguments = {"n_sets": 2, "parent": [None, 0, 0], "probability": 0.5, "child_probability": 0.5, **change}
    with pytest.raises(error, match=message):
        st.HierarchicalSets(**arguments)
