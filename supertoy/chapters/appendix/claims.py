"""How the claims of the appendix are judged."""

import itertools

from jaxtyping import Float, Int
from torch import Tensor

from supertoy._util.border import guard
from supertoy.claims import Outcome, registry
from supertoy.claims.fits import straight_line


@registry.claim(
    "appendix/nonlinear-compression",
    says="two dense values in one number, with steep segments for jumps: even three intervals and segments of a tenth beat "
    "keeping one value or the mean of both",
    criterion="the loss at Z = 3 and ε = 0.1 is below 1/12, which keeping one value costs, and below that of keeping the "
    "mean",
    reason="the two alternatives that the paper names, computed exactly",
    figure="fig-compression",
)
def nonlinear_compression(loss: float, mean_loss: float) -> Outcome:
    """Judge the loss of the nonlinear code.

    Args:
        loss: at Z = 3 and ε = 0.1.
        mean_loss: of keeping the mean of both values.

    >>> from supertoy.chapters.appendix.compression import compression_loss
    >>> loss = compression_loss(n_intervals=3, width=0.1, n_points=100)
    >>> print(st.claims.check("appendix/nonlinear-compression", [{"loss": loss, "mean_loss": 1 / 12}]))
    appendix/nonlinear-compression: reproduced; loss 0.0575; keeping one value costs 0.0833, the mean of both 0.0833
    """
    below_one, below_mean = loss < 1 / 12, loss < mean_loss
    return Outcome(
        (below_one, below_mean),
        "loss {:.4f}; keeping one value costs {:.4f}, the mean of both {:.4f}",
        numbers=(loss, 1 / 12, mean_loss),
    )


@registry.claim(
    "appendix/compressed-sensing-bound",
    says="m = Ω(-n (1 - S) log(1 - S)): the number of features is linear in m, and larger for sparser data",
    criterion="represented features (norm above 1/2) over m: a straight line explains 98 % at every density; its slope is "
    "larger at every sparser density; m / (N p log 1/p) varies by a factor of at most 2",
    reason="a straight line is to leave next to nothing; the bound is about order of magnitude, so a constant "
    "within a factor of 2 is constant",
    figure="fig-bound",
)
def compressed_sensing_bound(
    probability: Float[Tensor, "density"], n_hidden: Int[Tensor, "size"], n_features: Int[Tensor, "size density"]
) -> Outcome:
    """Judge how many features fit into how many dimensions.

    Args:
        probability: p = 1 - S, in any order.
        n_hidden: m.
        n_features: N, represented features of the models of each size and density.
    """
    m, counts = n_hidden.double().numpy(), n_features.double().numpy()
    lines = [straight_line(m, column) for column in counts.T]
    order = probability.argsort(descending=True).tolist()
    slopes = [lines[k][0] for k in order]
    rising = all(b > a for a, b in itertools.pairwise(slopes))
    scale = (probability * (1 / probability).log()).double()
    ratio = n_hidden.double()[:, None] / (n_features * scale).clamp(min=1e-9)
    spread = (ratio.max() / ratio.min()).item()
    straight = [left <= 0.02 for _, left in lines]
    n_empty = int((n_features == 0).sum())
    varies = "without limit" if n_empty else "by a factor of {:.3g}"
    why = f": no feature is represented in {{}} of {n_features.numel()} models" if n_empty else ""
    explained = ", ".join(f"{{:.1f}} % at p = {p:g}" for p in probability[order].tolist())
    slope = ", ".join(["{:.2f}"] * len(order))
    return Outcome(
        (all(straight), rising, spread <= 2),
        f"a straight line explains {explained} (98 % asked for); its slopes are {slope} (rising asked for); "
        f"m / (N p log 1/p) varies {varies} (at most 2 asked for){why}",
        numbers=(*(100 * (1 - lines[k][1]) for k in order), *slopes, n_empty or spread),
    )


guard(__name__)
