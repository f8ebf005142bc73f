"""Stages of learning are told by geometry, and paths by where the loss rests."""

import pytest
import torch

from supertoy.chapters.dynamics import stages
from tests.chapters.dynamics.claim_cases import AXIS, BASIS, OCTAHEDRON, OWN_SETS, TURNED


def test_arrangements_are_told_by_directions_and_antipodes():
    points = torch.stack([BASIS[0]] * 3 + [BASIS[1]] * 3, 1)
    opposite = torch.stack([BASIS[0]] * 3 + [-BASIS[0]] * 3, 1)
    W = torch.stack([torch.zeros(3, 6), points, opposite, TURNED, OCTAHEDRON])
    assert stages.geometry(W) == ["0+0", "1+1", "1+1", "3+3", "octahedron"]


def test_an_octahedron_is_one_whoever_the_partners_are():
    assert stages.geometry(OWN_SETS[None]) == ["octahedron"]


def test_six_directions_with_opposites_in_one_plane_are_no_octahedron():
    angle = torch.deg2rad(torch.tensor([0.0, 30, 60, 180, 210, 240]))
    fan = torch.stack([angle.cos(), angle.sin(), torch.zeros(6)])
    assert stages.geometry(torch.stack([fan, AXIS])) == ["3+3", "1+1"]


@pytest.mark.parametrize(
    ("geometry", "stage"),
    [("0+0", "nothing"), ("0+3", "nothing"), ("1+1", "points"), ("1+3", "splitting"), ("2+2", "splitting"),
     ("3+3", "triangles"), ("octahedron", "octahedron")],
)  # fmt: skip
def test_every_arrangement_belongs_to_a_stage(geometry, stage):
    assert stages.stage(geometry) == stage
    assert stage in stages.ORDER


def test_a_path_names_where_the_loss_rests_and_nothing_in_between():
    steps = torch.arange(1, 9)
    loss = torch.tensor([1.0, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.01])
    names = ["a", "a", "b", "c", "d", "e", "f", "f"]
    assert stages.path(steps, loss, names) == ("b", "d", "f")
    assert stages.path(steps, torch.logspace(0, -4, 8), names) == ()


def test_a_loss_rests_where_it_is_flat_on_log_axes():
    steps = torch.logspace(0, 3, 61, dtype=torch.float64).round().unique().long()
    loss = torch.where(steps < 30, 1.0, torch.where(steps < 300, 0.1, 0.01)).double()
    runs = [(int(steps[a]), int(steps[b])) for a, b in stages.plateaus(steps, loss)]
    assert len(runs) == 3
    assert [start for start, _ in runs[1:]] == [int(steps[steps >= 30][0]), int(steps[steps >= 300][0])]
    assert stages.plateaus(steps, 1 / steps.double()) == []
    assert stages.plateaus(steps, steps.double() ** -0.1) == [(0, len(steps) - 1)]


def test_short_rests_do_not_count():
    steps, loss = torch.tensor([100, 110, 120, 130]), torch.tensor([1.0, 1.0, 0.5, 0.2])
    assert stages.plateaus(steps, loss) == []
    assert stages.plateaus(torch.tensor([100, 120, 130]), loss[1:].new_tensor([1.0, 1.0, 0.5])) == [(0, 1)]


def test_what_is_no_training_is_refused():
    loss = torch.tensor([1.0, 0.5])
    with pytest.raises(ValueError, match="steps must rise, got 1 after 2"):
        stages.plateaus(torch.tensor([2, 1]), loss)
    with pytest.raises(ValueError, match="steps must be above 0, got 0"):
        stages.plateaus(torch.tensor([0, 1]), loss)
    with pytest.raises(ValueError, match="loss must be positive, got 0"):
        stages.plateaus(torch.tensor([1, 2]), 0 * loss)
    with pytest.raises(ValueError, match="geometries must have one entry for each of 2 steps, got 1"):
        stages.path(torch.tensor([1, 2]), loss, ["0+0"])
    with pytest.raises(ValueError, match=r"geometry must be 'octahedron' or the like of '1\+3', got 'cube'"):
        stages.stage("cube")
