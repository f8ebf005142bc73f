"""Feature geometry: which features share dimensions with which, and what shapes they form.

A model in superposition often falls apart into groups of features. Each group has a subspace of its own, orthogonal to all
others. Polytopes that are put together in this way form what geometers call a tegum product: an octahedron is the tegum
product of three digons. So the groups are tegum factors, and most of them are one of a few shapes.

All functions take a single model, W as [hidden, feature].

Source: paper, "Uniform superposition".
"""

import math
from dataclasses import dataclass

import networkx as nx
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util.border import guard
from supertoy.measures import REPRESENTED, feature_dimensionality, feature_norms

CONNECTED = 0.2  #: |W_i·W_j| of an edge is larger; what training leaves between factors is smaller


def _around(n: int, turn: float = 0.0) -> np.ndarray:
    angle = 2 * math.pi * (np.arange(n) + turn) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _square_antiprism() -> np.ndarray:
    # At this height the eight points share their three dimensions equally: each has dimensionality 3/8.
    radius, height = math.sqrt(2 / 3), math.sqrt(1 / 3)
    squares = [np.column_stack([radius * _around(4, turn), np.full(4, z)]) for turn, z in ((0, height), (0.5, -height))]
    return np.concatenate(squares)


POLYTOPES: dict[str, Float[np.ndarray, "number dimension"]] = {
    "own dimension": np.ones((1, 1)),
    "digon": np.array([[1.0], [-1.0]]),
    "triangle": _around(3),
    "tetrahedron": np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / math.sqrt(3),
    "pentagon": _around(5),
    "square antiprism": _square_antiprism(),
}
"""Vertices at unit length of the shapes that the paper names, from the fewest features per dimension to the most.

:meta hide-value:
"""


@dataclass(frozen=True)
class Factor:
    """A tegum factor of a model: features that share a subspace.

    Attributes:
        shape: one of `POLYTOPES`, or "other".
        features: their numbers.
        n_dimensions: of the subspace that they span.
    """

    shape: str
    features: tuple[int, ...]
    n_dimensions: int


def geometry_graph(W: Float[Tensor, "hidden feature"]) -> nx.Graph:
    """The feature geometry graph: represented features are nodes, |W_i·W_j| above 0.2 is the `weight` of an edge.

    Source: paper, "Uniform superposition", on feature geometry graphs.
    """
    W = W.detach()
    represented = (feature_norms(W[None])[0] > REPRESENTED).nonzero()[:, 0]
    strength = (W[:, represented].mT @ W[:, represented]).abs()
    graph = nx.Graph()
    graph.add_nodes_from(represented.tolist())
    names, weights = represented.tolist(), strength.tolist()
    for i, j in (strength.triu(1) > CONNECTED).nonzero().tolist():
        graph.add_edge(names[i], names[j], weight=weights[i][j])
    return graph


def tegum_factors(W: Float[Tensor, "hidden feature"]) -> list[Factor]:
    """The connected components of the feature geometry graph, largest first, each with its shape.

    >>> tegum_factors(torch.tensor([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.1]]))
    [Factor(shape='digon', features=(0, 1), n_dimensions=1), Factor(shape='own dimension', features=(2,), n_dimensions=1)]

    A component has a shape of `POLYTOPES` if four things agree: the number of features; the number of dimensions that they
    span; their dimensionalities in the whole model, within 30 %; and their sorted cosines, within 0.15 (root mean square).
    So a single feature has its own dimension only if no other, not even a short one, leans on it too much.

    The spectrum of the Gram matrix gives the number of dimensions, but it cannot replace the cosines: any five unit vectors
    that share the plane equally have the spectrum of a pentagon.

    Source: paper, "Uniform superposition".
    """
    W = W.detach()
    components = sorted((sorted(c) for c in nx.connected_components(geometry_graph(W))), key=lambda c: (-len(c), c))
    dimensionality = feature_dimensionality(W[None])[0]
    return [_factor(W[:, c], dimensionality[c], tuple(c)) for c in components]


def count_by_shape(W: Float[Tensor, "hidden feature"]) -> dict[str, int]:
    """How many of the represented features live in each shape, or in an "other" one.

    >>> count_by_shape(torch.eye(2))["own dimension"]
    2
    """
    counts = dict.fromkeys([*POLYTOPES, "other"], 0)
    for factor in tegum_factors(W):
        counts[factor.shape] += len(factor.features)
    return counts


def _factor(columns: Tensor, dimensionality: Tensor, features: tuple[int, ...]) -> Factor:
    unit = torch.nn.functional.normalize(columns, dim=0).double()
    spectrum = torch.linalg.eigvalsh(unit.mT @ unit)
    n_dimensions = int((spectrum > 0.1).sum())  # the mean is 1; what training leaves over is smaller
    # Factors lean on each other a little, which costs features up to a quarter of the dimensionality that a shape gives.
    for shape, points in POLYTOPES.items():
        if points.shape != (len(features), n_dimensions):
            continue
        ideal = n_dimensions / len(features)
        shared_equally = bool(((dimensionality / ideal - 1).abs() < 0.3).all())
        difference = _sorted_cosines(unit.mT.cpu().numpy()) - _sorted_cosines(points)
        if shared_equally and math.sqrt((difference**2).sum() / max(1, len(difference))) < 0.15:
            return Factor(shape, features, n_dimensions)
    return Factor("other", features, n_dimensions)


def _sorted_cosines(points: np.ndarray) -> np.ndarray:
    return np.sort((points @ points.T)[np.triu_indices(len(points), 1)])


guard(__name__)
