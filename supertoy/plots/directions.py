"""Feature directions in the plane."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from supertoy import checks
from supertoy.plots._style import IMPORTANCE, STYLE, WIDTH, checked_titles, finished


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
    titles = checked_titles(titles, len(W))
    I = checks.importances(importance, W.shape[0], W.shape[2]).cpu()
    colour = Normalize(I.min().item(), I.max().item())
    # The most important feature is the darkest, the low end of the map.
    rgba = IMPORTANCE(1 - colour(I.numpy()) if I.max() > I.min() else np.zeros(I.shape))
    points = W.detach().cpu().numpy()
    limit = max(1.45, 1.25 * float(np.linalg.norm(points, axis=1).max()))
    with plt.rc_context(STYLE):
        n_columns = min(len(W), 5)
        n_rows = -(-len(W) // n_columns)
        side = min(WIDTH / n_columns, 2.5)
        figure, axes = plt.subplots(
            n_rows, n_columns, figsize=(side * n_columns, side * n_rows + 0.25 * n_rows), squeeze=False
        )
        for axis in axes.flat[len(W) :]:
            axis.remove()
        for k, axis in zip(range(len(W)), axes.flat, strict=False):
            _draw_directions(axis, points[k], rgba[k], limit)
            axis.set_title(titles[k])
    return finished(figure)


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
