"""The paper's figures, one function per kind of figure: from measurements to a matplotlib Figure. They train nothing.

Colours mean the same in every chapter and are safe for colour-blind readers: `IMPORTANCE` from dark (most important) to
light, `SIGNED` for weights and interference (blue positive, red negative, white zero), `SUPERPOSITION` from dark blue (a
dimension of its own) to yellow (shared), `SHAPE_COLOURS` one for each polytope.
"""

from supertoy.plots._style import IMPORTANCE, LINES, SHAPE_COLOURS, SIGNED, SUPERPOSITION
from supertoy.plots.directions import feature_directions
from supertoy.plots.geometry import (
    benefit_per_dimension,
    dimensionalities_over_sparsity,
    dimensions_over_sparsity,
    perturbed_solutions,
    shapes_over_sparsity,
    solution_losses,
)
from supertoy.plots.phase import (
    loss_against_theory,
    loss_crossing,
    phase_diagrams,
    reconstructions,
)
from supertoy.plots.polytopes import packings
from supertoy.plots.surface import loss_contours, minimum_paths
from supertoy.plots.weights import feature_count, loss_terms, weights_and_norms

__all__ = [
    "IMPORTANCE",
    "LINES",
    "SHAPE_COLOURS",
    "SIGNED",
    "SUPERPOSITION",
    "benefit_per_dimension",
    "dimensionalities_over_sparsity",
    "dimensions_over_sparsity",
    "feature_count",
    "feature_directions",
    "loss_against_theory",
    "loss_contours",
    "loss_crossing",
    "loss_terms",
    "minimum_paths",
    "packings",
    "perturbed_solutions",
    "phase_diagrams",
    "reconstructions",
    "shapes_over_sparsity",
    "solution_losses",
    "weights_and_norms",
]
