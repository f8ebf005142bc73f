"""Weighted rows that are the expectation itself."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.quadrature import quadrature
from supertoy.values import SIGNED, UNIT, Uniform
from tests.strategies import KINDS, distributions


@pytest.mark.parametrize(("kind", "values"), KINDS)
def test_weights_sum_to_one_and_moments_are_exact(kind, values):
    data = distributions(values)[kind].to(dtype=torch.float64)
    x, weight = quadrature(data, 2)
    mean, second = data.moments()
    assert_close(weight.sum(1), torch.ones(3, dtype=torch.float64))
    assert_close(weight @ x[0], mean, atol=1e-12, rtol=0)
    assert_close(torch.einsum("kb,bi,bj->kij", weight, x[0], x[0]), second, atol=1e-12, rtol=0)
    assert not x[0, 0].any()
    assert_close(weight[:, 0], data.zero_probability)


@pytest.mark.parametrize("kind", ["independent", "correlated", "anticorrelated and single"])
def test_patterns_have_their_probabilities(kind):
    data = distributions()[kind].to(dtype=torch.float64)
    x, weight = quadrature(data, 1)
    sample = data.sample(200_000, torch.Generator().manual_seed(0))
    code = 2.0 ** torch.arange(6, dtype=torch.float64)
    exact = torch.zeros(3, 64, dtype=torch.float64).index_add_(1, ((x[0] > 0) * code).sum(1).long(), weight)
    for k in range(3):
        drawn = torch.bincount(((sample[0][k] > 0) * code).sum(1).long(), weights=sample[1][k], minlength=64)
        assert_close(drawn, exact[k], atol=5e-3, rtol=0)


@pytest.mark.parametrize("values", [UNIT, SIGNED, Uniform(-2, 0.5), Uniform(1, 1.5)])
def test_the_weighted_loss_approaches_the_exact_one_as_the_square_of_the_nodes(values):
    model = st.ReLUOutputModel(2, 2, 1, dtype=torch.float64).requires_grad_(False)
    model.W.copy_(torch.tensor([[[0.9, -0.7]], [[0.8, 0.6]]]))
    model.b.copy_(torch.tensor([[-0.1, 0.2], [-0.05, -0.1]]))
    data = st.Independent(2, 0.3, values=values).to(dtype=torch.float64)
    exact = st.expected_loss(model, data, rtol=1e-10)
    errors = []
    for n_nodes in (4, 16, 64):
        x, weight = quadrature(data, n_nodes)
        errors.append((st.sampled_loss(model, x.expand(2, -1, -1), weight.expand(2, -1))[0] - exact).abs().max().item())
    assert errors[0] < 0.02 * exact.max()
    assert errors[2] < 1e-4 * exact.min()
    assert errors[2] < errors[0] / 50


@pytest.mark.parametrize(
    ("n_features", "n_nodes", "message"),
    [
        (2, 0, "n_nodes must be at least 1, got 0"),
        (12, 4, "n_nodes must give at most 131072 rows, got 4 and with it 244140625"),
    ],
)
def test_impossible_numbers_of_nodes_are_refused(n_features, n_nodes, message):
    with pytest.raises(ValueError, match=message):
        quadrature(st.Independent(n_features, 0.5), n_nodes)
