import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.strategic_picture.firing import activation_frequency, gain_per_activation


def dedicated(n_features, scale=1.0):
    """An absolute-value model that is exact: ReLU(x) + ReLU(-x), with two neurons for each of its features."""
    eye = torch.eye(n_features)
    W1 = torch.cat([eye, -eye])[None]
    model = st.AbsoluteValueModel(1, n_features, 2 * n_features)
    return model.like({"W1": scale * W1, "W2": W1.abs().mT / scale, "b": torch.zeros(1, n_features)})


def test_neurons_fire_as_often_as_their_features_are_active():
    data = st.Independent(3, torch.tensor([[0.5, 0.2, 0.1]]), values=st.values.SIGNED)
    x, weight = data.sample(2**14, torch.Generator().manual_seed(0))
    h = dedicated(3).hidden(x)
    assert_close(activation_frequency(h, weight, silent=0.0), torch.tensor([0.8]), atol=0.01, rtol=0)
    assert activation_frequency(h, weight, silent=0.5)[0] < 0.5


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_dedicated_neurons_gain_what_dedicated_neurons_gain(scale):
    data = st.Independent(4, 0.2, values=st.values.SIGNED)
    assert_close(gain_per_activation(dedicated(4, scale), data), torch.ones(1), atol=0.02, rtol=0)
    # Those below 1 % of the largest activation do not count, and without a bar there are none.
    assert_close(gain_per_activation(dedicated(4, scale), data, silent=0.0), torch.ones(1), atol=1e-3, rtol=0)


def test_neurons_that_fire_for_nothing_halve_the_gain():
    one = dedicated(4)
    idle = {"W1": one.W1.repeat(1, 2, 1), "W2": torch.cat([one.W2, torch.zeros_like(one.W2)], dim=2), "b": one.b}
    wasteful = st.AbsoluteValueModel(1, 4, 16).like(idle)
    data = st.Independent(4, 0.2, values=st.values.SIGNED)
    assert_close(gain_per_activation(wasteful, data), gain_per_activation(one, data) / 2, rtol=1e-4, atol=0)


def test_an_unimportant_feature_does_not_count():
    one = dedicated(4)
    half = one.like({"W1": one.W1, "W2": one.W2 * torch.tensor([1.0, 1, 0, 0])[:, None], "b": one.b})
    data = st.Independent(4, 0.2, values=st.values.SIGNED)
    important = torch.tensor([1.0, 1, 0, 0])
    both = gain_per_activation(half, data, importance=important, silent=0.0)
    assert_close(both, torch.ones(1), atol=1e-3, rtol=0)


def test_bad_arguments_are_refused():
    data = st.Independent(4, 0.2)
    with pytest.raises(TypeError, match="must have a ReLU on its hidden layer, which ReLUOutputModel has not"):
        gain_per_activation(st.ReLUOutputModel(1, 4, 2), data)
    with pytest.raises(ValueError, match="n_rows must be at least 2"):
        gain_per_activation(dedicated(4), data, n_rows=1)
    with pytest.raises(ValueError, match=r"silent must lie in \[0, 1\), got 1"):
        activation_frequency(torch.ones(1, 2, 3), torch.full((1, 2), 0.5), silent=1.0)
    with pytest.raises(ValueError, match="h must be finite"):
        activation_frequency(torch.full((1, 2, 3), torch.nan), torch.full((1, 2), 0.5))
