"""Points on circles and spheres, as the polytopes they span."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import ColorType
from mpl_toolkits.mplot3d.art3d import Line3DCollection  # type: ignore[import-untyped]
from scipy.spatial import ConvexHull

from supertoy._util.border import guard
from supertoy.plots.style import FILL, LINES, MUTED, STYLE, WIDTH, checked_titles, finished


def packings(
    points: Sequence[Float[np.ndarray, "_number _dimension"]],
    *,
    titles: Sequence[str] | None = None,
    colours: Sequence[Sequence[ColorType]] | None = None,
    n_columns: int | None = None,
) -> Figure:
    """Points on a circle or a sphere with the edges of their convex hull, turned so that no edge hides another.

    >>> figure = packings([st.polytopes.POLYTOPES["pentagon"]], titles=["pentagon"])
    >>> figure.axes[0].get_title()
    'pentagon'

    Args:
        points: for each panel [number, 2 or 3], of about unit length.
        colours: for each panel one per point.
        n_columns: panels in a row; all of them if not given.

    Source: paper, "Mathematical understanding" and "Geometry of superposition".
    """
    for array in points:
        if array.shape[1] not in (2, 3):
            raise ValueError(f"points must be [number, 2 or 3], got {list(array.shape)}")
    titles = checked_titles(titles, len(points))
    colours = colours or [[LINES[0]] * len(array) for array in points]
    if [len(panel) for panel in colours] != [len(array) for array in points]:
        raise ValueError("colours must have one entry for each point of each panel")
    n_columns = n_columns or len(points)
    n_rows = -(-len(points) // n_columns)
    with plt.rc_context(STYLE):
        side = min(WIDTH / n_columns, 2.6)
        figure = plt.figure(figsize=(side * n_columns, (side + 0.3) * n_rows))
        for k, (array, panel) in enumerate(zip(points, colours, strict=True)):
            flat = array.shape[1] == 2
            axis = figure.add_subplot(n_rows, n_columns, k + 1, projection=None if flat else "3d")
            (_draw_circle if flat else _draw_sphere)(axis, array, panel)
            axis.set_title(titles[k])
    return finished(figure)


def _draw_circle(axis: Axes, points: np.ndarray, colours: Sequence[ColorType]) -> None:
    around = points[np.argsort(np.arctan2(points[:, 1], points[:, 0]))]
    axis.add_patch(plt.Circle((0, 0), 1, fill=False, color=FILL, lw=0.8))
    axis.plot(*np.concatenate([around, around[:1]]).T, "-", color=MUTED)
    axis.scatter(points[:, 0], points[:, 1], s=45, c=colours, zorder=2)
    axis.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
    axis.axis("off")


def _draw_sphere(axis: Axes, points: np.ndarray, colours: Sequence[ColorType]) -> None:
    points = _upright(points)
    edges = _hull_edges(points)
    axis.add_collection3d(Line3DCollection(points[edges], colors=[MUTED], linewidths=1.4))  # type: ignore[attr-defined]
    axis.scatter(*points.T, s=45, c=colours, depthshade=False)  # type: ignore[misc]
    axis.set(xlim=(-0.7, 0.7), ylim=(-0.7, 0.7), zlim=(-0.7, 0.7))
    axis.set_box_aspect((1, 1, 1))  # type: ignore[arg-type]
    axis.view_init(elev=18, azim=24)  # type: ignore[attr-defined]
    axis.axis("off")


def _upright(points: np.ndarray) -> np.ndarray:
    """Turn points so that the axis whose spread stands apart is vertical; if none does, the first point's axis."""
    spread, axes = np.linalg.eigh(points.T @ points)
    if spread[2] - spread[0] < 0.05 * spread[2]:  # trained solutions are not quite regular
        return points @ np.linalg.qr(np.column_stack([points[0], np.eye(3)[:2].T]))[0][:, ::-1]
    vertical = 2 if spread[2] - spread[1] > spread[1] - spread[0] else 0
    return points @ np.roll(axes, 2 - vertical, axis=1)


def _hull_edges(points: np.ndarray) -> list[list[int]]:
    """Edges of the convex hull, without the diagonals that split flat faces into qhull's triangles."""
    hull = ConvexHull(points)
    edges = set()
    for face, (simplex, neighbours) in enumerate(zip(hull.simplices, hull.neighbors, strict=True)):
        for opposite, neighbour in enumerate(neighbours):
            if np.dot(hull.equations[face, :3], hull.equations[neighbour, :3]) < 1 - 1e-3:
                edges.add(tuple(sorted(np.delete(simplex, opposite).tolist())))
    return [list(edge) for edge in sorted(edges)]


guard(__name__, detach=True)
