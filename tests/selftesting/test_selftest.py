"""The self-test sees what was planted, in its own score, and says from what size on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import synthaudit
from synthaudit.errors import DataError, UsageError
from synthaudit.images.perceptual_hash import COMPARISONS, FRAMINGS, HASH_LENGTH, POSES
from synthaudit.measures.copies.patterns import Patterns
from synthaudit.selftesting import running
from synthaudit.selftesting.edits import EDITS, edit
from synthaudit.selftesting.faults import FAULTS, PlantedSides, nothing, split
from synthaudit.selftesting.material import Look, Material
from synthaudit.selftesting.planted_audit import Trial, audit_planted, recall_and_precision
from synthaudit.selftesting.result import SelfTest
from synthaudit.settings import Settings
from tests.conftest import Run
from tests.pictures import encoded, picture

QUICK = Settings(quick=True)
BY_NAME = {fault.name: fault for fault in FAULTS}


@pytest.fixture(scope="module")
def material() -> Material:
    """Vectors of ten kinds; an edit moves an image a little, damage along an axis of its own."""
    rng = np.random.default_rng(0)
    kinds = np.arange(600) % 10
    vectors = rng.standard_normal((600, 40))
    vectors[np.arange(600), kinds] += 5.0
    values = rng.standard_normal((600, FRAMINGS, HASH_LENGTH)).astype(np.float32)
    values /= np.linalg.norm(values, axis=2, keepdims=True)
    patterns = Patterns(values=values.astype(np.float16), comparisons=COMPARISONS, poses=POSES)
    edited = {}
    for number, name in enumerate(EDITS):
        is_damage = name in ("blurred", "compressed", "upscaled")
        moved = vectors + rng.normal(0.0, 0.05, vectors.shape)
        if is_damage:
            moved[:, 20 + number] += 3.0
        edited[name] = Look(vectors=moved.astype(np.float32), patterns=patterns)
    return Material(
        plain=Look(vectors=vectors.astype(np.float32), patterns=patterns),
        edited=edited,
        classes=np.array([f"kind {kind}" for kind in kinds], dtype=object),
        units=np.arange(600),
    )


def audits(
    material: Material, fault: str, rates: tuple[float, ...]
) -> list[tuple[PlantedSides, Trial]]:
    halves = split(material, np.random.default_rng(1))
    planted = [
        BY_NAME[fault].plant(material, halves, rate, np.random.default_rng(2)) for rate in rates
    ]
    return [(sides, audit_planted(sides, QUICK)) for sides in planted]


@pytest.mark.parametrize("fault", sorted(BY_NAME))
def test_more_of_a_fault_never_lowers_its_score(material: Material, fault: str) -> None:
    measure = BY_NAME[fault].measure
    rates = (0.1, 0.2, 0.3, 0.5, 0.7)
    halves = split(material, np.random.default_rng(1))
    clean = audit_planted(nothing(material, halves), QUICK).statistics[measure]
    values = [clean, *(trial.statistics[measure] for _, trial in audits(material, fault, rates))]
    # What a fit leaves to chance, at the rates where next to nothing is to be seen.
    assert (np.diff(values) > -0.01).all(), values
    assert values[-1] > clean + 0.05


@pytest.mark.parametrize("fault", sorted(BY_NAME))
def test_a_fault_moves_its_own_score_most(material: Material, fault: str) -> None:
    halves = split(material, np.random.default_rng(1))
    clean = audit_planted(nothing(material, halves), QUICK).statistics
    ((_, trial),) = audits(material, fault, (0.5,))
    moved = {name: trial.statistics[name] - clean[name] for name in clean}
    measure = BY_NAME[fault].measure
    # The statistics that say the same thing in another way: a twin may move a hair more.
    twins = {
        "unrealistic": {"unrepresentative"},
        "unrepresentative": {"uncovered", "unrealistic"},
    }
    others = set(moved) - {measure} - twins.get(measure, set())
    assert moved[measure] > max(moved[name] for name in others), moved


@pytest.mark.parametrize("fault", ["repeats", "copies of real images"])
def test_flags_of_repeats_and_copies_are_the_planted_ones(material: Material, fault: str) -> None:
    for planted, trial in audits(material, fault, (0.05, 0.3)):
        flags = trial.flags[BY_NAME[fault].measure]
        recall, precision = recall_and_precision(flags, planted.truth)
        assert recall > 0.98
        assert precision is not None
        assert precision > 0.9


def test_missing_kinds_are_told_from_fakes_by_coverage(material: Material) -> None:
    """One number twice: only coverage says that it is variety that is missing."""
    ((_, missing),) = audits(material, "missing kinds", (0.5,))
    ((_, damaged),) = audits(material, "blur", (0.5,))
    assert missing.statistics["uncovered"] > 0.4
    assert damaged.statistics["uncovered"] < 0.2
    assert damaged.statistics["unrealistic"] > 0.55


def test_planting_leaves_the_material_as_it_was(material: Material) -> None:
    before = material.plain.vectors.copy(), material.classes.copy()
    for fault in FAULTS:
        audits(material, fault.name, (0.3,))
    assert (before[0] == material.plain.vectors).all()
    assert (before[1] == material.classes).all()


def test_halves_keep_near_duplicates_together(material: Material) -> None:
    twins = Material(
        plain=material.plain,
        edited=material.edited,
        classes=material.classes,
        units=np.arange(600) // 2,
    )
    halves = split(twins, np.random.default_rng(3))
    assert not set(halves.real // 2) & set(halves.synthetic // 2)
    assert abs(len(halves.real) - len(halves.synthetic)) <= 2


@pytest.mark.parametrize("name", sorted(EDITS))
def test_edits_keep_the_picture_recognisable(name: str) -> None:
    import io

    from PIL import Image

    original = picture(5, 96)
    made = Image.open(io.BytesIO(edit(encoded(original), name=name, max_pixels=10**6)))
    assert made.format == "PPM"
    small = [np.asarray(image.convert("RGB").resize((8, 8)), float) for image in (original, made)]
    assert np.abs(np.asarray(made.resize((96, 96)), float) - np.asarray(original)).mean() > 0.0
    assert np.abs(small[0] - small[1]).mean() < 25.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("real")
    for number in range(90):
        place = root / ("cat" if number % 2 else "dog")
        place.mkdir(exist_ok=True)
        (place / f"{number:02d}.png").write_bytes(encoded(picture(number)))
    return root


def test_the_command_writes_its_findings(
    folder: Path, synthaudit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_PLANTINGS", 1)
    fewer = [replace(fault, rates=fault.rates[-4::2]) for fault in FAULTS]
    monkeypatch.setattr(running, "FAULTS", fewer)
    before = sorted(folder.rglob("*"))
    done = synthaudit("selftest", folder, "--embedder", "builtin", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Smallest fault that is always seen" in done.stdout
    found = json.loads((tmp_path / "out" / "selftest.json").read_text())
    assert found["schema"] == "synthaudit/selftest/1"
    assert found["counts"] == {"real": 45, "synthetic": 45, "splits": 19}
    # Of 19 clean splits one has a discovery by chance, of images as small a set cannot tell apart.
    assert found["smallest"]["copies of real images"] <= 0.2
    assert found["smallest"]["repeats"] <= 0.2
    text = (tmp_path / "out" / "selftest.md").read_text()
    assert all(fault.name in text for fault in FAULTS)
    assert sorted(folder.rglob("*")) == before


def test_sets_that_cannot_be_tested(folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", np.eye(100))
    with pytest.raises(DataError, match="faults are planted in images"):
        synthaudit.selftest(tmp_path / "vectors.npy")
    few = tmp_path / "few"
    few.mkdir()
    for number in range(20):
        (few / f"{number}.png").write_bytes(encoded(picture(number)))
    with pytest.raises(DataError, match="at least 80 readable images"):
        synthaudit.selftest(few, embedder="builtin")
    with pytest.raises(UsageError, match="at least 80 images, not 10"):
        synthaudit.selftest(folder, images=10)
    with pytest.raises(UsageError, match="default definition"):
        synthaudit.selftest(folder, definition="cleanlab")


def test_images_without_classes_have_no_labels_to_be_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is left out does not depend on how often the rest is tried.
    monkeypatch.setattr(running, "_CLEAN_SPLITS", 2)
    monkeypatch.setattr(running, "_PLANTINGS", 1)
    monkeypatch.setattr(running, "FAULTS", [replace(own, rates=own.rates[-1:]) for own in FAULTS])
    for number in range(80):
        (tmp_path / f"{number}.png").write_bytes(encoded(picture(number)))
    found = synthaudit.selftest(tmp_path, embedder="builtin")
    assert isinstance(found, SelfTest)
    assert set(found.left_out) == {"wrong labels"}
    assert "missing kinds" in found.faults
