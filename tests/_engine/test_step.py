"""One training step: its loss and gradients against autograd, its Adam against torch's, how weights ride on the rows."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.lattice import batches
from supertoy._engine.quadrature import quadrature
from supertoy._engine.step import Adam, LinearPart, TrainingStep, pack, step_kind, unpack
from tests.strategies import ALL_MODELS, model_with_random_weights

N_INSTANCES, N_RESTARTS, N_ROWS, N, M = 3, 2, 40, 6, 4
IMPORTANCES = {"equal": torch.ones(N), "falling": 0.5 ** torch.arange(N), "one without": torch.tensor([1.0, 0, 1, 1, 2, 1])}


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def step_and_models(kind, importance, l1=None):
    """A step, the same models one by one with autograd on, the rows of each instance, and the weights of these rows."""
    model = model_with_random_weights(kind, N_INSTANCES * N_RESTARTS, N, M)
    matrices = [matrix.unflatten(0, (N_INSTANCES, N_RESTARTS)).clone() for matrix in pack(model)]
    x = 2 * torch.rand(N_INSTANCES, N_ROWS, N, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 1
    x[:, -1] = 0
    weight = normal(N_INSTANCES, N_ROWS).abs()
    step = step_kind(model)(model, matrices, importance.double().expand(N_INSTANCES, N), weight.sqrt(), l1=l1)
    return step, model, x, weight


def weighted(step, x, weight):
    return (x * weight.sqrt()[..., None] if step.weighs_rows else x).mT


def no_losses(n):
    return torch.zeros(n, N_INSTANCES, N_RESTARTS, 1, dtype=torch.float64)


@pytest.mark.parametrize("l1", [(0.0, 0.0, 0.0), (0.0, 0.1, 2.0)])
@pytest.mark.parametrize("importance", IMPORTANCES)
@pytest.mark.parametrize("kind", ALL_MODELS)
def test_loss_and_hand_derived_gradients_are_autograds(kind, importance, l1):
    I, l1 = IMPORTANCES[importance].double(), torch.tensor(l1, dtype=torch.float64)
    step, model, x, weight = step_and_models(kind, I, l1)
    loss = no_losses(1)[0]
    step.forward_and_backward(weighted(step, x, weight), loss)

    x, weight, l1 = (t.repeat_interleave(N_RESTARTS, 0) for t in (x, weight, l1))
    rows = (model(x) - model.target(x)).square() @ I + l1[:, None] * model.hidden(x).abs().sum(-1)
    expected = (weight * rows).sum(1)
    assert_close(loss.flatten(), expected.detach())
    expected.sum().backward()
    gradients = unpack(model, [2 * gradient.flatten(0, 1) for gradient in step.gradients])
    for name, parameter in model.named_parameters():
        assert_close(gradients[name], parameter.grad)


@pytest.mark.parametrize("kind", ALL_MODELS)
def test_hand_derived_gradients_predict_small_changes_of_the_loss(kind):
    step, _, *rows = step_and_models(kind, IMPORTANCES["falling"])
    x, losses = weighted(step, *rows), no_losses(3)
    step.forward_and_backward(x, losses[0])
    gradients = [gradient.clone() for gradient in step.gradients]
    directions = [normal(*matrix.shape, seed=2) for matrix in step.matrices]
    for direction in directions[1:]:
        direction[:, :, -1] = 0  # no parameter, but the row below untied input weights
    for loss, size in ((losses[1], 1e-6), (losses[2], -2e-6)):
        for matrix, direction in zip(step.matrices, directions, strict=True):
            matrix += size * direction
        step.forward_and_backward(x, loss)
    slope = sum(2 * (g * d).sum((-1, -2)) for g, d in zip(gradients, directions, strict=True)).flatten()
    assert_close((losses[1] - losses[2]).flatten() / 2e-6, slope, rtol=1e-4, atol=1e-7)


def test_the_fused_adam_is_torchs_adam():
    start, gradients = normal(2, 3, 4), normal(30, 2, 3, 4, seed=1)
    mine, theirs = start.clone(), start.clone().requires_grad_()
    adam, reference = Adam([mine]), torch.optim.Adam([theirs], betas=(0.8, 0.9), eps=1e-10)
    for k, gradient in enumerate(gradients):
        rate = 0.1 / (1 + k)
        adam.step([gradient], rate)
        theirs.grad, reference.param_groups[0]["lr"] = gradient, rate
        reference.step()
    assert_close(mine, theirs.detach())


@pytest.mark.parametrize("kind", ALL_MODELS)
def test_packing_and_unpacking_give_back_the_parameters(kind):
    model = model_with_random_weights(kind, 3, 6, 4)
    unpacked = unpack(model, pack(model))
    assert unpacked.keys() == dict(model.named_parameters()).keys()
    for name, parameter in model.named_parameters():
        assert torch.equal(unpacked[name], parameter)


def test_going_on_with_some_restarts_goes_on_as_if_the_others_had_never_been():
    both, _, *rows = step_and_models(st.ReLUOutputModel, IMPORTANCES["falling"])
    one, _, *_ = step_and_models(st.ReLUOutputModel, IMPORTANCES["falling"])
    x, losses = weighted(both, *rows), no_losses(2)
    for _ in range(3):
        both(x, 0.1, losses[0])
        one(x, 0.1, losses[1])
    kept = torch.tensor([[1], [0], [1]])
    one.keep(kept)
    one.use_rows(rows[1].sqrt())
    both(x, 0.1, losses[0])
    one(x, 0.1, losses[1, :, :1])
    assert_close(one.matrices[0][:, 0], both.matrices[0][torch.arange(N_INSTANCES), kept[:, 0]])
    assert_close(losses[1, :, 0], losses[0][torch.arange(N_INSTANCES), kept[:, 0]])


def test_an_importance_that_is_not_one_for_all_is_no_special_case():
    losses, steps = no_losses(2), []
    for c, loss in zip((2.0, 1.0), losses, strict=True):
        step, _, *rows = step_and_models(st.ReLUOutputModel, torch.full((N,), c))
        step.forward_and_backward(weighted(step, *rows), loss)
        steps.append(step)
    assert [step.equally_important for step in steps] == [False, True]
    assert_close(losses[0], 2 * losses[1])
    assert_close(steps[0].gradients[0], 2 * steps[1].gradients[0])


@pytest.mark.parametrize("kind", ALL_MODELS)
def test_gradient_descent_moves_each_parameter_against_its_gradient(kind):
    I = IMPORTANCES["falling"].double()
    _, model, x, weight = step_and_models(kind, I)
    matrices = [matrix.unflatten(0, (N_INSTANCES, N_RESTARTS)).clone() for matrix in pack(model)]
    step = step_kind(model)(model, matrices, I.expand(N_INSTANCES, N), weight.sqrt(), "gradient descent")
    step(weighted(step, x, weight), 0.1, no_losses(1)[0])

    x, weight = (t.repeat_interleave(N_RESTARTS, 0) for t in (x, weight))
    torch.einsum("kb,i,kbi->", weight, I, (model(x) - model.target(x)).square()).backward()
    moved = unpack(model, [matrix.flatten(0, 1) for matrix in step.matrices])
    for name, parameter in model.named_parameters():
        assert_close(moved[name], parameter.detach() - 0.1 * parameter.grad)


def test_what_is_taken_off_the_errors_is_given_back_in_expectation():
    """On all there is to see, the gradient is the same with the linear part taken exactly, whatever the share."""
    data = st.Independent(3, torch.tensor([[0.9, 0.5, 0.7], [0.3, 0.6, 1.0]]), values=st.values.Uniform(-0.5, 1))
    rows, weight = quadrature(data.to(dtype=torch.float64), 2)  # exact for the squares of linear errors
    x = rows.mT.expand(2, -1, -1) * weight.sqrt()[:, None]
    model = model_with_random_weights(st.ReLUOutputModel, 2, 3, 2, dtype=torch.float64)
    importance = torch.tensor([[1.0], [3.0]], dtype=torch.float64).expand(2, 3)
    mean, square, _ = data.values.moments
    p = data.probability
    gradients, linear = [], LinearPart(mean * p, square * p - (mean * p) ** 2, torch.tensor([True, False]))
    for part in (None, linear):
        step = TrainingStep(model, [pack(model)[0][:, None].clone()], importance, weight.sqrt(), linear=part)
        for _ in range(3):  # with a share of 1, then of what is on
            step.forward_and_backward(x, torch.zeros(2, 1, 1, dtype=torch.float64))
            gradients.append(step.gradients[0].clone())
    for gradient in gradients[1:]:
        assert_close(gradient, gradients[0])
    assert 0.5 < linear.share[0].max() < 1
    assert linear.share[0].min() == 0  # one output is dead
    assert not linear.share[1].any()  # its data are said to be sparse


def test_the_linear_part_quietens_gradients_and_leaves_their_mean():
    n, p = 60, torch.tensor([[0.6]])
    model = st.ReLUOutputModel(1, n, 8, dtype=torch.float64)
    data = st.Independent(n, p, dtype=torch.float64)
    st.train(model, data, n_steps=300, n_restarts=1)
    found = {}
    for name in ("plain", "linear"):
        linear = LinearPart.of(model, data, model.W) if name == "linear" else None
        weight = data.row_weights(64).flip(1)
        step = TrainingStep(model, [pack(model)[0][:, None]], torch.ones(1, n), weight.sqrt(), linear=linear)
        gradients = []
        for x in batches(data, 64, 400, [torch.Generator().manual_seed(0)]):
            step.forward_and_backward(x * weight.sqrt()[:, None], torch.zeros(1, 1, 1, dtype=torch.float64))
            gradients.append(step.gradients[0].flatten().clone())
        found[name] = torch.stack(gradients[100:])
    noise = {name: gradients.var(0) for name, gradients in found.items()}
    assert noise["linear"].sum() < noise["plain"].sum() / 5
    error = ((noise["linear"] + noise["plain"]) / 300).sqrt()
    assert ((found["linear"].mean(0) - found["plain"].mean(0)).abs() / error).square().mean() < 2


def test_the_linear_part_is_for_large_models_on_dense_features_that_are_not_correlated():
    class Doubled(st.Independent):
        def rows(self, uniform):
            return 2 * super().rows(uniform)

    model, like = st.ReLUOutputModel(1, 60, 8), torch.zeros(())
    assert LinearPart.of(model, st.Independent(60, 0.5), like) is not None
    for other in (st.Independent(60, 0.05), st.CorrelatedSets(30, 2, 0.5), Doubled(60, 0.5), st.Samples(torch.rand(9, 60))):
        assert LinearPart.of(model, other, like) is None
    for kind in (st.LinearModel, st.ReLUHiddenModel, st.AbsoluteValueModel):
        assert LinearPart.of(kind(1, 60, 8), st.Independent(60, 0.5), like) is None
    assert LinearPart.of(st.ReLUOutputModel(1, 20, 8), st.Independent(20, 0.5), like) is None
