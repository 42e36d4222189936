"""How well probes tell classes apart on the vectors of ``builtin``: writes reports/classes.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from synthaudit.arrays import Floats, Integers, Vectors
from synthaudit.auditing.image_reader import open_reader
from synthaudit.embedding.builtin import BuiltinEmbedder
from synthaudit.images.opening import open_source
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.usefulness.learners import KernelLearner, LinearLearner
from synthaudit.measures.usefulness.linear_probe import PROBE_AXES
from synthaudit.progress import NoProgress
from synthaudit.settings import Settings

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared" / "data"
HISTOGRAM = slice(704, 768)
"""Where the 64 colours are among the features of ``builtin``."""

SEEDS = 3
Judge = Callable[[Vectors, Integers, Integers, Integers], Integers]


def labelled(folder: Path) -> tuple[Vectors, Integers]:
    """Vectors and class numbers of a folder."""
    collection = open_source(folder)
    with open_reader(Settings(embedder="builtin"), NoProgress()) as reader:
        found = reader.extract(collection)
    labels = [collection.entries[row].label for row in found.kept]
    return found.vectors, np.unique(np.array(labels, str), return_inverse=True)[1]


def painted(photos: Path, *, classes: int = 43, each: int = 9) -> tuple[Vectors, Integers]:
    """Few images of many classes that only their colours tell: three each, in patches on photos."""
    rng = np.random.default_rng(0)
    files = sorted(photos.glob("*/*"))
    pictures, target = [], []
    for number in range(classes):
        colours = rng.integers(0, 256, (3, 3))
        for _ in range(each):
            with Image.open(files[rng.integers(len(files))]) as image:
                picture = image.convert("RGB").resize((64, 64))
            draw = ImageDraw.Draw(picture)
            for _ in range(10):
                left, top, width, height = (*rng.integers(0, 56, 2), *rng.integers(5, 25, 2))
                colour = colours[rng.integers(3)] + rng.normal(0.0, 25.0, 3)
                fill = tuple(int(value) for value in colour.clip(0, 255))
                draw.rectangle((left, top, left + width, top + height), fill=fill)
            light = np.asarray(picture, float) * rng.uniform(0.75, 1.2)
            pictures.append(light.clip(0, 255).astype(np.uint8))
            target.append(number)
    return BuiltinEmbedder().encode(np.array(pictures)), np.array(target)


def by_kernel(rows: Vectors, target: Integers, train: Integers, asked: Integers) -> Integers:
    """The probe of up to 6,000 images."""
    learner = KernelLearner(
        rows=rows, target=target, clusters=np.full(len(rows), -1), classes=target.max() + 1
    )
    return np.asarray(learner.scores(train, asked).argmax(axis=1))


def by_axes(rows: Vectors, target: Integers, train: Integers, asked: Integers) -> Integers:
    """The probe of more images, and of all before."""
    learner = LinearLearner(
        rows=principal_axes(rows)[:, -PROBE_AXES:],
        target=target,
        clusters=np.full(len(rows), -1),
        classes=target.max() + 1,
    )
    return np.asarray(learner.scores(train, asked).argmax(axis=1))


def by_logistic(rows: Vectors, target: Integers, train: Integers, asked: Integers) -> Integers:
    """Plain logistic regression on standardised features, as scikit-learn has it."""
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    return np.asarray(fitted.fit(rows[train], target[train]).predict(rows[asked]))


def accuracy(judge: Judge, rows: Vectors, target: Integers) -> tuple[float, float]:
    """Of five folds, a few times, and seconds of one time."""
    right: list[Floats] = []
    start = time.perf_counter()
    for seed in range(SEEDS):
        folds = StratifiedKFold(5, shuffle=True, random_state=seed).split(rows, target)
        right += [judge(rows, target, train, asked) == target[asked] for train, asked in folds]
    return float(np.concatenate(right).mean()), (time.perf_counter() - start) / SEEDS


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--out", type=Path, default=HERE.parent / "reports" / "classes.md")
    options = asked.parse_args()
    sets = {
        "CIFAKE's photos": labelled(DATA / "cifake" / "real"),
        "CIFAKE's synthetic images": labelled(DATA / "cifake" / "synthetic"),
        "clothing": labelled(DATA / "clothing"),
        "43 painted classes": painted(DATA / "clothing"),
    }
    lines = [
        "# Telling classes apart by the vectors of builtin",
        "",
        f"`python benchmarks/classes.py`: accuracy on held-out images, five folds, {SEEDS} times;",
        "seconds of five folds on one core. The painted classes differ by three colours each and",
        "by nothing else: they stand for sets whose classes a histogram tells best. Logistic",
        "regression is plain, of standardised features; colours alone are the 64 of the histogram,",
        "seen by our probe.",
        "",
        "| set | images | classes | probe (s) | linear probe (s) | logistic (s) | colours alone |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, (rows, target) in sets.items():
        cells = [
            "{:.3f} ({:.1f})".format(*accuracy(judge, rows, target))
            for judge in (by_kernel, by_axes, by_logistic)
        ]
        colours = accuracy(by_kernel, rows[:, HISTOGRAM], target)[0]
        shape = f"| {name} | {len(rows):,} | {target.max() + 1} "
        lines.append(f"{shape}| {' | '.join(cells)} | {colours:.3f} |")
        sys.stderr.write(lines[-1] + "\n")
    options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
