"""How sure a share is."""

from scipy.stats import binomtest


def wilson(n_held: int, n_trials: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share, which treats all trials as independent.

    >>> low, high = wilson(19, 20)
    >>> round(low, 3), round(high, 3)
    (0.764, 0.991)

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    interval = binomtest(n_held, n_trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
