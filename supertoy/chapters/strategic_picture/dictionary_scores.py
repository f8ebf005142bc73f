"""What a dictionary says about a model: which of its features were found, and how well latents follow them.

A dictionary is `found[k, j]`, direction j for model k. What it should find, `true`, is `W.mT` at any length. All but
`agreeing`, `dead` and `without_dead` look at this truth, which a reader of a real network does not have.

`threshold`, in (0, 1), is the cosine above which a direction counts as found. `mask` says which features count; all do if
None. Latents are 0 or more, one for each row of a weighted sample.

Source: paper, "Strategic picture", "Approach 2: Finding an overcomplete basis".
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from supertoy._util import checks
from supertoy._util.border import guard

Found = Float[Tensor, "instance latent hidden"]  #: A dictionary for each model.
Truth = Float[Tensor, "instance feature hidden"]  #: What it should find, Wᵀ.
Mask = Bool[Tensor, "instance feature"]  #: Which features to look at.

#: A cosine above this counts as having found a feature. In ten dimensions the best of 80 random directions reaches about
#: 0.7, and once in 150 times 0.9.
FOUND = 0.9


def mean_max_cosine(found: Found, true: Truth, mask: Mask | None = None) -> Float[Tensor, "instance"]:
    """The cosine of a true direction with the nearest found one, averaged over the features in `mask`; NaN for an empty one.

    >>> mean_max_cosine(torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[3.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]]))
    tensor([0.])

    Signs matter: codes are never negative, so a direction and its opposite are two. A found direction of zeros, such as a
    dead latent's, has cosine 0 with all. Random directions already score well above 0 (see `FOUND`), so look at
    `share_found` too.
    """
    return _mean(_cosines(found, true).amax(-1), mask)


def share_found(found: Found, true: Truth, threshold: float = FOUND, mask: Mask | None = None) -> Float[Tensor, "instance"]:
    """The share of the features in `mask` that have a found direction with a cosine above `threshold`.

    >>> share_found(torch.tensor([[[1.0, 0.1]]]), torch.eye(2)[None])
    tensor([0.5000])
    """
    return _mean((_n_found(found, true, threshold) > 0).to(true.dtype), mask)


def split(found: Found, true: Truth, threshold: float = FOUND) -> Bool[Tensor, "instance feature"]:
    """Whether a feature has more than one found direction with a cosine above `threshold`.

    >>> split(torch.tensor([[[1.0, 0.1], [1.0, -0.1], [0.0, 1.0]]]), torch.eye(2)[None])
    tensor([[ True, False]])
    """
    return _n_found(found, true, threshold) > 1


def dead(
    latents: Float[Tensor, "instance row latent"], weight: Float[Tensor, "#instance row"]
) -> Bool[Tensor, "instance latent"]:
    """Whether a latent is zero in every row that has any weight.

    >>> dead(torch.tensor([[[0.5, 0.0], [0.0, 0.0]]]), torch.tensor([[0.5, 0.5]]))
    tensor([[False,  True]])
    """
    return ~((latents > 0) & (weight > 0)[..., None]).any(1)


def without_dead(
    found: Found, latents: Float[Tensor, "instance row latent"], weight: Float[Tensor, "#instance row"]
) -> Found:
    """The dictionary with zeros for the directions of dead latents, which only chance put there.

    >>> latents = torch.tensor([[[0.5, 0.0], [0.0, 0.0]]])
    >>> without_dead(torch.eye(2)[None], latents, torch.tensor([[0.5, 0.5]]))
    tensor([[[1., 0.],
             [0., 0.]]])
    """
    return found.masked_fill(dead(latents, weight)[..., None], 0)


def agreeing(
    found: Found, other: Float[Tensor, "instance other hidden"], threshold: float = FOUND
) -> Int[Tensor, "instance"]:
    """How many directions two independent dictionaries share: an estimate of the number of features.

    >>> agreeing(torch.tensor([[[1.0, 0.1], [1.0, -0.1], [0.0, 1.0]]]), torch.tensor([[[1.0, 0.0], [0.6, -0.8]]]))
    tensor([1])

    Chance hardly makes two dictionaries share a direction. Those of dead latents should be zeros in both (see
    `without_dead`). A direction that comes twice counts once: of several with a cosine above the threshold the first.
    """
    shared = _n_found(other, found, threshold) > 0
    same = _cosines(found, found) > threshold  # [instance, latent, latent]
    repeated = (same.tril(-1) & shared[:, None]).any(-1)
    return (shared & ~repeated).sum(-1)


def variance_explained(
    latents: Float[Tensor, "instance row latent"],
    x: Float[Tensor, "#instance row feature"],
    weight: Float[Tensor, "#instance row"],
) -> Float[Tensor, "instance feature"]:
    """How well the best latent for each feature follows it: the share of the feature's variance that it explains.

    >>> x = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    >>> variance_explained(3 * x[..., :1], x, torch.tensor([[0.5, 0.25, 0.25]])).round(decimals=2)
    tensor([[1., 0.]])

    This is the squared correlation of x_i with a latent, over weighted rows. The best latent has the highest among those
    that rise with x_i. It is 1 where a latent is a multiple of the feature, 0 where none rises with it, NaN where x_i never
    varies.
    """
    n_instances = len(latents)
    x, weight = x.expand(n_instances, -1, -1), weight.expand(n_instances, -1)
    # One instance at a time: all latents in double precision would be the largest tensor in a chapter.
    return torch.stack([_variance_explained(*one) for one in zip(latents, x, weight, strict=True)])


def _variance_explained(
    latents: Float[Tensor, "row latent"], x: Float[Tensor, "row feature"], weight: Float[Tensor, "row"]
) -> Float[Tensor, "feature"]:
    w = weight.double()[:, None]
    z, y = (each.double() - (w * each).sum(0) / w.sum(0) for each in (latents, x))
    rising = (y.T @ (w * z)).clamp(min=0).square()  # [feature, latent]
    spread = (w * y.square()).sum(0)[:, None] * (w * z.square()).sum(0)
    best = torch.where(rising > 0, rising / spread, 0).amax(1)
    return torch.where(x.amax(0) > x.amin(0), best, torch.nan).to(latents)


def _cosines(found: Found, true: Truth) -> Float[Tensor, "instance feature latent"]:
    return normalize(true, dim=-1) @ normalize(found, dim=-1).mT


def _n_found(found: Found, true: Truth, threshold: float) -> Int[Tensor, "instance feature"]:
    checks.require_number(above=0, threshold=threshold)
    if threshold >= 1:
        raise ValueError(f"threshold must be below 1, got {threshold}")
    return (_cosines(found, true) > threshold).sum(-1)


def _mean(value: Float[Tensor, "instance feature"], mask: Mask | None) -> Float[Tensor, "instance"]:
    return value.mean(1) if mask is None else torch.where(mask, value, torch.nan).nanmean(1)


guard(__name__)
