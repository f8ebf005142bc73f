"""Explorers with controls that train again where a kernel answers. A page without a kernel shows the first one.

Source: not in the paper.
"""

import inspect
from collections.abc import Callable
from typing import Any

from supertoy._util.border import guard
from supertoy.explore.frame import Explorer


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
