"""Broken pictures: planted ones are found and named, none where none is, at the stated rate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

import synthaudit
from synthaudit.images.appearance import APPEARANCE, appearance
from synthaudit.images.decoding import open_rgb
from synthaudit.measures.broken import DEFECTS, BrokenPictures, judge_pictures, measure_shifts

Edit = Callable[[Image.Image], Image.Image]


def looks_of(images: list[Image.Image]) -> np.ndarray:
    return np.array([appearance(image, image.size) for image in images], float)


def judge(real: np.ndarray, asked: np.ndarray) -> BrokenPictures:
    figures = np.concatenate([real, asked])
    rows = np.arange(len(figures))
    return judge_pictures(figures, APPEARANCE, rows[len(real) :], rows[: len(real)])


@pytest.fixture(scope="module")
def clothing(photos: Path) -> list[Image.Image]:
    files = sorted((photos / "clothing").glob("*/*.jpg"))
    order = np.random.default_rng(0).permutation(len(files))
    return [open_rgb(files[row].read_bytes()) for row in order]


def bordered(image: Image.Image) -> Image.Image:
    frame = Image.new("RGB", image.size)
    small = image.resize((image.width * 7 // 10, image.height * 7 // 10))
    frame.paste(small, (image.width * 15 // 100, image.height * 15 // 100))
    return frame


BROKEN: dict[str, tuple[Edit, set[str]]] = {
    "black": (lambda image: Image.new("RGB", image.size), {"dark", "blank"}),
    "white": (lambda image: Image.new("RGB", image.size, "white"), {"bright", "blank"}),
    "nearly black": (lambda image: Image.eval(image, lambda v: v // 20), {"dark", "blank"}),
    "blurred": (lambda image: image.filter(ImageFilter.GaussianBlur(8)), {"blurred"}),
    "faded": (
        lambda image: ImageEnhance.Contrast(image).enhance(0.08),
        {"low in contrast", "blank", "dark"},
    ),
    "grey": (lambda image: image.convert("L").convert("RGB"), {"colourless"}),
    "framed": (bordered, {"bordered"}),
    "tiny": (lambda image: image.resize((20, 24)), {"small", "blurred"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_planted_broken_pictures_are_found_and_named(
    clothing: list[Image.Image], name: str
) -> None:
    edit, names = BROKEN[name]
    asked = [edit(image) if n < 5 else image for n, image in enumerate(clothing[120:])]
    found = judge(looks_of(clothing[:120]), looks_of(asked))
    assert found.is_broken[:5].all()
    assert {DEFECTS[number].name for number in found.defect[:5]} <= names
    assert found.is_broken[5:].sum() <= 1
    assert found.any_p_value is not None
    assert found.any_p_value < 0.01


def test_what_is_normal_among_the_real_ones_is_not_broken(clothing: list[Image.Image]) -> None:
    """A real set of night scenes makes dark pictures normal."""
    night = [Image.eval(image, lambda v: v // 8) for image in clothing]
    looks = looks_of(night)
    found = judge(looks[:100], looks[100:])
    assert not found.is_broken.any()


def test_fresh_pictures_are_seldom_broken() -> None:
    """Of random halves of any figures at most a twentieth may have a discovery."""
    claims = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        figures = rng.standard_normal((300, len(APPEARANCE)))
        # Few pictures have a border at all, and sizes are nearly always one.
        figures[:, APPEARANCE.index("border")] = np.where(
            rng.uniform(size=300) < 0.02, rng.exponential(0.2, 300), 0.0
        )
        figures[:, APPEARANCE.index("size")] = np.where(rng.uniform(size=300) < 0.95, 6.0, 6.4)
        claims.append(judge(figures[:150], figures[150:]).is_broken.any())
    assert np.mean(claims) <= 0.1


def test_one_size_for_all_is_no_defect(clothing: list[Image.Image]) -> None:
    small = [image.resize((image.width // 5, image.height // 5)) for image in clothing[100:]]
    found = judge(looks_of(clothing[:100]), looks_of(small))
    sizes = {"small", "large", "odd in shape"}
    assert not {DEFECTS[n].name for n in found.defect[found.is_broken]} & sizes


def test_the_set_itself_can_say_what_is_normal(clothing: list[Image.Image]) -> None:
    edited = [BROKEN["black"][0](image) for image in clothing[:5]]
    edited += [BROKEN["blurred"][0](image) for image in clothing[5:10]]
    looks = looks_of([*edited, *clothing[10:]])
    rows = np.arange(len(looks))
    found = judge_pictures(looks, APPEARANCE, rows, rows)
    assert found.is_broken[:10].all()
    assert found.is_broken[10:].sum() <= 2


def test_too_few_pictures_judge_nothing() -> None:
    figures = np.zeros((7, len(APPEARANCE)))
    found = judge(figures[:3], figures[3:])
    assert not found.is_broken.any()
    assert found.any_p_value is None


def test_shifts_are_those_that_were_made() -> None:
    rng = np.random.default_rng(1)
    figures = rng.standard_normal((4000, 2))
    figures[2000:, 0] += 0.5
    figures[2000:, 1] *= 3.0
    is_synthetic = np.arange(4000) >= 2000
    found = measure_shifts(figures, ("a", "b"), is_synthetic, groups=np.full(4000, -1))
    assert found["a"].low < 0.5 < found["a"].high
    assert found["b"].low < 0.0 < found["b"].high
    # Welch: of standard errors of 1 and 3 over the root of 2,000.
    assert found["b"].high - found["b"].low == pytest.approx(2 * 1.96 * np.sqrt(10 / 2000), rel=0.1)
    even = measure_shifts(np.zeros((10, 1)), ("a",), is_synthetic[:10], groups=np.full(10, -1))
    assert even == {}


def test_the_audit_leaves_broken_pictures_out(clothing: list[Image.Image], tmp_path: Path) -> None:
    for number, image in enumerate(clothing[:180]):
        side = tmp_path / ("real" if number < 100 else "synthetic")
        side.mkdir(exist_ok=True)
        name = "black" if 100 <= number < 105 else "blurred" if 105 <= number < 110 else ""
        shown = BROKEN[name][0](image) if name else image
        shown.save(side / f"{number:03d}{name}.png")
    audit = synthaudit.score(
        tmp_path / "real",
        tmp_path / "synthetic",
        embedder="builtin",
        use_cache=False,
        quick=True,
        keep=True,
    )
    broken = audit.images[audit.images["is_broken"]]
    assert {path[3:-4] for path in broken["path"]} >= {"black", "blurred"}
    assert audit.counts["broken"] == audit.broken["pictures"] == len(broken)
    assert 10 <= len(broken) <= 11
    assert audit.kept is not None
    own = audit.kept[audit.kept["path"].str.contains("black|blurred")]
    assert not own["is_kept"].any()
    assert own["reason"].str.startswith("it is broken: ").all()
    finding = next(own for own in audit.findings if own.kind == "broken")
    assert finding.severity == "low"
    assert "synthetic images are broken" in finding.text
    assert audit.appearance["sharpness"]["high"] < 0.3
    assert set(audit.appearance) <= set(APPEARANCE)
