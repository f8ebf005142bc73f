"""Valid arguments for every public function, which `test_bad_input.py` then makes wrong, one at a time."""

import collections.abc
import enum
import importlib
import inspect
import types
import typing
from pathlib import Path

import numpy as np
import torch
from jaxtyping import AbstractArray

SIZES = {"instance": 2, "instances": 2, "_instances": 2, "feature": 4, "hidden": 2, "_hidden": 2, "_feature": 4, "latent": 5}
SMALL = {"n_steps": 4, "batch_size": 8, "n_rows": 64, "n_starts": 1, "n_restarts": 1, "n_trials": 2, "n_shuffles": 5}


def special():
    """Arguments that annotations do not tell: by function, then by parameter."""
    from matplotlib.figure import Figure

    import supertoy as st
    from supertoy.chapters import Chapter
    from supertoy.chapters.computation.motif import Motif
    from supertoy.chapters.phase_change.phases import CANDIDATES
    from supertoy.training import TrainingOptions

    one, sets = st.Independent(4, 0.5), st.CorrelatedSets(2, 2, torch.tensor([[0.5], [0.2]]))
    motif = Motif(0, 0, 0, 1, 1, 1.0, 0.5, -0.5, 0.0)
    pairs = [("a", "b"), ("c", "d")]
    x, weight = torch.rand(2, 5, 4), torch.full((2, 5), 0.2)
    bias, active = torch.ones(2, 3), torch.rand(2, 2, 5)

    tree = {"n_sets": 2, "parent": [None, 0], "probability": 0.5, "child_probability": 0.3}
    fitted = TrainingOptions().fitted(st.ReLUOutputModel(2, 4, 2), one)
    coder = st.research.dictionary.SparseAutoencoder(2, 2, 5)
    axes = Figure().subplots()
    drawn = {"axis": axes, "low": 0.1, "high": 1.0}
    return {
        "attacks.transferred_damage": {"x": x[:1], "weight": weight[:1], "attack": x},
        "compression_loss": {"n_points": 9},
        "compression_losses": {"n_intervals": [2, 3, 4]},
        "train_along": {"path": [one], "learning_rates": [0.01], "n_steps": 2},
        "lowest_losses": {"path": [one] * 3},
        "computation.explorer.neurons": {"n_features": 4, "n_hidden": 3, "probability": [0.5, 0.2], "n_steps": 4},
        "without_inhibition": {"motif": motif},
        "plots.asymmetric_motif": {"motif": motif},
        "single_feature_outputs": {"labels": list("abcd")},
        "part": {"self": Chapter("index", "a"), "name": "explorer"},
        "activations_by_feature": {"panels": {"a": (torch.rand(5), torch.tensor([0, 1, 2, 0, 1]), 1)}},
        "trajectory": {"steps": [1, 2, 3]},
        "local_learning_coefficient": {"data": st.AnticorrelatedSets(1, 4, 1.0), "n_chains": 2},
        "directions_in_space": {"W": torch.rand(3, 3, 4), "set_size": 2},
        "k_gon": {"k": 2, "n_features": 4},
        "k_gons": {"kinds": [(2, 1)], "n_features": 4},
        "stage": {"geometry": "1+1"},
        "path": {"geometries": ["0+0"] * 3},
        "claims.almost_orthogonal": {"n_dimensions": torch.tensor([3, 4, 5]), "guaranteed": torch.ones(3, 3)},
        "recovery.almost_orthogonal": {"n_dimensions": 3, "cosine": 0.5, "patience": 3},
        "compressed_sensing": {
            "n_features": torch.tensor([9, 10, 20]),
            "n_active": torch.tensor([1, 2, 2]),
            "needed": 3 + 3 * torch.rand(3, 3),
        },
        "relation_planes": {"panels": {"a": (pairs, torch.rand(2, 2, 2))}},
        "rotated": {"model": st.ReLUOutputModel(1, 4, 2), "O": torch.eye(2)[None]},
        "guaranteed_directions": {"n_dimensions": 3, "cosine": 0.5},
        "delsarte_bound": {"n_dimensions": 3, "cosine": 0.5},
        "recovered_share": {"n_features": 6, "n_measurements": 4, "n_active": 1},
        "measurements_needed": {"n_measurements": torch.tensor([1, 2, 3]), "recovered": torch.tensor([0.0, 0.5, 1.0])},
        "phase_diagrams": {"panels": {"a": [torch.rand(3, 3), torch.rand(3, 3)]}},
        "loss_against_theory": {"boundaries": [torch.ones(3, 3).long()]},
        "success_rate": {"pairs": pairs},
        "parallelism": {"pairs": pairs},
        "direction": {"pairs": pairs},
        "plane": {"others": pairs},
        "analogy": {"a": "a", "b": "b", "c": "c"},
        "words.load": {"path": Path(__file__).parents[1] / "book" / "data" / "glove.npz"},
        "pairwise_distances": {"W": torch.rand(2, 2, 4), "n_starts": 2},
        "properties_of": {"representation": lambda x: x, "n_features": 4, "n_rows": 64},
        "feature_geometry": {"probability": torch.tensor([0.5, 0.2]), "W": torch.rand(2, 2, 4)},
        "perturbed_pentagon": {"n_ratios": 2, "density": 0.05},
        "shapes_over_sparsity": {"counts": [dict.fromkeys(st.polytopes.POLYTOPES, 1) | {"other": 0}] * 3},
        "benefit_per_dimension": {"benefits": dict.fromkeys(st.polytopes.POLYTOPES, torch.ones(3))},
        "opening": {"n_features": 4, "densities": torch.tensor([1.0, 0.1])},
        "phase_plane": {"n_points": 2, "n_restarts": 1},
        "Candidate": vars(CANDIDATES[2][0]),
        "thomson": {"name": "pentagon", "packing": torch.rand(5, 2).numpy()},
        "gain_per_activation": {"model": st.ReLUHiddenModel(2, 4, 2), "n_rows": 64},
        "check": {"id": "appendix/nonlinear-compression", "cases": [{"loss": 0.1, "mean_loss": 0.2}]},
        "straight_line": {"x": np.arange(3.0), "y": np.array([1.0, 2.0, 4.0])},
        "series_panels": {"x": np.arange(3.0)},
        "CorrelatedSets.set_rows": {"self": sets, "active": active, "uniform": torch.rand(2, 4, 5)},
        "AnticorrelatedSets.set_rows": {"active": active, "uniform": torch.rand(2, 2, 5)},
        "PartlyCorrelatedPairs.set_rows": {"active": active, "uniform": torch.rand(2, 6, 5)},
        "FeatureDistribution.rows": {"self": one, "uniform": torch.rand(2, 1, 5, 5)},
        "FeatureDistribution.states": {"block": 0},
        "FeatureDistribution": {"n_sets": 0, "set_size": 1, "n_single": 4, "probability": torch.full((1, 4), 0.5)},
        "HierarchicalSets": tree,
        "HierarchicalSets.set_states": {"self": st.HierarchicalSets(**tree)},
        "HierarchicalSets.set_activity": {"self": st.HierarchicalSets(**tree)},
        "HierarchicalSets.set_rows": {
            "self": st.HierarchicalSets(**tree),
            "active": active[:1],
            "uniform": torch.rand(1, 2 * st.HierarchicalSets(**tree).draws_per_set, 5),
        },
        "ExactlyK.set_rows": {"self": st.ExactlyK(4, 2), "active": active[:1, :1], "uniform": torch.rand(1, 8, 5)},
        "Uniform": {"low": 0.0},
        "Uniform.of_uniform": {"self": st.values.UNIT},
        "Uniform.nodes": {"self": st.values.UNIT},
        "initial": {"name": "W"},
        "like": {"parameters": dict(st.ReLUOutputModel(2, 4, 2).named_parameters())},
        "BatchedModel.select": {"instances": slice(0, 1)},
        "Data.select": {"self": one, "instances": slice(0, 1)},
        "Data.to": {"self": one},
        "Data.expand": {"self": one},
        "sampled_loss": {"model": st.ReLUOutputModel(2, 4, 2), "x": x, "weight": weight},
        "expected_value": {"loss": lambda model, x, weight: (weight * model(x).sum(-1)).sum(1)},
        "files.save": {"path": "a.safetensors"},
        "files.load": {"path": "a.safetensors"},
        "load_published": {"source": {"W": torch.rand(2, 3, 4), "b": torch.zeros(2, 4)}, "axes": "instance hidden feature"},
        "FeatureDistribution.select": {"instances": slice(0, 1)},
        "ToyModel.select": {"instances": slice(0, 1)},
        "minimize": {"loss": lambda x, weight: bias.square().sum(1), "parameters": [bias], "data": one},
        "frame.explorer": {
            "path": Path(st.explore.__file__).parents[1] / "chapters/dynamics/trajectory",
            "data": {},
            "title": "a",
            "summary": "a",
            "shape": "a",
        },
        "rounded": {"values": [0.5]},
        "retrain": {"function": lambda n=1: st.explore.Explorer("a", "b"), "n": (1, 2)},
        "SparseAutoencoder.initial": {"self": coder, "name": "decoder"},
        "SparseAutoencoder.settle": {"self": coder},
        "SparseAutoencoder.latents": {"self": coder},
        "train_together": {"coders": [coder], "data": st.Samples(torch.rand(9, coder.n_features))},
        "SparseAutoencoder.forward": {"self": coder},
        "Activations": {"model": st.ReLUOutputModel(2, 4, 2), "data": one},
        "packings": {"points": [torch.randn(6, 3).numpy()]},
        "colour_key": {"axis": axes, "cmap": st.plots.style.SIGNED, "limits": (0.0, 1.0)},
        "plain_log_axis": drawn | {"which": "x"},
        "plain_ticks": {"low": 0.1, "high": 1.0},
        "checked_titles": {"titles": ["a", "b"]},
        "interference_of": {"points": np.array([[1.0, 0.5], [0.2, 1.0]])},
        "TrainingOptions.select": {"self": fitted, "part": slice(0, 1)},
        "show_options": {"function": lambda **options: None},
        "nearest_pca_solution": {"data": one},
        "settled": {"energy": lambda unit: (float(unit.sum()), np.ones_like(unit)), "n_restarts": 1},
        "n_directions": {"set_size": 2},
        "collapsed": {"set_size": 2},
        "gram_by_set": {"set_size": 2},
        "capacity_over_density": {"set_size": 2},
    }


def torch_of(hint, name):
    """A tensor as annotated, with values that suit its name."""
    shape = []
    for axis in hint.dim_str.split():
        axis = axis.lstrip("#_")
        shape += [3] if axis[0] in "*." else [int(axis) if axis.isdigit() else SIZES.get(axis, 3)]
    generator = torch.Generator().manual_seed(len(shape) + sum(shape))
    values = 0.1 + 0.8 * torch.rand(shape, generator=generator)
    if name == "weight":
        values = values / values.sum(-1, keepdim=True)
    if name in ("probability", "density"):
        values = values.sort(-1, descending=True).values
    if name in ("x", "ratio", "norm") and len(shape) == 1:
        values = values.sort().values
    if hint.dtype.__name__ == "Int":
        values = torch.arange(1, 1 + values.numel()).view(shape) if name == "steps" else (3 * values).long()
    if hint.dtype.__name__ == "Bool":
        values = values > 0.5
    return values.numpy() if hint.array_type is np.ndarray else values


def members(hint):
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def is_array(hint):
    return inspect.isclass(hint) and issubclass(hint, AbstractArray)


def valid(hint, name):
    """A value that fits an annotation."""
    import supertoy as st

    hint = next(each for each in members(hint) if each is not type(None))
    origin, inside = typing.get_origin(hint), [each for each in typing.get_args(hint) if each is not Ellipsis]
    if is_array(hint):
        return torch_of(hint, name)
    if hint in (st.Data, st.FeatureDistribution) or "Data" in str(getattr(hint, "__bound__", "")):
        return st.Independent(4, torch.tensor([[0.5], [0.2]]))
    if isinstance(hint, typing.TypeVar) or (inspect.isclass(hint) and issubclass(hint, st.BatchedModel)):
        is_own = inspect.isclass(hint) and (hint.__init__ is st.ToyModel.__init__ or hint.__name__ == "HiddenBiasModel")
        own = hint if is_own and hasattr(hint, "output_relu") else None
        if hint is st.ActivationOutputModel:
            return hint(2, 4, 2, activation=torch.relu)
        return (
            own or (st.AbsoluteValueModel if "Function" in str(hint) or "Absolute" in str(hint) else st.ReLUOutputModel)
        )(2, 4, 2)
    if origin is typing.Literal:
        return inside[0]
    if origin in (dict, collections.abc.Mapping):
        return {"a" if inside[0] in (str, typing.Any) else valid(inside[0], name): valid(inside[1], name)}
    if origin is tuple:
        return tuple(valid(each, name) for each in inside)
    if origin in (list, collections.abc.Sequence, collections.abc.Iterable):
        return [letter if inside[0] is str else valid(inside[0], name) for letter in "abc"]
    if origin is collections.abc.Callable:
        return torch.relu
    if inspect.isclass(hint) and issubclass(hint, enum.Enum):
        return next(iter(hint))
    simple = {int: SMALL.get(name, 2), float: 0.5, str: "a", bool: False, torch.Tensor: torch.ones(2), typing.Any: "a"}
    if hint in simple:
        return simple[hint]
    if hint.__name__ == "WordVectors":
        return hint(list("abcde"), torch.eye(5, 3) + 0.1)
    if hint.__module__.startswith("supertoy"):
        return hint(**arguments(f"{hint.__module__}.{hint.__name__}", hint)[0])
    return hint()


def arguments(full_name, function):
    """A valid call, and the annotations of what can be changed. A parameter with a default is left out."""

    given, hints, known = {}, {}, {}
    for end, values in special().items():
        if full_name.endswith("." + end):
            known |= values
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        name, hint = parameter.name, parameter.annotation
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if hint is not parameter.empty:
            hints[name] = hint
        elif name not in known:  # self
            module, owner = full_name.split(".")[:-2], full_name.split(".")[-2]
            known[name] = valid(getattr(importlib.import_module(".".join(module)), owner), name)
        if name in known:
            given[name] = known[name]
        elif parameter.default is parameter.empty or (name in SMALL and hint is int):
            given[name] = valid(hint, name)
    return given | {name: value for name, value in known.items() if name not in hints and name not in given}, hints
