"""Computation in superposition: small networks as graphs, what neurons respond to, what outputs do, and the motif."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.chapters.computation.kinds import by_main_feature, polysemantic, rescaled
from supertoy.chapters.computation.motif import Motif, without_inhibition
from supertoy.measures import superposition
from supertoy.models import FunctionModel
from supertoy.neurons import monosemantic
from supertoy.plots.style import (
    INK,
    LINES,
    MUTED,
    OUTLINE,
    PAPER,
    SIGNED,
    STYLE,
    SUPERPOSITION,
    TEXT,
    WIDTH,
    as_array,
    checked_titles,
    colour_key,
    finished,
    require_one_each,
    require_some,
)

POSITIVE, NEGATIVE = SIGNED(0.9), SIGNED(0.1)  #: Colours of weights.


def small_network(
    W1: Float[Tensor, "hidden feature"],
    W2: Float[Tensor, "feature hidden"],
) -> Figure:
    """One small model three times: W1 and W2 as heat maps, the input weights as stacks, and all weights as a graph.

    Neurons are rescaled so that each one's largest input weight is 1, and sorted by their main feature.

    Source: paper, "The absolute value toy model".
    """
    W1, W2 = (weights[0] for weights in rescaled(W1[None], W2[None]))
    order = by_main_feature(W1[None])[0]
    W1, W2 = W1[order], W2[:, order]
    limit = max(1.0, float(W1.abs().max()), float(W2.abs().max()))
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(WIDTH, 3.1))
        grid = figure.add_gridspec(2, 3, width_ratios=[1, 1.1, 1.3])
        for row, (name, weights, side) in enumerate((("W₁, transposed", W1.T, "feature"), ("W₂", W2, "output"))):
            axis = figure.add_subplot(grid[row, 0])
            image = axis.imshow(as_array(weights), cmap=SIGNED, vmin=-limit, vmax=limit, aspect="auto")
            n_rows, n_neurons = weights.shape
            axis.set(yticks=range(n_rows), yticklabels=range(1, n_rows + 1), ylabel=side, title=name)
            axis.set(xticks=range(n_neurons), xticklabels=range(1, n_neurons + 1) if row else [])
            axis.spines[:].set_visible(False)
        axis.set_xlabel("neuron")
        figure.colorbar(image, ax=figure.axes, shrink=0.7, label="weight", location="left", pad=0.14)
        stack = figure.add_subplot(grid[:, 1])
        _stack(stack, W1, torch.zeros(W1.shape[1]))
        stack.set(xlabel="neuron", ylabel="input weight", title="input weights, stacked")
        graph = figure.add_subplot(grid[:, 2])
        _graph(graph, as_array(W1), as_array(W2))
        graph.set_title("features, neurons, outputs")
    return finished(figure)


def _graph(axis: Axes, W1: np.ndarray, W2: np.ndarray, smallest: float = 0.05) -> None:
    """Features left, neurons in the middle, outputs right; larger weights have wider edges."""
    n_neurons, n_features = W1.shape
    ends, middle = (np.linspace(1, 0, n + 2)[1:-1] for n in (n_features, n_neurons))
    edges = [((0, ends[i]), (1, middle[j]), W1[j, i]) for j in range(n_neurons) for i in range(n_features)]
    edges += [((1, middle[j]), (2, ends[i]), W2[i, j]) for j in range(n_neurons) for i in range(n_features)]
    for (x0, y0), (x1, y1), weight in edges:
        if abs(weight) >= smallest:
            style = {"color": POSITIVE, "ls": "-"} if weight > 0 else {"color": NEGATIVE, "ls": (0, (4, 1.5))}
            axis.plot([x0, x1], [y0, y1], lw=min(4.0, 2.5 * abs(weight) ** 0.5), zorder=1, **style)
    for x, heights, names in ((0, ends, "x"), (1, middle, "h"), (2, ends, "y")):
        axis.plot(np.full(len(heights), x), heights, "o", ms=17, mfc=PAPER, mec=TEXT, zorder=2)
        for k, y in enumerate(heights):
            axis.text(x, y, f"${names}_{k + 1}$", ha="center", va="center", fontsize=9, zorder=3)
    axis.set(xlim=(-0.2, 2.2), ylim=(0, 1))
    axis.axis("off")
    axis.plot([], [], color=POSITIVE, lw=2, label="positive")
    axis.plot([], [], color=NEGATIVE, lw=2, ls=(0, (4, 1.5)), label="negative")
    axis.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, 0.03), fontsize=9)


def activations_by_feature(
    panels: Mapping[str, tuple[Float[Tensor, "row"], Int[Tensor, "row"], int]], *, n_columns: int = 3
) -> Figure:
    """Histograms of single neurons' activations, split by whether their main feature adds most or another one does.

    >>> w, x = torch.tensor([1.0, 0.4]), torch.eye(2)
    >>> figure = activations_by_feature({"neuron 0": (*st.chapters.computation.kinds.activations(w, x), 0)})
    >>> [axis.get_title() for axis in figure.axes]
    ['neuron 0']

    `panels` maps a title to the activations, the features that add most to them (`kinds.activations`), and
    the number of the neuron's main feature.

    Source: paper, "Computation in superposition".
    """
    require_some(panels=panels)
    n_columns = min(n_columns, len(panels))
    n_rows = -(-len(panels) // n_columns)
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(n_rows, n_columns, figsize=(WIDTH, 2.5 * n_rows), sharey=True, squeeze=False)
        axes = list(grid.flat)
        for axis in axes[len(panels) :]:
            axis.remove()
        for axis, (title, (activation, largest, main)) in zip(axes, panels.items(), strict=False):
            active = activation > 0
            values, pure = as_array(activation[active]), as_array(largest[active] == main).astype(bool)
            bins = np.linspace(0, values.max(initial=1e-6), 25)
            axis.hist([values[pure], values[~pure]], bins, stacked=True, color=[LINES[0], LINES[1]], rwidth=0.9)
            axis.set(title=title, yscale="log", xlabel="activation", ylim=(0.7, None))
        for axis in grid[:, 0]:
            axis.set_ylabel("inputs")
        keys = [Patch(color=LINES[0], label="the main feature adds most"), Patch(color=LINES[1], label="another one does")]
        figure.legend(handles=keys, loc="outside upper left", ncols=2, frameon=False)
    return finished(figure)


def single_feature_outputs(
    x: Float[Tensor, "value"],
    outputs: Sequence[Float[Tensor, "feature value"]],
    target: Float[Tensor, "value"],
    *,
    labels: Sequence[str],
    titles: Sequence[str] | None = None,
) -> Figure:
    """What a model's output i does when feature i alone takes the values x, for several features, beside the target.

    `outputs` has one entry for each panel.

    Source: paper, "Computation in superposition".
    """
    titles = checked_titles(titles, len(outputs))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(outputs), figsize=(WIDTH, 2.7), sharex=True, sharey=True, squeeze=False)
        for axis, title, curves in zip(axes[0], titles, outputs, strict=True):
            require_one_each(len(curves), labels=labels)
            axis.plot(as_array(x), as_array(target), color=MUTED, lw=1.2, ls=(0, (1, 1.2)), label="target")
            for k, (curve, label) in enumerate(zip(curves, labels, strict=True)):
                axis.plot(
                    x, as_array(curve), color=LINES[k], lw=1.6, ls=("-", "--", "-.", (0, (5, 1, 1, 1)))[k % 4], label=label
                )
            axis.set(title=title, xlabel="value of the feature")
        axes[0, 0].set_ylabel("its output")
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper left", ncols=len(names), frameon=False)
    return finished(figure)


def asymmetric_motif(model: FunctionModel, motif: Motif, *, n_values: int = 201) -> Figure:
    """The motif as a graph of four weights, and what the disturbed output hears when the strong feature alone is active.

    That feature takes `n_values` values from -1 to 1.

    Source: paper, "The asymmetric superposition motif".
    """
    whole, cut = model.select(slice(motif.instance, motif.instance + 1)), without_inhibition(model, motif)
    W1, W2 = (weights[0] for weights in rescaled(whole.W1.detach(), whole.W2.detach()))
    pair, ends = [motif.neuron, motif.inhibitor], [motif.strong, motif.weak]
    values = torch.linspace(-1, 1, n_values, dtype=whole.b.dtype, device=whole.b.device)
    places = as_array(values)
    x = values.new_zeros(1, n_values, whole.n_features)
    x[..., motif.strong] = values
    with torch.no_grad():
        hidden = (x[0] @ W1.mT).relu()
        heard = hidden * W2[motif.weak]
        outputs = [m(x)[0, :, motif.weak] for m in (whole, cut)]
    with plt.rc_context(STYLE):
        figure, (graph, inside, out) = plt.subplots(1, 3, figsize=(WIDTH, 3.1), width_ratios=[1.25, 1, 1])
        _motif_graph(graph, as_array(W1[pair][:, ends]), as_array(W2[ends][:, pair]))
        inside.plot(places, as_array(heard[:, motif.neuron]), color=POSITIVE, label="the neuron")
        inside.plot(places, as_array(heard[:, motif.inhibitor]), color=NEGATIVE, ls="--", label="the inhibitor")
        total = heard.sum(1) + whole.b[0, motif.weak]
        inside.plot(places, as_array(total), color=INK, lw=2.2, label="all neurons and bias")
        inside.set(title="what output b hears from $x_a$", xlabel="$x_a$, alone", ylabel="pre-activation")
        out.plot(places, as_array(outputs[0]), color=INK, lw=2, label="as trained")
        out.plot(places, as_array(outputs[1]), color=LINES[1], ls="--", lw=2, label="without inhibition")
        out.set(title="output b, which should be 0", xlabel="$x_a$, alone", ylabel="$y'_b$")
        for axis in (inside, out):
            axis.legend(frameon=False, fontsize=8.5)
    return finished(figure)


def _motif_graph(axis: Axes, inward: np.ndarray, outward: np.ndarray) -> None:
    """Two features, the neuron and its inhibitor, two outputs, and the weights between them in numbers."""
    place = {"x_a": (0, 1), "x_b": (0, 0), "h": (1, 1), "h'": (1, 0), "y_a": (2, 1), "y_b": (2, 0)}
    left, middle, right = (["x_a", "x_b"], ["h", "h'"], ["y_a", "y_b"])
    edges = [(left[i], middle[j], inward[j, i]) for j in range(2) for i in range(2)]
    edges += [(middle[j], right[i], outward[i, j]) for j in range(2) for i in range(2)]
    for start, end, weight in edges:
        if abs(weight) < 0.05:
            continue
        (x0, y0), (x1, y1) = place[start], place[end]
        colour, style = (POSITIVE, "-") if weight > 0 else (NEGATIVE, (0, (4, 1.5)))
        axis.plot([x0, x1], [y0, y1], color=colour, ls=style, lw=min(3.5, 1.6 * abs(weight) ** 0.5), zorder=1)
        at = 0.36  # nearer to the start, so that crossing edges keep their numbers apart
        box = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
        position = (x0 + at * (x1 - x0), y0 + at * (y1 - y0))
        axis.text(*position, f"{weight:.2g}", color=colour, ha="center", va="center", fontsize=9, bbox=box, zorder=2)
    for name, (x, y) in place.items():
        axis.plot(x, y, "o", ms=22, mfc=PAPER, mec=TEXT, zorder=3)
        axis.text(x, y, f"${name}$", ha="center", va="center", zorder=4)
    axis.set(xlim=(-0.25, 2.25), ylim=(-0.3, 1.3), title="the motif: $h$ disturbs $y_b$, $h'$ inhibits")
    axis.axis("off")


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

    Blocks have the colour of their feature's superposition. They lie in the order of the features, the first next to the
    axis. Neurons come in the order of their main features.

    Args:
        sizes_only: draw |W|, everything above the axis, each panel on its own scale.
        lowest: where the vertical axis ends, even if weights go on below it; by default at the lowest weight.
        height: of a row of panels, in inches.

    Source: paper, "The ReLU hidden layer toy model" and "The absolute value toy model".
    """
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
    axis.add_collection(PolyCollection(blocks, facecolors=faces, edgecolors=PAPER, linewidths=gap, rasterized=not few))
    axis.autoscale_view()
    axis.axhline(0, color=INK, lw=0.8)
    axis.set(xticks=places if n_neurons <= 12 else [1, n_neurons // 2, n_neurons])
    axis.spines["bottom"].set_visible(False)


def weights_and_stack(W: Float[Tensor, "hidden feature"]) -> Figure:
    """One layer's W as a heat map, neurons in columns, and beside it the same weights as stacks with the features' numbers.

    Neurons come in the order of their main features. Colours end at ±1.

    Source: paper, "The ReLU hidden layer toy model", where the stack plot is explained.
    """
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

    >>> figure = hidden_weights({"monosemantic": torch.eye(2), "rotated": torch.tensor([[0.6, 0.8], [-0.8, 0.6]])})
    >>> [axis.get_title() for axis in figure.axes[:2]]
    ['monosemantic', 'rotated']

    All have one shape. Hidden dimensions come in the order of their main features.

    Source: paper, "The ReLU hidden layer toy model".
    """
    require_some(panels=panels)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 2.2), sharey=True, squeeze=False)
        for axis, (title, W) in zip(axes[0], panels.items(), strict=True):
            checks.require_finite(W=W)
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
        W: input weights; pass `W.clamp(min=0)` where features are never negative.
        paper: what the paper says, with the two densities between which it says so. Drawn as bars below.

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
        axis.bar(places, poly, 0.8, bottom=mono, color=LINES[1], label="polysemantic", hatch="//", edgecolor=PAPER, lw=0)
        axis.set(xticks=places, xticklabels=[f"{p:g}" for p in probability.tolist()], ylabel="neurons")
        axis.set_xlabel("density p = 1 - S (sparser to the right)")
        axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        logs = np.log(as_array(probability))[::-1]
        for row, (words, ends) in enumerate((paper or {}).items()):
            first, last = (np.interp(np.log(end), logs, places[::-1]) for end in (max(ends), min(ends)))
            y = -0.75 - 0.42 * row
            axis.plot([first - 0.4, last + 0.4], [y, y], color=MUTED, lw=3, solid_capstyle="butt")
            after = first + last < len(W) - 1  # beside the bar, where there is more room
            end, side, gap = (last + 0.4, "left", 5) if after else (first - 0.4, "right", -5)
            axis.annotate(words, (end, y), xytext=(gap, 0), textcoords="offset points", ha=side, va="center")
        if paper:
            axis.text(-0.4, -0.32, "the paper:", color=TEXT, va="center")
            axis.set_ylim(bottom=-0.85 - 0.42 * len(paper))
            axis.set_yticks(range(0, W.shape[1] + 1))
    return finished(figure)


guard(__name__, detach=True)
