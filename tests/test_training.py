"""Training: what it reaches, what it records, and how it stops."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy import training
from tests.strategies import MODELS

IMPORTANCE = 0.9 ** torch.arange(5)
DENSITIES = torch.tensor([[1.0], [0.2], [0.1]])


def trained(
    kind=st.ReLUOutputModel, seed=0, n=5, m=2, probability=DENSITIES, importance=IMPORTANCE, dtype=torch.float32, **options
):
    model = kind(len(probability), n, m, seed=seed, dtype=dtype).requires_grad_(False)
    record = st.train(model, st.Independent(n, probability), importance=importance, seed=seed, **options)
    return model, record


def test_the_linear_model_reaches_the_optimum_that_pca_gives():
    importance = 0.7 ** torch.arange(8)
    probability = torch.tensor([[1.0], [0.3], [0.05]])
    _, record = trained(
        st.LinearModel, n=8, m=3, probability=probability, importance=importance, n_steps=3000, batch_size=512
    )
    p = probability.double()
    variance = (p / 3 - p**2 / 4)[:, 0]  # what an unrepresented feature costs, times its importance
    assert_close(record.loss, variance * importance[3:].sum(), rtol=2e-3, atol=0)


def test_the_dense_relu_model_ignores_all_but_m_features():
    model, record = trained(n_restarts=8)
    assert record.loss[0].item() == pytest.approx(IMPORTANCE[2:].sum().item() / 12, rel=2e-3)
    assert st.n_represented(model.W).tolist() == [2, 4, 5]


@pytest.mark.parametrize("kind", MODELS)
def test_training_lowers_the_loss_of_every_model(kind):
    model = kind(3, 5, 4).requires_grad_(False)
    data = st.Independent(5, DENSITIES, signed=kind is st.AbsoluteValueModel)
    before = st.expected_loss(model, data)
    record = st.train(model, data, n_steps=300)
    assert (record.loss < 0.7 * before).all()
    assert_close(record.loss, st.expected_loss(model, data))


def test_the_same_seed_gives_the_same_bits():
    (a, first), (b, second) = (trained(n_steps=60, n_restarts=3) for _ in range(2))
    assert torch.equal(a.W, b.W)
    assert torch.equal(first.losses, second.losses)
    c, _ = trained(n_steps=60, n_restarts=3, seed=1)
    assert not torch.equal(a.W, c.W)


def test_restarts_keep_the_lowest_loss_and_start_with_the_given_weights():
    _, single = trained(n_steps=200)
    model, record = trained(n_steps=200, n_restarts=4)
    assert record.restart_losses.shape == (4, 3)
    assert_close(record.restart_losses[0], single.loss, rtol=1e-3, atol=0)
    assert torch.equal(record.loss, record.restart_losses.min(0).values)
    assert_close(record.loss, st.expected_loss(model, st.Independent(5, DENSITIES), importance=IMPORTANCE))
    assert record.losses.shape == (200, 3)


def test_dropping_restarts_early_finds_what_full_training_finds(monkeypatch):
    _, dropped = trained(n_restarts=16, n_steps=800)
    assert dropped.restart_losses.shape == (4, 3)
    monkeypatch.setattr(training, "_n_kept", lambda n_restarts, *_: n_restarts)
    _, full = trained(n_restarts=16, n_steps=800)
    assert full.restart_losses.shape == (16, 3)
    assert_close(dropped.loss, full.loss, rtol=5e-3, atol=0)


def test_snapshots_hold_the_state_after_the_steps_asked_for():
    start = st.ReLUOutputModel(3, 5, 2, seed=0)
    model, record = trained(n_steps=50, snapshot_steps=[0, 20, 50])
    assert list(record.snapshots) == [0, 20, 50]
    assert torch.equal(record.snapshots[0]["W"], start.W)
    assert torch.equal(record.snapshots[50]["W"], model.W)
    assert torch.equal(record.snapshots[50]["b"], model.b)
    assert not torch.equal(record.snapshots[20]["W"], model.W)


def test_snapshots_follow_the_restart_that_is_kept():
    model, record = trained(n_steps=100, n_restarts=20, snapshot_steps=[10, 100])
    assert torch.equal(record.snapshots[100]["W"], model.W)
    assert record.snapshots[10]["W"].shape == model.W.shape


def test_recorded_losses_estimate_the_expected_loss():
    _, record = trained(n_steps=400, batch_size=512)
    assert_close(record.losses[-50:].mean(0).double(), record.loss, rtol=0.1, atol=0)


def test_float64_is_honoured():
    model, record = trained(n_steps=5, dtype=torch.float64)
    assert model.W.dtype == record.losses.dtype == torch.float64


def test_a_loss_that_is_not_finite_stops_with_step_and_instance():
    class Exploding(st.ReLUOutputModel):
        n_calls = 0

        def loss_and_gradients(self, x, weight):
            loss, gradients = super().loss_and_gradients(x, weight)
            Exploding.n_calls += 1
            if Exploding.n_calls == 30:
                loss[1] = float("nan")
            return loss, gradients

    with pytest.raises(FloatingPointError, match="loss became nan at step 30, instance 1"):
        trained(Exploding, n_steps=60)


def test_an_interrupt_leaves_the_last_completed_step():
    class Interrupted(st.ReLUOutputModel):
        n_calls = 0

        def loss_and_gradients(self, x, weight):
            Interrupted.n_calls += 1
            if Interrupted.n_calls == 18:
                raise KeyboardInterrupt
            return super().loss_and_gradients(x, weight)

    model = Interrupted(3, 5, 2, seed=0).requires_grad_(False)
    with pytest.raises(KeyboardInterrupt):
        st.train(model, st.Independent(5, DENSITIES), importance=IMPORTANCE, n_steps=60)
    _, record = trained(n_steps=60, snapshot_steps=[17])
    assert torch.equal(model.W, record.snapshots[17]["W"])
    assert torch.equal(model.b, record.snapshots[17]["b"])


def test_an_interrupt_before_the_first_step_leaves_the_model_as_it_was():
    class Interrupted(st.ReLUOutputModel):
        def loss_and_gradients(self, x, weight):
            raise KeyboardInterrupt

    model = Interrupted(1, 5, 2, seed=0).requires_grad_(False)
    before = model.W.clone()
    with pytest.raises(KeyboardInterrupt):
        st.train(model, st.Independent(5, 0.1), n_steps=10, n_restarts=3)
    assert torch.equal(model.W, before)


def test_nothing_is_printed_where_nobody_looks(capfd):
    trained(n_steps=5)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"importance": -torch.ones(5)}, ValueError, "importance must be finite and not negative; got -1"),
        ({"importance": torch.ones(4)}, ValueError, "importance must broadcast"),
        ({"data": st.Independent(4, 0.5)}, ValueError, "data must have the model's 5 features, got 4"),
        ({"data": st.Independent(5, torch.full((2, 1), 0.5))}, ValueError, "1 or the model's 3 instances, got 2"),
        ({"n_steps": 0}, ValueError, "n_steps must be at least 1, got 0"),
        ({"n_steps": 1.5}, TypeError, "n_steps"),
        ({"n_restarts": 0}, ValueError, "n_restarts must be at least 1"),
        ({"batch_size": 1}, ValueError, "batch_size must be at least 2"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be finite and above 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"snapshot_steps": [2000]}, ValueError, r"between 0 and n_steps = 1500, got \[2000\]"),
    ],
)
def test_bad_arguments_are_refused_before_any_training(change, error, message):
    model = st.ReLUOutputModel(3, 5, 2)
    before = model.W.detach().clone()
    options = {"data": st.Independent(5, 0.5), **change}
    with pytest.raises(error, match=message):
        st.train(model, options.pop("data"), **options)
    assert torch.equal(model.W, before)


def test_weights_that_are_not_finite_are_refused():
    model = st.ReLUOutputModel(2, 5, 2).requires_grad_(False)
    model.b[1, 3] = float("inf")
    with pytest.raises(ValueError, match=r"b must be finite; got inf at \[instance 1, feature 3\]"):
        st.train(model, st.Independent(5, 0.5))
