"""Edits that keep the pattern of light find their original; strangers stay apart."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from synthaudit.images.appearance import APPEARANCE
from synthaudit.images.decoding import open_rgb
from synthaudit.images.perceptual_hash import (
    COMPARISONS,
    POSES,
    WHOLE,
    perceptual_hash,
)
from synthaudit.images.pictures import PICTURE_NUMBERS, picture_chunk
from synthaudit.measures.copies.discovery import nearness_p_values, without_duplicates
from synthaudit.measures.copies.patterns import (
    Patterns,
    match_patterns,
    pattern_distances,
    pattern_pairs,
)
from tests.pictures import encoded, picture

Edit = Callable[[Image.Image], Image.Image]


def compressed(image: Image.Image) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, "JPEG", quality=30))).convert("RGB")


def cropped(share: float) -> Edit:
    def crop(image: Image.Image) -> Image.Image:
        left, top = share * image.width, share * image.height
        return image.crop((int(left), int(top), int(image.width - left), int(image.height - top)))

    return crop


def banded(image: Image.Image) -> Image.Image:
    shown = image.copy()
    height = image.height * 18 // 100
    shown.paste("white", (0, image.height - height, image.width, image.height))
    return shown


EDITS: dict[str, Edit] = {
    "JPEG 30": compressed,
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(3)),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "squashed": lambda image: image.resize((256, 160)),
    "squared": lambda image: ImageOps.fit(image, (min(image.size),) * 2),
    "mirrored": ImageOps.mirror,
    "cropped by 5 %": cropped(0.05),
    "cropped by 7 %": cropped(0.07),
    "upside down": lambda image: image.transpose(Image.Transpose.ROTATE_180),
    "on its side": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "turned by 10 degrees": lambda image: image.rotate(10, Image.Resampling.BICUBIC),
    "a corner of it": lambda image: image.crop(
        (0, 0, image.width * 7 // 10, image.height * 7 // 10)
    ),
    "cropped by 20 %": cropped(0.2),
    "with a white border": lambda image: ImageOps.expand(image, min(image.size) // 10, "white"),
    "with a band": banded,
    "mirrored and cropped": lambda image: ImageOps.mirror(cropped(0.05)(image)),
}


def patterns_of(images: list[Image.Image]) -> Patterns:
    values = np.stack([perceptual_hash(image) for image in images]).astype(np.float16)
    return Patterns(values=values, comparisons=COMPARISONS, poses=POSES)


@pytest.fixture(scope="module")
def clothing(photos: Path) -> list[Image.Image]:
    files = sorted((photos / "clothing").glob("*/*.jpg"))
    return [open_rgb(file.read_bytes()) for file in files]


@pytest.mark.parametrize("name", EDITS)
def test_edited_photos_find_their_originals(clothing: list[Image.Image], name: str) -> None:
    edited = [EDITS[name](photo) for photo in clothing[::2]]
    patterns = patterns_of([*clothing, *edited])
    real = np.arange(len(clothing))
    usual = match_patterns(patterns, real, real)
    assert (usual.partner != real).all()
    matched = match_patterns(patterns, len(clothing) + np.arange(len(edited)), real)
    # A photo on white paper is trimmed to the object, and with a border to the whole of it.
    found, sure = (0.85, 0.5) if name == "with a white border" else (0.99, 0.95)
    assert (matched.partner == real[::2]).mean() >= found
    p_values = nearness_p_values(matched.distance, without_duplicates(usual.distance))
    assert (p_values < 1e-3).mean() >= sure
    if name == "mirrored":
        assert matched.is_mirrored.mean() > 0.95


def test_pair_distances_are_those_of_the_search() -> None:
    patterns = patterns_of([picture(seed) for seed in range(20)])
    rows = np.arange(20)
    matched = match_patterns(patterns, rows[10:], rows[:10])
    pairs = pattern_distances(patterns, rows[10:], matched.partner)
    np.testing.assert_allclose(pairs, matched.distance, atol=1e-6)


def test_all_pairs_are_those_of_every_single_comparison() -> None:
    pictures = [picture(seed) for seed in range(12)]
    pictures += [ImageOps.mirror(pictures[3]), cropped(0.05)(pictures[5])]
    patterns, rows = patterns_of(pictures), np.arange(14)
    one, other = np.triu_indices(14, 1)
    either = [pattern_distances(patterns, *ends) for ends in ((one, other), (other, one))]
    distance = np.minimum(*either)
    within = float(np.quantile(distance, 0.2))
    found = {
        (int(a), int(b))
        for first, second in pattern_pairs(patterns, rows, within)
        for a, b in zip(first, second, strict=True)
    }
    near = distance <= within
    assert found == set(zip(one[near].tolist(), other[near].tolist(), strict=True))
    assert {(3, 12), (5, 13)} <= found


@pytest.mark.parametrize(
    ("pose", "turn"),
    [
        (1, Image.Transpose.FLIP_LEFT_RIGHT),
        (2, Image.Transpose.FLIP_TOP_BOTTOM),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.TRANSPOSE),
        (5, Image.Transpose.ROTATE_270),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
    ],
)
def test_poses_by_order_and_signs_are_those_of_the_pixels(pose: int, turn: Image.Transpose) -> None:
    image = picture(3, 64)
    order, signs = POSES[pose]
    np.testing.assert_allclose(
        perceptual_hash(image)[WHOLE][order] * signs,
        perceptual_hash(image.transpose(turn))[WHOLE],
        atol=0.01,
    )


def test_one_real_image_alone_has_no_other() -> None:
    patterns = patterns_of([picture(1)])
    alone = match_patterns(patterns, np.zeros(1, int), np.zeros(1, int))
    assert np.isinf(alone.distance).all()


def test_even_pictures_and_bad_files() -> None:
    blank = encoded(Image.new("RGB", (40, 30), (200, 10, 10)))
    tiny = encoded(Image.new("RGB", (1, 1)))
    files = [blank, b"no image", encoded(picture(1)), tiny]
    chunk = picture_chunk(files, None, 10**6)  # type: ignore[arg-type]
    assert chunk.pixels.shape == (3, PICTURE_NUMBERS)
    assert np.isfinite(chunk.pixels).all()
    assert [failure is None for failure in chunk.failures] == [True, False, True, True]


def test_appearance_tells_the_size_of_the_file_and_not_of_what_was_decoded() -> None:
    large = encoded(picture(1).resize((3000, 2000)), "JPEG", quality=80)
    found = picture_chunk([large], None, 10**8).pixels[0, -len(APPEARANCE) :]  # type: ignore[arg-type]
    named = dict(zip(APPEARANCE, found.tolist(), strict=True))
    assert named["size"] == pytest.approx(0.5 * np.log(6e6))
    assert named["elongation"] == pytest.approx(np.log(1.5))
