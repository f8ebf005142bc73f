"""What comes in through a public function is checked, or made to fit, before anything is computed."""

import importlib
import inspect
import math
import pickle
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

import supertoy as st
from supertoy import measures, theory
from supertoy._util.border import guarded
from supertoy.chapters.strategic_picture import dictionary_scores
from supertoy.chapters.superposition import packings
from tests.test_bad_input import NOT_YET  # modules whose guard is still to come

W = torch.tensor([[[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]])


def public_functions():
    """Every public function and method of the package, by its full name."""
    for info in pkgutil.walk_packages(st.__path__, "supertoy."):
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            if name.startswith("_") or getattr(value, "__module__", "") != info.name:
                continue
            if inspect.isfunction(value):
                yield info.name, f"{info.name}.{name}", value
            for method, member in vars(value).items() if inspect.isclass(value) else ():
                function = getattr(member, "__func__", member)
                if inspect.isfunction(function) and (method == "__init__" or not method.startswith("_")):
                    yield info.name, f"{info.name}.{name}.{method}", function


def test_every_public_function_is_guarded():
    found = [*public_functions()]
    assert len(found) > 300
    assert not [name for module, name, function in found if module not in NOT_YET and not hasattr(function, "is_guarded")]
    assert not [name for module, name, function in found if module in NOT_YET and hasattr(function, "is_guarded")]


@guarded
def takes(
    W: Float[Tensor, "instance feature"],
    b: Float[Tensor, "instance"] | float = 0.0,
    n: int = 1,
    *more: int,
    seed: int = 0,
    names: Sequence[str] = (),
    panels: Mapping[str, tuple[Float[Tensor, "_row"], int]] = {},
    way: Literal["up", "down"] = "up",
    points: np.ndarray | None = None,
    function: Callable[[Tensor], Tensor] = torch.relu,
    weight: Float[Tensor, "row"] | None = None,
) -> tuple[object, ...]:
    """A function with parameters of many kinds."""
    return W, b, n


ONES = torch.ones(2, 3)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        ((None,), {}, TypeError, r"takes: W must be Float\[Tensor, 'instance feature'\], got None"),
        (([[1.0]],), {}, TypeError, r"W must be Float\[Tensor, .*, got list \[\[1.0\]\]"),
        ((ONES.long(),), {}, TypeError, r"W must be .*, got int64 tensor of shape \[2, 3\]"),
        ((ONES + 0j,), {}, TypeError, r"W must be .*, got complex64 tensor of shape \[2, 3\]"),
        ((np.array(["a"]),), {}, TypeError, r"W must be .*, got <U1 numpy array of shape \[1\]"),
        ((ONES[0],), {}, ValueError, r"W must be .*, got float32 tensor of shape \[3\]"),
        ((ONES * torch.nan,), {}, ValueError, r"W must be finite; got nan"),
        ((ONES, torch.ones(3)), {}, ValueError, r"b must be .* \| float, got .* of shape \[3\]; instance is 2 in W"),
        ((ONES, math.inf), {}, ValueError, "b must be finite, got inf"),
        ((ONES, True), {}, TypeError, r"b must be .* \| float, got bool True"),
        ((ONES, 0.0, 1.5), {}, TypeError, "n must be int, got float 1.5"),
        ((ONES, 0.0, True), {}, TypeError, "n must be int, got bool True"),
        ((ONES, 0.0, torch.tensor(1.5)), {}, TypeError, "n must be int, got float 1.5"),
        ((ONES, 0.0, 1, 2, "a"), {}, TypeError, r"more\[1\] must be int, got str 'a'"),
        ((ONES,), {"seed": -1}, ValueError, "takes: seed must be at least 0, got -1"),
        ((ONES,), {"names": "ab"}, TypeError, r"names must be Sequence\[str\], got str 'ab'"),
        ((ONES, 0.0, 1, 2, True), {}, TypeError, r"more\[1\] must be int, got bool True"),
        ((ONES,), {"names": ["a"] * 99 + [1]}, TypeError, r"names\[99\] must be str, got int 1"),
        (
            (ONES,),
            {"panels": {"p": (ONES, 1)}},
            ValueError,
            r"panels\['p'\]\[0\] must be Float\[Tensor, '_row'\], got .* \[2, 3\]",
        ),
        ((ONES,), {"panels": {"p": (ONES[0],)}}, TypeError, r"panels\['p'\] must be tuple\[Float\[Tensor, '_row'\], int\]"),
        ((ONES,), {"way": "sideways"}, TypeError, r"way must be Literal\['up', 'down'\], got str 'sideways'"),
        ((ONES,), {"points": ONES}, TypeError, r"points must be ndarray \| None, got float32 tensor of shape \[2, 3\]"),
        ((ONES,), {"function": 1}, TypeError, r"function must be Callable\[\[Tensor\], Tensor\], got int 1"),
        (
            (ONES,),
            {"weight": torch.tensor([0.5, 0.6])},
            ValueError,
            "weight must add up to 1 over the rows, got a sum",
        ),
        ((), {}, TypeError, "missing 1 required positional argument: 'W'"),
        ((ONES,), {"other": 1}, TypeError, "got an unexpected keyword argument 'other'"),
    ],
)
def test_what_does_not_fit_is_refused_in_plain_words(arguments, options, kind, message):
    with pytest.raises(kind, match=message) as refused:
        takes(*arguments, **options)
    assert refused.type is kind


def test_numbers_and_arrays_of_numpy_become_what_is_wanted():
    array = np.ones((2, 3), dtype=np.float32)[:, ::-1]
    array.flags.writeable = False
    tensor, number, count = takes(array, np.float32(0.5), np.int64(3))
    assert torch.equal(tensor, ONES)
    assert (type(number), number, type(count), count) == (float, 0.5, int, 3)
    assert takes(ONES, 0.0, torch.tensor(3))[2] == 3
    assert torch.equal(takes(np.ones((2, 3), dtype=">f4"))[0], ONES)  # the bytes in the other order
    assert torch.equal(takes(ONES, np.zeros(2, dtype=np.float32))[1], torch.zeros(2))


def test_gradients_go_through_where_nothing_is_drawn():
    needs_gradient = ONES.clone().requires_grad_()
    assert takes(needs_gradient)[0] is needs_gradient
    drawn = guarded(lambda panels: panels, detach=True)
    assert drawn({"a": needs_gradient})["a"].requires_grad  # not annotated, so nobody knows what it is

    def draw(panels: Mapping[str, Tensor], levels: Sequence[Tensor]) -> tuple[Mapping[str, Tensor], Sequence[Tensor]]:
        return panels, levels

    panels, levels = guarded(draw, detach=True)({"a": needs_gradient}, [needs_gradient * torch.nan])
    assert not panels["a"].requires_grad
    assert not levels[0].requires_grad


def test_figures_take_weights_that_are_trained():
    model = st.ReLUOutputModel(1, 5, 2)
    assert model.W.requires_grad
    assert st.plots.feature_directions(model.W).axes


def test_calls_from_inside_the_package_are_not_checked():
    inside = {"__name__": "supertoy.somewhere", "takes": takes, "W": ONES}
    assert eval("takes(W, n=1.5)", inside)[2] == 1.5
    with pytest.raises(TypeError, match="n must be int"):
        eval("takes(W, n=1.5)", inside | {"__name__": "__main__"})
    inside["takes"] = guarded(takes.__wrapped__, inside=True)
    with pytest.raises(TypeError, match="n must be int"):
        eval("takes(W, n=1.5)", inside)


def test_gaps_may_be_anything_but_of_another_kind():
    def crossing(falling: Float[Tensor, "x"], x: Float[Tensor, "x"]) -> float:
        return float(falling.nansum())

    checked = guarded(crossing, gaps=("falling",))
    assert checked(torch.tensor([torch.nan, 1.0]), torch.ones(2)) == 1
    with pytest.raises(ValueError, match="x must be finite"):
        checked(torch.ones(2), torch.tensor([torch.inf, 1.0]))
    with pytest.raises(TypeError, match="falling must be"):
        checked(torch.ones(2, dtype=torch.int64), torch.ones(2))


def test_a_model_must_be_finite_too():
    def look(model: st.ToyModel) -> int:
        return model.n_features

    model = st.ReLUOutputModel(1, 2, 1)
    assert guarded(look)(model) == 2
    with torch.no_grad():
        model.b[0, 1] = torch.inf
    with pytest.raises(ValueError, match=r"look: model\.b must be finite; got inf at \[instance 0, feature 1\]"):
        guarded(look)(model)


def test_large_numbers_are_finite_though_their_sum_is_not():
    assert measures.feature_norms(torch.full((1, 2, 3), 2e38)).shape == (1, 3)


def test_a_guarded_function_is_what_it_was():
    function = measures.feature_norms
    assert inspect.signature(function).parameters.keys() == {"W"}
    assert function.__module__ == "supertoy.measures"
    assert "‖W_i‖" in function.__doc__
    assert pickle.loads(pickle.dumps(function)) is function
    assert guarded(function) is function
    with pytest.raises(RuntimeError, match="its own"):
        guarded(lambda: (_ for _ in ()).throw(RuntimeError("its own")).__next__())()


def test_public_functions_refuse_at_the_call():
    with pytest.raises(ValueError, match=r"b must be .*, got float32 tensor of shape \[1, 2\]; feature is 3 in W"):
        theory.one_sparse_loss_terms(W, torch.zeros(1, 2))
    with pytest.raises(ValueError, match="; instance is 1 in found"):
        dictionary_scores.mean_max_cosine(torch.ones(1, 2, 2), torch.ones(2, 3, 2))
    for seed in (-1, 1.5, "a", None):
        with pytest.raises((TypeError, ValueError), match="least_interference: seed must be"):
            packings.least_interference(2, 2, seed=seed)


def test_integers_are_counted_as_such():
    def counts(n: Int[Tensor, "size"]) -> int:
        return int(n.sum())

    assert guarded(counts)(np.array([1, 2])) == 3
    with pytest.raises(TypeError, match=r"n must be Int\[Tensor, 'size'\], got float32 tensor of shape \[2\]"):
        guarded(counts)(torch.ones(2))
