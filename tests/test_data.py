"""Samplers against exact moments, and the arguments they refuse."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as hs
from torch.testing import assert_close

import supertoy as st
from supertoy.values import Uniform
from tests.strategies import KINDS, distributions

N_ROWS = 60_000


def probabilities_of_pairs(data):
    """P(i active) on the diagonal and P(i and j active) off it: by definition, or counted over all states of the blocks."""
    known = st.Independent | st.CorrelatedSets | st.AnticorrelatedSets | st.PartlyCorrelatedPairs
    if not isinstance(data, known):
        together = torch.zeros(data.n_instances, data.n_features, data.n_features, dtype=torch.float64)
        for states in itertools.product(*(data.states(block) for block in range(data.n_blocks))):
            active = torch.zeros(data.n_features, dtype=torch.float64)
            active[[i for members, _ in states for i in members]] = 1
            together += math.prod(p for _, p in states)[:, None, None] * torch.outer(active, active)
        return together
    n = data.n_features
    size = [data.set_size if block < data.n_sets else 1 for block in data.block_of_feature.tolist()]
    p = data.probability[:, data.block_of_feature]
    exclusive = isinstance(data, st.AnticorrelatedSets)
    if exclusive:
        p = p / torch.tensor(size)
    pairs = p[:, :, None] * p[:, None, :]
    for i, j in itertools.product(range(n), repeat=2):
        if data.block_of_feature[i] == data.block_of_feature[j]:
            pairs[:, i, j] = p[:, i] if i == j or not exclusive else 0
            if isinstance(data, st.PartlyCorrelatedPairs):  # p of a pair is that of either
                pairs[:, i, j] = (p[:, i] + data.both) / 2 if i == j else data.both
        elif isinstance(data, st.PartlyCorrelatedPairs):
            pairs[:, i, j] = ((p + data.both[:, None]) / 2)[:, [i, j]].prod(-1)
    return pairs


def assert_within_standard_errors(x, weight, values, expected, n_errors=5.5):
    """`values` [instance, row, ...] has the weighted mean `expected`, to within the noise of the rows that were drawn."""
    shape = (*weight.shape, *[1] * (values.ndim - 2))
    w = weight.double().view(shape)
    mean = (w * values).sum(1)
    drawn = w[:, 1:]
    centre = (drawn * values[:, 1:]).sum(1, keepdim=True) / drawn.sum(1, keepdim=True)
    error = (drawn * (values[:, 1:] - centre)).square().sum(1).sqrt()
    assert ((mean - expected).abs() <= n_errors * error + 1e-6).all()


@pytest.mark.parametrize(("kind", "values"), KINDS)
def test_weighted_samples_have_the_exact_moments_and_cooccurrence(kind, values):
    data = distributions(values)[kind]
    x, weight = data.sample(N_ROWS, torch.Generator().manual_seed(1))
    pairs = probabilities_of_pairs(data)
    active = pairs.diagonal(dim1=1, dim2=2)
    mean, square, _ = values.moments
    assert_close(weight.sum(1), torch.ones(3))
    assert_within_standard_errors(x, weight, x.double(), mean * active)
    assert_within_standard_errors(x, weight, x.double().square(), square * active)
    on = (x != 0).double()
    for i in range(data.n_features):
        assert_within_standard_errors(x, weight, on * on[..., i : i + 1], pairs[:, i])


@pytest.mark.parametrize("kind", distributions())
def test_the_zero_vector_is_row_0_with_its_exact_probability_and_no_other_row(kind):
    data = distributions()[kind]
    x, weight = data.sample(1000, torch.Generator().manual_seed(2))
    assert not x[:, 0].any()
    assert x[:, 1:].any(-1).all()
    assert_close(weight[:, 0].double(), (1 - data.probability).prod(1), rtol=1e-6, atol=1e-7)


def test_active_values_are_uniform():
    for low in (0.0, -1.0):
        x, _ = st.Independent(1, 0.01, values=Uniform(low, 1)).sample(N_ROWS, torch.Generator().manual_seed(3))
        values = x[0, 1:, 0].sort().values.double()
        uniform = torch.linspace(low, 1, len(values), dtype=torch.float64)
        # Kolmogorov-Smirnov: a distance of 2.2 / sqrt(N) has a chance of about 1 in 10,000.
        assert (values - uniform).abs().max() / (1 - low) < 2.2 / N_ROWS**0.5


def test_at_one_in_a_thousand_no_row_is_spent_on_zeros():
    x, weight = st.Independent(20, 0.001).sample(256, torch.Generator().manual_seed(0))
    assert x[0, 1:].any(-1).all()
    assert weight[0, 0] == pytest.approx(0.999**20)


def test_samples_follow_dtype_and_generator():
    data = st.Independent(3, 0.5, dtype=torch.float64)
    first, second = (data.sample(10, torch.Generator().manual_seed(4))[0] for _ in range(2))
    assert first.dtype == torch.float64
    assert torch.equal(first, second)
    assert data.to(dtype=torch.float32).sample(10)[0].dtype == torch.float32


@settings(max_examples=25, deadline=None, derandomize=True)
@given(instances=hs.integers(1, 4), n=hs.integers(1, 7), batch=hs.integers(2, 20), p=hs.floats(1e-6, 1))
def test_samples_have_the_shapes_that_were_asked_for(instances, n, batch, p):
    x, weight = st.Independent(n, torch.full((instances, 1), p)).sample(batch)
    assert x.shape == (instances, batch, n)
    assert weight.shape == (instances, batch)
    assert (x >= 0).all()
    assert (x <= 1).all()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(bad=hs.one_of(hs.floats(max_value=0), hs.floats(min_value=1, exclude_min=True), hs.just(float("nan"))))
def test_probabilities_outside_0_to_1_are_refused_with_their_place(bad):
    p = torch.full((3, 2), 0.5, dtype=torch.float64)
    p[2, 1] = bad
    with pytest.raises(ValueError, match=r"probability must lie in \(0, 1\]; got .* at \[instance 2, feature 1\]"):
        st.Independent(2, p)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: st.Independent(0, 0.5), ValueError, "n_features must be at least 1, got 0"),
        (lambda: st.Independent(2.5, 0.5), TypeError, "n_features"),
        (lambda: st.Independent(3, torch.full((2, 4), 0.5)), ValueError, r"probability must broadcast .* \[2, 4\]"),
        (lambda: st.Independent(3, torch.ones(2, 2, 3)), ValueError, "probability must broadcast"),
        (lambda: st.CorrelatedSets(2, 3, 0.5, n_features=5), ValueError, r"at most n_features = 5, got 2 \* 3"),
        (lambda: st.AnticorrelatedSets(3, 2, 0.5, n_features=5), ValueError, r"at most n_features = 5, got 3 \* 2"),
        (lambda: st.CorrelatedSets(0, 3, 0.5), ValueError, "n_sets must be at least 1"),
        (lambda: st.CorrelatedSets(1, 3, 1.5), ValueError, "probability must lie"),
        (lambda: st.Independent(2, 0.5).sample(1), ValueError, "batch_size must be at least 2"),
        (lambda: st.Independent(2, torch.tensor(0.5 + 1j)), TypeError, "probability must hold real numbers"),
        (lambda: st.Independent(2, torch.tensor(True)), TypeError, "probability must hold real numbers"),
        (lambda: st.FeatureDistribution(0, 1, 2, torch.full((1, 3), 0.5)), ValueError, "for each of 2 blocks"),
        (lambda: st.FeatureDistribution(0, 1, 2, torch.full((1, 2), float("nan"))), ValueError, "probability must lie in"),
        (lambda: st.FeatureDistribution(-1, 1, 2, torch.full((1, 1), 0.5)), ValueError, "n_sets must be at least 0"),
    ],
)
def test_bad_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_probabilities_that_floating_point_cannot_tell_from_nothing_are_refused():
    assert st.Independent(2, 1e-12).sample(100)[0].isfinite().all()
    with pytest.raises(ValueError, match="probability must be at least 1e-12; got 1e-17"):
        st.Independent(2, 1e-17)


def test_samples_are_floating_point_numbers():
    with pytest.raises(TypeError, match=r"dtype must be a floating-point type, got torch\.int64"):
        st.Independent(2, 0.5, dtype=torch.int64)
