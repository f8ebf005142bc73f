"""Phase diagrams, and what happens along lines through them.

Maps have density p = 1 - S and ratio, the importance of the extra feature relative to the others, on log axes; both are
evenly spaced there.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from supertoy._util.border import guard
from supertoy.chapters.phase_change.phases import Phase
from supertoy.chapters.phase_change.surface import Minimum
from supertoy.plots.style import (
    DIVERGING,
    FRAME,
    INK,
    LINES,
    MUTED,
    ORDERED,
    OUTLINE,
    PAPER,
    REFERENCE,
    STYLE,
    SUPERPOSITION,
    WIDTH,
    as_array,
    checked_titles,
    finished,
    panel_grid,
    plain_log_axis,
    require_one_each,
)

_PHASE_LINES = {
    Phase.NOT_REPRESENTED: (MUTED, "not represented"),
    Phase.SUPERPOSITION: (SUPERPOSITION(0.85), "in superposition"),
    Phase.OWN_DIMENSION: (SUPERPOSITION(0.0), "own dimension"),
}


def phase_diagrams(
    density: Float[Tensor, "density"],
    ratio: Float[Tensor, "ratio"],
    panels: Mapping[str, Sequence[Float[Tensor, "density ratio"]]],
    *,
    boundaries: Int[Tensor, "density ratio"] | None = None,
    names: Sequence[str] = (),
) -> Figure:
    """What becomes of the extra feature at every density and importance, sparser to the right, more important upwards.

    A point fades to white where the feature is not represented. Where it is represented, it is dark blue if it has a
    dimension of its own, yellow in superposition.

    Args:
        panels: the extra feature's norm and superposition, by title.
        boundaries: number of the region that a point belongs to in theory, drawn as outlines on every panel.
        names: of the regions, written into the first panel.

    Source: paper, "Superposition as a phase change".
    """
    for title, values in panels.items():
        _check_grid(density, ratio, f"panel {title!r}", *values)
    if boundaries is not None:
        _check_grid(density, ratio, "boundaries", boundaries)
    n_columns = min(3, len(panels))
    with plt.rc_context(STYLE):
        width = WIDTH if n_columns > 1 else 0.6 * WIDTH
        figure, axes, lowest = panel_grid(len(panels), n_columns, width, width / (n_columns + 0.5) + 0.5)
        for axis, (title, (norm, shared)) in zip(axes, panels.items(), strict=True):
            _image(axis, density, ratio, extra_feature_colours(norm, shared))
            axis.set_title(title)
            if boundaries is not None:
                _outline(axis, density, ratio, boundaries)
        for axis in axes[::n_columns]:
            axis.set_ylabel("relative importance")
        for axis in lowest:
            axis.set_xlabel("density p = 1 - S")
        if boundaries is not None:
            for region, name in enumerate(names):
                _name_region(axes[0], density, ratio, boundaries == region, name)
        _two_way_key(axes[n_columns - 1])
    return finished(figure)


def extra_feature_colours(norm: Float[Tensor, "*point"], shared: Float[Tensor, "*point"]) -> Float[np.ndarray, "*point 3"]:
    """White where norm is 0; where it is 1, the colour that its superposition has in all chapters; in between, a blend.

    >>> extra_feature_colours(torch.tensor([0.0]), torch.tensor([0.0])).tolist()  # not represented
    [[1.0, 1.0, 1.0]]

    Values above 1 count as 1. Red, green and blue are between 0 and 1.

    Source: the paper's phase diagrams, with other colours.
    """
    opacity = as_array(norm.clamp(0, 1))[..., None]
    return 1 - opacity + opacity * SUPERPOSITION(as_array(shared.clamp(0, 1)))[..., :3]


def loss_against_theory(
    density: Float[Tensor, "density"],
    ratio: Float[Tensor, "ratio"],
    panels: Mapping[str, Float[Tensor, "density ratio"]],
    *,
    boundaries: Sequence[Int[Tensor, "density ratio"]],
) -> Figure:
    """Loss found in training as a multiple of the best candidate's: below 1 where candidates leave something out.

    `panels` has these multiples, by title; `boundaries` are as for `phase_diagrams`, for each panel.

    Source: not in the paper.
    """
    for title, values in panels.items():
        _check_grid(density, ratio, f"panel {title!r}", values)
    require_one_each(len(panels), boundaries=boundaries)
    for title, regions in zip(panels, boundaries, strict=True):
        _check_grid(density, ratio, f"boundaries of panel {title!r}", regions)
    with plt.rc_context(STYLE):
        figure, axes, _ = panel_grid(len(panels), len(panels), WIDTH, 3.5)
        for axis, (title, values), regions in zip(axes, panels.items(), boundaries, strict=True):
            colours = DIVERGING((as_array(values.clamp(0.85, 1.15)) - 0.85) / 0.3)
            _image(axis, density, ratio, colours[..., :3])
            _outline(axis, density, ratio, regions)
            axis.set(title=title, xlabel="density p = 1 - S")
        axes[0].set_ylabel("relative importance")
        scale = plt.cm.ScalarMappable(plt.Normalize(0.85, 1.15), DIVERGING)
        figure.colorbar(
            scale,
            ax=axes,
            label="loss / best candidate's loss",
            extend="both",
            shrink=0.8,
            ticks=[0.85, 1, 1.15],
        )
    return finished(figure)


def loss_crossing(
    ratio: Float[Tensor, "ratio"],
    losses: Float[Tensor, "ratio restart"],
    phases: Int[Tensor, "ratio restart"],
    slope: Float[Tensor, "ratio"],
) -> Figure:
    """Losses of all solutions along a line through a boundary, and below them the slope of the lowest.

    The line goes through ascending importances of the extra feature. The upper panel reaches to three times the highest of
    the lowest losses.

    Args:
        phases: of every solution, as from `phase_of`.
        slope: derivative of the lowest loss by the ratio.

    Source: paper, "Superposition as a phase change".
    """
    lowest = losses.min(1).values
    with plt.rc_context(STYLE):
        figure, (above, below) = plt.subplots(2, 1, figsize=(0.72 * WIDTH, 4.8), sharex=True, height_ratios=[1.6, 1])
        x, top = ratio[:, None].expand_as(losses), 3 * float(lowest.max())
        for phase, (colour, name) in _PHASE_LINES.items():
            those = phases == phase
            if (those & (losses < top)).any():
                # Most starts end in the same few solutions: dots on top of each other would only make pages heavier.
                dots = np.stack([as_array(x[those]), as_array(losses[those])])
                _, apart = np.unique([dots[0], (1000 * dots[1] / top).round()], axis=1, return_index=True)
                above.plot(*dots[:, apart], ".", ms=4, color=colour, label=name)
        above.plot(ratio, lowest, color=INK, lw=0.6, label="lowest", zorder=1)
        above.set(ylabel="expected loss", xscale="log")
        above.set_ylim(0, top)
        above.legend(frameon=False, loc="upper left")
        below.plot(ratio, slope, color=INK, lw=1.2)
        below.set(xlabel="relative importance of the extra feature", ylabel="slope of the lowest")
        below.set_ylim(bottom=0)
        plain_log_axis(below, "x", float(ratio[0]), float(ratio[-1]))
        figure.align_ylabels()
    return finished(figure)


def reconstructions(
    x: Float[Tensor, "input feature"], outputs: Mapping[str, Float[Tensor, "input feature"]], *, names: Sequence[str]
) -> Figure:
    """What several models make of a few inputs: the input as an outline, the reconstruction as a bar.

    Each input is a column of panels, with its name above. Each model in `outputs` is a row, with its name at the left.

    Source: paper, "Superposition as a phase change".
    """
    for title, values in outputs.items():
        if values.shape != x.shape:
            raise ValueError(f"outputs {title!r} must have shape {list(x.shape)}, got {list(values.shape)}")
    require_one_each(len(x), names=names)
    position = np.arange(1, x.shape[1] + 1)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(outputs), len(x), figsize=(0.8 * WIDTH, 1.35 * len(outputs) + 0.4), sharex=True, sharey=True, squeeze=False
        )
        for row, (title, values) in zip(axes, outputs.items(), strict=True):
            for axis, wanted, got in zip(row, x, values, strict=True):
                axis.bar(position, as_array(got), width=0.6, color=LINES[0])
                axis.bar(position, as_array(wanted), width=0.6, fill=False, edgecolor=INK, linewidth=1.2)
            row[0].set_ylabel(title, rotation=0, ha="right", va="center")
        for axis, name in zip(axes[0], names, strict=True):
            axis.set_title(f"x = {name}")
        for axis in axes[-1]:
            axis.set_xticks(position, [f"$x'_{{{i}}}$" for i in position])
        axes[0, 0].set(ylim=(0, 1.25), yticks=[0, 1])
    return finished(figure)


def _check_grid(density: Tensor, ratio: Tensor, name: str, *values: Tensor) -> None:
    shape = (len(density), len(ratio))
    if min(shape) < 2:
        raise ValueError(f"density and ratio must have at least two values each, got {list(shape)}")
    for value in values:
        if value.shape != shape:
            raise ValueError(f"{name} must have shape {list(shape)}, got {list(value.shape)}")


def _extent(density: Tensor, ratio: Tensor) -> tuple[float, float, float, float]:
    x, y = density.double().log10(), ratio.double().log10()
    half_x, half_y = (x[1] - x[0]).abs() / 2, (y[1] - y[0]).abs() / 2
    return (float(-x.max() - half_x), float(-x.min() + half_x), float(y.min() - half_y), float(y.max() + half_y))


def _image(axis: Axes, density: Tensor, ratio: Tensor, colours: np.ndarray) -> None:
    """Colours [density, ratio, 3] with -log10 of the density along x and log10 of the ratio along y."""
    if density[0] < density[-1]:
        colours = colours[::-1]
    if ratio[0] > ratio[-1]:
        colours = colours[:, ::-1]
    # "nearest" would enlarge the image before it is stored, to five times the size.
    axis.imshow(
        colours.transpose(1, 0, 2), origin="lower", extent=_extent(density, ratio), aspect="auto", interpolation="none"
    )
    plain_log_axis(axis, "x", float(density.min()), float(density.max()), sign=-1, steps=(1, 3))
    plain_log_axis(axis, "y", float(ratio.min()), float(ratio.max()), sign=1, steps=(1, 3))
    axis.spines[:].set(visible=True, color=FRAME, linewidth=0.8)
    axis.set_box_aspect(1)


def _outline(axis: Axes, density: Tensor, ratio: Tensor, regions: Tensor) -> None:
    x, y = -density.double().log10(), ratio.double().log10()
    for region in regions.unique().tolist():
        inside = (regions == region).double().T
        axis.contour(x, y, inside, levels=[0.5], colors=PAPER, linewidths=2.2)
        axis.contour(x, y, inside, levels=[0.5], colors=INK, linewidths=0.9)


def _name_region(axis: Axes, density: Tensor, ratio: Tensor, inside: Tensor, name: str) -> None:
    if not inside.any():
        return
    where = inside.nonzero().double()
    x, y = (-density.double().log10()).tolist(), ratio.double().log10().tolist()
    # The point of the region nearest to its centre of mass.
    nearest = int((where - where.mean(0)).square().sum(1).argmin())
    i, j = where[nearest].long().tolist()
    axis.text(x[i], y[j], name.replace(" ", "\n"), ha="center", va="center", fontsize=7.5, path_effects=OUTLINE)


def _two_way_key(axis: Axes) -> None:
    """A square that shows the colour of every norm and superposition, at the right of an axis."""
    key = axis.inset_axes((1.2, 0.35, 0.3, 0.3))
    grid = torch.linspace(0, 1, 32)
    colours = extra_feature_colours(grid[:, None].expand(32, 32), grid.expand(32, 32))
    key.imshow(colours, origin="lower", extent=(0, 1, 0, 1), interpolation="nearest")
    key.set(xticks=[0, 1], yticks=[0, 1])
    key.set_xlabel("superposition", fontsize=8)
    key.set_ylabel("norm", fontsize=8)
    key.tick_params(labelsize=8)
    key.spines[:].set(visible=True, color=FRAME, linewidth=0.8)


def loss_contours(
    w: Float[Tensor, "w"],
    losses: Float[Tensor, "setting w1 w2"],
    minima: Sequence[Sequence[Minimum]],
    *,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Loss surfaces over (w1, w2) as contours with all minima: filled dots for the lowest, open ones for others.

    `w` has the values of w1 and of w2, ascending and symmetric about 0. `minima` come lowest first; W and -W are the same
    model, and both are drawn.

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
            axis.contourf(w, w, surface.T, levels=levels, cmap=ORDERED.reversed(), extend="max", zorder=-2)
            axis.set_rasterization_zorder(-1)  # thousands of vertices
            # Few and coarse lines, kept as lines: in the image they would take many colours and ten times the size.
            axis.contour(w[::2], w[::2], surface[::2, ::2].T, levels=levels[3::4], colors=PAPER, linewidths=0.5)
            for rank, minimum in enumerate(found):
                for sign in (1, -1):
                    face = INK if rank == 0 else PAPER
                    axis.plot(sign * minimum.w1, sign * minimum.w2, "o", mfc=face, mec=INK, ms=6)
                axis.annotate(
                    f"{minimum.name.split()[0]}\n{minimum.loss:.3f}", (minimum.w1, minimum.w2), xytext=(0, 8),
                    textcoords="offset points", ha="center", va="bottom", fontsize=8,
                    bbox={"facecolor": PAPER, "alpha": 0.75, "edgecolor": "none", "pad": 1},
                )  # fmt: skip
            axis.set(title=title, aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        for axis in lowest:
            axis.set_xlabel("$w_1$")
        for axis in axes[::n_columns]:
            axis.set_ylabel("$w_2$")
    return finished(figure)


def minimum_paths(x: Float[Tensor, "setting"], panels: Mapping[str, Sequence[Sequence[Minimum]]], *, xlabel: str) -> Figure:
    """Direction of (w1, w2) at every minimum along lines through the plane, that of the lowest in black.

    >>> ratio = torch.tensor([0.5, 2.0])
    >>> Minimum = st.chapters.phase_change.surface.Minimum
    >>> minima = [[Minimum(w1=1.0, w2=-1.0, loss=0.1)], [Minimum(0.0, 1.0, 0.2)]]
    >>> figure = minimum_paths(ratio, {"p = 0.1": minima}, xlabel="relative importance")
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['second', 'confused', 'first', 'antipodal', 'second']

    W and -W are one model, so the top and the bottom of the axis, 90° and -90°, are the same. What varies along a line is
    `x`, on a log axis. `panels` has the minima of each setting, lowest first, by title.

    Source: T. McGrath's comment on the paper, "Superposition as a phase change".
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
            for points, colour in ((others, FRAME), (lowest, INK)):
                angles = [np.degrees(np.arctan2(m.w2, m.w1)) for _, m in points]
                axis.plot([value for value, _ in points], angles, "o", ms=3, color=colour, ls="none")
            axis.set(title=title, xscale="log", xlabel=xlabel, ylim=(-100, 100))
            plain_log_axis(axis, "x", float(x.min()), float(x.max()))
            for angle in directions:
                axis.axhline(angle, color=REFERENCE, lw=0.8, zorder=0)
        axes[0].set_ylabel("direction of (w₁, w₂)")
        axes[0].set_yticks(list(directions), list(directions.values()))
    return finished(figure)


guard(__name__, detach=True)
