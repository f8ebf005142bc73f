"""Whole weight matrices, what their features come to over density, and what their losses are made of."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.measures import feature_norms, superposition
from supertoy.plots.style import (
    FRAME,
    INK,
    ORDERED,
    PAPER,
    SIGNED,
    STYLE,
    SUPERPOSITION,
    WIDTH,
    as_array,
    checked_titles,
    colour_key,
    finished,
    plain_log_axis,
)


def weights_and_norms(
    W: Float[Tensor, "instance hidden feature"],
    b: Float[Tensor, "instance feature"],
    *,
    titles: Sequence[str] | None = None,
) -> Figure:
    """WᵀW and b as signed heat maps, and below, feature by feature, ‖W_i‖ as a bar coloured by superposition.

    >>> W, b = torch.tensor([[[1.0, -1.0]]]), torch.zeros(1, 2)
    >>> figure = weights_and_norms(W, b, titles=["antipodal pair"])
    >>> figure.axes[0].get_title()
    'antipodal pair'

    Source: paper, "Basic results".
    """
    checks.require_finite(b=b)
    if b.shape != (W.shape[0], W.shape[2]):
        raise ValueError(f"b must be [{W.shape[0]}, {W.shape[2]}] to fit W, got {list(b.shape)}")
    titles = checked_titles(titles, len(W))
    W, b = W.detach().cpu(), b.detach().cpu()
    gram, norm, shared = W.mT @ W, feature_norms(W), superposition(W)
    n = W.shape[2]
    n_columns = min(4, len(W))
    n_rows = -(-len(W) // n_columns)
    top = 1.1 * max(1.0, norm.max().item())
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(WIDTH * (n_columns + 0.4) / 4.4, n_rows * 2.95))
        cards, keys = figure.subfigures(1, 2, width_ratios=[n_columns, 0.42])  # type: ignore[misc]
        grid = cards.add_gridspec(2 * n_rows, n_columns, height_ratios=[3, 1.25] * n_rows)
        scale = {"cmap": SIGNED, "vmin": -1, "vmax": 1, "interpolation": "nearest", "aspect": "auto"}
        for k in range(len(W)):
            row, column = divmod(k, n_columns)
            heat, bars = (cards.add_subplot(grid[2 * row + below, column]) for below in (0, 1))
            bias = heat.inset_axes((1.04, 0, 0.07, 1))
            heat.imshow(as_array(gram[k]), extent=(0.5, n + 0.5, n + 0.5, 0.5), **scale)
            bias.imshow(as_array(b[k][:, None]), **scale)
            heat.set_title(titles[k])
            bias.set_title("b", fontstyle="italic")
            for axis in (heat, bias):
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set(visible=True, color=FRAME, linewidth=0.8)
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
        colour_key(upper, SIGNED, (-1, 1), "WᵀW and b")
        colour_key(lower, SUPERPOSITION, (0, 1), "superposition, bars")
    return finished(figure)


def loss_terms(
    probability: Float[Tensor, "setting"],
    terms: Float[Tensor, "setting n_active"],
    measured: Float[Tensor, "setting"],
) -> Figure:
    """The loss by the number k of active features, as shares of the whole, with the measured loss as dots.

    Args:
        terms: binomial weight of k active features times L_k, for k = 0, 1, ...
        measured: loss on samples, drawn relative to the sum of the terms: a dot at 1 is agreement.

    Source: paper, "Mathematical understanding".
    """
    if terms.ndim != 2 or terms.shape[0] != len(probability) or measured.shape != probability.shape:
        raise ValueError(
            f"terms must be [{len(probability)}, n_active] and measured [{len(probability)}], "
            f"got {list(terms.shape)} and {list(measured.shape)}"
        )
    total = terms.sum(1)
    shares = terms / total[:, None]
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.72 * WIDTH, 3.4))
        colours = ORDERED(np.linspace(0, 1, terms.shape[1]))
        labels = [f"k = {k}" for k in range(terms.shape[1])]
        axis.stackplot(probability, shares.T, colors=colours, labels=labels, edgecolor=PAPER, linewidth=0.5)
        axis.plot(probability, measured / total, "o", color=INK, ms=5, label="measured", clip_on=False, zorder=5)
        axis.set(xscale="log", xlabel="density p = 1 - S (sparser to the right)", ylabel="share of the loss", ylim=(0, 1.02))
        axis.set_xlim(float(probability.max()), float(probability.min()))
        plain_log_axis(axis, "x", float(probability.min()), float(probability.max()), steps=(1, 3))
        handles, names = axis.get_legend_handles_labels()
        axis.legend(handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    return finished(figure)


guard(__name__, detach=True)
