"""The options of the paper's published code train as that code does."""

import pytest
import torch
from scipy.stats import ks_2samp

import supertoy as st
from benchmarks.published_loop import published_loop
from supertoy.training import PUBLISHED

SETTINGS = {  # of the paper's figures: features, dimensions, densities, importance
    "a": (5, 2, 20 ** -torch.linspace(0, 1, 10), 0.9 ** torch.arange(5)),
    "b": (20, 5, torch.tensor([1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001]), 0.7 ** torch.arange(20)),
}
N_SEEDS, N_STEPS = 20, 300  # while models learn, when they would differ most


@pytest.mark.parametrize("setting", SETTINGS)
def test_losses_and_dimensionalities_are_distributed_as_the_published_loops(setting):
    n, m, p, importance = SETTINGS[setting]
    runs = [published_loop(m, p, importance, n_steps=N_STEPS, seed=seed)[:2] for seed in range(N_SEEDS)]
    W, b = (torch.cat(each) for each in zip(*runs, strict=True))

    data = st.Independent(n, p.repeat(N_SEEDS)[:, None])
    model = st.ReLUOutputModel(len(W), n, m)
    with torch.no_grad():  # their scale depends on the number of instances, ours is that of one
        model.W *= ((1 + n) * m / ((n + len(p)) * m)) ** 0.5
    record = st.train(model, data, importance=importance, **{**PUBLISHED, "n_steps": N_STEPS})
    assert record.path == "fast step"

    theirs = model.like({"W": W, "b": b})
    measured = [
        torch.cat([st.expected_loss(each, data, importance=importance)[:, None], st.feature_dimensionality(each.W)], dim=1)
        for each in (theirs, model)
    ]
    plain, ours = (each.detach().view(N_SEEDS, len(p), -1).numpy() for each in measured)
    for k in range(len(p)):
        assert ks_2samp(plain[:, k, 0], ours[:, k, 0]).pvalue > 1e-4
        assert ks_2samp(plain[:, k, 1:].mean(1), ours[:, k, 1:].mean(1)).pvalue > 1e-4


def test_the_recipe_is_the_same_on_both_paths():
    class Same(st.ReLUOutputModel):
        def forward(self, x):
            return super().forward(x)

    models = [kind(2, 6, 3) for kind in (st.ReLUOutputModel, Same)]
    options = {**PUBLISHED, "n_steps": 200, "batch_size": 64}
    records = [st.train(model, st.Independent(6, 0.3), **options) for model in models]
    assert [record.path for record in records] == ["fast step", "autograd"]
    torch.testing.assert_close(models[0].W, models[1].W, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(records[0].losses, records[1].losses, rtol=1e-3, atol=1e-5)


def test_rows_are_independent_and_zero_as_often_as_they_come():
    from supertoy._engine.lattice import weighted_batches

    data = st.Independent(3, torch.tensor([[0.2, 0.5, 0.1]]))
    [(rows, weight)] = weighted_batches(data, 20_000, 1, [torch.Generator().manual_seed(0)], independent=True)
    assert (weight == 1 / 20_000).all()
    active = (rows[0] > 0).double()
    assert (active.mean(1) - torch.tensor([0.2, 0.5, 0.1])).abs().max() < 0.015  # four standard errors
    assert ((active.sum(0) == 0).double().mean() - 0.8 * 0.5 * 0.9).abs() < 0.015
    assert (rows[0].sum(1) / active.sum(1) - 0.5).abs().max() < 0.03
