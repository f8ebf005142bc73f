"""Figures of neurons, of the room for directions, of words, and of what is left when models are compared."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from supertoy._util.border import guard
from supertoy.chapters.features.relations import Pairs, Parallelism, SuccessRate
from supertoy.chapters.features.representation import PROPERTIES, Properties
from supertoy.plots.series import MARKERS
from supertoy.plots.style import (
    FILL,
    FRAME,
    INK,
    LINES,
    MUTED,
    ORDERED,
    OUTLINE,
    PAPER,
    REFERENCE,
    SIGNED,
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


def own_neurons(
    n_neurons: Int[Tensor, "size"],
    lines: Mapping[str, tuple[Float[Tensor, "_size"], Float[Tensor, "_size"]]],
    n_features: int,
) -> Figure:
    """Which features get neurons of their own, over how many neurons there are.

    `lines` has, by task, the share of features with a neuron of its own and the mean number of such neurons. Marks stand
    where there are one or two neurons for each feature.

    Source: not in the paper, whose third definition of a feature this tries.
    """
    require_some(lines=lines)
    x = as_array(n_neurons)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.9))
        for k, axis in enumerate(axes):
            for multiple in (1, 2):
                axis.axvline(multiple * n_features, color=REFERENCE, lw=1, ls=":")
            for (task, values), colour, marker in zip(lines.items(), LINES, cycle(MARKERS), strict=False):
                axis.plot(x, as_array(values[k]), marker=marker, ms=4.5, color=colour, label=task)
            axis.set(xlabel="neurons m", ylim=(-0.03, None), xticks=x)
        axes[0].set_ylabel("share of features with\nneurons of their own")
        axes[1].set_ylabel("own neurons per feature")
        axes[1].legend(frameon=False, loc="upper left")
    return finished(figure)


def rotated_models(
    changes: Mapping[str, Mapping[str, Float[Tensor, "_rotation"]]], alignment: Mapping[str, Float[Tensor, "_feature"]]
) -> Figure:
    """What rotations change, and how far features lie along neurons.

    Args:
        changes: relative changes, by model and by what changes.
        alignment: max_j W_ji² / ‖W_i‖² of represented features, by model.

    Source: paper, "Privileged vs non-privileged bases".
    """
    require_some(changes=changes, alignment=alignment)
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.0), width_ratios=[1.25, 1])
        labels: list[str] = []
        for (model, named), colour in zip(changes.items(), LINES, strict=False):
            for name, values in named.items():
                y = len(labels)
                spread = np.linspace(-0.25, 0.25, len(values))
                left.plot(as_array(values).clip(1e-8), y + spread, "o", ms=4, color=colour, alpha=0.7, mew=0)
                labels.append(f"{model}: {name}")
        left.set(xscale="log", xlim=(5e-9, 8), yticks=range(len(labels)), xlabel="relative change")
        left.set_yticklabels(labels)
        left.invert_yaxis()
        bins = np.linspace(0, 1, 21)
        for (model, values), colour in zip(alignment.items(), (LINES[0], LINES[1]), strict=False):
            share = np.full(len(values), 1 / len(values))
            right.hist(as_array(values), bins=bins, weights=share, color=colour, alpha=0.65, label=model)
        right.set(xlabel="alignment with one neuron", ylabel="share of features", xlim=(0, 1))
        right.legend(frameon=False, loc="upper left")
    return finished(figure)


def directions_that_fit(
    n_dimensions: Int[Tensor, "size"],
    counts: Float[Tensor, "cosine size"],
    guaranteed: Float[Tensor, "cosine size"],
    bound: Float[Tensor, "cosine size"],
    cosine: Sequence[float],
    far: Mapping[float, tuple[Int[Tensor, "_size"], Float[Tensor, "_size"]]],
) -> Figure:
    """How many almost orthogonal directions fit, over the number of dimensions.

    Args:
        counts: how many were found.
        guaranteed: how many are known to fit.
        bound: no more than this fit.
        cosine: ε of each row.
        far: dimensions and the guaranteed number, for smaller ε.

    Source: paper, "The superposition hypothesis".
    """
    require_one_each(len(counts), cosine=cosine)
    d = as_array(n_dimensions)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(counts) + 1, figsize=(WIDTH, 3.1), width_ratios=[*[1] * len(counts), 1.25])
        for k, (axis, epsilon) in enumerate(zip(axes, cosine, strict=False)):
            axis.fill_between(d, as_array(guaranteed[k]), as_array(bound[k]), color=FILL, lw=0)
            axis.plot(d, as_array(bound[k]), color=MUTED, lw=1.2, ls="--", label="no more fit")
            axis.plot(d, as_array(counts[k]), "o-", color=LINES[0], ms=4.5, lw=1.4, label="found")
            axis.plot(d, as_array(guaranteed[k]), color=LINES[2], lw=1.4, ls="-.", label="guaranteed")
            axis.plot(d, d, color=TEXT, lw=1, ls=":", label="orthogonal")
            axis.set(
                yscale="log", ylim=(1, 3e6), xlabel="dimensions d", title=f"|cos| < {epsilon:g}", xticks=[8, 16, 24, 32]
            )
            if k:
                axis.tick_params(labelleft=False)
        axes[0].set_ylabel("directions")
        right = axes[-1]
        for (epsilon, (size, number)), colour in zip(far.items(), LINES[2:], strict=False):
            right.plot(as_array(size), as_array(number), color=colour, lw=1.6, ls="-.")
            inside = as_array(number) < 1e10
            end = int(inside.nonzero()[0][-1])
            right.annotate(
                f"{epsilon:g} ", (as_array(size)[end], as_array(number)[end]), color=colour, ha="right", va="bottom"
            )
        ends = min(int(size.min()) for size, _ in far.values()), max(int(size.max()) for size, _ in far.values())
        right.plot(ends, ends, color=TEXT, lw=1, ls=":")
        right.set(yscale="log", ylim=(1, 1e12), xlim=(0, None), xlabel="dimensions d", title="guaranteed, small |cos|")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return finished(figure)


def recovery_boundary(
    n_active: Int[Tensor, "active"],
    n_measurements: Int[Tensor, "measured"],
    share: Float[Tensor, "active measured"],
    n_features: int,
    curves: Mapping[str, tuple[Float[Tensor, "_size"], Float[Tensor, "_size"]]],
    other: Mapping[str, tuple[Float[Tensor, "_size"], Float[Tensor, "_size"]]],
) -> Figure:
    """How often sparse vectors come back, over their number of active features and of measurements.

    Args:
        share: of vectors that came back.
        n_features: n of the map.
        curves: by name, m / (k ln(n / k)) and the share that came back: a cut through such a map.
        other: the same for another method, in grey.

    Source: paper, "The superposition hypothesis", on compressed sensing.
    """
    require_some(curves=curves)
    k, m = as_array(n_active), as_array(n_measurements)
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.4), width_ratios=[1.1, 1])
        image = left.pcolormesh(k, m, as_array(share).T, cmap=SUPERPOSITION, vmin=0, vmax=1, shading="nearest")
        figure.colorbar(image, ax=left, ticks=[0, 0.5, 1])
        fine = np.linspace(k.min(), k.max(), 200)
        least = fine * np.log(n_features / fine)
        left.plot(fine, least, color=PAPER, lw=1.8, ls="--")
        left.annotate(
            "k ln(n / k)",
            (k.max(), least[-1]),
            xytext=(0, -16),
            textcoords="offset points",
            color=PAPER,
            ha="right",
            va="top",
        )
        left.set(xlabel="active features k", ylabel="measurements m", title=f"share recovered, n = {n_features}")
        left.set(xlim=(k.min() - 0.5 * (k[1] - k[0]), k.max() + 0.5 * (k[-1] - k[-2])), ylim=(m.min(), m.max()))
        colours = ORDERED(np.linspace(0, 1, len(curves)))
        for (name, (x, y)), colour, marker in zip(curves.items(), colours, cycle(MARKERS), strict=False):
            right.plot(as_array(x), as_array(y), marker=marker, ms=4, color=colour, label=name)
        for (name, (x, y)), style in zip(other.items(), cycle(("--", ":")), strict=False):
            right.plot(as_array(x), as_array(y), color=MUTED, lw=1.6, ls=style, label=name)
        right.axhline(0.5, color=REFERENCE, lw=1, zorder=0)
        right.set(xlabel="measurements / k ln(n / k)", ylabel="share recovered", ylim=(-0.03, 1.03))
        right.legend(frameon=False, loc="lower right", fontsize=9)
    return finished(figure)


def one_feature_read(
    linear: Float[Tensor, "output"],
    after_relu: Float[Tensor, "output"],
    active: int,
    interference: Mapping[str, tuple[Float[Tensor, "_setting"], Float[Tensor, "_setting"]]],
) -> Figure:
    """Outputs when one feature is active, read linearly and through bias and ReLU; and interference over density.

    Args:
        linear: W_j · W_i for each output j.
        after_relu: ReLU(W_j · W_i + b_j).
        active: which feature is active, counted from 0.
        interference: by readout, density and mean squared interference at the other outputs.

    Source: paper, "The superposition hypothesis".
    """
    require_some(interference=interference)
    place = np.arange(1, len(linear) + 1)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplot_mosaic("ac;bc", figsize=(WIDTH, 3.4), width_ratios=[1.35, 1])
        for key, values, title in (("a", linear, "read linearly"), ("b", after_relu, "with bias and ReLU")):
            height = as_array(values)
            colours = [SIGNED(0.85) if h > 0 else SIGNED(0.15) for h in height]
            colours[active] = TEXT
            axes[key].bar(place, height, color=colours, width=0.75)
            axes[key].axhline(0, color=INK, lw=0.8)
            low, high = float(as_array(linear).min()), float(as_array(linear).max())
            axes[key].set(title=title, ylim=(1.1 * low, 1.1 * high), xlim=(0, len(place) + 1), ylabel="output")
        axes["a"].tick_params(labelbottom=False)
        axes["b"].set_xlabel(f"output (feature {active + 1} is active, grey)")
        right = axes["c"]
        low, high = np.inf, 0.0
        for (name, (density, values)), colour, marker in zip(interference.items(), LINES, cycle(MARKERS), strict=False):
            x = as_array(density)
            right.plot(x, as_array(values), marker=marker, ms=4.5, color=colour, label=name)
            low, high = min(low, x.min()), max(high, x.max())
        plain_log_axis(right, "x", low, high)
        right.invert_xaxis()
        right.set(yscale="log", xlabel="density p", ylabel="squared error at others")
        right.legend(frameon=False)
    return finished(figure)


def hierarchy(representations: Mapping[str, Properties]) -> Figure:
    """A table of representations and properties: which each has, with the number that says so.

    >>> basis = st.chapters.features.representation.properties_of(lambda x: x, n_features=2)
    >>> figure = hierarchy({"h = x": basis})
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['h = x']

    Source: paper, "Summary: a hierarchy of feature properties".
    """
    require_some(representations=representations)
    measures = ("not additive", "not linear", "σ min / σ max", "worst alignment")
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.9 * WIDTH, 0.36 * len(representations) + 1.0))
        for y, properties in enumerate(representations.values()):
            for x, (value, held) in enumerate(zip(properties, properties.holds, strict=True)):
                axis.add_patch(
                    plt.Rectangle((x - 0.47, y - 0.42), 0.94, 0.84, color=LINES[0] if held else FILL, alpha=0.85, lw=0)
                )
                # Directions are those of a linear representation; others have none to be independent or aligned.
                number = "0" if value < 0.005 else f"{value:.2f}"
                text = number if x < 2 or properties.holds[1] else "-"
                axis.text(x, y, text, ha="center", va="center", fontsize=9, color=PAPER if held else TEXT)
        axis.set(
            xlim=(-0.5, 3.5), ylim=(len(representations) - 0.5, -0.95), yticks=range(len(representations)), xticks=range(4)
        )
        axis.set_yticklabels(list(representations))
        axis.set_xticklabels([name.replace("not in ", "not in\n").replace("-", "-\n") for name in PROPERTIES])
        axis.xaxis.tick_top()
        for x, measure in enumerate(measures):
            axis.text(x, -0.52, measure, ha="center", va="bottom", fontsize=8, color=TEXT)
        axis.tick_params(length=0)
        for spine in axis.spines.values():
            spine.set_visible(False)
    return finished(figure)


def agreement(
    distances: Mapping[str, Mapping[str, Float[Tensor, "_pair"]]],
    dimensionality: Mapping[str, Float[Tensor, "_model _feature"]],
    *,
    threshold: float,
) -> Figure:
    """How far trained models are from each other, and how they share out their dimensions.

    Args:
        distances: of pairs of models, by setting, and within a setting by how they were trained.
        dimensionality: of the features of each model, by setting; drawn sorted.
        threshold: below it two models count as the same.

    Source: not in the paper.
    """
    require_some(distances=distances, dimensionality=dimensionality)
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(WIDTH, 3.9))
        left, *rest = figure.subplots(1, 1 + len(dimensionality), width_ratios=[2.4, *[1] * len(dimensionality)])
        names: list[str] = []
        for y, by_kind in enumerate(distances.values()):
            for (kind, values), shift, colour in zip(
                by_kind.items(), (0.18, -0.18, 0.0), (LINES[1], LINES[0], MUTED), strict=False
            ):
                spread = np.linspace(-0.11, 0.11, len(values))
                new = kind not in names
                names += [kind] if new else []
                left.plot(as_array(values).clip(1e-5), y + shift + spread, "o", ms=3.5, color=colour, alpha=0.6, mew=0,
                          label=kind if new else None)  # fmt: skip
        left.axvline(threshold, color=REFERENCE, lw=1, ls="--")
        left.set(xscale="log", xlim=(6e-6, 4), xlabel="distance of two models", yticks=range(len(distances)))
        left.set_yticklabels(list(distances))
        left.invert_yaxis()
        left.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=9, columnspacing=1,
                    handletextpad=0.2)  # fmt: skip
        for axis, (name, values) in zip(rest, dimensionality.items(), strict=True):
            rows = as_array(values.sort(dim=1, descending=True).values)
            for row in rows:
                axis.plot(np.arange(1, len(row) + 1), row, color=LINES[0], lw=1, alpha=0.6)
            axis.set(title=name.replace(", equal", ",\nequal"), xlabel="feature, sorted", ylim=(0, 1.05 * float(rows.max())))
        rest[0].set_ylabel("dimensionality")
    return finished(figure)


def relation_planes(panels: Mapping[str, tuple[Pairs, Float[Tensor, "_pair 2 2"]]]) -> Figure:
    """Pairs of words in the plane, each with an arrow from its first word to its second.

    >>> points = torch.tensor([[[0.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]]])
    >>> figure = relation_planes({"gender": ([("man", "woman"), ("king", "queen")], points)})
    >>> sorted(text.get_text() for text in figure.axes[0].texts if text.get_text())
    ['king', 'man', 'queen', 'woman']

    `panels` has pairs and the points of their words, [pair, word, axis], by title.

    Source: paper, "Features as directions", which has the example of king and queen.
    """
    require_some(panels=panels)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 4.2), squeeze=False)
        for axis, (title, (pairs, points)), colour in zip(axes[0], panels.items(), LINES, strict=False):
            require_one_each(len(pairs), points=points)
            at = as_array(points)
            for start, end in at:
                arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 3, "shrinkB": 3}
                axis.annotate("", xy=end, xytext=start, arrowprops=arrow)
                axis.plot(*np.stack([start, end], 1), "o", color=colour, ms=3.5)
            axis.set(title=title, xticks=[], yticks=[])
            axis.margins(0.2, 0.1)
            axis.spines[["left", "bottom"]].set_color(FRAME)
            _label_apart(axis, [word for pair in pairs for word in pair], at.reshape(-1, 2))
        axes[0, 0].set_ylabel("mean difference of other pairs →")
    return finished(figure)


def _label_apart(axis: Axes, words: Sequence[str], points: np.ndarray) -> None:
    """Write each word beside its point, on the side where it covers the fewest other words and points."""
    low, high = np.array([axis.get_xlim(), axis.get_ylim()]).T
    places = (points - low) / (high - low)
    letter, line = 0.034, 0.042  # of the axis's width and height
    taken = [(place, np.array([0.02, 0.02])) for place in places]
    for k, (word, place) in enumerate(zip(words, places, strict=True)):
        size = np.array([letter * len(word), line])
        sides = [(0, 2 * (k % 2) - 1), (1, 0), (-1, 0), (0, 1 - 2 * (k % 2))]  # first words below, second ones above
        centers = [place + np.array(side) * (size / 2 + np.array([0.035, 0.016])) for side in sides]
        covered = [
            sum(float(np.clip((size + other) / 2 - np.abs(center - at), 0, None).prod()) for at, other in taken)
            for center in centers
        ]
        best = int(np.argmin(covered))
        taken.append((centers[best], size))
        x, y = centers[best]
        axis.text(x, y, word, transform=axis.transAxes, fontsize=8.5, ha="center", va="center", path_effects=OUTLINE)


def analogies(
    parallel: Mapping[str, Parallelism], success: Mapping[str, SuccessRate], kept: Mapping[str, SuccessRate]
) -> Figure:
    """How parallel the differences of each relation's pairs are, and how often its analogies are right.

    In `success` the query words are left out, in `kept` they may be answers. All three have the same relations.

    Source: paper, "Features as directions".
    """
    require_some(parallel=parallel)
    if not parallel.keys() == success.keys() == kept.keys():
        raise ValueError(f"success and kept must have the relations {', '.join(parallel)}")
    place = np.arange(len(parallel))[::-1]
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.1), sharey=True)
        for y, measured in zip(place, parallel.values(), strict=True):
            shuffled = as_array(measured.shuffled)
            left.plot([shuffled.min(), shuffled.max()], [y, y], color=FRAME, lw=5, solid_capstyle="butt")
            left.plot(measured.cosine, y, "o", color=LINES[0], ms=7)
        left.set(yticks=place, xlim=(0, 1), xlabel="mean cosine of two differences", yticklabels=list(parallel))
        left.plot([], [], "o", color=LINES[0], ms=7, label="true partners")
        left.plot([], [], color=FRAME, lw=5, label="1000 shuffles")
        for values, shift, colour, marker, name in (
            ([(each.rate, each.interval) for each in success.values()], 0.2, LINES[0], "o", "analogy"),
            ([(each.rate, each.interval) for each in kept.values()], 0.0, LINES[1], "D", "query words allowed"),
            ([(each.baseline, each.baseline_interval) for each in success.values()], -0.2, MUTED, "s", "nearest word"),
        ):
            for y, (rate, interval) in zip(place + shift, values, strict=True):
                right.plot(interval, [y, y], color=colour, lw=1.6)
                right.plot(rate, y, marker, color=colour, ms=5, label=name if y == place[0] + shift else None)
        right.set(xlim=(0, 1), xlabel="share of right answers")
        for axis in (left, right):
            axis.grid(axis="x", color=FILL)
            axis.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=9, columnspacing=1,
                        handletextpad=0.4)  # fmt: skip
    return finished(figure)


def words_along(panels: Mapping[str, tuple[Float[Tensor, "_word"], Sequence[str], Sequence[str]]]) -> Figure:
    """Where all words lie along some directions, and the words at both ends.

    `panels` has, by title, the positions of all words and the outermost words at the low and at the high end.

    Source: not in the paper.
    """
    require_some(panels=panels)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(len(panels), 1, figsize=(WIDTH, 1.15 * len(panels)), squeeze=False)
        for axis, (title, (position, low, high)) in zip(axes[:, 0], panels.items(), strict=True):
            standard = as_array((position - position.mean()) / position.std())
            axis.hist(standard, bins=60, range=(-4.5, 4.5), color=LINES[0], alpha=0.6)
            axis.set(xlim=(-14.5, 14.5), xticks=[], yticks=[])
            axis.spines[["left", "bottom"]].set_visible(False)
            for words, x, side in ((low, -4.7, "right"), (high, 4.7, "left")):
                half = -(-len(words) // 2)
                text = ", ".join(words[:half]) + ",\n" + ", ".join(words[half:])
                axis.text(x, 0.5, text, transform=axis.get_xaxis_transform(), ha=side, va="center", fontsize=9)
            axis.set_title(title)
    return finished(figure)


guard(__name__, detach=True)
