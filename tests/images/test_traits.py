"""Traits of files against what the files were made with."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from synthaudit.images.decoding import Frame, UnreadableImage
from synthaudit.images.reencoding import Recipe, reencode
from synthaudit.images.traits import (
    CONTAINER_TRAITS,
    TRAITS,
    block_energies,
    read_container,
    trait_chunk,
)
from tests.pictures import encoded, picture


@pytest.mark.parametrize("quality", [1, 5, 10, 14, 20, 50, 75, 90, 98])
def test_jpeg_quality_is_read_back(quality: int) -> None:
    assert read_container(encoded(picture(1), "JPEG", quality=quality))["jpeg_quality"] == quality


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_subsampling_is_read_back(subsampling: int) -> None:
    data = encoded(picture(1), "JPEG", subsampling=subsampling)
    assert read_container(data)["jpeg_subsampling"] == subsampling


def test_container_traits() -> None:
    data = encoded(picture(1).resize((60, 30)).convert("RGBA"))
    traits = read_container(data)
    expected = {"width": 60, "height": 30, "aspect_ratio": 2, "is_png": 1, "is_jpeg": 0}
    expected |= {"has_alpha": 1, "is_grey": 0, "jpeg_quality": 0, "jpeg_subsampling": -1}
    assert expected.items() <= traits.items()
    assert traits["bytes_per_pixel"] == len(data) / 1800
    exif = Image.Exif()
    exif[0x010E] = "a picture"
    assert read_container(encoded(picture(1), "JPEG", exif=exif))["has_exif"] == 1
    assert set(traits) == set(CONTAINER_TRAITS)


def test_block_energies_of_one_cosine() -> None:
    # A cosine of one block frequency has all of its energy in that band (2 cycles in 16 pixels).
    columns = np.cos(np.pi * (2 * np.arange(224) + 1) * 2 / 16)
    pixels = np.rint(128 + 100 * columns)[None, :, None].astype(np.uint8)
    energies = block_energies(np.broadcast_to(pixels, (224, 224, 3)))
    assert energies.argmax() == 2 - 1  # band (0, 2); band (0, 0) is left out
    assert 10 ** energies.max() == pytest.approx(100**2 / 2 * 64, rel=0.02)


def test_what_is_no_image_or_too_large_is_refused_like_any_other() -> None:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + checksum
    for data in (b"broken", bomb):
        with pytest.raises(UnreadableImage):
            read_container(data)


def test_chunks_keep_slots_for_what_fails() -> None:
    chunk = trait_chunk([encoded(picture(1)), b"broken"], Frame(height=224, width=224), 10**7)
    assert chunk.pixels.shape == (1, len(TRAITS))
    assert chunk.failures[0] is None
    assert chunk.failures[1] is not None


@pytest.mark.parametrize("size", [(100, 50), (33, 77), (200, 200)])
def test_reencoding_follows_its_recipe(size: tuple[int, int]) -> None:
    recipe = Recipe(width=size[0], height=size[1], quality=60, subsampling=0)
    data = reencode(encoded(picture(2, 120)), recipe, max_pixels=10**7)
    traits = read_container(data)
    assert (traits["width"], traits["height"], traits["jpeg_quality"]) == (*size, 60)
    assert traits["jpeg_subsampling"] == 0
