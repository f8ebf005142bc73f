"""Judges of this chapter, beyond their cases."""

import torch

import supertoy as st
from supertoy.chapters import phase_change  # noqa: F401


def test_only_points_outside_the_band_count():
    theory, gap = torch.zeros(10, dtype=torch.long), torch.tensor([0.05] * 5 + [0.5] * 5, dtype=torch.float64)
    inside, outside = theory.clone(), theory.clone()
    inside[:5], outside[5:] = 1, 1
    for trained, holds in ((inside, 1), (outside, 0)):
        case = {"theory": theory, "trained": trained, "gap": gap}
        assert st.claims.check("phase/empirical-n2", [case]).n_holds == holds
    nothing = {"theory": theory, "trained": theory, "gap": 0 * gap}
    assert not st.claims.check("phase/empirical-n2", [nothing]).n_holds
