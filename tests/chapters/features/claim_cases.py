"""Measurements that have the claims of "Features", and measurements that do not."""

import torch

from supertoy.chapters.features.relations import Parallelism, SuccessRate

_SHUFFLED = torch.full((1000,), 0.2)
PARALLEL = {"gender": Parallelism(0.5, _SHUFFLED, 0.001), "plural": Parallelism(0.4, _SHUFFLED, 0.001)}
BY_CHANCE = {**PARALLEL, "plural": Parallelism(0.2, _SHUFFLED, 0.5)}
SUCCESS = {
    "gender": SuccessRate(0.8, (0.75, 0.85), 0.3, (0.25, 0.35), 500),
    "plural": SuccessRate(0.7, (0.65, 0.75), 0.5, (0.45, 0.55), 500),
}
NO_BETTER = {
    **SUCCESS,
    "plural": SuccessRate(0.55, (0.5, 0.6), 0.5, (0.45, 0.55), 500),
}  # above it, and within the intervals

TINY, LARGE = torch.full((20,), 1e-9, dtype=torch.float64), torch.full((20,), 0.5, dtype=torch.float64)
# One rotation in twenty is enough to break the claim.
ONE_LARGE, ONE_TINY = torch.cat([TINY[1:], LARGE[:1]]), torch.cat([LARGE[1:], TINY[:1]])

D = torch.arange(8, 33, 4)
GROWING = 5 * torch.exp(torch.tensor([[0.1], [0.2]]) * D).double()
POWER = 5 * (D.double() / 8) ** torch.tensor([[2.0], [3.0]]).double()
BENT = torch.stack([GROWING[0], POWER[1]])  # exponential for one cosine only
_WOBBLE = torch.tensor([0.25, -0.25, 0.25, -0.25, 0.25, -0.25, 0.25], dtype=torch.float64)
ROUGH = GROWING * _WOBBLE.exp()  # straight, but not to 99 %

N, K = torch.tensor([100, 100, 400, 400]), torch.tensor([4, 10, 16, 40])
_UNIT = (K * (N / K).log()).double()
_SHARP = torch.tensor([[1.0, 1.3, 1.6], [1.0, 1.3, 1.6], [1.2, 1.4, 1.5], [1.2, 1.4, 1.5]], dtype=torch.float64)
NEEDED = _UNIT[:, None] * _SHARP
TOO_FEW = 0.5 * NEEDED
TOO_MANY = 4 * NEEDED
UNEQUAL = NEEDED * torch.tensor([[1.0], [1.7], [1.0], [1.7]]).double()  # another law
BLUNT = _UNIT[:, None] * torch.tensor(
    [[1.0, 1.3, 1.9]] * 2 + [[1.0, 1.4, 1.8]] * 2, dtype=torch.float64
)  # 0.57 of it at most
EVER = _UNIT[:, None] * torch.tensor(
    [[1.2, 1.3, 1.4]] * 2 + [[1.2, 1.4, 1.6]] * 2, dtype=torch.float64
)  # less sharp for more

FILTERED = {
    "linear": torch.full((30,), 9.0),
    "after_relu": torch.full((30,), 0.05),
    "b": torch.full((30,), -0.4),
}

SAME, OTHER = torch.full((28,), 0.001), torch.full((28,), 0.4)
FEW_DIFFER = torch.cat([SAME[2:], OTHER[:2]])  # 26 of 28 pairs
SOME_DIFFER = torch.cat([SAME[3:], OTHER[:3]])  # 25 of 28, which is less than nine tenths

CASES = {
    "features/king-queen": (
        {"answers": [("queen", 0.86), ("prince", 0.7)]},
        {"answers": [("prince", 0.86), ("queen", 0.7)]},
    ),
    "features/analogy-directions": (
        {"parallel": PARALLEL, "success": SUCCESS},
        {"parallel": BY_CHANCE, "success": NO_BETTER},
    ),
    "features/rotation-free": ({"outputs": TINY, "hidden": LARGE}, {"outputs": LARGE, "hidden": LARGE}),
    "features/rotation-breaks": ({"outputs": LARGE, "permuted": TINY}, {"outputs": TINY, "permuted": TINY}),
    "features/almost-orthogonal": (
        {"n_dimensions": D, "counts": GROWING, "guaranteed": GROWING / 3},
        {"n_dimensions": D, "counts": POWER, "guaranteed": POWER / 3},
    ),
    "features/compressed-sensing": (
        {"n_features": N, "n_active": K, "needed": NEEDED},
        {"n_features": N, "n_active": K, "needed": UNEQUAL},
    ),
    "features/linear-interference": (FILTERED, {**FILTERED, "after_relu": torch.full((30,), 5.0)}),
    "features/universality": (
        {"distance": {"small": SAME, "large": FEW_DIFFER}},
        {"distance": {"small": SAME, "large": SOME_DIFFER}},
    ),
}

# Changes to a right solution that its claim must not survive.
WRONG = [
    ("features/rotation-free", {"outputs": ONE_LARGE}),
    ("features/rotation-breaks", {"outputs": ONE_TINY}),
    ("features/almost-orthogonal", {"counts": BENT}),
    ("features/almost-orthogonal", {"counts": ROUGH}),
    ("features/compressed-sensing", {"needed": TOO_FEW}),
    ("features/compressed-sensing", {"needed": TOO_MANY}),
    ("features/universality", {"distance": {"small": OTHER, "large": SAME}}),
]

# Changes that break one part of a claim, and its number.
BROKEN = [
    ("features/king-queen", {"answers": [("king", 0.9), ("queen", 0.8)]}, 0),
    ("features/analogy-directions", {"parallel": BY_CHANCE}, 0),
    ("features/analogy-directions", {"success": NO_BETTER}, 1),
    ("features/rotation-free", {"outputs": ONE_LARGE}, 0),
    ("features/rotation-free", {"hidden": ONE_TINY}, 1),
    ("features/rotation-breaks", {"outputs": ONE_TINY}, 0),
    ("features/rotation-breaks", {"permuted": ONE_LARGE}, 1),
    ("features/almost-orthogonal", {"counts": BENT, "guaranteed": BENT / 3}, 0),
    ("features/almost-orthogonal", {"guaranteed": 1.1 * GROWING}, 1),
    ("features/compressed-sensing", {"needed": UNEQUAL}, 0),
    ("features/compressed-sensing", {"needed": BLUNT}, 1),
    ("features/compressed-sensing", {"needed": EVER}, 1),
    ("features/linear-interference", {"linear": torch.full((30,), 0.05), "after_relu": torch.zeros(30)}, 0),
    ("features/linear-interference", {"after_relu": torch.full((30,), 3.0)}, 1),
    ("features/linear-interference", {"b": torch.tensor([0.01] + [-0.4] * 29)}, 2),
    ("features/universality", {"distance": {"small": SOME_DIFFER, "large": SAME}}, 0),
    ("features/universality", {"distance": {"small": SAME, "large": SOME_DIFFER}}, 1),
]
