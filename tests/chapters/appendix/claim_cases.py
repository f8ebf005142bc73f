"""Codes and counts that have the claims of the appendix, and some that do not."""

import torch

P = torch.tensor([0.3, 0.1, 0.03])
M = torch.tensor([5, 10, 20, 30])
BOUND = (M[:, None] / (P * (1 / P).log())).round().long()  # as many as the bound allows
BENT = (BOUND.double() * (M[:, None] / 10.0) ** 1.2).long()
# As many at every density, though the densities are near enough for the bound.
ALIKE = {"probability": torch.tensor([0.3, 0.2, 0.15]), "n_features": M[:, None] * torch.tensor([3, 3, 3])}
FASTER = BOUND * torch.tensor([1, 2, 4])

CASES = {
    "appendix/nonlinear-compression": ({"loss": 0.06, "mean_loss": 1 / 12}, {"loss": 0.09, "mean_loss": 1 / 12}),
    "appendix/compressed-sensing-bound": (
        {"probability": P, "n_hidden": M, "n_features": BOUND},
        {"probability": P, "n_hidden": M, "n_features": BENT.flip(1)},
    ),
}

# Changes to a right solution that its claim must not survive.
WRONG = [
    ("appendix/compressed-sensing-bound", {"n_features": BENT}),
]

# Changes that break one part of a claim, and its number.
BROKEN = [
    ("appendix/nonlinear-compression", {"loss": 0.09, "mean_loss": 0.1}, 0),
    ("appendix/nonlinear-compression", {"mean_loss": 0.05}, 1),
    ("appendix/compressed-sensing-bound", ALIKE, 1),
    ("appendix/compressed-sensing-bound", {"n_features": FASTER}, 2),
]
