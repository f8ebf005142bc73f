"""Measurements that have the claims of "Superposition as a phase change", and measurements that do not."""

import torch

from supertoy import phases
from supertoy.surface import Minimum

DENSITY, RATIO = torch.cartesian_prod(10 ** torch.linspace(0, -2, 41), 10 ** torch.linspace(-1, 1, 41)).double().T
PLANE = {"density": DENSITY, "ratio": RATIO}
LOSSES = {n: phases.candidate_losses(n, DENSITY, RATIO) for n in (2, 3)}
THEORY = {n: phases.theoretical_phase(n, DENSITY, RATIO) for n in (2, 3)}


def trained(n, n_wrong_of_ten):
    """The phases of theory, with some of every ten points in another one."""
    phase, gap = THEORY[n]
    wrong = torch.arange(len(phase)) % 10 < n_wrong_of_ten
    return {"theory": phase, "trained": torch.where(wrong, (phase + 1) % 3, phase), "gap": gap}


KINK = {"slope": torch.tensor([1.0, 0.98, 0.4, 0.39]), "phase": torch.tensor([0, 0, 1, 1])}
SMOOTH = {"slope": torch.tensor([1.0, 0.8, 0.6, 0.45]), "phase": torch.tensor([0, 0, 1, 1])}
CLOSED = torch.tensor([0.1, 0.2], dtype=torch.float64)
ARC = torch.linspace(0, torch.pi / 2, 60, dtype=torch.float64)
PATH = torch.stack([ARC.cos(), ARC.sin()], dim=1)
JUMP = torch.cat([PATH[:10], PATH[50:]]).repeat_interleave(3, 0)
CONFUSED, PAIR = Minimum(0.71, 0.7, 0.08), Minimum(1.0, -1.0, 0.1)

CASES = {
    "theory-n2": (
        {"losses": LOSSES[2], "exact": LOSSES[2] * 1.0001, **PLANE},
        {"losses": LOSSES[2][[0, 1, 1]], "exact": LOSSES[2], **PLANE},
    ),
    "theory-n3": (
        {"losses": LOSSES[3], "exact": LOSSES[3], **PLANE},
        {"losses": LOSSES[3], "exact": 1.1 * LOSSES[3], **PLANE},
    ),
    "empirical-n2": (trained(2, 0), trained(2, 1)),
    "empirical-n3": (trained(3, 0), trained(3, 3)),
    "first-order": (KINK, SMOOTH),
    "loses-both": (
        {"outputs": torch.tensor([[1.0, 0], [0.1, 0.9], [0, 0]])},
        {"outputs": torch.tensor([[1.0, 0.2], [0, 0.2], [1, 0.2]])},
    ),
    "loss-surface": (
        {"closed": CLOSED, "brute": CLOSED, "path": PATH},
        {"closed": CLOSED, "brute": CLOSED + 1e-5, "path": JUMP},
    ),
    "confused-feature": (
        {"dense": [CONFUSED, PAIR], "counts": torch.tensor([1, 2, 1, 1])},
        {"dense": [PAIR, CONFUSED], "counts": torch.ones(20, dtype=torch.long)},
    ),
    "activation-matters": (
        {"agreement": {"a": 0.1, "b": 0.79, "c": 0.5, "d": 0.9}},
        {"agreement": {"a": 0.81, "b": 0.9, "c": 0.95, "d": 1.0}},
    ),
}
