"""The paper's figures, one function per kind of figure: from measurements to a matplotlib Figure. They train nothing.

Colours mean the same in every chapter and are safe for colour-blind readers: `IMPORTANCE` from dark (most important) to
light, `SIGNED` for weights and interference (blue positive, red negative, white zero), `SUPERPOSITION` from dark blue (a
dimension of its own) to yellow (shared).
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection  # type: ignore[import-untyped]
from scipy.spatial import ConvexHull
from torch import Tensor

from supertoy import checks
from supertoy.measures import feature_norms, superposition

# The lightest fifth of the map would vanish on white.
IMPORTANCE = LinearSegmentedColormap.from_list("importance", sns.color_palette("viridis", 256)[:205])
SIGNED = sns.color_palette("RdBu", as_cmap=True)
SUPERPOSITION = sns.color_palette("cividis", as_cmap=True)
LINES = sns.color_palette("colorblind")

_WIDTH = 8.4  # inches, the width of a page
_STYLE = {
    **sns.axes_style("ticks"),
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "supertoy",
}


def feature_directions(
    W: Float[Tensor, "instance 2 feature"],
    *,
    importance: float | Tensor = 1.0,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Each feature's direction in the plane: the paper's opening figure.

    Args:
        W: weights with two hidden dimensions; orient them first to compare solutions (see `canonical_orientation`).
        importance: colours the features; broadcasts to [instance, feature].
        titles: one per instance.

    Raises:
        ValueError: W does not have two hidden dimensions, or is not finite; as many titles as instances are needed.

    Source: paper, the opening figure of "Demonstrating superposition".
    """
    checks.require_weights(W=W)
    if W.shape[1] != 2:
        raise ValueError(f"W must have 2 hidden dimensions, got {W.shape[1]}")
    titles = _titles(titles, len(W))
    I = checks.importances(importance, W.shape[0], W.shape[2]).cpu()
    colour = Normalize(I.min().item(), I.max().item())
    # The most important feature is the darkest, the low end of the map.
    rgba = IMPORTANCE(1 - colour(I.numpy()) if I.max() > I.min() else np.zeros(I.shape))
    points = W.detach().cpu().numpy()
    limit = max(1.45, 1.25 * float(np.linalg.norm(points, axis=1).max()))
    with plt.rc_context(_STYLE):
        n_columns = min(len(W), 5)
        n_rows = -(-len(W) // n_columns)
        side = min(_WIDTH / n_columns, 2.5)
        figure, axes = plt.subplots(
            n_rows, n_columns, figsize=(side * n_columns, side * n_rows + 0.25 * n_rows), squeeze=False
        )
        for axis in axes.flat[len(W) :]:
            axis.remove()
        for k, axis in zip(range(len(W)), axes.flat, strict=False):
            _draw_directions(axis, points[k], rgba[k], limit)
            axis.set_title(titles[k])
    return _finished(figure)


def _draw_directions(axis: Axes, points: np.ndarray, rgba: np.ndarray, limit: float) -> None:
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
    sns.despine(ax=axis, left=True, bottom=True)
    axis.axhline(0, color="0.88", lw=0.8, zorder=0)
    axis.axvline(0, color="0.88", lw=0.8, zorder=0)
    axis.add_patch(plt.Circle((0, 0), 1, fill=False, color="0.88", lw=0.8, zorder=0))
    norm = np.linalg.norm(points, axis=0)
    for i in reversed(range(points.shape[1])):  # the most important on top
        x, y = points[:, i]
        axis.plot([0, x], [0, y], color=rgba[i], lw=2.2, solid_capstyle="round")
        axis.plot(x, y, "o", color=rgba[i], ms=6)
        if norm[i] > 0.3:  # numbers at the origin would cover each other
            beside = 1 + 0.26 / norm[i]
            axis.text(x * beside, y * beside, str(i + 1), color="0.25", ha="center", va="center")


def weights_and_norms(
    W: Float[Tensor, "instance hidden feature"],
    b: Float[Tensor, "instance feature"],
    *,
    titles: Sequence[str] | None = None,
) -> Figure:
    """WᵀW and b as signed heat maps, and below, feature by feature, ‖W_i‖ as a bar coloured by superposition.

    Args:
        W: weights.
        b: output biases.
        titles: one per instance.

    Raises:
        ValueError: W or b is not finite or of a wrong shape; as many titles as instances are needed.

    Source: paper, "Basic results".
    """
    checks.require_weights(W=W)
    checks.require_finite(b=b)
    if b.shape != (W.shape[0], W.shape[2]):
        raise ValueError(f"b must be [{W.shape[0]}, {W.shape[2]}] to fit W, got {list(b.shape)}")
    titles = _titles(titles, len(W))
    W, b = W.detach().cpu(), b.detach().cpu()
    gram, norm, shared = W.mT @ W, feature_norms(W), superposition(W)
    n = W.shape[2]
    n_columns = min(4, len(W))
    n_rows = -(-len(W) // n_columns)
    top = 1.1 * max(1.0, norm.max().item())
    with plt.rc_context(_STYLE):
        figure = plt.figure(figsize=(_WIDTH * (n_columns + 0.4) / 4.4, n_rows * 2.95))
        cards, keys = figure.subfigures(1, 2, width_ratios=[n_columns, 0.42])  # type: ignore[misc]
        grid = cards.add_gridspec(2 * n_rows, n_columns, height_ratios=[3, 1.25] * n_rows)
        scale = {"cmap": SIGNED, "vmin": -1, "vmax": 1, "interpolation": "nearest", "aspect": "auto"}
        for k in range(len(W)):
            row, column = divmod(k, n_columns)
            heat, bars = (cards.add_subplot(grid[2 * row + below, column]) for below in (0, 1))
            bias = heat.inset_axes((1.04, 0, 0.07, 1))
            heat.imshow(gram[k], extent=(0.5, n + 0.5, n + 0.5, 0.5), **scale)
            bias.imshow(b[k][:, None], **scale)
            heat.set_title(titles[k])
            bias.set_title("b", fontstyle="italic")
            for axis in (heat, bias):
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set(visible=True, color="0.7", linewidth=0.8)
            colours = SUPERPOSITION(shared[k].clamp(0, 1).numpy())
            bars.bar(np.arange(1, n + 1), norm[k].numpy(), width=0.86 if n < 40 else 1.0, color=colours, linewidth=0)
            bars.set(xlim=(0.5, n + 0.5), ylim=(0, top), xticks=[1, n // 4, n // 2, 3 * n // 4, n], yticks=[0, 1])
            bars.tick_params(labelsize=8, labelleft=column == 0)
            if column == 0:
                heat.set_ylabel("WᵀW")
                bars.set_ylabel("‖Wᵢ‖")
            if k + n_columns >= len(W):
                bars.set_xlabel("feature i")
        upper, lower = keys.subplots(2, 1)
        _colour_key(upper, SIGNED, (-1, 1), "WᵀW and b")
        _colour_key(lower, SUPERPOSITION, (0, 1), "superposition, bars")
    return _finished(figure)


def _colour_key(axis: Axes, cmap: Colormap, limits: tuple[float, float], label: str) -> None:
    plt.colorbar(ScalarMappable(Normalize(*limits), cmap), cax=axis, label=label, ticks=[*limits, sum(limits) / 2])
    axis.set_box_aspect(9)
    axis.tick_params(labelsize=8)


def feature_count(
    probability: Float[Tensor, "setting"],
    series: Mapping[str, Float[Tensor, "setting"]],
    *,
    ylabel: str = "represented features",
) -> Figure:
    """A measure of how much is represented against density, sparser to the right.

    Args:
        probability: p = 1 - S of each setting.
        series: one line each, by name, which is written at its end.
        ylabel: what is measured.

    Raises:
        ValueError: a series whose length is not that of probability.

    Source: paper, "Basic results".
    """
    for name, values in series.items():
        if values.shape != probability.shape:
            raise ValueError(f"series {name!r} must have shape {list(probability.shape)}, got {list(values.shape)}")
    with plt.rc_context(_STYLE):
        figure, axis = plt.subplots(figsize=(0.72 * _WIDTH, 3.2))
        for (name, values), colour, marker in zip(series.items(), LINES, "osD^v", strict=False):
            axis.plot(probability, values, marker=marker, color=colour)
            end = (float(probability[-1]), float(values[-1]))
            axis.annotate(name, end, xytext=(8, 0), textcoords="offset points", color=colour, va="center")
        axis.set(xscale="log", xlabel="density p = 1 - S (sparser to the right)", ylabel=ylabel)
        axis.set_ylim(bottom=0)
        axis.invert_xaxis()
        _plain_ticks(axis, probability)
    return _finished(figure)


def loss_terms(
    probability: Float[Tensor, "setting"],
    terms: Float[Tensor, "setting n_active"],
    measured: Float[Tensor, "setting"],
) -> Figure:
    """The loss by the number k of active features, as shares of the whole, with the measured loss as dots.

    Args:
        probability: p = 1 - S of each setting.
        terms: binomial weight of k active features times L_k, for k = 0, 1, ...
        measured: loss measured on samples, drawn relative to the sum of the terms: a dot at 1 is agreement.

    Raises:
        ValueError: shapes that do not fit each other.

    Source: paper, "Mathematical understanding".
    """
    if terms.ndim != 2 or terms.shape[0] != len(probability) or measured.shape != probability.shape:
        raise ValueError(
            f"terms must be [{len(probability)}, n_active] and measured [{len(probability)}], "
            f"got {list(terms.shape)} and {list(measured.shape)}"
        )
    total = terms.sum(1)
    shares = terms / total[:, None]
    with plt.rc_context(_STYLE):
        figure, axis = plt.subplots(figsize=(0.72 * _WIDTH, 3.4))
        colours = sns.color_palette("crest", terms.shape[1])
        labels = [f"k = {k}" for k in range(terms.shape[1])]
        axis.stackplot(probability, shares.T, colors=colours, labels=labels, edgecolor="white", linewidth=0.5)
        axis.plot(probability, measured / total, "o", color="black", ms=5, label="measured", clip_on=False, zorder=5)
        axis.set(xscale="log", xlabel="density p = 1 - S (sparser to the right)", ylabel="share of the loss", ylim=(0, 1.02))
        axis.set_xlim(float(probability.max()), float(probability.min()))
        _plain_ticks(axis, probability)
        handles, names = axis.get_legend_handles_labels()
        axis.legend(handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    return _finished(figure)


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
    titles = _titles(titles, len(points))
    with plt.rc_context(_STYLE):
        side = min(_WIDTH / len(points), 2.6)
        figure = plt.figure(figsize=(side * len(points), side + 0.3))
        for k, array in enumerate(points):
            if array.shape[1] == 2:
                axis = figure.add_subplot(1, len(points), k + 1)
                _draw_circle(axis, array)
            else:
                axis = figure.add_subplot(1, len(points), k + 1, projection="3d")
                _draw_sphere(axis, array)
            axis.set_title(titles[k])
    return _finished(figure)


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


def _plain_ticks(axis: Axes, probability: Tensor) -> None:
    """Densities as they are written, 0.1 rather than 10⁻¹, at 1, 0.3, 0.1, ... and at the sparsest."""
    lowest = float(probability.min())
    wanted = [v for v in (1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001) if v > 1.3 * lowest] + [lowest]
    axis.set_xticks(wanted, [f"{v:.3g}" for v in wanted])
    axis.minorticks_off()


def _finished(figure: Figure) -> Figure:
    """Take the figure out of pyplot's hands: a notebook then shows it once, as the value of the cell."""
    plt.close(figure)
    return figure


def _titles(titles: Sequence[str] | None, n_panels: int) -> Sequence[str]:
    if titles is None:
        return [""] * n_panels
    if len(titles) != n_panels:
        raise ValueError(f"titles must have one entry for each of {n_panels} panels, got {len(titles)}")
    return titles
