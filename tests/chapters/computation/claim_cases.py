"""Layers that have the claims of "Computation in superposition", and layers that do not."""

import torch

from tests.chapters.computation import privileged_cases as privileged

EYE = torch.eye(3)
SIX = torch.cat([2 * EYE, -0.5 * EYE])  # neurons have a scale of their own
BACK = torch.cat([0.5 * EYE, 2 * EYE], dim=1)

PURE = torch.eye(40).repeat_interleave(2, 0)[:40] * torch.tensor([1.0, -1]).repeat(20)[:, None]
PURE = torch.cat([PURE, torch.zeros(40, 60)], 1)
# Every neuron has two features, one of them four times as large; or two equal ones.
UNEQUAL = PURE.clone()
UNEQUAL[:, 50] = 0.4
EQUAL = PURE.clone()
EQUAL[:, 50:52] = 0.9
FEW_UNEQUAL = torch.cat([EQUAL[:30], UNEQUAL[30:]])
# The first half is pure, or the second.
MIXED = torch.cat([PURE[:20], EQUAL[20:]])
OTHER_HALF = torch.cat([EQUAL[:20], PURE[20:]])
ONES = torch.ones(2, 40)

CASES = {
    "computation/exact-abs": (
        {"W1": SIX, "W2": BACK, "unexplained": 1e-4},
        {"W1": SIX.roll(1, 1) + 0.3, "W2": BACK.roll(3, 1), "unexplained": 0.4},
    ),
    "computation/mono-when-dense": ({"W1": torch.stack([PURE, PURE])}, {"W1": torch.stack([MIXED, MIXED])}),
    "computation/poly-when-sparse": ({"W1": EQUAL}, {"W1": MIXED}),
    "computation/both": ({"W1": MIXED.expand(3, -1, -1)}, {"W1": OTHER_HALF.expand(3, -1, -1)}),
    "computation/primary-secondary": (
        {"W1": UNEQUAL.expand(2, -1, -1), "purity": 0.95 * ONES},
        {"W1": EQUAL.expand(2, -1, -1), "purity": 0.5 * ONES},
    ),
    "computation/asymmetric-motif": (
        {"n_models": 64, "increase": torch.tensor([3.0, 12.0, 30.0])},
        {"n_models": 64, "increase": torch.zeros(0)},
    ),
}

# Changes to a right solution that its claim must not survive.
WRONG = [
    ("computation/mono-when-dense", {"W1": torch.zeros(2, 40, 100)}),
    ("computation/mono-when-dense", {"W1": torch.stack([PURE, UNEQUAL])}),
    ("computation/poly-when-sparse", {"W1": torch.zeros(40, 100)}),  # no neuron at all
    ("computation/both", {"W1": PURE.expand(3, -1, -1)}),
    ("computation/both", {"W1": EQUAL.expand(3, -1, -1)}),
    ("computation/primary-secondary", {"W1": PURE.expand(2, -1, -1)}),  # no polysemantic neuron
    ("computation/asymmetric-motif", {"increase": torch.tensor([0.0, 0.05, 3.0])}),
]

# Changes that break one part of a claim, and its number.
BROKEN = [
    ("computation/exact-abs", {"unexplained": 0.02}, 0),
    ("computation/exact-abs", {"W1": SIX.abs()}, 1),
    ("computation/exact-abs", {"W1": SIX + 0.15 * SIX.abs().roll(1, 1)}, 2),
    ("computation/exact-abs", {"W2": 1.2 * BACK}, 3),
    ("computation/mono-when-dense", {"W1": torch.stack([MIXED, PURE])}, 0),
    ("computation/both", {"W1": torch.stack([OTHER_HALF, MIXED, MIXED])}, 1),
    ("computation/primary-secondary", {"purity": torch.stack([0.5 * torch.ones(40), torch.ones(40)])}, 1),
    ("computation/primary-secondary", {"W1": torch.stack([UNEQUAL, FEW_UNEQUAL])}, 2),
]

CASES |= privileged.CASES
WRONG += privileged.WRONG
BROKEN += privileged.BROKEN
