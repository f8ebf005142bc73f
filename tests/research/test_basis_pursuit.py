import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, nnls
from sklearn.linear_model import lars_path
from torch.nn.functional import normalize
from torch.testing import assert_close

from supertoy.research.basis_pursuit import interior_points


def problems(n_problems, n_dimensions, n_directions, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (n_problems, n_dimensions, n_directions)
    directions = normalize(torch.randn(shape, generator=generator, dtype=torch.float64), dim=1)
    return directions, torch.randn(n_problems, n_dimensions, generator=generator, dtype=torch.float64)


def after(n_steps, *arguments, **options):
    return next(itertools.islice(interior_points(*arguments, **options), n_steps, None))


def bounds(directions, target, x, y, slack):
    """What x costs, and what y proves that no x can go below."""
    left = (directions @ x[..., None])[..., 0] - target
    cost = x.abs().sum(1) + (left.square().sum(1) / (2 * slack) if slack else 0)
    return cost, (y * target).sum(1) - slack / 2 * y.square().sum(1), left


@pytest.mark.parametrize("n_dimensions", [6, 15, 20])
def test_the_least_sum_is_that_of_a_linear_program(n_dimensions):
    directions, target = problems(5, n_dimensions, 20)
    x, y = after(14, directions, target, signed=True)
    cost, bound, left = bounds(directions, target, x, y, 0.0)
    assert left.abs().max() < 1e-9
    assert_close(cost, bound, rtol=1e-7, atol=0)
    for A, b, least in zip(directions.numpy(), target.numpy(), cost.tolist(), strict=True):
        assert linprog(np.ones(40), A_eq=np.hstack([A, -A]), b_eq=b).fun == pytest.approx(least, rel=1e-7)


@pytest.mark.parametrize("signed", [True, False])
def test_with_slack_it_is_the_lasso_of_scikit_learn(signed):
    directions, target = problems(6, 8, 30)
    x, y = after(16, directions, target, slack=0.2, signed=signed)
    for A, b, found in zip(directions.numpy(), target.numpy(), x.numpy(), strict=True):
        # It weighs the squares by 1 / (2 n), where n are the rows.
        expected = lars_path(A, b, method="lasso", alpha_min=0.2 / 8, positive=not signed, return_path=False)[2]
        assert np.allclose(found, expected, rtol=0, atol=1e-6)
    product = (y[:, None] @ directions)[:, 0]
    assert ((x > 1e-6) == (product > 1 - 1e-6)).all()
    assert (x[product.abs() < 0.99].abs() < 1e-8).all()


@pytest.mark.parametrize(("slack", "signed"), [(0.0, True), (0.3, True), (0.3, False)])
def test_at_every_step_the_cost_is_above_its_bound_and_they_meet(slack, signed):
    directions, target = problems(4, 5, 12, seed=1)
    gaps = []
    for x, y in itertools.islice(interior_points(directions, target, slack=slack, signed=signed), 14):
        product = (y[:, None] @ directions)[:, 0]
        assert ((product.abs() if signed else product) < 1 + 1e-12).all()
        assert signed or (x >= 0).all()
        cost, bound, _ = bounds(directions, target, x, y, slack)
        gaps.append(cost - bound)
    assert all((gap > -1e-12).all() for gap in gaps)
    assert (gaps[0] > 0.1).all()
    assert (gaps[-1] < 1e-8).all()


def test_with_hardly_any_price_positive_weights_are_those_of_least_squares():
    directions, target = problems(5, 8, 4)
    x, _ = after(30, directions, target, slack=1e-6)
    for A, b, found in zip(directions.numpy(), target.numpy(), x.numpy(), strict=True):
        assert np.allclose(found, nnls(A, b)[0], rtol=0, atol=1e-4)


def test_a_target_of_zero_and_a_direction_of_zero_get_nothing():
    directions, target = problems(2, 4, 8)
    target[0], directions[:, :, 3] = 0, 0
    for options in ({"signed": True}, {"slack": 0.1}):
        x, y = after(14, directions, target, **options)
        assert x[0].abs().max() < 1e-20
        assert x[:, 3].abs().max() < 1e-8
        assert y.isfinite().all()


def test_a_problem_does_not_depend_on_those_beside_it():
    directions, target = problems(3, 4, 8)
    together, alone = after(8, directions, target, signed=True), after(8, directions[1:2], target[1:2], signed=True)
    for one, other in zip(together, alone, strict=True):
        assert_close(one[1:2], other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slack": -0.1}, "slack must not be negative, got -0.1"),
        ({"directions": torch.ones(1, 3, 2)}, r"directions must be at least as many as dimensions, got shape \[1, 3, 2\]"),
        ({"target": torch.ones(1, 2)}, "target must be"),
        ({"target": torch.full((1, 3), torch.nan)}, "target must be finite"),
    ],
)
def test_bad_arguments_are_refused_before_the_first_step(change, message):
    with pytest.raises(ValueError, match=message):
        interior_points(**{"directions": torch.ones(1, 3, 4), "target": torch.ones(1, 3), **change})
