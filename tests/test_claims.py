"""Every judge finds its claim in a solution that has it, and not in a wrong one."""

import math

import numpy as np
import pytest
import torch

import supertoy as st
from supertoy.claims.superposition import POLYTOPES

ANGLES = {"orthogonal": [0, 90], "digons": [0, 90, 180, 270], "pentagon": [0, 72, 144, 216, 288]}


def plane(name, n=5):
    """Directions in the plane: unit vectors for the first features, zero for the others."""
    W = torch.zeros(2, n)
    for i, degrees in enumerate(ANGLES[name]):
        W[:, i] = torch.tensor([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    return W


def layers(n, m, *settings):
    """W [setting, m, n] from columns: each setting maps a feature to (dimension, sign)."""
    W = torch.zeros(len(settings), m, n)
    for k, columns in enumerate(settings):
        for feature, (dimension, value) in columns.items():
            W[k, dimension, feature] = value
    return W


# Four features, two dimensions: dense, then the second shares with the third, then all four in pairs.
OWN = {0: (0, 1.0), 1: (1, 1.0)}
ONE_PAIR = {**OWN, 2: (1, -1.0)}
TWO_PAIRS = {**ONE_PAIR, 3: (0, -1.0)}
GROWING = layers(4, 2, OWN, ONE_PAIR, TWO_PAIRS)

WRONG_ORDER = layers(4, 2, OWN, {**OWN, 2: (0, -1.0)}, TWO_PAIRS)  # the most important feature shares first
P3 = torch.tensor([1.0, 0.3, 0.1])
PCA = layers(4, 2, OWN, OWN, OWN)
PCA_BIAS = torch.where(torch.arange(4) < 2, 0.0, P3[:, None] / 2)
SKEW = GROWING.clone()
SKEW[1, :, 2] = torch.tensor([0.6, -0.8])  # shares, but is opposite to nobody
SPARSE_BIAS = torch.tensor([[0.0, 0, 0.5, 0.5], [0, 0, 0, 0], [-0.1, -0.1, -0.1, 0.1]])
POSITIVE = GROWING.clone()
POSITIVE[2, :, 3] = torch.tensor([0.8, -0.6])
LOSSES = torch.tensor([1.0, 2.0])
ERRORS = torch.tensor([0.001, 0.002])
K_SPARSE = torch.tensor([[0.0, 1.0, 2.0], [0.1, 1.0, 2.0]])
EXPANSION = {"measured": LOSSES, "standard_error": ERRORS, "k_sparse": K_SPARSE}

CASES = {
    "dense-orthogonal": ({"W": plane("orthogonal")}, {"W": plane("digons")}),
    "antipodal-at-80": ({"W": plane("digons")}, {"W": plane("pentagon")}),
    "pentagon-at-90": ({"W": plane("pentagon")}, {"W": plane("digons")}),
    "linear-is-pca": (
        {"W": PCA, "b": PCA_BIAS, "probability": P3},
        {"W": GROWING, "b": torch.zeros(3, 4), "probability": P3},
    ),
    "relu-dense-like-linear": ({"W": PCA[0], "b": PCA_BIAS[0]}, {"W": GROWING[2], "b": torch.zeros(4)}),
    "count-grows": ({"W": GROWING}, {"W": GROWING[[1, 0, 0]]}),
    "least-important-first": ({"W": GROWING}, {"W": WRONG_ORDER[:2]}),
    "antipodal-first": ({"W": GROWING}, {"W": SKEW}),
    "sparse-negative-bias": ({"W": POSITIVE, "b": SPARSE_BIAS}, {"W": PCA, "b": torch.zeros(3, 4)}),
    "rescales": ({"W": GROWING, "W_large": GROWING.repeat(1, 1, 2)}, {"W": GROWING, "W_large": PCA.repeat(1, 1, 2)}),
    "linear-loss-identity": (
        {"predicted": LOSSES + 0.001, "measured": LOSSES, "standard_error": ERRORS},
        {"predicted": LOSSES + 0.1, "measured": LOSSES, "standard_error": ERRORS},
    ),
    "k-sparse-expansion": (
        {"predicted": LOSSES, "closed_forms": K_SPARSE[:, :2], **EXPANSION},
        {"predicted": LOSSES + 0.1, "closed_forms": K_SPARSE[:, :2] + 0.1, **EXPANSION},
    ),
    "thomson": (
        {"name": "octahedron", "packing": POLYTOPES["octahedron"]},
        {"name": "octahedron", "packing": np.random.default_rng(0).standard_normal((6, 3))},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_right_solution_is_found_and_a_wrong_one_is_not(name):
    right, wrong = CASES[name]
    id = f"superposition/{name}"
    assert st.claims.check(id, [right]).verdict == "reproduced"
    assert st.claims.check(id, [wrong]).verdict != "reproduced"
    both = st.claims.check(id, [right, wrong])
    assert both.verdict == "partly reproduced"
    assert both.share == "1 of 2"


def test_every_claim_has_a_case_here():
    assert {f"superposition/{name}" for name in CASES} == set(st.claims.registry)


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
    right, _ = CASES[name]
    assert not st.claims.check(f"superposition/{name}", [{**right, **change}]).n_holds


def test_polytopes_have_their_known_edges():
    for name, cosine in (("tetrahedron", -1 / 3), ("octahedron", 0.0), ("pentagon", math.cos(math.radians(72)))):
        unit = POLYTOPES[name] / np.linalg.norm(POLYTOPES[name], axis=1, keepdims=True)
        assert (unit @ unit.T - 2 * np.eye(len(unit))).max() == pytest.approx(cosine)


def test_unknown_ids_and_empty_cases_are_refused():
    with pytest.raises(ValueError, match="id must be a known claim, got 'superposition/none'; known are superposition/"):
        st.claims.check("superposition/none", [{}])
    with pytest.raises(ValueError, match="cases must hold at least one measurement"):
        st.claims.check("superposition/dense-orthogonal", [])


def test_a_table_shows_claim_measurement_and_verdict():
    right, wrong = CASES["dense-orthogonal"]
    table = st.claims.Table([st.claims.check("superposition/dense-orthogonal", [right, right, wrong])])
    assert "superposition/dense-orthogonal: partly reproduced (2 of 3); norms" in repr(table)
    row = table._repr_markdown_().splitlines()[2]
    assert row.startswith("| `superposition/dense-orthogonal` | S = 0: ")
    assert row.endswith("| **partly reproduced**, 2 of 3 |")
