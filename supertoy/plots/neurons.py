"""Neurons: their weights as stacked bars, and of which kind they are."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from torch import Tensor

from supertoy import checks
from supertoy.measures import superposition
from supertoy.neurons import by_main_feature, monosemantic, polysemantic
from supertoy.plots._style import (
    LINES,
    OUTLINE,
    SIGNED,
    STYLE,
    SUPERPOSITION,
    WIDTH,
    as_array,
    checked_titles,
    colour_key,
    finished,
    require_one_each,
    require_some,
)


def neuron_stacks(
    W: Float[Tensor, "instance hidden feature"],
    *,
    titles: Sequence[str] | None = None,
    n_columns: int = 4,
    sizes_only: bool = False,
    lowest: float | None = None,
    height: float = 1.9,
) -> Figure:
    """Each neuron's weights as a stack of blocks, one for each feature: |weight| high, negative ones below the axis.

    Blocks have the colour of their feature's superposition, and lie in the order of the features, the first next to the
    axis. Neurons come in the order of their main features.

    Args:
        W: input weights.
        titles: one per instance.
        n_columns: panels in a row at most.
        sizes_only: draw |W|, everything above the axis, each panel to its own scale.
        lowest: where the vertical axis ends, whatever goes on below it; at the lowest weight if not given.
        height: of a row of panels, in inches.

    Raises:
        ValueError: W is not finite or of a wrong shape; as many titles as instances are needed.

    Source: paper, "The ReLU hidden layer toy model" and "The absolute value toy model".
    """
    checks.require_weights(W=W)
    titles = checked_titles(titles, len(W))
    n_columns = min(n_columns, len(W))
    n_rows = -(-len(W) // n_columns)
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(WIDTH, height * n_rows + 0.3))
        panels, key = figure.subfigures(1, 2, width_ratios=[1, 0.09])  # type: ignore[misc]
        grid = panels.subplots(n_rows, n_columns, sharex=True, sharey=not sizes_only, squeeze=False).ravel()
        for axis in grid[len(W) :]:
            axis.remove()
        for k, axis in enumerate(grid[: len(W)]):
            _stack(axis, W[k].abs() if sizes_only else W[k], superposition(W[k : k + 1])[0])
            axis.set_title(titles[k])
            if k + n_columns >= len(W):
                axis.tick_params(labelbottom=True)
                axis.set_xlabel("neuron")
            if k % n_columns == 0:
                axis.set_ylabel("|weight|" if sizes_only else "weight")
        if lowest is not None:
            for axis in grid[: len(W)]:
                axis.set_ylim(bottom=lowest)
        colour_key(key.subplots(), SUPERPOSITION, (0, 1), "superposition of the feature")
    return finished(figure)


def _stack(axis: Axes, W: Float[Tensor, "hidden feature"], shared: Float[Tensor, "feature"]) -> None:
    """One layer's neurons as stacks."""
    heights = as_array(W[by_main_feature(W[None])[0]])
    colours = SUPERPOSITION(as_array(shared.clamp(0, 1)))
    n_neurons, n_features = heights.shape
    places = np.arange(1, n_neurons + 1)
    blocks, of_feature = [], []
    for sign in (1, -1):
        base = np.zeros(n_neurons)
        for i in range(n_features):
            top = base + sign * np.clip(sign * heights[:, i], 0, None)
            for j in np.flatnonzero(np.abs(top - base) > 2e-3):
                left, right = places[j] - 0.4, places[j] + 0.4
                blocks.append([(left, base[j]), (right, base[j]), (right, top[j]), (left, top[j])])
                of_feature.append(i)
            base = top
    few = n_neurons <= 12  # thousands of blocks are drawn as one picture
    gap, faces = 0.5 if few else 0.15, colours[of_feature]
    axis.add_collection(PolyCollection(blocks, facecolors=faces, edgecolors="white", linewidths=gap, rasterized=not few))
    axis.autoscale_view()
    axis.axhline(0, color="black", lw=0.8)
    axis.set(xticks=places if n_neurons <= 12 else [1, n_neurons // 2, n_neurons])
    axis.spines["bottom"].set_visible(False)


def weights_and_stack(W: Float[Tensor, "hidden feature"]) -> Figure:
    """One layer's W as a heat map, neurons in columns, and beside it the same weights as stacks with the features' numbers.

    Colours end at ±1.

    Args:
        W: input weights of one model. Neurons are drawn in the order of their main features.

    Raises:
        ValueError: W is not [hidden, feature], or not finite.

    Source: paper, "The ReLU hidden layer toy model", where the stack plot is explained.
    """
    checks.require_weights(W=W[None])
    ordered = W[by_main_feature(W[None])[0]]
    n_neurons, n_features = W.shape
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(0.86 * WIDTH, 3.6), width_ratios=[1, 1.5])
        image = left.imshow(as_array(ordered.T), cmap=SIGNED, vmin=-1, vmax=1, aspect="auto")
        left.set(xticks=range(n_neurons), xticklabels=range(1, n_neurons + 1), xlabel="neuron", ylabel="feature")
        left.set(yticks=range(n_features), yticklabels=range(1, n_features + 1), title="W, transposed")
        left.spines[:].set_visible(False)
        figure.colorbar(image, ax=left, shrink=0.6, ticks=[-1, 0, 1])
        _stack(right, ordered, superposition(W[None])[0])
        heights = as_array(ordered)
        for j in range(n_neurons):
            for sign in (1, -1):
                base = 0.0
                for i in range(n_features):
                    height = sign * max(0.0, sign * heights[j, i])
                    if abs(height) > 0.15:
                        middle = base + height / 2
                        right.text(j + 1, middle, i + 1, ha="center", va="center", fontsize=9, path_effects=OUTLINE)
                    base += height
        right.set(xlabel="neuron", ylabel="weight", title="the same, stacked")
    return finished(figure)


def hidden_weights(
    panels: Mapping[str, Float[Tensor, "hidden feature"]],
) -> Figure:
    """Several W side by side as heat maps, features in columns; colours end at ±1.

    Hidden dimensions come in the order of their main features.

    Args:
        panels: one matrix each, by title, all of one shape.

    Raises:
        ValueError: no panels; a matrix that is not finite.

    Source: paper, "The ReLU hidden layer toy model".

    >>> figure = hidden_weights({"monosemantic": torch.eye(2), "rotated": torch.tensor([[0.6, 0.8], [-0.8, 0.6]])})
    >>> [axis.get_title() for axis in figure.axes[:2]]
    ['monosemantic', 'rotated']
    """
    require_some(panels=panels)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 2.2), sharey=True, squeeze=False)
        for axis, (title, W) in zip(axes[0], panels.items(), strict=True):
            checks.require_weights(W=W[None])
            n_neurons, n_features = W.shape
            ordered = W[by_main_feature(W[None])[0]]
            image = axis.imshow(as_array(ordered), cmap=SIGNED, vmin=-1, vmax=1)
            axis.set(title=title, xlabel="feature", xticks=range(n_features), xticklabels=range(1, n_features + 1))
            axis.set(yticks=range(n_neurons), yticklabels=range(1, n_neurons + 1))
            axis.spines[:].set_visible(False)
        axes[0, 0].set_ylabel("hidden dimension")
        figure.colorbar(image, ax=list(axes[0]), shrink=0.7, label="weight", ticks=[-1, 0, 1])
    return finished(figure)


def kinds_over_density(
    probability: Float[Tensor, "setting"],
    W: Float[Tensor, "setting hidden feature"],
    *,
    paper: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """How many neurons are monosemantic, and how many polysemantic, at each density, sparser to the right.

    Args:
        probability: p = 1 - S of each setting.
        W: input weights at each density; `W.clamp(min=0)` where features are never negative.
        paper: what the paper says, each with the densities from and to which, as bars below.

    Raises:
        ValueError: as many settings as densities are needed.

    Source: paper, "The ReLU hidden layer toy model".
    """
    require_one_each(len(W), probability=probability)
    order = probability.argsort(descending=True)
    probability, W = probability[order], W[order]
    mono, poly = as_array(monosemantic(W).sum(1)), as_array(polysemantic(W).sum(1))
    places = np.arange(len(W))
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.86 * WIDTH, 2.6 + 0.28 * len(paper or {})))
        axis.bar(places, mono, 0.8, color=LINES[0], label="monosemantic")
        axis.bar(places, poly, 0.8, bottom=mono, color=LINES[1], label="polysemantic", hatch="//", edgecolor="white", lw=0)
        axis.set(xticks=places, xticklabels=[f"{p:g}" for p in probability.tolist()], ylabel="neurons")
        axis.set_xlabel("density p = 1 - S (sparser to the right)")
        axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        logs = np.log(as_array(probability))[::-1]
        for row, (words, ends) in enumerate((paper or {}).items()):
            first, last = (np.interp(np.log(end), logs, places[::-1]) for end in (max(ends), min(ends)))
            y = -0.75 - 0.42 * row
            axis.plot([first - 0.4, last + 0.4], [y, y], color="0.55", lw=3, solid_capstyle="butt")
            after = first + last < len(W) - 1  # beside the bar, where there is more room
            end, side, gap = (last + 0.4, "left", 5) if after else (first - 0.4, "right", -5)
            axis.annotate(words, (end, y), xytext=(gap, 0), textcoords="offset points", ha=side, va="center")
        if paper:
            axis.text(-0.4, -0.32, "the paper:", color="0.35", va="center")
            axis.set_ylim(bottom=-0.85 - 0.42 * len(paper))
            axis.set_yticks(range(0, W.shape[1] + 1))
    return finished(figure)
