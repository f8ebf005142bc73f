"""Feature geometry as something to slide through: from dense to sparse, which features share dimensions, in which shapes."""

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
from supertoy.curves import first_crossing
from supertoy.data import Independent
from supertoy.explore import Explorer, explorer, rounded, significant
from supertoy.measures import REPRESENTED, dimensions_per_feature, feature_dimensionality, feature_norms
from supertoy.models import ReLUOutputModel
from supertoy.plots import LINES, SHAPE_COLOURS
from supertoy.polytopes import CONNECTED, POLYTOPES, tegum_factors
from supertoy.rotations import aligned
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

    >>> feature_geometry(probability=torch.tensor([1.0, 0.1]), W=torch.eye(2).repeat(2, 1, 1))
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


_SPARSEST, _DENSEST = -1.0, 0.7  # log10 of the fifth feature's relative density, from a tenth to five times
_MOST = 0.1  # density of the others up to which one of the two solutions is the best everywhere in this range


def perturbed_pentagon(density: float = 0.05, *, n_ratios: int = 35, seed: int = 0) -> Explorer:
    """Five features in two dimensions, the fifth of another density than the others: how the best solution changes with it.

    At each ratio of densities, a tenth to five, two models are trained: one starts as a regular pentagon, the other as two
    digons of the first four features, one on each diagonal of a square, without the fifth. Where they stay what they were,
    both are solutions, and the one of lower exact loss is the best; two seconds or so. The pentagon is turned so that the
    fifth feature points to the right where all are alike, and every other solution to lie close to its neighbour.

    Args:
        density: of the four, above 0 and at most 0.1: where features are denser, and the fifth much denser still, other
            solutions than these two are the best.
        n_ratios: ratios of densities, evenly spaced on a log axis; 35 have steps of 12 %, with 1 and the paper's 0.4 among
            them.
        seed: of the batches.

    Raises:
        TypeError: density is not a number; n_ratios or seed no int.
        ValueError: density is out of range; n_ratios below 2; seed below 0.

    Source: paper, "Non-uniform superposition": perturbing one feature.

    >>> perturbed_pentagon(n_ratios=2)
    <Perturbed pentagon: 2 densities, 5 features, 2 dimensions>
    """
    checks.require_number(density=density, above=0)
    if density > _MOST:
        raise ValueError(f"density must be at most {_MOST}, or other solutions are the best, got {density}")
    checks.require_int(n_ratios=n_ratios, at_least=2)
    ratio = 10 ** torch.linspace(_SPARSEST, _DENSEST, n_ratios, dtype=torch.float64)
    W, loss = _solutions(density, ratio, seed)
    # A multiple of what two digons without the fifth feature cost, so that the two can be told apart over all ratios.
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
        # For each geometry, at each ratio; null where training does not stay with it.
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
    """W of the pentagon and of the two digons at each ratio, and their losses, infinite where they are none any more."""
    corners = 2 * torch.pi * torch.tensor([1, 2, 3, 4, 0]) / 5  # the fifth to the right
    diagonals = 2 * torch.pi * torch.tensor([0.5, 1.5, 2.5, 3.5]) / 4
    start = torch.zeros(2, 2, 5)
    start[0] = torch.stack([corners.cos(), corners.sin()])
    start[1, :, :4] = torch.stack([diagonals.cos(), diagonals.sin()])

    probability = torch.full((2 * len(ratio), 5), density, dtype=torch.float64)
    probability[:, 4] *= ratio.repeat(2)
    model = ReLUOutputModel(len(probability), 5, 2, seed=seed).requires_grad_(False)
    model.W.copy_(start.repeat_interleave(len(ratio), 0))
    model.b[len(ratio) :, 4] = probability[len(ratio) :, 4] / 2  # a feature that is not represented is answered by its mean
    # Slow enough to stay with a solution while there is one, and long enough to leave it behind where there is none.
    record = train(model, Independent(5, probability), n_steps=600, learning_rate=0.01, seed=seed)

    W, loss = model.W.unflatten(0, (2, -1)), record.loss.view(2, -1)
    represented = (feature_norms(model.W) > REPRESENTED).unflatten(0, (2, -1))
    found = represented[..., :4].all(-1) & (represented[..., 4] == torch.tensor([[True], [False]]))
    # From the densest pentagon to the sparsest, and back along the digons; the first lies as near as it can to the start.
    path = aligned(torch.cat([start[:1], W[0].flip(0), W[1]]))[1:]
    turned = torch.stack([path[: len(ratio)].flip(0), path[len(ratio) :]])
    return turned, torch.where(found, loss, torch.inf)


def _where_found(values: list, found: Tensor) -> list:
    return [value if is_found else None for value, is_found in zip(values, found.tolist(), strict=True)]
