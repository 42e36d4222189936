"""What is said of prompts, on planted truth: how often it is right, and what it costs.

Writes reports/prompts.md: ``python benchmarks/prompts.py``. Needs no weights: pictures and texts
come from linear models whose words are known. The last part looks at real pictures with a model
whose few words are made by hand, and says so.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from scipy.stats import kstest

import synthaudit
from synthaudit.arrays import Singles
from synthaudit.images.decoding import Frame, Pixels
from synthaudit.measures.prompts.word_effects import word_effects
from synthaudit.prompting.drawing import draw_prompts
from synthaudit.prompting.grammar import parse_grammar
from synthaudit.prompting.sources import DEFAULT_GRAMMAR
from synthaudit.prompting.vocabulary import prompt_groups
from synthaudit.prompting.wildcards import read_wildcards, values_of

PROJECT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT)]

from tests.linear_text_model import LinearTextModel, write_set  # noqa: E402
from tests.measures.prompts.test_attribute_contrast import contrasts  # noqa: E402
from tests.measures.prompts.test_faithfulness import planted  # noqa: E402
from tests.measures.prompts.test_word_effects import PICTURES, drawn, effects, features  # noqa: E402

REPORT: Final = PROJECT / "reports" / "prompts.md"
DATA: Final = PROJECT.parent / "shared" / "data"
RUNS: Final = 100


def table(
    rows: Sequence[tuple[str, str]], head: tuple[str, str] = ("planted", "found")
) -> list[str]:
    """Rows of two cells."""
    return [f"| {left} | {right} |" for left, right in (head, ("---", "---"), *rows)]


def faithfulness() -> list[str]:
    """Recall, false rates and the null of faithfulness."""
    cases = [planted(seed) for seed in range(RUNS)]
    recall = [own.found.is_unfaithful[own.is_swapped].mean() for own in cases]
    false = [
        (own.found.is_unfaithful & ~own.is_swapped).sum() / max(own.found.is_unfaithful.sum(), 1)
        for own in cases
    ]
    clean = [planted(seed, swapped=0.0).found.is_unfaithful.any() for seed in range(RUNS)]
    null = [planted(seed, unrelated=True).found for seed in range(RUNS)]
    weak = [planted(seed, separation=0.3) for seed in range(RUNS)]
    hits = [own.found.is_unfaithful[own.is_swapped].mean() for own in weak]
    accused = [own.found.is_unfaithful[~own.is_swapped].mean() for own in weak]
    rejected = [kstest(own.p_values, "uniform").pvalue < 0.05 for own in null]
    held = [own.unfaithful.low <= 0.5 <= own.unfaithful.high for own in null]
    unrelated = "pictures that have nothing to do with their prompts"
    return table(
        [
            ("a tenth of the prompts swapped: recall", f"{np.mean(recall):.3f}"),
            ("the same: false among those named", f"{np.mean(false):.3f}"),
            ("nothing swapped: sets in which any picture is named", f"{np.mean(clean):.2f}"),
            ("a model that hardly tells classes apart: recall", f"{np.mean(hits):.3f}"),
            ("the same: right pictures that are named", f"{np.mean(accused):.4f}"),
            (
                f"{unrelated}: sets whose p-values are not uniform (Kolmogorov-Smirnov at 5 %)",
                f"{np.mean(rejected):.2f}",
            ),
            ("the same: intervals of `unfaithful` that hold 0.5", f"{np.mean(held):.2f}"),
        ]
    )


def words() -> list[str]:
    """Power and family-wise rate of the words to blame."""
    rows = []
    for effect in (0.05, 0.1, 0.2):
        hits = others = 0
        for seed in range(RUNS):
            _, has, fault = drawn(seed)
            found = {own.word for own in effects(fault + effect * has[:, 7], has, seed)}
            hits += "word 7" in found
            others += bool(found - {"word 7"})
        rows.append((f"{effect:.2f} on one of 60 words, {PICTURES} pictures", f"{hits} of {RUNS}"))
        rows.append(("the same: runs in which another word is named", f"{others} of {RUNS}"))
    named = instead = 0
    for seed in range(RUNS):
        rng, has, fault = drawn(seed)
        named += bool(effects(fault, has, seed))
        has[:, 1] = np.where(rng.random(PICTURES) < 0.8, has[:, 0], has[:, 1])
        found = {own.word for own in effects(fault + 0.15 * has[:, 0], has, seed)}
        instead += "word 1" in found and "word 0" not in found
    rows.append(("nothing: runs in which any word is named", f"{named} of {RUNS}"))
    alike = "0.15 on a word that another goes along with in four of five pictures"
    rows.append((f"{alike}: runs in which that is named instead", f"{instead} of {RUNS}"))
    _, has, fault = drawn(0)
    begun = time.perf_counter()
    strata, units = np.zeros(PICTURES, int), np.arange(PICTURES)
    word_effects({"unrealistic": fault}, features(has), strata=strata, units=units)
    rows.append(("time of one fault and 60 words", f"{time.perf_counter() - begun:.2f} s"))
    return table(rows)


def attributes() -> list[str]:
    """Planted differences, and none."""
    shows = {3: (0.6, 0.1), 9: (0.1, 0.6), 20: (0.5, 0.5)}
    found = [contrasts(seed, shows) for seed in range(RUNS)]
    none = sum(bool(contrasts(seed, {3: (0.4, 0.4)})) for seed in range(RUNS))
    both = sum(own.get(3, 0) > 0 > own.get(9, 0) for own in found)
    others = sum(bool(own.keys() - {3, 9}) for own in found)
    return table(
        [
            ("two of 60 attributes, 60 % against 10 % either way: both", f"{both} of {RUNS}"),
            ("the same: runs in which another one is named", f"{others} of {RUNS}"),
            ("nothing: runs in which any is named", f"{none} of {RUNS}"),
        ]
    )


def default_words() -> list[str]:
    """How equally often the default words occur."""
    known = read_wildcards(None)
    parts = parse_grammar(DEFAULT_GRAMMAR, lambda name: values_of(known, name))
    texts = list(itertools.islice(draw_prompts(parts, np.random.default_rng(0)), 6400))
    counts = Counter(word for text in texts for word in text.split(", ")[1:])
    expected = 3 * len(texts) / sum(len(group) for group in prompt_groups().values())
    worst = max(abs(count / expected - 1.0) for count in counts.values())
    told = f"{len(counts)} words in {len(texts):,} prompts, {expected:.0f} times each; the one "
    told += f"furthest from it by {worst:.1%}. {len(set(texts)):,} prompts are different."
    return [told]


def cost() -> list[str]:
    """What knowing prompts adds to an audit."""

    def asked(number: int, name: str, rng: np.random.Generator) -> tuple[str, Sequence[str]]:
        style = ("studio", "candid", "press")[number % 3]
        return f"A {style} photo of a {name}, number {rng.integers(20)}", [name]

    model, times = LinearTextModel(), {}
    with tempfile.TemporaryDirectory() as place:
        sides = [Path(place) / "real", Path(place) / "made"]
        write_set(sides[0], lambda _n, name, _r: ("", [name]), seed=1, each=200)
        write_set(sides[1], asked, seed=2, each=200)
        for name in ("none", None, "none", None):  # the first two load what there is to load
            begun = time.perf_counter()
            synthaudit.score(*sides, embedder=model, use_cache=False, faithfulness=name)
            times[name] = time.perf_counter() - begun
    ratio = times[None] / times["none"]
    told = f"An audit of 1,000 against 1,000 pictures with prompts takes {ratio:.2f} times as long "
    told += "where they are held against the pictures and attributes are looked for "
    return [f"{told}({times[None]:.1f} s against {times['none']:.1f} s, in one run)."]


class HandMadeModel:
    """Light and colour alone: a picture is its layout, and a few words say what a layout is like.

    It knows nothing of things; other words point nowhere in particular.
    """

    name, dimension, fingerprint = "layout by hand", 192, "layout/1"
    frame = Frame(height=64, width=64)
    device, batch_size = "cpu", 64

    def encode(self, pixels: Pixels) -> Singles:
        """Eight by eight cells of colour, less grey."""
        cells = pixels.reshape(len(pixels), 8, 8, 8, 8, 3).mean(axis=(2, 4)) - 127.5
        return _unit(cells.reshape(len(pixels), -1) + 1e-3)

    def encode_text(self, texts: Sequence[str]) -> Singles:
        """The layout that a text's last known phrase stands for."""
        return _unit(np.stack([self._layout(text).ravel() for text in texts]))

    @staticmethod
    def _layout(text: str) -> np.ndarray:
        border = np.ones((8, 8, 1))
        border[2:6, 2:6] = 0.0
        rgb = np.ones(3)
        top = (np.arange(8) < 4)[:, None, None] * np.ones((8, 8, 1))
        known = {
            "white background": border * rgb,
            "dark background": -border * rgb,
            "dim light": -np.ones((8, 8, 3)),
            "at night": -np.ones((8, 8, 3)) + 0.3 * (1 - border) * rgb,
            "bright sunlight": np.ones((8, 8, 3)) * [1.0, 0.95, 0.7],
            "sky": top * [-0.3, 0.3, 1.0],
            "grass": (1 - top) * [-0.5, 1.0, -0.5],
            "water": (1 - top) * [-0.6, 0.1, 1.0],
        }
        found = [layout for word, layout in known.items() if word in text]
        if found:
            return np.asarray(found[-1] * np.ones((8, 8, 3)))
        seed = np.frombuffer(text.encode(), np.uint8).astype(np.uint32)
        return np.random.default_rng(seed).normal(size=(8, 8, 3))


def _unit(rows: np.ndarray) -> Singles:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def seen() -> list[str]:
    """Generated pictures of a prompt sweep against product photos."""
    if not DATA.is_dir():
        return ["Not run: the pictures are not here."]
    sides = (DATA / "clothing", DATA / "midjourney")
    # Their folders are classes here and styles there: without them as classes.
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place) / f"{side.name}.csv" for side in sides]
        for side, file in zip(sides, files, strict=True):
            paths = sorted(str(own) for own in side.rglob("*.jpg"))
            file.write_text("path\n" + "".join(f'"{own}"\n' for own in paths))
        audit = synthaudit.score(*files, embedder=HandMadeModel(), use_cache=False)
    found = audit.to_dict().get("attributes", {})
    rows = [
        (
            f"{kind}: {own['attribute']}",
            f"{own['difference']:.2f}, {own['share']:.0%} against {own['other_share']:.0%}",
        )
        for kind, key in (("clothing, real", "real"), ("midjourney", "synthetic"))
        for own in found.get(key, ())
    ]
    head = ("shown more by", "standard deviations, shares of the tenth that shows it most")
    return table(rows, head)


PARTS: Final = {
    "Do pictures show their prompts? 400 pictures, 8 classes, 1,000 real ones": faithfulness,
    "Words to blame, in noise of standard deviation 0.13": words,
    "What the pictures show: 300 pictures a side, 60 attributes, four classes": attributes,
    "The default vocabulary": default_words,
    "What it costs": cost,
    "Midjourney against product photos, by a model of light and colour made by hand": seen,
}


def main() -> None:
    """Measure, and write the report."""
    lines = [
        "# Prompts, on planted truth",
        "",
        f"Made by `python benchmarks/prompts.py`; {RUNS} runs each. No pretrained model was here:",
        "pictures and texts are of linear models in which every word is known, so that what should",
        "be found is known too. What CLIP finds in your pictures, your pictures tell.",
    ]
    for title, make in PARTS.items():
        lines += ["", f"## {title}", "", *make()]
        print(title, flush=True)
    REPORT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
