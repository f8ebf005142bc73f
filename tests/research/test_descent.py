import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy.research.descent import minimize


def reconstruction(model):
    def loss(x, weight):
        return (weight * (model(x) - x).square().sum(-1)).sum(1)

    return loss


def small(n_instances=3):
    data = st.Independent(4, torch.tensor([[1.0], [0.3], [0.05]])[:n_instances])
    return st.ReLUOutputModel(n_instances, 4, 2, seed=3), data


def test_it_finds_what_train_finds():
    model, data = small()
    record = st.train(model, data, n_steps=600)
    other, _ = small()
    minimize(reconstruction(other), [other.W, other.b], data, n_steps=600)
    assert_close(st.expected_loss(other, data), record.loss, rtol=0.02, atol=0)


def test_gradients_that_come_with_the_loss_are_used():
    data, target = st.Independent(2, 0.5), torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    theirs, ours = torch.zeros(2, 2), torch.zeros(2, 2)
    minimize(lambda x, weight: (theirs - target).square().sum(1), [theirs], data, n_steps=50)
    losses = minimize(
        lambda x, weight: ((ours - target).square().sum(1).detach(), [2 * (ours - target).detach()]),
        [ours],
        data,
        n_steps=50,
    )
    assert_close(ours, theirs)
    assert (losses[-1] < losses[0]).all()


def test_it_finds_the_minimum_of_a_loss_that_train_does_not_know():
    target = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    place = torch.zeros(2, 2)
    losses = minimize(lambda x, weight: (place - target).square().sum(1), [place], st.Independent(2, 0.5), n_steps=2000)
    assert_close(losses[0], target.square().sum(1))
    assert_close(place, target, rtol=0, atol=1e-3)
    assert not place.requires_grad


def test_rows_and_weights_are_a_weighted_sample():
    data = st.Independent(3, torch.tensor([[0.2], [0.7]]))
    shift, seen = torch.zeros(2, 1), []

    def loss(x, weight):
        seen.append((x, weight))
        return (weight[..., None] * (x.mean(-1, keepdim=True) - shift[:, None]).square()).sum((1, 2))

    minimize(loss, [shift], data, n_steps=400, batch_size=64)
    for x, weight in seen[:3]:
        assert x.shape == (2, 64, 3)
        assert not x[:, 0].any()
        assert x[:, 1:].any(-1).all()
        assert_close(weight.sum(1), torch.ones(2))
    assert_close(shift[:, 0], torch.tensor([0.1, 0.35]), rtol=0.03, atol=0)


def test_an_instance_does_not_depend_on_those_beside_it():
    model, data = small()
    minimize(reconstruction(model), [model.W, model.b], data, n_steps=20)
    fewer, some = small(2)
    minimize(reconstruction(fewer), [fewer.W, fewer.b], some, n_steps=20)
    assert_close(fewer.W, model.W[:2])


def test_nothing_but_the_parameters_changes_or_keeps_gradients():
    model, data = small()
    b = model.b.detach().clone()
    with torch.no_grad():
        minimize(reconstruction(model), [model.W], data, n_steps=20)
    assert torch.equal(model.b, b)
    assert model.W.grad is model.b.grad is None


def test_gradients_that_come_transposed_do_not_mix_up_the_entries():
    target = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    E, data = torch.zeros(2, 5, 3), st.Independent(3, 0.5)

    def loss(x, weight):
        return (weight * (x @ E.mT - x @ target.mT).square().sum(-1)).sum(1)

    minimize(loss, [E], data, n_steps=500)
    assert_close(E, target, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_steps": 0}, "n_steps must be at least 1"),
        ({"batch_size": 3}, "batch_size must be at least 4"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"parameters": []}, "parameters must share one number of instances"),
        ({"parameters": [torch.zeros(2), torch.zeros(3)]}, r"parameters must share .* got \[2, 3\]"),
        ({"parameters": [torch.zeros(2)]}, "data must have 1 or the parameters' 2 instances, got 3"),
        ({"parameters": [torch.zeros(3, 4)[:, ::2]]}, "parameters must be contiguous"),
        ({"parameters": [torch.zeros(1, 4).expand(3, -1)]}, "parameters must be contiguous"),
        ({"loss": lambda x, w: w.sum()}, "loss must give one number for each of 3 instances"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    model, data = small()
    options = {"loss": reconstruction(model), "parameters": [model.W, model.b], "data": data, **change}
    with pytest.raises(ValueError, match=message):
        minimize(options.pop("loss"), options.pop("parameters"), options.pop("data"), **options)


def test_a_loss_that_is_no_number_stops_with_step_and_instance():
    model, data = small()

    def loss(x, weight):
        return reconstruction(model)(x, weight) * torch.tensor([1.0, torch.nan, 1.0])

    with pytest.raises(FloatingPointError, match="loss became nan at step 1, instance 1"):
        minimize(loss, [model.W, model.b], data)
