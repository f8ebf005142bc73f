import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters import computation


def test_each_setting_starts_from_the_solution_of_the_one_before():
    path = [st.Independent(4, p) for p in (0.5, 0.1)]
    model = st.ReLUOutputModel(2, 4, 2)
    first, second = computation.continuation.train_along(model, path, learning_rates=[0.03, 0.01], n_steps=50, seed=3)
    expected = st.ReLUOutputModel(2, 4, 2)
    st.train(expected, path[0], n_steps=50, seed=3)
    assert_close(first.W, expected.W)
    st.train(expected, path[1], learning_rate=0.01, n_steps=50, seed=3)
    assert_close(second.W, expected.W)
    assert torch.equal(model.W, second.W)
    assert not torch.equal(first.W, second.W)


def test_a_learned_task_survives_sparsity_that_switches_a_new_model_off():
    sparse = st.Independent(30, 0.003, values=st.values.SIGNED)
    new = st.AbsoluteValueModel(1, 30, 60)
    st.train(new, sparse, n_steps=500)
    path = [st.Independent(30, p, values=st.values.SIGNED) for p in (0.3, 0.03)]
    *_, learned = computation.continuation.train_along(
        st.AbsoluteValueModel(1, 30, 60), [*path, sparse], learning_rates=3 * [0.03], n_steps=500
    )
    losses = [st.expected_loss(model, sparse, rtol=0.05).item() for model in (learned, new)]
    assert losses[0] < losses[1] / 3


@pytest.mark.parametrize("n_settings", [0, 2])
def test_a_path_without_as_many_rates_or_without_settings_is_refused(n_settings):
    path = n_settings * [st.Independent(4, 0.5)]
    with pytest.raises(
        ValueError, match=f"path and learning_rates must be equally long, got {n_settings} and {n_settings // 2}"
    ):
        computation.continuation.train_along(st.ReLUOutputModel(1, 4, 2), path, learning_rates=(n_settings // 2) * [0.03])


def test_the_lowest_loss_of_each_setting_is_kept():
    path = [st.Independent(4, p) for p in (0.5, 0.1)]
    models = [st.ReLUOutputModel(3, 4, 2, seed=0), st.ReLUOutputModel(5, 4, 2, seed=1)]
    best, loss = computation.continuation.lowest_losses(models, path)
    for k, (model, data) in enumerate(zip(models, path, strict=True)):
        of_all = st.expected_loss(model, data)
        assert loss[k] == of_all.min()
        assert torch.equal(best.W[k], model.W[of_all.argmin()])
    assert_close(st.expected_loss(best, st.Independent(4, torch.tensor([[0.5], [0.1]]))), loss)
    with pytest.raises(ValueError, match="models and path must be equally long, got 1 and 2 entries"):
        computation.continuation.lowest_losses(models[:1], path)
    with pytest.raises(ValueError, match=r"path must hold one setting at a time, got \[2\] instances"):
        computation.continuation.lowest_losses(models[:1], [st.Independent(4, torch.tensor([[0.5], [0.1]]))])


def test_a_path_is_refused_before_anything_is_trained():
    model = st.ReLUOutputModel(1, 4, 2)
    before = model.W.detach().clone()
    with pytest.raises(ValueError, match="data must have the model's 4 features, got 5"):
        computation.continuation.train_along(
            model, [st.Independent(4, 0.5), st.Independent(5, 0.5)], learning_rates=[0.03, 0.03]
        )
    assert torch.equal(model.W, before)
