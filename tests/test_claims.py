"""Every judge finds its claim in a solution that has it, and not in a wrong one."""

import math

import numpy as np
import pytest
import torch

import supertoy as st
from supertoy.claims._words import at_least
from supertoy.claims.superposition import POLYTOPES
from tests.claim_cases import (
    adversarial,
    appendix,
    computation,
    correlation,
    dynamics,
    features,
    geometry,
    phase,
    privileged,
    strategic,
    superposition,
)
from tests.claim_cases.superposition import K_SPARSE, plane

CASES = {
    f"{section.__name__.rpartition('.')[2]}/{name}": case
    for section in (
        features,
        superposition,
        phase,
        geometry,
        correlation,
        dynamics,
        adversarial,
        privileged,
        computation,
        strategic,
        appendix,
    )
    for name, case in section.CASES.items()
}


@pytest.mark.parametrize("name", CASES)
def test_a_right_solution_is_found_and_a_wrong_one_is_not(name):
    right, wrong = CASES[name]
    assert st.claims.check(name, [right]).verdict == "reproduced"
    assert st.claims.check(name, [wrong]).verdict != "reproduced"
    both = st.claims.check(name, [right, wrong])
    assert both.verdict == "partly reproduced"
    assert both.share == "1 of 2"


def test_every_claim_has_a_case_here():
    assert set(CASES) == set(st.claims.registry)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("linear-loss-identity", {"standard_error": torch.tensor([0.1, 0.2])}),  # agreement that proves nothing
        ("k-sparse-expansion", {"closed_forms": K_SPARSE[:, :2] + 1e-3}),
        ("linear-is-pca", {"b": torch.zeros(3, 4)}),
        ("sparse-negative-bias", {"b": torch.zeros(3, 4)}),
        ("pentagon-at-90", {"W": 0.5 * plane("pentagon")}),
        ("antipodal-at-80", {"W": plane("digons")[:, [0, 1, 2, 4, 3]]}),  # the fifth instead of the fourth
        ("antipodal-at-80", {"W": plane("digons").roll(1, 1)}),
    ],
)
def test_judges_look_at_every_part_of_their_criterion(name, change):
    right, _ = CASES[f"superposition/{name}"]
    assert not st.claims.check(f"superposition/{name}", [{**right, **change}]).n_holds


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("phase/theory-n2", {"ratio": 3 * phase.RATIO}),  # a triple point elsewhere
        ("phase/first-order", {"phase": torch.tensor([0, 1, 1, 1])}),  # the kink is not where the phase changes
        ("phase/loses-both", {"outputs": torch.tensor([[1.0, 0], [0, 1], [1, 0.5]])}),
        ("phase/loss-surface", {"path": phase.JUMP}),
        ("phase/confused-feature", {"counts": torch.ones(20, dtype=torch.long)}),
        ("phase/activation-matters", {"agreement": {"a": 0.5, "b": 0.5, "c": 0.9}}),
        ("phase/first-order", {"phase": torch.zeros(4, dtype=torch.long)}),  # no change of phase at all
        ("phase/loss-surface", {"path": phase.PATH[:49]}),
        ("phase/loss-surface", {"path": 0.3 * phase.PATH}),  # hardly moves
        ("geometry/sticky", {"W": geometry.STAIRS[:5]}),
        ("geometry/sticky", {"W": geometry.STAIRS[[0, 1, 4, 5]]}),  # two neighbours are not three
        ("geometry/budget", {"W": torch.cat([geometry.STAIRS, 0.5 * geometry.BUSY[:1] + 0.2])}),  # one of thirteen is off
        ("geometry/size-free", {"W_reference": 0.85 * geometry.STAIRS}),
        ("geometry/size-free", {"W": torch.ones(12, 6, 40).double()}),  # no room left
        ("geometry/low-rank", {"projected": geometry.PROJECTED[1:]}),
        ("geometry/low-rank", {"vertices": {}}),
        ("geometry/pentagon-stretch", {"ratio": geometry.RATIO / 8}),  # never as dense as the criterion speaks of
        ("geometry/pentagon-digon", {"pentagon": torch.tensor([0.72, 1.19, 1.47, 1.7, 2.0]).double()}),  # nearly parallel
        ("geometry/norm-bias", {"norm": 1 / geometry.NORM, "b": geometry.NORM - 1}),
        ("geometry/levels", {"W": geometry.ALL_LEVELS[4:]}),
        ("geometry/tegum", {"W": geometry.BIPYRAMID.roll(1, 0) * torch.tensor([1.0, 1, 0.1])[:, None]}),
        ("geometry/pentagon-stretch", {"W": geometry.pentagons(72, 72, 72, 75, 77)}),
        ("geometry/pentagon-digon", {"ratio": 2 * geometry.RATIO}),
        ("geometry/norm-bias", {"b": 1 - geometry.NORM**2}),
        ("correlation/orthogonal", {"W": 0.4 * correlation.CROSS}),  # not represented
        ("correlation/side-by-side", {"W": correlation.SPLIT_HEXAGON}),
        ("correlation/side-by-side", {"W": correlation.PENTAGON}),
        ("correlation/side-by-side", {"W_independent": correlation.HEXAGON}),
        ("correlation/side-by-side", {"has_collapsed": correlation.NONE}),
        ("correlation/local-bases", {"W_independent": correlation.TWO_BASES}),
        ("correlation/local-bases", {"W": correlation.TWO_BASES * torch.tensor([0.4] + [1.0] * 19)}),  # one is missing
        ("correlation/collapse", {"pca_loss": torch.full((5,), 0.9)}),
        ("correlation/collapse", {"W": torch.cat([correlation.COLLAPSING[:4], correlation.THREE[None]])}),  # no projection
        ("correlation/collapse", {"W": 1.3 * correlation.COLLAPSING}),  # norms
        ("dynamics/energy-levels", {"D": 0.8 * dynamics.JUMPING}),  # another level
        ("dynamics/energy-levels", {"loss": dynamics.ELSEWHERE}),
        ("dynamics/energy-levels", {"D": 0.5 * dynamics.CREEPING / 0.35}),  # no jumps
        ("dynamics/energy-levels", {"D": 0 * dynamics.JUMPING}),
        ("dynamics/energy-levels", {"D": torch.full_like(dynamics.JUMPING, 0.5)}),  # nobody jumps
        ("dynamics/geometric-stages", {"W": dynamics.TURNED}),
        ("dynamics/geometric-stages", {"W": dynamics.AXIS}),
        ("dynamics/cross-set-antipodes", {"W": dynamics.AXIS[None]}),
        ("dynamics/paths", {"taken": []}),
        ("dynamics/pca-first", {"inside": torch.full((9,), 0.9)}),
        ("dynamics/geometric-stages", {"n_between": torch.ones(10).long()}),
        ("dynamics/geometric-stages", {"angle": torch.full((10,), 90.0)}),
        ("dynamics/geometric-stages", {"in_order": ~dynamics.TRUE}),
        ("dynamics/cross-set-antipodes", {"W": dynamics.TURNED[None]}),  # no octahedron at all
        ("dynamics/paths", {"taken": dynamics.MANY[:100]}),  # one path only
        ("dynamics/paths", {"taken": dynamics.MANY[-50:]}),  # too few runs
        ("dynamics/pca-first", {"distance": torch.full((9,), 0.2)}),
        ("adversarial/rises", {"probability": 0.9 * adversarial.P}),  # never dense
        ("adversarial/tracks-density", {"features_per_dimension": adversarial.FLAT}),
        ("adversarial/gradient-masking", {"share": adversarial.FLAT}),
        ("adversarial/gradient-masking", {"share": torch.cat([adversarial.MASKED[:9], adversarial.FLAT[:3]])}),
        ("adversarial/training", {"features_per_dimension": 1.3 + adversarial.FALLING.clamp(min=0)}),  # never down to 1
        ("adversarial/training", {"norm": 0.7 * adversarial.NORM}),  # too soon
        ("appendix/compressed-sensing-bound", {"n_features": appendix.BENT}),
        ("privileged/aligned", {"relu": privileged.LINEAR}),
        ("privileged/aligned", {"linear": privileged.BASIS}),
        ("privileged/aligned", {"relu": 0.4 * privileged.BASIS}),  # nothing is represented
        ("privileged/aligned", {"linear": 0.4 * privileged.LINEAR}),
        ("computation/mono-when-dense", {"W1": torch.zeros(2, 40, 100)}),
        ("privileged/mono-to-poly", {"W": privileged.MISSING}),
        ("privileged/mono-to-poly", {"W": privileged.IN_THREE}),
        ("privileged/avoids-relu", {"positive": torch.tensor([1.0, 1, 0.98])}),
        ("privileged/avoids-relu", {"loss": torch.tensor([1.0, 1, 1.03])}),
        ("computation/mono-when-dense", {"W1": torch.stack([computation.PURE, computation.UNEQUAL])}),
        ("computation/poly-when-sparse", {"W1": torch.zeros(40, 100)}),  # no neuron at all
        ("computation/both", {"W1": computation.PURE.expand(3, -1, -1)}),
        ("computation/both", {"W1": computation.EQUAL.expand(3, -1, -1)}),
        ("computation/primary-secondary", {"W1": computation.PURE.expand(2, -1, -1)}),  # no polysemantic neuron
        ("computation/asymmetric-motif", {"increase": torch.tensor([0.0, 0.05, 3.0])}),
        ("features/rotation-free", {"outputs": features.ONE_LARGE}),
        ("features/rotation-breaks", {"outputs": features.ONE_TINY}),
        ("features/almost-orthogonal", {"counts": features.BENT}),
        ("features/almost-orthogonal", {"counts": features.ROUGH}),
        ("features/compressed-sensing", {"needed": features.TOO_FEW}),
        ("features/compressed-sensing", {"needed": features.TOO_MANY}),
        ("features/universality", {"distance": {"small": features.OTHER, "large": features.SAME}}),
        ("strategic/l1-removes", {"superposition": strategic.STRENGTHS["superposition"].clamp(min=0.1)}),
        ("strategic/l1-removes", {"superposition": torch.zeros(4)}),  # nothing that could be removed
        ("strategic/dictionary-recovers", {"probability": torch.tensor([0.5, 0.3, 0.2, 0.1])}),  # nothing sparse
    ],
)
def test_judges_of_later_chapters_do_so_too(name, change):
    right, _ = CASES[name]
    assert not st.claims.check(name, [{**right, **change}]).n_holds


@pytest.mark.parametrize(
    ("name", "change", "broken"),
    [
        ("correlation/side-by-side", {"W": correlation.SPLIT_HEXAGON}, 0),
        ("correlation/local-bases", {"W": correlation.SPREAD}, 1),
        ("correlation/collapse", {"W": correlation.WITH_PENTAGON}, 1),  # a missing feature is no collapsed pair
        ("correlation/collapse", {"W": correlation.UNEVEN}, 5),
        ("dynamics/energy-levels", {"D": dynamics.SLOW}, 1),
        ("dynamics/energy-levels", {"loss": dynamics.ELSEWHERE}, 2),
        ("adversarial/rises", {"relative": 1.5 * adversarial.RELATIVE}, 0),
        ("adversarial/rises", {"relative": 1 + 0.1 * adversarial.FEATURES}, 1),
        ("adversarial/tracks-density", adversarial.MANY, 0),
        ("adversarial/tracks-density", {"relative": adversarial.LOOSE}, 1),
        ("adversarial/gradient-masking", {"share": 0.7 * adversarial.MASKED}, 1),
        ("adversarial/gradient-masking", {"share": adversarial.FLAT}, 0),
        ("adversarial/training", {"features_per_dimension": 0.2 * adversarial.FALLING}, 1),
        ("adversarial/training", {"features_per_dimension": adversarial.TURNING}, 0),
        ("appendix/nonlinear-compression", {"loss": 0.09, "mean_loss": 0.1}, 0),
        ("appendix/nonlinear-compression", {"mean_loss": 0.05}, 1),
        ("appendix/compressed-sensing-bound", appendix.ALIKE, 1),
        ("appendix/compressed-sensing-bound", {"n_features": appendix.FASTER}, 2),
        ("privileged/aligned", {"relu": privileged.LINEAR}, 0),
        ("privileged/aligned", {"linear": privileged.BASIS}, 1),
        ("privileged/mono-to-poly", {"W": privileged.MISSING}, 5),
        ("privileged/mono-to-poly", {"W": privileged.REGIMES[[0, 1, 2, 4, 4, 5]]}, 3),
        ("privileged/avoids-relu", {"positive": torch.tensor([1.0, 1, 0.98])}, 0),
        ("privileged/avoids-relu", {"loss": torch.tensor([1.0, 1, 1.03])}, 1),
        ("computation/exact-abs", {"unexplained": 0.02}, 0),
        ("computation/exact-abs", {"W1": computation.SIX.abs()}, 1),
        ("computation/exact-abs", {"W1": computation.SIX + 0.15 * computation.SIX.abs().roll(1, 1)}, 2),
        ("computation/exact-abs", {"W2": 1.2 * computation.BACK}, 3),
        ("computation/mono-when-dense", {"W1": torch.stack([computation.MIXED, computation.PURE])}, 0),
        ("computation/both", {"W1": torch.stack([computation.OTHER_HALF, computation.MIXED, computation.MIXED])}, 1),
        ("computation/primary-secondary", {"purity": torch.stack([0.5 * torch.ones(40), torch.ones(40)])}, 1),
        ("computation/primary-secondary", {"W1": torch.stack([computation.UNEQUAL, computation.FEW_UNEQUAL])}, 2),
        ("features/king-queen", {"answers": [("king", 0.9), ("queen", 0.8)]}, 0),
        ("features/analogy-directions", {"parallel": features.BY_CHANCE}, 0),
        ("features/analogy-directions", {"success": features.NO_BETTER}, 1),
        ("features/rotation-free", {"outputs": features.ONE_LARGE}, 0),
        ("features/rotation-free", {"hidden": features.ONE_TINY}, 1),
        ("features/rotation-breaks", {"outputs": features.ONE_TINY}, 0),
        ("features/rotation-breaks", {"permuted": features.ONE_LARGE}, 1),
        ("features/almost-orthogonal", {"counts": features.BENT, "guaranteed": features.BENT / 3}, 0),
        ("features/almost-orthogonal", {"guaranteed": 1.1 * features.GROWING}, 1),
        ("features/compressed-sensing", {"needed": features.UNEQUAL}, 0),
        ("features/compressed-sensing", {"needed": features.BLUNT}, 1),
        ("features/compressed-sensing", {"needed": features.EVER}, 1),
        ("features/linear-interference", {"linear": torch.full((30,), 0.05), "after_relu": torch.zeros(30)}, 0),
        ("features/linear-interference", {"after_relu": torch.full((30,), 3.0)}, 1),
        ("features/linear-interference", {"b": torch.tensor([0.01] + [-0.4] * 29)}, 2),
        ("features/universality", {"distance": {"small": features.SOME_DIFFER, "large": features.SAME}}, 0),
        ("features/universality", {"distance": {"small": features.SAME, "large": features.SOME_DIFFER}}, 1),
        ("strategic/l1-removes", {"loss": torch.tensor([1.0, 1.0, 1.05, 1.1])}, 1),
        ("strategic/dictionary-recovers", {"share_found": torch.tensor([0.0, 0.6, 0.85, 1.0])}, 0),
        ("strategic/dictionary-recovers", {"share_found": strategic.FOUND.clamp(min=0.6)}, 1),
        ("strategic/hybrid", {"missed": torch.tensor([0.4, 0.1, 0.3, 0.0])}, 0),
        ("strategic/hybrid", {"missed": 0.5 + strategic.MISSED}, 1),
        ("strategic/cosine-peril", {"dedicated": 0.3, "unfolded": 0.3}, 0),
        ("strategic/cosine-peril", {"unfolded": 0.3}, 1),
        ("strategic/pure-features", {"right": 0.85}, 0),
        ("strategic/pure-features", {"n_codes": 5.0, "n_neurons": 15.0}, 1),
        ("strategic/pure-features", {"n_neurons": 5.0}, 1),
        ("strategic/loss-per-activation", {"relative": torch.tensor([0.6, 0.7, 0.8, 1.1])}, 0),
        ("strategic/loss-per-activation", {"relative": torch.tensor([0.4, 0.5, 0.6, 0.7])}, 1),
        ("strategic/loss-per-activation", {"relative": strategic.FALLING_OFF}, 2),
    ],
)
def test_each_part_of_a_claim_can_fail_alone(name, change, broken):
    right, _ = CASES[name]
    [outcome] = st.claims.check(name, [{**right, **change}]).outcomes
    assert [k for k, held in enumerate(outcome.parts) if not held] == [broken]


def test_a_weight_that_only_inhibits_does_not_make_a_neuron_monosemantic():
    assert st.claims.check("privileged/mono-to-poly", [{"W": privileged.INHIBITED}]).n_holds


def test_only_points_outside_the_band_count():
    theory, gap = torch.zeros(10, dtype=torch.long), torch.tensor([0.05] * 5 + [0.5] * 5, dtype=torch.float64)
    inside, outside = theory.clone(), theory.clone()
    inside[:5], outside[5:] = 1, 1
    for trained, holds in ((inside, 1), (outside, 0)):
        case = {"theory": theory, "trained": trained, "gap": gap}
        assert st.claims.check("phase/empirical-n2", [case]).n_holds == holds
    nothing = {"theory": theory, "trained": theory, "gap": 0 * gap}
    assert not st.claims.check("phase/empirical-n2", [nothing]).n_holds


@pytest.mark.parametrize(
    ("share", "words"),
    [(1.0, "100 %"), (0.999, "98 % or more"), (0.95, "95 % or more"), (0.31, "30 % or more"), (0, "0 % or more")],
)
def test_shares_are_told_by_a_bound_below_them(share, words):
    assert at_least(share) == words


def test_polytopes_have_their_known_edges():
    for name, cosine in (("tetrahedron", -1 / 3), ("octahedron", 0.0), ("pentagon", math.cos(math.radians(72)))):
        unit = POLYTOPES[name] / np.linalg.norm(POLYTOPES[name], axis=1, keepdims=True)
        assert (unit @ unit.T - 2 * np.eye(len(unit))).max() == pytest.approx(cosine)


def test_unknown_ids_and_empty_cases_are_refused():
    with pytest.raises(ValueError, match="id must be a known claim, got 'superposition/none'; known are"):
        st.claims.check("superposition/none", [{}])
    with pytest.raises(ValueError, match="cases must hold at least one measurement"):
        st.claims.check("superposition/dense-orthogonal", [])


def test_a_table_shows_claim_measurement_and_verdict():
    right, wrong = CASES["superposition/dense-orthogonal"]
    table = st.claims.Table([st.claims.check("superposition/dense-orthogonal", [right, right, wrong])])
    assert "superposition/dense-orthogonal: partly reproduced (2 of 3); norms" in repr(table)
    row = table._repr_markdown_().splitlines()[2]
    assert row.startswith("| `superposition/dense-orthogonal` | S = 0: ")
    assert row.endswith("| **partly reproduced**, 2 of 3 |")


def test_numbers_come_with_their_range_over_the_cases_of_the_same_words():
    losses = [{"loss": loss, "mean_loss": 0.0835} for loss in (0.06, 0.05, 0.055)]
    found = st.claims.check("appendix/nonlinear-compression", losses)
    assert found.measured == "loss 0.0500 to 0.0600; keeping one value costs 0.0833, the mean of both 0.0835"

    right, _ = CASES["appendix/compressed-sensing-bound"]
    none = {**right, "n_features": right["n_features"].clone().index_fill(0, torch.tensor([0]), 0)}
    assert "varies by a factor of 1.0" in st.claims.check("appendix/compressed-sensing-bound", [right, right]).measured
    found = st.claims.check("appendix/compressed-sensing-bound", [right, none])
    assert found.measured == found.outcomes[1].measured.format(*found.outcomes[1].numbers)  # nothing of the first
    assert found.measured.endswith("varies without limit (at most 2 asked for): no feature is represented in 3 of 12 models")
