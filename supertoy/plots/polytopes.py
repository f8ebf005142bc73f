"""Points on circles and spheres, as the polytopes they span."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection  # type: ignore[import-untyped]
from scipy.spatial import ConvexHull

from supertoy.plots._style import LINES, STYLE, WIDTH, checked_titles, finished


def packings(points: Sequence[Float[np.ndarray, "_number _dimension"]], *, titles: Sequence[str] | None = None) -> Figure:
    """Points on a circle or a sphere with the edges of their convex hull, turned so that no edge hides another.

    Args:
        points: for each panel [number, 2 or 3].
        titles: one per panel.

    Raises:
        ValueError: points that are not in two or three dimensions; as many titles as panels are needed.

    Source: paper, "Mathematical understanding" and "Geometry of superposition".
    """
    for array in points:
        if array.ndim != 2 or array.shape[1] not in (2, 3):
            raise ValueError(f"points must be [number, 2 or 3], got {list(array.shape)}")
    titles = checked_titles(titles, len(points))
    with plt.rc_context(STYLE):
        side = min(WIDTH / len(points), 2.6)
        figure = plt.figure(figsize=(side * len(points), side + 0.3))
        for k, array in enumerate(points):
            if array.shape[1] == 2:
                axis = figure.add_subplot(1, len(points), k + 1)
                _draw_circle(axis, array)
            else:
                axis = figure.add_subplot(1, len(points), k + 1, projection="3d")
                _draw_sphere(axis, array)
            axis.set_title(titles[k])
    return finished(figure)


def _draw_circle(axis: Axes, points: np.ndarray) -> None:
    around = points[np.argsort(np.arctan2(points[:, 1], points[:, 0]))]
    axis.add_patch(plt.Circle((0, 0), 1, fill=False, color="0.85", lw=0.8))
    axis.plot(*np.concatenate([around, around[:1]]).T, "o-", color=LINES[0], ms=7)
    axis.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
    axis.axis("off")


def _draw_sphere(axis: Axes, points: np.ndarray) -> None:
    points = _upright(points)
    edges = _hull_edges(points)
    axis.add_collection3d(Line3DCollection(points[edges], colors=[LINES[0]], linewidths=1.6))  # type: ignore[attr-defined]
    axis.scatter(*points.T, s=45, color=LINES[0], depthshade=True)  # type: ignore[misc]
    axis.set(xlim=(-0.66, 0.66), ylim=(-0.66, 0.66), zlim=(-0.66, 0.66))
    axis.set_box_aspect((1, 1, 1))  # type: ignore[arg-type]
    axis.view_init(elev=18, azim=24)  # type: ignore[attr-defined]
    axis.axis("off")


def _upright(points: np.ndarray) -> np.ndarray:
    """Turn points so that the axis whose spread stands apart is vertical; the first point's axis if none does."""
    spread, axes = np.linalg.eigh(points.T @ points)
    if spread[2] - spread[0] < 1e-3 * spread[2]:
        return points @ np.linalg.qr(np.column_stack([points[0], np.eye(3)[:2].T]))[0][:, ::-1]
    vertical = 2 if spread[2] - spread[1] > spread[1] - spread[0] else 0
    return points @ np.roll(axes, 2 - vertical, axis=1)


def _hull_edges(points: np.ndarray) -> list[list[int]]:
    """Edges of the convex hull, without the diagonals by which qhull splits flat faces into triangles."""
    hull = ConvexHull(points)
    edges = set()
    for face, (simplex, neighbours) in enumerate(zip(hull.simplices, hull.neighbors, strict=True)):
        for opposite, neighbour in enumerate(neighbours):
            if np.dot(hull.equations[face, :3], hull.equations[neighbour, :3]) < 1 - 1e-3:
                edges.add(tuple(sorted(np.delete(simplex, opposite).tolist())))
    return [list(edge) for edge in sorted(edges)]
