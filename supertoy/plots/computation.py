"""Computation in superposition: small networks as graphs, what neurons respond to, what outputs do, and the motif."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from supertoy.models import FunctionModel
from supertoy.motif import Motif, without_inhibition
from supertoy.neurons import by_main_feature, rescaled
from supertoy.plots._style import (
    LINES,
    SIGNED,
    STYLE,
    WIDTH,
    as_array,
    checked_titles,
    finished,
    require_one_each,
    require_some,
)
from supertoy.plots.neurons import _stack

POSITIVE, NEGATIVE = SIGNED(0.9), SIGNED(0.1)  #: colours of weights


def small_network(
    W1: Float[Tensor, "hidden feature"],
    W2: Float[Tensor, "feature hidden"],
) -> Figure:
    """One small model three times: W1 and W2 as heat maps, the input weights as stacks, and all weights as a graph.

    Neurons are rescaled so that each one's largest input weight is 1, and sorted by their main feature.

    Args:
        W1: from features to neurons.
        W2: from neurons to outputs.

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
    """Features left, neurons in the middle, outputs right; edges as wide as their weight is large."""
    n_neurons, n_features = W1.shape
    ends, middle = (np.linspace(1, 0, n + 2)[1:-1] for n in (n_features, n_neurons))
    edges = [((0, ends[i]), (1, middle[j]), W1[j, i]) for j in range(n_neurons) for i in range(n_features)]
    edges += [((1, middle[j]), (2, ends[i]), W2[i, j]) for j in range(n_neurons) for i in range(n_features)]
    for (x0, y0), (x1, y1), weight in edges:
        if abs(weight) >= smallest:
            style = {"color": POSITIVE, "ls": "-"} if weight > 0 else {"color": NEGATIVE, "ls": (0, (4, 1.5))}
            axis.plot([x0, x1], [y0, y1], lw=min(4.0, 2.5 * abs(weight) ** 0.5), zorder=1, **style)
    for x, heights, names in ((0, ends, "x"), (1, middle, "h"), (2, ends, "y")):
        axis.plot(np.full(len(heights), x), heights, "o", ms=17, mfc="white", mec="0.3", zorder=2)
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

    Args:
        panels: by title, activations and the features that add most to them (`supertoy.neurons.activations`), and the number
            of the neuron's main feature.
        n_columns: panels in a row at most.

    Raises:
        ValueError: no panels.

    Source: paper, "Computation in superposition".

    >>> w, x = torch.tensor([1.0, 0.4]), torch.eye(2)
    >>> figure = activations_by_feature({"neuron 0": (*st.neurons.activations(w, x), 0)})
    >>> [axis.get_title() for axis in figure.axes]
    ['neuron 0']
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
    """What a model's output i does when feature i alone takes the values x, for several features, beside what it should do.

    Args:
        x: values of the feature.
        outputs: for each panel, the outputs of several features.
        target: what they should be.
        labels: of the features.
        titles: of the panels.

    Raises:
        ValueError: lengths that do not fit.

    Source: paper, "Computation in superposition".
    """
    titles = checked_titles(titles, len(outputs))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(outputs), figsize=(WIDTH, 2.7), sharex=True, sharey=True, squeeze=False)
        for axis, title, curves in zip(axes[0], titles, outputs, strict=True):
            require_one_each(len(curves), labels=labels)
            axis.plot(as_array(x), as_array(target), color="0.6", lw=1.2, ls=(0, (1, 1.2)), label="target")
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

    Args:
        model: in which the motif was found.
        motif: as from `supertoy.motif.find`.
        n_values: of the strong feature, from -1 to 1.

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
        inside.plot(places, as_array(total), color="black", lw=2.2, label="all neurons and bias")
        inside.set(title="what output b hears from $x_a$", xlabel="$x_a$, alone", ylabel="pre-activation")
        out.plot(places, as_array(outputs[0]), color="black", lw=2, label="as trained")
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
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        position = (x0 + at * (x1 - x0), y0 + at * (y1 - y0))
        axis.text(*position, f"{weight:.2g}", color=colour, ha="center", va="center", fontsize=9, bbox=box, zorder=2)
    for name, (x, y) in place.items():
        axis.plot(x, y, "o", ms=22, mfc="white", mec="0.3", zorder=3)
        axis.text(x, y, f"${name}$", ha="center", va="center", zorder=4)
    axis.set(xlim=(-0.25, 2.25), ylim=(-0.3, 1.3), title="the motif: $h$ disturbs $y_b$, $h'$ inhibits")
    axis.axis("off")
