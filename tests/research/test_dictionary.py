import pickle

import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.lattice import weighted_batches
from supertoy._util.generators import keyed_generator
from supertoy.loss import expected_value
from supertoy.research.descent import minimize
from supertoy.research.dictionary import Activations, SparseAutoencoder, _Step, sparse_loss, train_together


def rotation(n, seed=0):
    return torch.linalg.qr(torch.randn(n, n, generator=torch.Generator().manual_seed(seed)))[0]


def linear(*W):
    """A model that does nothing but W x."""
    W = torch.stack(W)
    return st.LinearModel(len(W), W.shape[2], W.shape[1], dtype=W.dtype).like({"W": W, "b": torch.zeros_like(W[:, 0])})


def one_at_a_time(n=4):
    return st.AnticorrelatedSets(1, n, 0.5)


def mean_max_cosine(coder, W):
    return (normalize(W.mT, dim=-1) @ coder.directions.detach().mT).amax(-1).mean(-1)


def table(n_rows=300, n_hidden=3, n_instances=1):
    h = torch.randn(n_instances, n_rows, n_hidden, generator=torch.Generator().manual_seed(1)).relu()
    return st.Samples(h * torch.tensor([1.0, 0.5, 0.3])[:n_hidden])


# The autoencoder


def test_it_starts_with_random_unit_directions_that_its_encoder_sees():
    coder = SparseAutoencoder(2, 5, 3, seed=4)
    for k in range(2):
        drawn = torch.randn(3, 5, generator=keyed_generator(4, k, "decoder"))
        assert torch.equal(coder.decoder[k], normalize(drawn, dim=-1))
    assert torch.equal(coder.encoder, coder.decoder.mT)
    assert not coder.encoder_bias.any()
    z = coder.latents(coder.directions)  # each direction as an input
    assert_close(z.diagonal(dim1=1, dim2=2), torch.ones(2, 3))
    assert torch.equal(SparseAutoencoder(1, 5, 3, seed=4).decoder, coder.decoder[:1])
    assert not torch.equal(SparseAutoencoder(1, 5, 3, seed=5).decoder, coder.decoder[:1])
    assert SparseAutoencoder(1, 5, 3, dtype=torch.float64).encoder.dtype == torch.float64


def test_fresh_restarts_start_the_same_way():
    coder, own = SparseAutoencoder(4, 3, 6), SparseAutoencoder(4, 3, 6).decoder
    record = st.train(coder, table(), loss=sparse_loss(0.1), n_steps=20, n_restarts=6, snapshot_steps=[0])
    fresh, start = record.restart > 0, record.snapshots[0]
    assert fresh.any()
    assert torch.equal(start["encoder"], start["decoder"].mT)
    assert_close(start["decoder"].norm(dim=-1), torch.ones(4, 6))
    assert not start["encoder_bias"].any()
    assert torch.equal(start["decoder"][~fresh], own[~fresh])
    together = torch.cat([start["decoder"][fresh], own[fresh]]).flatten(1)
    assert len(together.unique(dim=0)) == len(together)


def test_a_frozen_encoder_stays_in_all_restarts():
    coder = SparseAutoencoder(2, 3, 6)
    with torch.no_grad():
        coder.encoder.mul_(0.7)
    coder.encoder.requires_grad_(False)
    before = coder.encoder.clone()
    record = st.train(coder, table(), loss=sparse_loss(0.1), n_steps=20, n_restarts=4, snapshot_steps=[0, 20])
    assert torch.equal(coder.encoder, before)
    assert all(torch.equal(state["encoder"], before) for state in record.snapshots.values())


def test_latents_and_outputs_are_what_the_formulas_say():
    coder = SparseAutoencoder(1, 2, 3)
    coder = coder.like({
        "decoder": torch.tensor([[[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]]]),
        "encoder": torch.tensor([[[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]]]),
        "encoder_bias": torch.tensor([[-0.5, 0.0, 0.0]]),
    })  # fmt: skip
    h = torch.tensor([[[2.0, 1.0], [0.2, -1.0], [-2.0, 0.5]]])
    z = torch.tensor([[[1.5, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.5, 2.0]]])
    assert_close(coder.latents(h), z)
    assert_close(coder(h), torch.tensor([[[1.5, 1.0], [0.0, 0.0], [-2.0, 0.5]]]))
    weight = torch.tensor([[0.5, 0.3, 0.2]])
    error, price = torch.tensor([[0.25, 1.04, 0.0]]), torch.tensor([[2.5, 0.0, 2.5]])
    assert_close(sparse_loss(0.4)(coder, h, weight), (weight * (error + 0.4 * price)).sum(1))
    assert_close(sparse_loss()(coder, h, weight), (weight * error).sum(1))


@pytest.mark.parametrize("k", [1, 3])
def test_top_k_keeps_the_k_largest_latents_of_each_row(k):
    coder, all_of_it = SparseAutoencoder(2, 4, 10, k=k, seed=1), SparseAutoencoder(2, 4, 10, seed=1)
    h = torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(0))
    z, free = coder.latents(h), all_of_it.latents(h)
    positive = (free > 0).sum(-1)
    assert (positive >= k).float().mean() > 0.8
    assert torch.equal((z > 0).sum(-1), positive.clamp(max=k))  # fewer only where the ReLU leaves fewer
    kept = free.sort(dim=-1, descending=True).values[..., :k]
    assert torch.equal(z.sort(dim=-1, descending=True).values[..., :k], kept)
    assert torch.equal(z[z > 0], free[z > 0])


@pytest.mark.parametrize(("k", "l1"), [(None, 0.2), (1, 0.0)])
def test_orthogonal_directions_are_recovered(k, l1):
    W = torch.stack([rotation(4), rotation(4, seed=1)])
    coder = SparseAutoencoder(2, 4, 8, k=k)
    record = st.train(coder, Activations(linear(*W), one_at_a_time()), loss=sparse_loss(l1), n_steps=300)
    assert record.path == "autograd"
    assert (mean_max_cosine(coder, W) > 0.95).all()
    assert (mean_max_cosine(SparseAutoencoder(2, 4, 8), W) < 0.85).all()


def test_more_directions_than_dimensions_are_recovered():
    data = st.Independent(5, 0.05)
    model = st.ReLUOutputModel(1, 5, 2)
    st.train(model, data)
    for k, l1 in ((None, 0.2), (1, 0.0)):
        coder = SparseAutoencoder(1, 2, 10, k=k)
        st.train(coder, Activations(model, data), loss=sparse_loss(l1), n_steps=400)
        assert mean_max_cosine(coder, model.W) > 0.95


def test_restarts_are_never_worse_than_one_start_and_some_are_better():
    h, loss = table(n_instances=4), sparse_loss(0.3)
    one, several = (st.train(SparseAutoencoder(4, 3, 3), h, loss=loss, n_steps=200, n_restarts=n).loss for n in (1, 8))
    assert (several <= 1.001 * one).all()
    assert (several < 0.98 * one).any()


def test_a_price_along_one_direction_is_half_of_it():
    h = st.Samples(torch.linspace(0.5, 1, 101)[:, None])
    coder = SparseAutoencoder(1, 1, 2)
    st.train(coder, h, loss=sparse_loss(0.2), n_restarts=6)
    assert_close(coder(h.x), h.x - 0.1, rtol=0, atol=0.005)


def test_each_instance_may_have_a_price_of_its_own():
    h, prices = table(n_instances=3), [0.05, 0.3, 1.0]
    coder = SparseAutoencoder(3, 3, 6)
    coder.register_buffer("price", torch.tensor(prices))
    options = {"n_steps": 100, "n_restarts": 3}
    record = st.train(coder, h, loss=sparse_loss("price"), **options)
    assert_close(record.loss, expected_value(sparse_loss("price"), coder, h))
    for k, price in enumerate(prices):
        alone = SparseAutoencoder(3, 3, 6).select([k])
        loss = st.train(alone, h.select(slice(k, k + 1)), loss=sparse_loss(price), first_instance=k, **options).loss
        assert_close(record.loss[k : k + 1], loss, rtol=1e-3, atol=0)
    n_used = (coder.latents(h.x) > 0.01).float().sum(-1).mean(-1)
    assert n_used[0] > n_used[1] > n_used[2]


def test_an_instance_does_not_depend_on_those_beside_it():
    model = linear(*(rotation(3, seed) for seed in range(3)))
    data = st.Independent(3, torch.tensor([[0.1], [0.3], [0.2]]))
    options = {"loss": sparse_loss(0.2), "n_steps": 30, "n_restarts": 3}
    three, two = SparseAutoencoder(3, 3, 5), SparseAutoencoder(2, 3, 5)
    st.train(three, Activations(model, data), **options)
    st.train(two, Activations(model, data).select(slice(0, 2)), **options)
    for one, other in zip(two.parameters(), three.parameters(), strict=True):
        assert_close(one, other[:2], rtol=1e-3, atol=1e-4)


def test_it_trains_as_well_as_plain_pytorch():
    h = table(n_rows=1000, n_hidden=3)
    x = h.x[0]
    coder = SparseAutoencoder(1, 3, 6)
    D = coder.decoder[0].detach().clone().requires_grad_()
    E, a = D.detach().T.clone().requires_grad_(), torch.zeros(6, requires_grad=True)
    adam = torch.optim.Adam([D, E, a], lr=0.01)
    for _ in range(1000):
        z = torch.relu(x @ E + a)
        error = x - z @ (D / D.norm(dim=1, keepdim=True))
        loss = (error**2).sum(1).mean() + 0.2 * z.sum(1).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    record = st.train(coder, h, loss=sparse_loss(0.2), n_restarts=1)
    assert_close(record.loss.item(), loss.item(), rtol=0.03, atol=0)


def outputs(model, x):
    return model(x)


def test_a_sweep_in_shards_with_a_store_is_the_same_and_goes_on(tmp_path):
    model = linear(*(rotation(3, seed) for seed in range(2)))
    h = Activations(model, st.Independent(3, 0.2))
    options = {"loss": sparse_loss(0.1), "n_steps": 20, "n_restarts": 2, "snapshot_steps": [10]}
    whole, cut, again = (SparseAutoencoder(2, 3, 5, k=2) for _ in range(3))
    record = st.train(whole, h, **options)
    swept = st.sweep(cut, h, store=tmp_path, shard_size=1, **options)
    for name, value in record.snapshots[10].items():
        assert_close(swept.snapshots[10][name], value, rtol=1e-3, atol=1e-4)
    st.sweep(again, pickle.loads(pickle.dumps(h)), store=tmp_path, shard_size=1, **options)
    assert torch.equal(again.decoder, cut.decoder)
    for changed in (Activations(linear(*(2 * model.W.detach())), h.data), Activations(model, h.data, outputs)):
        with pytest.raises(ValueError, match=r"holds another sweep, which differs in data"):
            st.sweep(SparseAutoencoder(2, 3, 5, k=2), changed, store=tmp_path, shard_size=1, **options)


# Many at once, with gradients by hand


@pytest.mark.parametrize("k", [None, 2])
def test_the_gradients_are_those_of_autograd(k):
    coder = SparseAutoencoder(3, 4, 10, k=k, seed=1, dtype=torch.float64)
    with torch.no_grad():
        for parameter in coder.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
    h = torch.randn(3, 4, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = torch.rand(3, 50, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weight /= weight.sum(1, keepdim=True)
    expected = sparse_loss(0.3)(coder, h.mT, weight)
    expected.sum().backward()
    step = _Step(coder, 0.3, 50)
    loss = step.forward_and_backward(torch.cat([h, torch.ones_like(h[:, :1])], dim=1), weight)
    encoder, decoder = step.gradients
    assert_close(loss, expected.detach(), rtol=1e-12, atol=0)
    assert_close(decoder.mT, coder.decoder.grad, rtol=1e-9, atol=1e-12)
    assert_close(encoder[:, :-1], coder.encoder.grad, rtol=1e-9, atol=1e-12)
    assert_close(encoder[:, -1], coder.encoder_bias.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("k", [None, 2])
def test_it_goes_where_a_descent_by_autograd_goes(k):
    """On the same batches, also where instances are trained in several parts."""
    W, data = torch.stack([rotation(4, seed) for seed in range(3)]).double(), st.Independent(4, 0.3)
    ours, theirs = (SparseAutoencoder(3, 4, 8, k=k, dtype=torch.float64) for _ in range(2))
    options = {"n_steps": 40, "batch_size": 32, "seed": 5}

    def loss(x, weight):
        return sparse_loss(0.2)(theirs, x @ W.mT, weight)

    expected = minimize(loss, [*theirs.parameters()], data, **options)
    assert_close(train_together([ours], Activations(linear(*W), data), l1=0.2, **options)[0], expected, rtol=1e-9, atol=0)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(one.detach(), other, rtol=1e-7, atol=1e-9)


def test_parts_and_sizes_change_nothing(monkeypatch):
    data = Activations(linear(*(rotation(3, seed) for seed in range(3))), st.Independent(3, 0.2))
    options = {"l1": 0.2, "n_steps": 30, "batch_size": 64}
    together = [SparseAutoencoder(3, 3, n) for n in (4, 6)]
    losses = train_together(together, data, **options)
    monkeypatch.setattr("supertoy.research.dictionary._NUMBERS_AT_ONCE", 1)
    for coder, loss in zip(together, losses, strict=True):
        alone = SparseAutoencoder(3, 3, coder.shapes["decoder"][0])
        assert_close(train_together([alone], data, **options)[0], loss, rtol=1e-4, atol=0)
        assert_close(alone.decoder, coder.decoder, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"coders": [SparseAutoencoder(1, 3, 4), SparseAutoencoder(2, 3, 4)]},
            r"coders must share one number .*, got \[\(1, 3\), \(2, 3\)\]",
        ),
        ({"coders": [SparseAutoencoder(1, 2, 4)]}, "data must have 2 dimensions and 1 or 1 instances"),
        ({"coders": [SparseAutoencoder(1, 3, 4).requires_grad_(False)]}, "coders must have no frozen parameters"),
        ({"l1": -0.1}, "l1 must be finite and not negative"),
        ({"n_steps": 0}, "n_steps must be at least 1"),
        ({"batch_size": 3}, "batch_size must be at least 4"),
        ({"learning_rate": 0.0}, "learning_rate must be finite and above 0"),
    ],
)
def test_what_cannot_be_trained_together_is_refused(change, message):
    options = {"coders": [SparseAutoencoder(1, 3, 4)], "data": table(), "n_steps": 1, **change}
    with pytest.raises(ValueError, match=message):
        train_together(options.pop("coders"), options.pop("data"), **options)


def test_a_loss_that_is_no_number_is_said_with_step_and_instance():
    coder = SparseAutoencoder(2, 3, 4)
    with torch.no_grad():
        coder.decoder[1].mul_(torch.inf)
    with pytest.raises((FloatingPointError, ValueError), match=r"loss became nan at step 1, instance 1|must be finite"):
        train_together([coder], table(), n_steps=2)


# Activations


def test_weighted_means_are_those_of_the_data():
    x = torch.rand(2, 20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    data, W = st.Samples(x, torch.arange(1, 21) / 210), torch.stack([rotation(3), 2 * rotation(3, seed=1)]).double()
    h, weight = Activations(linear(*W), data).sample(20)
    assert_close((weight[..., None] * h).sum(1), (W @ data.moments()[0][..., None])[..., 0], rtol=1e-12, atol=0)


def test_samples_have_the_zero_vector_with_its_exact_weight_and_the_rows_of_the_data():
    W, data = torch.stack([rotation(3)[:2], rotation(3, seed=1)[:2]]), st.Independent(3, 0.2)
    x, weight = data.sample(16, keyed_generator(0, 0, "test"))
    h, w = Activations(linear(*W), data).sample(16, keyed_generator(0, 0, "test"))
    assert_close(h, x @ W.mT)
    assert torch.equal(w, weight.expand(2, -1))
    assert not h[:, 0].any()
    assert_close(w[:, 0].double(), torch.full((2,), 0.8**3, dtype=torch.float64))


@pytest.mark.parametrize("n_settings", [1, 2])
def test_batches_are_those_of_the_data(n_settings):
    W = torch.stack([rotation(3)[:2], rotation(3, seed=1)[:2]])[:n_settings]
    data = st.Independent(3, torch.tensor([[0.2], [0.6]])[:n_settings])

    def generators():
        return [keyed_generator(0, k, "test") for k in range(2)]

    inner = weighted_batches(data, 16, 3, generators())
    outer = weighted_batches(Activations(linear(*W), data), 16, 3, generators())
    for (x, weight), (h, w) in zip(inner, outer, strict=True):
        assert_close(h, W @ x)
        assert torch.equal(w, weight)


def test_a_subclass_that_samples_in_a_way_of_its_own_is_sampled():
    class Doubled(Activations):
        def sample(self, batch_size, generator=None):
            h, weight = super().sample(batch_size, generator)
            return 2 * h, weight

    x = torch.rand(10, 3)
    plain, doubled = (kind(linear(rotation(3)), st.Samples(x)) for kind in (Activations, Doubled))
    (h, _), (twice, _) = (next(weighted_batches(data, 10, 1, [torch.Generator()])) for data in (plain, doubled))
    assert_close(twice, 2 * h)


def test_what_is_read_can_be_anything_and_is_taken_from_the_model_as_it_was():
    model, data = st.ReLUHiddenModel(2, 3, 4), st.Independent(3, 0.5)
    outputs = Activations(model, data, read=lambda model, x: model(x))
    h = Activations(model, data)
    assert (outputs.n_features, h.n_features, h.n_instances, h.dtype) == (3, 4, 2, torch.float32)
    x, _ = data.sample(8, keyed_generator(0, 0, "test"))
    then, hidden = model(x).detach(), model.hidden(x).detach()
    with torch.no_grad():
        model.W.zero_()
    for activations, expected in ((outputs, then), (h, hidden)):
        found, _ = activations.sample(8, keyed_generator(0, 0, "test"))
        assert torch.equal(found, expected)
        assert not found.requires_grad


def test_a_part_or_a_multiple_or_another_precision_of_activations_is_that_of_model_and_data():
    model = linear(*(rotation(3, seed) for seed in range(3)))
    x = torch.rand(3, 5, 3)
    h = Activations(model, st.Samples(x))
    expected = x @ model.W.detach().mT
    assert torch.equal(h.select(slice(1, 3)).sample(5)[0], expected[1:])
    assert torch.equal(h.select(torch.tensor([2, 0])).sample(5)[0], expected[[2, 0]])
    one = h.select(slice(1, 2))
    assert torch.equal(one.expand(2).sample(5)[0], expected[[1, 1]])
    assert one.select(torch.tensor([0, 0])).n_instances == 1  # a single one fits all
    precise = h.to(dtype=torch.float64)
    assert precise.dtype == precise.sample(5)[0].dtype == torch.float64
    assert_close(precise.sample(5)[0], x.double() @ model.W.detach().double().mT, rtol=1e-12, atol=1e-14)
    assert model.W.dtype == torch.float32
    assert repr(h).startswith("Activations(model=LinearModel(n_instances=3, W [3, 3], b [3], torch.float32), data=Samples(")


def test_buffers_of_the_model_go_with_its_instances():
    model = linear(*(rotation(2, seed) for seed in range(3)))
    model.register_buffer("gain", torch.tensor([1.0, 2.0, 3.0]))

    def gained(model, x):
        return model.gain[:, None, None] * model.hidden(x)

    x = torch.rand(4, 2)
    h, _ = Activations(model, st.Samples(x), gained).select(slice(2, 3)).to(dtype=torch.float64).sample(4)
    assert_close(h, 3 * (x @ model.W[2].detach().T).double()[None], rtol=1e-5, atol=1e-6)


def test_one_model_serves_many_autoencoders_and_its_measures_are_those_of_any_model():
    h = Activations(linear(rotation(3)), st.Independent(3, 0.2))
    coders = SparseAutoencoder(3, 3, 6)
    record = st.train(coders, h, loss=sparse_loss(0.1), n_steps=200, n_restarts=2)
    assert record.loss.shape == (3,)
    x, weight = h.sample(20_000, keyed_generator(0, 0, "test"))
    assert_close(record.loss.float(), sparse_loss(0.1)(coders, x, weight.expand(3, -1)).detach(), rtol=0.05, atol=0)
    assert (st.expected_loss(coders, h) < record.loss).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SparseAutoencoder(0, 2, 3), ValueError, "n_instances must be at least 1, got 0"),
        (lambda: SparseAutoencoder(1, 0, 2), ValueError, "n_hidden must be at least 1, got 0"),
        (lambda: SparseAutoencoder(1, 2, 0), ValueError, "n_latents must be at least 1, got 0"),
        (lambda: SparseAutoencoder(1, 2, 3, k=0), ValueError, "k must be at least 1, got 0"),
        (lambda: SparseAutoencoder(1, 2, 3, k=4), ValueError, "n_latents must be at least 4, got 3"),
        (lambda: SparseAutoencoder(1, 2, 3, seed=-1), ValueError, "seed must be at least 0"),
        (lambda: sparse_loss(-0.1), ValueError, "l1 must be finite and not negative"),
        (lambda: trained_by("l2"), TypeError, "with a buffer 'l2' if that is no number"),
        (lambda: trained_by(0.1, st.LinearModel(1, 3, 2)), TypeError, "must be a SparseAutoencoder.*got LinearModel"),
        (
            lambda: Activations(st.LinearModel(1, 3, 2), st.Independent(4, 0.5)),
            ValueError,
            "data must have the features .*got Independent.n_features=4",
        ),
        (lambda: Activations(SparseAutoencoder(1, 3, 4), table()), TypeError, "read must be a function .*got None"),
        (lambda: Activations(st.LinearModel(1, 3, 2), table(), read=lambda m, x: x.sum(-1)), ValueError, "read must give"),
        (lambda: Activations(st.LinearModel(1, 3, 2), table(), lambda m, x: x.double()), ValueError, "got torch.float64"),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def trained_by(l1, coder=None):
    st.train(coder or SparseAutoencoder(1, 3, 4), table(), loss=sparse_loss(l1), n_steps=1)
