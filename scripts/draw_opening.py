"""Draw the book's opening picture, book/static/opening.svg: trains three models and takes a second.

Usage: python scripts/draw_opening.py
"""

from pathlib import Path

import torch

import supertoy as st

probability = torch.tensor([1.0, 0.2, 0.1])
importance = 0.9 ** torch.arange(5)
model = st.ReLUOutputModel(n_instances=3, n_features=5, n_hidden=2, seed=0)
st.train(model, st.Independent(5, probability[:, None]), importance=importance, n_restarts=32)

titles = ["always active", "80 % sparse", "90 % sparse"]
W = st.canonical_orientation(model.W.detach())
figure = st.plots.feature_directions(W, importance=importance, titles=titles)
path = Path(__file__).parent.parent / "book" / "static" / "opening.svg"
figure.savefig(path, metadata={"Date": None})
