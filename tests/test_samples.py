"""Finite data sets and data of one's own: which rows are drawn, what they weigh, and that means are unbiased."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.lattice import batches, weighted_batches
from supertoy._util.generators import keyed_generator
from tests.strategies import KINDS, distributions


def numbered(n_rows, n_instances=1):
    """Rows that tell their number, and another one in each instance."""
    number = torch.arange(n_rows, dtype=torch.float64)
    return torch.stack([torch.stack([number, number + 100 * k], dim=1) for k in range(n_instances)])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_moments_are_weighted_sums():
    x = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    mean, second = st.Samples(x, torch.tensor([0.25, 0.75])).moments()
    assert_close(mean, torch.tensor([[2.5, -0.25]], dtype=torch.float64))
    assert_close(second, torch.tensor([[[7.0, -1.75], [-1.75, 1.75]]], dtype=torch.float64))
    assert_close(st.Samples(x).moments()[0], x.mean(0, keepdim=True).double())


def test_all_rows_come_as_they_are_if_they_fit_into_a_batch():
    weight = torch.tensor([[0.5, 0.2, 0.3], [0.1, 0.8, 0.1]])
    data = st.Samples(numbered(3, 2), weight).to(dtype=torch.float32)
    for n in (None, 3, 50):
        x, w = data.sample(n)
        assert_close(x, numbered(3, 2).float())
        assert_close(w, weight)


@pytest.mark.parametrize("batch_size", [1, 4, 9])
def test_no_row_comes_twice_where_weights_are_equal(batch_size):
    data = st.Samples(numbered(10))
    for seed in range(50):
        x, weight = data.sample(batch_size, seeded(seed))
        assert x.shape == (1, batch_size, 2)
        assert len(x[0, :, 0].unique()) == batch_size
        assert_close(weight, torch.full((1, batch_size), 1 / batch_size).double())


@pytest.mark.parametrize("weight", [None, torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05, 0.0])])
def test_rows_come_in_proportion_to_their_weights(weight):
    data, n_samples = st.Samples(numbered(6), weight), 4000
    generator = seeded()
    counts = torch.zeros(n_samples, 6)
    for row in counts:
        row += data.sample(4, generator)[0][0, :, 0].long().bincount(minlength=6)
    expected = 4 * data.weight[0].float()
    assert ((counts.mean(0) - expected).abs() <= 5 * counts.std(0) / n_samples**0.5 + 1e-6).all()
    assert (counts.std(0) <= 0.51).all()  # each row comes as often as it should, rounded up or down


def test_pairs_of_rows_are_as_random_as_in_a_draw_without_replacement():
    data, n_samples, generator = st.Samples(numbered(5)), 4000, seeded(1)
    together = torch.zeros(5, 5)
    for _ in range(n_samples):
        chosen = data.sample(2, generator)[0][0, :, 0].long()
        together[chosen[0], chosen[1]] += 1
        together[chosen[1], chosen[0]] += 1
    off = ~torch.eye(5, dtype=torch.bool)
    assert (together.diagonal() == 0).all()
    assert ((together[off] / n_samples - 0.1).abs() < 5 * (0.09 / n_samples) ** 0.5).all()


def test_batches_go_through_the_set_before_a_row_comes_again():
    data = st.Samples(numbered(12))
    drawn = [rows[0, 0] for rows, _ in weighted_batches(data, 4, 6, [seeded()])]
    for epoch in (torch.cat(drawn[:3]), torch.cat(drawn[3:])):
        assert epoch.sort().values.tolist() == [*range(12)]
    assert not torch.equal(drawn[0].sort().values, drawn[3].sort().values)


def test_each_batch_of_an_epoch_is_unbiased_by_itself():
    weight = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.04, 0.01]).double()
    data, n_epochs = st.Samples(numbered(6), weight), 3000
    means = torch.tensor(
        [[rows[0, 0].mean() for rows, _ in weighted_batches(data, 2, 3, [seeded(k)])] for k in range(n_epochs)]
    )
    error = means.std(0) / n_epochs**0.5
    assert ((means.mean(0) - data.moments()[0][0, 0]).abs() < 5 * error).all()


def test_instances_have_rows_of_their_own_and_draw_by_themselves():
    data = st.Samples(numbered(20, 3))
    rows, weight = next(weighted_batches(data, 8, 1, [keyed_generator(0, k, "test") for k in range(3)]))
    assert rows.shape == (3, 2, 8)
    assert weight.shape == (3, 8)
    assert_close(rows[:, 1] - rows[:, 0], torch.tensor([0.0, 100, 200]).double()[:, None].expand(3, 8))
    alone, _ = next(weighted_batches(data.select(slice(1, 2)), 8, 1, [keyed_generator(0, 1, "test")]))
    assert torch.equal(alone[0], rows[1])
    assert not torch.equal(rows[0, 0], rows[1, 0])


@pytest.mark.parametrize(("kind", "values"), KINDS[:3])
def test_batches_of_distributions_are_those_of_the_lattice_with_their_weights(kind, values):
    data = distributions(values)[kind]
    generators = [[keyed_generator(0, k, "test") for k in range(3)] for _ in range(2)]
    plain = [*batches(data, 16, 2, generators[0])]
    for (rows, weight), expected in zip(weighted_batches(data, 16, 2, generators[1]), plain, strict=True):
        assert torch.equal(rows, expected)
        assert not rows[..., -1].any()
        assert_close(weight, data.row_weights(16).flip(1))
        assert_close(weight.sum(1), torch.ones(3))


class Ring(st.Data):
    """Points on a circle, half of them on the right with three times the weight of those on the left."""

    def sample(self, batch_size, generator=None):
        is_right = torch.arange(batch_size)[None] % 2 == 0
        angle = torch.pi * (torch.rand(1, batch_size, generator=generator, dtype=torch.float64) - 0.5 + ~is_right)
        return torch.stack([angle.cos(), angle.sin()], dim=-1), torch.where(is_right, 1.5, 0.5) / batch_size


def test_each_of_several_models_has_its_own_expected_loss_on_data_that_are_only_sampled():
    model = st.LinearModel(3, 2, 1, dtype=torch.float64)
    W, importance = model.W.detach(), torch.tensor([[1.0, 0.5], [0.3, 2.0], [1.0, 1.0]], dtype=torch.float64)
    angle = (torch.arange(20_000, dtype=torch.float64) + 0.5) * torch.pi / 10_000
    x = torch.stack([angle.cos(), angle.sin()], dim=-1)
    weight = torch.where(x[:, 0] > 0, 1.5, 0.5) / len(x)
    exact = (importance * (weight[:, None] * (x - x @ W.mT @ W).square()).sum(1)).sum(-1)
    loss = st.expected_loss(model, Ring(2, dtype=torch.float64), importance=importance)
    assert_close(loss, exact, rtol=0.03, atol=0)


class Shifted(st.Independent):
    """A distribution whose sample is another than that of its rows."""

    def sample(self, batch_size, generator=None):
        x, weight = super().sample(batch_size, generator)
        return x + 1, weight


def test_data_of_ones_own_are_sampled():
    data = Ring(n_features=2)
    assert (data.n_instances, data.expand(3).n_instances, data.moments()) == (1, 1, None)
    assert data.select(slice(2, 3)).to(dtype=torch.float64).dtype == torch.float64
    generators = [keyed_generator(0, k, "test") for k in range(2)]
    for rows, weight in weighted_batches(data, 50, 3, generators):
        assert rows.shape == (2, 2, 50)
        assert rows.dtype == weight.dtype == torch.float32
        assert_close(rows.square().sum(1), torch.ones(2, 50))
        assert_close(weight > 0.02, rows[:, 0] > 0)
        assert_close(weight.sum(1), torch.ones(2))
        assert not torch.equal(rows[0], rows[1])


def test_a_distribution_with_a_sample_of_its_own_is_not_drawn_from_its_rows():
    data = Shifted(2, 0.5)
    assert not data.states_are_known
    assert data.moments() is None
    rows, weight = next(weighted_batches(data, 20, 1, [seeded()]))
    assert (rows >= 1).all()
    assert weight[0, 0].item() == pytest.approx(0.25)  # in the order of the sample


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ((torch.ones(1, 8, 3), torch.full((1, 8), 1 / 8)), r"Wrong.sample must give x \[1, row, 2\] .* got \[1, 8, 3\]"),
        ((torch.ones(1, 8, 2), torch.full((1, 7), 1 / 7)), "Wrong.sample must give x"),
        ((torch.ones(2, 8, 2), torch.full((2, 8), 1 / 8)), "Wrong.sample must give x"),
        ((torch.ones(1, 8, 2), torch.full((1, 8), 1.0)), "weight must add up to 1 over the rows, got a sum of 8"),
        ((torch.full((1, 8, 2), torch.nan), torch.full((1, 8), 1 / 8)), "x must be finite"),
    ],
)
def test_samples_that_are_none_are_refused(sample, message):
    wrong = type("Wrong", (st.Data,), {"sample": lambda self, batch_size, generator=None: sample})(2)
    with pytest.raises(ValueError, match=message):
        next(weighted_batches(wrong, 8, 1, [seeded()]))


def test_a_subclass_without_a_sample_is_told():
    with pytest.raises(NotImplementedError, match="Data must say in sample how its rows are drawn"):
        st.Data(2).sample(5)


X = torch.ones(4, 2)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: st.Samples(X.long()), TypeError, "x"),
        (lambda: st.Samples(X + 0j), TypeError, "x"),
        (lambda: st.Samples(X > 0), TypeError, "x"),
        (lambda: st.Samples([[0.5]]), TypeError, "x"),
        (lambda: st.Samples(torch.full((4, 2), float("nan"))), ValueError, r"x must be finite; got nan at \[instance 0"),
        (lambda: st.Samples(torch.full((1, 4, 2), float("inf"))), ValueError, "x must be finite; got inf"),
        (lambda: st.Samples(torch.ones(0, 2)), ValueError, "x must not be empty"),
        (lambda: st.Samples(torch.ones(4, 0)), ValueError, "x must not be empty"),
        (lambda: st.Samples(torch.ones(1, 1, 4, 2)), (ValueError, TypeError), "x"),
        (lambda: st.Samples(X, torch.ones(3) / 3), (ValueError, TypeError), "weight"),
        (lambda: st.Samples(X, torch.ones(4)), ValueError, "weight must add up to 1 over the rows, got a sum of 4"),
        (lambda: st.Samples(X, torch.tensor([1.5, -0.5, 0, 0])), ValueError, "weight must not be negative"),
        (lambda: st.Samples(X, torch.tensor([1.0, float("nan"), 0, 0])), ValueError, "weight must be finite"),
        (lambda: st.Samples(X.expand(2, 4, 2), torch.ones(3, 4) / 4), ValueError, r"x and weight must be .* got \[2, 3\]"),
        (lambda: st.Samples(X).sample(0), ValueError, "batch_size must be at least 1, got 0"),
        (lambda: st.Samples(X).sample(1.5), TypeError, "batch_size"),
        (lambda: st.Data(0), ValueError, "n_features must be at least 1"),
        (lambda: st.Data(True), TypeError, "n_features must be int, got bool"),
        (lambda: st.Data(2, dtype=torch.int64), TypeError, "dtype must be a floating-point type"),
    ],
)
def test_what_is_no_data_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_data_show_what_they_are():
    assert str(st.Samples(X)) == "Samples(n_rows=4, n_features=2)"
    assert str(Ring(2)) == "Ring(n_features=2)"
    assert str(st.Samples(X.expand(3, 4, 2))) == "Samples(n_rows=4, n_features=2, n_instances=3)"
    assert str(st.CorrelatedSets(1, 2, 0.1, dtype=torch.float64)) == (
        "CorrelatedSets(n_sets=1, set_size=2, probability=0.1, n_features=2, values=Uniform(0, 1), dtype=torch.float64)"
    )
    assert str(st.PartlyCorrelatedPairs(2, torch.tensor([0.1, 0.2]), 0.5)) == (
        "PartlyCorrelatedPairs(n_pairs=2, probability=[0.1, 0.2], correlation=0.5, values=Uniform(0, 1), n_instances=2)"
    )
