"""Feature geometry: dimensionalities over sparsity, geometry graphs, and what changes them."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import seaborn as sns
import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from matplotlib.typing import ColorType
from torch import Tensor

from supertoy._util.border import guard
from supertoy.measures import REPRESENTED, dimensions_per_feature, feature_dimensionality
from supertoy.plots.style import (
    FILL,
    FRAME,
    INK,
    LINES,
    REFERENCE,
    SHAPE_COLOURS,
    STYLE,
    TEXT,
    WIDTH,
    as_array,
    finished,
    plain_log_axis,
    plain_ticks,
)
from supertoy.polytopes import POLYTOPES, geometry_graph, tegum_factors

# Blue is sparser or less important than the others, black the same, orange denser or more important.
_RATIO_COLOURS = sns.diverging_palette(250, 20, s=90, l=55, center="dark", as_cmap=True)


def _levels() -> dict[str, float]:
    """Dimensionality of the features of each shape: dimensions over number of features."""
    return {name: points.shape[1] / points.shape[0] for name, points in POLYTOPES.items()}


def dimensions_over_sparsity(
    models: Mapping[str, tuple[Float[Tensor, "_setting"], Float[Tensor, "_setting _hidden _feature"]]],
) -> Figure:
    """D* = m / ‖W‖² against 1 / (1 - S), one line per model.

    >>> W = torch.stack([torch.eye(2), 0.5 * torch.eye(2)])
    >>> figure = dimensions_over_sparsity({"n = 2, m = 2": (torch.tensor([1.0, 0.1]), W)})
    >>> figure.axes[0].get_xlabel()
    '1 / (1 - S), sparser to the right'

    `models` has p = 1 - S of each setting and the weights there, by name.

    Source: paper, "Uniform superposition".
    """
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.8 * WIDTH, 3.6))
        for level in (1, 0.5):
            axis.axhline(level, color=REFERENCE, lw=1, zorder=0)
        for (name, (p, W)), colour, marker in zip(models.items(), cycle(LINES), cycle("osD^v"), strict=False):
            axis.plot(
                as_array(1 / p), as_array(dimensions_per_feature(W)), marker=marker, ms=4, lw=1, color=colour, label=name
            )
        axis.set(xscale="log", xlabel="1 / (1 - S), sparser to the right", ylabel="D* = m / ‖W‖²", ylim=(0, 1.08))
        _sparsity_axis(axis)
        axis.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.93))
    return finished(figure)


def dimensionalities_over_sparsity(
    W: Float[Tensor, "setting hidden feature"], probability: Float[Tensor, "setting"], *, graphs_at: Sequence[int]
) -> Figure:
    """Every feature's dimensionality against 1 / (1 - S), with the levels of the polytopes; above, some geometry graphs.

    `probability` is p = 1 - S of each setting; `graphs_at` lists the settings that get a graph.

    Source: paper, "Feature dimensionality".
    """
    x, D = as_array(1 / probability), as_array(feature_dimensionality(W))
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(WIDTH, 6.6))
        grid = figure.add_gridspec(2, len(graphs_at), height_ratios=[1, 2.3], hspace=0.12)
        axis = figure.add_subplot(grid[1, :])
        for name, level in _levels().items():
            axis.axhline(level, color=SHAPE_COLOURS[name], lw=1, zorder=0)
            label = f"{_fraction(POLYTOPES[name].shape)} {name}"
            nudge = {"pentagon": 0.012, "square antiprism": -0.012}.get(name, 0)
            axis.text(1.01, level + nudge, label, transform=axis.get_yaxis_transform(), va="center", fontsize=8.5,
                      color=SHAPE_COLOURS[name])  # fmt: skip
        axis.text(1.01, 0, "0  not represented", transform=axis.get_yaxis_transform(), va="center", fontsize=8.5, color=TEXT)
        # A little spread along x tells many equal ones from one.
        spread = np.exp(np.random.default_rng(0).normal(0, 0.012, D.shape))
        axis.plot((x[:, None] * spread).ravel(), D.ravel(), ".", ms=2.5, color=INK, alpha=0.35, rasterized=True, mew=0)
        axis.set(
            xscale="log", xlabel="1 / (1 - S), sparser to the right", ylabel="feature dimensionality", ylim=(-0.03, 1.05)
        )
        axis.set_xlim(0.95 * float(x.min()), 1.05 * float(x.max()))
        _sparsity_axis(axis)
        for column, k in enumerate(graphs_at):
            panel = figure.add_subplot(grid[0, column])
            _draw_graph(panel, W[k])
            panel.set_title(f"1 / (1 - S) = {x[k]:.3g}", fontsize=9)
            figure.add_artist(
                ConnectionPatch((0.5, 0), (float(x[k]), 1.05), "axes fraction", "data", axesA=panel, axesB=axis, color=FRAME)
            )
    return finished(figure)


def _draw_graph(axis: Axes, W: Float[Tensor, "hidden feature"]) -> None:
    """The factors side by side, each seen along its two widest directions, in the colour of its shape."""
    W = W.detach().cpu()
    factors = tegum_factors(W)
    axis.set_aspect("equal", adjustable="datalim")
    axis.axis("off")
    if not factors:
        axis.text(0.5, 0.5, "no feature\nabove norm 1/2", transform=axis.transAxes, ha="center", va="center", fontsize=8)
        return
    sizes = [max(1.0, 0.62 * math.sqrt(len(factor.features))) for factor in factors]  # equal area per feature
    row_width = math.sqrt(sum((2.6 * size) ** 2 for size in sizes)) * 1.05
    left, bottom, row_height = 0.0, 0.0, 0.0
    for factor, size in zip(factors, sizes, strict=True):
        if left > 0 and left + 2.6 * size > row_width:
            left, bottom, row_height = 0.0, bottom - row_height, 0.0
        row_height = max(row_height, 2.6 * size)
        centre = np.array([left + 1.3 * size, bottom - 1.3 * size])
        left += 2.6 * size
        _draw_factor(axis, W[:, factor.features], factor.shape, centre, size)
    axis.autoscale_view()


def _draw_factor(axis: Axes, W: Float[Tensor, "hidden member"], shape: str, centre: np.ndarray, size: float) -> None:
    graph = geometry_graph(W)
    points = np.zeros((W.shape[1], 2))
    if shape == "other":
        layout = nx.spring_layout(graph, seed=0, iterations=30)
        points = size * np.array([layout[i] for i in range(len(points))])
    else:
        # Along the principal axes; a page shows the first two.
        values, vectors = np.linalg.eigh(as_array(W.mT @ W))
        axes = (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1]
        n_shown = min(2, POLYTOPES[shape].shape[1])
        points[:, :n_shown] = 0.75 * axes[:, :n_shown]
    points += centre
    colour = SHAPE_COLOURS[shape]
    many = len(points) > 8
    lines = LineCollection(
        [points[[i, j]] for i, j in graph.edges],
        colors=[colour], linewidths=0.25 if many else 0.8, alpha=0.8, zorder=1, rasterized=many,
    )  # fmt: skip
    axis.add_collection(lines)
    axis.plot(*points.T, "o", ms=2.6, color=colour, zorder=2)


def shapes_over_sparsity(probability: Float[Tensor, "setting"], counts: Sequence[Mapping[str, int]]) -> Figure:
    """How many features live in each shape: a table whose cells are darker the more there are.

    For each setting, with p = 1 - S, `counts` has the features by shape, as from `polytopes.count_by_shape`.

    Source: paper, "Uniform superposition".
    """
    shapes = [shape for shape in SHAPE_COLOURS if shape in counts[0]]
    table = np.array([[count[shape] for count in counts] for shape in shapes])
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(WIDTH, 0.36 * len(shapes) + 0.9))
        darkest = max(1, 1.4 * table.max() ** 0.5)
        labels = np.where(table > 0, table.astype(str), "")
        style = {"cmap": "Greys", "vmin": 0, "vmax": darkest, "cbar": False, "linewidths": 1}
        sns.heatmap(np.sqrt(table), annot=labels, fmt="", ax=axis, annot_kws={"fontsize": 8.5}, **style)
        axis.set_xticklabels([f"{1 / p:.3g}" for p in probability.tolist()], rotation=0)
        axis.set_yticklabels(shapes, rotation=0)
        for label, shape in zip(axis.get_yticklabels(), shapes, strict=True):
            label.set_color(SHAPE_COLOURS[shape] if shape != "other" else TEXT)
        axis.set_xlabel("1 / (1 - S), sparser to the right")
        axis.tick_params(length=0)
    return finished(figure)


def benefit_per_dimension(probability: Float[Tensor, "setting"], benefits: Mapping[str, Float[Tensor, "setting"]]) -> Figure:
    """What a dimension gains when it is part of each shape, relative to holding one feature; the highest shape pays most.

    Args:
        probability: p = 1 - S of each setting, from dense to sparse.
        benefits: by shape, how far it lowers the loss, divided by its dimensions; one shape is "own dimension".

    Source: not in the paper; the argument is the paper's, "Uniform superposition": factors do not interfere.
    """
    unknown = set(benefits) - set(SHAPE_COLOURS)
    if unknown:
        raise ValueError(f"benefits must be of {', '.join(SHAPE_COLOURS)}; got {', '.join(sorted(unknown))}")
    if "own dimension" not in benefits:
        raise ValueError(f"benefits must have 'own dimension' to compare with, got {', '.join(benefits)}")
    reference = benefits["own dimension"]
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.86 * WIDTH, 3.9))
        ends = sorted(benefits, key=lambda name: float(benefits[name][-1] / reference[-1]))
        previous = 0.0
        for name in ends:
            values = benefits[name] / reference
            axis.plot(as_array(1 / probability), as_array(values), color=SHAPE_COLOURS[name], lw=1.8)
            height = max(float(values[-1]), previous + 0.09)
            previous = height
            axis.annotate(name, (1 / float(probability[-1]), height), xytext=(6, 0), textcoords="offset points", va="center",
                          fontsize=9, color=SHAPE_COLOURS[name])  # fmt: skip
        axis.set(
            xscale="log", xlabel="1 / (1 - S), sparser to the right", ylabel="benefit per dimension,\nown dimension = 1"
        )
        _sparsity_axis(axis)
    return finished(figure)


def perturbed_solutions(
    W: Float[Tensor, "setting 2 feature"], ratio: Float[Tensor, "setting"], *, label: str, panels: Mapping[str, float]
) -> Figure:
    """Solutions drawn over each other, coloured by how much the last feature differs from the others.

    Args:
        W: the best solution at each ratio; turned here so that the last feature points to the right.
        ratio: of the last feature to the others, in density or in importance.
        label: what the ratio is of.
        panels: upper ends of the ranges of ratio that share a panel, ascending, by title.

    Source: paper, "Non-uniform superposition": perturbing one feature.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, WIDTH / len(panels) + 0.35), squeeze=False)
        extreme = max(1.01, float(ratio.log().abs().max().exp()))  # a scale needs two ends
        scale = LogNorm(1 / extreme, extreme)
        points = _last_to_the_right(W)
        limit = 1.12 * float(np.abs(points).max())
        low = 0.0
        for axis, (title, high) in zip(axes[0], panels.items(), strict=True):
            axis.set_title(title)
            axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
            axis.axis("off")
            axis.add_patch(plt.Circle((0, 0), 1, fill=False, color=FILL, lw=0.8, zorder=0))
            for k in ((ratio > low) & (ratio <= high)).nonzero()[:, 0].tolist():
                colour = _RATIO_COLOURS(scale(float(ratio[k])))
                outline = points[k][np.linalg.norm(points[k], axis=1) > REPRESENTED]
                around = outline[np.argsort(np.arctan2(outline[:, 1], outline[:, 0]))]
                axis.plot(*np.concatenate([around, around[:1]]).T, color=colour, lw=0.8, alpha=0.7)
                axis.plot(*points[k][:-1].T, "o", ms=4, color=colour)
                axis.plot(*points[k][-1], "o", ms=7, color=colour, mec=INK, mew=0.8)
            low = high
        key = figure.colorbar(plt.cm.ScalarMappable(scale, _RATIO_COLOURS), ax=axes[0].tolist(), label=label, shrink=0.8)
        ticks = plain_ticks(1 / extreme, extreme)
        key.set_ticks(ticks, labels=[f"{v:g}" for v in ticks])
        key.minorticks_off()
    return finished(figure)


def _last_to_the_right(W: Tensor) -> np.ndarray:
    """Points [setting, feature, 2], turned so that the last feature points along the positive x axis."""
    # Where it is not represented the first feature points to 45°, so that the digons lie on the diagonals.
    columns = W.detach().double()
    present = columns[:, :, -1].norm(dim=1) > REPRESENTED
    guide = torch.where(present, columns.shape[2] - 1, 0)
    angle = torch.atan2(columns[:, 1], columns[:, 0])
    turned = angle - angle.gather(1, guide[:, None]) + torch.where(present, 0.0, torch.pi / 4)[:, None]
    norm = columns.norm(dim=1)
    return as_array(torch.stack([norm * turned.cos(), norm * turned.sin()], dim=-1))


def solution_losses(
    ratio: Float[Tensor, "setting"],
    losses: Float[Tensor, "setting restart"],
    shapes: Int[Tensor, "setting restart"],
    colours: Mapping[str, ColorType],
    *,
    xlabel: str,
    crossing: float | None,
) -> Figure:
    """Losses of all solutions by geometry, over the ratio that perturbs the last feature.

    Args:
        losses: of every solution, as multiples of what two digons without the last feature cost.
        shapes: geometry of every solution, as a number.
        colours: of the geometries, by name, in the order of that number.
        xlabel: what the ratio is of.
        crossing: where the lowest losses of the first two geometries cross, if they do.

    Source: paper, "Non-uniform superposition": perturbing one feature.
    """
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.8 * WIDTH, 3.8))
        x = ratio[:, None].expand_as(losses)
        for number, (name, colour) in reversed([*enumerate(colours.items())]):
            those = shapes == number
            if those.any():
                axis.plot(x[those], losses[those], "o", ms=3.5, color=colour, label=name, alpha=0.6, mew=0)
        if crossing is not None:
            axis.axvline(crossing, color=INK, lw=0.8, ls="--")
            axis.annotate(f"{crossing:.2f}", (crossing, 1), xycoords=("data", "axes fraction"), xytext=(4, -10),
                          textcoords="offset points")  # fmt: skip
        axis.set(xscale="log", xlabel=xlabel, ylabel="loss / loss of two digons")
        plain_log_axis(axis, "x", float(ratio.min()), float(ratio.max()))
        for mark in axis.legend(frameon=False, loc="upper right").get_lines():
            mark.set_alpha(1)  # the panel's dots are faint because they overlap
    return finished(figure)


def _fraction(shape: tuple[int, int]) -> str:
    n_points, n_dimensions = shape
    return "1" if n_points == n_dimensions else f"{n_dimensions}/{n_points}"


def _sparsity_axis(axis: Axes) -> None:
    plain_log_axis(axis, "x", *axis.get_xlim())


guard(__name__, detach=True)
