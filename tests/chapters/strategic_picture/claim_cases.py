"""Measurements that have the claims of "Strategic picture", and measurements that do not."""

import torch

STRENGTHS = {
    "superposition": torch.tensor([1.5, 0.5, 0.0, 0.0]),
    "features_per_dimension": torch.tensor([2.0, 1.5, 0.9, 0.3]),
    "loss": torch.tensor([1.0, 1.05, 2.0, 4.0]),
}
TOO_FEW = torch.tensor([2.0, 1.5, 0.4, 0.3])  # superposition goes only when there is next to nothing left

P = torch.tensor([0.5, 0.1, 0.03, 0.01])
FOUND = torch.tensor([0.0, 0.6, 0.95, 1.0])

PER_DIMENSION = torch.tensor([6.0, 4.0, 2.0, 1.0])
MISSED = torch.tensor([0.4, 0.3, 0.1, 0.0])

FALLING_OFF = torch.tensor([0.95, 0.9, 0.85, 0.84])  # away from dedicated neurons, though not far

CASES = {
    "strategic/l1-removes": (STRENGTHS, {**STRENGTHS, "features_per_dimension": TOO_FEW}),
    "strategic/dictionary-recovers": (
        {"probability": P, "share_found": FOUND},
        {"probability": P, "share_found": 0.5 * FOUND},
    ),
    "strategic/hybrid": (
        {"features_per_dimension": PER_DIMENSION, "missed": MISSED},
        {"features_per_dimension": PER_DIMENSION, "missed": MISSED.flip(0)},
    ),
    "strategic/cosine-peril": (
        {"superposed": 0.5, "dedicated": 0.1, "unfolded": 0.12},
        {"superposed": 0.5, "dedicated": 0.45, "unfolded": 0.5},
    ),
    "strategic/pure-features": (
        {"right": 0.97, "n_codes": 3.0, "n_neurons": 9.0},
        {"right": 0.5, "n_codes": 3.0, "n_neurons": 9.0},
    ),
    "strategic/loss-per-activation": (
        {"probability": P, "relative": torch.tensor([0.6, 0.7, 0.8, 0.9])},
        {"probability": P, "relative": torch.tensor([1.2, 0.7, 0.5, 0.2])},
    ),
}

# Changes to a right solution that its claim must not survive.
WRONG = [
    ("strategic/l1-removes", {"superposition": STRENGTHS["superposition"].clamp(min=0.1)}),
    ("strategic/l1-removes", {"superposition": torch.zeros(4)}),  # nothing that could be removed
    ("strategic/dictionary-recovers", {"probability": torch.tensor([0.5, 0.3, 0.2, 0.1])}),  # nothing sparse
]

# Changes that break one part of a claim, and its number.
BROKEN = [
    ("strategic/l1-removes", {"loss": torch.tensor([1.0, 1.0, 1.05, 1.1])}, 1),
    ("strategic/dictionary-recovers", {"share_found": torch.tensor([0.0, 0.6, 0.85, 1.0])}, 0),
    ("strategic/dictionary-recovers", {"share_found": FOUND.clamp(min=0.6)}, 1),
    ("strategic/hybrid", {"missed": torch.tensor([0.4, 0.1, 0.3, 0.0])}, 0),
    ("strategic/hybrid", {"missed": 0.5 + MISSED}, 1),
    ("strategic/cosine-peril", {"dedicated": 0.3, "unfolded": 0.3}, 0),
    ("strategic/cosine-peril", {"unfolded": 0.3}, 1),
    ("strategic/pure-features", {"right": 0.85}, 0),
    ("strategic/pure-features", {"n_codes": 5.0, "n_neurons": 15.0}, 1),
    ("strategic/pure-features", {"n_neurons": 5.0}, 1),
    ("strategic/loss-per-activation", {"relative": torch.tensor([0.6, 0.7, 0.8, 1.1])}, 0),
    ("strategic/loss-per-activation", {"relative": torch.tensor([0.4, 0.5, 0.6, 0.7])}, 1),
    ("strategic/loss-per-activation", {"relative": FALLING_OFF}, 2),
]
