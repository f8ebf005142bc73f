"""Measurements that have the claims of "Superposition as a phase change", and measurements that do not."""

import torch

from supertoy.chapters.phase_change import phases
from supertoy.chapters.phase_change.surface import Minimum

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
    "phase/theory-n2": (
        {"losses": LOSSES[2], "exact": LOSSES[2] * 1.0001, **PLANE},
        {"losses": LOSSES[2][[0, 1, 1]], "exact": LOSSES[2], **PLANE},
    ),
    "phase/theory-n3": (
        {"losses": LOSSES[3], "exact": LOSSES[3], **PLANE},
        {"losses": LOSSES[3], "exact": 1.1 * LOSSES[3], **PLANE},
    ),
    "phase/empirical-n2": (trained(2, 0), trained(2, 1)),
    "phase/empirical-n3": (trained(3, 0), trained(3, 3)),
    "phase/first-order": (KINK, SMOOTH),
    "phase/loses-both": (
        {"outputs": torch.tensor([[1.0, 0], [0.1, 0.9], [0, 0]])},
        {"outputs": torch.tensor([[1.0, 0.2], [0, 0.2], [1, 0.2]])},
    ),
    "phase/loss-surface": (
        {"closed": CLOSED, "brute": CLOSED, "path": PATH},
        {"closed": CLOSED, "brute": CLOSED + 1e-5, "path": JUMP},
    ),
    "phase/confused-feature": (
        {"dense": [CONFUSED, PAIR], "counts": torch.tensor([1, 2, 1, 1])},
        {"dense": [PAIR, CONFUSED], "counts": torch.ones(20, dtype=torch.long)},
    ),
    "phase/activation-matters": (
        {"agreement": {"a": 0.1, "b": 0.79, "c": 0.5, "d": 0.9}},
        {"agreement": {"a": 0.81, "b": 0.9, "c": 0.95, "d": 1.0}},
    ),
}

# Changes to a right solution that its claim must not survive.
WRONG = [
    ("phase/theory-n2", {"ratio": 3 * RATIO}),  # a triple point elsewhere
    ("phase/first-order", {"phase": torch.tensor([0, 1, 1, 1])}),  # the kink is not where the phase changes
    ("phase/loses-both", {"outputs": torch.tensor([[1.0, 0], [0, 1], [1, 0.5]])}),
    ("phase/loss-surface", {"path": JUMP}),
    ("phase/confused-feature", {"counts": torch.ones(20, dtype=torch.long)}),
    ("phase/activation-matters", {"agreement": {"a": 0.5, "b": 0.5, "c": 0.9}}),
    ("phase/first-order", {"phase": torch.zeros(4, dtype=torch.long)}),  # no change of phase at all
    ("phase/loss-surface", {"path": PATH[:49]}),
    ("phase/loss-surface", {"path": 0.3 * PATH}),  # hardly moves
]

# Changes that break one part of a claim, and its number.
BROKEN = []
