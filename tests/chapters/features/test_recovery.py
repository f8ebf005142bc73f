import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import lars_path, orthogonal_mp
from torch.testing import assert_close

from supertoy._util.generators import keyed_generator
from supertoy.chapters.features.recovery import (
    _COMES_BACK,
    _measured,
    almost_orthogonal,
    delsarte_bound,
    guaranteed_directions,
    measurements_needed,
    recovered_share,
)


@pytest.mark.parametrize(("n_dimensions", "cosine"), [(2, 0.6), (5, 0.3), (20, 0.4)])
def test_directions_are_as_orthogonal_as_was_asked(n_dimensions, cosine):
    found = almost_orthogonal(n_dimensions, cosine, n_most=300, patience=300)
    cosines = (found @ found.T).fill_diagonal_(0).abs()
    assert torch.allclose(found.norm(dim=1), torch.ones(len(found)))
    assert cosines.max() < cosine
    assert 1 < len(found) <= 300


def test_in_the_plane_there_are_as_many_as_lines_at_that_angle():
    # Lines at 60° or more from each other: three, if they lie well; two at least.
    assert len(almost_orthogonal(2, math.cos(math.radians(59)), patience=20_000)) in (2, 3)


def test_their_number_grows_faster_than_the_dimensions():
    few, many = (len(almost_orthogonal(d, 0.4, patience=500)) for d in (8, 24))
    assert few > 8
    assert many / few > 4


def test_nearly_orthogonal_measurements_bring_one_active_feature_back():
    assert recovered_share(100, n_measurements=40, n_active=1, n_trials=20) == 1


def test_recovery_breaks_down_when_too_many_are_active():
    shares = [recovered_share(100, n_measurements=30, n_active=k, n_trials=20) for k in (3, 15)]
    assert shares[0] > 0.9
    assert shares[1] < 0.1


@pytest.mark.parametrize(("n_dimensions", "cosine"), [(3, 0.2), (10, 0.5), (40, 0.3)])
def test_the_guarantee_is_the_share_of_the_sphere_that_one_direction_rules_out(n_dimensions, cosine):
    random = torch.randn(200_000, n_dimensions, generator=torch.Generator().manual_seed(0))
    share = (torch.nn.functional.normalize(random, dim=1)[:, 0].abs() >= cosine).double().mean().item()
    assert 1 / guaranteed_directions(n_dimensions, cosine) == pytest.approx(share, abs=0.004)


def test_in_three_dimensions_the_guarantee_is_that_of_archimedes():
    # A coordinate of a random point of the sphere is uniform on [-1, 1].
    assert guaranteed_directions(3, 0.75) == pytest.approx(4)


@pytest.mark.parametrize(
    ("n_dimensions", "cosine", "n_lines"),
    [
        (3, 1 / 5**0.5, 6),  # the diagonals of the icosahedron
        (7, 1 / 3, 28),  # the largest set of equiangular lines
        (8, 1 / 2, 120),  # the root system E8
        (24, 1 / 2, 98_280),  # the shortest vectors of the Leech lattice
    ],
)
def test_the_bound_is_met_by_the_famous_arrangements(n_dimensions, cosine, n_lines):
    assert delsarte_bound(n_dimensions, cosine) == pytest.approx(n_lines, rel=1e-3)
    assert delsarte_bound(n_dimensions, cosine) > n_lines * (1 - 1e-6)


def test_what_is_found_lies_below_the_bound():
    for n_dimensions in (4, 8, 16):
        assert len(almost_orthogonal(n_dimensions, 0.4, patience=500)) <= delsarte_bound(n_dimensions, 0.4)


def trials(n_features, n_measurements, n_active, n_trials=30):
    parts = [_measured(n_features, n_measurements, n_active, keyed_generator(3, trial, "test")) for trial in range(n_trials)]
    random, active, values = (torch.stack(part) for part in zip(*parts, strict=True))
    directions = torch.nn.functional.normalize(random.double(), dim=1)
    return directions, active, values, torch.zeros(n_trials, n_features, dtype=torch.float64).scatter(1, active, values)


@pytest.mark.parametrize(("method", "sizes"), [("l1", (60, 18, 5)), ("l1", (60, 16, 4)), ("pursuit", (60, 24, 5))])
def test_those_come_back_that_scikit_learn_finds(method, sizes):
    directions, active, values, x = trials(*sizes)
    comes_back = _COMES_BACK[method](directions, active, values)
    assert 5 < comes_back.sum() < 25
    for k, (A, b) in enumerate(zip(directions.numpy(), (directions @ x[..., None])[..., 0].numpy(), strict=True)):
        if method == "l1":
            found = lars_path(A, b, method="lasso", max_iter=400, return_path=False)[2]
        else:
            found = orthogonal_mp(A, b, n_nonzero_coefs=sizes[2])
        assert np.allclose(found, x[k], rtol=0, atol=1e-6) == comes_back[k]


def test_what_no_step_decides_a_linear_program_does(monkeypatch):
    arguments = {"n_features": 60, "n_measurements": 15, "n_active": 4, "method": "l1", "n_trials": 40}
    share = recovered_share(**arguments)
    monkeypatch.setattr("supertoy.chapters.features.recovery._MOST_STEPS", 0)
    assert 0 < share < 1
    assert recovered_share(**arguments) == share


@pytest.mark.parametrize("n_features", [8, 5])
def test_with_as_many_measurements_as_features_every_vector_is_the_only_one(n_features):
    assert recovered_share(n_features, n_measurements=8, n_active=5, method="l1") == 1


def test_batches_of_trials_give_what_single_ones_give(monkeypatch):
    arguments = {"n_features": 60, "n_measurements": 18, "n_active": 5, "n_trials": 12}
    shares = [recovered_share(**arguments, method=method) for method in _COMES_BACK]
    monkeypatch.setattr("supertoy.chapters.features.recovery._NUMBERS_AT_ONCE", 1)
    assert [recovered_share(**arguments, method=method) for method in _COMES_BACK] == shares


def test_where_many_are_active_the_least_sum_needs_fewer_measurements_than_the_pursuit():
    l1, pursuit = (recovered_share(100, 50, 14, method=method, n_trials=30) for method in ("l1", "pursuit"))
    assert l1 > pursuit + 0.2


def test_shares_are_crossed_where_straight_lines_between_them_say_so():
    m = torch.tensor([10, 20, 30, 40])
    assert_close(
        measurements_needed(m, torch.tensor([0.0, 0.4, 0.8, 1.0]).double()), torch.tensor([12.5, 22.5, 35]).double()
    )
    # A share that falls by chance is averaged with the one before it.
    dipped = torch.tensor([0.0, 0.6, 0.4, 1.0]).double()
    assert_close(measurements_needed(m, dipped, (0.5,)), torch.tensor([20.0]).double())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: guaranteed_directions(1, 0.5), "n_dimensions must be at least 2"),
        (lambda: guaranteed_directions(3, 0), r"cosine must lie in \(0, 1\), got 0"),
        (lambda: delsarte_bound(2, 0.5), "n_dimensions must be at least 3"),
        (lambda: delsarte_bound(3, 0.5, degree=1), "degree must be at least 2"),
        (lambda: measurements_needed(torch.tensor([2, 1]), torch.tensor([0.0, 1]).double()), "n_measurements must rise"),
        (lambda: measurements_needed(torch.tensor([1, 2]), torch.tensor([0.2, 1]).double()), "crossed between 0.2 and 1"),
        (lambda: almost_orthogonal(0, 0.1), "n_dimensions must be at least 1"),
        (lambda: almost_orthogonal(3, 1.0), r"cosine must lie in \(0, 1\), got 1.0"),
        (lambda: recovered_share(10, 3, 4), "n_active must be at most .* 10 and 3, got 4"),
        (lambda: recovered_share(10, 3, 2, n_trials=0), "n_trials must be at least 1"),
    ],
)
def test_impossible_requests_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
