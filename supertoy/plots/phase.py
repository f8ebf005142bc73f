"""Phase diagrams, and what happens along lines through them."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch import Tensor

from supertoy.phases import Phase
from supertoy.plots._style import LINES, STYLE, SUPERPOSITION, WIDTH, checked_titles, finished, panel_grid, require_one_each
from supertoy.surface import Minimum

_OUTLINE = [withStroke(linewidth=2.5, foreground="white")]
_PHASE_LINES = {
    Phase.NOT_REPRESENTED: ("0.45", "not represented"),
    Phase.SUPERPOSITION: (SUPERPOSITION(0.85), "in superposition"),
    Phase.OWN_DIMENSION: (SUPERPOSITION(0.0), "own dimension"),
}


def phase_diagrams(
    density: Float[Tensor, "density"],
    ratio: Float[Tensor, "ratio"],
    panels: Mapping[str, tuple[Float[Tensor, "density ratio"], Float[Tensor, "density ratio"]]],
    *,
    boundaries: Int[Tensor, "density ratio"] | None = None,
    names: Sequence[str] = (),
) -> Figure:
    """What becomes of the extra feature at every density and importance, sparser to the right, more important upwards.

    A point fades to white where the feature is not represented; where it is, it is dark blue if it has a dimension of its
    own, yellow in superposition.

    Args:
        density: p = 1 - S, evenly spaced on a log axis.
        ratio: importance of the extra feature relative to the others, evenly spaced on a log axis.
        panels: the extra feature's norm and superposition, by title.
        boundaries: number of the region that a point belongs to in theory, drawn as outlines on every panel.
        names: of the regions, written into the first panel.

    Raises:
        ValueError: a panel whose norm and superposition are not [density, ratio].

    Source: paper, "Superposition as a phase change".
    """
    for title, values in panels.items():
        _check_grid(density, ratio, title, *values)
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
    """White where norm is 0; where it is 1, the colour that its superposition has in all chapters; in between, a blend."""
    opacity = norm.clamp(0, 1).double().cpu().numpy()[..., None]
    return 1 - opacity + opacity * SUPERPOSITION(shared.clamp(0, 1).double().cpu().numpy())[..., :3]


def loss_against_theory(
    density: Float[Tensor, "density"],
    ratio: Float[Tensor, "ratio"],
    panels: Mapping[str, Float[Tensor, "density ratio"]],
    *,
    boundaries: Sequence[Int[Tensor, "density ratio"]],
) -> Figure:
    """Loss found in training as a multiple of the best candidate's: below 1 where candidates leave something out.

    Args:
        density: p = 1 - S, evenly spaced on a log axis.
        ratio: importance of the extra feature relative to the others, evenly spaced on a log axis.
        panels: the ratio of losses, by title.
        boundaries: number of the region that a point belongs to in theory, for each panel.

    Raises:
        ValueError: a panel that is not [density, ratio].
    """
    for title, values in panels.items():
        _check_grid(density, ratio, title, values)
    require_one_each(len(panels), boundaries=boundaries)
    with plt.rc_context(STYLE):
        figure, axes, _ = panel_grid(len(panels), len(panels), WIDTH, 3.5)
        for axis, (title, values), regions in zip(axes, panels.items(), boundaries, strict=True):
            colours = sns.color_palette("vlag", as_cmap=True)((values.clamp(0.85, 1.15).cpu().numpy() - 0.85) / 0.3)
            _image(axis, density, ratio, colours[..., :3])
            _outline(axis, density, ratio, regions)
            axis.set(title=title, xlabel="density p = 1 - S")
        axes[0].set_ylabel("relative importance")
        scale = plt.cm.ScalarMappable(plt.Normalize(0.85, 1.15), sns.color_palette("vlag", as_cmap=True))
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

    Args:
        ratio: importance of the extra feature relative to the other, ascending.
        losses: of every solution found.
        phases: of every solution found, as from `phase_of`.
        slope: derivative of the lowest loss by the ratio.

    Source: paper, "Superposition as a phase change".
    """
    lowest = losses.min(1).values
    with plt.rc_context(STYLE):
        figure, (above, below) = plt.subplots(2, 1, figsize=(0.72 * WIDTH, 4.8), sharex=True, height_ratios=[1.6, 1])
        x = ratio[:, None].expand_as(losses)
        for phase, (colour, name) in _PHASE_LINES.items():
            those = phases == phase
            if those.any():
                above.plot(x[those], losses[those], ".", ms=4, color=colour, label=name)
        above.plot(ratio, lowest, color="black", lw=1, label="lowest")
        above.set(ylabel="expected loss", xscale="log")
        above.set_ylim(0, 1.9 * float(lowest.max()))
        above.legend(frameon=False, loc="upper left")
        below.plot(ratio, slope, color="black", lw=1.2)
        below.set(xlabel="relative importance of the extra feature", ylabel="slope of the lowest")
        below.set_ylim(bottom=0)
        ticks = [v for v in (0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10) if ratio[0] * 0.999 <= v <= ratio[-1] * 1.001]
        below.set_xticks(ticks, [f"{v:g}" for v in ticks])
        below.minorticks_off()
        figure.align_ylabels()
    return finished(figure)


def reconstructions(
    x: Float[Tensor, "input feature"], outputs: Mapping[str, Float[Tensor, "input feature"]], *, names: Sequence[str]
) -> Figure:
    """What several models make of a few inputs: the input as an outline, the reconstruction as a bar.

    Args:
        x: inputs, one column of panels each.
        outputs: reconstructions by name of the model, one row of panels each.
        names: of the inputs.

    Raises:
        ValueError: outputs of another shape than x; as many names as inputs are needed.

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
                axis.bar(position, got.detach().cpu().numpy(), width=0.6, color=LINES[0])
                axis.bar(position, wanted.cpu().numpy(), width=0.6, fill=False, edgecolor="black", linewidth=1.2)
            row[0].set_ylabel(title, rotation=0, ha="right", va="center")
        for axis, name in zip(axes[0], names, strict=True):
            axis.set_title(f"x = {name}")
        for axis in axes[-1]:
            axis.set_xticks(position, [f"$x'_{i}$" for i in position])
        axes[0, 0].set(ylim=(0, 1.25), yticks=[0, 1])
    return finished(figure)


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
        for axis, surface, found, title in zip(axes, losses.numpy(), minima, titles, strict=True):
            # Levels are dense near the bottom, where the minima are; quantiles do that for any setting.
            levels = np.unique(np.quantile(surface, np.linspace(0, 0.75, 22) ** 1.6))
            axis.contourf(w, w, surface.T, levels=levels, cmap="crest_r", extend="max", zorder=-2)
            axis.contour(w, w, surface.T, levels=levels, colors="white", linewidths=0.4, zorder=-2)
            axis.set_rasterization_zorder(-1)  # thousands of vertices
            for rank, minimum in enumerate(found):
                for sign in (1, -1):
                    face = "black" if rank == 0 else "white"
                    axis.plot(sign * minimum.w1, sign * minimum.w2, "o", mfc=face, mec="black", ms=6)
                axis.annotate(
                    f"{minimum.name.split()[0]}\n{minimum.loss:.3f}", (minimum.w1, minimum.w2), xytext=(0, 8),
                    textcoords="offset points", ha="center", va="bottom", fontsize=8, path_effects=_OUTLINE,
                )  # fmt: skip
            axis.set(title=title, aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        for axis in lowest:
            axis.set_xlabel("$w_1$")
        for axis in axes[::n_columns]:
            axis.set_ylabel("$w_2$")
    return finished(figure)


def minimum_paths(x: Float[Tensor, "setting"], panels: Mapping[str, Sequence[Sequence[Minimum]]], *, xlabel: str) -> Figure:
    """Direction of (w1, w2) at every minimum along lines through the plane; where the lowest jumps, so does the black line.

    Args:
        x: what varies along a line, drawn on a log axis.
        panels: minima of each setting, lowest first, by title.
        xlabel: what x is.

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
            for value, found in zip(x.tolist(), minima, strict=True):
                for rank, minimum in reversed([*enumerate(found)]):
                    angle = np.degrees(np.arctan2(minimum.w2, minimum.w1))
                    axis.plot(value, angle, "o", ms=3, color="black" if rank == 0 else "0.75")
            axis.set(title=title, xscale="log", xlabel=xlabel, ylim=(-100, 100))
            ticks = [v for v in (0.1, 0.3, 1, 3, 10) if x.min() * 0.999 <= v <= x.max() * 1.001]
            axis.set_xticks(ticks, [f"{v:g}" for v in ticks])
            axis.minorticks_off()
            for angle in directions:
                axis.axhline(angle, color="0.9", lw=0.8, zorder=0)
        axes[0].set_ylabel("direction of (w₁, w₂)")
        axes[0].set_yticks(list(directions), list(directions.values()))
    return finished(figure)


def _check_grid(density: Tensor, ratio: Tensor, title: str, *values: Tensor) -> None:
    shape = (len(density), len(ratio))
    if min(shape) < 2:
        raise ValueError(f"density and ratio must have at least two values each, got {list(shape)}")
    for value in values:
        if value.shape != shape:
            raise ValueError(f"panel {title!r} must have shape {list(shape)}, got {list(value.shape)}")


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
    axis.imshow(
        colours.transpose(1, 0, 2), origin="lower", extent=_extent(density, ratio), aspect="auto", interpolation="nearest"
    )
    for wanted, which, sign in ((density, "x", -1), (ratio, "y", 1)):
        low, high = float(wanted.min()) * 0.999, float(wanted.max()) * 1.001
        ticks = [v for v in (0.01, 0.03, 0.1, 0.3, 1, 3, 10) if low <= v <= high]
        axis.set(**{f"{which}ticks": sign * np.log10(ticks), f"{which}ticklabels": [f"{v:g}" for v in ticks]})
    axis.spines[:].set(visible=True, color="0.7", linewidth=0.8)
    axis.set_box_aspect(1)


def _outline(axis: Axes, density: Tensor, ratio: Tensor, regions: Tensor) -> None:
    x, y = -density.double().log10(), ratio.double().log10()
    for region in regions.unique().tolist():
        axis.contour(x, y, (regions == region).double().T, levels=[0.5], colors="black", linewidths=0.9)


def _name_region(axis: Axes, density: Tensor, ratio: Tensor, inside: Tensor, name: str) -> None:
    if not inside.any():
        return
    where = inside.nonzero().double()
    x, y = (-density.double().log10()).tolist(), ratio.double().log10().tolist()
    # The point of the region that is nearest to its centre of mass.
    nearest = int((where - where.mean(0)).square().sum(1).argmin())
    i, j = where[nearest].long().tolist()
    axis.text(x[i], y[j], name.replace(" ", "\n", 1), ha="center", va="center", fontsize=8, path_effects=_OUTLINE)


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
    key.spines[:].set(visible=True, color="0.7", linewidth=0.8)
