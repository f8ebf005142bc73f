"""The plane of the phase change to walk through: what becomes of an extra feature at each density and importance."""

from pathlib import Path

import torch
from jaxtyping import Float, Int
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.chapters.phase_change import phases
from supertoy.chapters.phase_change.plots import extra_feature_colours
from supertoy.chapters.phase_change.rotation import rotated_towards
from supertoy.data import Independent
from supertoy.explore import Explorer, explorer, rounded, significant
from supertoy.measures import feature_norms, superposition
from supertoy.models import ReLUOutputModel
from supertoy.plots import LINES
from supertoy.training import train

# All solutions are turned towards the corners of a simplex: then neighbours in the plane look alike.
_SIMPLEX = {2: ((1.0, -1.0),), 3: ((-(0.75**0.5), 0.75**0.5, 0.0), (0.5, 0.5, -1.0))}
_TITLES = {2: "Two features in one dimension", 3: "Three features in two dimensions"}
_NAMES = {2: ("first", "extra"), 3: ("first", "second", "extra")}
_BORDER_POINTS = 81  # along each side of the grid on which the theory's borders are found


def phase_plane(n_features: int = 2, *, n_points: int = 31, n_restarts: int = 8, seed: int = 0) -> Explorer:
    """Choose a density and the extra feature's importance on a map; see the model trained there, and what it reconstructs.

    >>> phase_plane(n_features=3, n_points=2, n_restarts=1)
    <Phase plane: 2 densities, 2 importances, 3 features in 2 dimensions>

    Trains a model at every point of a grid over densities 1 to 0.01 and relative importances 0.1 to 10, in seconds. Of
    several starts at each point, the one of lowest exact loss is kept. Beside each model are the losses of the theory's
    candidates. Weights are kept to 3 decimals and losses to 4 digits.

    Args:
        n_features: 2 (and one hidden dimension) or 3 (and two).
        n_points: densities, and as many importances.
        n_restarts: starts at each point. With few of them some points end in a poor solution, more so with three features.

    Source: paper, "Superposition as a phase change".
    """
    phases.candidate_weights(n_features)  # refuses other numbers
    checks.require_int(n_points=n_points, at_least=2)
    density = 10 ** torch.linspace(0, -2, n_points, dtype=torch.float64)
    ratio = 10 ** torch.linspace(-1, 1, n_points, dtype=torch.float64)
    p, r = torch.cartesian_prod(density, ratio).T
    W, b, loss = _trained(n_features, p, r, n_restarts, seed)
    colours = extra_feature_colours(feature_norms(W)[:, -1], superposition(W)[:, -1])
    data = {
        "density": significant(density.tolist()),
        "ratio": significant(ratio.tolist()),
        # At each point, in the order of torch.cartesian_prod: all ratios of the first density come first.
        "W": rounded(W.tolist()),
        "b": rounded(b.tolist()),
        "loss": significant(loss.tolist(), 4),
        "phase": phases.phase_of(W).tolist(),
        "cells": [to_hex(colour) for colour in colours],
        "candidates": [candidate.name for candidate in phases.CANDIDATES[n_features]],
        "candidateLoss": [significant(row, 4) for row in phases.candidate_losses(n_features, p, r).tolist()],
        "borders": _borders(n_features),
        "features": _NAMES[n_features],
        "colours": [to_hex(colour) for colour in LINES[:n_features]],
    }
    return explorer(
        Path(__file__).with_name("phase_plane"),
        data,
        title=_TITLES[n_features],
        summary=f"Phase plane: {n_points} densities, {n_points} importances, {n_features} features in "
        f"{n_features - 1} dimension{'s' if n_features > 2 else ''}",
    )


def _trained(
    n: int, density: Float[Tensor, "point"], ratio: Float[Tensor, "point"], n_restarts: int, seed: int
) -> tuple[Float[Tensor, "point hidden feature"], Float[Tensor, "point feature"], Float[Tensor, "point"]]:
    """W and b of a model at every point, turned and named so that neighbours look alike, and its exact expected loss."""
    model = ReLUOutputModel(len(density), n, n - 1, seed=seed)
    importance = torch.ones(len(ratio), n, dtype=torch.float64)
    importance[:, -1] = ratio
    # So few features need no samples: the loss is a sum over sets of active features, with some nodes for each value.
    record = train(
        model,
        Independent(n, density[:, None]),
        importance=importance,
        n_steps=200,
        n_nodes=6 - n,
        n_restarts=n_restarts,
        seed=seed,
    )
    order = _order(model.W.detach())
    W = model.W.detach().gather(2, order[:, None].expand_as(model.W))
    return rotated_towards(W, torch.tensor(_SIMPLEX[n])), model.b.detach().gather(1, order), record.loss


def _order(W: Float[Tensor, "point hidden feature"]) -> Int[Tensor, "point feature"]:
    """An order that leaves the extra feature last and says which of the others is called the first."""
    # As in the theory's candidates, that is the dropped one, or else the one that does not share with the extra feature.
    others, extra = W[:, :, :-1], W[:, :, -1:]
    order = (others * (extra - others)).sum(1).argsort(1, descending=True)
    return torch.cat([order, torch.full_like(order[:, :1], W.shape[2] - 1)], dim=1)


def _borders(n_features: int) -> list[list[list[float]]]:
    """Lines on which two candidates cost the same and no other costs less, as [log10 density, log10 ratio]."""
    x, y = torch.linspace(0, -2, _BORDER_POINTS).double(), torch.linspace(-1, 1, _BORDER_POINTS).double()
    losses = phases.candidate_losses(n_features, *(10 ** torch.cartesian_prod(x, y)).unbind(1)).log()
    losses = losses.view(-1, len(x), len(y))
    axis = Figure().subplots()
    lines = []
    for k in range(len(losses) - 1):  # the others' borders include those of the last region
        margin = losses[k] - torch.cat([losses[:k], losses[k + 1 :]]).amin(0)
        lines += axis.contour(x.numpy(), y.numpy(), margin.mT.numpy(), levels=[0]).allsegs[0]
    return [rounded(line.tolist()) for line in lines]


guard(__name__)
