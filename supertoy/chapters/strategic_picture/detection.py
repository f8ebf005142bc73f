"""Looking for a feature by comparing activations with those of known examples, and how often that is a false alarm.

Source: paper, "Strategic picture", on what a reader of activations wants to rule out, such as a model that deceives.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from supertoy._util.border import guard


def similarity_to_examples(
    activations: Float[Tensor, "row unit"], examples: Float[Tensor, "example unit"]
) -> Float[Tensor, "row"]:
    """Cosine of each row's activations with the mean direction of the examples'; 0 for a row of zeros.

    >>> similarity_to_examples(torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), torch.tensor([[3.0, 0.0], [1.0, 0.0]]))
    tensor([1., 0., 0.])
    """
    if not len(examples):
        raise ValueError("examples must hold at least one, got none")
    return normalize(activations, dim=1) @ normalize(normalize(examples, dim=1).mean(0), dim=0)


def false_alarms(score: Float[Tensor, "row"], present: Bool[Tensor, "row"], detected: float = 0.9) -> float:
    """Share of the rows without the feature that are flagged, when at least the share `detected` of those with it are.

    >>> false_alarms(torch.tensor([0.9, 0.8, 0.7, 0.1]), torch.tensor([True, False, True, False]), detected=1.0)
    0.5

    A row is flagged if its score is at or above the threshold, which is the highest one that detects enough.
    """
    if not 0 < detected <= 1:
        raise ValueError(f"detected must lie in (0, 1], got {detected}")
    alarms, hits = roc(score, present)
    return float(alarms[(hits >= detected - 1e-9).nonzero()[0]])


def roc(
    score: Float[Tensor, "row"], present: Bool[Tensor, "row"]
) -> tuple[Float[Tensor, "threshold"], Float[Tensor, "threshold"]]:
    """False alarms and detections, as shares of the rows without and with the feature, from the highest threshold down.

    >>> alarms, hits = roc(torch.tensor([0.9, 0.8, 0.1]), torch.tensor([True, False, True]))
    >>> alarms, hits
    (tensor([0., 0., 1., 1.], dtype=torch.float64), tensor([0.0000, 0.5000, 0.5000, 1.0000], dtype=torch.float64))
    """
    if present.all() or not present.any():
        raise ValueError("present must be true in some rows and false in others")
    from sklearn.metrics import roc_curve  # takes a second, and not everyone needs it

    alarms, hits, _ = roc_curve(present.cpu().numpy(), score.double().cpu().numpy(), drop_intermediate=False)
    return torch.from_numpy(alarms), torch.from_numpy(hits)


guard(__name__)
