"""A set is built from end to end, written, read back by others, and filled up."""

from __future__ import annotations

import csv
import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import synthaudit as package
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source
from tests.building.small_build import HOW, metadata, write_plan, write_real
from tests.pictures import encoded, picture

Run = Callable[..., subprocess.CompletedProcess[str]]


def table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def absolute(folder: Path) -> dict[str, Any]:
    """What lets a plan be used from another working directory."""
    return {
        "real": str(folder / "real"),
        "build": {"policy": str(folder / "synthaudit.toml")},
    }


def store(folder: Path) -> list[Path]:
    return [file for file in (folder / ".build" / "store").rglob("*.png") if file.is_file()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, package.Build]:
    """A set that passes, built once."""
    folder = tmp_path_factory.mktemp("built")
    write_real(folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        found = package.build(
            write_plan(folder), out="set", progress=package.NoProgress(),
            obvious=1.0, resamples=20, permutations=19, repeats=1,
        )  # fmt: skip
    return folder, found


def test_a_set_that_passes_has_its_quotas_and_no_bad_image(
    built: tuple[Path, package.Build],
) -> None:
    folder, found = built
    assert found.exit_code == 0, found.outcome
    assert found.quota == {"cat": [10, 10], "frog": [10, 10]}
    rows = metadata(folder / "set")
    assert Counter(row["class"] for row in rows) == {"cat": 10, "frog": 10}
    dropped = {row["path"] for row in table(folder / "set" / "dropped.csv")}
    for row in rows:
        assert (folder / "set" / row["file_name"]).is_file()
        assert row["file_name"].removeprefix("images/") not in dropped
        assert row["generator"] == "gaussian"
        assert json.loads(row["options"]) == {"spread": 1.5}
        assert 0.0 <= row["probability_synthetic"] <= 1.0
    assert len({row["seed"] for row in rows}) == 20
    assert found.spent["images"] == len(store(folder / "set")) >= 20 + len(dropped)


def test_the_judging_half_steers_nothing(built: tuple[Path, package.Build]) -> None:
    folder, found = built
    assert found.counts["real_steering"] + found.counts["real_judging"] == 60
    assert found.audit is not None
    judging = {str(entry.path) for entry in found.audit.entries["real"]}
    assert len(judging) == found.counts["real_judging"]
    # The Gaussian was fitted to the others alone.
    fitted = found.provenance["generator"]["fitted"]
    per_class = Counter(path.split("/")[0] for path in judging)
    assert fitted in {30 - count for count in per_class.values()}
    scores = json.loads((folder / "set" / "scores.json").read_text())
    assert scores["build"]["judged_on"] == found.judged_on
    assert any("had no part in making the set" in note for note in scores["notes"])
    card = (folder / "set" / "README.md").read_text()
    assert "The half that steered may flatter" in card
    assert card.startswith("---\nlicense: unknown\n")


def test_what_is_written_is_told_by_the_page_and_the_gate(
    built: tuple[Path, package.Build], synthaudit: Run
) -> None:
    folder, found = built
    package.write_report(found.audit, folder / "set")
    page = (folder / "set" / "report.html").read_text()
    assert "How the set was made" in page
    assert "The set passes." in page
    gate = synthaudit("gate", folder / "set", "--policy", folder / "synthaudit.toml")
    assert gate.returncode == 0, gate.stdout
    told = json.loads((folder / "set" / "build.json").read_text())
    assert told["schema"] == "synthaudit/build/1"
    assert told["rounds"][0].keys() >= {
        *("round", "made", "kept", "dropped", "aimed_at", "scores", "seconds", "money")
    }
    status = synthaudit("build", folder / "plan.yaml", "--out", folder / "set", "--status")
    assert "10/10" in status.stdout
    # A score of other images would take the place of what the set says of itself.
    other = synthaudit("score", folder / "real", folder / "real", "--out", folder / "set")
    assert other.returncode == 2
    assert "a built set" in other.stderr


def test_others_read_the_set(built: tuple[Path, package.Build], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder, _ = built
    cache = str(tmp_path / "cache")
    read = datasets.load_dataset(
        "imagefolder", data_dir=str(folder / "set"), cache_dir=cache, split="train"
    )
    assert len(read) == 20
    expected = {row["seed"]: row["class"] for row in metadata(folder / "set")}
    assert {row["seed"]: row["class"] for row in read} == expected
    assert isinstance(read[0]["image"], Image.Image)


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
def test_croissant_is_valid_and_finds_every_image(built: tuple[Path, package.Build]) -> None:
    croissant = pytest.importorskip("mlcroissant")
    folder, _ = built
    found = croissant.Dataset(jsonld=str(folder / "set" / "croissant.json"))
    assert not found.metadata.issues.errors
    records = list(found.records("images"))
    names = {row["images/file_name"].decode() for row in records}
    assert names == {row["file_name"] for row in metadata(folder / "set")}
    pictures = list(found.records("pictures"))
    assert len(pictures) == 20
    assert all(isinstance(row["pictures/image"], Image.Image) for row in pictures)


@pytest.mark.parametrize("kind", ["webdataset", "parquet"])
def test_shards_hold_the_same_images(
    built: tuple[Path, package.Build], kind: str, tmp_path: Path
) -> None:
    from synthaudit.building.exporting import export

    folder, _ = built
    place = export(folder / "set", kind)  # type: ignore[arg-type]
    suffix = "tar" if kind == "webdataset" else "parquet"
    opened = open_source(next(place.glob(f"*.{suffix}")))
    assert isinstance(opened, Collection)
    shown = {entry.location.read() for entry in opened.entries}
    files = [folder / "set" / row["file_name"] for row in metadata(folder / "set")]
    assert shown == {file.read_bytes() for file in files}
    again = export(folder / "set", kind)  # type: ignore[arg-type]
    assert again == place
    if kind == "parquet":
        datasets = pytest.importorskip("datasets")
        read = datasets.load_dataset(
            "parquet", data_dir=str(place), cache_dir=str(tmp_path), split="train"
        )
        assert read.features["label"].names == ["cat", "frog"]
    (folder / f"other-{kind}").mkdir()
    (folder / "other").mkdir(exist_ok=True)
    with pytest.raises(package.UsageError, match="holds something else than an export"):
        export(folder / "other", kind)  # type: ignore[arg-type]


def test_the_same_command_again_makes_nothing_and_says_the_same(
    built: tuple[Path, package.Build], synthaudit: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found = built
    before = (folder / "set" / "metadata.jsonl").read_bytes()
    plan = write_plan(folder, **absolute(folder))
    result = synthaudit("build", plan, "--out", folder / "set", *HOW)
    assert result.returncode == 0, result.stderr
    assert (folder / "set" / "metadata.jsonl").read_bytes() == before
    told = json.loads((folder / "set" / "build.json").read_text())
    assert told["spent"]["images"] == found.spent["images"]
    assert told["judgements"] == 1


def test_a_decision_takes_an_image_out_and_another_takes_its_place(
    built: tuple[Path, package.Build], synthaudit: Run
) -> None:
    folder, _ = built
    victim = metadata(folder / "set")[0]["file_name"].removeprefix("images/")
    decisions = folder / "set" / "decisions.csv"
    decisions.write_text(f"path,is_kept,reason\n{victim},False,it looks odd\n")
    plan = write_plan(folder, **absolute(folder))
    result = synthaudit("build", plan, "--out", folder / "set", *HOW)
    decisions.unlink()
    assert result.returncode == 0, result.stderr
    rows = metadata(folder / "set")
    assert len(rows) == 20
    assert victim not in {row["file_name"].removeprefix("images/") for row in rows}
    assert "it looks odd" in (folder / "set" / "dropped.csv").read_text()
    assert not (folder / "set" / "images" / victim).exists()
    told = json.loads((folder / "set" / "build.json").read_text())
    assert told["judgements"] == 2
    assert "has judged 2 different sets" in (folder / "set" / "README.md").read_text()


def test_a_set_that_lacks_a_class_is_filled_up_and_never_changed(
    tmp_path: Path, synthaudit: Run
) -> None:
    write_real(tmp_path)
    given = tmp_path / "given"
    for number in range(8):
        for name, seed in ((f"{number}", 100 + number), (f"{number}-again", 100 + number % 2)):
            file = given / "frog" / f"{name}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encoded(picture(seed)))
    (given / "frog" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    (given / "bird").mkdir()
    (given / "bird" / "0.png").write_bytes(encoded(picture(900)))
    before = {file: file.read_bytes() for file in given.rglob("*") if file.is_file()}
    result = synthaudit("build", write_plan(tmp_path), "--out", "set", "--add-to", given, *HOW)
    assert result.returncode == 0, result.stderr
    assert {file: file.read_bytes() for file in given.rglob("*") if file.is_file()} == before
    rows = metadata(tmp_path / "set")
    assert Counter(row["class"] for row in rows) == {"cat": 10, "frog": 10}
    taken = [row["origin"] for row in rows if row["origin"] is not None]
    # All that are good: what was given comes before what is made.
    stems = [Path(own).stem.partition("-") for own in taken]
    shown = [int(number) % 2 if again else int(number) for number, again, _ in stems]
    assert sorted(shown) == list(range(8))
    reasons = {row["file"]: row["reason"] for row in table(tmp_path / "set" / "dropped.csv")}
    assert "its class 'bird' is none of the plan's" in reasons["bird/0.png"]
    assert "cannot be read" in reasons["frog/broken.png"]
    assert sum("repeats another image" in own for own in reasons.values()) >= 8
    first = json.loads((tmp_path / "set" / "build.json").read_text())["rounds"][1]
    assert any("10 lacking" in text for text in first["aimed_at"])
    assert any("2 lacking" in text for text in first["aimed_at"])


def test_what_cannot_be_made_ends_with_the_reason(tmp_path: Path, synthaudit: Run) -> None:
    write_real(tmp_path)
    plan = write_plan(tmp_path, generator={"name": "augment", "strength": 0.0})
    result = synthaudit("build", plan, "--out", "set", *HOW)
    assert result.returncode == 1
    told = json.loads((tmp_path / "set" / "build.json").read_text())
    assert told["verdict"]["state"] == "incomplete"
    assert "Further rounds no longer help." in told["verdict"]["why"]
    assert any(
        "cat: 100 % of what is made copies a real image" in why for why in told["verdict"]["why"]
    )
    assert told["counts"]["kept"] == 0


def test_a_budget_that_is_spent_is_exit_3_and_more_of_it_goes_on(
    tmp_path: Path, synthaudit: Run
) -> None:
    write_real(tmp_path)
    plan = write_plan(tmp_path, budget={"images": 12})
    result = synthaudit("build", plan, "--out", "set", *HOW)
    assert result.returncode == 3
    told = json.loads((tmp_path / "set" / "build.json").read_text())
    assert told["spent"]["images"] == 12
    first = {row["file_name"] for row in metadata(tmp_path / "set")}
    kept = {file.name: file.stat().st_mtime_ns for file in store(tmp_path / "set")}
    plan = write_plan(tmp_path, budget={"images": 80})
    result = synthaudit("build", plan, "--out", "set", *HOW)
    assert result.returncode == 0, result.stderr
    after = {file.name: file.stat().st_mtime_ns for file in store(tmp_path / "set")}
    assert kept.items() <= after.items()
    # What was chosen may give way to what covers more, but is not thrown away.
    assert first & {row["file_name"] for row in metadata(tmp_path / "set")}
    told = json.loads((tmp_path / "set" / "build.json").read_text())
    assert told["spent"]["images"] == len(after) <= 80


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"build": {"images": 20}}, "images_per_class or images, not both"),
        ({"build": {"round": 3}}, "rounds"),
        ({"build": {"policy": "none.toml"}}, "the policy none.toml cannot be read"),
        ({"real": "nowhere"}, "nowhere"),
    ],
)
def test_a_plan_that_cannot_be_built_is_refused_in_a_sentence(
    tmp_path: Path, synthaudit: Run, changed: dict[str, Any], text: str
) -> None:
    write_real(tmp_path, images=30)
    result = synthaudit("build", write_plan(tmp_path, **changed), "--out", "set")
    assert result.returncode == 2
    assert text in result.stderr
    assert not (tmp_path / "set" / "build.json").exists()


def test_too_few_real_images_and_other_folders_are_refused(tmp_path: Path, synthaudit: Run) -> None:
    write_real(tmp_path, images=30)
    plan = write_plan(tmp_path)
    result = synthaudit("build", plan, "--out", "set")
    assert result.returncode == 2
    assert "there are 30 real images, but one half steers and the other judges" in result.stderr
    result = synthaudit("build", plan, "--out", "real")
    assert result.returncode == 2
    result = synthaudit("build", plan, "--out", "nothing", "--status")
    assert result.returncode == 2
    assert "there is no set in nothing yet" in result.stderr


def test_a_dry_run_says_what_is_lacking_and_writes_nothing(tmp_path: Path, synthaudit: Run) -> None:
    write_real(tmp_path)
    result = synthaudit("build", write_plan(tmp_path), "--out", "set", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "20 images are lacking; 6 rounds at most" in result.stdout
    assert not (tmp_path / "set").exists()
