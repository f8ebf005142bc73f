"""Attacks against what mathematics says of them."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.adversarial import attacks


def pentagon(n_instances=1):
    angle = 2 * torch.pi * torch.arange(5) / 5
    model = st.ReLUOutputModel(n_instances, 5, 2).requires_grad_(False)
    model.W.copy_(torch.stack([angle.cos(), angle.sin()]))
    return model


def some(n_instances=3, n_features=8, n_hidden=3, kind=st.ReLUOutputModel):
    """Models with random weights and biases, and a sample."""
    model = kind(n_instances, n_features, n_hidden, seed=5).requires_grad_(False)
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    x, weight = st.Independent(n_features, 0.3).sample(200, generator)
    return model, x, weight


def one_on_all_rows(model, x, delta):
    return delta[:, None].expand(model.n_instances, x.shape[1], -1)


def test_the_mean_norm_of_one_feature_is_half_its_probability():
    p = torch.tensor([[1.0], [0.3], [0.01]], dtype=torch.float64)
    assert_close(attacks.mean_input_norm(st.Independent(1, p)), p[:, 0] / 2, rtol=0.02, atol=0)


def test_the_mean_norm_of_many_dense_features_is_that_of_their_squares():
    norm = attacks.mean_input_norm(st.Independent(300, 1.0))
    assert_close(norm, torch.tensor([10.0]).double(), rtol=0.01, atol=0)  # √(300 / 3), hardly ever anything else


def test_attacks_have_the_length_asked_for_and_add_most_to_their_feature():
    model, _, _ = some()
    norm = torch.tensor([0.1, 0.2, 0.3])
    each = attacks.feature_attacks(model.W, norm)
    assert_close(each.norm(dim=-1), norm[:, None].expand(-1, 8))
    gram = model.W.mT @ model.W
    added = (gram * each).sum(-1)
    assert_close(added, norm[:, None] * gram.norm(dim=-1))
    other = attacks.random_attack(torch.zeros(3, 1000, 8), norm)
    assert ((other @ gram).amax(1) < added).all()


def test_a_feature_without_a_direction_cannot_be_attacked():
    each = attacks.feature_attacks(torch.eye(2, 3)[None], 1.0)
    assert_close(each[0], torch.diag(torch.tensor([1.0, 1, 0])))


def test_the_strongest_attack_on_a_pentagon_moves_the_hidden_state_along_the_feature():
    model = pentagon()
    each = attacks.feature_attacks(model.W, 1.0)
    assert_close(model.W @ each.mT, 2.5**0.5 * model.W)


@pytest.mark.parametrize("probability", [1.0, 0.2, 0.01])
def test_without_superposition_vulnerability_is_the_square_of_the_norm(probability):
    data = st.Independent(7, probability, dtype=torch.float64)
    model = attacks.dedicated_model(data, 3)
    x, weight = data.sample(50, torch.Generator().manual_seed(0))
    assert_close(attacks.vulnerability(model, x, weight, 0.3), torch.tensor([0.09]).double())


@pytest.mark.parametrize("kind", [st.Independent, st.AnticorrelatedSets])
def test_the_model_without_superposition_loses_the_variance_of_the_features_it_dropped(kind):
    data = kind(6, 0.3) if kind is st.Independent else kind(3, 2, 0.6)
    loss = st.expected_loss(attacks.dedicated_model(data, 4), data)
    assert_close(loss, torch.tensor([2 * (0.3 / 3 - (0.3 / 2) ** 2)]).double())


def test_on_quiet_inputs_a_pentagon_is_hurt_by_what_it_passes():
    # λ Σ (W_i · W_j)² over the positive products; the strongest attack is any of five that are alike.
    x, weight = torch.zeros(1, 1, 5), torch.ones(1, 1)
    expected = 2.5 * (1 + 2 * torch.cos(torch.tensor([72.0]).deg2rad()).double() ** 2)
    assert_close(attacks.vulnerability(pentagon(), x, weight, 1.0), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("kind", [st.ReLUOutputModel, st.LinearModel])
def test_no_single_attack_does_more_damage_than_the_strongest(kind):
    model, x, weight = some(kind=kind)
    directions = attacks.feature_attacks(model.W, 0.1)
    strongest = attacks.damage(model, x, weight, attacks.strongest_attack(model, x, directions))
    each = [attacks.damage(model, x, weight, one_on_all_rows(model, x, directions[:, i])) for i in range(8)]
    assert (strongest > torch.stack(each).amax(0)).all()
    # Row by row it is the largest, and not more.
    row = torch.eye(200)[3][None]
    each = [attacks.damage(model, x, row, one_on_all_rows(model, x, directions[:, i])) for i in range(8)]
    chosen = attacks.damage(model, x, row, attacks.strongest_attack(model, x, directions))
    assert_close(chosen, torch.stack(each).amax(0))


def test_strongest_attacks_do_not_depend_on_the_rows_or_instances_beside_them(monkeypatch):
    model, x, _ = some()
    each = attacks.feature_attacks(model.W, 0.5)
    together = attacks.strongest_attack(model, x, each)
    monkeypatch.setattr(attacks, "_NUMBERS_AT_ONCE", 1)
    assert torch.equal(attacks.strongest_attack(model, x, each), together)
    alone = model.like({name: value[1:2] for name, value in model.named_parameters()})
    assert torch.equal(attacks.strongest_attack(alone, x, each[1:2]), together[1:2])


def test_attacks_of_one_model_can_be_tried_on_all():
    model, x, _ = some()
    each = attacks.feature_attacks(model.W[:1], 0.5)
    chosen = attacks.strongest_attack(model, x, each)
    assert torch.cdist(chosen[2], each[0]).amin(1).max() < 1e-3


def test_a_gradient_step_goes_where_a_linear_model_errs_most():
    model, x, _ = some(kind=st.LinearModel)
    step = attacks.gradient_attack(model, x, 0.2)
    gram = model.W.mT @ model.W
    slope = (model(x) - x) @ gram
    assert_close(step, 0.2 * torch.nn.functional.normalize(slope, dim=-1), rtol=0, atol=1e-5)


def test_where_all_outputs_are_off_there_is_no_gradient_to_follow():
    model = pentagon()
    model.b.fill_(-0.1)
    x = torch.zeros(1, 4, 5)
    assert not attacks.gradient_attack(model, x, 0.5).any()
    assert not attacks.projected_gradient_attack(model, x, 0.5).any()
    weight = torch.full((1, 4), 0.25)
    assert attacks.vulnerability(model, x, weight, 0.5) > 0.3  # and yet there is an attack
    assert attacks.vulnerability(model, x, weight, 0.05) == 0  # if it is large enough


@pytest.mark.parametrize("kind", [st.ReLUOutputModel, st.LinearModel, st.AbsoluteValueModel])
def test_many_steps_beat_one_and_one_beats_chance(kind):
    model, x, weight = some(kind=kind)
    norm = torch.tensor([0.1, 0.2, 0.4])
    random = attacks.random_attack(x.expand(3, -1, -1), norm)
    one, many = attacks.gradient_attack(model, x, norm), attacks.projected_gradient_attack(model, x, norm)
    assert (many.norm(dim=-1) <= norm[:, None] * (1 + 1e-5)).all()
    harm = [attacks.damage(model, x, weight, attack) for attack in (random, one, many)]
    assert (harm[0] < 0.5 * harm[1]).all()
    assert (harm[1] < harm[2]).all()


def test_many_steps_find_the_worst_for_a_linear_model():
    # At an input that is reconstructed well, the worst direction is the eigenvector of largest eigenvalue.
    model, _, _ = some(kind=st.LinearModel)
    model.b.zero_()
    x, weight = torch.zeros(3, 1, 8), torch.ones(1, 1)
    start = attacks.random_attack(x, 0.01)
    attack = attacks.projected_gradient_attack(model, x, 0.2, start=start, n_steps=300)
    largest = torch.linalg.eigvalsh(model.W @ model.W.mT)[:, -1]
    assert_close(attacks.damage(model, x, weight, attack), (0.2 * largest).square().double(), rtol=0.05, atol=0)


def test_random_attacks_are_those_of_their_instance():
    x = torch.zeros(3, 4, 6)
    attack = attacks.random_attack(x, 0.3, seed=2)
    assert_close(attack.norm(dim=-1), torch.full((3, 4), 0.3))
    assert torch.equal(attacks.random_attack(x[:2], 0.3, seed=2), attack[:2])
    assert not torch.equal(attack[0], attack[1])


def test_damage_is_what_the_attack_adds_to_the_loss():
    model, x, weight = some()
    attack = attacks.random_attack(x.expand(3, -1, -1), 0.4)
    error = [(weight * (model(z) - x).square().sum(-1)).sum(1) for z in (x, x + attack)]
    assert_close(attacks.damage(model, x, weight, attack).float(), error[1] - error[0])
    assert not attacks.damage(model, x, weight, 0 * attack).any()


def test_transferred_damage_has_the_own_one_on_its_diagonal():
    model, x, weight = some()
    attack = attacks.gradient_attack(model, x, 0.3)
    table = attacks.transferred_damage(model, x, weight, attack)
    assert_close(table.diagonal(), attacks.damage(model, x, weight, attack))
    assert_close(table[0, 1], attacks.damage(model, x, weight, attack[:1].expand(3, -1, -1))[1])
    assert (table.diagonal() > table.amin(0)).all()


def test_bystanders_are_neither_attacked_nor_active_nor_partners():
    data = st.CorrelatedSets(4, 2, 0.1)
    x = torch.tensor([[[0.0, 0, 0, 0.5, 0, 0, 0, 0]]])
    attack = torch.tensor([[[0.1, -0.9, 0.2, 0.2, 0.3, 0, 0, -0.4]]])
    left = attacks.on_bystanders(attack, x, data)
    assert_close(left, attack.norm() * torch.tensor([[[0, 0, 0, 0, 0.6, 0, 0, -0.8]]]))
    alone = attacks.on_bystanders(attack, x, st.Independent(8, 0.1))
    assert (alone[0, 0] != 0).tolist() == [True, False, True, False, True, False, False, True]


def test_without_attacks_adversarial_training_is_training():
    data = st.Independent(4, torch.tensor([[1.0], [0.3], [0.05]]))
    plain, attacked = (st.ReLUOutputModel(3, 4, 2, seed=3) for _ in range(2))
    record = st.train(plain, data, n_steps=600)
    attacks.train_adversarially(attacked, data, 0.0, n_steps=600, learning_rate=0.03)
    assert_close(st.expected_loss(attacked, data), record.loss, rtol=0.02, atol=0)


@pytest.mark.parametrize("kind", [st.ReLUOutputModel, st.LinearModel])
def test_gradients_under_attack_are_those_of_autograd(kind):
    model, data = kind(3, 8, 4, seed=2, dtype=torch.float64), st.Independent(8, 0.3, dtype=torch.float64)
    with torch.no_grad():
        model.W.mul_(2)
        model.b.add_(torch.linspace(-0.2, 0.2, 8))
    x, weight = data.expand(3).sample(20, torch.Generator().manual_seed(0))
    made = attacks.feature_attacks(model.W.detach(), 0.3)
    i = torch.randint(8, (3, 19), generator=torch.Generator().manual_seed(1))
    rows = attacks._under_attack(x, weight, made, i)
    loss, gradients = attacks._loss_and_gradients(model, *rows)
    by_row = (model(x[:, 1:] + torch.stack([m[k] for m, k in zip(made, i, strict=True)])) - x[:, 1:]).square().sum(-1)
    expected = (weight[:, 1:] * by_row).sum(1) + weight[:, 0] * model(made).square().sum(-1).mean(1)
    assert_close(loss, expected.detach())
    assert_close(attacks._loss(model, *rows), expected)
    for found, gradient in zip(gradients, torch.autograd.grad(expected.sum(), [model.W, model.b]), strict=True):
        assert_close(found, gradient)


def test_a_model_of_ones_own_is_trained_by_autograd_to_the_same():
    class Own(st.ReLUOutputModel):
        def read_out(self, h):
            return super().read_out(h)

    data, norm = st.Independent(4, 0.2), torch.tensor([0.3, 0.1])
    ours, own = st.ReLUOutputModel(2, 4, 2), Own(2, 4, 2)
    losses = [attacks.train_adversarially(model, data, norm, n_steps=20) for model in (ours, own)]
    assert_close(*losses, rtol=1e-3, atol=1e-5)


def test_training_against_an_attack_makes_it_do_less():
    data = st.Independent(6, 0.1)
    norm = torch.tensor([0.0, 0.2])
    model = st.ReLUOutputModel(2, 6, 2, seed=1).requires_grad_(False)
    losses = attacks.train_adversarially(model, data, norm, n_steps=400)
    x, weight = data.sample(2000, torch.Generator().manual_seed(0))
    harm = attacks.vulnerability(model, x, weight, 0.2)
    assert harm[1] < 0.7 * harm[0]
    assert losses[-50:, 1].mean() > losses[-50:, 0].mean()
    assert st.dimensions_per_feature(model.W).diff() > 0


def test_an_instance_does_not_depend_on_those_trained_beside_it():
    data, norm = st.Independent(4, 0.2), torch.tensor([0.3, 0.1])
    both, alone = st.ReLUOutputModel(2, 4, 2), st.ReLUOutputModel(1, 4, 2)
    attacks.train_adversarially(both, data, norm, n_steps=20)
    attacks.train_adversarially(alone, data, 0.3, n_steps=20)
    assert_close(alone.W, both.W[:1])


@pytest.mark.parametrize("kind", [st.ReLUHiddenModel, st.AbsoluteValueModel])
def test_models_that_are_not_linear_up_to_their_outputs_are_refused(kind):
    model, x, weight = some(kind=kind)
    with pytest.raises(
        TypeError, match=f"model must be linear up to its output, as ReLUOutputModel is, got {kind.__name__}"
    ):
        attacks.strongest_attack(model, x, torch.zeros(3, 1, 8))
    for refused in (
        lambda: attacks.vulnerability(model, x, weight, 0.1),
        lambda: attacks.train_adversarially(model, st.Independent(8, 0.1), 0.1),
    ):
        with pytest.raises(TypeError, match=f"model must be linear .* tied weights, got {kind.__name__}"):
            refused()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x, w: attacks.vulnerability(m, x, w, -0.1), "norm must be finite and not negative, got -0.1"),
        (lambda m, x, w: attacks.vulnerability(m, x, w, torch.ones(2)), "norm must be one number or one for each of 3"),
        (lambda m, x, w: attacks.gradient_attack(m, x, float("nan")), "norm must be finite"),
        (lambda m, x, w: attacks.gradient_attack(m, x[..., :5], 0.1), r"x must be \[1 or 3, ..., 8\]"),
        (lambda m, x, w: attacks.strongest_attack(m, x, torch.zeros(2, 1, 8)), r"attacks must be \[1 or 3, ..., 8\]"),
        (lambda m, x, w: attacks.projected_gradient_attack(m, x, 0.1, n_steps=0), "n_steps must be at least 1"),
        (
            lambda m, x, w: attacks.projected_gradient_attack(m, x, 0.1, start=torch.zeros(3, 7, 8)),
            r"start must have the shape of x, \[3, 200, 8\]",
        ),
        (
            lambda m, x, w: attacks.projected_gradient_attack(m, x, 0.1, start=torch.full((3, 200, 8), 0.04)),
            "start must be no longer than norm",
        ),
        (
            lambda m, x, w: attacks.damage(m, x, w[:, :1] / w[:, :1], torch.zeros(3, 200, 8)),
            "weight its first two axes",
        ),
        (lambda m, x, w: attacks.random_attack(x, 0.1, seed=-1), "seed must be at least 0"),
        (lambda m, x, w: attacks.on_bystanders(x, x, st.Independent(5, 0.1)), "attack and x must have 5 features"),
        (lambda m, x, w: attacks.dedicated_model(st.Independent(5, 0.1), 6), "n_hidden must be at most the data's 5"),
        (lambda m, x, w: attacks.train_adversarially(m, st.Independent(7, 0.1), 0.1), "data must have the model's 8"),
        (lambda m, x, w: attacks.feature_attacks(m.W / 0, 0.1), "W must be finite"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(*some())
