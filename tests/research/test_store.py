"""The folder of finished shards: nothing half written, nothing damaged or foreign read, clear words where it ends."""

import errno
import json
import os

import pytest
import torch

from supertoy.research._store import Store

TENSORS = {"W": torch.arange(6.0).view(2, 3), "steps": torch.tensor([1, 2])}
DESCRIPTION = {"model": "ReLUOutputModel", "seed": 0}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "shards", DESCRIPTION)


def same(a, b):
    return a is not None and a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_what_was_written_is_read_back_by_a_later_store(store, recwarn):
    store.write(12, TENSORS)
    assert sorted(os.listdir(store.folder)) == ["shard-00012.json", "shard-00012.safetensors", "sweep.json"]
    assert same(Store(store.folder, DESCRIPTION).read(12), TENSORS)
    assert store.read(11) is None
    assert not recwarn


def flip_a_byte(store):
    path = store.folder / "shard-00000.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def truncate(store):
    path = store.folder / "shard-00000.safetensors"
    path.write_bytes(path.read_bytes()[:-5])


def garble_the_label(store):
    (store.folder / "shard-00000.json").write_text("{")


def empty_the_label(store):
    (store.folder / "shard-00000.json").write_text("{}")


def put_another_shard_in_its_place(store):
    store.write(1, TENSORS)
    for suffix in ("json", "safetensors"):
        os.replace(store.folder / f"shard-00001.{suffix}", store.folder / f"shard-00000.{suffix}")


def put_another_sweeps_shard_in_its_place(store):
    label = store.folder / "shard-00000.json"
    label.write_text(json.dumps(json.loads(label.read_text()) | {"sweep": "0" * 64}))


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (flip_a_byte, "checksum is wrong"),
        (truncate, "checksum is wrong"),
        (garble_the_label, "Expecting property name"),
        (empty_the_label, "'sweep'"),
        (put_another_shard_in_its_place, "belongs to another"),
        (put_another_sweeps_shard_in_its_place, "belongs to another"),
    ],
)
def test_a_damaged_or_foreign_shard_is_named_and_not_read(store, harm, reason):
    store.write(0, TENSORS)
    harm(store)
    with pytest.warns(UserWarning, match=rf"shard-00000.safetensors is not used and will be trained again: .*{reason}"):
        assert store.read(0) is None
    store.write(0, TENSORS)
    assert same(store.read(0), TENSORS)


@pytest.mark.parametrize("missing", ["json", "safetensors"])
def test_half_a_shard_is_none(store, missing, recwarn):
    store.write(0, TENSORS)
    (store.folder / f"shard-00000.{missing}").unlink()
    assert store.read(0) is None
    assert not recwarn


def test_another_sweeps_folder_is_refused_with_what_differs(store):
    with pytest.raises(ValueError, match="holds another sweep, which differs in seed; name another folder"):
        Store(store.folder, {**DESCRIPTION, "seed": 1})
    assert json.loads((store.folder / "sweep.json").read_text())["seed"] == 0


def test_a_folder_with_other_files_and_a_file_are_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("do not touch")
    with pytest.raises(ValueError, match="store must be an empty folder or one of this sweep's"):
        Store(tmp_path, DESCRIPTION)
    with pytest.raises(ValueError, match=r"store must be a folder, got .*thesis.tex, which is a file"):
        Store(tmp_path / "thesis.tex", DESCRIPTION)
    for content in ("not json", "[1]"):
        (tmp_path / "sweep.json").write_text(content)
        with pytest.raises(ValueError, match=r"sweep.json cannot be read"):
            Store(tmp_path, DESCRIPTION)
    assert (tmp_path / "thesis.tex").read_text() == "do not touch"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_named_and_finished_shards_stay(store, code, monkeypatch):
    store.write(0, TENSORS)

    def fail(descriptor):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match=f"shard-00001.safetensors could not be written: {os.strerror(code)}") as error:
            store.write(1, TENSORS)
    assert error.value.errno == code
    assert "run the same call again" in str(error.value)
    assert same(store.read(0), TENSORS)
    assert store.read(1) is None
    assert not [name for name in os.listdir(store.folder) if name.endswith(".part")]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"store .* cannot be made: Not a directory; name another folder"):
        Store(tmp_path / "file" / "shards", DESCRIPTION)
