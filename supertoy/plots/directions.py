"""Feature directions in the plane."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.plots.style import (
    FILL,
    IMPORTANCE,
    LINES,
    STYLE,
    TEXT,
    WIDTH,
    as_array,
    checked_titles,
    finished,
    set_of_feature,
)


def feature_directions(
    W: Float[Tensor, "instance 2 feature"],
    *,
    importance: float | Tensor = 1.0,
    set_size: int | None = None,
    reference: Float[Tensor, "instance 2 feature"] | None = None,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Each feature's direction in the plane: the paper's opening figure.

    >>> W = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, -1.0], [0.0, 0.0]]])
    >>> figure = feature_directions(W, titles=["orthogonal", "antipodal"])  # one panel for each instance
    >>> [axis.get_title() for axis in figure.axes]
    ['orthogonal', 'antipodal']

    To compare solutions, orient them first (see `canonical_orientation`). Features whose weights are exactly zero are not
    drawn, so a smaller model can be padded with zeros.

    Args:
        importance: colours the features; broadcasts to [instance, feature].
        set_size: if given, the colours show which set of so many features each belongs to, instead of importance.
        reference: other weights of W's shape to compare with, drawn as rings.

    Source: paper, the opening figure of "Demonstrating superposition".
    """
    titles = checked_titles(titles, len(W))
    rgba = importance_colours(checks.importances(importance, W.shape[0], W.shape[2]))
    if set_size is not None:
        rgba = np.broadcast_to([to_rgba(LINES[k % len(LINES)]) for k in set_of_feature(W.shape[2], set_size)], rgba.shape)
    points = W.detach().cpu().numpy()
    shown = points if reference is None else np.concatenate([points, as_array(reference)])
    limit = max(1.45, 1.25 * float(np.linalg.norm(shown, axis=1).max()))
    with plt.rc_context(STYLE):
        n_columns = 4 if len(W) in (7, 8) else min(len(W), 5)  # avoids a nearly empty row
        n_rows = -(-len(W) // n_columns)
        side = min(WIDTH / n_columns, 2.5)
        figure, axes = plt.subplots(
            n_rows, n_columns, figsize=(side * n_columns, side * n_rows + 0.25 * n_rows), squeeze=False
        )
        for axis in axes.flat[len(W) :]:
            axis.remove()
        for k, axis in zip(range(len(W)), axes.flat, strict=False):
            _draw_directions(axis, points[k], rgba[k], limit)
            if reference is not None:
                rings = as_array(reference[k])
                axis.scatter(*rings, s=75, facecolors="none", edgecolors=TEXT, linewidths=1, zorder=4)
            axis.set_title(titles[k])
    return finished(figure)


def importance_colours(importance: Float[Tensor, "*feature"]) -> np.ndarray:
    """Colours [..., red green blue alpha]: the most important feature is the darkest, the low end of the map.

    Source: the paper's opening figure, with other colours.
    """
    I = importance.cpu()
    colour = Normalize(I.min().item(), I.max().item())
    rgba: np.ndarray = IMPORTANCE(1 - colour(I.numpy()) if I.max() > I.min() else np.zeros(I.shape))
    return rgba


def _draw_directions(axis: Axes, points: np.ndarray, rgba: np.ndarray, limit: float) -> None:
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
    sns.despine(ax=axis, left=True, bottom=True)
    axis.axhline(0, color=FILL, lw=0.8, zorder=0)
    axis.axvline(0, color=FILL, lw=0.8, zorder=0)
    axis.add_patch(plt.Circle((0, 0), 1, fill=False, color=FILL, lw=0.8, zorder=0))
    norm = np.linalg.norm(points, axis=0)
    for i in reversed(range(points.shape[1])):  # the most important on top
        if norm[i] == 0:
            continue
        x, y = points[:, i]
        axis.plot([0, x], [0, y], color=rgba[i], lw=2.2, solid_capstyle="round")
        axis.plot(x, y, "o", color=rgba[i], ms=6)
    labelled = [i for i in range(points.shape[1]) if norm[i] > 0.3]  # numbers at the origin would cover each other
    while labelled:
        together = [i for i in labelled if np.linalg.norm(points[:, i] - points[:, labelled[0]]) < 0.15]
        labelled = [i for i in labelled if i not in together]
        x, y = points[:, together[0]] * (1 + 0.26 / norm[together[0]])
        axis.text(x, y, ", ".join(str(i + 1) for i in together), color=TEXT, ha="center", va="center")


guard(__name__, detach=True)
