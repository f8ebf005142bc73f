"""Loss surfaces of the smallest model, and their minima."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from supertoy.plots._style import (
    STYLE,
    WIDTH,
    as_array,
    checked_titles,
    finished,
    panel_grid,
    plain_log_axis,
    require_one_each,
)
from supertoy.surface import Minimum


def loss_contours(
    w: Float[Tensor, "w"],
    losses: Float[Tensor, "setting w1 w2"],
    minima: Sequence[Sequence[Minimum]],
    *,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Loss surfaces over (w1, w2) as contours with all minima: filled dots for the lowest, open ones for others.

    Args:
        w: values of w1 and of w2, ascending and symmetric about 0.
        losses: over the grid of these, one panel per setting.
        minima: of each setting, lowest first; W and -W are the same model, and both are drawn.
        titles: one per setting.

    Raises:
        ValueError: as many lists of minima and titles as settings are needed.

    Source: T. McGrath's comment on the paper, "Superposition as a phase change".
    """
    titles = checked_titles(titles, len(losses))
    require_one_each(len(losses), minima=minima)
    n_columns = min(3, len(losses))
    with plt.rc_context(STYLE):
        figure, axes, lowest = panel_grid(len(losses), n_columns, WIDTH, WIDTH / n_columns + 0.1)
        for axis, surface, found, title in zip(axes, as_array(losses), minima, titles, strict=True):
            # Levels are dense near the bottom, where the minima are; quantiles do that for any setting.
            levels = np.unique(np.quantile(surface, np.linspace(0, 0.75, 22) ** 1.6))
            axis.contourf(w, w, surface.T, levels=levels, cmap="crest_r", extend="max", zorder=-2)
            axis.set_rasterization_zorder(-1)  # thousands of vertices
            # Few lines and coarse ones, as lines: in the image, each would be of many colours, and that ten times as heavy.
            axis.contour(w[::2], w[::2], surface[::2, ::2].T, levels=levels[3::4], colors="white", linewidths=0.5)
            for rank, minimum in enumerate(found):
                for sign in (1, -1):
                    face = "black" if rank == 0 else "white"
                    axis.plot(sign * minimum.w1, sign * minimum.w2, "o", mfc=face, mec="black", ms=6)
                axis.annotate(
                    f"{minimum.name.split()[0]}\n{minimum.loss:.3f}", (minimum.w1, minimum.w2), xytext=(0, 8),
                    textcoords="offset points", ha="center", va="bottom", fontsize=8,
                    bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1},
                )  # fmt: skip
            axis.set(title=title, aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        for axis in lowest:
            axis.set_xlabel("$w_1$")
        for axis in axes[::n_columns]:
            axis.set_ylabel("$w_2$")
    return finished(figure)


def minimum_paths(x: Float[Tensor, "setting"], panels: Mapping[str, Sequence[Sequence[Minimum]]], *, xlabel: str) -> Figure:
    """Direction of (w1, w2) at every minimum along lines through the plane, that of the lowest in black.

    W and -W are one model, so the top and the bottom of the axis, 90° and -90°, are the same.

    Args:
        x: what varies along a line, drawn on a log axis.
        panels: minima of each setting, lowest first, by title.
        xlabel: what x is.

    Raises:
        ValueError: a panel that has not one list of minima for each setting.

    Source: T. McGrath's comment on the paper, "Superposition as a phase change".

    >>> ratio = torch.tensor([0.5, 2.0])
    >>> minima = [[st.surface.Minimum(w1=1.0, w2=-1.0, loss=0.1)], [st.surface.Minimum(0.0, 1.0, 0.2)]]
    >>> figure = minimum_paths(ratio, {"p = 0.1": minima}, xlabel="relative importance")
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['second', 'confused', 'first', 'antipodal', 'second']
    """
    for title, minima in panels.items():
        if len(minima) != len(x):
            raise ValueError(
                f"panel {title!r} must have one list of minima for each of {len(x)} settings, got {len(minima)}"
            )
    directions = {90: "second", 45: "confused", 0: "first", -45: "antipodal", -90: "second"}
    with plt.rc_context(STYLE):
        figure, axes, _ = panel_grid(len(panels), len(panels), WIDTH, 3.1)
        for axis, (title, minima) in zip(axes, panels.items(), strict=True):
            lowest = [(value, found[0]) for value, found in zip(x.tolist(), minima, strict=True) if found]
            others = [(value, m) for value, found in zip(x.tolist(), minima, strict=True) for m in found[1:]]
            for points, colour in ((others, "0.75"), (lowest, "black")):
                angles = [np.degrees(np.arctan2(m.w2, m.w1)) for _, m in points]
                axis.plot([value for value, _ in points], angles, "o", ms=3, color=colour, ls="none")
            axis.set(title=title, xscale="log", xlabel=xlabel, ylim=(-100, 100))
            plain_log_axis(axis, "x", float(x.min()), float(x.max()))
            for angle in directions:
                axis.axhline(angle, color="0.9", lw=0.8, zorder=0)
        axes[0].set_ylabel("direction of (w₁, w₂)")
        axes[0].set_yticks(list(directions), list(directions.values()))
    return finished(figure)
