"""Sparse dictionaries: directions found from a model's hidden activations alone.

A model in superposition holds more features than hidden dimensions, so no basis of its hidden space shows them all. If few
features are active at a time, one can still find an overcomplete set of directions of which every activation needs only a
few. `train_autoencoder` looks for one for many models at once, `learn_dictionary` for one model. Both minimise

    E[‖h - Σ_j z_j d_j‖² + l1 Σ_j z_j],   z_j >= 0,  ‖d_j‖ = 1,

on hidden activations h = W x in units of their root mean square length, taken over the rows in which something is active. So
l1, the price of the codes z, means the same for every model and density: a direction that explains a row of typical length
by itself loses l1 / 2 of its code. The methods differ in where z comes from. The autoencoder must compute it in one layer,
the other solves for it.

A dictionary is `found[k, j]`, direction j for model k. `dictionary_scores` says how well it matches the features.

Source: paper, "Strategic picture", "Approach 2: Finding an overcomplete basis".
"""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator
from supertoy.data import Data, FeatureDistribution
from supertoy.models import LinearModel
from supertoy.research.basis_pursuit import interior_points
from supertoy.research.dictionary import Activations, SparseAutoencoder, sparse_loss, train_together

_N_ROWS = 4096  # on which the length of h is measured and starts are compared
_NUMBERS_AT_ONCE, _MOST_STEPS = 2**18, 40  # to unfold rows: numbers that fit in the cache, and steps; a dozen is usual


def sample_each(
    data: Data, n_instances: int, batch_size: int, seed: int, purpose: str
) -> tuple[Float[Tensor, "instance row feature"], Float[Tensor, "instance row"]]:
    """A sample x, weight for each of several models; instance k draws by (seed, k), so that none depends on the others.

    Another `purpose` gives other samples. Weights sum to 1 over the rows of each instance.
    """
    parts = [
        data.select(slice(k, k + 1)).sample(batch_size, keyed_generator(seed, k, purpose, data.device))
        for k in range(n_instances)
    ]
    x, weight = zip(*parts, strict=True)
    return torch.cat(x), torch.cat(weight)


def train_autoencoder(
    W: Float[Tensor, "instance hidden feature"], data: FeatureDistribution, *, n_latents: int, **options: Any
) -> SparseAutoencoder:
    """Train an autoencoder on the hidden activations W x of each model; it sees nothing else of W.

    >>> W, data = torch.eye(2)[None], st.Independent(2, 0.1)
    >>> coder = train_autoencoder(W, data, n_latents=4, n_steps=300)
    >>> st.chapters.strategic_picture.dictionary_scores.share_found(coder.directions, W.mT)
    tensor([1.])

    Latents that die stay dead, so have some to spare. With twice as many latents as features one start found all features;
    with just as many it took the best of several.

    The result takes h = W x as it is, not scaled, and needs no gradients. `options` are those of `train_autoencoders`.
    """
    return train_autoencoders(W, data, n_latents=[n_latents], **options)[0]


def train_autoencoders(
    W: Float[Tensor, "instance hidden feature"],
    data: FeatureDistribution,
    *,
    n_latents: Sequence[int],
    l1: float = 0.3,
    n_starts: int = 1,
    n_steps: int = 1000,
    batch_size: int = 256,
    learning_rate: float = 0.03,
    seed: int = 0,
) -> list[SparseAutoencoder]:
    """Train autoencoders of several sizes, on the same batches: each as `train_autoencoder` would alone.

    Args:
        l1: price of latents, in the module's units. With four features active at a time 0.1 is too little to find them, and
            at 0.4 codes lose much of their size.
        n_starts: independent starts for each model. The one of lowest loss is kept.
        learning_rate: at its peak.
        seed: model k depends on (seed, k) and n_starts.

    Raises:
        ValueError: W is zero for a model.
        FloatingPointError: a loss became NaN or infinite.
    """
    checks.require_number(l1=l1, above=0)
    checks.require_int(n_starts=n_starts, at_least=1)
    n_instances, n_hidden, n_features = W.shape
    if data.n_features != n_features or data.n_instances not in (1, n_instances):
        sizes = f"{data.n_features} and {data.n_instances}"
        raise ValueError(f"data must have {n_features} features and 1 or {n_instances} instances, as W has, got {sizes}")
    W, data = W.detach(), data.to(dtype=W.dtype, device=W.device)
    x, weight = sample_each(data, n_instances, _N_ROWS, seed, "rows")
    h = x @ W.mT
    length = ((weight * h.square().sum(-1)).sum(1) / weight[:, 1:].sum(1)).sqrt()  # row 0 is the zero vector
    if not length.all():
        raise ValueError(f"W must not be zero, got zero at instance {int((length == 0).nonzero()[0])}")

    start_of = torch.arange(n_instances, device=W.device).repeat_interleave(n_starts)
    starts = [SparseAutoencoder(len(start_of), n_hidden, n, seed=seed).to(W) for n in n_latents]
    model = LinearModel(len(start_of), n_features, n_hidden, dtype=W.dtype, device=W.device)
    model = model.like({"W": (W / length[:, None, None])[start_of], "b": torch.zeros_like(model.b)})
    options = {"n_steps": n_steps, "batch_size": batch_size, "seed": seed}
    scaled = Activations(model, data.select(start_of))
    train_together(starts, scaled, l1=l1, learning_rate=learning_rate, **options)
    return [_best_start(each, h / length[:, None, None], weight, l1, length) for each in starts]


@torch.no_grad()
def _best_start(starts: SparseAutoencoder, h: Tensor, weight: Tensor, l1: float, length: Tensor) -> SparseAutoencoder:
    """Of each model's starts, which saw h scaled by `length`, the one of lowest loss, for h as it is."""
    n_instances, n_hidden = len(h), h.shape[2]
    n_starts, n_latents = starts.n_instances // n_instances, starts.directions.shape[1]
    loss = sparse_loss(l1)(
        starts, h.repeat_interleave(n_starts, 0), weight.expand(n_instances, -1).repeat_interleave(n_starts, 0)
    )
    chosen = loss.view(n_instances, n_starts).argmin(1) + n_starts * torch.arange(n_instances, device=h.device)
    found = SparseAutoencoder(n_instances, n_hidden, n_latents).to(h).requires_grad_(False)
    found.load_state_dict({name: value[chosen] for name, value in starts.state_dict().items()})
    found.encoder_bias.mul_(length[:, None])  # c ReLU(z / c) = ReLU(z): nothing else depends on the scale of h
    return found


def learn_dictionary(
    h: Float[Tensor, "row hidden"], n_latents: int, *, l1: float = 0.3, n_passes: int = 2, seed: int = 0
) -> Float[Tensor, "latent hidden"]:
    """Find a dictionary of unit vectors for one model's hidden activations, by scikit-learn's online dictionary learning.

    Rows of zeros need no direction and are left out. `l1` is the price of codes, in the module's units. `unfold` gives the
    codes.

    Source: Mairal, Bach, Ponce & Sapiro (2009), "Online dictionary learning for sparse coding".
    """
    checks.require_number(l1=l1, above=0)
    h = h.detach()[h.any(1)]
    if not len(h):
        raise ValueError("h must have a row that is not zero, got none")
    from sklearn.decomposition import MiniBatchDictionaryLearning  # takes a second, and not everyone needs it
    from sklearn.exceptions import ConvergenceWarning

    # In float32 the solver stalls and takes ten times as long.
    scaled = (h / h.square().sum(1).mean().sqrt()).double().cpu().numpy()
    options = {"positive_code": True, "fit_algorithm": "cd", "batch_size": 32, "max_iter": n_passes, "random_state": seed}
    options |= {"tol": 0.0, "max_no_improvement": None}  # otherwise it stops after ten batches that look no better
    learner = MiniBatchDictionaryLearning(n_latents, alpha=l1 / 2, **options)  # scikit-learn halves the square
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of a few codes, each of which moves the directions a little
        directions = learner.fit(scaled).components_
    return normalize(torch.as_tensor(directions).to(h), dim=-1)


def unfold(
    h: Float[Tensor, "row hidden"], directions: Float[Tensor, "latent hidden"], *, l1: float = 0.01
) -> Float[Tensor, "row latent"]:
    """Take hidden activations apart: the nonnegative codes z of few directions with h ≈ Σ_j z_j d_j.

    >>> h = torch.tensor([[2.0, 0.0], [1.0, 3.0], [-1.0, 0.0]])
    >>> unfold(h, torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])).round(decimals=1)
    tensor([[2., 0., 0.],
            [1., 3., 0.],
            [0., 0., 1.]])

    Each row by itself minimises ‖h - Σ_j z_j d_j‖² + l1 ‖h‖ Σ_j z_j, so that z(c h) = c z(h). Codes are in units of h: a
    direction that is all of a row loses l1 / 2 of its code. Directions are unit vectors; one of zeros gets no codes.

    Raises:
        FloatingPointError: for some row no codes were found whose cost is proved to be the least.

    Source: paper, "Strategic picture": an activation is unfolded into the few features that made it.
    """
    checks.require_number(l1=l1, above=0)
    used = directions.detach().any(1)
    codes = h.new_zeros(len(h), len(directions))
    if used.any():
        A, rows = directions.detach()[used].double().T, normalize(h.detach(), dim=1).double()
        parts = rows.split(max(1, _NUMBERS_AT_ONCE // A.numel()))
        codes[:, used] = torch.cat([_least_codes(part, A, l1 / 2) for part in parts]).to(h)
    return codes * torch.linalg.vector_norm(h.detach(), dim=1, keepdim=True)


def _least_codes(h: Float[Tensor, "row hidden"], A: Float[Tensor, "hidden latent"], slack: float) -> Tensor:
    """z >= 0 of least Σ_j z_j + ‖h - A z‖² / (2 slack) for unit vectors h; exactly 0 where it should be."""
    for _, (z, y) in zip(range(_MOST_STEPS), interior_points(A.expand(len(h), -1, -1), h, slack=slack), strict=False):
        cost = z.sum(1) + (h - z @ A.T).square().sum(1) / (2 * slack)
        gap = cost - (h * y).sum(1) + slack / 2 * y.square().sum(1)
        if (gap <= 1e-12 / (2 * slack)).all():  # next to what no codes at all would cost
            return torch.where(z > 1 - y @ A, z, 0.0)
    raise FloatingPointError(f"codes are not the least: in {int((gap > 1e-12 / (2 * slack)).sum())} rows the gap stays")


guard(__name__)
