"""The same code on a GPU. Skipped where there is none."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from tests.strategies import MODELS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize(
    "options", [{"n_restarts": 5, "snapshot_steps": [0, 100]}, {"n_nodes": 2}], ids=["batches", "nodes"]
)
@pytest.mark.parametrize("kind", MODELS)
def test_models_train_where_they_live(kind, options):
    data = st.Independent(
        4, torch.tensor([[0.9], [0.3]]), values=st.values.SIGNED if kind is st.AbsoluteValueModel else st.values.UNIT
    )
    model = kind(2, 4, 3, device="cuda")
    before = st.expected_loss(model, data)
    record = st.train(model, data, n_steps=100, **options)
    assert record.loss.device.type == model.b.device.type == record.losses.device.type == "cuda"
    assert (record.loss < before).all()
    on_cpu = kind(2, 4, 3).like({name: value.cpu() for name, value in model.named_parameters()})
    assert_close(record.loss.cpu(), st.expected_loss(on_cpu, data), rtol=2e-2, atol=0)


def test_sets_and_sweeps_work_there_too(tmp_path):
    data = st.CorrelatedSets(2, 2, 0.2, n_features=5)
    for _ in range(2):
        model = st.ReLUOutputModel(3, 5, 2, device="cuda")
        record = st.sweep(model, data, n_steps=20, shard_size=2, store=tmp_path)
        assert record.loss.device.type == "cuda"
