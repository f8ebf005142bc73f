"""The batches of training: each row distributed as it should be, batches spread evenly, streams apart."""

import itertools

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.lattice import batches
from supertoy._util.generators import keyed_generator
from tests.strategies import KINDS, distributions


def drawn(data, n_rows, n_batches, seed=0):
    """Without the zero vector: [batch, instance, feature, row]."""
    generators = [keyed_generator(seed, k, "test") for k in range(data.n_instances)]
    x = torch.stack(list(batches(data, n_rows + 1, n_batches, generators)))
    assert not x[..., -1].any()
    return x[..., :-1]


@pytest.mark.parametrize("n_rows", [63, 64])
@pytest.mark.parametrize(("kind", "values"), KINDS)
def test_means_over_batches_are_unbiased(kind, values, n_rows):
    data = distributions(values)[kind].to(dtype=torch.float64)
    x = drawn(data, n_rows, 1000)
    assert x.any(2).all()
    weight = 1 - data.zero_probability[:, None]
    mean, second = data.moments()
    estimates = {"x": (x.mean(-1), mean), "x x": ((x @ x.mT).flatten(2) / n_rows, second.flatten(1))}
    # A third moment tells sets of three apart that pairs cannot.
    estimates["cubed sum"] = (
        x.sum(2).pow(3).mean(-1)[..., None],
        data.sample(200_000, torch.Generator().manual_seed(0))[0][:, 1:].sum(-1).pow(3).mean(1, keepdim=True) * weight,
    )
    for name, (estimate, expected) in estimates.items():
        estimate = estimate * weight
        error = estimate.std(0) / len(estimate) ** 0.5
        slack = 0.03 * expected.abs() if name == "cubed sum" else 0
        assert ((estimate.mean(0) - expected).abs() <= 5 * error + slack + 1e-9).all(), name


def test_every_row_of_a_batch_is_as_good_as_any_other():
    x = drawn(st.Independent(3, torch.tensor([[0.3]])), 16, 20_000)[:, 0]
    by_row = x.mean((0, 1))
    assert (by_row - by_row.mean()).abs().max() < 5 * (x.std() / (3 * 20_000) ** 0.5)


def test_a_batch_spreads_the_features_more_evenly_than_independent_rows():
    data = st.Independent(20, torch.tensor([[0.01], [0.1], [0.5]]))
    lattice = drawn(data, 128, 400).mean(-1).var(0).mean(-1)
    independent = (
        torch.stack([data.sample_active(128, torch.Generator().manual_seed(k)).mean(1) for k in range(400)]).var(0).mean(-1)
    )
    assert (lattice < 0.3 * independent).all()


def test_an_instances_batches_do_not_depend_on_its_neighbours():
    p = torch.tensor([[0.1], [0.2], [0.3]])
    alone = torch.stack(list(batches(st.Independent(4, p[1:2]), 32, 5, [keyed_generator(0, 1, "test")])))
    assert torch.equal(drawn(st.Independent(4, p), 31, 5)[:, 1:2], alone[..., :-1])


def test_one_setting_serves_many_instances_with_rows_of_their_own():
    x = torch.stack(list(batches(st.Independent(4, 0.3), 31, 2, [keyed_generator(0, k, "test") for k in range(3)])))
    assert x.shape == (2, 3, 4, 31)
    assert not torch.equal(x[:, 0], x[:, 1])


def test_streams_differ_by_seed_instance_and_purpose():
    keys = list(itertools.product(range(4), range(4), ("W", "batches")))
    numbers = {torch.rand(1, generator=keyed_generator(*key)).item() for key in keys}
    assert len(numbers) == len(keys)
    assert_close(torch.rand(3, generator=keyed_generator(1, 2, "W")), torch.rand(3, generator=keyed_generator(1, 2, "W")))
