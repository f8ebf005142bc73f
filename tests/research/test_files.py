"""Saving, loading and published weights: the same bits come back, and what does not fit is refused in a sentence."""

import hashlib
import json
import os
import subprocess
import sys
from functools import partial
from io import BytesIO

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from safetensors.torch import save as safetensors_bytes
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.computation import HiddenBiasModel
from supertoy.research import _store as store
from supertoy.research.files import load_published
from tests.strategies import ALL_MODELS, CurvedModel, GELUModel


class TwoLayers(st.BatchedModel):
    def __init__(self, n_instances, n_features, **options):
        shapes = {"W1": (3, n_features), "W2": (2, 3), "V": (n_features, 2), "b": (n_features,)}
        super().__init__(n_instances, n_features, shapes, **options)
        self.register_buffer("gain", torch.linspace(0.5, 2, n_instances, dtype=self.dtype)[:, None, None])
        self.register_buffer("mask", torch.tensor([[True, False]]).expand(n_instances, 2))
        self.register_buffer("scratch", torch.full((1,), float("inf")), persistent=False)

    def forward(self, x):
        return (x @ self.W1.mT @ self.W2.mT @ self.V.mT * self.gain + self.b[:, None]).relu()


class NestedModel(st.ReLUOutputModel):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.inner = torch.nn.Linear(2, 1, bias=False)
        self.inner.register_buffer("steps", torch.tensor(7))


def make(kind, dtype=torch.float32, seed=0):
    sizes = (3, 6) if kind is TwoLayers else (3, 6, 4)
    return kind(*sizes, dtype=dtype, seed=seed)


def state(model):
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def same(a, b):
    """Names, dtypes, shapes and bits, and what is frozen."""
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype
        assert torch.equal(a[name], b[name])
        assert a[name].requires_grad == b[name].requires_grad
    return True


def same_record(a, b):
    assert a.path == b.path
    assert repr(a) == repr(b)
    assert a.snapshots.keys() == b.snapshots.keys()
    assert list(a.snapshots) == sorted(a.snapshots)
    for step, tensors in a.snapshots.items():
        same(tensors, b.snapshots[step])
    return same(*({name: getattr(r, name) for name in ("losses", "restart_losses", "restart", "loss")} for r in (a, b)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "toy.safetensors"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", [*ALL_MODELS, HiddenBiasModel, TwoLayers, NestedModel])
def test_every_model_comes_back_to_the_bit(kind, dtype, path):
    model = make(kind, dtype, seed=5)
    with torch.no_grad():
        model.b.copy_(torch.linspace(-1, 1, 18).view(3, 6))
    model.b.requires_grad_(False)
    st.save(path, model)
    own_code = kind in (GELUModel, CurvedModel, TwoLayers, NestedModel, HiddenBiasModel)
    like = make(kind, dtype) if own_code else None
    before = {name: value.detach().clone() for name, value in state(like).items()} if own_code else {}
    loaded, record, description = st.load(path, like)
    assert type(loaded) is kind
    assert record is None
    assert description["frozen"] == ["b"]
    assert same(state(loaded), state(model))
    x = torch.linspace(0, 1, 12, dtype=dtype).view(1, 2, 6)
    assert torch.equal(loaded(x), model(x))
    assert repr(loaded) == repr(model)
    if own_code:  # it is as it was, and shares nothing
        assert loaded is not like
        with torch.no_grad():
            for value in loaded.parameters():
                value.fill_(3)
        assert all(torch.equal(value, before[name]) for name, value in state(like).items())
        assert like.b.requires_grad


@pytest.mark.parametrize("train", [st.train, partial(st.sweep, shard_size=2)], ids=["train", "sweep"])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_record_comes_back_with_its_loss(train, frozen, path):
    model = st.ReLUOutputModel(3, 5, 2)
    model.b.requires_grad_(not frozen)
    record = train(model, st.Independent(5, 0.2), n_steps=12, n_restarts=4, snapshot_steps=[0, 9, 10])
    st.save(path, model, record, notes={"why": "ünïcode", "sizes": [1, 2.5, None]})
    loaded, again, description = st.load(str(path))
    assert same(state(loaded), state(model))
    assert same_record(again, record)
    assert again.evaluate is None
    assert list(again.snapshots) == [0, 9, 10]
    assert description["notes"] == {"why": "ünïcode", "sizes": [1, 2.5, None]}
    assert description["path"] == ("autograd" if frozen else "fast step")
    st.save(path, loaded, again, notes=description["notes"])
    assert same_record(st.load(path)[1], record)


def test_a_record_of_one_start_has_no_rows_of_restarts(path):
    model = st.LinearModel(2, 3, 1)
    record = st.train(model, st.Independent(3, 0.2), n_steps=3, n_restarts=1)
    st.save(path, model, record)
    assert st.load(path)[1].restart_losses.shape == (0, 2)


def test_a_loaded_model_trains_on(path):
    model, data = st.ReLUOutputModel(2, 4, 2), st.Independent(4, 0.3)
    st.save(path, model)
    loaded = st.load(path)[0]
    for each in (model, loaded):
        st.train(each, data, n_steps=20)
    assert same(state(loaded), state(model))


def test_another_process_reads_the_same(path):
    model = make(TwoLayers, torch.float64, seed=2)
    record = st.train(model, st.Independent(6, 0.2), n_steps=3, n_restarts=1)
    st.save(path, model, record)
    code = (
        "import hashlib, sys, supertoy as st; from tests.research.test_files import TwoLayers, make\n"
        "import torch; model, record, _ = st.load(sys.argv[1], make(TwoLayers, torch.float64))\n"
        "for value in (model.W1, model.gain, record.loss): "
        "print(hashlib.sha256(value.detach().numpy().tobytes()).hexdigest())"
    )
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    wanted = [hashlib.sha256(v.detach().numpy().tobytes()).hexdigest() for v in (model.W1, model.gain, record.loss)]
    assert run.stdout.split() == wanted


def test_the_file_is_what_the_module_says_that_it_is(path):
    model = make(st.ReLUOutputModel)
    record = st.train(model, st.Independent(6, 0.2), n_steps=3, snapshot_steps=[2])
    st.save(path, model, record)
    tensors = load_file(path)
    assert {*tensors} == {"W", "b", "record/snapshot 2 W", "record/snapshot 2 b"} | {
        f"record/{name}" for name in ("losses", "restart_losses", "restart", "loss")
    }
    assert torch.equal(tensors["W"], model.W)
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    found = json.loads(header["__metadata__"]["supertoy"])
    assert found["format"] == 1
    assert (found["supertoy"], found["torch"]) == (st.__version__, torch.__version__)
    assert (found["class"], found["dtype"], found["alone"]) == ("ReLUOutputModel", "float32", True)
    assert found["sizes"] == {"n_instances": 3, "n_features": 6, "n_hidden": 4}
    bits = hashlib.sha256(model.W.detach().numpy().tobytes()).hexdigest()
    assert found["tensors"]["W"] == ["torch.float32", [3, 4, 6], bits]
    st.save(path, model, record)
    assert path.read_bytes() == content  # the same arguments give the same bytes


def test_parameters_that_share_memory_are_saved_whole(path):
    model, together = st.LinearModel(2, 3, 2), torch.linspace(0, 1, 18)
    model = model.like({"W": together[:12].view(2, 2, 3), "b": together[12:].view(2, 3)})
    st.save(path, model)
    assert same(state(st.load(path)[0]), state(model))


def change_the_function(model):
    model.function = torch.square


def add_a_buffer(model):
    model.register_buffer("gain", torch.ones(1))


def change_the_forward_pass(model):
    model.forward = lambda x: 2 * x


@pytest.mark.parametrize("change", [change_the_function, add_a_buffer, change_the_forward_pass])
def test_an_instance_that_differs_from_its_class_does_not_come_back_as_another(change, path):
    model = make(st.AbsoluteValueModel)
    change(model)
    st.save(path, model)
    with pytest.raises(ValueError, match=r"model must be given for .*toy.safetensors, since no file holds code of yours"):
        st.load(path)
    loaded = st.load(path, model)[0]
    assert same(state(loaded), state(model))
    assert torch.equal(loaded.target(torch.full((1, 1, 6), -3.0)), model.target(torch.full((1, 1, 6), -3.0)))


def test_code_of_ones_own_has_to_be_given_and_to_fit(path):
    st.save(path, make(GELUModel))
    message = (
        r"model must be given for .*toy.safetensors, since no file holds code of yours; pass a GELUModel of "
        r"\{'n_instances': 3, 'n_features': 6, 'n_hidden': 4\}, float32"
    )
    with pytest.raises(ValueError, match=message):
        st.load(path)
    for wrong in (make(st.ReLUOutputModel), GELUModel(2, 6, 4), GELUModel(3, 6, 5), make(GELUModel, torch.float64)):
        with pytest.raises(ValueError, match=r"model must be a GELUModel of .*: W \[3, 4, 6\] torch.float32, b \[3, 6\]"):
            st.load(path, wrong)
    assert same(state(st.load(path, make(GELUModel, seed=3))[0]), state(make(GELUModel)))


def test_wrong_kinds_and_values_are_refused_before_anything_is_written(path):
    model = make(st.ReLUOutputModel)
    record = st.train(st.ReLUOutputModel(2, 6, 4), st.Independent(6, 0.2), n_steps=2, n_restarts=1)
    broken = make(st.ReLUOutputModel)
    broken.W.data[1, 2, 3] = float("nan")
    for arguments, error, message in [
        ((3, model), TypeError, "path"),
        ((path, model.W), TypeError, "model must be BatchedModel"),
        ((path, model, "a record"), TypeError, r"record must be Record \| None"),
        ((path.with_suffix(".pt"), model), ValueError, r"path must end in .safetensors, got toy.pt"),
        ((path, model, record), ValueError, "record must be of 3 instances, as the model, got 2"),
        ((path, broken), ValueError, r"W must be finite; got nan at"),
    ]:
        with pytest.raises(error, match=message):
            st.save(*arguments)
    for notes in (torch.ones(1), {"a": {1}}):
        with pytest.raises(TypeError, match="notes must be what JSON knows, such as a text or a dict: "):
            st.save(path, model, notes=notes)
    with pytest.raises(TypeError, match="path"):
        st.load(None)
    with pytest.raises(TypeError, match=r"model must be BatchedModel \| None"):
        st.load(path, st.ReLUOutputModel)
    assert not os.listdir(path.parent)


def test_a_file_that_cannot_be_written_or_read_says_so_and_the_older_one_stays(path, monkeypatch):
    model = make(st.ReLUOutputModel)
    st.save(path, model)
    content = path.read_bytes()
    with pytest.raises(FileNotFoundError, match=r"no/toy.safetensors could not be written: No such .*; name another path"):
        st.save(path.parent / "no" / "toy.safetensors", model)
    with pytest.raises(NotADirectoryError, match=r"could not be written: Not a directory"):
        st.save(path / "toy.safetensors", model)
    with pytest.raises(FileNotFoundError, match=r"no.safetensors"):
        st.load(path.parent / "no.safetensors")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", fail)
    with pytest.raises(OSError, match=r"toy.safetensors could not be written: No space left on device; name another path"):
        st.save(path, model, notes="longer than before")
    assert os.listdir(path.parent) == ["toy.safetensors"]
    assert path.read_bytes() == content


def test_any_flipped_byte_and_any_cut_is_found(path):
    model = st.LinearModel(1, 2, 1)
    st.save(path, model, notes="a note")
    content = path.read_bytes()
    for at in range(8, len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(ValueError, match=r"toy\.safetensors"):
            st.load(path)
    for length in (0, 7, 20, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"toy.safetensors must hold tensors by name and nothing else, but"):
            st.load(path)
    path.write_bytes(content)
    assert same(state(st.load(path)[0]), state(model))


def rewritten(path, tensors, changes):
    """The same file with other tensors or another description, sealed as it should be."""
    content = path.read_bytes()
    text = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]["supertoy"]
    described = json.loads(text)
    del described["sha256"]
    for name, value in tensors.items():
        bits = hashlib.sha256(value.numpy().tobytes()).hexdigest()
        described["tensors"][name] = [str(value.dtype), list(value.shape), bits]
    text = json.dumps({**described, **changes})
    text = f'{text[:-1]}, "sha256": "{hashlib.sha256(text.encode()).hexdigest()}"}}'
    path.write_bytes(safetensors_bytes({**load_file(path), **tensors}, {"supertoy": text}))


def test_newer_formats_and_whole_files_of_what_no_model_is_are_refused(path):
    model = st.LinearModel(1, 2, 1)
    for tensors, changes, message in [
        ({}, {"format": 2, "tensors": "elsewhere"}, r"path must be of format 1, got .* of 2: update supertoy"),
        ({"W": torch.full((1, 1, 2), float("inf"))}, {}, r"W must be finite; got inf at \[0, 0, 0\]"),
        (
            {"W": torch.zeros(1, 2, 2)},
            {},
            r"model must be a LinearModel of .*: W \[1, 2, 2\] .* got a LinearModel: W \[1, 1, 2\]",
        ),
        (
            {"b": torch.zeros(1, 2).double()},
            {},
            r"model must be a LinearModel of .* b \[1, 2\] torch.float64; got a LinearModel",
        ),
        ({"c": torch.zeros(1, 1)}, {}, r"model must be a LinearModel of .* c \[1, 1\] torch.float32; got a LinearModel"),
        ({}, {"tensors": {}}, "a tensor of which is damaged"),
    ]:
        st.save(path, model)
        rewritten(path, tensors, changes)
        with pytest.raises(ValueError, match=message):
            st.load(path)
    st.save(path, model)
    rewritten(path, {"b": torch.tensor([[1.0, 2.0]])}, {})
    assert st.load(path)[0].b.tolist() == [[1, 2]]  # so that the others are refused for what they say


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_foreign_file_is_refused_with_what_is_in_it(metadata, path):
    save_file({"weight": torch.zeros(2, 3)}, path, metadata)
    message = r"path must be a file of st.save, got .*, which has weight \[2, 3\] torch.float32: see load_published"
    with pytest.raises(ValueError, match=message):
        st.load(path)
    torch.save({"W": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="must hold tensors by name and nothing else, but cannot be read"):
        st.load(path)


# Published weights. The instances are 2, the features 3, the hidden dimension is 1; x' = ReLU(WᵀW x + b) by hand:
# W x = x1 - x2 + 2 x3 in instance 0, and half of that in instance 1.
W = np.array([[[1.0, -1.0, 2.0]], [[0.5, -0.5, 1.0]]], dtype=np.float32)  # [instance, hidden, feature]
B = np.array([[0.0, 0.5, -1.0], [0.0, 0.0, 0.25]], dtype=np.float32)
X = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
OUT = torch.tensor([[[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]], [[0.25, 0.0, 0.75], [0.25, 0.0, 0.75]]])


@pytest.mark.parametrize("wrap", [torch.tensor, np.asarray], ids=["torch", "numpy"])
@pytest.mark.parametrize(
    ("weights", "axes"),
    [
        ({"W": W.transpose(0, 2, 1), "b_final": B}, "instance feature hidden"),  # the authors
        ({"W": W, "b_final": B}, "instance hidden feature"),  # ARENA
        ({"W": W.transpose(2, 1, 0), "b": B.T}, "feature hidden instance"),
        ({"W": W, "b": B.T}, {"W": "instance hidden feature", "b": "feature instance"}),
    ],
)
def test_published_conventions_compute_what_they_computed(weights, axes, wrap):
    model = load_published({name: wrap(value) for name, value in weights.items()}, axes)
    assert type(model) is st.ReLUOutputModel
    assert torch.equal(model(X), OUT)
    assert model.W.requires_grad
    assert model.W.is_contiguous()


@pytest.mark.parametrize(("weights", "axes"), [(W[0], "hidden feature"), (W[0].T, "feature hidden")])
def test_weights_without_instances_are_one_instance(weights, axes):
    source = {"W": weights, "b": B[0]}
    model = load_published(source, axes)
    assert torch.equal(model(X), OUT[:1])
    with torch.no_grad():
        model.W.zero_()
    assert source["W"].any()  # a copy


def test_square_weights_are_what_the_axes_say():
    square = np.array([[0.0, 1.0], [0.0, 0.0]])
    for axes, wanted in (("hidden feature", square), ("feature hidden", square.T)):
        assert load_published({"W": square, "b": np.zeros(2)}, axes).W[0].tolist() == wanted.tolist()


def test_other_kinds_have_weights_by_name():
    W1, W2 = torch.randn(2, 5, 3), torch.randn(2, 3, 5)
    source = {"W1": W1, "W2": W2.mT, "b": torch.zeros(2, 3)}
    model = load_published(source, "instance hidden feature", kind=st.AbsoluteValueModel)
    assert torch.equal(model.W1, W1)
    assert torch.equal(model.W2, W2)
    axes = {"W1": "instance hidden feature", "W2": "instance feature hidden", "b": "instance feature"}
    kind = partial(st.FunctionModel, function=torch.square)
    model = load_published({**source, "W2": W2}, axes, kind=kind)
    assert torch.equal(model.W2, W2)
    assert model.function is torch.square
    bias = {"W": W, "b": B, "c": np.ones((2, 1), dtype=np.float32)}
    assert load_published(bias, "instance hidden feature", kind=HiddenBiasModel).c.tolist() == [[1], [1]]


def test_other_names_are_told_and_what_is_no_weight_is_left_out():
    source = {"embed": W, "b_final": B, "importance": np.ones(3)}
    names = {"embed": "W", "importance": None}
    assert torch.equal(load_published(source, "instance hidden feature", names=names)(X), OUT)


@pytest.mark.parametrize("layout", ["F", "reversed", "big-endian", "read-only"])
def test_numpy_arrays_of_any_layout_will_do(layout):
    array = W.copy()
    if layout == "F":
        array = np.asfortranarray(array)
    elif layout == "reversed":
        array = array[::-1].copy()[::-1]
    elif layout == "big-endian":
        array = array.astype(">f4")
    else:
        array.setflags(write=False)
    assert torch.equal(load_published({"W": array, "b": B}, "instance hidden feature")(X), OUT)


def as_safetensors(path, weights):
    save_file({name: torch.tensor(value) for name, value in weights.items()}, path)


def as_state_dict(path, weights):
    torch.save({name: torch.tensor(value) for name, value in weights.items()}, path)


@pytest.mark.parametrize(
    ("suffix", "write"),
    [
        ("safetensors", as_safetensors),
        ("npz", lambda path, weights: np.savez(path, **weights)),
        ("pt", as_state_dict),
        ("bin", as_state_dict),
    ],
)
def test_files_of_others_are_read(suffix, write, tmp_path):
    path = tmp_path / f"theirs.{suffix}"
    write(path, {"W": W, "b_final": B})
    assert torch.equal(load_published(path, "instance hidden feature")(X), OUT)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=rf"theirs.{suffix} must hold tensors by name and nothing else, but cannot be read"):
        load_published(str(path), "instance hidden feature")


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


@pytest.mark.parametrize("suffix", ["pt", "npz"])
def test_nothing_in_a_file_is_executed(suffix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, content = tmp_path / f"theirs.{suffix}", BytesIO()
    if suffix == "pt":
        torch.save({"W": Bomb()}, content)
    else:
        np.savez(content, W=np.array([Bomb()], dtype=object))
    path.write_bytes(content.getvalue())
    with pytest.raises(ValueError, match="must hold tensors by name and nothing else"):
        load_published(path, "instance hidden feature")
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("weights", "axes", "error", "message"),
    [
        ({"W": W}, "instance hidden feature", ValueError, "source must hold W and b, .* got W$"),
        ({"b": B}, "instance hidden feature", ValueError, "source must hold W and b, .* got b$"),
        ({"W": W, "b": B, "p": B}, "instance hidden feature", ValueError, "source must hold .* got W, b, p"),
        ({"W": W, "b": B, "b_final": B}, "instance hidden feature", ValueError, "source must hold .* got W, b, b_final"),
        ({"W": W, "b": B, "c": B[:, :1]}, "instance hidden feature", ValueError, "parameters must be named W, b, got"),
        ({"W": W, "b": B}, "instance feature hidden", ValueError, r"axes must give .* b .* \[2, 3\] .* {.*'feature': 1"),
        ({"W": W, "b": B}, "hidden feature", ValueError, r"axes must order .* \[hidden, feature\] of shape \[2, 1, 3\]"),
        ({"W": W[0], "b": B[0]}, "instance hidden feature", ValueError, r"axes must order .* of shape \[1, 3\]"),
        ({"W": W, "b": B}, "inst d_hidden feats", ValueError, r"axes must order .* got W \[inst, d_hidden, feats\]"),
        ({"W": W, "b": B}, "instance hidden hidden", ValueError, r"axes must order .* got W \[instance, hidden, hidden\]"),
        ({"W": W, "b": B}, {"W": "instance hidden feature"}, ValueError, r"axes must order .* got b \[\] of shape \[2, 3\]"),
        ({"W": W, "b": B[0]}, {"W": "instance hidden feature", "b": "feature"}, ValueError, "must share one number of inst"),
        ({"W": W, "b": B.astype(float)}, "instance hidden feature", ValueError, "source must have one dtype, got .*float64"),
        ({"W": W * np.nan, "b": B}, "instance hidden feature", ValueError, r"source\['W'\] must be finite; got nan"),
        ({"W": W.astype(int), "b": B}, "instance hidden feature", TypeError, "W must be a tensor or an array .* got int64"),
        ({"W": W.tolist(), "b": B}, "instance hidden feature", TypeError, "W must be a tensor or an array .* got list"),
        ({"state_dict": {"W": W}, 0: 3}, "hidden feature", ValueError, "source must hold .* got state_dict, 0"),
        ([W, B], "instance hidden feature", TypeError, "source"),
        ({"W": W, "b": B}, None, TypeError, "axes"),
    ],
)  # fmt: skip
def test_published_weights_that_do_not_fit_are_refused(weights, axes, error, message):
    with pytest.raises(error, match=message):
        load_published(weights, axes)


def test_a_published_model_can_be_saved(path):
    weights = {"W": W, "b": B}
    st.save(path, load_published(weights, "instance hidden feature"))
    assert_close(st.load(path)[0](X), OUT, rtol=0, atol=0)
