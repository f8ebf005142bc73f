"""How the learning rate goes over a training."""


def rate(step: int, n_steps: int, peak: float) -> float:
    """Learning rate of a step: it rises over the first twentieth, stays at its peak, and falls to zero over the second half.

    >>> [rate(step, n_steps=100, peak=1.0) for step in (0, 4, 50, 75)]
    [0.2, 1.0, 1.0, 0.5]
    """
    n_warmup = max(1, n_steps // 20)
    return peak * min(1.0, (step + 1) / n_warmup, 2 * (1 - step / n_steps))
