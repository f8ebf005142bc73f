"""The derived formulas against integrals, samples and each other."""

import pytest
import torch
from scipy.integrate import quad
from torch.testing import assert_close

import supertoy as st
from supertoy import theory
from tests.strategies import model_with_random_weights

IMPORTANCE = 0.8 ** torch.arange(5)
DENSITIES = torch.tensor([0.9, 0.3, 0.05])


@pytest.fixture
def model():
    return model_with_random_weights(st.ReLUOutputModel, 3, 5, 2).requires_grad_(False)


def test_benefit_plus_interference_is_the_exact_gaussian_loss():
    model = model_with_random_weights(st.LinearModel, 3, 5, 2).requires_grad_(False)
    # For x ~ Normal(0, 1), E ‖D (1 - WᵀW) x‖² is the squared Frobenius norm of D (1 - WᵀW), D² the importances.
    residual = torch.eye(5, dtype=torch.float64) - model.W.mT @ model.W
    expected = (IMPORTANCE[:, None] * residual.square()).sum((1, 2))
    assert_close(sum(theory.linear_loss_terms(model.W, IMPORTANCE)), expected)


def test_orthogonal_features_have_no_interference_and_missing_ones_no_benefit():
    benefit, interference = theory.linear_loss_terms(torch.eye(2, 3)[None], torch.tensor([1.0, 1.0, 0.5]))
    assert (benefit.item(), interference.item()) == (0.5, 0)


def test_closed_forms_of_l0_and_l1_agree_with_numerical_integration(model):
    W, b = model.W[0].numpy(), model.b[0].numpy()
    gram, I = W.T @ W, IMPORTANCE.numpy().astype(float)
    l0 = sum(I[i] * max(0, b[i]) ** 2 for i in range(5))
    l1 = 0.0
    for i in range(5):
        for j in range(5):
            target = float(i == j)
            integral, _ = quad(lambda x, i=i, j=j, t=target: (t * x - max(0, gram[j, i] * x + b[j])) ** 2, 0, 1, limit=200)
            l1 += I[j] * integral / 5
    assert theory.zero_sparse_loss(model.b, IMPORTANCE)[0].item() == pytest.approx(l0)
    assert sum(theory.one_sparse_loss_terms(model.W, model.b, IMPORTANCE))[0].item() == pytest.approx(l1, rel=1e-7)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="importance must be finite and not negative"):
        theory.zero_sparse_loss(torch.ones(1, 2), -1.0)
    with pytest.raises(ValueError, match="W must be finite"):
        theory.linear_loss_terms(torch.full((1, 2, 2), torch.nan))


def test_principal_components_leave_over_what_the_best_linear_model_loses():
    data = st.CorrelatedSets(3, 2, torch.tensor([[0.3], [0.8]]))
    model = st.LinearModel(2, 6, 2)
    record = st.train(model, data, n_nodes=3, n_steps=800, n_restarts=4)
    variance, vectors = st.theory.principal_components(data)
    assert_close(record.loss, variance[:, 2:].sum(1), rtol=1e-4, atol=0)
    assert_close(vectors.mT @ vectors, torch.eye(6, dtype=torch.float64).expand(2, -1, -1))
