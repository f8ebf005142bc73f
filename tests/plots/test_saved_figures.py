"""Every figure of the package can be saved as it is: all of it is on the canvas, and no rcParams change it."""

import importlib
import inspect
import io
import pickle

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import supertoy as st
from supertoy.chapters import (
    CHAPTERS,
    adversarial,
    appendix,
    computation,
    correlation,
    dynamics,
    features,
    geometry,
    phase_change,
    strategic_picture,
    superposition,
)
from supertoy.chapters.features.relations import Parallelism, SuccessRate
from supertoy.chapters.features.representation import Properties
from supertoy.chapters.phase_change.surface import Minimum
from supertoy.polytopes import POLYTOPES, count_by_shape
from tests.chapters.computation.privileged_cases import REGIMES
from tests.chapters.computation.test_motif import model as motif_model

# What a reader's matplotlibrc may say.
THEIRS = {
    "savefig.dpi": 72,
    "savefig.bbox": "standard",
    "savefig.transparent": True,
    "figure.dpi": 50,
    "figure.autolayout": True,
    "font.size": 16,
    "font.family": "serif",
    "axes.titlesize": 30,
    "axes.facecolor": "black",
    "xtick.labelsize": 20,
    "legend.fontsize": 20,
    "lines.linewidth": 8,
}

P = torch.tensor([1.0, 0.1, 0.01])
VALUES = torch.tensor([[5.0, 6, 7], [3, 3, 9], [1, 2, 1]])
PLANE = torch.tensor([[1.0, 0.8, -0.5, -0.7, 0.0], [0.0, 0.7, 0.9, -0.7, -1.0]])
MIXED = torch.block_diag(*[torch.tensor(POLYTOPES[name].T) for name in ("pentagon", "digon", "own dimension")])
SHAPES = torch.stack([torch.eye(4, 8).double(), MIXED, MIXED])
NORM, PHASES = torch.tensor([[0.0, 1, 1], [1, 1, 1], [1, 1, 1]]), torch.tensor([[0, 1, 1], [0, 1, 1], [0, 1, 2]])
RATIO = torch.tensor([0.1, 1.0, 10.0])
MINIMA = [[Minimum(1, -1, 0.1), Minimum(0, 1, 0.2)], [Minimum(1, 1, 0.1)], [Minimum(1, 0, 0.1)]]
STEPS, RUNS = torch.tensor([1, 2, 4, 8]), torch.tensor([[1.0, 1], [1, 1], [0.1, 1], [0.1, 0.1]])
CURVE = (torch.tensor([0.1, 0.5, 1]), torch.tensor([0.1, 0.9, 1]))
RATES = dict.fromkeys(("capital", "plural"), SuccessRate(0.8, (0.7, 0.9), 0.3, (0.2, 0.4), 50))
BENEFITS = {"own dimension": P, "digon": 0.5 * P, "square antiprism": 0.2 * P}
SURFACE = (torch.linspace(-1, 1, 9)[:, None] - torch.linspace(-1, 1, 9)).square() + torch.linspace(0, 1, 9)


def asymmetric_motif():
    model = motif_model()
    return computation.plots.asymmetric_motif(model, computation.motif.find(model)[0], n_values=3)


EXAMPLES = {
    "plots.feature_directions": lambda: st.plots.feature_directions(PLANE.expand(3, 2, 5), titles=["a", "b", "c"]),
    "plots.feature_count": lambda: st.plots.feature_count(P, {"n = 20, m = 5": P, "other": 1 - P}),
    "plots.packings": lambda: st.plots.packings(
        [POLYTOPES["pentagon"], POLYTOPES["tetrahedron"], POLYTOPES["square antiprism"]], titles=["5", "tetrahedron", "8"]
    ),
    "adversarial.attack_anatomy": lambda: adversarial.plots.attack_anatomy({"pentagon": PLANE, "basis": torch.eye(2, 3)}),
    "adversarial.vulnerability_and_superposition": lambda: adversarial.plots.vulnerability_and_superposition(
        P, VALUES, VALUES
    ),
    "adversarial.attack_shares": lambda: adversarial.plots.attack_shares(P, {"small": {"a": P, "b": P}}, masked=1 - P),
    "adversarial.over_attack_norm": lambda: adversarial.plots.over_attack_norm(P, {"f": {"p = 0.1": VALUES}}, marked=0.8),
    "adversarial.transferred_damage": lambda: adversarial.plots.transferred_damage(
        {"one": {"a": P, "b": P}, "two": {"a": P, "b": P}}
    ),
    "appendix.nonlinear_code": lambda: appendix.plots.nonlinear_code(3, 0.1),
    "appendix.compression_losses": lambda: appendix.plots.compression_losses(P, VALUES[:2], [2, 3], linear=1 / 12),
    "appendix.features_over_dimensions": lambda: appendix.plots.features_over_dimensions(
        torch.tensor([5, 10, 20]), torch.arange(12).view(2, 3, 2), torch.tensor([0.3, 0.1])
    ),
    "computation.small_network": lambda: computation.plots.small_network(PLANE.T[:, :2].relu() + 0.1, PLANE[:2]),
    "computation.activations_by_feature": lambda: computation.plots.activations_by_feature(
        {name: (P, torch.tensor([0, 1, 0]), 0) for name in "abcd"}
    ),
    "computation.single_feature_outputs": lambda: computation.plots.single_feature_outputs(
        P, [VALUES[:2]] * 2, P, labels=["first", "last"], titles=["a", "b"]
    ),
    "computation.asymmetric_motif": asymmetric_motif,
    "computation.neuron_stacks": lambda: computation.plots.neuron_stacks(REGIMES, titles=list("abcdef")),
    "computation.weights_and_stack": lambda: computation.plots.weights_and_stack(REGIMES[1]),
    "computation.hidden_weights": lambda: computation.plots.hidden_weights({"a": REGIMES[0], "b": REGIMES[1]}),
    "computation.kinds_over_density": lambda: computation.plots.kinds_over_density(
        torch.tensor([0.75, 0.35, 0.15, 0.12, 0.06, 0.03]), REGIMES, paper={"all": (0.75, 0.35), "pairs": (0.03, 0.03)}
    ),
    "correlation.samples_and_correlation": lambda: correlation.plots.samples_and_correlation({"a": (VALUES, NORM)}),
    "correlation.gram_by_set": lambda: correlation.plots.gram_by_set({"a": torch.eye(6), "b": torch.eye(6)}, set_size=3),
    "correlation.collapse_over_density": lambda: correlation.plots.collapse_over_density(
        P, PHASES, VALUES, paper={0: (0.01, 0.1), 1: (0.1, 0.3)}
    ),
    "correlation.capacity_over_density": lambda: correlation.plots.capacity_over_density(P, torch.rand(3, 2, 4), set_size=2),
    "correlation.angles_over_correlation": lambda: correlation.plots.angles_over_correlation(
        dict.fromkeys("abc", (P, 90 * NORM))
    ),
    "dynamics.levels_over_training": lambda: dynamics.plots.levels_over_training(STEPS, RUNS, RUNS[:, 0]),
    "dynamics.stages_over_training": lambda: dynamics.plots.stages_over_training(STEPS, RUNS, (RUNS < 1).long(), ["a", "b"]),
    "dynamics.losses_with_levels": lambda: dynamics.plots.losses_with_levels(STEPS, RUNS, {"regular pentagon": 0.1}),
    "dynamics.loss_against_degeneracy": lambda: dynamics.plots.loss_against_degeneracy(
        7 + P, 0.1 * P, P, ["5-gon", "4", "3"]
    ),
    "dynamics.saddles_over_training": lambda: dynamics.plots.saddles_over_training(
        STEPS, RUNS[:, 0], STEPS, RUNS[:, 1], RUNS
    ),
    "dynamics.directions_in_space": lambda: dynamics.plots.directions_in_space(
        torch.eye(3, 6).expand(2, 3, 6), set_size=3, titles=["a", "b"]
    ),
    "features.own_neurons": lambda: features.plots.own_neurons(torch.tensor([3, 6, 9]), {"task": (P, P)}, n_features=3),
    "features.rotated_models": lambda: features.plots.rotated_models(
        {"linear": {"outputs": P, "hidden state": P}, "ReLU": {"outputs": P}}, {"linear": P, "ReLU": P}
    ),
    "features.directions_that_fit": lambda: features.plots.directions_that_fit(
        torch.tensor([8, 16, 32]), VALUES[:1], VALUES[:1] / 3, 9 * VALUES[:1], (0.3,), {0.1: (torch.tensor([10, 99]), P[:2])}
    ),
    "features.recovery_boundary": lambda: features.plots.recovery_boundary(
        torch.tensor([2, 4, 6]), torch.tensor([10, 20, 30]), NORM, 100, {"n = 100": CURVE}, {"other": CURVE}
    ),
    "features.one_feature_read": lambda: features.plots.one_feature_read(P - 0.2, P.relu(), 0, {"linearly": (P, P)}),
    "features.hierarchy": lambda: features.plots.hierarchy(
        {"mixed": Properties(0.4, 0.5, 0, 0.2), "b": Properties(0, 0, 1, 1)}
    ),
    "features.agreement": lambda: features.plots.agreement(
        {"small": {"single": P, "best": P}}, {"n = 5": VALUES}, threshold=0.1
    ),
    "features.relation_planes": lambda: features.plots.relation_planes(
        {
            "gender": (
                [("grandfather", "grandmother"), ("king", "queen")],
                torch.tensor([[[0.0, 0], [0, 1]], [[1, 0], [1.2, 1]]]),
            )
        }
    ),
    "features.analogies": lambda: features.plots.analogies(dict.fromkeys(RATES, Parallelism(0.6, P, 0.01)), RATES, RATES),
    "features.words_along": lambda: features.plots.words_along(dict.fromkeys("ab", (P, ["he", "him"], ["she", "her"]))),
    "geometry.dimensions_over_sparsity": lambda: geometry.plots.dimensions_over_sparsity({"n = 8": (P, SHAPES)}),
    "geometry.dimensionalities_over_sparsity": lambda: geometry.plots.dimensionalities_over_sparsity(
        SHAPES, P, graphs_at=[0, 1]
    ),
    "geometry.shapes_over_sparsity": lambda: geometry.plots.shapes_over_sparsity(P, [count_by_shape(W) for W in SHAPES]),
    "geometry.benefit_per_dimension": lambda: geometry.plots.benefit_per_dimension(P, BENEFITS),
    "geometry.perturbed_solutions": lambda: geometry.plots.perturbed_solutions(
        PLANE.expand(3, 2, 5), RATIO, label="density", panels={"sparser": 1, "denser": 20}
    ),
    "geometry.solution_losses": lambda: geometry.plots.solution_losses(
        RATIO, VALUES, PHASES, {"a": "green", "b": "blue", "c": "red"}, xlabel="density", crossing=0.5
    ),
    "phase_change.phase_diagrams": lambda: phase_change.plots.phase_diagrams(
        P, RATIO, {"a": (NORM, NORM)}, boundaries=PHASES, names=["low", "middle", "high"]
    ),
    "phase_change.loss_against_theory": lambda: phase_change.plots.loss_against_theory(
        P, RATIO, {"a": NORM, "b": NORM}, boundaries=[PHASES, PHASES]
    ),
    "phase_change.loss_crossing": lambda: phase_change.plots.loss_crossing(RATIO, VALUES, PHASES, RATIO),
    "phase_change.reconstructions": lambda: phase_change.plots.reconstructions(
        NORM, {"antipodal pair": NORM, "none": 0 * NORM}, names=["(1, 0)", "b", "c"]
    ),
    "phase_change.loss_contours": lambda: phase_change.plots.loss_contours(
        torch.linspace(-1.5, 1.5, 9), SURFACE.expand(2, 9, 9), MINIMA[:2], titles=["a", "b"]
    ),
    "phase_change.minimum_paths": lambda: phase_change.plots.minimum_paths(RATIO, {"p = 0.1": MINIMA}, xlabel="importance"),
    "strategic_picture.dictionary_in_plane": lambda: strategic_picture.plots.dictionary_in_plane(
        PLANE.T, {"neurons": torch.eye(2), "found": torch.eye(2)}, true=torch.eye(2)
    ),
    "strategic_picture.over_strength": lambda: strategic_picture.plots.over_strength(
        P, {"loss": {"a": VALUES, "b": VALUES}}
    ),
    "strategic_picture.over_density": lambda: strategic_picture.plots.over_density(P, {"gain": {"": VALUES}}, level=4.0),
    "strategic_picture.share_grid": lambda: strategic_picture.plots.share_grid(
        ["p = 0.1", "p = 0.01", "p = 0.001"], list("abc"), {"one": NORM, "two": NORM}, xlabel="density", ylabel="latents"
    ),
    "strategic_picture.latent_accounts": lambda: strategic_picture.plots.latent_accounts(
        [5, 20, 40], {"right": 5 * P}, n_true=5
    ),
    "strategic_picture.roc_curves": lambda: strategic_picture.plots.roc_curves({"sparse": {"plain": CURVE}}, detected=0.9),
    "strategic_picture.decomposition": lambda: strategic_picture.plots.decomposition(
        {"neurons": P, "codes": P}, marked={"codes": {2: "a long name"}}
    ),
    "superposition.weights_and_norms": lambda: superposition.plots.weights_and_norms(REGIMES[:3], REGIMES[:3, 0]),
    "superposition.loss_terms": lambda: superposition.plots.loss_terms(P, VALUES, VALUES.sum(1)),
}


def pixels(figure):
    file = io.BytesIO()
    figure.savefig(file, format="raw")
    return file.getvalue()


def outside(figure):
    """By how many inches what was drawn goes over the figure's left, lower, right and upper edge, if positive."""
    seen = figure.get_tightbbox()
    return np.concatenate([-seen.min, seen.max - figure.get_size_inches()])


def figure_functions():
    """Every public function of `supertoy.plots` and of the rooms that returns a figure."""
    rooms = {c.name: importlib.import_module(f"supertoy.chapters.{c.name}") for c in CHAPTERS}
    modules = {"plots": st.plots, **{name: room.plots for name, room in rooms.items() if hasattr(room, "plots")}}
    for room, module in modules.items():
        for name, function in inspect.getmembers(module, inspect.isfunction):
            is_here = function.__module__.startswith(module.__name__) and not name.startswith("_")
            if is_here and inspect.signature(function).return_annotation is Figure:
                yield f"{room}.{name}"


def test_every_figure_has_an_example():
    assert set(figure_functions()) == set(EXAMPLES)
    assert len(EXAMPLES) > 55


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_saved_figure_is_whole_and_no_setting_of_the_reader_changes_it(name):
    torch.manual_seed(0)
    with plt.rc_context():
        matplotlib.rcdefaults()
        figure = EXAMPLES[name]()
        saved = pixels(figure)
        assert outside(figure).max() <= 0
    torch.manual_seed(0)
    with plt.rc_context(THEIRS):
        assert pixels(EXAMPLES[name]()) == saved


def test_a_figure_is_saved_in_the_style_that_it_was_made_in_and_as_large_as_it_is_asked_for():
    figure = EXAMPLES["plots.feature_count"]()
    width, height = 100 * figure.get_size_inches()
    saved = pixels(figure)
    assert len(saved) == pytest.approx(4 * width * height, rel=0.01)  # red, green, blue and alpha, 100 dots an inch
    with plt.rc_context(THEIRS):
        again = pixels(pickle.loads(pickle.dumps(EXAMPLES["plots.feature_count"]())))
        assert again == saved
        file = io.BytesIO()
        figure.savefig(file, format="raw", dpi=50)
        assert len(file.getvalue()) == pytest.approx(len(saved) / 4, rel=0.02)
        assert plt.rcParams["savefig.dpi"] == 72  # the reader's settings are as they were
    assert repr(figure) == "<Figure size 604.8x320 with 1 Axes>"  # which the chapters' outputs have
