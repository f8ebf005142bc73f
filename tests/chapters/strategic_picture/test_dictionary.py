import pytest
import torch
from sklearn.decomposition import sparse_encode
from torch.nn.functional import normalize
from torch.testing import assert_close

import supertoy as st
from supertoy._util.generators import keyed_generator
from supertoy.chapters.strategic_picture.dictionary import (
    learn_dictionary,
    sample_each,
    train_autoencoder,
    train_autoencoders,
    unfold,
)
from supertoy.chapters.strategic_picture.dictionary_scores import dead, mean_max_cosine, share_found


def rotation(n, seed=0):
    return torch.linalg.qr(torch.randn(n, n, generator=torch.Generator().manual_seed(seed)))[0]


def one_at_a_time(n=4):
    """Never two features active: h is one direction times a number."""
    return st.AnticorrelatedSets(1, n, 0.5)


def sample(data, W, seed=5):
    x, weight = data.sample(2048, keyed_generator(seed, 0, "test"))
    return x @ W.mT, x, weight


@pytest.fixture(scope="module")
def trained():
    """A model with four times as many features as dimensions."""
    data = st.Independent(40, 0.01)
    model = st.ReLUOutputModel(1, 40, 10)
    st.train(model, data)
    return model.W.detach(), data


def test_an_autoencoder_recovers_an_orthonormal_dictionary():
    W = torch.stack([rotation(4), 10 * rotation(4, seed=1)])
    found = train_autoencoder(W, one_at_a_time(), n_latents=8, n_steps=500)
    assert_close(found.directions.norm(dim=-1), torch.ones(2, 8))
    assert (mean_max_cosine(found.directions, W.mT) > 0.999).all()
    h, _, weight = sample(one_at_a_time(), W)
    silent = dead(found.latents(h), weight)
    # Each direction that is in use is a true one, whether or not it came twice.
    nearest = (normalize(W.mT, dim=-1) @ found.directions.mT).amax(1)
    assert (nearest[~silent] > 0.99).all()


def test_dictionary_learning_recovers_an_orthonormal_dictionary():
    W = rotation(4)
    h = one_at_a_time().sample_active(1000, keyed_generator(0, 0, "test"))[0] @ W.T
    found = learn_dictionary(torch.cat([torch.zeros(500, 4), h]), 4)
    assert_close(found.norm(dim=1), torch.ones(4))
    assert mean_max_cosine(found[None], W.T[None]) > 0.999
    assert torch.equal(found, learn_dictionary(h, 4))  # rows of zeros do not matter


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_the_price_means_the_same_at_every_scale(scale):
    W, data = rotation(4)[None], one_at_a_time()
    h = sample(data, W)[0]
    some, others = (train_autoencoder(c * W, data, n_latents=6, n_steps=100) for c in (1.0, scale))
    assert_close(others.directions, some.directions, rtol=0, atol=1e-3)
    assert_close(others(scale * h), scale * some(h), rtol=0, atol=1e-3 * scale)
    learnt, again = (learn_dictionary(c * h[0, 1:300], 6) for c in (1.0, scale))
    assert_close(again, learnt, rtol=0, atol=1e-3)


def test_a_penalty_takes_half_its_price_from_a_single_latent():
    W, data = torch.ones(2, 1, 1), st.Independent(1, torch.tensor([[1.0], [0.1]]))  # however rarely the feature is active
    h = torch.linspace(0, 1, 101)[:, None].repeat(2, 1, 1)
    length = (1 / 3) ** 0.5
    found = train_autoencoder(W, data, n_latents=1, l1=0.1, n_starts=6)  # a start may point the other way
    assert_close(found.directions, torch.ones(2, 1, 1))
    # Of (h - z)² + l1 z, were z free in each row. One line ReLU(e h + a) can be it in all.
    assert_close(found(h), (h - 0.05 * length).relu(), rtol=0, atol=0.01)
    assert_close(unfold(h[0], torch.ones(1, 1), l1=0.1), 0.95 * h[0])


def test_most_features_of_a_trained_model_are_found(trained):
    W, data = trained
    represented = st.feature_norms(W) > 0.5
    assert represented.sum() > 30
    found = train_autoencoder(W, data, n_latents=80, n_steps=500).directions
    assert share_found(found, W.mT, mask=represented) > 0.9
    h = data.sample_active(1500, keyed_generator(0, 0, "test"))[0] @ W[0].T
    assert share_found(learn_dictionary(h, 80)[None], W.mT, mask=represented) > 0.9


def test_features_that_are_active_half_of_the_time_are_not_found(trained):
    W, _ = trained
    found = train_autoencoder(W, st.Independent(40, 0.5), n_latents=80, n_steps=500).directions
    assert share_found(found, W.mT) < 0.2


def test_a_seed_decides():
    W, data = rotation(3)[None], st.Independent(3, 0.2)
    one, same, other = (train_autoencoder(W, data, n_latents=4, n_steps=5, seed=seed).directions for seed in (1, 1, 2))
    assert torch.equal(one, same)
    # Five steps bring no random start to another one.
    assert mean_max_cosine(other, one) < 0.98
    h = data.sample_active(200, keyed_generator(0, 0, "test"))[0] @ W[0].T
    one, same, other = (learn_dictionary(h, 6, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_an_instance_does_not_depend_on_those_beside_it():
    W = torch.stack([rotation(3, seed) for seed in range(3)])
    data = st.Independent(3, torch.tensor([[0.1], [0.3], [0.2]]))
    options = {"n_latents": 5, "n_starts": 2, "n_steps": 20}
    fewer = train_autoencoder(W[:2], data.select(slice(0, 2)), **options)
    for one, other in zip(fewer.parameters(), train_autoencoder(W, data, **options).parameters(), strict=True):
        assert_close(one, other[:2])


def test_each_of_several_sizes_is_what_it_would_be_alone():
    W, data = torch.stack([rotation(3), rotation(3, seed=1)]), st.Independent(3, 0.2)
    options = {"n_starts": 2, "n_steps": 30, "seed": 4}
    together = train_autoencoders(W, data, n_latents=[3, 8], **options)
    for n_latents, found in zip((3, 8), together, strict=True):
        alone = train_autoencoder(W, data, n_latents=n_latents, **options)
        for one, other in zip(found.parameters(), alone.parameters(), strict=True):
            assert_close(one, other)


def test_of_several_starts_the_best_is_kept():
    W, data = torch.stack([rotation(3), rotation(3, seed=1)]), st.Independent(3, 0.2)
    h, _, weight = sample(data, W)

    def loss(found):
        z, length = found.latents(h), (weight * h.square().sum(-1)).sum(1) / weight[:, 1:].sum(1)
        return (weight * ((found(h) - h).square().sum(-1) / length[:, None] + 0.3 * z.sum(-1) / length.sqrt()[:, None])).sum(
            1
        )

    one, several = (loss(train_autoencoder(W, data, n_latents=3, n_starts=n, n_steps=300)) for n in (1, 12))
    assert (several < 1.01 * one).all()
    assert (several < 0.9 * one).any()


def test_training_leaves_the_weights_alone_and_hands_out_no_gradients(trained):
    W, data = trained
    parameter = torch.nn.Parameter(W.clone())
    found = train_autoencoder(parameter, data, n_latents=3, n_steps=5)
    assert torch.equal(parameter, W)
    assert parameter.grad is None
    assert not found.directions.requires_grad


def test_ten_steps_lead_where_they_led_before():
    """The chapter's numbers: of the class that was here before the core had one."""
    W = torch.tensor([[[1.0, 0.2, -0.5], [0.0, 0.8, 0.6]], [[0.3, -1.0, 0.4], [0.9, 0.1, -0.7]]], dtype=torch.float64)
    data = st.Independent(3, torch.tensor([[0.1], [0.3]]))
    found = train_autoencoder(W, data, n_latents=3, n_starts=2, n_steps=10, batch_size=64, seed=3)
    decoder = [[0.93691086, 0.19951962], [-0.42799148, -0.90378273], [-0.44527767, 0.95401943]]
    encoder = [[-0.69166946, -0.74109527, 0.22933538], [0.23073347, 0.09160329, 0.90331031]]
    bias = [[-0.03065297, 0.0, -0.03866924], [-0.11789853, -0.11826265, -0.03284068]]
    for value, before in ((found.decoder[0], decoder), (found.encoder[1], encoder), (found.encoder_bias, bias)):
        assert_close(value, torch.tensor(before, dtype=torch.float64), rtol=0, atol=1e-6)


def test_unfolding_gives_back_the_codes_of_sparse_sums(trained):
    W, _ = trained
    directions = normalize(W[0].T, dim=1)
    x = torch.zeros(40, 40)
    x[range(40), range(40)], x[range(40), [*range(1, 40), 0]] = 1.0, 0.5
    codes = unfold(x @ directions, directions)
    assert (codes >= 0).all()
    assert ((codes - x).abs().amax(1) < 0.1).float().mean() > 0.9
    order = torch.arange(39, -1, -1)
    assert_close(unfold(x @ directions, directions[order])[:, order], codes, rtol=0, atol=1e-4)


@pytest.mark.parametrize("l1", [0.01, 0.3])
def test_unfolding_is_the_lasso_of_scikit_learn(l1):
    generator = torch.Generator().manual_seed(0)
    directions, h = torch.randn(2, 60, 8, generator=generator, dtype=torch.float64).unbind(0)
    directions = normalize(torch.cat([directions, directions[:20] + 1e-3 * h[:20], 0 * directions[:1]]), dim=1)  # some twice
    codes, rows = unfold(h, directions, l1=l1), normalize(h, dim=1)
    expected = sparse_encode(rows.numpy(), directions.numpy(), algorithm="lasso_lars", alpha=l1 / 2, positive=True)

    def cost(z):
        return (rows - z @ directions).square().sum(1) + l1 * z.sum(1)

    found = codes / h.norm(dim=1, keepdim=True)
    assert_close(cost(found), cost(torch.as_tensor(expected)), rtol=0, atol=1e-9)
    assert_close(found @ directions, torch.as_tensor(expected) @ directions, rtol=0, atol=1e-5)
    assert 2 < (codes > 0).sum(1).double().mean() <= 8
    assert not codes[:, -1].any()


def test_unfolding_says_if_it_does_not_get_there(monkeypatch):
    monkeypatch.setattr("supertoy.chapters.strategic_picture.dictionary._MOST_STEPS", 3)
    with pytest.raises(FloatingPointError, match=r"codes are not the least: in [1-5] rows"):
        unfold(torch.rand(5, 3), rotation(3))


def test_unfolding_takes_each_row_by_itself():
    directions = rotation(3)
    h = torch.tensor([[0.5, 1.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.2]]) @ directions
    codes = unfold(h, directions)
    assert_close(codes[:1], unfold(h[:1], directions))
    assert_close(unfold(7 * h, directions), 7 * codes)
    assert not codes[1].any()
    with_zeros = torch.cat([directions, torch.zeros(1, 3)])
    assert_close(unfold(h, with_zeros), torch.cat([codes, torch.zeros(3, 1)], dim=1))
    assert not unfold(h, torch.zeros(2, 3)).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W": torch.full((1, 2, 3), torch.nan)}, "W must be finite"),
        ({"W": torch.stack([torch.ones(2, 3), torch.zeros(2, 3)])}, "W must not be zero, got zero at instance 1"),
        ({"W": torch.ones(1, 2, 4)}, "data must have 4 features and 1 or 1 instances, as W has, got 3 and 1"),
        ({"data": st.Independent(3, torch.full((2, 1), 0.5))}, "data must have 3 features .* got 3 and 2"),
        ({"n_latents": 0}, "n_latents must be at least 1"),
        ({"n_starts": 0}, "n_starts must be at least 1"),
        ({"n_steps": 0}, "n_steps must be at least 1"),
        ({"l1": 0.0}, "l1 must be finite and above 0"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_an_autoencoder_refuses_bad_arguments(change, message):
    options = {"W": torch.ones(1, 2, 3), "data": st.Independent(3, 0.5), "n_latents": 4, **change}
    with pytest.raises(ValueError, match=message):
        train_autoencoder(options.pop("W"), options.pop("data"), **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: learn_dictionary(torch.full((3, 2), torch.inf), 2), "h must be finite"),
        (lambda: learn_dictionary(torch.zeros(3, 2), 2), "h must have a row that is not zero"),
        (lambda: learn_dictionary(torch.ones(3, 2), 0), "n_latents must be at least 1"),
        (lambda: learn_dictionary(torch.ones(3, 2), 2, n_passes=0), "n_passes must be at least 1"),
        (lambda: learn_dictionary(torch.ones(3, 2), 2, l1=-1.0), "l1 must be finite and above 0"),
        (lambda: learn_dictionary(torch.ones(3, 2), 2, seed=-1), "seed must be at least 0"),
        (lambda: unfold(torch.full((3, 2), torch.nan), torch.eye(2)), "h must be finite"),
        (lambda: unfold(torch.ones(3, 2), torch.full((2, 2), torch.nan)), "directions must be finite"),
        (lambda: unfold(torch.ones(3, 2), torch.eye(2), l1=0.0), "l1 must be finite and above 0"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_each_instance_draws_its_own_sample_whatever_is_beside_it():
    data = st.Independent(3, torch.tensor([[0.5], [0.1]]))
    x, weight = sample_each(data, 2, 64, seed=3, purpose="test")
    assert x.shape == (2, 64, 3)
    assert_close(weight.sum(1), torch.ones(2))
    alone, _ = sample_each(data.select(slice(0, 1)), 1, 64, seed=3, purpose="test")
    assert torch.equal(alone[0], x[0])
    same_setting, _ = sample_each(st.Independent(3, 0.5), 2, 64, seed=3, purpose="test")
    assert torch.equal(same_setting[0], x[0])
    assert not torch.equal(same_setting[0], same_setting[1])
    assert not torch.equal(sample_each(data, 2, 64, seed=3, purpose="other")[0], x)
