import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy import threads
from supertoy.penalty import train_penalised
from tests.strategies import ALL_MODELS


def penalised_loss(model, data, strength, seed=9):
    x, weight = data.sample(4096, torch.Generator().manual_seed(seed))
    h = model.hidden(x)
    error = (model(x) - model.target(x)).square().sum(-1)
    return (weight * (error + torch.as_tensor(strength).view(-1, 1) * h.abs().sum(-1))).sum(1)


def test_without_a_penalty_it_is_ordinary_training():
    data = st.Independent(5, 0.1)
    model = st.ReLUOutputModel(1, 5, 2).requires_grad_(False)
    train_penalised(model, data, 0.0, n_starts=16)
    other = st.ReLUOutputModel(1, 5, 2)
    st.train(other, data, n_restarts=16)
    assert_close(st.expected_loss(model, data), st.expected_loss(other, data), rtol=0.02, atol=0)


def test_a_feature_is_dropped_once_it_is_not_worth_its_price():
    # Nearly without a bias, which so rare a feature cannot pay for, w = 0 is best from λ = (8/9) (2/3)^(1/2) = 0.73 on.
    data, strength = st.Independent(1, 0.01), torch.tensor([0.0, 0.3, 1.2])
    model = st.ReLUOutputModel(3, 1, 1).requires_grad_(False)
    train_penalised(model, data, strength, n_starts=2)
    norm = st.feature_norms(model.W)[:, 0]
    assert norm[0] > 0.95
    assert 0.5 < norm[1] < norm[0]
    assert norm[2] < 0.05


def test_the_penalty_turns_features_towards_neurons():
    data = st.Independent(4, 0.5)
    model = st.ReLUOutputModel(2, 4, 4, seed=1).requires_grad_(False)
    train_penalised(model, data, torch.tensor([0.0, 0.05]), n_starts=4)
    largest = model.W.square().amax(1) / model.W.square().sum(1)
    assert largest[1].min() > 0.99
    assert largest[0].min() < 0.9


def test_what_comes_back_is_the_penalised_loss_of_the_best_start():
    data, strength = st.Independent(6, 0.05), torch.tensor([0.0, 0.1])
    one, many = (st.ReLUOutputModel(2, 6, 2).requires_grad_(False) for _ in range(2))
    alone = train_penalised(one, data, strength, n_steps=300)
    best = train_penalised(many, data, strength, n_starts=8, n_steps=300)
    assert (best <= alone + 1e-6).all()
    assert_close(best, penalised_loss(many, data, strength), rtol=0.05, atol=1e-4)
    assert not any(parameter.requires_grad for parameter in many.parameters())


def test_an_instance_depends_on_its_own_number_alone():
    strength = torch.tensor([0.05, 0.2])
    both, first = (st.ReLUOutputModel(k, 5, 2).requires_grad_(False) for k in (2, 1))
    train_penalised(both, st.Independent(5, 0.1), strength, n_starts=3, n_steps=100)
    train_penalised(first, st.Independent(5, 0.1), strength[:1], n_starts=3, n_steps=100)
    assert_close(both.W[:1], first.W, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strength": -0.1}, "strength must be finite and not negative, got -0.1"),
        ({"strength": torch.nan}, "strength must be finite"),
        ({"strength": torch.zeros(3)}, r"strength must be one number or one for each of 2 instances, got shape \[3\]"),
        ({"n_starts": 0}, "n_starts must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"importance": -1.0}, "importance must be finite and not negative"),
        ({"data": st.Independent(4, 0.1)}, "4"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    options = {"data": st.Independent(5, 0.1), "strength": 0.1, **change}
    with pytest.raises(ValueError, match=message):
        train_penalised(st.ReLUOutputModel(2, 5, 2), options.pop("data"), options.pop("strength"), **options)


@pytest.mark.parametrize("kind", [st.HiddenBiasModel, *(kind for kind in ALL_MODELS if kind.any_activation)])
def test_models_that_its_step_does_not_know_are_refused(kind):
    with pytest.raises(TypeError, match=kind.__name__):
        train_penalised(kind(1, 5, 2), st.Independent(5, 0.1), 0.1)


def test_a_loss_that_became_nan_is_an_error():
    with pytest.raises(FloatingPointError, match=r"at step 2, instance 0 \(start 0\); a smaller learning_rate"):
        train_penalised(st.ReLUOutputModel(1, 5, 2), st.Independent(5, 0.1), 0.1, learning_rate=1e30, n_steps=30)


@pytest.mark.parametrize("kind", [st.ReLUOutputModel, st.AbsoluteValueModel])
def test_the_number_of_threads_does_not_change_a_bit(kind, monkeypatch):
    monkeypatch.setattr(threads, "_PIECE", 2**10)
    data = st.Independent(6, torch.tensor([[0.5], [0.2], [0.1]]), signed=kind is st.AbsoluteValueModel)
    found = []
    for n_threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=n_threads: n)
        model = kind(3, 6, 4, dtype=torch.float64).requires_grad_(False)
        loss = train_penalised(model, data, 0.05, n_starts=2, n_steps=30, batch_size=64)
        found.append((loss, *model.parameters()))
    assert all(map(torch.equal, *found))
    assert len(threads.cut(3, 2 * 6 * 64, torch.device("cpu"))) > 1
