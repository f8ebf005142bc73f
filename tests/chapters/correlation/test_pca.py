"""The PCA solution that a model is nearest to."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.correlation.pca import nearest_pca_solution


def test_the_nearest_pca_solution_is_one_and_a_pca_solution_is_nearest_to_itself():
    data = st.CorrelatedSets(3, 2, 0.5)
    generator = torch.Generator().manual_seed(0)
    pairs = torch.block_diag(*[torch.ones(1, 2) / 2**0.5] * 3)  # the components of largest variance, all three equal
    mixed = torch.linalg.qr(torch.randn(3, 3, generator=generator))[0][:2] @ pairs
    assert_close(nearest_pca_solution(mixed, data), mixed.double(), rtol=0, atol=1e-6)
    nearest = nearest_pca_solution(mixed + 0.1 * torch.randn(2, 6, generator=generator), data)
    linear = st.LinearModel(1, 6, 2, dtype=torch.float64)
    mean = torch.full((6,), 0.25, dtype=torch.float64)
    linear = linear.like({"W": nearest[None], "b": (mean - nearest.T @ nearest @ mean)[None]})
    variance, _ = st.theory.principal_components(data)
    assert_close(st.expected_loss(linear, data), variance[:, 2:].sum(1))
    with pytest.raises(ValueError, match="data must hold one setting of 6 features, got 1 of 4"):
        nearest_pca_solution(mixed, st.Independent(4, 0.5))


def test_components_ahead_of_a_tie_are_always_in_and_the_nearest_solution_is_nearest():
    data = st.CorrelatedSets(1, 3, 0.5)  # the sum of the three is ahead, their differences tie
    total = torch.ones(3, dtype=torch.float64) / 3**0.5
    differences = torch.tensor([[1.0, -1, 0], [1, 1, -2]], dtype=torch.float64)
    differences = torch.nn.functional.normalize(differences, dim=1)
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(2, 3, generator=generator, dtype=torch.float64)
    nearest = nearest_pca_solution(W, data)
    assert_close((nearest @ total).norm(), torch.tensor(1.0, dtype=torch.float64))
    # All solutions: any unit combination of the differences, any rotation or reflection.
    turn, mix = (2 * torch.pi * torch.arange(720, dtype=torch.float64) / 720 for _ in range(2))
    second = torch.stack([mix.cos(), mix.sin()], 1) @ differences
    basis = torch.stack([total.expand_as(second), second], 1)
    rotation = torch.stack([torch.stack([turn.cos(), -turn.sin()]), torch.stack([turn.sin(), turn.cos()])]).permute(2, 0, 1)
    every = torch.einsum("rij,cjk->rcik", rotation, basis)
    assert (nearest - W).norm() <= (every - W).flatten(2).norm(dim=2).min() + 1e-9


def test_pca_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="W must have at most as many hidden dimensions as features"):
        nearest_pca_solution(torch.ones(3, 2), st.Independent(2, 0.3))
