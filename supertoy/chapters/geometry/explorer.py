"""Feature geometry to slide through: shapes from dense to sparse, and a pentagon in which one feature's density changes."""

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.colors import to_hex
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.curves import first_crossing
from supertoy.data import Independent
from supertoy.explore import Explorer, explorer, rounded, significant
from supertoy.measures import REPRESENTED, dimensions_per_feature, feature_dimensionality, feature_norms
from supertoy.models import ReLUOutputModel
from supertoy.plots import LINES, SHAPE_COLOURS
from supertoy.polytopes import CONNECTED, POLYTOPES, tegum_factors
from supertoy.rotations import aligned
from supertoy.training import train

# Singular and plural, in the order of their lines from the top.
_SHAPES = {
    "own dimension": ("own dimension", "own dimensions"),
    "tetrahedron": ("tetrahedron", "tetrahedra"),
    "triangle": ("triangle", "triangles"),
    "digon": ("digon", "digons"),
    "pentagon": ("pentagon", "pentagons"),
    "square antiprism": ("square antiprism", "square antiprisms"),
    "other": ("other group", "other groups"),
}

_SIDE = 300  # of the square in which a graph is laid out
_MOST_EDGES = 300  # of a factor, the strongest: more would be a blot, and a large page


def feature_geometry(
    n_features: int = 400,
    n_hidden: int = 30,
    probability: Float[Tensor, "setting"] | None = None,
    *,
    W: Float[Tensor, "setting hidden feature"] | None = None,
    n_steps: int = 1500,
    learning_rate: float = 0.005,
    seed: int = 0,
    title: str | None = None,
) -> Explorer:
    """Uniform superposition with a slider for the sparsity: D*, the dimensionality of each feature, and the geometry graph.

    >>> feature_geometry(probability=torch.tensor([1.0, 0.1]), W=torch.eye(2).repeat(2, 1, 1))
    <Geometry: 2 sparsities, 2 features in 2 dimensions>

    One model for each sparsity is trained here, with equally important features, unless W is given. In the graph a dot is a
    feature and a line joins two that interfere. Each tegum factor is seen along its two widest directions, in the colour of
    its shape. Of a factor with more than 300 lines the strongest 300 are drawn.

    Args:
        probability: p = 1 - S of each setting, two or more; by default 1 / (1 - S) takes forty values from 1 to 100.
        W: weights trained at these p, which must then be given; sizes and options of training are not read.
        learning_rate: at its peak.
        title: stands above the drawing, and names it to those who cannot see it.

    Raises:
        ValueError: W without probability, with another number of settings, or zero at some setting.

    Source: paper, "Uniform superposition" and "Feature dimensionality".
    """
    if probability is None:
        if W is not None:
            raise ValueError("probability must be given with W: p = 1 - S of each of its settings")
        probability = 1 / torch.logspace(0, 2, 40)
    if len(probability) < 2 or not bool(((probability > 0) & (probability <= 1)).all()):
        raise ValueError(f"probability must have 2 entries or more, all in (0, 1], got {probability.tolist()}")
    if W is None:
        model = ReLUOutputModel(len(probability), n_features, n_hidden, seed=seed)
        options: dict[str, Any] = {"n_steps": n_steps, "n_restarts": 1, "learning_rate": learning_rate, "seed": seed}
        train(model, Independent(n_features, probability[:, None]), **options)
        W = model.W.detach()
    if len(W) != len(probability):
        raise ValueError(f"W must have one entry for each of {len(probability)} settings of probability, got {len(W)}")
    order = probability.argsort(descending=True)
    W, sparsity = W.detach()[order].cpu(), (1 / probability[order].double()).tolist()
    for x, each in zip(sparsity, W, strict=True):
        if not each.any():
            raise ValueError(f"W must hold a feature at every setting, and is zero at 1 / (1 - S) = {x:.3g}")
    _, n_hidden, n_features = W.shape
    data = {
        "sparsity": significant(sparsity),
        "dimensions": significant(dimensions_per_feature(W).tolist()),
        "dimensionality": (1000 * feature_dimensionality(W)).round().int().tolist(),  # shorter than with "0."
        "graphs": [_graph(each) for each in W],
        "shapes": [_about(name) for name in _SHAPES],
    }
    size = f"{n_features} features in {n_hidden} dimensions"
    return explorer(
        Path(__file__).with_name("feature_geometry"),
        data,
        title=title or f"The geometry of {size}",
        threshold=str(CONNECTED),
        most=str(_MOST_EDGES),
        summary=f"Geometry: {len(W)} sparsities, {size}",
    )


def _about(name: str) -> dict[str, Any]:
    """A shape's names and colour, and the line that its features are on, if it has one."""
    about: dict[str, Any] = {"names": _SHAPES[name], "colour": to_hex(SHAPE_COLOURS[name])}
    if name in POLYTOPES:
        n_points, n_dimensions = POLYTOPES[name].shape
        about |= {"level": n_dimensions / n_points, "fraction": str(Fraction(n_dimensions, n_points))}
    return about


def _graph(W: Float[Tensor, "hidden feature"]) -> list[dict[str, Any]]:
    """The factors of one model, largest first, each in its place; feature_geometry.js says what they hold."""
    names = list(_SHAPES)
    factors = sorted(tegum_factors(W), key=lambda factor: (-len(factor.features), names.index(factor.shape)))
    cells = _cells([max(1.0, 0.62 * math.sqrt(len(factor.features))) for factor in factors])  # equal area per feature
    graph = []
    for factor, (x, y, side) in zip(factors, cells, strict=True):
        columns = W[:, list(factor.features)]
        points = np.array([x, y]) + 0.4 * side * _flat(columns, factor.shape)
        strength = (columns.mT @ columns).abs().triu(1)
        strongest, places = strength.flatten().sort(descending=True, stable=True)
        edges = [
            (*divmod(place, len(strength)), round(100 * size))
            for size, place in zip(strongest[:_MOST_EDGES].tolist(), places.tolist(), strict=False)
            if size > CONNECTED
        ]
        graph.append(
            {
                "shape": names.index(factor.shape),
                "features": list(factor.features),
                "points": points.round().astype(int).ravel().tolist(),
                "edges": [number for edge in edges for number in edge],
            }
        )
    return graph


def _flat(columns: Float[Tensor, "hidden member"], shape: str) -> Float[np.ndarray, "member 2"]:
    """Where features are along the two directions in which they are widest, in a square from -1 to 1 that they fill."""
    values, vectors = np.linalg.eigh((columns.mT @ columns).double().numpy())
    points = (vectors * np.sqrt(values.clip(min=0)))[:, ::-1]
    if shape in POLYTOPES and POLYTOPES[shape].shape[1] == 3:
        # A solid is about as wide in every direction. Look along the axis on which all points are equally far from the
        # middle: an antiprism then shows two squares.
        points = points[:, :3]
        between = (points[:, None] - points).reshape(-1, 3)
        axes = np.cross(between[:, None], between).reshape(-1, 3)
        lengths = np.linalg.norm(axes, axis=1)
        axes = axes[lengths > 0.1] / lengths[lengths > 0.1, None]
        axis = axes[((points @ axes.T) ** 2).std(0).argmin()]
        points = points @ np.linalg.svd(axis[None])[2][1:].T
    flat = np.zeros((len(points), 2))
    flat[:, : points.shape[1]] = points[:, :2]
    flat -= (flat.max(0) + flat.min(0)) / 2
    return flat / max(float(np.abs(flat).max()), 1e-12)


def _cells(sizes: Sequence[float]) -> list[tuple[float, float, float]]:
    """Centres and sides of squares with these relative sizes, the largest first, as large as they fit."""
    unit = _SIDE / max(sizes, default=1.0)
    while (cells := _packed([unit * size for size in sizes])) is None:
        unit *= 0.98
    return cells


def _packed(sides: Sequence[float]) -> list[tuple[float, float, float]] | None:
    cells, free = [], [(0.0, 0.0, float(_SIDE), float(_SIDE))]  # left, top, width, height of rectangles
    for side in sides:
        fitting = [space for space in free if min(space[2:]) > side * (1 - 1e-9)]
        if not fitting:
            return None
        space = min(fitting, key=lambda each: (each[1], each[0]))
        free.remove(space)
        left, top, width, height = space
        cells.append((left + side / 2, top + side / 2, side))
        free += [(left + side, top, width - side, side), (left, top + side, width, height - side)]
    return cells


_SPARSEST, _DENSEST = -1.0, 0.7  # log10 of the fifth feature's relative density, from a tenth to five times
_MOST = 0.1  # up to this density of the others one of the two solutions is the best in all of this range


def perturbed_pentagon(density: float = 0.05, *, n_ratios: int = 35, seed: int = 0) -> Explorer:
    """Five features in two dimensions, and how the best solution changes with the density of the fifth.

    >>> perturbed_pentagon(n_ratios=2)
    <Perturbed pentagon: 2 densities, 5 features, 2 dimensions>

    At each ratio of densities, a tenth to five, two models are trained. One starts as a regular pentagon. The other starts
    without the fifth feature, as two digons on the diagonals of a square. Where they stay what they were, both are
    solutions, and the one of lower exact loss is the best. The pentagon is turned so that the fifth feature points to the
    right where all are alike, and every other solution so that it lies close to its neighbour. All this takes about two
    seconds.

    Args:
        density: of the other four, above 0 and at most 0.1. Where features are denser, and the fifth much denser still,
            other solutions are the best.
        n_ratios: evenly spaced on a log axis; 35 have steps of 12 %, with 1 and the paper's 0.4 among them.

    Source: paper, "Non-uniform superposition": perturbing one feature.
    """
    checks.require_number(density=density, above=0)
    if density > _MOST:
        raise ValueError(f"density must be at most {_MOST}, or other solutions are the best, got {density}")
    checks.require_int(n_ratios=n_ratios, at_least=2)
    ratio = 10 ** torch.linspace(_SPARSEST, _DENSEST, n_ratios, dtype=torch.float64)
    W, loss = _solutions(density, ratio, seed)
    # As a multiple of what two digons without the fifth feature cost, the two differ visibly at all ratios.
    fifth = density * ratio
    two_digons = 2 * density**2 / 3 + fifth / 3 - fifth**2 / 4
    crossing = first_crossing(ratio, falling=loss[0], rising=loss[1])
    shapes = ("pentagon", "digon")
    data = {
        "ratio": significant(ratio.tolist()),
        "names": ["pentagon", "two digons"],
        "colours": [to_hex(SHAPE_COLOURS[shape]) for shape in shapes],
        # The four that are alike are grey.
        "features": [to_hex(LINES[7])] * 4 + [to_hex(LINES[1])],
        # For each geometry, at each ratio; null where training leaves it.
        "points": [_where_found(rounded(w.mT.tolist()), found) for w, found in zip(W, loss.isfinite(), strict=True)],
        "loss": [_where_found(significant(values.tolist(), 3), values.isfinite()) for values in loss],
        "relative": [_where_found(rounded(values.tolist()), values.isfinite()) for values in loss / two_digons],
        "crossing": None if crossing is None else float(f"{crossing:.3g}"),
    }
    return explorer(
        Path(__file__).with_name("perturbed_pentagon"),
        data,
        title="A pentagon with one feature of another density",
        summary=f"Perturbed pentagon: {n_ratios} densities, 5 features, 2 dimensions",
    )


def _solutions(
    density: float, ratio: Float[Tensor, "ratio"], seed: int
) -> tuple[Float[Tensor, "geometry ratio 2 5"], Float[Tensor, "geometry ratio"]]:
    """W of the pentagon and of the two digons at each ratio, and their losses, infinite where they are lost."""
    corners = 2 * torch.pi * torch.tensor([1, 2, 3, 4, 0]) / 5  # the fifth to the right
    diagonals = 2 * torch.pi * torch.tensor([0.5, 1.5, 2.5, 3.5]) / 4
    start = torch.zeros(2, 2, 5)
    start[0] = torch.stack([corners.cos(), corners.sin()])
    start[1, :, :4] = torch.stack([diagonals.cos(), diagonals.sin()])

    probability = torch.full((2 * len(ratio), 5), density, dtype=torch.float64)
    probability[:, 4] *= ratio.repeat(2)
    model = ReLUOutputModel(len(probability), 5, 2, seed=seed)
    with torch.no_grad():
        model.W.copy_(start.repeat_interleave(len(ratio), 0))
        model.b[len(ratio) :, 4] = probability[len(ratio) :, 4] / 2  # what is not represented is answered by its mean
    # Slow enough to stay with a solution while there is one, and long enough to leave it behind where there is none.
    record = train(model, Independent(5, probability), n_steps=600, n_restarts=1, learning_rate=0.01, seed=seed)

    W, loss = model.W.detach().unflatten(0, (2, -1)), record.loss.view(2, -1)
    represented = (feature_norms(model.W) > REPRESENTED).unflatten(0, (2, -1))
    found = represented[..., :4].all(-1) & (represented[..., 4] == torch.tensor([[True], [False]]))
    # From the densest pentagon to the sparsest, and back along the digons; the first lies as near to the start as it can.
    path = aligned(torch.cat([start[:1], W[0].flip(0), W[1]]))[1:]
    turned = torch.stack([path[: len(ratio)].flip(0), path[len(ratio) :]])
    return turned, torch.where(found, loss, torch.inf)


def _where_found(values: list, found: Tensor) -> list:
    return [value if is_found else None for value, is_found in zip(values, found.tolist(), strict=True)]


guard(__name__)
