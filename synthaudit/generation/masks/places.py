"""Where the mask of an image lies in a folder of masks: one rule for who writes and who reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from synthaudit.names import read_name

_UP: Final = "__"
_SUFFIXES: Final = (".png", ".jpg", ".webp")


def place_of(path: str) -> PurePosixPath:
    """Where an image would lie inside a folder, whatever its path.

    >>> place_of("/data/frog/1.jpg").as_posix(), place_of("../frog/1.jpg").as_posix()
    ('data/frog/1.jpg', '__/frog/1.jpg')
    """
    own = PurePosixPath(read_name(path))
    parts = [_UP if part == ".." else part for part in own.parts if part not in ("/", ".")]
    return PurePosixPath(*parts)


def stem_of(path: str) -> PurePosixPath:
    """The same without suffix; of ``a.jpg`` and ``a.png`` it is one."""
    return place_of(path).with_suffix("")


def mask_name(path: str, stems: Mapping[PurePosixPath, int]) -> PurePosixPath:
    """The mask that is written for an image: ``a.png``, or ``a.jpg.png`` where stems meet.

    Args:
        path: of the image.
        stems: how many images have each stem.
    """
    place = place_of(path)
    whole = place.name if stems[stem_of(path)] > 1 else place.with_suffix("").name
    return place.with_name(f"{whole}.png")


def find_mask(folder: Path, path: str) -> Path | None:
    """The mask of an image in a folder; None where there is none."""
    return next((file for file in _candidates(folder / place_of(path)) if file.is_file()), None)


def _candidates(place: Path) -> Iterator[Path]:
    yield place.with_name(f"{place.name}.png")
    for suffix in (place.suffix, *_SUFFIXES):
        yield place.with_name(f"{place.stem}{suffix}")
