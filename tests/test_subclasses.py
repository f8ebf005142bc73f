"""What users change in subclasses is trained and measured as they changed it, or refused; never as what it comes from."""

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.quadrature import quadrature
from supertoy.loss import has_closed_form
from tests.strategies import ALL_MODELS, distributions, model_with_random_weights, plain_sample
from tests.test_data import probabilities_of_pairs


class Hierarchical(st.FeatureDistribution):
    """Pairs whose second feature is active only where the first is: states and rows, and nothing else."""

    per_instance = ("probability", "second")
    draws_per_set = 3

    def __init__(self, n_pairs, probability, second):
        self.second = torch.as_tensor(second, dtype=torch.float64)
        first = torch.as_tensor(probability, dtype=torch.float64)
        super().__init__(n_pairs, 2, 0, first[:, None].expand(-1, n_pairs))

    def set_states(self):
        p, q = self.probability, self.second[:, None]
        members = torch.tensor([[False, False], [True, False], [True, True]])
        return members, torch.stack([1 - p, p * (1 - q), p * q], -1)

    def set_rows(self, active, uniform):
        value, choice = uniform.split([2 * self.n_sets, self.n_sets], dim=-2)
        both = choice < self.second.to(self.dtype)[:, None, None]
        return torch.where(torch.stack([active > 0, (active > 0) & both], dim=-2).flatten(-3, -2), value, 0.0)


class Constant(st.Independent):
    """Active features are 1."""

    def rows(self, uniform):
        return (super().rows(uniform) > 0).to(self.dtype)


class Squared(st.CorrelatedSets):
    """Values are the squares of uniform numbers."""

    def set_rows(self, active, uniform):
        return super().set_rows(active, uniform).square()


class Halved(st.ReLUOutputModel):
    def forward(self, x):
        return super().forward(x) / 2


class TopOne(st.ReLUOutputModel):
    def hidden(self, x):
        h = super().hidden(x)
        return torch.where(h.abs() == h.abs().amax(-1, keepdim=True), h, 0.0)


class Doubled(st.ReLUOutputModel):
    def target(self, x):
        return 2 * x


class Shifted(st.ReLUOutputModel):
    def read_out(self, h):
        return super().read_out(h) + 0.1


class Scaled(st.ReLUOutputModel):
    """Has a parameter more."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.gain = torch.nn.Parameter(torch.full((sizes[0], 1), 0.5))

    def forward(self, x):
        return super().forward(x) * self.gain[:, None]


class Brighter(st.Independent):
    """Samples, but not rows, in a way of its own."""

    def sample(self, batch_size, generator=None):
        x, weight = super().sample(batch_size, generator)
        return 2 * x, weight


MODELS = [Halved, TopOne, Doubled, Shifted, Scaled]


def sampled(model, data, n_rows=400_000):
    x, weight = data.sample(n_rows, torch.Generator().manual_seed(0))
    return st.sampled_loss(model, x, weight)


@pytest.mark.parametrize("options", [{}, {"optimizer": "gradient descent", "learning_rate": 0.1}])
def test_data_that_sample_in_a_way_of_their_own_are_trained_on_and_measured_so(options):
    data, model = (
        Brighter(4, torch.tensor([[0.5], [0.1]])),
        model_with_random_weights(st.ReLUOutputModel, 2, 4, 2, torch.float32),
    )
    loss, error = sampled(model, data)
    assert ((st.expected_loss(model, data) - loss).abs() < 0.02 * loss + 5 * error).all()
    model = st.ReLUOutputModel(2, 4, 2)
    record = st.train(model, data, n_steps=100, n_restarts=2, **options)
    loss, error = sampled(model, data)
    assert record.path == "autograd"
    assert ((record.loss - loss).abs() < 0.02 * loss + 5 * error).all()


@pytest.mark.parametrize("data", [Constant(4, torch.tensor([[0.5], [0.1]])), Squared(2, 2, torch.tensor([[0.5], [0.1]]))])
@pytest.mark.parametrize("kind", [st.LinearModel, st.ReLUOutputModel])
def test_data_that_draw_their_rows_in_a_way_of_their_own_are_sampled(kind, data):
    model = model_with_random_weights(kind, 2, 4, 2, torch.float32)
    loss, error = sampled(model, data)
    assert ((st.expected_loss(model, data) - loss).abs() < 0.02 * loss + 5 * error).all()
    record = st.train(model, data, n_steps=50)
    loss, error = sampled(model, data)
    assert ((record.loss - loss).abs() < 0.02 * loss + 5 * error).all()


def test_what_would_need_the_states_of_such_data_is_refused():
    data = Constant(4, 0.5)
    with pytest.raises(ValueError, match="n_nodes must be None for Constant"):
        st.train(st.ReLUOutputModel(1, 4, 2), data, n_nodes=3)
    with pytest.raises(ValueError, match="data must have known moments, which Constant has not"):
        st.theory.principal_components(data)


@pytest.mark.parametrize("kind", MODELS)
def test_models_that_compute_in_a_way_of_their_own_are_measured_by_it(kind):
    model, data = kind(2, 4, 2), st.Independent(4, 0.3)
    with torch.no_grad():
        model.W.mul_(2)
    loss, error = sampled(model, data)
    assert ((st.expected_loss(model, data) - loss).abs() < 0.02 * loss + 5 * error).all()


@pytest.mark.parametrize("kind", MODELS)
def test_such_models_are_trained_by_autograd_as_what_they_are(kind):
    model, data = kind(2, 4, 2), st.Independent(4, torch.tensor([[0.8], [0.3]]))
    before = st.expected_loss(model, data)
    record = st.train(model, data, n_steps=200, n_restarts=4)
    assert record.path == "autograd"
    assert (record.loss < before).all()
    loss, error = sampled(model, data)
    assert ((record.loss - loss).abs() < 0.02 * loss + 5 * error).all()


class Mirrored(st.ReLUOutputModel):
    """The second feature starts opposite to the first."""

    @torch.no_grad()
    def settle(self):
        self.W[:, :, 1] = -self.W[:, :, 0]


def test_what_starts_as_a_function_of_other_parameters_does_so_in_fresh_restarts_too():
    model, data = Mirrored(4, 3, 2), st.Independent(3, 0.3)
    own = model.W.clone()
    record = st.train(model, data, n_steps=20, n_restarts=8, snapshot_steps=[0])
    W, fresh = record.snapshots[0]["W"], record.restart > 0
    assert record.path == "fast step"
    assert fresh.any()
    for start in (own, W):
        assert torch.equal(start[:, :, 1], -start[:, :, 0])
    assert not torch.isclose(W[fresh], own[fresh]).any()


def test_a_method_that_is_changed_on_one_model_counts_too():
    model = st.ReLUOutputModel(1, 4, 2)
    assert model.changed_methods == []
    model.read_out = lambda h: torch.zeros(1)
    assert model.changed_methods == ["read_out"]


@pytest.mark.parametrize("kind", ALL_MODELS)
def test_our_own_models_and_data_are_known(kind):
    assert kind(1, 4, 2).changed_methods == []
    assert all(data.states_are_known for data in distributions().values())
    assert has_closed_form(st.LinearModel(1, 6, 2), distributions()["correlated"])


@pytest.mark.parametrize(
    "activation",
    [
        lambda z: z.softmax(-1),
        lambda z: z * z.softmax(-1),
        lambda z: functional.layer_norm(z, z.shape[-1:]),
        lambda z: functional.dropout(z, 0.5),
    ],
)
def test_activations_that_mix_features_or_throw_dice_are_refused(activation):
    with pytest.raises(ValueError, match="activation must be elementwise and not random"):
        st.ActivationOutputModel(1, 4, 2, activation=activation)


def test_targets_that_a_relu_cannot_give_are_refused_where_the_data_have_them():
    model = st.FunctionModel(1, 4, 8, function=torch.sin)
    st.train(model, st.Independent(4, 0.5), n_steps=2)  # nowhere negative on [0, 1]
    with pytest.raises(ValueError, match="function must be nowhere negative"):
        st.train(model, st.Independent(4, 0.5, values=st.values.SIGNED), n_steps=2)


def test_a_new_distribution_says_its_states_and_its_rows_and_all_else_follows():
    data = Hierarchical(3, [0.5, 0.2], [0.3, 0.9])
    assert data.states_are_known
    mean, second = data.moments()
    together, off = probabilities_of_pairs(data), ~torch.eye(6, dtype=torch.bool)
    assert_close(mean, together.diagonal(dim1=1, dim2=2) / 2)
    assert_close(second[:, off], together[:, off] / 4)

    model = model_with_random_weights(st.ReLUOutputModel, 2, 6, 3)
    exact = st.expected_loss(model, data)
    slow = plain_sample(data, 400_000)
    weight = torch.full(slow.shape[:2], 1 / slow.shape[1], dtype=torch.float64)
    for loss, error in (st.sampled_loss(model, slow, weight), sampled(model, data)):
        assert ((exact - loss).abs() < 5 * error + 1e-4 * loss).all()
    x, weight = quadrature(data.to(dtype=torch.float64), 6)
    assert_close(exact, st.sampled_loss(model, x.expand(2, -1, -1), weight)[0], rtol=5e-3, atol=0)
    assert_close(st.expected_loss(model.select(slice(1, 2)), data.select(slice(1, 2))), exact[1:], rtol=1e-3, atol=0)
    assert (st.train(model, data, n_steps=100).loss < exact).all()


class Sums(st.BatchedModel):
    """One output, the sum of all."""

    def __init__(self, n_instances):
        super().__init__(n_instances, 4, {"w": (1, 4)})

    def forward(self, x):
        return x @ self.w.mT

    def target(self, x):
        return x.sum(-1, keepdim=True)


def test_a_model_with_other_outputs_needs_a_loss_of_its_own():
    data, model = st.Independent(4, torch.tensor([[0.5], [0.1]])), Sums(2)
    for refused in (lambda: st.train(model, data, n_steps=3), lambda: st.expected_loss(model, data)):
        with pytest.raises(ValueError, match="model must give 4 outputs, as x has features, got 1"):
            refused()

    def squared(model, x, weight):
        return (weight * (model(x) - model.target(x)).square()[..., 0]).sum(1)

    record = st.train(model, data, loss=squared, n_steps=400)
    assert (record.loss < 1e-3).all()
    assert_close(model.w.detach(), torch.ones(2, 1, 4), rtol=0, atol=0.05)
