"""Solutions that have the claims of "The geometry of superposition", and solutions that do not."""

import math

import torch

from supertoy.polytopes import POLYTOPES


def shape(name):
    return torch.tensor(POLYTOPES[name].T)


def repeated(name, n_hidden, n_features=40):
    """As many orthogonal copies of a shape as fit into n_hidden dimensions, and features that are not represented."""
    block = shape(name)
    n_copies = n_hidden // len(block)
    W = torch.block_diag(*[block] * n_copies)
    W = torch.nn.functional.pad(W, (0, n_features - W.shape[1], 0, n_hidden - len(W)))
    return W


def over_sparsity(*names, n_hidden=6, each=4):
    return torch.stack([repeated(name, n_hidden) for name in names for _ in range(each)])


STAIRS = over_sparsity("own dimension", "digon", "square antiprism")
# One level turns into the next without a rest.
RAMP = torch.stack([repeated("own dimension", 6) * scale for scale in torch.linspace(1, 2, 12).sqrt()])
ALL_LEVELS = over_sparsity("tetrahedron", "triangle", "digon", "pentagon", "square antiprism")
BUSY = torch.stack([torch.nn.functional.normalize(repeated("own dimension", 6) + 0.2, dim=0)] * 3)

BIPYRAMID = torch.block_diag(shape("pentagon"), shape("digon"))
OCTAHEDRON = repeated("digon", 3, 6)
PROJECTED = [torch.eye(n, dtype=torch.float64) - 1 / n for n in range(2, 9)]

RATIO = torch.tensor([0.25, 0.5, 1.0, 2.0, 4.0], dtype=torch.float64)


def pentagons(*degrees):
    """Pentagons whose fifth feature has its neighbours at these angles."""
    angle = torch.deg2rad(torch.tensor([[d, -d, 144.0, -144, 0] for d in degrees], dtype=torch.float64))
    return torch.stack([angle.cos(), angle.sin()], dim=1)


FLAT, RISING = torch.full((5,), 1.0, dtype=torch.float64), torch.tensor([0.7, 1.2, 1.5, 1.7, 2.0], dtype=torch.float64)
MISSING = torch.full((5,), math.inf, dtype=torch.float64)
NORM = torch.tensor([1.2, 1.1], dtype=torch.float64)

CASES = {
    "geometry/sticky": ({"W": STAIRS}, {"W": RAMP}),
    "geometry/levels": ({"W": ALL_LEVELS}, {"W": over_sparsity("own dimension")}),
    "geometry/budget": ({"W": STAIRS}, {"W": 0.5 * BUSY + 0.2}),
    "geometry/size-free": (
        {"W": STAIRS, "W_reference": over_sparsity("own dimension", "digon", "square antiprism", n_hidden=12)},
        {"W": STAIRS, "W_reference": over_sparsity("own dimension", "own dimension", "digon", n_hidden=12)},
    ),
    "geometry/tegum": (
        {"name": "pentagonal bipyramid", "vertices": BIPYRAMID, "W": BIPYRAMID, "factors": ["pentagon", "digon"]},
        {"name": "pentagonal bipyramid", "vertices": OCTAHEDRON, "W": OCTAHEDRON, "factors": ["pentagon", "digon"]},
    ),
    "geometry/low-rank": (
        {"projected": PROJECTED, "vertices": POLYTOPES},
        {"projected": [torch.eye(3, dtype=torch.float64)], "vertices": {"digon": POLYTOPES["pentagon"]}},
    ),
    "geometry/pentagon-stretch": (
        {"ratio": RATIO, "W": pentagons(65, 69, 72, 75, 77)},
        {"ratio": RATIO, "W": pentagons(72, 72, 72, 72, 72)},
    ),
    "geometry/pentagon-digon": (
        {"ratio": RATIO, "pentagon": FLAT, "digons": RISING},
        {"ratio": RATIO, "pentagon": FLAT, "digons": MISSING},
    ),
    "geometry/norm-bias": ({"norm": NORM, "b": 1 / NORM - 1}, {"norm": NORM, "b": torch.tensor([0.1, 0.1])}),
}

# Changes to a right solution that its claim must not survive.
WRONG = [
    ("geometry/sticky", {"W": STAIRS[:5]}),
    ("geometry/sticky", {"W": STAIRS[[0, 1, 4, 5]]}),  # two neighbours are not three
    ("geometry/budget", {"W": torch.cat([STAIRS, 0.5 * BUSY[:1] + 0.2])}),  # one of thirteen is off
    ("geometry/size-free", {"W_reference": 0.85 * STAIRS}),
    ("geometry/size-free", {"W": torch.ones(12, 6, 40).double()}),  # no room left
    ("geometry/low-rank", {"projected": PROJECTED[1:]}),
    ("geometry/low-rank", {"vertices": {}}),
    ("geometry/pentagon-stretch", {"ratio": RATIO / 8}),  # never as dense as the criterion speaks of
    ("geometry/pentagon-digon", {"pentagon": torch.tensor([0.72, 1.19, 1.47, 1.7, 2.0]).double()}),  # nearly parallel
    ("geometry/norm-bias", {"norm": 1 / NORM, "b": NORM - 1}),
    ("geometry/levels", {"W": ALL_LEVELS[4:]}),
    ("geometry/tegum", {"W": BIPYRAMID.roll(1, 0) * torch.tensor([1.0, 1, 0.1])[:, None]}),
    ("geometry/pentagon-stretch", {"W": pentagons(72, 72, 72, 75, 77)}),
    ("geometry/pentagon-digon", {"ratio": 2 * RATIO}),
    ("geometry/norm-bias", {"b": 1 - NORM**2}),
]

# Changes that break one part of a claim, and its number.
BROKEN = []
