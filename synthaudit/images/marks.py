"""Provenance marks: what a file says of where its picture comes from.

Generators write them, some because the law asks for it: to whatever reads files they are a perfect
shortcut between real and synthetic images. Pixels say nothing of them.
"""

from __future__ import annotations

import re
from typing import Any, Final

MARKS: Final = {
    "mark_c2pa": "C2PA manifest",
    "mark_iptc_generated": "IPTC source: generated",
    "mark_iptc_other": "IPTC source: not generated",
    "mark_generator_text": "text of a generator",
    "mark_software": "name of a software",
}
"""Traits of files, 1 where the mark is there and else 0, and what to call them."""

# The description box of a manifest store begins like this in every container: C2PA 2.1, 11.1.4.2.
_C2PA: Final = b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
# Terms of the newscodes/digitalsourcetype vocabulary for what no camera has recorded.
_IPTC: Final = re.compile(r"digitalsourcetype/([a-z]+)", re.IGNORECASE)
_GENERATED: Final = frozenset(
    {
        "trainedalgorithmicmedia",
        "compositewithtrainedalgorithmicmedia",
        "algorithmicmedia",
        "compositesynthetic",
        "datadrivenmedia",
        "virtualrecording",
    }
)
# Under these names AUTOMATIC1111, ComfyUI, InvokeAI, Fooocus and SwarmUI keep what they were asked.
_TEXT_NAMES: Final = frozenset(
    {
        *("parameters", "prompt", "workflow", "dream", "sd-metadata", "generation_data"),
        *("invokeai_metadata", "invokeai_graph", "fooocus_scheme", "sui_image_params"),
    }
)
# What the same programs write where a format has no names for texts.
_TEXT: Final = re.compile(
    r"\bSteps: \d+\b.*\b(Sampler|Seed): |\"class_type\": ?\"|\"sui_image_params\"", re.DOTALL
)
_SOFTWARE, _MAKE, _MODEL, _USER_COMMENT, _EXIF = 0x0131, 0x010F, 0x0110, 0x9286, 0x8769
_LONGEST: Final = 200_000


def read_marks(image: Any, data: bytes) -> dict[str, float]:
    """Which marks a file has.

    Args:
        image: the opened Pillow image.
        data: the file.

    Returns:
        0 or 1 for each of ``MARKS``.
    """
    texts = _named_texts(image)
    source = _IPTC.search(texts.get("xmp", ""))
    said = source.group(1).lower() if source else None
    exif = _exif_texts(image)
    written = [*texts.values(), *exif.values()]
    return {
        "mark_c2pa": float(_C2PA in data),
        "mark_iptc_generated": float(said in _GENERATED),
        "mark_iptc_other": float(said is not None and said not in _GENERATED),
        "mark_generator_text": float(
            not _TEXT_NAMES.isdisjoint(texts) or any(_TEXT.search(own) for own in written)
        ),
        "mark_software": float("software" in texts or bool(exif.get(_SOFTWARE, "").strip())),
    }


def _named_texts(image: Any) -> dict[str, str]:
    """Texts of a file by their names, in lower case; XMP whatever the format calls it."""
    found = {**image.info, **(getattr(image, "text", None) or {})}
    texts = {
        str(name).lower(): _text(own)
        for name, own in found.items()
        if isinstance(own, str | bytes) and name != "exif"
    }
    if "xml:com.adobe.xmp" in texts:
        texts["xmp"] = texts.pop("xml:com.adobe.xmp")
    return texts


def _exif_texts(image: Any) -> dict[int, str]:
    # Pillow raises nearly anything on bent metadata, on which no picture depends.
    try:
        exif = image.getexif()
        inner = exif.get_ifd(_EXIF)
    except Exception:  # noqa: BLE001
        return {}
    found = {tag: exif.get(tag) for tag in (_SOFTWARE, _MAKE, _MODEL)}
    found[_USER_COMMENT] = inner.get(_USER_COMMENT)
    return {tag: _text(own) for tag, own in found.items() if isinstance(own, str | bytes)}


def _text(own: str | bytes) -> str:
    if isinstance(own, str):
        return own[:_LONGEST]
    own = own[:_LONGEST]
    # A comment begins with the name of its encoding, in eight bytes.
    if own.startswith(b"UNICODE\0"):
        order = "utf-16-be" if own[8:9] == b"\0" else "utf-16-le"
        return own[8:].decode(order, "replace")
    return own.decode("utf-8", "replace")
