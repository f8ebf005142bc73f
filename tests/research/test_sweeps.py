"""Sweeps: the same bits wherever the shards run, and nothing lost when something dies."""

import copy
import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

import supertoy as st
from supertoy.research._description import described
from supertoy.research.sweeps import _default_shard_size
from supertoy.training import TrainingOptions

N_INSTANCES = 7
PROBABILITY = torch.linspace(0.05, 1, N_INSTANCES)[:, None]
IMPORTANCE = 0.9 ** torch.arange(5)
OPTIONS = {"n_steps": 60, "n_restarts": 4, "batch_size": 32, "snapshot_steps": [0, 60]}


def swept(seed=0, **options):
    model = st.ReLUOutputModel(N_INSTANCES, 5, 2, seed=seed)
    options = {"importance": IMPORTANCE, "shard_size": 3, **OPTIONS, **options}
    return model, st.sweep(model, st.Independent(5, PROBABILITY), seed=seed, **options)


@pytest.fixture(scope="module")
def reference():
    return swept()


def assert_same_bits(a, b):
    (model_a, a), (model_b, b) = a, b
    for name, parameter in model_a.named_parameters():
        assert torch.equal(parameter, getattr(model_b, name))
    for name in ("losses", "restart_losses", "loss"):
        assert torch.equal(getattr(a, name), getattr(b, name)), name
    assert a.snapshots.keys() == b.snapshots.keys()
    for step, state in a.snapshots.items():
        assert all(torch.equal(value, b.snapshots[step][name]) for name, value in state.items())


def test_a_sweep_is_train_but_for_rounding(reference):
    model = st.ReLUOutputModel(N_INSTANCES, 5, 2, seed=0)
    record = st.train(model, st.Independent(5, PROBABILITY), importance=IMPORTANCE, **OPTIONS)
    swept_model, swept_record = reference
    assert_close(swept_record.losses[:20], record.losses[:20], rtol=1e-3, atol=0)
    assert swept_record.losses.shape == record.losses.shape == (60, N_INSTANCES)
    assert swept_record.restart_losses.shape == (2, N_INSTANCES)
    assert torch.equal(swept_record.snapshots[60]["W"], swept_model.W)
    expected = st.expected_loss(swept_model, st.Independent(5, PROBABILITY), importance=IMPORTANCE)
    assert_close(swept_record.loss, expected)


def test_a_sweeps_record_can_be_pickled(reference):
    model, record = reference
    copy = pickle.loads(pickle.dumps(record))
    assert_same_bits((model, copy), reference)
    assert torch.equal(copy.restart, record.restart)
    assert repr(copy) == repr(record)
    assert repr(copy).startswith(f"Record(60 steps of {N_INSTANCES} instances by fast step, last losses ")


def test_shards_of_another_size_give_the_same_but_for_rounding(reference):
    _, record = swept(shard_size=2)
    assert_close(record.losses[:20], reference[1].losses[:20], rtol=1e-3, atol=0)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_threads_give_the_same_bits(reference, n_workers):
    before = torch.get_num_threads()
    with ThreadPoolExecutor(n_workers) as executor:
        assert_same_bits(swept(executor=executor), reference)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("n_workers", [1, 2])
def test_processes_give_the_same_bits(reference, n_workers, tmp_path):
    with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as executor:
        assert_same_bits(swept(executor=executor, store=tmp_path), reference)
    assert len(list(tmp_path.glob("*.safetensors"))) == 3


def test_every_distribution_and_model_survives_the_way_to_a_worker(tmp_path):
    data = st.AnticorrelatedSets(2, 2, 0.3, n_features=5, values=st.values.SIGNED)
    for _ in range(2):
        model = st.AbsoluteValueModel(3, 5, 4, dtype=torch.float64)
        with ThreadPoolExecutor(1) as executor:
            record = st.sweep(model, data, executor=executor, store=tmp_path, shard_size=2, n_steps=20)
        assert record.loss.shape == (3,)
        assert model.W2.dtype == torch.float64


def test_a_finished_sweep_is_read_and_not_trained_again(reference, tmp_path, monkeypatch):
    swept(store=tmp_path)
    monkeypatch.setattr("supertoy.research.sweeps._train_shard", None)
    assert_same_bits(swept(store=tmp_path), reference)


def test_a_damaged_shard_is_named_and_trained_again(reference, tmp_path):
    swept(store=tmp_path)
    path = tmp_path / "shard-00001.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="shard-00001.safetensors is not used and will be trained again"):
        again = swept(store=tmp_path)
    assert_same_bits(again, reference)
    assert_same_bits(swept(store=tmp_path), reference)


def test_a_store_of_another_function_is_refused(tmp_path):
    data, options = st.Independent(3, 0.5, values=st.values.SIGNED), {"shard_size": 1, "n_steps": 4, "store": tmp_path}
    st.sweep(st.FunctionModel(2, 3, 2, function=torch.abs), data, **options)
    with pytest.raises(ValueError, match="holds another sweep, which differs in model"):
        st.sweep(st.FunctionModel(2, 3, 2, function=torch.square), data, **options)


def test_a_store_of_other_values_is_refused(tmp_path):
    model = st.ReLUOutputModel(1, 2, 1)
    for k, data in enumerate((st.Independent(2, 0.5), st.HierarchicalSets(1, [None, 0], 0.5, 0.5))):
        options = {"n_steps": 4, "store": tmp_path / str(k)}
        st.sweep(model, data, **options)
        other = copy.copy(data)
        other.values = st.research.values.Exponential(0.5)
        with pytest.raises(ValueError, match="holds another sweep, which differs in data"):
            st.sweep(st.ReLUOutputModel(1, 2, 1), other, **options)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"seed": 1}, "seed, weights"),
        ({"n_steps": 61}, "n_steps"),
        ({"shard_size": 2}, "shard_size"),
        ({"importance": 1.0}, "importance"),
    ],
)
def test_another_sweeps_store_is_refused(tmp_path, change, what):
    swept(store=tmp_path, **{"n_steps": 10, "snapshot_steps": []})
    with pytest.raises(ValueError, match=f"holds another sweep, which differs in {what}; name another folder"):
        swept(store=tmp_path, **{"n_steps": 10, "snapshot_steps": [], **change})


def test_a_sweep_that_was_killed_goes_on_where_it_was(reference, tmp_path):
    script = f"""
        import tests.research.test_sweeps as t
        from supertoy.research import sweeps
        plain, sweeps._train_shard = sweeps._train_shard, lambda *job: (plain(*job), __import__("time").sleep(1))[0]
        t.swept(store={str(tmp_path)!r})
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("shard-*.json")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 1 <= len(list(tmp_path.glob("shard-*.json"))) < 3
    assert_same_bits(swept(store=tmp_path), reference)


class DyingExecutor(Executor):
    """Finishes one job and dies."""

    def __init__(self):
        self.n_jobs = 0

    def submit(self, function, /, *arguments, **keywords):
        self.n_jobs += 1
        future = Future()
        if self.n_jobs == 1:
            future.set_result(function(*arguments, **keywords))
        else:
            future.set_exception(BrokenExecutor("a worker was killed"))
        return future


def test_an_executor_that_dies_is_named_and_finished_shards_are_kept(reference, tmp_path):
    with pytest.raises(RuntimeError, match=r"DyingExecutor died before .* a worker was killed") as error:
        swept(executor=DyingExecutor(), store=tmp_path)
    assert f"Finished shards are in {tmp_path}: run the same call again" in str(error.value)
    assert len(list(tmp_path.glob("shard-*.json"))) == 1
    assert_same_bits(swept(store=tmp_path), reference)
    with pytest.raises(RuntimeError, match="With store=FOLDER finished shards would be kept"):
        swept(executor=DyingExecutor())


def kill_yourself(*job):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_pool_whose_worker_is_killed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("supertoy.research.sweeps._train_alone", kill_yourself)
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor,
        pytest.raises(RuntimeError, match="ProcessPoolExecutor died before all shards were trained"),
    ):
        swept(executor=executor, store=tmp_path)


def test_a_loss_that_is_not_finite_names_the_instance_of_the_whole_sweep(tmp_path):
    model = st.LinearModel(5, 4, 2)
    model.W.data[4] = 1e30
    with pytest.raises(FloatingPointError, match="instance 4 "):
        st.sweep(model, st.Independent(4, 0.5), store=tmp_path, shard_size=2, n_steps=10)
    assert len(list(tmp_path.glob("shard-*.json"))) == 2


def test_an_interrupt_keeps_finished_shards_and_leaves_the_model_alone(reference, tmp_path, monkeypatch):
    from supertoy.research import sweeps as module

    calls = []

    def interrupted(*job):
        calls.append(job)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(*job)

    plain = module._train_shard
    model = st.ReLUOutputModel(N_INSTANCES, 5, 2, seed=0)
    before = model.W.clone()
    options = {"importance": IMPORTANCE, "shard_size": 3, "store": tmp_path, **OPTIONS}
    with monkeypatch.context() as patch:
        patch.setattr(module, "_train_shard", interrupted)
        with pytest.raises(KeyboardInterrupt):
            st.sweep(model, st.Independent(5, PROBABILITY), **options)
    assert torch.equal(model.W, before)
    assert len(list(tmp_path.glob("shard-*.json"))) == 1
    assert_same_bits(swept(store=tmp_path), reference)


def test_a_full_disk_stops_the_sweep_with_what_to_do(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    swept(store=tmp_path)
    (tmp_path / "shard-00002.json").unlink()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device; finished shards are kept"):
        swept(store=tmp_path)
    assert len(list(tmp_path.glob("shard-*.json"))) == 2


def test_a_shard_takes_tens_of_megabytes_and_there_are_enough_of_them():
    data, model = st.Independent(400, 0.1), st.ReLUOutputModel(1000, 400, 30)
    options = TrainingOptions(n_steps=1000, n_restarts=1, batch_size=512)
    assert _default_shard_size(model, data, options) == 10
    assert _default_shard_size(model, data, replace(options, n_restarts=10_000)) == 1
    assert _default_shard_size(model, data, replace(options, n_steps=500_000)) == 4
    assert _default_shard_size(model, data, replace(options, snapshot_steps=range(100))) == 1
    assert _default_shard_size(st.ReLUOutputModel(40, 400, 30), data, options) == 3


def test_steps_of_snapshots_may_come_from_an_array(reference, tmp_path):
    assert_same_bits(swept(store=tmp_path, snapshot_steps=torch.tensor([60, 0])), reference)


def test_a_folder_that_became_read_only_is_refused_before_any_training(reference, tmp_path, monkeypatch):
    swept(store=tmp_path)
    (tmp_path / "shard-00001.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("supertoy.research.sweeps._train_shard", None)
        patch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(30, "Read-only file system")))
        with pytest.raises(OSError, match="Read-only file system"):
            swept(store=tmp_path)
    swept(store=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", None)  # a finished sweep needs nothing but reading
        assert_same_bits(swept(store=tmp_path), reference)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"shard_size": 0}, ValueError, "shard_size must be at least 1, got 0"),
        ({"executor": 2}, TypeError, "executor"),
        ({"store": 3}, TypeError, "store"),
        ({"n_stepz": 3}, TypeError, "options must be among loss, importance, .*; got 'n_stepz'"),
        ({"first_instance": 3}, TypeError, "options must not hold first_instance"),
        ({"n_steps": 0}, ValueError, "n_steps must be at least 1"),
        ({"importance": torch.ones(3)}, ValueError, "importance must broadcast"),
        ({"importance": torch.ones(3, 5)}, ValueError, "importance must have 1 or 7 instances, got 3"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
    ],
)
def test_bad_arguments_are_refused_before_any_training_and_before_any_file(tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        swept(**{"store": tmp_path / "shards", **change})
    assert not (tmp_path / "shards").exists()


def test_empty_grids_and_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"probability must broadcast .* got shape \[0, 1\]"):
        st.Independent(5, torch.empty(0, 1))
    with pytest.raises(ValueError, match="n_instances must be at least 1, got 0"):
        st.ReLUOutputModel(0, 5, 2)
    with pytest.raises(ValueError, match="data must have 1 or the model's 3 instances, got 7"):
        st.sweep(st.ReLUOutputModel(3, 5, 2), st.Independent(5, PROBABILITY))


def test_the_examples_of_the_page_run_and_have_shards_to_share(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "book" / "sweeps.md").read_text(encoding="utf-8")
    grid, kept = (block.split("```")[0] for block in page.split("```python\n")[1:3])
    names = {}
    exec(grid, names)
    assert names["record"].loss.shape == (100,)
    exec(kept, names)
    exec(kept, names)  # again: it goes on with the folder
    assert len([*tmp_path.glob("phase-diagram/*.safetensors")]) == 15
    options = TrainingOptions(n_steps=200, n_restarts=16, n_nodes=4)
    assert _default_shard_size(names["model"], names["data"], options) == 7


def test_a_dask_cluster_loses_nothing_when_a_worker_is_killed(reference, tmp_path):
    distributed = pytest.importorskip("distributed")
    from supertoy.research import sweeps as module

    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = client.run(os.getpid)
        assert len(set(pids.values())) == 2
        written, plain = [], module.Store.write

        def write_and_kill(self, shard, tensors):
            plain(self, shard, tensors)
            written.append(shard)
            if len(written) == 1:
                os.kill(next(iter(pids.values())), signal.SIGKILL)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module.Store, "write", write_and_kill)
            options = {"shard_size": 1, "n_steps": 400, "snapshot_steps": []}
            result = swept(executor=client.get_executor(), store=tmp_path, **options)
        assert sorted(written) == [*range(N_INSTANCES)]
    assert_same_bits(result, swept(**options))


def test_stores_tell_activations_and_correlations_apart(tmp_path):
    functional = torch.nn.functional
    data = st.PartlyCorrelatedPairs(1, 0.1, 0.5)
    options = {"n_steps": 5, "store": tmp_path}

    def model(activation):
        return st.ActivationOutputModel(2, 2, 1, activation=activation)

    st.sweep(model(functional.gelu), data, **options)
    with pytest.raises(ValueError, match="differs in model"):
        st.sweep(model(functional.softplus), data, **options)
    with pytest.raises(ValueError, match="differs in data"):
        st.sweep(model(functional.gelu), st.PartlyCorrelatedPairs(1, 0.1, 0.4), **options)


def test_every_shard_has_its_own_instances_penalty(tmp_path):
    l1, options = torch.tensor([0.0, 0.05, 0.5]), {"n_steps": 200, "n_restarts": 2}
    data = st.Independent(4, 0.1)
    whole, cut = (st.ReLUOutputModel(3, 4, 2) for _ in range(2))
    record = st.train(whole, data, l1=l1, **options)
    in_shards = st.sweep(cut, data, l1=l1, shard_size=1, store=tmp_path, **options)
    assert_close(in_shards.loss, record.loss, rtol=1e-3, atol=0)
    assert st.n_represented(cut.W).tolist() == st.n_represented(whole.W).tolist()
    with pytest.raises(ValueError, match="holds another sweep, which differs in l1"):
        st.sweep(st.ReLUOutputModel(3, 4, 2), data, l1=l1.flip(0), shard_size=1, store=tmp_path, **options)


class Scaled(st.Independent):
    """A distribution of the user's, with an attribute that no class of ours has."""

    def __init__(self, scale):
        super().__init__(5, 0.1)
        self.scale = scale


def test_stores_tell_every_attribute_of_the_data_apart(tmp_path):
    ones = np.ones(2000)
    others = ones.copy()
    others[1000] = 0.5  # where its text is cut short
    for number, (one, other) in enumerate(
        [(ones, others), (torch.ones(2), torch.zeros(2)), ([torch.ones(2)], [torch.ones(3)])]
    ):
        store = tmp_path / str(number)
        st.sweep(st.ReLUOutputModel(1, 5, 2), Scaled(one), n_steps=2, store=store)
        st.sweep(st.ReLUOutputModel(1, 5, 2), Scaled(one), n_steps=2, store=store)
        with pytest.raises(ValueError, match="differs in data"):
            st.sweep(st.ReLUOutputModel(1, 5, 2), Scaled(other), n_steps=2, store=store)


def test_what_a_store_cannot_tell_apart_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"store must be None here: data.*scale is a Generator, and no description"):
        st.sweep(st.ReLUOutputModel(1, 5, 2), Scaled(torch.Generator()), n_steps=2, store=tmp_path)


FACTOR = 2.0


def times_factor(x):
    return FACTOR * x


def distribution_with(body):
    """A class of the same name with other code."""
    names = {"st": st, "__name__": "own"}
    exec(f"class Own(st.Independent):\n    def rows(self, uniform):\n        return {body}", names)
    return names["Own"](5, 0.1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"data": distribution_with("super().rows(uniform)")}, {"data": distribution_with("super().rows(uniform) / 2")}),
        ({"data": Scaled(lambda x: x)}, {"data": Scaled(lambda x: 2 * x)}),
        ({"loss": lambda m, x, w: m(x).sum((1, 2))}, {"loss": lambda m, x, w: m(x).mean((1, 2))}),
        ({"weight_decay": lambda m: {"W": m.W}}, {"weight_decay": lambda m: {"W": 2 * m.W}}),
    ],
)
def test_the_code_of_what_users_bring_counts(tmp_path, before, after):
    def sweep(data=Scaled(1.0), **options):
        return st.sweep(st.ReLUOutputModel(1, 5, 2), data, n_steps=2, store=tmp_path, **options)

    sweep(**before)
    sweep(**before)
    with pytest.raises(ValueError, match=f"differs in {next(iter(after))}"):
        sweep(**after)


def test_what_code_refers_to_counts(monkeypatch):
    before = described(times_factor)
    monkeypatch.setitem(times_factor.__globals__, "FACTOR", 3.0)
    assert described(times_factor) != before
    monkeypatch.undo()
    assert described(times_factor) == before


def damaged(path, **changes):
    """Change tensors of a shard, and mend its checksum."""
    tensors = {name: change(value) for name, value in load_file(path).items() for change in [changes.get(name, lambda t: t)]}
    save_file({name: value for name, value in tensors.items() if value is not None}, path)
    label = path.with_suffix(".json")
    described = json.loads(label.read_text())
    label.write_text(json.dumps(described | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))


@pytest.mark.parametrize(
    "change",
    [
        lambda path: damaged(path, losses=lambda t: None),
        lambda path: damaged(path, losses=lambda t: t[:5].clone()),
        lambda path: damaged(path, loss=lambda t: torch.full_like(t, torch.nan)),
        lambda path: path.with_suffix(".json").write_text("[" * 100_000),
    ],
)
def test_foreign_tensors_with_a_mended_checksum_are_trained_again(reference, tmp_path, change):
    swept(store=tmp_path)
    change(tmp_path / "shard-00001.safetensors")
    with pytest.warns(UserWarning, match="shard-00001.safetensors is not used and will be trained again"):
        assert_same_bits(swept(store=tmp_path), reference)


def test_a_folder_in_place_of_a_shard_is_named_before_any_training(tmp_path):
    swept(store=tmp_path, n_steps=5, snapshot_steps=[])
    path = tmp_path / "shard-00001.safetensors"
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match=r"store must have a file or nothing at .*shard-00001.* got a folder: remove it"):
        swept(store=tmp_path, n_steps=5, snapshot_steps=[])


def test_shards_outlive_a_lost_description(reference, tmp_path, monkeypatch):
    swept(store=tmp_path)
    (tmp_path / "sweep.json").unlink()
    with pytest.raises(ValueError, match="store must be an empty folder or one of this sweep's"):
        swept(store=tmp_path, n_steps=61)
    monkeypatch.setattr("supertoy.research.sweeps._train_shard", None)
    assert_same_bits(swept(store=tmp_path), reference)
    assert (tmp_path / "sweep.json").exists()


class OwnModel(st.ReLUOutputModel):
    def hidden(self, x):
        return super().hidden(x).tanh()


def test_models_and_losses_of_ones_own_run_anywhere(tmp_path):
    def sweep(executor=None, store=None):
        model = OwnModel(4, 5, 2)
        options = {"n_steps": 20, "n_restarts": 3, "weight_decay": 0.1, "shard_size": 2}
        return model, st.sweep(model, st.Independent(5, 0.3), executor=executor, store=store, **options)

    alone = sweep()
    assert alone[1].path == "autograd"
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert_same_bits(sweep(executor, tmp_path), alone)
    assert_same_bits(sweep(store=tmp_path), alone)
