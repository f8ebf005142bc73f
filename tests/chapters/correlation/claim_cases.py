"""Solutions that have the claims of "Correlated and anticorrelated features", and solutions that do not."""

import math

import torch

HALF = 0.5**0.5


def plane(*degrees, norm=1.0):
    angle = torch.deg2rad(torch.tensor(degrees))
    return norm * torch.stack([angle.cos(), angle.sin()])


CROSS, DIGONS, SLANTED = plane(0.0, 90, 180, 270), plane(0.0, 180, 90, 270), plane(0.0, 80, 180, 260)
HEXAGON, SPLIT_HEXAGON = plane(0.0, 60, 120, 180, 240, 300), plane(0.0, 180, 60, 240, 120, 300)
PENTAGON = torch.cat([plane(0.0, 72, 144, 216, 288), torch.zeros(2, 1)], dim=1)
SOME, NONE = torch.tensor([True, False]), torch.tensor([False, False])

TURN = torch.linalg.qr(torch.randn(10, 10, generator=torch.Generator().manual_seed(0)))[0]
TWO_BASES, TEN_DIGONS = torch.cat([torch.eye(10), TURN], dim=1), torch.eye(10).repeat_interleave(2, dim=1)
TEN_DIGONS = TEN_DIGONS * torch.tensor([1.0, -1.0]).repeat(10)

ONE = torch.cat([plane(0.0, 0, norm=HALF), plane(75.0, 145, 215, 285)], dim=1)
TWO = torch.cat([plane(0.0, 0, 180, 180, norm=HALF), plane(60.0, 120)], dim=1)
THREE = plane(0.0, 0, 120, 120, 240, 240, norm=HALF)
DENSITY = torch.tensor([0.04, 0.1, 0.175, 0.35, 0.75])
# At the dense end a triangle whose W Wᵀ is a projection.
COLLAPSING = torch.stack([HEXAGON, ONE, TWO, THREE, THREE / math.sqrt(1.5)])

# Within each set all cosines are 0.17: small, but not much smaller than those across.
SPREAD = torch.cat([torch.eye(10) + 0.075, TURN @ (torch.eye(10) + 0.075)], dim=1)
WITH_PENTAGON = torch.stack([HEXAGON, PENTAGON, TWO, THREE, THREE / math.sqrt(1.5)])
# Collapsed features of norms that are not 1/√2.
UNEVEN = torch.stack([HEXAGON, 1.25 * ONE, TWO, THREE, THREE / math.sqrt(1.5)])

CASES = {
    "correlation/orthogonal": ({"W": CROSS}, {"W": SLANTED}),
    "correlation/antipodal": ({"W": DIGONS}, {"W": CROSS}),
    "correlation/side-by-side": (
        {"W": HEXAGON, "W_independent": PENTAGON, "has_collapsed": SOME},
        {"W": SPLIT_HEXAGON, "W_independent": HEXAGON, "has_collapsed": NONE},
    ),
    "correlation/local-bases": (
        {"W": TWO_BASES, "W_independent": TEN_DIGONS},
        {"W": TEN_DIGONS, "W_independent": TWO_BASES},
    ),
    "correlation/collapse": (
        {"density": DENSITY, "W": COLLAPSING, "loss": torch.ones(5), "pca_loss": torch.ones(5)},
        {"density": DENSITY, "W": COLLAPSING.flip(0), "loss": torch.ones(5), "pca_loss": 0.9 * torch.ones(5)},
    ),
}

# Changes to a right solution that its claim must not survive.
WRONG = [
    ("correlation/orthogonal", {"W": 0.4 * CROSS}),  # not represented
    ("correlation/side-by-side", {"W": SPLIT_HEXAGON}),
    ("correlation/side-by-side", {"W": PENTAGON}),
    ("correlation/side-by-side", {"W_independent": HEXAGON}),
    ("correlation/side-by-side", {"has_collapsed": NONE}),
    ("correlation/local-bases", {"W_independent": TWO_BASES}),
    ("correlation/local-bases", {"W": TWO_BASES * torch.tensor([0.4] + [1.0] * 19)}),  # one is missing
    ("correlation/collapse", {"pca_loss": torch.full((5,), 0.9)}),
    ("correlation/collapse", {"W": torch.cat([COLLAPSING[:4], THREE[None]])}),  # no projection
    ("correlation/collapse", {"W": 1.3 * COLLAPSING}),  # norms
]

# Changes that break one part of a claim, and its number.
BROKEN = [
    ("correlation/side-by-side", {"W": SPLIT_HEXAGON}, 0),
    ("correlation/local-bases", {"W": SPREAD}, 1),
    ("correlation/collapse", {"W": WITH_PENTAGON}, 1),  # a missing feature is no collapsed pair
    ("correlation/collapse", {"W": UNEVEN}, 5),
]
