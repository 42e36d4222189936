"""What any channel discovers is a copy or a repeat everywhere: scores, flags, --keep, gate."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

import synthaudit
from synthaudit.measures.comparison.evidence import gather_evidence
from synthaudit.measures.copies.patterns import Patterns
from synthaudit.result.audit import Audit
from tests.conftest import Run

Factory = pytest.TempPathFactory
Sides = tuple[Path, Path]
Halves = tuple[list[Path], list[Path]]


@pytest.fixture(scope="module")
def halves(photos: Path) -> Halves:
    """Two disjoint sets of 90 product photos."""
    files = sorted((photos / "clothing").glob("*/*.jpg"))
    order = np.random.default_rng(1).permutation(len(files))
    return [files[row] for row in order[:90]], [files[row] for row in order[90:180]]


def place_of(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"


def lay_out(folder: Path, real: list[Path], synthetic: list[Path]) -> Sides:
    for side, files in (("real", real), ("synthetic", synthetic)):
        for file in files:
            place = folder / side / file.parent.name / file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
    return folder / "real", folder / "synthetic"


@pytest.fixture(scope="module")
def mirrored(halves: Halves, tmp_path_factory: pytest.TempPathFactory) -> Sides:
    """Every synthetic image is a mirrored real one."""
    real, synthetic = lay_out(tmp_path_factory.mktemp("mirrored"), halves[0], halves[0])
    for file in synthetic.rglob("*.jpg"):
        ImageOps.mirror(Image.open(file).convert("RGB")).save(file, quality=95)
    return real, synthetic


@pytest.fixture(scope="module")
def cropped(halves: Halves, tmp_path_factory: pytest.TempPathFactory) -> Sides:
    """Of 90 synthetic images 18 are real ones, cut by a tenth on each edge."""
    copied = [place_of(file) for file in halves[0][:18]]
    files = [*halves[0][:18], *halves[1][18:]]
    real, synthetic = lay_out(tmp_path_factory.mktemp("cropped"), halves[0], files)
    for file in synthetic.rglob("*.jpg"):
        if place_of(file) in copied:
            image = Image.open(file).convert("RGB")
            left, top = image.width // 10, image.height // 10
            image.crop((left, top, image.width - left, image.height - top)).save(file, quality=95)
    return real, synthetic


def audited(sides: Sides, *, quick: bool = True) -> Audit:
    return synthaudit.score(
        *sides,
        embedder="builtin",
        use_cache=False,
        quick=quick,
        keep=True,
        permutations=19,
        resamples=20,
    )


@pytest.mark.parametrize("quick", [True, False])
def test_a_set_of_mirrored_copies_is_nothing_but_copies(mirrored: Sides, *, quick: bool) -> None:
    audit = audited(mirrored, quick=quick)
    scores = audit.to_dict()
    assert audit.unoriginal.value > 0.98
    assert scores["memorisation"]["copies"] == round(90 * audit.unoriginal.value)
    assert scores["p_values"]["unoriginal"] < 1e-6
    assert audit.verdict.fit is False
    assert all(own.unoriginal > 0.9 for own in audit.classes.values())
    own = audit.images[audit.images["is_unoriginal"]]
    assert (own["path"] == own["original"]).mean() > 0.98
    kept = audit.tables["kept"]
    assert kept["is_kept"].sum() <= 2
    assert (kept.loc[~kept["is_kept"], "reason"] == "it copies a real image").mean() > 0.98
    assert audit.copies is not None
    assert len(audit.copies) == scores["memorisation"]["copies"]
    if not quick:
        assert audit.unoriginal.low is not None
        assert audit.unoriginal.low > 0.9
        assert audit.unoriginal.floor is not None
        assert audit.unoriginal.floor < 0.03


def test_the_gate_rejects_mirrored_copies(mirrored: Sides, tmp_path: Path, synthaudit: Run) -> None:
    out = audited(mirrored).write(tmp_path / "audit")
    found = synthaudit("gate", out, "--max", "unoriginal=0.1")
    assert found.returncode == 1
    assert " copies " in found.stdout


def test_as_many_copies_as_were_planted(cropped: Sides, halves: Halves) -> None:
    audit = audited(cropped)
    planted = {place_of(file) for file in halves[0][:18]}
    flagged = set(audit.images.loc[audit.images["is_unoriginal"], "path"])
    assert flagged >= planted
    # Of 18 discoveries one may be a fresh image at the stated rate, and the radius flags some.
    assert len(flagged - planted) <= 3
    kept = audit.tables["kept"]
    assert not set(kept.loc[kept["is_kept"], "path"]) & planted


def test_mirrored_repeats_are_repeats(halves: Halves, tmp_path: Path) -> None:
    sides = lay_out(tmp_path, halves[0], halves[1])
    for file in list(sides[1].rglob("*.jpg")):
        image = ImageOps.mirror(Image.open(file).convert("RGB"))
        image.save(file.with_name(f"again-{file.name}"), quality=95)
    audit = audited(sides)
    assert audit.unvaried.value > 0.98
    assert audit.unoriginal.p_value is not None
    assert audit.unoriginal.p_value > 0.05
    own = audit.images[audit.images["side"] == "synthetic"]
    names = own["path"].str.replace("again-", "")
    together = own.groupby(names)["duplicate_cluster"].agg(["nunique", "size"])
    assert (together["nunique"] == 1).mean() > 0.98
    kept = audit.tables["kept"]
    left = kept.loc[kept["is_kept"], "path"].str.replace("again-", "")
    assert len(left) > 60
    assert left.is_unique


def test_arms_of_a_sweep_are_judged_by_patterns_too() -> None:
    """Forty slots, two arms: one mirrors real patterns in half of its slots and repeats others."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((120 + 2 * 40, 16))
    values = rng.standard_normal((200, 1, 64)).astype(np.float32)
    mirror = np.where(np.arange(64) % 2, -1.0, 1.0)
    values[120:140] = values[:20] * mirror
    values[150:155] = values[145:150]
    values /= np.linalg.norm(values, axis=2, keepdims=True)
    same = np.arange(64)
    poses = ((same, np.ones(64)), (same, mirror))
    patterns = Patterns(values=values.astype(np.float16), comparisons=((0, 0),), poses=poses)
    found = gather_evidence(
        vectors[:120], [vectors[120:160], vectors[160:]], patterns=patterns, repeats=1
    )
    first, second = found.values(0), found.values(1)
    # One of the fresh images lies within the radius by chance.
    assert found.is_copy[0].tolist() == [True] * 20 + [False] * 20
    assert second["unoriginal"] <= 1 / 40
    assert (first["unvaried"], second["unvaried"]) == (0.25, 0.0)
    assert found.first(30).values(0)["unoriginal"] == pytest.approx(20 / 30)
    assert found.first(30).values(0)["unvaried"] == 0.0
