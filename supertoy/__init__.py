"""supertoy: toy models of superposition, trained in seconds. The package behind the book."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from supertoy.data import (
    AnticorrelatedSets,
    CorrelatedSets,
    Data,
    FeatureDistribution,
    Independent,
    Samples,
)
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
    BatchedModel,
    FunctionModel,
    LinearModel,
    ReLUHiddenModel,
    ReLUOutputModel,
    ToyModel,
)
from supertoy.research.distributions import ExactlyK, HierarchicalSets, PartlyCorrelatedPairs
from supertoy.research.files import load, save
from supertoy.research.sweeps import sweep
from supertoy.rotations import canonical_orientation
from supertoy.training import Record, train

if TYPE_CHECKING:
    from supertoy import claims, plots

__version__ = version("supertoy")

__all__ = [
    "AbsoluteValueModel",
    "ActivationOutputModel",
    "AnticorrelatedSets",
    "BatchedModel",
    "CorrelatedSets",
    "Data",
    "ExactlyK",
    "FeatureDistribution",
    "FunctionModel",
    "HierarchicalSets",
    "Independent",
    "LinearModel",
    "PartlyCorrelatedPairs",
    "ReLUHiddenModel",
    "ReLUOutputModel",
    "Record",
    "Samples",
    "ToyModel",
    "canonical_orientation",
    "claims",
    "dimensions_per_feature",
    "expected_loss",
    "feature_dimensionality",
    "feature_norms",
    "load",
    "n_represented",
    "plots",
    "sampled_loss",
    "save",
    "superposition",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    """Modules on first access: pyplot, seaborn and scipy take longer to import than torch."""
    if not name.startswith("_"):
        try:
            return import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
