"""Correlated features: what the data look like, and how models arrange pairs and sets."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.chapters.correlation.collapse import collapsed
from supertoy.measures import feature_dimensionality
from supertoy.plots.style import (
    FILL,
    FRAME,
    INK,
    LINES,
    ORDERED,
    PAPER,
    REFERENCE,
    SIGNED,
    STYLE,
    WIDTH,
    as_array,
    colour_key,
    finished,
    panel_grid,
    plain_log_axis,
    set_of_feature,
)
from supertoy.sets import n_directions


def samples_and_correlation(
    panels: Mapping[str, tuple[Float[Tensor, "_row feature"], Float[Tensor, "feature feature"]]],
) -> Figure:
    """Sampled inputs as heat maps, one row each, and below them the correlation of the features.

    `panels` has inputs and correlation matrix, by title.

    Source: paper, "Correlated and anticorrelated features".
    """
    if not panels:
        raise ValueError("panels must hold at least one entry, got none")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            2, len(panels) + 1, figsize=(WIDTH, 5.2), width_ratios=[*[1] * len(panels), 0.06], height_ratios=[1.35, 1],
            squeeze=False,
        )  # fmt: skip
        for column, (title, (x, correlation)) in enumerate(panels.items()):
            n = x.shape[1]
            above, below = axes[:, column]
            above.imshow(as_array(x), cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
            above.set(title=title, yticks=[])
            below.imshow(as_array(correlation), cmap=SIGNED, vmin=-1, vmax=1, interpolation="nearest")
            below.set(yticks=range(n), yticklabels=range(1, n + 1), xlabel="feature")
            for axis in (above, below):
                axis.set(xticks=range(n), xticklabels=range(1, n + 1))
                axis.tick_params(length=0, labelsize=8)
                axis.spines[:].set(visible=True, color=FRAME, linewidth=0.8)
        axes[0, 0].set_ylabel("one input in each row")
        axes[1, 0].set_ylabel("feature")
        axes[0, -1].remove()
        colour_key(axes[1, -1], SIGNED, (-1, 1), "correlation")
    return finished(figure)


def gram_by_set(panels: Mapping[str, Float[Tensor, "_hidden _feature"]], *, set_size: int) -> Figure:
    """WᵀW with features ordered by set, and lines between the sets.

    >>> figure = gram_by_set({"two pairs": torch.eye(4)}, set_size=2)
    >>> figure.axes[0].get_title()
    'two pairs'

    `panels` has the weights of one model each, by title.

    Source: paper, "Local almost-orthogonal bases".
    """
    if not panels:
        raise ValueError("panels must hold at least one entry, got none")
    for W in panels.values():
        set_of_feature(W.shape[1], set_size)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(panels) + 1, figsize=(WIDTH, 0.82 * WIDTH / max(1, len(panels))), squeeze=False,
            width_ratios=[*[1] * len(panels), 0.06],
        )  # fmt: skip
        for axis, (title, W) in zip(axes[0], panels.items(), strict=False):
            checks.require_finite(W=W)
            n = W.shape[1]
            axis.imshow(as_array(W.mT @ W), cmap=SIGNED, vmin=-1, vmax=1, interpolation="nearest", extent=(0, n, n, 0))
            for edge in range(set_size, n, set_size):
                axis.axhline(edge, color=INK, lw=0.8)
                axis.axvline(edge, color=INK, lw=0.8)
            centres = np.arange(set_size / 2, n, set_size)
            names = [f"{k * set_size + 1} to {(k + 1) * set_size}" for k in range(len(centres))]
            axis.set(title=title, xticks=centres, xticklabels=names, yticks=centres, yticklabels=names)
            axis.tick_params(length=0)
            axis.spines[:].set(visible=True, color=FRAME, linewidth=0.8)
        colour_key(axes[0, -1], SIGNED, (-1, 1), "WᵀW")
    return finished(figure)


def collapse_over_density(
    density: Float[Tensor, "_density"],
    n_collapsed: Int[Tensor, "density start"],
    losses: Float[Tensor, "density start"],
    *,
    paper: Mapping[int, tuple[float, float]],
) -> Figure:
    """How many pairs have collapsed in each solution, over density: how often it happens, and where it is best.

    Above, shares of the starts with 0, 1, 2, ... collapsed pairs. Below, the lowest loss of each number relative to the
    lowest of all. At the foot, from `paper`, the range of density in which the paper finds each number.

    Source: paper, "Collapsing features".
    """
    if n_collapsed.shape != losses.shape or len(losses) != len(density):
        raise ValueError(
            f"n_collapsed and losses must be [{len(density)}, start], got {list(n_collapsed.shape)} and {list(losses.shape)}"
        )
    numbers = range(max(int(n_collapsed.max()), *paper) + 1)
    x = as_array(density)
    colours = ORDERED(np.linspace(0, 1, len(numbers)))
    with plt.rc_context(STYLE):
        figure, (above, below) = plt.subplots(2, 1, figsize=(0.8 * WIDTH, 5.4), sharex=True, height_ratios=[1, 1.25])
        shares = [as_array((n_collapsed == k).double().mean(1)) for k in numbers]
        above.stackplot(x, shares, colors=colours, labels=[f"{k}" for k in numbers], edgecolor=PAPER, linewidth=0.5)
        above.set(ylabel="share of starts", ylim=(0, 1))
        lowest = losses.amin(1, keepdim=True)
        for k, colour in zip(numbers, colours, strict=True):
            relative = (losses / lowest).masked_fill(n_collapsed != k, torch.inf).amin(1)
            relative = relative.masked_fill(relative > 1.1, torch.nan)  # beyond the axis, or found nowhere
            below.plot(x, as_array(relative), "-o", ms=3.5, color=colour, lw=1.4)
        below.set(ylabel="lowest loss / lowest of all", xlabel="density p of the pairs", ylim=(0.962, 1.1))
        for k, (low, high) in paper.items():
            below.plot([low, high], [0.978] * 2, color=colours[k], lw=7, solid_capstyle="butt")
        below.annotate("paper", (0.99, 0.978), xycoords=("axes fraction", "data"), fontsize=9, ha="right", va="center")
        above.set_xscale("log")
        above.set_xlim(x.min(), x.max())
        plain_log_axis(below, "x", x.min(), x.max())
        handles, labels = above.get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], title="collapsed\npairs", loc="outside right center", frameon=False)
    return finished(figure)


def capacity_over_density(
    density: Float[Tensor, "_density"], W: Float[Tensor, "density hidden feature"], *, set_size: int
) -> Figure:
    """The dimensions of the hidden space, shared between collapsed sets and sets that kept their features apart.

    `W` has the best model at each density. A feature's part is its dimensionality, ‖W_i‖² / Σ_j (Ŵ_i · W_j)².

    Source: paper, "Collapsing features"; capacity as in Scherlis et al. (2022).
    """
    if len(W) != len(density):
        raise ValueError(f"W must have one model for each of {len(density)} densities, got {len(W)}")
    directions, as_one = n_directions(W, set_size), collapsed(W, set_size)
    by_set = feature_dimensionality(W).unflatten(-1, (-1, set_size)).sum(-1)
    parts = {
        "in collapsed sets": as_array((by_set * as_one).sum(1)),
        "in sets kept apart": as_array((by_set * (directions > 0) * ~as_one).sum(1)),
        "not represented": as_array((by_set * (directions == 0)).sum(1)),
    }
    x = as_array(density)
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.8 * WIDTH, 2.8))
        colours = [ORDERED(0.8), ORDERED(0.2), FILL]
        axis.stackplot(x, *parts.values(), colors=colours, labels=[*parts], edgecolor=PAPER, linewidth=0.5)
        axis.set(ylabel="dimensions", xlabel="density p of the sets", xscale="log", xlim=(x.min(), x.max()))
        axis.set_ylim(0, W.shape[1] * 1.05)
        plain_log_axis(axis, "x", x.min(), x.max())
        axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return finished(figure)


def angles_over_correlation(
    panels: Mapping[str, tuple[Float[Tensor, "_setting"], Float[Tensor, "_setting _pair"]]],
) -> Figure:
    """Angle between the partners of each pair against the correlation of their activity.

    `panels` has, by title, the correlation of each setting and the angles of the best solution's pairs in degrees, NaN where
    a feature is not represented.

    Source: not in the paper, whose pairs are always or never together.
    """
    with plt.rc_context(STYLE):
        figure, axes, lowest = panel_grid(len(panels), 2, WIDTH, 2.7)
        for axis, (title, (correlation, angles)) in zip(axes, panels.items(), strict=True):
            _angle_lines(axis)
            x = as_array(correlation)
            for angle in as_array(angles).T:
                axis.plot(x, angle, "o", ms=4.5, color=LINES[0], alpha=0.55, mew=0)
            axis.axvline(0, color=REFERENCE, lw=0.8, zorder=0)
            axis.set_title(title)
        for axis in lowest:
            axis.set_xlabel("correlation of partners' activity")
        for axis in axes[::2]:
            axis.set_ylabel("angle between partners")
    return finished(figure)


def _angle_lines(axis: Axes) -> None:
    axis.set(ylim=(-8, 188), yticks=[0, 60, 90, 120, 180])
    axis.set_yticklabels(["0°", "60°", "90°", "120°", "180°"])
    axis.grid(axis="y", color=FILL, lw=0.8)


guard(__name__, detach=True)
