"""Feature geometry as something to slide through: from dense to sparse, which features share dimensions, in which shapes."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.colors import to_hex
from torch import Tensor

from supertoy import checks
from supertoy.data import Independent
from supertoy.explore._explorer import Explorer, explorer, significant
from supertoy.measures import dimensions_per_feature, feature_dimensionality
from supertoy.models import ReLUOutputModel
from supertoy.plots import SHAPE_COLOURS
from supertoy.tegum import CONNECTED, POLYTOPES, tegum_factors
from supertoy.training import train

# In the order of their lines from the top: how one and how several are called.
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
_MOST_EDGES = 300  # drawn of a factor, the strongest: more would be a blot, and a large page


def geometry(
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

    One model for each sparsity is trained here, with equally important features, unless W is given. In the graph a dot is
    a feature, a line joins two that interfere, and each tegum factor is seen along its two widest directions, in the
    colour of its shape; of a factor with more than 300 lines the strongest 300 are drawn.

    Args:
        n_features: of the models to train.
        n_hidden: their dimensions.
        probability: p = 1 - S of each setting; 1 / (1 - S) is at forty places from 1 to 100 if not given.
        W: weights of models that were trained at these p, which then must be given. Sizes and options of training are not
            read.
        n_steps: of training.
        learning_rate: at its peak.
        seed: of training.
        title: above the drawing, and what it is called to those who cannot see it.

    Raises:
        ValueError: W without probability, or not as many settings in both; fewer than two settings; a probability outside
            (0, 1]; a W that is not finite, or zero at some setting; sizes below 1; options that `train` refuses.

    Source: paper, "Uniform superposition" and "Feature dimensionality".

    >>> geometry(probability=torch.tensor([1.0, 0.1]), W=torch.eye(2).repeat(2, 1, 1))
    <Geometry: 2 sparsities, 2 features in 2 dimensions>
    """
    if probability is None:
        if W is not None:
            raise ValueError("probability must be given with W: p = 1 - S of each of its settings")
        probability = 1 / torch.logspace(0, 2, 40)
    if len(probability) < 2 or not bool(((probability > 0) & (probability <= 1)).all()):
        raise ValueError(f"probability must have 2 entries or more, all in (0, 1], got {probability.tolist()}")
    if W is None:
        model = ReLUOutputModel(len(probability), n_features, n_hidden, seed=seed)
        train(model, Independent(n_features, probability[:, None]), n_steps=n_steps, learning_rate=learning_rate, seed=seed)
        W = model.W
    checks.require_weights(W=W)
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
        "geometry",
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
    """The factors of one model, largest first, each in its place.

    Of each: number of its shape, its features, x and y of each of them one after the other, and of every edge the places of
    its two ends in that list and 100 |W_i·W_j|.
    """
    names = list(_SHAPES)
    factors = sorted(tegum_factors(W), key=lambda factor: (-len(factor.features), names.index(factor.shape)))
    cells = _cells([max(1.0, 0.62 * math.sqrt(len(factor.features))) for factor in factors])  # an area for each feature
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
    """Where features are along the two directions in which they are widest, in a square from -1 to 1 that they fill.

    Solids with a name are about as wide in every direction. They are seen along the axis on which all their points are
    equally far from the middle, an antiprism as two squares.
    """
    values, vectors = np.linalg.eigh((columns.mT @ columns).double().numpy())
    points = (vectors * np.sqrt(values.clip(min=0)))[:, ::-1]
    if shape in POLYTOPES and POLYTOPES[shape].shape[1] == 3:
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
    """Squares of these sizes, the largest first, as large as they fit into the large one: centres and sides."""
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
