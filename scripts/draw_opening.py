"""Draw the book's opening picture, book/static/opening.svg, and from it the card that is shown where a page is shared.

Trains three models, in a second.

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
folder = Path(__file__).parent.parent / "book" / "static"
figure.savefig(folder / "opening.svg", metadata={"Date": None})

# 1200 by 630 is what the sites show that people share pages on.
figure.set_size_inches(12, 6.3)
figure.suptitle("Toy Models of Superposition, Executable", fontsize=30, y=0.93)
figure.set_layout_engine("constrained", rect=(0.02, 0.05, 0.96, 0.8))
for axis in figure.axes:
    axis.title.set_fontsize(20)
figure.savefig(folder / "card.png", dpi=100)
