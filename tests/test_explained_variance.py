import pytest
import torch
from torch.testing import assert_close

import supertoy as st

SETTINGS = st.Independent(3, torch.tensor([[1.0], [0.2], [0.01]]), values=st.values.SIGNED)


def two_neurons_each(b=0.0):
    """|x| of the first two features, computed exactly; a constant for the third."""
    eye = torch.eye(3)[:2]
    W1 = torch.cat([eye, -eye])
    W2 = torch.cat([torch.eye(2), torch.eye(2)], 1)
    W2 = torch.cat([W2, torch.zeros(1, 4)])
    bias = torch.zeros(3, 3)
    bias[:, 2] = torch.as_tensor(b)
    return st.AbsoluteValueModel(3, 3, 4).like({"W1": W1.expand(3, -1, -1), "W2": W2.expand(3, -1, -1), "b": bias})


def test_exact_outputs_are_explained_and_constants_are_not():
    mean = SETTINGS.probability[:, 0].float() / 2  # E |x|
    assert_close(st.loss.explained_variance(two_neurons_each(mean), SETTINGS)[:, :2], torch.ones(3, 2))
    at_mean = st.loss.explained_variance(two_neurons_each(mean), SETTINGS, n_rows=2**16)[:, 2]
    assert_close(at_mean, torch.zeros(3), rtol=0, atol=0.01)
    assert (st.loss.explained_variance(two_neurons_each(0.9), SETTINGS)[:, 2] < -0.1).all()


def test_half_the_function_is_what_it_should_be():
    model = two_neurons_each()
    model.W2.data = model.W2.clone()
    model.W2.data[:, :, 2:] = 0  # nothing for negative values
    p = SETTINGS.probability[:, 0].float()
    # Of E x² = p/3 half is missed; Var |x| = p/3 - p²/4.
    expected = 1 - (p / 6) / (p / 3 - p.square() / 4)
    assert_close(st.loss.explained_variance(model, SETTINGS, n_rows=2**17)[:, 0], expected, rtol=0, atol=0.02)


def test_an_instance_is_measured_the_same_whatever_stands_beside_it():
    model, two = two_neurons_each(), slice(0, 2)
    fewer = st.loss.explained_variance(model.select(two), SETTINGS.select(two))
    assert torch.equal(fewer, st.loss.explained_variance(model, SETTINGS)[two])


def test_a_feature_that_never_came_is_not_judged():
    rare = st.Independent(3, torch.tensor([0.5, 0.5, 1e-9]), values=st.values.SIGNED).expand(3)
    assert torch.isnan(st.loss.explained_variance(two_neurons_each(), rare, n_rows=50)[:, 2]).all()


def test_data_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="data must have the model's 3 features, got 4"):
        st.loss.explained_variance(two_neurons_each(), st.Independent(4, 0.1))
    with pytest.raises(ValueError, match="n_rows must be at least 2"):
        st.loss.explained_variance(two_neurons_each(), SETTINGS, n_rows=1)
