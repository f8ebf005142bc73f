"""Measurements that have the claims of "Adversarial robustness", and measurements that do not."""

import torch

P = torch.logspace(0, -2, 12, dtype=torch.float64)
FEATURES = torch.linspace(1, 10, 12, dtype=torch.float64)  # per dimension
RELATIVE = FEATURES**1.1  # follows them, not quite in a straight line
FLAT = torch.ones(12, dtype=torch.float64)
HUMP = torch.cat([FEATURES[::2], FEATURES[::2].flip(0)])  # rises with superposition, and falls while it grows

# Correlated by 0.93, which twelve points leave anywhere above 0.77.
_AWAY = torch.tensor([1.0, -1] * 6, dtype=torch.float64)
LOOSE = RELATIVE + 1.35 * _AWAY
# Too little, but with many points no doubt about it.
MANY = {"relative": (RELATIVE + 2 * _AWAY).repeat(50), "features_per_dimension": FEATURES.repeat(50)}

MASKED = torch.linspace(1, 0.1, 12, dtype=torch.float64)
UNMASKED = torch.linspace(0.7, 1.3, 12, dtype=torch.float64)

NORM = torch.linspace(0, 1.2, 13, dtype=torch.float64)
FALLING = 5 - 5 * NORM  # to 1 at 0.8
TURNING = torch.where(NORM < 0.85, FALLING, 4 * NORM)  # and up again

CASES = {
    "adversarial/rises": ({"probability": P, "relative": RELATIVE}, {"probability": P, "relative": 1.5 * FLAT}),
    "adversarial/tracks-density": (
        {"relative": RELATIVE, "features_per_dimension": FEATURES},
        {"relative": HUMP, "features_per_dimension": FEATURES},
    ),
    "adversarial/gradient-masking": ({"probability": P, "share": MASKED}, {"probability": P, "share": UNMASKED}),
    "adversarial/training": (
        {"norm": NORM, "features_per_dimension": FALLING},
        {"norm": NORM, "features_per_dimension": 2 + NORM},
    ),
}

# Changes to a right solution that its claim must not survive.
WRONG = [
    ("adversarial/rises", {"probability": 0.9 * P}),  # never dense
    ("adversarial/tracks-density", {"features_per_dimension": FLAT}),
    ("adversarial/gradient-masking", {"share": FLAT}),
    ("adversarial/gradient-masking", {"share": torch.cat([MASKED[:9], FLAT[:3]])}),
    ("adversarial/training", {"features_per_dimension": 1.3 + FALLING.clamp(min=0)}),  # never down to 1
    ("adversarial/training", {"norm": 0.7 * NORM}),  # too soon
]

# Changes that break one part of a claim, and its number.
BROKEN = [
    ("adversarial/rises", {"relative": 1.5 * RELATIVE}, 0),
    ("adversarial/rises", {"relative": 1 + 0.1 * FEATURES}, 1),
    ("adversarial/tracks-density", MANY, 0),
    ("adversarial/tracks-density", {"relative": LOOSE}, 1),
    ("adversarial/gradient-masking", {"share": 0.7 * MASKED}, 1),
    ("adversarial/gradient-masking", {"share": FLAT}, 0),
    ("adversarial/training", {"features_per_dimension": 0.2 * FALLING}, 1),
    ("adversarial/training", {"features_per_dimension": TURNING}, 0),
]
