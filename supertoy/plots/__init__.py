"""The paper's figures, one function per kind of figure: from measurements to a matplotlib Figure. They train nothing.

Colours mean the same in every chapter and are safe for colour-blind readers: `IMPORTANCE` from dark (most important) to
light, `SIGNED` for weights and interference (blue positive, red negative, white zero), `SUPERPOSITION` from dark blue (a
dimension of its own) to yellow (shared), `SHAPE_COLOURS` one for each polytope.
"""

from supertoy.plots._style import IMPORTANCE, LINES, SHAPE_COLOURS, SIGNED, SUPERPOSITION
from supertoy.plots.adversarial import (
    attack_anatomy,
    attack_shares,
    over_attack_norm,
    transferred_damage,
    vulnerability_and_superposition,
)
from supertoy.plots.appendix import compression_losses, features_over_dimensions, nonlinear_code
from supertoy.plots.computation import (
    activations_by_feature,
    asymmetric_motif,
    single_feature_outputs,
    small_network,
)
from supertoy.plots.correlation import (
    angles_over_correlation,
    capacity_over_density,
    collapse_over_density,
    gram_by_set,
    samples_and_correlation,
)
from supertoy.plots.directions import feature_directions
from supertoy.plots.dynamics import (
    directions_in_space,
    levels_over_training,
    loss_against_degeneracy,
    losses_with_levels,
    saddles_over_training,
    stages_over_training,
)
from supertoy.plots.features import (
    agreement,
    directions_that_fit,
    hierarchy,
    one_feature_read,
    own_neurons,
    recovery_boundary,
    turned_models,
)
from supertoy.plots.geometry import (
    benefit_per_dimension,
    dimensionalities_over_sparsity,
    dimensions_over_sparsity,
    perturbed_solutions,
    shapes_over_sparsity,
    solution_losses,
)
from supertoy.plots.neurons import hidden_weights, kinds_over_density, neuron_stacks, weights_and_stack
from supertoy.plots.phase import (
    loss_against_theory,
    loss_crossing,
    phase_diagrams,
    reconstructions,
)
from supertoy.plots.polytopes import packings
from supertoy.plots.strategic import (
    decomposition,
    dictionary_in_plane,
    latent_accounts,
    over_density,
    over_strength,
    roc_curves,
    share_grid,
)
from supertoy.plots.surface import loss_contours, minimum_paths
from supertoy.plots.weights import feature_count, loss_terms, weights_and_norms
from supertoy.plots.words import analogies, relation_planes, words_along

__all__ = [
    "IMPORTANCE",
    "LINES",
    "SHAPE_COLOURS",
    "SIGNED",
    "SUPERPOSITION",
    "activations_by_feature",
    "agreement",
    "analogies",
    "angles_over_correlation",
    "asymmetric_motif",
    "attack_anatomy",
    "attack_shares",
    "benefit_per_dimension",
    "capacity_over_density",
    "collapse_over_density",
    "compression_losses",
    "decomposition",
    "dictionary_in_plane",
    "dimensionalities_over_sparsity",
    "dimensions_over_sparsity",
    "directions_in_space",
    "directions_that_fit",
    "feature_count",
    "feature_directions",
    "features_over_dimensions",
    "gram_by_set",
    "hidden_weights",
    "hierarchy",
    "kinds_over_density",
    "latent_accounts",
    "levels_over_training",
    "loss_against_degeneracy",
    "loss_against_theory",
    "loss_contours",
    "loss_crossing",
    "loss_terms",
    "losses_with_levels",
    "minimum_paths",
    "neuron_stacks",
    "nonlinear_code",
    "one_feature_read",
    "over_attack_norm",
    "over_density",
    "over_strength",
    "own_neurons",
    "packings",
    "perturbed_solutions",
    "phase_diagrams",
    "reconstructions",
    "recovery_boundary",
    "relation_planes",
    "roc_curves",
    "saddles_over_training",
    "samples_and_correlation",
    "shapes_over_sparsity",
    "share_grid",
    "single_feature_outputs",
    "small_network",
    "solution_losses",
    "stages_over_training",
    "transferred_damage",
    "turned_models",
    "vulnerability_and_superposition",
    "weights_and_norms",
    "weights_and_stack",
    "words_along",
]
