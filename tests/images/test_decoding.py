"""Every kind of image becomes the right upright RGB pixels, or a reason that people understand."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from synthaudit.images import decoding
from synthaudit.images.decoding import (
    Fit,
    Frame,
    Interpolation,
    UnreadableImage,
    decode,
    fit_to_frame,
    open_rgb,
)
from tests.conftest import DATA
from tests.pictures import encoded, picture

SQUARE = Frame(height=48, width=48)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.int64)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = picture(1).crop((0, 0, 48, 30))
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for step in undo.get(orientation, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = open_rgb(encoded(stored, exif=exif))
    assert np.array_equal(pixels(decoded), pixels(upright))


def test_transparency_is_laid_over_white() -> None:
    layer = Image.new("RGBA", (48, 48), (200, 0, 0, 0))
    layer.paste((0, 0, 200, 255), (0, 0, 24, 48))
    layer.paste((0, 0, 0, 128), (24, 24, 48, 48))
    result = pixels(open_rgb(encoded(layer)))
    assert result[0, 0].tolist() == [0, 0, 200]
    assert result[0, 40].tolist() == [255, 255, 255]
    assert result[40, 40].tolist() == [127, 127, 127]


@pytest.mark.parametrize("mode", ["P", "L", "LA", "1", "RGBA", "CMYK"])
def test_colour_modes_keep_the_picture(mode: str) -> None:
    original = picture(2)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    converted = original.convert(mode)
    expected = pixels(converted.convert("RGB"))
    assert np.abs(pixels(open_rgb(encoded(converted, kind))) - expected).max() <= 1


def test_palette_with_transparent_entry() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0, 0, 255, 0] + [0] * 762)
    image.paste(1, (0, 0, 4, 8))
    result = pixels(open_rgb(encoded(image, transparency=0)))
    assert result[0, 0].tolist() == [0, 255, 0]
    assert result[0, 7].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    result = pixels(open_rgb(encoded(Image.fromarray(ramp), kind)))[..., 0]
    assert np.abs(result - np.arange(256).reshape(16, 16)).max() <= 1


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.linspace(0, 1, 256, dtype=np.float32), "TIFF"),
        (np.linspace(-3, 7, 256, dtype=np.float32), "TIFF"),
        (np.linspace(0, 255, 256, dtype=np.float32), "TIFF"),
        (np.linspace(0, 2**31 - 1, 256).astype(np.int32) * 1, "TIFF"),
        (np.linspace(-1000, 1000, 256).round().astype(np.int32), "TIFF"),
    ],
)
def test_deep_values_are_scaled_not_clipped(values: np.ndarray, kind: str) -> None:
    result = pixels(open_rgb(encoded(Image.fromarray(values.reshape(16, 16)), kind)))[..., 0]
    top = result.max()
    assert result.min() == 0
    assert top >= 127
    expected = np.arange(256).reshape(16, 16) * (top / 255)
    assert np.abs(result - expected).max() <= 1.5


def test_lab_is_converted_by_its_colours() -> None:
    original = picture(3)
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(srgb, lab, "RGB", "LAB")
    stored = ImageCms.applyTransform(original, transform)
    difference = np.abs(pixels(open_rgb(encoded(stored, "TIFF"))) - pixels(original))
    assert difference.mean() < 3


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert pixels(open_rgb(data))[0, 0].tolist() == [255, 0, 0]


def test_truncated_files_are_refused_with_a_reason() -> None:
    image = picture(4, 200)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        data = encoded(image, kind)
        with pytest.raises(UnreadableImage) as caught:
            decode(data[: len(data) // 2], SQUARE)
        assert str(caught.value)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(UnreadableImage, match="pixels"):
        decode(bomb, SQUARE)
    with pytest.raises(UnreadableImage, match="48 x 48 pixels is more than the limit of 100"):
        decode(encoded(picture(5)), SQUARE, max_pixels=100)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello", "no image format"),
        (b"\0" * 4096, "zero bytes"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<!DOCTYPE html><html></html>", "web page"),
    ],
)
def test_what_is_no_image_says_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        decode(data, SQUARE)


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (300, 300), (30, 20), (5, 4000)])
@pytest.mark.parametrize("fit", ["shortest", "longest", "squash"])
def test_every_shape_fills_the_frame(size: tuple[int, int], fit: str) -> None:
    frame = Frame(height=64, width=64, fit=fit)  # type: ignore[arg-type]
    assert fit_to_frame(picture(6).resize(size), frame).shape == (64, 64, 3)


@pytest.mark.parametrize("size", [(640, 480), (333, 500), (224, 224), (100, 90)])
@pytest.mark.parametrize("fit", ["shortest", "longest", "squash"])
def test_fitting_agrees_with_open_clip(size: tuple[int, int], fit: str) -> None:
    from open_clip.transform import image_transform

    theirs = image_transform(
        (96, 96), is_train=False, mean=(0, 0, 0), std=(1, 1, 1), resize_mode=fit
    )
    image = picture(7, 200).resize(size)
    frame = Frame(height=96, width=96, fit=fit)  # type: ignore[arg-type]
    expected = theirs(image).permute(1, 2, 0).numpy() * 255
    assert np.abs(fit_to_frame(image, frame) - expected).max() <= 1.01


def test_reduced_decoding_of_large_photos_stays_within_two_levels(data: Path) -> None:
    frame = Frame(height=64, width=64)
    for file in sorted((data / "transforms").glob("blur*.jpg")):
        content = file.read_bytes()
        full = fit_to_frame(Image.open(io.BytesIO(content)).convert("RGB"), frame)
        reduced = decode(content, frame)
        assert np.abs(reduced.astype(int) - full).max() <= 2


PORTRAIT = (
    "1.png CMYK.jpg F.webp HSV.webp I.webp L.png LA.png LAB.webp P.png PA.webp RGB.jpg YCbCr.jpg"
)


@pytest.fixture(scope="module")
def portraits(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One picture in many modes: the torture files, or where they are not, like ones."""
    if DATA.is_dir():
        return DATA / "formats"
    folder = tmp_path_factory.mktemp("formats")
    with Image.open(next((photos / "clothing" / "dress").glob("*.jpg"))) as opened:
        picture = opened.convert("RGB")
    for name in PORTRAIT.split():
        mode, _, kind = name.partition(".")
        saved = {"HSV": "RGB", "LAB": "RGB", "PA": "P"}.get(mode, mode)
        shown = picture.convert("L") if mode in ("F", "I") else picture
        # WebP holds few modes: TIFF and PNG hold the others, under its name.
        written = "PNG" if mode == "PA" else "TIFF" if kind == "webp" else None
        shown.convert(saved).save(folder / name, written)
    return folder


@pytest.mark.parametrize("name", PORTRAIT.split())
def test_formats_show_the_same_picture(portraits: Path, name: str) -> None:
    frame = Frame(height=64, width=64)
    reference = decode((portraits / "RGB.jpg").read_bytes(), frame).astype(float)
    result = decode((portraits / name).read_bytes(), frame).astype(float)
    grey = [side.mean(axis=2).ravel() for side in (reference, result)]
    assert np.corrcoef(*grey)[0, 1] > 0.9, name


@pytest.mark.parametrize("ending", ["jpeg", "png", "svg", "bmp", "webp"])
def test_content_decides_and_not_the_extension(data: Path, ending: str) -> None:
    frame = Frame(height=64, width=64)
    files = [data / "formats" / f"ukbench09380.{kind}" for kind in ("jpeg", ending)]
    first, second = (decode(file.read_bytes(), frame).astype(int) for file in files)
    assert np.abs(first - second).mean() < 3


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("baboon.pgm", (512, 512)),
        ("copyleft.tiff", (220, 220)),
        ("giphy.gif", (314, 400)),
        ("marbles.pbm", (1152, 813)),
    ],
)
def test_other_formats_decode_whole(data: Path, name: str, size: tuple[int, int]) -> None:
    image = open_rgb((data / "formats" / name).read_bytes())
    assert (image.size, image.mode) == (size, "RGB")
    assert pixels(image).std() > 10


def test_encrypted_bytes_are_named_as_no_image(data: Path) -> None:
    corrupt = (data / "transforms" / "ukbench09268_corrupt.jpg").read_bytes()
    with pytest.raises(UnreadableImage, match="no image format"):
        decode(corrupt, SQUARE)


PHOTO_SIZES = ((512, 512), (640, 480), (300, 900), (2000, 1500))


def photo(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """Something like a photograph: smooth shapes, edges, and noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), np.int64)
    smooth[:, size[0] // 2 :] //= 2
    noisy = smooth + rng.normal(0, 5, smooth.shape).astype(np.int64)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", PHOTO_SIZES)
@pytest.mark.parametrize("fit", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_torch_resizes_as_pillow_does(
    size: tuple[int, int], fit: Fit, interpolation: Interpolation
) -> None:
    image = photo(size)
    frames = [
        Frame(height=224, width=224, fit=fit, interpolation=interpolation, resizer=resizer)
        for resizer in ("pillow", "torch")
    ]
    one, other = (fit_to_frame(image, frame).astype(int) for frame in frames)
    assert np.abs(one - other).max() <= 1
    assert frames[0].describe() != frames[1].describe()


@pytest.mark.parametrize("size", PHOTO_SIZES)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_fast_jpeg_decoder_gives_the_same_pixels(
    size: tuple[int, int], mode: str, progressive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("simplejpeg")
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo(size).convert(mode), "JPEG", progressive=progressive, exif=exif)
    frame = Frame(height=224, width=224)
    with_it = decode(data, frame)
    monkeypatch.setattr(decoding, "simplejpeg", None)
    assert np.array_equal(with_it, decode(data, frame))


def test_the_fast_jpeg_decoder_refuses_what_pillow_refuses() -> None:
    data = encoded(photo((200, 200)), "JPEG")
    with pytest.raises(UnreadableImage, match="truncated"):
        decode(data[: len(data) // 2], Frame(height=64, width=64))
