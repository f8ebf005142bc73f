"""The appendix: a nonlinear code, and how many features fit into how many dimensions."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from torch import Tensor

from supertoy._util.border import guard
from supertoy.chapters.appendix.compression import compress, steep_floor
from supertoy.plots.style import (
    LINES,
    REFERENCE,
    STYLE,
    SUPERPOSITION,
    TEXT,
    WIDTH,
    as_array,
    finished,
    require_one_each,
)


def nonlinear_code(n_intervals: int, width: float) -> Figure:
    """How a value becomes one of Z intervals, with steep segments of width ε, and what the code does to two values at once.

    Source: paper, appendix "Nonlinear compression".
    """
    x = torch.linspace(0, 1, 1001)
    y, across = torch.meshgrid(torch.linspace(0, 1, 201), torch.linspace(0, 1, 201), indexing="ij")
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(0.9 * WIDTH, 3.1), width_ratios=[1, 1.15])
        left.plot(as_array(x), as_array(n_intervals * x), color=REFERENCE, lw=1, ls="--", label="Z x")
        left.plot(as_array(x), as_array(steep_floor(n_intervals * x, width)), color=LINES[0], lw=2, label="its steep floor")
        left.set(xlabel="x", ylabel="interval", yticks=range(n_intervals + 1))
        left.legend(frameon=False)
        t = compress(across, y, n_intervals, width)
        image = right.imshow(as_array(t), origin="lower", extent=(0, 1, 0, 1), cmap=SUPERPOSITION, aspect="auto")
        right.set(xlabel="x", ylabel="y", title="t, one number for both")
        figure.colorbar(image, ax=right)
    return finished(figure)


def compression_losses(
    width: Float[Tensor, "width"], loss: Float[Tensor, "interval width"], n_intervals: list[int], *, linear: float
) -> Figure:
    """The loss of the nonlinear code over the width ε of its steep segments, one line for each number of intervals Z.

    >>> width = torch.tensor([0.1, 0.2])
    >>> figure = compression_losses(width, torch.tensor([[0.03, 0.06]]), [3], linear=1 / 12)
    >>> figure.axes[0].get_xlabel()
    'width ε of the steep segments, in intervals'

    The dashed line is `linear`, the loss of keeping one value or the mean.

    Source: paper, appendix "Nonlinear compression".
    """
    require_one_each(len(loss), n_intervals=n_intervals)
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.72 * WIDTH, 3.2))
        for line, Z, colour, marker in zip(loss, n_intervals, LINES, cycle("osD^v"), strict=False):
            axis.plot(as_array(width), as_array(line), color=colour, marker=marker, ms=4, label=f"Z = {Z}")
        axis.axhline(linear, color=REFERENCE, ls="--", lw=1.2)
        end = float(width.max())
        axis.text(end, linear, "best linear code", color=TEXT, ha="right", va="top")
        axis.set(xlabel="width ε of the steep segments, in intervals", ylabel="loss", ylim=(0, None))
        axis.legend(frameon=False, loc="lower right")
    return finished(figure)


def features_over_dimensions(
    n_hidden: Int[Tensor, "size"], n_features: Int[Tensor, "seed size density"], probability: Float[Tensor, "density"]
) -> Figure:
    """How many features models store over their number of hidden dimensions, with a straight line for each density.

    Source: paper, appendix on the compressed sensing lower bound.
    """
    m = as_array(n_hidden)
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.72 * WIDTH, 3.4))
        for k, (p, colour, marker) in enumerate(zip(probability.tolist(), LINES, cycle("osD^v"), strict=False)):
            counts = as_array(n_features[..., k])
            for seed in counts:
                axis.plot(m, seed, marker, ms=4, color=colour, alpha=0.7)
            fit = np.polynomial.polynomial.polyfit(m, counts.mean(0), 1)
            axis.plot(m, np.polynomial.polynomial.polyval(m, fit), color=colour, lw=1.2)
            end = (m[-1], counts.mean(0)[-1])
            axis.annotate(f"p = {p:g}", end, xytext=(8, 0), textcoords="offset points", color=colour, va="center")
        axis.set(xlabel="hidden dimensions m", ylabel="represented features", ylim=(0, None))
    return finished(figure)


guard(__name__, detach=True)
