"""Solutions that have the claims of "Demonstrating superposition", and solutions that do not."""

import math

import numpy as np
import torch

from supertoy.chapters.superposition.claims import PACKINGS

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
    "superposition/dense-orthogonal": ({"W": plane("orthogonal")}, {"W": plane("digons")}),
    "superposition/antipodal-at-80": ({"W": plane("digons")}, {"W": plane("pentagon")}),
    "superposition/pentagon-at-90": ({"W": plane("pentagon")}, {"W": plane("digons")}),
    "superposition/linear-is-pca": (
        {"W": PCA, "b": PCA_BIAS, "probability": P3},
        {"W": GROWING, "b": torch.zeros(3, 4), "probability": P3},
    ),
    "superposition/relu-dense-like-linear": ({"W": PCA[0], "b": PCA_BIAS[0]}, {"W": GROWING[2], "b": torch.zeros(4)}),
    "superposition/count-grows": ({"W": GROWING}, {"W": GROWING[[1, 0, 0]]}),
    "superposition/least-important-first": ({"W": GROWING}, {"W": WRONG_ORDER[:2]}),
    "superposition/antipodal-first": ({"W": GROWING}, {"W": SKEW}),
    "superposition/sparse-negative-bias": ({"W": POSITIVE, "b": SPARSE_BIAS}, {"W": PCA, "b": torch.zeros(3, 4)}),
    "superposition/rescales": (
        {"W": GROWING, "W_large": GROWING.repeat(1, 1, 2)},
        {"W": GROWING, "W_large": PCA.repeat(1, 1, 2)},
    ),
    "superposition/linear-loss-identity": (
        {"predicted": LOSSES + 0.001, "measured": LOSSES, "standard_error": ERRORS},
        {"predicted": LOSSES + 0.1, "measured": LOSSES, "standard_error": ERRORS},
    ),
    "superposition/k-sparse-expansion": (
        {"predicted": LOSSES, "closed_forms": K_SPARSE[:, :2], **EXPANSION},
        {"predicted": LOSSES + 0.1, "closed_forms": K_SPARSE[:, :2] + 0.1, **EXPANSION},
    ),
    "superposition/thomson": (
        {"name": "octahedron", "packing": PACKINGS["octahedron"]},
        {"name": "octahedron", "packing": np.random.default_rng(0).standard_normal((6, 3))},
    ),
}

# Changes to a right solution that its claim must not survive.
WRONG = [
    ("superposition/linear-loss-identity", {"standard_error": torch.tensor([0.1, 0.2])}),  # agreement that proves nothing
    ("superposition/k-sparse-expansion", {"closed_forms": K_SPARSE[:, :2] + 1e-3}),
    ("superposition/linear-is-pca", {"b": torch.zeros(3, 4)}),
    ("superposition/sparse-negative-bias", {"b": torch.zeros(3, 4)}),
    ("superposition/pentagon-at-90", {"W": 0.5 * plane("pentagon")}),
    ("superposition/antipodal-at-80", {"W": plane("digons")[:, [0, 1, 2, 4, 3]]}),  # the fifth instead of the fourth
    ("superposition/antipodal-at-80", {"W": plane("digons").roll(1, 1)}),
]

# Changes that break one part of a claim, and its number.
BROKEN = []
