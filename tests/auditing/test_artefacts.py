"""Planted treatments of real photos: the audit names the cause, and harmonising removes it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import synthaudit
from synthaudit.auditing import route
from synthaudit.auditing.image_reader import SampleImages
from synthaudit.auditing.steps import artefacts
from synthaudit.measures.detection.file_artefacts import audit_artefacts
from synthaudit.measures.samples import Samples
from synthaudit.result.audit import Audit
from tests.images.test_marks import XMP, with_manifest
from tests.pictures import encoded

Treatment = Callable[[Image.Image], bytes]
FAST: dict[str, Any] = {"permutations": 19, "resamples": 20, "repeats": 1, "embedder": "builtin"}


def lay_out(photos: Path, target: Path, treatment: Treatment) -> tuple[Path, Path]:
    """Every second product photo treated, the others as they are."""
    for number, file in enumerate(sorted((photos / "clothing").glob("*/*.jpg"))):
        folder = target / ("treated" if number % 2 else "real")
        folder.mkdir(parents=True, exist_ok=True)
        content = file.read_bytes()
        if number % 2:
            content = treatment(Image.open(io.BytesIO(content)).convert("RGB"))
        (folder / f"{number}.jpg").write_bytes(content)
    return target / "real", target / "treated"


def audit(sides: tuple[Path, Path], **options: Any) -> Audit:
    return synthaudit.score(*sides, use_cache=False, **FAST, **options)


def test_heavy_compression_is_named_and_the_score_not_to_be_trusted(
    photos: Path, tmp_path: Path
) -> None:
    sides = lay_out(photos, tmp_path, lambda image: encoded(image, "JPEG", quality=10))
    found = audit(sides)
    assert found.detector["auc"] is not None
    assert found.detector["auc"] > 0.95
    assert found.artefacts["container_auc"] > 0.99
    assert found.artefacts["control_auc"] > 0.8
    assert found.artefacts["explains"]
    assert "jpeg_quality" in {trait["name"] for trait in found.artefacts["best"]}
    assert any(note.startswith("unrealistic cannot be trusted") for note in found.notes)
    alike = audit(sides, harmonise=True)
    assert alike.detector["auc"] is not None
    assert alike.detector["auc"] < found.detector["auc"] - 0.1
    assert alike.artefacts["container_auc"] < 0.7
    assert not alike.artefacts["explains"]
    assert alike.provenance["harmonised_to"]["codec"] == "JPEG"


def test_a_format_that_the_embedder_does_not_see_is_named_but_trusted(
    photos: Path, tmp_path: Path
) -> None:
    found = audit(lay_out(photos, tmp_path, lambda image: encoded(image, "PNG")))
    assert found.artefacts["container_auc"] > 0.99
    names = {trait["name"] for trait in found.artefacts["best"]}
    assert names & {"is_png", "is_jpeg", "jpeg_quality", "bytes_per_pixel"}
    assert not found.artefacts["explains"]
    assert not any("cannot be trusted" in note for note in found.notes)


def test_upscaling_is_seen_in_the_block_frequencies(photos: Path, tmp_path: Path) -> None:
    def upscale(image: Image.Image) -> bytes:
        small = image.resize((image.width // 6, image.height // 6), Image.Resampling.BICUBIC)
        return encoded(small.resize(image.size, Image.Resampling.BICUBIC), "JPEG", quality=92)

    found = audit(lay_out(photos, tmp_path, upscale))
    assert found.artefacts["trace_auc"] > 0.95
    assert any("Block frequencies alone" in note for note in found.notes)


def test_photos_of_one_kind_raise_no_suspicion(photos: Path, tmp_path: Path) -> None:
    for number, file in enumerate(sorted((photos / "clothing").glob("*/*.jpg"))):
        folder = tmp_path / ("a" if number % 2 else "b")
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(file.read_bytes())
    found = audit((tmp_path / "a", tmp_path / "b"))
    assert found.artefacts["container_auc"] < 0.6
    assert found.artefacts["trace_auc"] < 0.6
    assert not found.artefacts["explains"]


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_traits_decide_on_arrays(shift: float) -> None:
    rng = np.random.default_rng(0)
    is_synthetic = np.arange(200) >= 100
    container = rng.standard_normal((200, 3))
    container[is_synthetic, 1] += shift
    found = audit_artefacts(
        container,
        rng.standard_normal((200, 4)),
        Samples.of(rng.standard_normal((200, 2)), is_synthetic),
        container_names=["a", "b", "c"],
        trace_names=["t1", "t2", "t3", "t4"],
        detector_auc=0.95,
    )
    assert found.explains == (shift > 0)
    assert [trait.name for trait in found.best] == (["b"] if shift else [])


def test_a_sample_of_the_files_tells_as_much(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = lay_out(photos, tmp_path, lambda image: encoded(image, "JPEG", quality=10))
    read: list[int] = []
    inner = SampleImages.traits

    def traits(images: SampleImages) -> Any:
        read.append(len(images.real.entries) + len(images.synthetic.entries))
        return inner(images)

    monkeypatch.setattr(SampleImages, "traits", traits)
    sampled = replace(artefacts.STEP, run=partial(artefacts.inspect_artefacts, most=30))
    steps = tuple(sampled if step is artefacts.BRIEF else step for step in route.QUICK)
    monkeypatch.setitem(route.ROUTES, ("default", True), steps)
    found = synthaudit.score(*sides, use_cache=False, embedder="builtin", quick=True)
    assert read == [60]
    assert found.artefacts["container_auc"] > 0.95
    assert "jpeg_quality" in {trait["name"] for trait in found.artefacts["best"]}


def marked(data: bytes) -> bytes:
    return with_manifest(data, "JPEG")


def test_marks_are_named_and_harmonising_removes_them(photos: Path, tmp_path: Path) -> None:
    xmp = XMP.format("trainedAlgorithmicMedia").encode()
    treatment = partial(encoded, kind="JPEG", quality=95, xmp=xmp)
    sides = lay_out(photos, tmp_path, lambda image: marked(treatment(image)))
    for file in sides[0].iterdir():
        file.write_bytes(encoded(Image.open(file).convert("RGB"), "JPEG", quality=95))
    found = audit(sides)
    names = {mark["name"]: (mark["real"], mark["synthetic"]) for mark in found.artefacts["marks"]}
    assert names == {"C2PA manifest": (0.0, 1.0), "IPTC source: generated": (0.0, 1.0)}
    assert found.artefacts["container_auc"] == pytest.approx(1.0)
    (note,) = [note for note in found.notes if note.startswith("Marks in the files")]
    assert "C2PA manifest in 0 % of the real files and 100 % of the synthetic ones" in note
    assert "trust no score" in note
    (finding,) = [own for own in found.findings if own.kind == "files"]
    assert finding.text.startswith("Marks in the files give the sides away")
    # The control, in which pixels alone count, finds nothing: the pictures are of one kind.
    assert not found.artefacts["explains"]
    assert found.verdict.fit
    brief = audit(sides, quick=True)
    assert any(note.startswith("unrealistic cannot be trusted: marks") for note in brief.notes)
    alike = audit(sides, harmonise=True)
    assert alike.artefacts["marks"] == []
    assert not any(note.startswith("Marks") for note in alike.notes)
