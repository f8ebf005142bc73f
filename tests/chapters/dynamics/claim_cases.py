"""Trainings that have the claims of "Superposition and learning dynamics", and trainings that do not."""

import torch

STEPS = torch.arange(0, 5001, 100)


def rise(middle, width):
    return torch.sigmoid((STEPS - middle) / width * 4).double()


# Eight features rise to 1/2 in two groups, and the loss falls with them.
JUMPING = 0.5 * torch.stack([rise(1500 + 10 * k, 150) for k in range(4)] + [rise(3000 + 10 * k, 150) for k in range(4)], 1)
WITH_THEM = 3 - rise(1500, 150) - rise(3000, 150)
# The same, but each takes a long time, while the loss falls in the middle of it.
SLOW = 0.5 * torch.stack([rise(1500, 1200)] * 4 + [rise(3000, 1200)] * 4, 1)
# They creep up all the time, to something that is no level, and the loss falls when they do not.
CREEPING = 0.35 * (STEPS / 5000).double()[:, None].expand(-1, 8)
ELSEWHERE = 3 - rise(4800, 30)

BASIS = torch.eye(3)
OCTAHEDRON = torch.cat([BASIS, -BASIS], dim=1)
OWN_SETS = torch.stack([BASIS[0], -BASIS[0], BASIS[1], -BASIS[1], BASIS[2], -BASIS[2]], 1)
TURNED = torch.cat([BASIS, torch.tensor([[1.0, -2, -2], [-2, 1, -2], [-2, -2, 1]]) / 3], dim=1)
# Two points, opposite each other: every feature has an opposite, and it is no octahedron.
AXIS = torch.tensor([[1.0, 1, 1, -1, -1, -1], [0] * 6, [0] * 6])
MANY = [("0+0", "1+1", "octahedron")] * 100 + [("0+0", "3+3", "octahedron")] * 5
TRUE = torch.ones(10, dtype=torch.bool)

CASES = {
    "dynamics/energy-levels": (
        {"steps": STEPS, "D": JUMPING, "loss": WITH_THEM},
        {"steps": STEPS, "D": CREEPING, "loss": ELSEWHERE},
    ),
    "dynamics/geometric-stages": (
        {"W": OCTAHEDRON, "n_between": 2 * torch.ones(10).long(), "angle": torch.full((10,), 175.0), "in_order": TRUE},
        {"W": TURNED, "n_between": torch.ones(10).long(), "angle": torch.full((10,), 90.0), "in_order": ~TRUE},
    ),
    "dynamics/cross-set-antipodes": ({"W": OCTAHEDRON[None]}, {"W": OWN_SETS[None]}),
    "dynamics/paths": ({"taken": MANY}, {"taken": [(str(k),) for k in range(200)]}),
    "dynamics/pca-first": (
        {"inside": torch.full((9,), 0.99), "distance": torch.full((9,), 0.05)},
        {"inside": torch.full((9,), 0.9), "distance": torch.full((9,), 0.2)},
    ),
}

# Changes to a right solution that its claim must not survive.
WRONG = [
    ("dynamics/energy-levels", {"D": 0.8 * JUMPING}),  # another level
    ("dynamics/energy-levels", {"loss": ELSEWHERE}),
    ("dynamics/energy-levels", {"D": 0.5 * CREEPING / 0.35}),  # no jumps
    ("dynamics/energy-levels", {"D": 0 * JUMPING}),
    ("dynamics/energy-levels", {"D": torch.full_like(JUMPING, 0.5)}),  # nobody jumps
    ("dynamics/geometric-stages", {"W": TURNED}),
    ("dynamics/geometric-stages", {"W": AXIS}),
    ("dynamics/cross-set-antipodes", {"W": AXIS[None]}),
    ("dynamics/paths", {"taken": []}),
    ("dynamics/pca-first", {"inside": torch.full((9,), 0.9)}),
    ("dynamics/geometric-stages", {"n_between": torch.ones(10).long()}),
    ("dynamics/geometric-stages", {"angle": torch.full((10,), 90.0)}),
    ("dynamics/geometric-stages", {"in_order": ~TRUE}),
    ("dynamics/cross-set-antipodes", {"W": TURNED[None]}),  # no octahedron at all
    ("dynamics/paths", {"taken": MANY[:100]}),  # one path only
    ("dynamics/paths", {"taken": MANY[-50:]}),  # too few runs
    ("dynamics/pca-first", {"distance": torch.full((9,), 0.2)}),
]

# Changes that break one part of a claim, and its number.
BROKEN = [
    ("dynamics/energy-levels", {"D": SLOW}, 1),
    ("dynamics/energy-levels", {"loss": ELSEWHERE}, 2),
]
