"""Ways out of superposition: penalties, dictionaries and what both cost, and what can be seen with them."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from supertoy._util.border import guard
from supertoy.plots.series import Panels, series_panels
from supertoy.plots.style import (
    FILL,
    FRAME,
    INK,
    LINES,
    REFERENCE,
    STYLE,
    SUPERPOSITION,
    TEXT,
    WIDTH,
    as_array,
    finished,
    plain_log_axis,
    require_one_each,
    require_some,
)

_FEWEST_ALARMS = 1e-4  # of harmless inputs, at the left end of the axis

_TRUE, _FOUND = TEXT, LINES[1]  # directions: dark grey and orange


def dictionary_in_plane(
    h: Float[Tensor, "row 2"], panels: Mapping[str, Float[Tensor, "_direction 2"]], true: Float[Tensor, "feature 2"]
) -> Figure:
    """Hidden activations in the plane, and over them directions found in different ways; those of the features are dashed.

    Source: paper, "Strategic picture", "Approach 2: Finding an overcomplete basis", which has no figure.
    """
    require_some(panels=panels)
    points, ends = as_array(h), as_array(true)
    reach = 1.12 * max(np.abs(points).max(), np.abs(ends).max())
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, WIDTH / len(panels) + 0.35), squeeze=False)
        for axis, (title, found) in zip(axes[0], panels.items(), strict=True):
            axis.plot(*points.T, ".", ms=5, color=LINES[0], alpha=0.35, mew=0, rasterized=True)
            for x, y in ends / np.linalg.norm(ends, axis=1, keepdims=True) * reach:
                axis.plot([0, x], [0, y], color=_TRUE, lw=0.9, ls=(0, (4, 3)), zorder=1)
            for x, y in as_array(found) / np.linalg.norm(as_array(found), axis=1, keepdims=True) * 0.82 * reach:
                arrow = {"arrowstyle": "-|>", "color": _FOUND, "lw": 2, "shrinkA": 0, "shrinkB": 0}
                axis.annotate("", (x, y), (0, 0), arrowprops=arrow)
            axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[], title=title)
            axis.spines[:].set_visible(True)
            axis.spines[:].set_color(FRAME)
    return finished(figure)


def over_strength(strength: Float[Tensor, "strength"], panels: Panels, *, log: Sequence[str] = ()) -> Figure:
    """Measures of models over the strength λ of the penalty that they were trained with, one panel for each measure.

    Lines go through the medians over seeds; marks are the seeds. Panels named in `log` have a logarithmic axis.

    Source: paper, "Strategic picture", "Approach 1: Creating models without superposition", which has no figure.
    """
    with plt.rc_context(STYLE):
        figure, axes = series_panels(as_array(strength), panels, height=3.2, log=log)
        for axis in axes:
            axis.set(xlabel="penalty strength λ")
    return finished(figure)


def over_density(
    probability: Float[Tensor, "density"],
    panels: Panels,
    *,
    level: float | None = None,
    log: Sequence[str] = (),
) -> Figure:
    """Measures over density, sparser to the right, in panels as in `over_strength`; a dashed line marks `level` in all.

    Source: paper, "Strategic picture", which has no figure of it.
    """
    p = as_array(probability)
    with plt.rc_context(STYLE):
        figure, axes = series_panels(p, panels, height=3.3, log=log)
        few = len(panels) < 3  # so that there is room for more words and numbers
        for axis in axes:
            axis.set(xlabel="density p = 1 - S" + (" (sparser to the right)" if few else ""))
            if level is not None:
                axis.axhline(level, color=REFERENCE, lw=1, ls="--", zorder=0)
            plain_log_axis(axis, "x", p.min(), p.max(), steps=(1, 2, 5) if few else (1,))
        axes[0].invert_xaxis()
    return finished(figure)


def share_grid(
    rows: Sequence[str],
    columns: Sequence[str],
    panels: Mapping[str, Float[Tensor, "row column"]],
    *,
    xlabel: str,
    ylabel: str,
) -> Figure:
    """Shares between 0 and 1, by colour and number, in a grid for each panel.

    >>> figure = share_grid(["p = 0.1"], ["m = 2"], {"found": torch.tensor([[0.9]])}, xlabel="size", ylabel="density")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['.90']

    Source: paper, "Strategic picture", which has no figure of it.
    """
    require_some(panels=panels)
    for values in panels.values():
        require_one_each(values.shape[0], rows=rows)
        require_one_each(values.shape[1], columns=columns)
    with plt.rc_context(STYLE):
        height = 0.33 * len(rows) + 1.1
        figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, height), sharey=True, squeeze=False)
        for axis, (title, values) in zip(axes[0], panels.items(), strict=True):
            shares = as_array(values)
            numbers = np.vectorize(_short)(shares)
            sns.heatmap(
                shares, annot=numbers, fmt="", vmin=0, vmax=1, cmap=SUPERPOSITION, cbar=False, ax=axis, linewidths=0.5,
                xticklabels=[*columns], yticklabels=[*rows], annot_kws={"size": 9},
            )  # fmt: skip
            axis.set(title=title, xlabel=xlabel)
            axis.tick_params(length=0)
            axis.tick_params(axis="y", rotation=0)
        axes[0, 0].set_ylabel(ylabel)
    return finished(figure)


def _short(share: float) -> str:
    """A share in two digits: "1", ".25", "0"."""
    return "1" if share > 0.995 else f"{share:.2f}".removeprefix("0") if share >= 0.005 else "0"


def latent_accounts(sizes: Sequence[int], counts: Mapping[str, Float[Tensor, "size"]], *, n_true: float) -> Figure:
    """What becomes of a dictionary's latents, as stacked bars over its size.

    `counts` says how many are of each kind, from the bottom up. The line is at `n_true`, the features there are to find.

    Source: paper, "Strategic picture", which has no figure of it.
    """
    require_some(counts=counts)
    place, base = np.arange(len(sizes)), np.zeros(len(sizes))
    colours = (LINES[0], LINES[9], LINES[1], FILL, *LINES[2:9])
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.8 * WIDTH, 3.4))
        for (name, values), colour in zip(counts.items(), colours, strict=False):
            require_one_each(len(values), sizes=sizes)
            axis.bar(place, as_array(values), bottom=base, width=0.72, color=colour, label=name)
            base = base + as_array(values)
        axis.axhline(n_true, color=INK, lw=1, ls="--", label="features represented")
        axis.set(xlabel="latents in the dictionary", ylabel="latents")
        axis.set_xticks(place, [str(size) for size in sizes])
        axis.tick_params(axis="x", length=0)
        figure.legend(loc="outside right center", frameon=False)
    return finished(figure)


def roc_curves(
    panels: Mapping[str, Mapping[str, tuple[Float[Tensor, "_threshold"], Float[Tensor, "_threshold"]]]], *, detected: float
) -> Figure:
    """Detections over false alarms, a curve for each way to look, one panel for each setting.

    `panels` maps a title to curves by name, as from `detection.roc`. False alarms are on a logarithmic axis, since what
    matters is how many times as many there are. A dashed line marks the share `detected`.

    Source: paper, "Strategic picture", which describes the danger in words.
    """
    require_some(panels=panels)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 3.35), sharex=True, sharey=True, squeeze=False)
        chance = np.geomspace(_FEWEST_ALARMS, 1)
        for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
            axis.axhline(detected, color=REFERENCE, lw=1, ls="--", zorder=0)
            axis.plot(chance, chance, color=REFERENCE, lw=1, zorder=0)
            for (name, (alarms, hits)), colour in zip(curves.items(), LINES, strict=False):
                axis.plot(as_array(alarms), as_array(hits), color=colour, lw=1.8, label=name)
            axis.set(title=title, xlabel="false alarms", xscale="log", xlim=(_FEWEST_ALARMS, 1), ylim=(0, 1.02))
            plain_log_axis(axis, "x", 10 * _FEWEST_ALARMS, 1, steps=(1,))  # one further left touches the next panel
        axes[0, 0].set_ylabel("detected")
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    return finished(figure)


def decomposition(panels: Mapping[str, Float[Tensor, "_unit"]], marked: Mapping[str, Mapping[int, str]]) -> Figure:
    """One activation described in different units, a row of bars each; units that have a name are coloured and labelled.

    `marked` maps some of the panels to names of units, by number.

    Source: paper, "Strategic picture", on describing activations in pure features.
    """
    require_some(panels=panels)
    if not set(marked) <= set(panels):
        raise ValueError(f"marked must be among the panels {[*panels]}, got {[*marked]}")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(len(panels), 1, figsize=(WIDTH, 1.55 * len(panels) + 0.2), squeeze=False)
        for axis, (title, values) in zip(axes[:, 0], panels.items(), strict=True):
            heights, names = as_array(values), marked.get(title, {})
            colours = [LINES[1] if k in names else LINES[0] for k in range(len(heights))]
            axis.bar(np.arange(len(heights)), heights, color=colours, width=0.85)
            axis.axhline(0, color=INK, lw=0.8)
            for k, name in names.items():
                left = k < 0.85 * len(heights)
                axis.annotate(
                    name, (k, heights[k]), xytext=(5 if left else -5, -3), textcoords="offset points",
                    ha="left" if left else "right", va="center", fontsize=9,
                )  # fmt: skip
            axis.set(title=title, xlim=(-1, len(heights)), xticks=[])
            axis.title.set_horizontalalignment("left")
            axis.title.set_position((0, 1))
    return finished(figure)


guard(__name__, detach=True)
