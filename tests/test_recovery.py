import math

import pytest
import torch

from supertoy.recovery import almost_orthogonal, recovered_share


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: almost_orthogonal(0, 0.1), "n_dimensions must be at least 1"),
        (lambda: almost_orthogonal(3, 1.0), r"cosine must lie in \(0, 1\), got 1.0"),
        (lambda: recovered_share(10, 3, 4), "n_active must be at most .* 10 and 3, got 4"),
        (lambda: recovered_share(10, 3, 2, n_trials=0), "n_trials must be at least 1"),
    ],
)
def test_impossible_requests_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
