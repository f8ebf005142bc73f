"""The PCA solution that a model is nearest to.

Source: paper, "Collapsing features".
"""

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util.border import guard
from supertoy.data import FeatureDistribution
from supertoy.theory import principal_components


def nearest_pca_solution(W: Float[Tensor, "hidden feature"], data: FeatureDistribution) -> Float[Tensor, "hidden feature"]:
    """The best linear model that is nearest to W: its rows span the first m principal components.

    Many models are equally good: the hidden space may be rotated, and components of equal variance may replace each other.

    Raises:
        ValueError: data does not hold one setting of W's features, or W has more dimensions than features.

    Source: paper, "Collapsing features", whose densest models are PCA.
    """
    if data.n_instances != 1 or data.n_features != W.shape[1]:
        raise ValueError(f"data must hold one setting of {W.shape[1]} features, got {data.n_instances} of {data.n_features}")
    m = W.shape[0]
    if m > W.shape[1]:
        raise ValueError(f"W must have at most as many hidden dimensions as features, got {list(W.shape)}")
    W = W.detach().double().to(data.device)
    variance, vectors = (value[0] for value in principal_components(data))
    equal = (variance - variance[m - 1]).abs() < 1e-9 * variance[0]
    ahead, free = vectors[:, (variance > variance[m - 1]) & ~equal], vectors[:, equal]
    # There are two choices: some of the components that tie for the last places, and a rotation of the hidden space. Given
    # one, orthogonal Procrustes solves for the other. Taking turns brings W nearer every time.
    n_free = m - ahead.shape[1]
    choice = torch.linalg.svd(W @ free, full_matrices=False)[2][:n_free].mT
    for _ in range(200):
        components = torch.cat([ahead, free @ choice], dim=1)
        left, _, right = torch.linalg.svd(W @ components)
        rotation = left @ right
        left, _, right = torch.linalg.svd((rotation.mT @ W @ free)[ahead.shape[1] :].mT, full_matrices=False)
        choice = left @ right
    return rotation @ components.mT


guard(__name__)
