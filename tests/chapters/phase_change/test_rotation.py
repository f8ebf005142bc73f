"""Solutions turned towards a target."""

import pytest
import torch
from torch.testing import assert_close

from supertoy.chapters.phase_change.rotation import rotated_towards
from tests.test_rotations import turned


def test_nothing_that_turning_and_mirroring_can_do_is_nearer_to_the_target():
    generator = torch.Generator().manual_seed(2)
    W, target = torch.randn(2, 2, 5, generator=generator, dtype=torch.float64)
    nearest = rotated_towards(W[None], target)[0]
    assert_close(nearest.mT @ nearest, W.mT @ W, rtol=0, atol=1e-9)
    others = [turned(W[None], torch.pi * k / 90, mirrored)[0] for k in range(180) for mirrored in (False, True)]
    least = min((other - target).norm() for other in others)
    assert (nearest - target).norm() <= least + 1e-9
    assert_close((nearest - target).norm(), least, rtol=0.01, atol=0)


def test_a_target_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"target must be .*, got .* of shape \[2, 4\]; feature is 3 in W"):
        rotated_towards(torch.ones(1, 2, 3), torch.ones(2, 4))
