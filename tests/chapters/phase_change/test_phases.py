"""The phases of the extra feature against the exact loss, and on weights whose phase is plain to see."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as hs
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.phase_change.phases import (
    CANDIDATES,
    Phase,
    candidate_losses,
    candidate_weights,
    phase_of,
    theoretical_phase,
)

TRIPLE_POINT = torch.tensor(4 / 7, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)


def plane(n_densities, n_ratios):
    """Points of the whole plane, densities from 0.01 to 1 and ratios from 0.1 to 10."""
    density = torch.logspace(-2, 0, n_densities, dtype=torch.float64)
    ratio = torch.logspace(-1, 1, n_ratios, dtype=torch.float64)
    return density.repeat_interleave(n_ratios), ratio.repeat(n_densities)


def exact_losses(W, b, density, ratio):
    """Losses of models with weights W, [hidden, feature], and b, [point, feature]."""
    model = st.ReLUOutputModel(1, W.shape[1], W.shape[0]).like({"W": W.expand(len(b), -1, -1), "b": b})
    importance = torch.ones_like(b)
    importance[:, -1] = ratio
    return st.expected_loss(model, st.Independent(W.shape[1], density[:, None]), importance=importance, rtol=1e-8)


@pytest.mark.parametrize("n", [2, 3])
def test_closed_forms_are_the_exact_losses_of_the_candidates(n):
    density, ratio = plane(5, 4)
    for W, dropped, loss in zip(*candidate_weights(n), candidate_losses(n, density, ratio), strict=True):
        assert_close(exact_losses(W, dropped * density[:, None] / 2, density, ratio), loss, rtol=1e-6, atol=0)


@pytest.mark.parametrize("n", [2, 3])
def test_another_bias_makes_no_candidate_better_where_it_drops_a_feature(n):
    density, ratio = plane(3, 3)
    for W, dropped, loss in zip(*candidate_weights(n), candidate_losses(n, density, ratio), strict=True):
        for factor in (0.49, 0.51) if dropped.any() else ():
            assert (exact_losses(W, factor * dropped * density[:, None], density, ratio) > loss).all()


@pytest.mark.parametrize("n", [2, 3])
def test_each_candidate_is_in_its_phase_and_best_somewhere(n):
    assert phase_of(candidate_weights(n)[0]).tolist() == [candidate.phase for candidate in CANDIDATES[n]]
    density, ratio = plane(60, 60)
    best = candidate_losses(n, density, ratio).argmin(0)
    assert best.unique().tolist() == list(range(len(CANDIDATES[n])))
    phases = torch.tensor([candidate.phase for candidate in CANDIDATES[n]])
    assert torch.equal(theoretical_phase(n, density, ratio)[0], phases[best])


@pytest.mark.parametrize("n", [2, 3])
def test_all_candidates_cost_the_same_at_the_triple_point_and_all_phases_are_near(n):
    p, r = TRIPLE_POINT
    losses = candidate_losses(n, p, r)
    assert_close(losses, torch.full_like(losses, (4 / 7) ** 2 / 3))
    assert theoretical_phase(n, p, r)[1].item() == pytest.approx(0, abs=1e-12)
    turn = torch.linspace(0, 2 * torch.pi, 50, dtype=torch.float64)
    around, _ = theoretical_phase(n, p * (1 + 0.01 * turn.cos()), r * (1 + 0.01 * turn.sin()))
    assert around.unique().tolist() == list(Phase)


# Worked out by hand: at p = 1 dropping costs 1/12 and a pair 1/6 per unit of importance; at p = 0.01 dropping costs
# 0.01 (1/3 - 0.01/4), many times as much as a pair.
CORNERS = [
    (2, 1.0, 0.1, Phase.NOT_REPRESENTED, 10 - 1),
    (2, 1.0, 10.0, Phase.OWN_DIMENSION, 10 - 1),
    (2, 0.01, 1.0, Phase.SUPERPOSITION, 100 - 3 / 4 - 1),
    (3, 1.0, 0.1, Phase.NOT_REPRESENTED, 10 - 1),
    (3, 1.0, 10.0, Phase.OWN_DIMENSION, 10 - 1),
    (3, 0.01, 0.1, Phase.SUPERPOSITION, 2 / 1.1 - 1),
    (3, 0.01, 10.0, Phase.OWN_DIMENSION, 11 / 2 - 1),
]


@pytest.mark.parametrize(("n", "p", "r", "phase", "gap"), CORNERS)
def test_corners_of_the_plane_have_their_phase_and_gap(n, p, r, phase, gap):
    got = theoretical_phase(n, torch.tensor([p], dtype=torch.float64), torch.tensor([r], dtype=torch.float64))
    assert (got[0].item(), got[1].item()) == (phase, pytest.approx(gap))


def test_a_feature_is_represented_above_half_and_shares_its_dimension_above_a_quarter():
    # Superposition of the last feature is the square of the first weight.
    pairs = [[0.0, 0.49], [1, -0.49], [0.0, 0.51], [0.49, -2], [0.49, 0.51], [0.51, 0.51], [-0.51, 2]]
    expected = [0, 0, 2, 2, 2, 1, 1]
    assert phase_of(torch.tensor(pairs)[:, None]).tolist() == expected


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=hs.integers(0, 1000))
def test_phases_do_not_change_under_rotation_reflection_and_order_of_the_others(seed):
    generator = torch.Generator().manual_seed(seed)
    W = 0.7 * torch.randn(20, 2, 3, dtype=torch.float64, generator=generator)
    O, _ = torch.linalg.qr(torch.randn(2, 2, dtype=torch.float64, generator=generator))
    assert torch.equal(phase_of(O @ W[..., [1, 0, 2]]), phase_of(W))


def test_bad_arguments_are_refused():
    one = torch.ones(1)
    for function in (candidate_losses, theoretical_phase):
        with pytest.raises(ValueError, match="n_features must be 2 or 3, got 4"):
            function(4, one, one)
        for bad in (0.0, 1.01, float("nan")):
            with pytest.raises(ValueError, match=r"density must (lie in \(0, 1\]|be finite)"):
                function(2, bad * one, one)
        for bad in (-1.0, float("inf")):
            with pytest.raises(ValueError, match="ratio must be finite"):
                function(3, one, bad * one)
    with pytest.raises(ValueError, match="n_features must be 2 or 3, got 1"):
        candidate_weights(1)
    with pytest.raises(ValueError, match="W must be finite"):
        phase_of(torch.full((1, 1, 2), torch.nan))
