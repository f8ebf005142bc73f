"""How the claims of "Adversarial robustness" are judged.

Vulnerability is in units of that of a model without superposition on the same data, attack norms are in mean input norms.
`attacks` says what an attack is and what damage it does. Densities and norms may come in any order.
"""

import numpy as np
from jaxtyping import Float
from scipy.stats import pearsonr, spearmanr
from torch import Tensor

from supertoy._util.border import guard
from supertoy.claims import Outcome, registry

_CORRELATIONS = (-1.0, 0.0, 0.5, 0.8, 0.9, 1.0)  # correlations are reported in these steps
_FACTORS = (1, 3, 5, 10, 20, 50, 100)  # as vulnerabilities are in these


@registry.claim(
    "adversarial/rises",
    says="vulnerability rises more than threefold as superposition forms",
    criterion="relative vulnerability within 20 % of 1 at p = 1, and more than 3 at its highest",
    reason="3 is the paper's number; 20 % leaves room for the noise of training, which at p = 1 is all that can differ",
    figure="fig-vulnerability",
    numbers={
        "highest relative vulnerability": "more than 3",
    },
)
def rises(probability: Float[Tensor, "density"], relative: Float[Tensor, "density"]) -> Outcome:
    """Judge vulnerability over density, p = 1 included.

    >>> probability, relative = torch.tensor([1.0, 0.1]), torch.tensor([1.1, 4.0])
    >>> print(st.claims.check("adversarial/rises", [{"probability": probability, "relative": relative}]))
    adversarial/rises: reproduced; relative vulnerability within 20 % of 1 at p = 1, more than 3 at its highest
    """
    dense = bool(probability.max() == 1 and (relative[probability.argmax()] - 1).abs() <= 0.2)
    highest = relative.max().item()
    reached = max((factor for factor in _FACTORS if factor < highest), default=0)
    at_one = f"{'within' if dense else 'not within'} 20 % of 1 at p = 1"
    return Outcome(
        (dense, highest > 3),
        f"relative vulnerability {at_one}, more than {reached} at its highest",
        {"highest relative vulnerability": highest},
    )


@registry.claim(
    "adversarial/tracks-density",
    says="vulnerability closely tracks features per dimension, ‖W‖² / m",
    criterion="over the densities a Pearson correlation of 0.9 or more, with a 95 % interval from 0.8 or more",
    reason='"closely" is read as four fifths of the variance, 0.9 squared; with a dozen points the interval must '
    "say that it is no accident",
    figure="fig-vulnerability-small",
)
def tracks_density(relative: Float[Tensor, "density"], features_per_dimension: Float[Tensor, "density"]) -> Outcome:
    """Judge vulnerability against features per dimension, ‖W‖² / m, both at each density."""
    result = pearsonr(features_per_dimension.double().numpy(), relative.double().numpy())
    low = result.confidence_interval(0.95).low
    return Outcome(
        (bool(result.statistic >= 0.9), bool(low >= 0.8)),
        f"Pearson correlation {_between(result.statistic)}, lower end of its 95 % interval {_between(low)}",
    )


@registry.claim(
    "adversarial/gradient-masking",
    says="gradient attacks find much less than the analytic ones on very sparse data",
    criterion="one gradient step does at most half of the analytic attack's damage at each density of the sparsest third, "
    "and at least 80 % of it at the densest",
    reason='"much less" is read as half or less, on the sparse third of the range; on dense data, where nothing '
    "is masked, gradients should do about as well",
    figure="fig-gradients",
)
def gradient_masking(probability: Float[Tensor, "density"], share: Float[Tensor, "density"]) -> Outcome:
    """Judge the damage of one gradient step over density, as a share of the analytic attack's."""
    order = probability.argsort()
    sparsest, densest = share[order[: max(1, len(order) // 3)]], share[order[-1]]
    masked, works = bool((sparsest <= 0.5).all()), bool(densest >= 0.8)
    amount = "at most half of" if masked else "more than" if bool((sparsest > 1).all()) else "more than half of"
    return Outcome(
        (masked, works),
        f"a gradient step does {amount} the analytic attack's damage on the sparsest data, "
        f"{'at least' if works else 'less than'} 80 % of it on the densest",
    )


@registry.claim(
    "adversarial/training",
    says="training against the analytic attack on a random feature reduces superposition; to remove it takes attacks near "
    "80 % of the input norm",
    criterion="Spearman correlation of attack norm and features per dimension -0.9 or below; features per dimension down "
    "to 1.05 first at an attack norm of 0.6 to 1.0 of the mean input norm",
    reason="the paper's 80 %, give or take a quarter of it; 1.05 features per dimension is superposition gone, "
    "but for rounding",
    figure="fig-defence",
    numbers={
        "attack norm at which superposition is gone": "0.8",
    },
)
def training(norm: Float[Tensor, "strength"], features_per_dimension: Float[Tensor, "strength"]) -> Outcome:
    """Judge what is left of superposition, ‖W‖² / m, after training against attacks of each norm."""
    strength, features = norm.double().numpy(), features_per_dimension.double().numpy()
    order = strength.argsort()
    strength, features = strength[order], features[order]
    falls = bool(spearmanr(strength, features).statistic <= -0.9)
    gone = np.flatnonzero(features <= 1.05)
    first = strength[gone[0]] if len(gone) else np.inf
    return Outcome(
        (falls, bool(0.6 - 1e-6 <= first <= 1 + 1e-6)),
        f"features per dimension {'fall' if falls else 'do not fall'} with the attack norm, to 1.05 or less "
        + (f"first at {first:.1f} of the mean input norm" if len(gone) else "at none"),
        {"attack norm at which superposition is gone": float(first)} if len(gone) else {},
    )


def _between(value: float) -> str:
    """The step that a correlation lies in: "0.8 to 0.9"."""
    if not -1 <= value <= 1:
        return "undefined"  # one of the two does not vary
    k = next(k for k, step in enumerate(_CORRELATIONS[1:]) if value <= step)
    return f"{_CORRELATIONS[k]:g} to {_CORRELATIONS[k + 1]:g}"


guard(__name__)
