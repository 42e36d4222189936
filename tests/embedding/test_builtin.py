"""The hand-made descriptor: deterministic, independent of its batch, blind to mild edits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from synthaudit.embedding.builtin import BuiltinEmbedder
from synthaudit.images.decoding import decode, fit_to_frame
from synthaudit.measures.copies.radius import duplicate_radius
from synthaudit.measures.detection.detector import area_under_curve
from synthaudit.measures.search.neighbours import Directions, nearest
from tests.pictures import encoded, picture

EMBEDDER = BuiltinEmbedder()


def embed(images: list[Image.Image]) -> np.ndarray:
    return EMBEDDER.encode(np.stack([fit_to_frame(image, EMBEDDER.frame) for image in images]))


def test_shape_length_and_type() -> None:
    vectors = embed([picture(seed) for seed in range(5)])
    assert vectors.shape == (5, EMBEDDER.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert EMBEDDER.encode(np.empty((0, 64, 64, 3), np.uint8)).shape == (0, EMBEDDER.dimension)


def test_a_vector_does_not_depend_on_its_batch() -> None:
    images = [picture(seed) for seed in range(40)]
    together = embed(images)
    alone = np.concatenate([embed([image]) for image in images])
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (10, 200, 30)])
def test_flat_images_have_a_finite_direction(colour: tuple[int, int, int]) -> None:
    vectors = embed([Image.new("RGB", (64, 64), colour)])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors) == pytest.approx(1.0, abs=1e-6)


def load(files: list[Path]) -> np.ndarray:
    return EMBEDDER.encode(np.stack([decode(f.read_bytes(), EMBEDDER.frame) for f in files]))


def test_people_and_descriptor_agree_on_near_duplicates(data: Path) -> None:
    sides = [load(sorted((data / "near_duplicates" / side).glob("*.jpg"))) for side in "ab"]
    similarity = sides[0].astype(float) @ sides[1].T.astype(float)
    count = len(similarity)
    assert count == 143
    partner = np.arange(count)
    for direction in (similarity, similarity.T):
        assert (direction.argmax(axis=1) == partner).mean() >= 0.90
    both = np.concatenate(sides).astype(float)
    pooled = (both @ both.T)[np.triu_indices(2 * count, 1)]
    first, second = np.triu_indices(2 * count, 1)
    assert area_under_curve(pooled, second - first == count) >= 0.995


SHAPE_KEEPING = (
    *("blur-a-little", "blur-a-lot", "high-contrast", "high-saturation"),
    *("sharpen-a-little", "sharpen-a-lot", "shrink-a-little", "shrink-a-lot"),
)


def test_mild_edits_lie_inside_the_radius_and_strangers_outside(data: Path) -> None:
    clothing = load(sorted((data / "clothing").glob("*/*.jpg")))
    original = load([data / "transforms" / "aaa-orig.jpg"])
    edits = load([data / "transforms" / f"{name}.jpg" for name in SHAPE_KEEPING])
    directions = Directions(np.concatenate([clothing, original, edits]))
    real = np.arange(len(clothing) + 1)
    radius = duplicate_radius(
        directions, real, nearest(directions, real, real), synthetic_count=len(edits)
    ).real
    edited = np.arange(len(real), len(directions))
    found = directions.distance(edited, np.full(len(edited), len(clothing)))
    assert found.max() < radius
    strangers = nearest(directions, np.append(edited, len(clothing)), real[:-1])
    assert strangers.distance.min() > 2 * radius


def brighten(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.2)


def halve(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2))


def compress(image: Image.Image) -> Image.Image:
    import io

    return Image.open(io.BytesIO(encoded(image, "JPEG", quality=60))).convert("RGB")


@pytest.mark.parametrize("edit", [compress, halve, brighten])
def test_edited_copies_of_product_photos_are_all_found(photos: Path, edit: object) -> None:
    files = sorted((photos / "clothing").glob("*/*.jpg"))
    clothing = [Image.open(file).convert("RGB") for file in files]
    vectors = embed([*clothing, *(edit(photo) for photo in clothing)])  # type: ignore[operator]
    directions, real = Directions(vectors), np.arange(len(clothing))
    radius = duplicate_radius(
        directions, real, nearest(directions, real, real), synthetic_count=len(clothing)
    ).real
    assert (directions.distance(real, real + len(clothing)) < radius).all()
