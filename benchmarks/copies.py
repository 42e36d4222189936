"""Which copies `builtin` finds, and how often the radius errs. Writes reports/copies.md.

python benchmarks/copies.py [--data ../shared/data]
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from synthaudit.embedding.builtin import BuiltinEmbedder
from synthaudit.images.decoding import UnreadableImage, decode, fit_to_frame
from synthaudit.measures.copies.radius import DuplicateRadius, duplicate_radius
from synthaudit.measures.search.neighbours import Directions, nearest

PROJECT = Path(__file__).resolve().parents[1]
EMBEDDER = BuiltinEmbedder()
FRESH = 1000
IMAGES_IN_ALL = 12_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared" / "data")
    data = parser.parse_args().data
    lines = [
        "# Which copies are found",
        "",
        "Made by `python benchmarks/copies.py` with the `builtin` embedder.",
        "",
        *edits_of_photos(data / "clothing"),
        *edits_of_one_picture(data),
        *false_alarms(),
    ]
    target = PROJECT / "reports" / "copies.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(lines) + "\n")
    print(target.read_text())


def reencode(quality: int) -> Callable[[Image.Image], Image.Image]:
    def edit(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return edit


def crop(share: float) -> Callable[[Image.Image], Image.Image]:
    def edit(image: Image.Image) -> Image.Image:
        left, top = round(image.width * share), round(image.height * share)
        return image.crop((left, top, image.width - left, image.height - top))

    return edit


def turn(degrees: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.rotate(
        degrees, resample=Image.Resampling.BICUBIC, fillcolor=(255, 255, 255)
    )


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG quality 60": reencode(60),
    "JPEG quality 20": reencode(20),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "20 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "40 % more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.4),
    "blurred by 2 pixels": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "2.5 % cut off each edge": crop(0.025),
    "5 % cut off each edge": crop(0.05),
    "10 % cut off each edge": crop(0.1),
    "turned by 2 degrees": turn(2),
    "turned by 5 degrees": turn(5),
    "squashed to a square": lambda image: image.resize((400, 400)),
    "mirrored": ImageOps.mirror,
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
}


def embed(images: list[Image.Image]) -> np.ndarray:
    return EMBEDDER.encode(np.stack([fit_to_frame(image, EMBEDDER.frame) for image in images]))


def learn(directions: Directions, count: int) -> DuplicateRadius:
    real = np.arange(count)
    found = nearest(directions, real, real)
    return duplicate_radius(directions, real, found, synthetic_count=count)


def edits_of_photos(folder: Path) -> list[str]:
    photos = [Image.open(file).convert("RGB") for file in sorted(folder.glob("*/*.jpg"))]
    originals = embed(photos)
    rows = np.arange(len(photos))
    radius = learn(Directions(originals), len(photos)).real
    lines = [
        "## Edited copies of product photos",
        "",
        f"The {len(photos)} photos of `clothing`, each edited, against the unedited ones; radius",
        f"{radius:.3f}. Found: the copy lies within the radius of its original.",
        "",
        "| edit | found | median distance |",
        "|---|---|---|",
    ]
    for name, edit in EDITS.items():
        copies = embed([edit(photo) for photo in photos])
        distance = Directions(np.concatenate([originals, copies])).distance(
            rows, rows + len(photos)
        )
        found = (distance < radius).mean()
        lines.append(f"| {name} | {found:.1%} | {np.median(distance):.3f} |")
    return [*lines, ""]


def edits_of_one_picture(data: Path) -> list[str]:
    pictures: dict[str, np.ndarray] = {}
    for file in sorted((data / "transforms").glob("*.jpg")):
        try:
            pictures[file.stem] = decode(file.read_bytes(), EMBEDDER.frame)
        except UnreadableImage as error:
            pictures[file.stem] = np.empty(0)
            reason = str(error)
    readable = {name: pixels for name, pixels in pictures.items() if pixels.size}
    clothing = [decode(f.read_bytes(), EMBEDDER.frame) for f in sorted(data.glob("clothing/*/*"))]
    vectors = EMBEDDER.encode(np.stack([*clothing, *readable.values()]))
    directions, names = Directions(vectors), list(readable)
    radius = learn(directions.take(np.arange(len(clothing))), len(clothing)).real
    lines = [
        "## The pictures of `transforms`",
        "",
        f"With `clothing` as the real side the radius is {radius:.3f}.",
        "",
        "| picture | distance to its original | found | nearest product photo |",
        "|---|---|---|---|",
    ]
    for name in names:
        original = name.split("_")[0] if "_" in name else "aaa-orig"
        if name in ("aaa-orig", "ukbench00120", "ukbench09268"):
            continue
        row = len(clothing) + names.index(name)
        source = len(clothing) + names.index(original)
        distance = directions.distance(np.array([row]), np.array([source]))[0]
        stranger = nearest(directions, np.array([row]), np.arange(len(clothing))).distance[0, 0]
        found = "yes" if distance < radius else "no"
        lines.append(f"| {name} | {distance:.3f} | {found} | {stranger:.3f} |")
    refused = [name for name, pixels in pictures.items() if not pixels.size]
    return [*lines, "", f"Unreadable: {', '.join(refused)} ({reason}).", ""]


def false_alarms() -> list[str]:
    lines = [
        "## False alarms of the learnt radius",
        "",
        f"Real sets of N Gaussian vectors, {FRESH:,} fresh ones of the same distribution against",
        "each: the share that is flagged, mean and standard deviation over real sets. `quantile`",
        "is the plain order statistic, which the power law replaces where it is not to be trusted.",
        "",
        "| N | dimension | budget | learnt radius | quantile |",
        "|---|---|---|---|---|",
    ]
    rng = np.random.default_rng(0)
    for count in (50, 200, 1000):
        for dimension in (16, 512):
            rates: dict[float, list[tuple[float, float]]] = {0.005: [], 0.02: []}
            for _ in range(IMAGES_IN_ALL // count):
                vectors = rng.standard_normal((count + FRESH, dimension))
                directions, real = Directions(vectors), np.arange(count)
                found = nearest(directions, real, real)
                fresh = nearest(directions, np.arange(count, count + FRESH), real).distance
                for budget, pairs in rates.items():
                    learnt = duplicate_radius(
                        directions, real, found, synthetic_count=1, false_alarms=budget
                    ).real
                    plain = np.quantile(found.distance, budget)
                    pairs.append((float((fresh < learnt).mean()), float((fresh < plain).mean())))
            for budget, pairs in rates.items():
                mean, spread = np.mean(pairs, axis=0), np.std(pairs, axis=0)
                cells = [f"{m:.2%} ± {s:.2%}" for m, s in zip(mean, spread, strict=True)]
                lines.append(f"| {count:,} | {dimension} | {budget:.1%} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
