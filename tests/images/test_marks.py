"""Provenance marks as programs write them; C2PA's as c2pa-python 0.38 lays its boxes out."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, PngImagePlugin

from synthaudit.images.marks import MARKS
from synthaudit.images.reencoding import Recipe, reencode
from synthaudit.images.traits import read_container
from tests.pictures import encoded, picture

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    'syntax-ns#"><rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{}"/>'
    "</rdf:RDF></x:xmpmeta>"
)


def manifest_store() -> bytes:
    """The outer box of a C2PA manifest store, with nothing in it but its description."""
    kind = bytes.fromhex("6332706100110010800000aa00389b71")
    description = b"jumd" + kind + b"\x03c2pa\0"
    description = struct.pack(">I", len(description) + 4) + description
    return struct.pack(">I", len(description) + 8) + b"jumb" + description


def with_manifest(data: bytes, kind: str) -> bytes:
    """As C2PA 2.1 embeds it: an APP11 segment, a caBX chunk, a chunk of RIFF."""
    store = manifest_store()
    if kind == "JPEG":
        content = b"JP" + struct.pack(">HI", 1, 1) + store
        return data[:2] + b"\xff\xeb" + struct.pack(">H", len(content) + 2) + content + data[2:]
    if kind == "PNG":
        checksum = struct.pack(">I", zlib.crc32(b"caBX" + store))
        chunk = struct.pack(">I", len(store)) + b"caBX" + store + checksum
        return data[:33] + chunk + data[33:]
    chunk = b"C2PA" + struct.pack("<I", len(store)) + store + b"\0" * (len(store) % 2)
    return b"RIFF" + struct.pack("<I", len(data) - 8 + len(chunk)) + data[8:] + chunk


def marks(data: bytes) -> set[str]:
    found = read_container(data)
    return {name for name in MARKS if found[name]}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_c2pa_manifests(kind: str) -> None:
    data = encoded(picture(1), kind)
    assert marks(data) == set()
    assert marks(with_manifest(data, kind)) == {"mark_c2pa"}


def _jpeg(term: str) -> bytes:
    return encoded(picture(1), "JPEG", xmp=XMP.format(term).encode())


def _webp(term: str) -> bytes:
    return encoded(picture(1), "WEBP", xmp=XMP.format(term).encode())


def _png(term: str, *, zipped: bool = False) -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", XMP.format(term), zip=zipped)
    return encoded(picture(1), "PNG", pnginfo=texts)


@pytest.mark.parametrize("write", [_jpeg, _webp, _png, lambda term: _png(term, zipped=True)])
def test_sources_of_iptc(write: Callable[[str], bytes]) -> None:
    for term in ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"):
        assert marks(write(term)) == {"mark_iptc_generated"}
    assert marks(write("digitalCapture")) == {"mark_iptc_other"}


def _png_with(**texts: str) -> bytes:
    written = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        written.add_text(name.replace("_", "-"), text)
    return encoded(picture(1), "PNG", pnginfo=written)


PARAMETERS = "a cat\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42"


@pytest.mark.parametrize(
    "data",
    [
        _png_with(parameters=PARAMETERS),
        _png_with(prompt='{"3": {"class_type": "KSampler"}}', workflow="{}"),
        _png_with(sd_metadata="{}"),
    ],
    ids=["AUTOMATIC1111", "ComfyUI", "InvokeAI"],
)
def test_texts_of_generators_in_png(data: bytes) -> None:
    assert marks(data) == {"mark_generator_text"}


@pytest.mark.parametrize("coding", ["utf-16-be", "utf-16-le"])
def test_texts_of_generators_in_the_comment_of_exif(coding: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + PARAMETERS.encode(coding)
    assert marks(encoded(picture(1), "JPEG", exif=exif)) == {"mark_generator_text"}


def test_software_is_named() -> None:
    exif = Image.Exif()
    exif[0x0131] = "Photo Editor 3"
    assert marks(encoded(picture(1), "JPEG", exif=exif)) == {"mark_software"}
    assert marks(_png_with(Software="NovelAI")) == {"mark_software"}


def test_what_people_write_is_no_mark() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0Steps to the seed shop"
    exif[0x010E] = "prompt delivery"
    assert marks(encoded(picture(1), "JPEG", exif=exif, comment=b"parameters")) == set()


def test_an_image_that_is_encoded_anew_has_none() -> None:
    data = with_manifest(_jpeg("trainedAlgorithmicMedia"), "JPEG")
    assert marks(data) == {"mark_c2pa", "mark_iptc_generated"}
    assert marks(reencode(data, Recipe(width=32, height=32), max_pixels=10**7)) == set()


def test_bent_metadata_is_no_obstacle() -> None:
    exif = Image.Exif()
    exif[0x0131] = "x"
    data = encoded(picture(1), "JPEG", exif=exif)
    place = data.index(b"Exif") + 6
    for start in range(place, place + 23):
        for byte in (b"\0", b"\xff", b"\x7f"):
            bent = data[:start] + byte * 3 + data[start + 3 :]
            assert set(read_container(bent)) >= set(MARKS)
