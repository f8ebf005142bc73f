"""Layers that have the claims of "Privileged basis", and layers that do not."""

import itertools

import torch

EYE = torch.eye(5)
ZERO = torch.zeros(5, 1)


def layer(*columns, n=10):
    """W with these columns, and zeros for the other features."""
    W = torch.stack([torch.as_tensor(column, dtype=torch.float32) for column in columns], 1)
    return torch.cat([W, torch.zeros(len(W), n - W.shape[1])], 1)


def columns(*places, height=0.7):
    """A column for each set of neurons: 1 if there is one neuron in it, otherwise `height` in each."""
    return [EYE[list(neurons)].sum(0) * (1 if len(neurons) == 1 else height) for neurons in places]


OWN = layer(*EYE)
THREE_AND_TWO = layer(*EYE[:3], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0.7, 0.7])
TWO_AND_THREE = layer(*columns((0,), (1,), (2, 3), (3, 4), (2, 4), (2, 3, 4), (2, 3)))
ONE_AND_FOUR = layer(*columns((0,), (1, 2), (3, 4), (1, 3), (2, 4), (1, 4), (2, 3)))
EIGHT = layer(*columns((0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (0, 2), (1, 3), (2, 4)))
PAIRS = layer(*columns(*itertools.combinations(range(5), 2)))
REGIMES = torch.stack([OWN, THREE_AND_TWO, TWO_AND_THREE, ONE_AND_FOUR, EIGHT, PAIRS])
# Two features less sparse, one in three neurons, or pairs that a large negative weight seems to make one feature's own.
MISSING = torch.cat([REGIMES[:5], PAIRS.clone()[None] * (torch.arange(10) < 8)])
IN_THREE = REGIMES.clone()
IN_THREE[5, 4, 0] = 0.7
INHIBITED = REGIMES.clone()
INHIBITED[5, 0, 9] = -5.0

ROTATION, _ = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)))
BASIS, LINEAR = (W.expand(2, -1, -1) for W in (OWN, ROTATION @ OWN))

CASES = {
    "privileged/aligned": ({"relu": BASIS, "linear": LINEAR}, {"relu": LINEAR, "linear": BASIS}),
    "privileged/mono-to-poly": ({"W": REGIMES}, {"W": REGIMES.flip(0)}),
    "privileged/avoids-relu": (
        {"positive": torch.tensor([0.995, 1, 1]), "loss": torch.ones(3), "linear_loss": torch.ones(3)},
        {"positive": torch.full((3,), 0.6), "loss": torch.full((3,), 1.1), "linear_loss": torch.ones(3)},
    ),
}

# Changes to a right solution that its claim must not survive.
WRONG = [
    ("privileged/aligned", {"relu": LINEAR}),
    ("privileged/aligned", {"linear": BASIS}),
    ("privileged/aligned", {"relu": 0.4 * BASIS}),  # nothing is represented
    ("privileged/aligned", {"linear": 0.4 * LINEAR}),
    ("privileged/mono-to-poly", {"W": MISSING}),
    ("privileged/mono-to-poly", {"W": IN_THREE}),
    ("privileged/avoids-relu", {"positive": torch.tensor([1.0, 1, 0.98])}),
    ("privileged/avoids-relu", {"loss": torch.tensor([1.0, 1, 1.03])}),
]

# Changes that break one part of a claim, and its number.
BROKEN = [
    ("privileged/aligned", {"relu": LINEAR}, 0),
    ("privileged/aligned", {"linear": BASIS}, 1),
    ("privileged/mono-to-poly", {"W": MISSING}, 5),
    ("privileged/mono-to-poly", {"W": REGIMES[[0, 1, 2, 4, 4, 5]]}, 3),
    ("privileged/avoids-relu", {"positive": torch.tensor([1.0, 1, 0.98])}, 0),
    ("privileged/avoids-relu", {"loss": torch.tensor([1.0, 1, 1.03])}, 1),
]
