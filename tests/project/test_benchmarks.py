"""The yardstick itself: the published loop does what the paper's does, and the stored losses belong to the settings."""

import json
import sys
from pathlib import Path

import pytest
import torch

import supertoy as st

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import bench

    yield bench
    for name in ("bench", "published_loop"):
        sys.modules.pop(name, None)


def test_the_published_loop_starts_small_and_learns(bench):
    loop = sys.modules["published_loop"]
    p, importance = torch.tensor([1.0, 0.1]), 0.9 ** torch.arange(5)
    W, b, seconds = loop.published_loop(2, p, importance, n_steps=0)
    assert W.shape == (2, 2, 5)
    assert not b.any()
    big = loop.published_loop(20, p, torch.ones(200), n_steps=0)[0]
    assert big.std().item() == pytest.approx((2 / ((2 + 200) * 20)) ** 0.5, rel=0.05)
    trained, b, seconds = loop.published_loop(2, p, importance, n_steps=200)
    losses = [
        st.expected_loss(
            st.ReLUOutputModel(2, 5, 2).like({"W": w, "b": bias}), st.Independent(5, p[:, None]), importance=importance
        )
        for w, bias in ((W, torch.zeros_like(b)), (trained, b))
    ]
    assert (losses[1] < losses[0]).all()
    assert seconds > 0


def test_there_is_a_stored_loss_for_every_instance_that_is_not_run_in_full(bench):
    stored = json.loads(bench.STORED.read_text(encoding="utf-8"))["losses"]
    for key, setting in bench.SETTINGS.items():
        assert setting.in_full == (key not in stored)
        if key in stored:
            losses = torch.tensor(stored[key]).double()
            assert len(losses) == len(setting.probability)
            # What no memory at all would cost.
            p = setting.probability.double()
            ignored = setting.importance.double().sum() * (p / 3 - p**2 / 4)
            assert (losses < ignored).all()
            assert (losses > 1e-3 * ignored).all()
