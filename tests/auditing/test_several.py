"""Several embedders at once: what each says, and a verdict only where they agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import synthaudit
from synthaudit.auditing.image_reader import open_reader
from synthaudit.commands.application import application
from synthaudit.embedding.choice import split_embedders
from synthaudit.errors import EmbedderError, SettingsError
from synthaudit.images.decoding import Frame
from synthaudit.images.opening import open_source
from synthaudit.settings import Settings
from tests.embedding.test_torchscript import save

FAST: dict[str, Any] = {"quick": True, "use_cache": False, "progress": synthaudit.NoProgress()}


class Stub:
    """Sees the pixels of an image, or how light it is and else chance; by their content."""

    device = "cpu"
    batch_size = 64
    dimension = 12
    frame = Frame(height=8, width=8)

    def __init__(self, name: str, *, is_blind: bool) -> None:
        self.name, self.fingerprint, self.is_blind = name, f"{name}/v1", is_blind

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        rows = []
        for own in pixels:
            drawn = np.random.default_rng(int.from_bytes(own.tobytes()[:8], "big"))
            row = drawn.standard_normal(self.dimension)
            if not self.is_blind and own.mean() > 128:
                # Light pictures are all one thing: nothing of the dark ones is covered.
                row = 0.01 * row + 10.0 * np.eye(self.dimension)[0]
            rows.append(row)
        return np.array(rows, np.float32)


def sides(folder: Path) -> tuple[Path, Path]:
    """Dark photos and light fakes of noise."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for side, low in (("real", 0), ("synthetic", 129)):
        (folder / side).mkdir()
        for number in range(60):
            pixels = rng.integers(low, low + 120, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / side / f"{number}.png")
    return folder / "real", folder / "synthetic"


def test_names_are_parted_at_commas() -> None:
    assert split_embedders("builtin") == ["builtin"]
    assert split_embedders("builtin, clip:ViT-B-32:openai") == ["builtin", "clip:ViT-B-32:openai"]
    assert split_embedders("timm:local-dir:/a,b,builtin") == ["timm:local-dir:/a,b", "builtin"]


def test_embedders_that_disagree_leave_the_verdict_undecided(tmp_path: Path) -> None:
    embedders = [Stub("keen", is_blind=False), Stub("blind", is_blind=True)]
    audit = synthaudit.score(*sides(tmp_path), embedder=embedders, **FAST)
    said = {own["embedder"]: own["verdict"]["fit"] for own in audit.to_dict()["embedders"]}
    assert said == {"keen": False, "blind": True}
    assert audit.verdict.fit is None
    assert audit.verdict.text.startswith("Undecided: the embedders disagree: keen finds grave")
    assert audit.provenance["embedder"] == "keen"
    alone = synthaudit.score(
        tmp_path / "real", tmp_path / "synthetic", embedder=embedders[0], **FAST
    )
    assert alone.verdict.fit is False
    assert alone.unrealistic == audit.unrealistic
    audit.write(tmp_path / "audit")
    synthaudit.write_report(audit, tmp_path / "audit")
    assert "keen finds grave" in (tmp_path / "audit" / "report.html").read_text()


def test_embedders_that_agree_say_so(tmp_path: Path) -> None:
    embedders = [Stub("one", is_blind=True), Stub("two", is_blind=True)]
    audit = synthaudit.score(*sides(tmp_path), embedder=embedders, **FAST)
    assert audit.verdict.fit
    assert any(own.text == "one and two agree." for own in audit.findings)


def test_the_command_takes_several(tmp_path: Path) -> None:
    call = ["score", *map(str, sides(tmp_path)), "--quick", "--no-cache", "-q", "--format", "json"]
    wrong = CliRunner().invoke(application, [*call, "--embedder", "builtin,builtin"])
    assert wrong.exit_code == 2
    done = CliRunner().invoke(application, [*call, "--embedder", "builtin"])
    assert "embedders" not in json.loads(done.output)


@pytest.mark.parametrize("given", [[], ["builtin", "builtin"]])
def test_embedders_should_differ(tmp_path: Path, given: list[str]) -> None:
    with pytest.raises(EmbedderError, match="embedder should name different ones"):
        synthaudit.score(*sides(tmp_path), embedder=given, **FAST)


def test_other_commands_take_one(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="are for score alone"):
        synthaudit.selftest(sides(tmp_path)[0], embedder="builtin,timm:none")


def test_a_copy_embedder_is_asked_for_near_duplicates_alone(tmp_path: Path) -> None:
    folders, detector = sides(tmp_path), f"torchscript:{save(tmp_path)}"
    plain = synthaudit.score(*folders, embedder="builtin", **FAST)
    other = synthaudit.score(*folders, embedder="builtin", copy_embedder=detector, **FAST)
    assert other.detector["auc"] == pytest.approx(plain.detector["auc"], abs=0.01)
    assert other.supporting == plain.supporting
    assert other.duplicates["radius"] != plain.duplicates["radius"]
    assert other.provenance["settings"]["copy_embedder"] == detector
    # The nearest real image is that by the detector's own vectors.
    collections = [open_source(folder) for folder in folders]
    with open_reader(Settings(embedder=detector, use_cache=False), FAST["progress"]) as reader:
        first, second = (reader.extract(own).vectors.astype(float) for own in collections)
    distance = 1.0 - second @ first.T
    images = other.images[other.images["side"] == "synthetic"].set_index("path")
    for row, entry in enumerate(collections[1].entries):
        found = images.loc[entry.path]
        assert found["nearest_real"] == collections[0].entries[distance[row].argmin()].path
        assert found["nearest_real_distance"] == pytest.approx(distance[row].min(), abs=1e-5)


def test_where_a_copy_embedder_cannot_be(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 5))
    with pytest.raises(SettingsError, match="both sides are ready vectors"):
        synthaudit.score_embeddings(vectors, vectors + 1, copy_embedder="builtin")
    with pytest.raises(SettingsError, match="is of the default definition"):
        synthaudit.score(
            *sides(tmp_path),
            embedder="builtin",
            copy_embedder="builtin",
            definition="cleanlab",
            **FAST,
        )
