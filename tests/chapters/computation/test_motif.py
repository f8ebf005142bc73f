import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.computation import motif

# Neuron 0 stores +x_0 and -x_1; neuron 1 fires with +x_0 too, and inhibits the output of x_1; the others do what is left.
W1 = torch.tensor([[2.0, -0.5], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
W2 = torch.tensor([[0.5, 0.0, 1.0, 0.0], [2.0, -4.0, 0.0, 1.0]])


def model(W1=W1, W2=W2):
    made = st.AbsoluteValueModel(1, 2, 4)
    return made.like({"W1": W1[None].clone(), "W2": W2[None].clone(), "b": torch.zeros(1, 2)})


def test_the_papers_example_is_one():
    [found] = motif.find(model())
    assert (found.neuron, found.strong, found.weak, found.inhibitor, found.sign) == (0, 0, 1, 1, 1.0)
    assert_close(torch.tensor([found.interference, found.inhibition, found.rest]), torch.tensor([4.0, -4.0, 0.0]))


def test_it_computes_single_features_almost_exactly():
    x = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]])
    assert_close(model()(x), torch.tensor([[[1.0, 0], [1, 0], [0, 1], [0.25, 1]]]))


def test_it_does_not_depend_on_the_scale_or_the_order_of_neurons():
    order, scale = [2, 0, 3, 1], torch.tensor([0.1, 3.0, 2.0, 7.0])
    [found] = motif.find(model(W1[order] * scale[:, None], W2[:, order] / scale))
    assert (found.neuron, found.inhibitor) == (1, 3)
    assert found.interference == pytest.approx(4)


@pytest.mark.parametrize(
    ("in_0", "out_0", "inhibition"),
    [
        ([2.0, -0.5], [0.5, 2.0], -1.0),  # a quarter is taken away
        ([2.0, -1.1], [0.5, 2.0], -4.0),  # inputs nearly equal
        ([2.0, -0.5], [1.1, 2.0], -4.0),  # outputs nearly equal
        ([2.0, -0.5], [0.2, 2.0], -4.0),  # the strong feature is not stored
        ([2.0, -0.2], [0.5, 2.0], -4.0),  # nor the weak one
    ],
)
def test_what_lacks_a_part_is_none(in_0, out_0, inhibition):
    inward, outward = W1.clone(), W2.clone()
    inward[0], outward[:, 0], outward[1, 1] = torch.tensor(in_0), torch.tensor(out_0), inhibition
    assert motif.find(model(inward, outward)) == []


def test_without_inhibition_the_disturbance_is_heard_and_nothing_else_changes():
    whole = model()
    cut = motif.without_inhibition(whole, motif.find(whole)[0])
    x = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]])
    change = cut(x) - whole(x)
    assert_close(change[0, 0], torch.tensor([0.0, 4.0]))
    assert not change[0, 1:].any()
    assert whole.W2[0, 1, 1] == -4


def test_motifs_are_listed_by_model_and_strength():
    two = st.AbsoluteValueModel(3, 2, 4)
    strong = W2.clone()
    strong[1, 0], strong[1, 1] = 3, -6
    two = two.like(
        {
            "W1": torch.stack([W1, torch.zeros(4, 2), W1]),
            "W2": torch.stack([W2, W2, strong]),
            "b": torch.zeros(3, 2),
        }
    )
    found = motif.find(two)
    assert [m.instance for m in found] == [0, 2]
    assert_close(motif.without_inhibition(two, found[1])(torch.tensor([[[1.0, 0.0]]])), torch.tensor([[[1.0, 6.0]]]))
    assert_close(two.W2[2], strong)
