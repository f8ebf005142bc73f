"""supertoy: toy models of superposition, trained in seconds. The package behind the book."""

from supertoy import (
    adversarial,
    claims,
    compression,
    curvature,
    descent,
    explore,
    learning_coefficient,
    levels,
    motif,
    neurons,
    phases,
    plots,
    polygons,
    sets,
    stages,
    surface,
    tegum,
    theory,
)
from supertoy.continuation import lowest_losses, train_along
from supertoy.curves import first_crossing, plateaus
from supertoy.data import AnticorrelatedSets, CorrelatedSets, FeatureDistribution, Independent, PartlyCorrelatedPairs
from supertoy.enumeration import quadrature
from supertoy.explained import explained_variance
from supertoy.loss import expected_loss, sampled_loss
from supertoy.measures import (
    dimensions_per_feature,
    feature_dimensionality,
    feature_norms,
    n_represented,
    superposition,
)
from supertoy.models import (
    AbsoluteValueModel,
    ActivationOutputModel,
    FunctionModel,
    HiddenBiasModel,
    LinearModel,
    ReLUHiddenModel,
    ReLUOutputModel,
    ToyModel,
)
from supertoy.orient import canonical_orientation
from supertoy.sweeps import sweep
from supertoy.training import Record, train

__all__ = [
    "AbsoluteValueModel",
    "ActivationOutputModel",
    "AnticorrelatedSets",
    "CorrelatedSets",
    "FeatureDistribution",
    "FunctionModel",
    "HiddenBiasModel",
    "Independent",
    "LinearModel",
    "PartlyCorrelatedPairs",
    "ReLUHiddenModel",
    "ReLUOutputModel",
    "Record",
    "ToyModel",
    "adversarial",
    "canonical_orientation",
    "claims",
    "compression",
    "curvature",
    "descent",
    "dimensions_per_feature",
    "expected_loss",
    "explained_variance",
    "explore",
    "feature_dimensionality",
    "feature_norms",
    "first_crossing",
    "learning_coefficient",
    "levels",
    "lowest_losses",
    "motif",
    "n_represented",
    "neurons",
    "phases",
    "plateaus",
    "plots",
    "polygons",
    "quadrature",
    "sampled_loss",
    "sets",
    "stages",
    "superposition",
    "surface",
    "sweep",
    "tegum",
    "theory",
    "train",
    "train_along",
]
