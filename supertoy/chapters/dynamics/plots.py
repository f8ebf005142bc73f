"""Learning dynamics: levels, stages and saddle points over training."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from supertoy._util.border import guard
from supertoy.chapters.dynamics import jumps
from supertoy.chapters.dynamics.stages import plateaus
from supertoy.measures import REPRESENTED
from supertoy.plots.style import (
    FILL,
    FRAME,
    INK,
    LINES,
    MUTED,
    ORDERED,
    REFERENCE,
    SHAPE_COLOURS,
    STYLE,
    WIDTH,
    as_array,
    checked_titles,
    finished,
    plain_log_axis,
    require_one_each,
    set_of_feature,
)


def levels_over_training(
    steps: Int[Tensor, "snapshot"],
    D: Float[Tensor, "snapshot feature"],
    loss: Float[Tensor, "snapshot"],
) -> Figure:
    """Every feature's dimensionality over training, and the loss below, with windows around the jumps (`jumps`).

    Lines that end above 1/4 have the colour of digons. The loss axis fits what happens after the first tenth of training.

    Source: paper, "Superposition and learning dynamics", discrete energy level jumps.
    """
    x, y, curve = as_array(steps), as_array(D), as_array(loss)
    at, half_width = as_array(jumps.jumps(steps, D)), jumps.HALF_WIDTH * float(steps[-1])
    with plt.rc_context(STYLE):
        figure, (above, below) = plt.subplots(2, 1, figsize=(0.86 * WIDTH, 5.4), sharex=True, height_ratios=[1.4, 1])
        for level in (0, 1 / 2):
            above.axhline(level, color=REFERENCE, lw=1, zorder=0)
        rises = y[-1] > jumps.JUMP
        above.plot(x, y[:, ~rises], color=FRAME, lw=0.5, rasterized=True)
        above.plot(x, y[:, rises], color=SHAPE_COLOURS["digon"], lw=1.3)
        above.plot(at, np.full(len(at), jumps.JUMP), "o", ms=4, color=INK, zorder=3)
        above.set(ylabel="feature dimensionality", yticks=[0, 1 / 4, 1 / 2], yticklabels=["0", "1/4", "1/2"])
        for jump in at:
            below.axvspan(jump - half_width, jump + half_width, color=FILL, lw=0, zorder=0)
        below.plot(x, curve, color=INK, lw=1.4)
        late = curve[x >= jumps.START * x[-1]]
        margin = 0.05 * (late.max() - late.min())
        below.set(ylabel="expected loss", xlabel="step", xlim=(x[0], x[-1]), ylim=(late.min() - margin, late.max() + margin))
        figure.align_ylabels()
    return finished(figure)


def stages_over_training(
    steps: Int[Tensor, "snapshot"],
    losses: Float[Tensor, "snapshot run"],
    stages: Int[Tensor, "snapshot run"],
    names: Sequence[str],
    *,
    highlighted: int = 0,
) -> Figure:
    """The losses of many runs, and below them the stage that each run is in, as numbers into `names`.

    Run `highlighted` is drawn in black, with its plateaus shaded.

    Source: paper, "Superposition and learning dynamics", geometric transformations.
    """
    if int(stages.max()) >= len(names):
        raise ValueError(f"names must have one entry for each of {int(stages.max()) + 1} stages, got {len(names)}")
    if not 0 <= highlighted < losses.shape[1]:
        raise ValueError(f"highlighted must be one of {losses.shape[1]} runs, got {highlighted}")
    x = as_array(steps)
    colours = [FILL, *ORDERED(np.linspace(0, 1, len(names) - 1))]
    with plt.rc_context(STYLE):
        figure, (above, below) = plt.subplots(2, 1, figsize=(0.86 * WIDTH, 5.8), sharex=True, height_ratios=[1.2, 1])
        above.plot(x, as_array(losses), color=FRAME, lw=0.6, rasterized=True)
        for first, last in plateaus(steps, losses[:, highlighted]):
            above.axvspan(x[first], x[last], color=LINES[1], alpha=0.16, lw=0, zorder=0)
        above.plot(x, as_array(losses[:, highlighted]), color=INK, lw=1.6)
        above.set(yscale="log", ylabel="loss")
        # Runs in the order in which they reach the last stage.
        order = np.argsort((as_array(stages) < len(names) - 1).sum(0), kind="stable")
        edges = np.sqrt(np.concatenate([[x[0] ** 2], x[1:] * x[:-1], [x[-1] ** 2]]))
        below.pcolormesh(
            edges, np.arange(len(order) + 1), as_array(stages)[:, order].T, cmap=ListedColormap(colours),
            vmin=-0.5, vmax=len(names) - 0.5, rasterized=True,
        )  # fmt: skip
        below.set(xlabel="step", ylabel="runs", xlim=(x[0], x[-1]))
        plain_log_axis(below, "x", x[0], x[-1])
        keys = [Patch(color=colour, label=name) for colour, name in zip(colours, names, strict=True)]
        figure.legend(handles=keys, loc="outside lower center", ncols=len(names), frameon=False)
        figure.align_ylabels()
    return finished(figure)


def losses_with_levels(
    steps: Int[Tensor, "snapshot"], losses: Float[Tensor, "snapshot run"], known: Mapping[str, float]
) -> Figure:
    """The losses of many runs on log-log axes, with a line at the loss of each of some known solutions.

    >>> steps, losses = torch.tensor([1, 10, 100]), torch.tensor([[0.3], [0.2], [0.1]])
    >>> figure = losses_with_levels(steps, losses, known={"pentagon": 0.1})
    >>> figure.axes[0].get_xscale(), figure.axes[0].get_yscale()
    ('log', 'log')

    Source: not in the paper; Chen et al. (2023) draw losses with the levels of regular polygons.
    """
    x = as_array(steps)
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.86 * WIDTH, 4.2))
        for name, level in known.items():
            axis.axhline(level, color=LINES[1], lw=0.9, zorder=0)
            axis.annotate(name, (1, level), xycoords=("axes fraction", "data"), xytext=(5, 0), textcoords="offset points",
                          va="center", fontsize=8.5, color=LINES[1])  # fmt: skip
        axis.plot(x, as_array(losses), color=INK, lw=0.5, alpha=0.5, rasterized=True)
        axis.set(yscale="log", xlabel="step", ylabel="loss", xlim=(x[0], x[-1]))
        plain_log_axis(axis, "x", x[0], x[-1])
        plain_log_axis(axis, "y", float(losses.min()), float(losses.max()))
    return finished(figure)


def loss_against_degeneracy(
    learning_coefficient: Float[Tensor, "solution"],
    standard_error: Float[Tensor, "solution"],
    loss: Float[Tensor, "solution"],
    names: Sequence[str],
) -> Figure:
    """Loss of some solutions against their local learning coefficient λ, the less degenerate to the right.

    Bars reach two standard errors to either side.

    Source: not in the paper; after Chen et al. (2023).
    """
    require_one_each(len(loss), names=names)
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.72 * WIDTH, 3.6))
        x, y = as_array(learning_coefficient), as_array(loss)
        axis.errorbar(x, y, xerr=2 * as_array(standard_error), fmt="o", ms=5, color=LINES[0], elinewidth=1, capsize=2)
        for name, at, height in zip(names, x, y, strict=True):
            axis.annotate(name, (at, height), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=8.5)
        axis.set(xlabel="local learning coefficient λ", ylabel="loss", ylim=(0, 1.15 * y.max()))
        axis.margins(x=0.15)
    return finished(figure)


def saddles_over_training(
    steps: Int[Tensor, "snapshot"],
    loss: Float[Tensor, "snapshot"],
    at: Int[Tensor, "moment"],
    gradient_norm: Float[Tensor, "moment"],
    eigenvalues: Float[Tensor, "moment parameter"],
) -> Figure:
    """Loss over training, and at some steps the norm of its gradient and the eigenvalues of its Hessian.

    Near a saddle the gradient is small and some eigenvalues, drawn in colour, are negative.

    Source: not in the paper.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(3, 1, figsize=(0.86 * WIDTH, 6.2), sharex=True, height_ratios=[1, 1, 1.25])
        axes[0].plot(as_array(steps), as_array(loss), color=INK, lw=1.4)
        axes[0].set(yscale="log", ylabel="loss")
        plain_log_axis(axes[0], "y", float(loss.min()), float(loss.max()))
        x = as_array(at)
        axes[1].plot(x, as_array(gradient_norm), "-o", color=INK, ms=3.5, lw=0.8)
        axes[1].set(yscale="log", ylabel="gradient norm")
        spectrum = as_array(eigenvalues)
        axes[2].axhline(0, color=REFERENCE, lw=1, zorder=0)
        axes[2].plot(x, np.where(spectrum >= -1e-3, spectrum, np.nan), ".", ms=3, color=MUTED)
        axes[2].plot(x, np.where(spectrum < -1e-3, spectrum, np.nan), ".", ms=4, color=LINES[3])
        axes[2].set_yscale("symlog", linthresh=0.01)
        axes[2].set(ylabel="Hessian\neigenvalues", xlabel="step", xlim=(float(steps[0]), float(steps[-1])))
        plain_log_axis(axes[2], "x", float(steps[0]), float(steps[-1]))
        figure.align_ylabels()
    return finished(figure)


def directions_in_space(
    W: Float[Tensor, "panel _hidden feature"], *, set_size: int, titles: Sequence[str] | None = None, n_columns: int = 4
) -> Figure:
    """Feature directions in three dimensions, coloured by set, with lines between the members of a set.

    Each panel is one model. All are seen from the same side.

    Source: paper, "Superposition and learning dynamics", geometric transformations.
    """
    if W.shape[1] != 3:
        raise ValueError(f"W must have 3 hidden dimensions, got {W.shape[1]}")
    titles = checked_titles(titles, len(W))
    sets = set_of_feature(W.shape[2], set_size)
    n_columns = min(n_columns, len(W))
    n_rows = -(-len(W) // n_columns)
    with plt.rc_context(STYLE):
        side = WIDTH / max(3, n_columns)
        figure = plt.figure(figsize=(side * n_columns, (side + 0.25) * n_rows))
        for k, points in enumerate(as_array(W.mT)):
            axis = figure.add_subplot(n_rows, n_columns, k + 1, projection="3d")
            _draw_in_space(axis, points, sets)
            axis.set_title(titles[k])
    return finished(figure)


def _draw_in_space(axis: Axes, points: np.ndarray, sets: Sequence[int]) -> None:
    for direction in np.eye(3):
        axis.plot(*np.outer([-1, 1], direction).T, color=FILL, lw=0.8)
    for number in sorted(set(sets)):
        members = points[[i for i, k in enumerate(sets) if k == number]]
        colour = to_rgba(LINES[number % len(LINES)])
        axis.plot(*np.concatenate([members, members[:1]]).T, color=colour, lw=1, alpha=0.6)
        for point in members:
            axis.plot(*np.stack([np.zeros(3), point]).T, color=colour, lw=1.8)
        size = np.where(np.linalg.norm(members, axis=1) > REPRESENTED, 36, 14)
        axis.scatter(*members.T, s=size, color=colour, depthshade=False)  # type: ignore[misc]
    axis.set(xlim=(-0.75, 0.75), ylim=(-0.75, 0.75), zlim=(-0.75, 0.75))
    axis.set_box_aspect((1, 1, 1))  # type: ignore[arg-type]
    axis.view_init(elev=22, azim=28)  # type: ignore[attr-defined]
    axis.axis("off")


guard(__name__, detach=True)
