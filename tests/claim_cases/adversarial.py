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
    "rises": ({"probability": P, "relative": RELATIVE}, {"probability": P, "relative": 1.5 * FLAT}),
    "tracks-density": (
        {"relative": RELATIVE, "features_per_dimension": FEATURES},
        {"relative": HUMP, "features_per_dimension": FEATURES},
    ),
    "gradient-masking": ({"probability": P, "share": MASKED}, {"probability": P, "share": UNMASKED}),
    "training": (
        {"norm": NORM, "features_per_dimension": FALLING},
        {"norm": NORM, "features_per_dimension": 2 + NORM},
    ),
}
