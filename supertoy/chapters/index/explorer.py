"""The paper's opening figure under a slider: how many features fit into two dimensions, from dense to very sparse data."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from matplotlib.colors import to_hex
from torch import Tensor

from supertoy._util.border import guard
from supertoy.data import Independent
from supertoy.explore import Explorer, explorer, rounded, significant
from supertoy.models import ReLUOutputModel
from supertoy.plots.directions import importance_colours
from supertoy.rotations import aligned
from supertoy.training import train

MOST = 9  #: The most features that the reader's own tab trains.
STARTS, STEPS = 64, 1000  #: Of a training in the reader's own tab.


def opening(
    n_features: int = 5,
    *,
    importance: float = 0.9,
    densities: Float[Tensor, "density"] | None = None,
    n_restarts: int = 64,
    seed: int = 0,
    title: str = "Features in two dimensions",
) -> Explorer:
    """Train models with two hidden dimensions from dense to sparse data, and let the reader step through them.

    >>> opening(n_features=3, densities=torch.tensor([1.0, 0.1]), n_restarts=2)
    <Opening figure: 3 features in 2 dimensions, 2 densities>

    A button on the page trains such models again in the reader's own tab, with two to nine features.

    Args:
        n_features: 2 to 9.
        importance: I_i is its i-th power, counted from 0.
        densities: p = 1 - S of each model, falling; 41 from 1 to 0.01 if not given.
        n_restarts: starts for each density. The one with the lowest exact loss is shown.
        title: stands above the drawing and names it for a reader who cannot see it.

    Raises:
        ValueError: there are fewer than two densities, or they do not fall within (0, 1] once rounded for the page.

    Source: paper, the opening figure of "Demonstrating superposition".
    """
    if not 2 <= n_features <= MOST:
        raise ValueError(f"n_features must be 2 to {MOST}, got {n_features}")
    if not 0 < importance < float("inf"):
        raise ValueError(f"importance must be positive, got {importance:g}")
    p = 0.01 ** torch.linspace(0, 1, 41) if densities is None else densities
    # Rounded as the page shows it, so that both mean the same model.
    p = torch.tensor([round(density, 2 if density >= 0.1 else 3) for density in p.tolist()])
    if len(p) < 2 or not (p.diff() < 0).all() or not 0 < p[-1] < p[0] <= 1:
        raise ValueError(f"densities must fall, within (0, 1] at 3 decimals, got {p.tolist()}")

    model = ReLUOutputModel(len(p), n_features, 2, seed=seed)
    I = importance ** torch.arange(n_features)
    record = train(model, Independent(n_features, p[:, None]), importance=I, n_restarts=n_restarts, seed=seed)
    data = {
        "sparsity": rounded((1 - p).tolist()),
        "loss": significant(record.loss.tolist()),
        "points": rounded(aligned(model.W).mT.tolist()),
        "importance": importance,
        "colours": {n: [*map(to_hex, importance_colours(importance ** torch.arange(n)))] for n in range(2, MOST + 1)},
        "starts": STARTS,
        "steps": STEPS,
    }
    summary = f"Opening figure: {n_features} features in 2 dimensions, {len(p)} densities"
    return explorer(
        Path(__file__).with_name("opening"), data, title=title, summary=summary, scripts=("train",), starts=str(STARTS)
    )


class Retrainable:
    """An explorer and the live widget that makes it again, as a notebook shows them: later explorers replace the first."""

    def __init__(self, explorer: Explorer, controls: Any) -> None:
        self.explorer, self.controls = explorer, controls

    def __repr__(self) -> str:
        return repr(self.explorer)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        # Jupyter shows the richest that it can: the widget where a kernel answers, otherwise the page.
        return self.controls._repr_mimebundle_() | self.explorer._repr_mimebundle_()


def retrain(function: Callable[..., Explorer], **controls: Any) -> Retrainable:
    """An explorer that the reader can train again with other parameters.

    >>> def number(n: int = 1):
    ...     return st.explore.Explorer(html=f"<p>{n}</p>", summary=f"The number {n}")
    >>> retrain(number, n=(1, 9))  # where there is no notebook
    <The number 1>

    Args:
        function: makes an explorer, such as `opening`; called with its defaults first, then with what the controls say.
        controls: for some of its parameters, what ipywidgets makes a control of: (lowest, highest) or a list of choices.

    Raises:
        ValueError: a control for a parameter that the function does not have, or that has no default.
    """
    from ipywidgets import interactive  # takes half a second, and only notebooks need it

    parameters = inspect.signature(function).parameters
    for name in controls:
        if name not in parameters or parameters[name].default is inspect.Parameter.empty:
            raise ValueError(f"controls must be for parameters with a default of {function.__name__}, got {name}")

    def again(**values: Any) -> Explorer:
        return function(**values)

    # ipywidgets makes a control for every parameter that it sees. It should see only these, with their defaults.
    seen = [parameters[name].replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in controls]
    again.__signature__ = inspect.Signature(seen)  # type: ignore[attr-defined]
    widget = interactive(again, {"manual": True, "manual_name": "Train again", "auto_display": True}, **controls)
    first = again()
    widget.out.append_display_data(first)
    return Retrainable(first, widget)


guard(__name__)
