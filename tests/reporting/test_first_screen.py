"""In a minute: the first screen names the planted cause, with three of the right pictures."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

import synthaudit as package
from synthaudit.reporting.files import write_all
from tests.pictures import encoded
from tests.reporting.browsing import opened

Pictures = dict[str, list[tuple[str, bytes]]]
SHOWN = """() => {
  const card = document.querySelector("#main > section:first-child > .finding");
  const inside = (e) => { const box = e.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight && box.width > 0; };
  return [card.innerText, [...card.querySelectorAll(".group")].map((group) =>
    [...group.querySelectorAll("figure")].filter((f) => inside(f.querySelector("img"))).map((f) => [f.dataset.side, f.dataset.path]))];
}"""  # noqa: E501


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same photos are real ones each time."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def material(data: Path) -> tuple[Pictures, Pictures, Pictures]:
    """100 photos of each class, 50 others, and 100 images of Stable Diffusion."""
    found: tuple[Pictures, ...] = ({}, {}, {})
    for side, parts in (("real", ((0, 100), (100, 150))), ("synthetic", ((0, 100),))):
        for folder in sorted((data / "cifake" / side).iterdir()):
            files = sorted(folder.glob("*.jpg"))
            for (start, end), place in zip(
                parts, (found[0], found[1]) if side == "real" else (found[2],), strict=True
            ):
                place[folder.name] = [(f.name, f.read_bytes()) for f in files[start:end]]
    return found  # type: ignore[return-value]


def wrong_classes(real: Pictures, own: Pictures, made: Pictures) -> Pictures:
    rng, moved = random.Random(0), {name: [] for name in made}  # type: ignore[var-annotated]
    for name, files in made.items():
        for number, (file, data) in enumerate(files):
            other = rng.choice([n for n in made if n != name]) if number < 25 else name
            moved[other].append((f"planted-{name}-{file}" if other != name else file, data))
    return moved


def repeats(real: Pictures, own: Pictures, made: Pictures) -> Pictures:
    planted = dict(own)
    for name in ("dog", "frog", "ship"):
        again = [(f"planted-{number}.jpg", own[name][number % 2][1]) for number in range(15)]
        planted[name] = [*own[name][:35], *again]
    return planted


def mirrored(real: Pictures, own: Pictures, made: Pictures) -> Pictures:
    return {
        name: [
            *files[6:],
            *(
                (
                    f"planted-{number}.jpg",
                    encoded(ImageOps.mirror(Image.open(io.BytesIO(data))), "JPEG", quality=92),
                )
                for number, (_, data) in enumerate(real[name][:6])
            ),
        ]
        for name, files in own.items()
    }


def missing_class(real: Pictures, own: Pictures, made: Pictures) -> Pictures:
    return {name: files for name, files in own.items() if name != "truck"}


def jpeg_traces(real: Pictures, own: Pictures, made: Pictures) -> Pictures:
    return {
        name: [
            (f"planted-{file}", encoded(Image.open(io.BytesIO(data)), "JPEG", quality=20))
            for file, data in files
        ]
        for name, files in own.items()
    }


@pytest.mark.parametrize(
    ("plant", "title", "words", "mark"),
    [
        (
            wrong_classes,
            "Images show other classes than their own",
            "of the classes are wrong",
            "planted",
        ),
        (repeats, "It repeats itself", "repeat another one", ""),
        (mirrored, "It copies real images", "mirrored", "planted"),
        (missing_class, "Classes are missing", "no synthetic image", "truck/"),
        (jpeg_traces, "The files differ", "JPEG quality", "planted"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_first_screen_names_the_planted_cause(
    browser: Any,
    material: tuple[Pictures, Pictures, Pictures],
    tmp_path: Path,
    cache: Path,
    plant: Callable[[Pictures, Pictures, Pictures], Pictures],
    title: str,
    words: str,
    mark: str,
) -> None:
    for side, pictures in (("real", material[0]), ("synthetic", plant(*material))):
        for name, files in pictures.items():
            (tmp_path / side / name).mkdir(parents=True)
            for file, data in files:
                (tmp_path / side / name / file).write_bytes(data)
    audit = package.score(
        tmp_path / "real", tmp_path / "synthetic", embedder="builtin", cache=cache, quick=True
    )
    write_all(audit, tmp_path / "out")
    for size in ((1440, 900), (390, 844)):
        view = {"viewport": {"width": size[0], "height": size[1]}}
        for page in opened(browser, tmp_path / "out" / "report.html", **view):
            text, groups = page.evaluate(SHOWN)
            assert title in text
            assert words in text
            assert len(groups) == 3
            # On a phone one of the three is whole on the screen, the others a stroke away.
            assert sum(bool(group) for group in groups) >= (3 if size[0] > 1000 else 1)
            for group in groups:
                if group:
                    assert mark in group[0][1], group
                    if plant is repeats:
                        assert len({path.split("/")[0] for _, path in group}) == 1
