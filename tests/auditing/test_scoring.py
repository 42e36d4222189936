"""The whole route on real images and planted truth."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import synthaudit
from synthaudit.errors import DataError, SettingsError, UsageError
from synthaudit.images.appearance import APPEARANCE
from synthaudit.result.audit import Audit
from synthaudit.result.tables import FIRST_COLUMNS
from synthaudit.result.worst_images import worst_classes
from tests.pictures import encoded, picture


@pytest.fixture(scope="module")
def cifake(photos: Path) -> Audit:
    sides = (photos / "cifake" / "real", photos / "cifake" / "synthetic")
    return synthaudit.score(*sides, embedder="builtin", use_cache=False, quick=True)


BRIEFLY: dict[str, Any] = {"permutations": 19, "resamples": 20}


def test_real_and_generated_photos_are_told_apart(cifake: Audit) -> None:
    assert cifake.detector["auc"] >= 0.94
    assert cifake.unrealistic.value > 0.8
    assert cifake.unrepresentative.value > 0.8


def test_every_known_repeat_is_found_and_its_classes_are_the_worst(
    cifake: Audit, photos: Path
) -> None:
    with (photos / "cifake" / "exact_duplicates.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    pairs = {
        frozenset(row[key].removeprefix("synthetic/") for key in ("image_a", "image_b"))
        for row in rows
    }
    known = set().union(*pairs)
    assert len(known) == 120
    images = cifake.images[cifake.images["side"] == "synthetic"]
    assert known <= set(images.loc[images["is_unvaried"], "path"])
    identical = cifake.pairs[cifake.pairs["distance"] == 0.0]
    assert pairs == {
        frozenset(pair) for pair in zip(identical.path_a, identical.path_b, strict=True)
    }
    worst = {name for name, _ in worst_classes(cifake.classes, "unvaried", 3)}
    assert worst == {"dog", "frog", "bird"}
    # Beside the known repeats, no more than the false-alarm budget allows to a wide margin.
    assert cifake.unvaried.value < 120 / 600 + 4 * 0.005


def test_generated_photos_copy_nothing(cifake: Audit) -> None:
    assert cifake.unoriginal.value <= 2 * 0.005


def test_two_halves_of_the_real_photos_are_alike(photos: Path, tmp_path: Path) -> None:
    files = sorted((photos / "cifake" / "real").glob("*/*.jpg"))
    order = np.random.default_rng(0).permutation(len(files))
    for name, half in (("a", order[::2]), ("b", order[1::2])):
        pd.DataFrame({"path": [str(files[i]) for i in half]}).to_csv(tmp_path / f"{name}.csv")
    audit = synthaudit.score(
        tmp_path / "a.csv", tmp_path / "b.csv", embedder="builtin", use_cache=False, quick=True
    )
    assert 0.45 <= audit.detector["auc"] <= 0.55
    assert 0.45 <= audit.unrealistic.value <= 0.55
    assert audit.unoriginal.value <= 0.02


def test_edits_are_found_beside_their_originals(data: Path, tmp_path: Path) -> None:
    """All edits are copies of their originals, those too that change the shape of the picture."""
    originals = {"aaa-orig.jpg", "ukbench00120.jpg", "ukbench09268.jpg"}
    folder = data / "transforms"
    real = [*sorted((data / "clothing").glob("*/*.jpg")), *(folder / name for name in originals)]
    edits = [f for f in sorted(folder.glob("*.jpg")) if f.name not in originals]
    for name, files in (("real", real), ("edits", edits)):
        table = pd.DataFrame({"path": [str(file) for file in files]})
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    audit = synthaudit.score(
        tmp_path / "real.csv",
        tmp_path / "edits.csv",
        embedder="builtin",
        use_cache=False,
        quick=True,
        max_unreadable=0.1,
    )
    images = audit.images[audit.images["side"] == "synthetic"]
    copied = images[images["is_unoriginal"]]
    names = {Path(path).stem for path in copied["path"]}
    assert names == {
        *("blur-a-little", "blur-a-lot", "high-contrast", "high-saturation"),
        *("sharpen-a-little", "sharpen-a-lot", "shrink-a-little", "shrink-a-lot"),
        *("square-128x128", "square-256x256", "square-512x512"),
        *("ukbench00120_hflip", "ukbench00120_resize"),
    }
    found = {(Path(a).stem[:3], Path(b).name) for a, b in copied[["path", "original"]].to_numpy()}
    assert {original for name, original in found if name == "ukb"} == {"ukbench00120.jpg"}
    assert {original for name, original in found if name != "ukb"} == {"aaa-orig.jpg"}
    assert audit.unreadable["path"].str.endswith("ukbench09268_corrupt.jpg").tolist() == [True]


def test_every_torture_file_decodes_or_has_a_reason(data: Path, tmp_path: Path) -> None:
    audit = synthaudit.score(
        data / "formats", data / "transforms", embedder="builtin", max_unreadable=0.2, quick=True
    )
    files = {
        file.name for folder in ("formats", "transforms") for file in (data / folder).iterdir()
    }
    assert set(audit.images["path"]) | set(audit.unreadable["path"]) == files
    assert audit.unreadable["path"].tolist() == ["ukbench09268_corrupt.jpg"]
    assert audit.unreadable["reason"].str.len().min() > 10


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_workers(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    texts = []
    for workers in (1, 2, 3):
        audit = synthaudit.score(
            *two_sides, embedder="builtin", workers=workers, use_cache=False, seed=5, **BRIEFLY
        )
        audit.write(tmp_path / str(workers))
        texts.append((tmp_path / str(workers) / "scores.json").read_bytes())
    assert texts[0] == texts[1] == texts[2]
    other = synthaudit.score(*two_sides, embedder="builtin", use_cache=False, seed=6, **BRIEFLY)
    assert other.to_dict()["unrealistic"] != json.loads(texts[0])["unrealistic"]


def test_another_batch_size_moves_no_score(two_sides: tuple[Path, Path]) -> None:
    first, second = (
        synthaudit.score(
            *two_sides, embedder="builtin", batch_size=size, use_cache=False, **BRIEFLY
        )
        for size in (7, 64)
    )
    for name, score in first.scores.items():
        assert score.value == pytest.approx(second.scores[name].value, abs=1e-6)


def test_the_contract_of_the_files(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    (two_sides[1] / "dog" / "bad.png").write_bytes(b"broken")
    for name in ("copy", "copy2"):
        (two_sides[1] / "cat" / f"{name}.png").write_bytes(encoded(picture(2)))
    audit = synthaudit.score(*two_sides, embedder="builtin", use_cache=False)
    out = audit.write(tmp_path / "out")
    assert {file.name for file in out.iterdir()} == {
        *(
            "scores.json",
            "images.parquet",
            "images.csv",
            "duplicates.parquet",
            "copies.parquet",
            "explanation.parquet",
            "unreadable.csv",
        )
    }
    scores = json.loads((out / "scores.json").read_text())
    assert scores == audit.to_dict()
    assert scores["schema"] == "synthaudit/scores/1"
    assert scores["chance"] == {
        "unrealistic": 0.5,
        "unrepresentative": 0.5,
        "unvaried": 0.005,
        "unoriginal": 0.005,
    }
    expected = {
        "real": 30,
        "synthetic": 32,
        "unreadable": 1,
        "classes": 2,
        "wrong_labels": 0,
        "broken": 0,
    }
    assert scores["counts"] == expected
    assert scores["classes"].keys() == {"cat", "dog"}
    for name in ("unrealistic", "unrepresentative", "unvaried", "unoriginal"):
        low, high = scores["intervals"][name]
        assert 0.0 <= low <= scores[name] <= high <= 1.0
        assert 0.0 < scores["p_values"][name] <= 1.0
    assert scores["null"].keys() == scores["intervals"].keys() == scores["chance"].keys()
    assert "floor" not in scores  # 30 real images are too few to be split in two
    assert {"precision", "recall", "density", "coverage"} <= scores["supporting"].keys()
    assert scores["artefacts"]["container_auc"] < 0.7
    quick = synthaudit.score(*two_sides, embedder="builtin", use_cache=False, quick=True)
    told = quick.to_dict()
    assert not {"intervals", "floor"} & told.keys()
    # What takes no resampling is there, and the tests that have a closed form.
    kept = {"p_values", "supporting", "missed", "memorisation", "usefulness", "artefacts"}
    assert kept <= told.keys()
    assert told["usefulness"]["few_shot"] == []
    assert {"precision", "coverage", "vendi_real"} <= told["supporting"].keys()
    assert quick.copies is not None
    assert "there are no intervals, floor" in quick.notes[-1]
    images = pd.read_parquet(out / "images.parquet")
    assert tuple(images.columns) == (
        *FIRST_COLUMNS,
        *("nearest_real_of_class", "nearest_real_of_class_distance"),
        *("wrong_label_probability", "likelier_class", "likelier_class_probability"),
        *("prompt", "seed", "generator"),
        *("is_broken", "defect", "broken_p_value", *(f"look_{name}" for name in APPEARANCE)),
        *("original",),
    )
    assert len(images) == 62
    copies = images[images["path"].isin(["cat/copy.png", "cat/copy2.png"])]
    assert copies["is_unoriginal"].all()
    assert copies["is_unvaried"].all()
    assert copies["nearest_real"].tolist() == ["dog/02.png"] * 2
    assert copies["original"].tolist() == ["dog/02.png"] * 2
    assert copies["nearest_real_distance"].tolist() == [0.0, 0.0]
    assert copies["duplicate_cluster"].nunique() == 1
    pairs = pd.read_parquet(out / "duplicates.parquet")
    assert pairs.columns.tolist() == ["path_a", "side_a", "path_b", "side_b", "distance"]
    assert pairs["distance"].is_monotonic_increasing
    found = pd.read_parquet(out / "copies.parquet")
    assert found["path"].tolist() == ["cat/copy.png", "cat/copy2.png"]
    assert found["original"].tolist() == ["dog/02.png"] * 2
    assert found["found_by"].tolist() == ["both"] * 2
    assert (found["p_value"] > 0).all()
    memorised = scores["memorisation"]
    assert (memorised["copies"], memorised["by_both"], memorised["mirrored"]) == (2, 2, 0)
    assert {"real", "synthetic", "both", "gain", "few_shot"} <= scores["usefulness"].keys()
    assert {"wrong", "estimated_share", "cannot_tell"} <= scores["labels"].keys()
    unreadable = pd.read_csv(out / "unreadable.csv")
    assert unreadable.to_dict("records") == [
        {
            "path": "dog/bad.png",
            "side": "synthetic",
            "reason": "its content is no image format that Pillow can read",
        }
    ]
    table = pd.read_csv(out / "images.csv")
    assert np.allclose(table["label_quality"], images["label_quality"])


def test_scores_by_class_are_means_over_the_class(two_sides: tuple[Path, Path]) -> None:
    audit = synthaudit.score(*two_sides, embedder="builtin", use_cache=False)
    for name, scores in audit.classes.items():
        rows = audit.images[audit.images["class"] == name]
        for side, value in (
            ("synthetic", scores.unrealistic),
            ("real", scores.unrepresentative),
        ):
            expected = rows.loc[rows["side"] == side, "label_quality"].mean()
            assert value == pytest.approx(expected)


def gaussians(real: int, synthetic: int, dimension: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (
        rng.standard_normal((real, dimension)),
        rng.standard_normal((synthetic, dimension)),
    )


@pytest.mark.parametrize("ratio", [(200, 200), (100, 400), (400, 100), (100, 1000)])
def test_prevalence_moves_nothing(ratio: tuple[int, int]) -> None:
    audit = synthaudit.score_embeddings(*gaussians(*ratio, dimension=64))
    assert 0.45 <= audit.unrealistic.value <= 0.55
    assert 0.45 <= audit.unrepresentative.value <= 0.55


@pytest.mark.parametrize(
    ("real", "synthetic", "expected"),
    [
        (gaussians(3, 4)[0], gaussians(3, 4)[1], {}),
        (gaussians(1, 1)[0], gaussians(1, 1)[1], {"unrealistic": 0.5, "unrepresentative": 0.5}),
        (gaussians(1, 30)[0], gaussians(1, 30)[1], {"unoriginal": 0.0, "unrealistic": 0.5}),
        (gaussians(30, 1)[0], gaussians(30, 1)[1], {"unvaried": 0.0, "unrealistic": 0.5}),
        (
            np.ones((20, 4)),
            np.ones((20, 4)),
            {"unrealistic": 0.5, "unrepresentative": 0.5, "unvaried": 1.0, "unoriginal": 1.0},
        ),
        (np.ones((20, 4)), gaussians(1, 40, 4)[1], {"unvaried": 0.0, "unoriginal": 0.0}),
        (gaussians(40, 1, 4)[0], np.ones((20, 4)), {"unvaried": 1.0, "unrealistic": 0.5}),
        (np.full((20, 1), 2.0), np.full((20, 1), 3.0), {"unvaried": 1.0, "unoriginal": 1.0}),
    ],
    ids=[
        *("few", "one-each", "one-real", "one-synthetic"),
        *("all-identical", "real-identical", "collapsed", "one-axis"),
    ],
)
@pytest.mark.parametrize("definition", ["default", "cleanlab"])
def test_degenerate_sets_have_an_answer(
    real: np.ndarray, synthetic: np.ndarray, expected: dict[str, float], definition: str
) -> None:
    audit = synthaudit.score_embeddings(real, synthetic, definition=definition)
    for score in audit.scores.values():
        assert 0.0 <= score.value <= 1.0
    json.dumps(audit.to_dict(), allow_nan=False)
    if definition == "default":
        for name, value in expected.items():
            assert audit.scores[name].value == value, name


def test_notes_say_what_could_not_be_judged() -> None:
    audit = synthaudit.score_embeddings(np.ones((1, 4)), gaussians(1, 30, 4)[1])
    assert "no duplicate radius can be learnt" in audit.notes[0]
    assert "could not judge 1 real and 30 synthetic images" in audit.notes[1]
    assert audit.unvaried.chance is None


def test_vectors_without_a_direction_are_unreadable() -> None:
    real, synthetic = gaussians(100, 100)
    synthetic[3, 2], synthetic[5] = np.nan, 0.0
    audit = synthaudit.score_embeddings(real, synthetic)
    assert audit.unreadable.to_dict("records") == [
        {
            "path": "3",
            "side": "synthetic",
            "reason": "the vector has values that are not finite numbers",
        },
        {
            "path": "5",
            "side": "synthetic",
            "reason": "the vector is zero and has no direction",
        },
    ]
    assert audit.counts["synthetic"] == 98
    with pytest.raises(DataError, match="2 of 100 synthetic images are unreadable"):
        synthaudit.score_embeddings(real, synthetic, max_unreadable=0.01)
    with pytest.raises(DataError, match="30 of 30 real images are unreadable"):
        synthaudit.score_embeddings(np.full((30, 4), np.inf), np.ones((3, 4)), max_unreadable=1.0)


@pytest.mark.parametrize(
    ("real", "synthetic", "message"),
    [
        (np.ones((3, 4)), np.ones((3, 5)), "vectors of one length"),
        (np.ones(3), np.ones((3, 5)), "should have the shape"),
        (np.ones((0, 4)), np.ones((3, 4)), "no real vectors"),
    ],
)
def test_arrays_that_do_not_fit(real: np.ndarray, synthetic: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        synthaudit.score_embeddings(real, synthetic)


def test_classes_of_arrays() -> None:
    real, synthetic = gaussians(40, 40)
    names = ["a", "b"] * 20
    audit = synthaudit.score_embeddings(
        real, synthetic, real_classes=names, synthetic_classes=names
    )
    assert audit.classes.keys() == {"a", "b"}
    with pytest.raises(DataError, match="real_classes should name 40 rows, not 2"):
        synthaudit.score_embeddings(real, synthetic, real_classes=["a", "b"])


def test_vector_files_and_arrays_agree(tmp_path: Path) -> None:
    real, synthetic = gaussians(50, 60)
    np.save(tmp_path / "real.npy", real)
    np.save(tmp_path / "synthetic.npy", synthetic)
    from_files = synthaudit.score(tmp_path / "real.npy", tmp_path / "synthetic.npy").to_dict()
    from_arrays = synthaudit.score_embeddings(real, synthetic).to_dict()
    assert from_files == from_arrays


def test_kinds_are_not_mixed(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.ones((3, 4)))
    with pytest.raises(DataError, match="should be of one kind"):
        synthaudit.score(two_sides[0], tmp_path / "v.npy")


def test_the_same_folder_twice(two_sides: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="give two different sets"):
        synthaudit.score(two_sides[0], two_sides[0])


def test_unknown_settings_name_the_nearest() -> None:
    with pytest.raises(SettingsError, match="no setting 'sead'; did you mean 'seed'"):
        synthaudit.score_embeddings(np.ones((3, 4)), np.ones((3, 4)), sead=1)


def test_duplicating_the_whole_audit_keeps_its_detector_scores() -> None:
    real, synthetic = gaussians(150, 150)
    synthetic[:, 0] += 1.0
    single = synthaudit.score_embeddings(real, synthetic)
    double = synthaudit.score_embeddings(
        np.concatenate([real, real]), np.concatenate([synthetic, synthetic])
    )
    assert double.unvaried.value == 1.0
    for name in ("unrealistic", "unrepresentative"):
        assert double.scores[name].value == pytest.approx(single.scores[name].value, abs=0.05)


def test_shuffling_the_rows_changes_nothing() -> None:
    real, synthetic = gaussians(150, 120)
    synthetic[:20] = synthetic[20:40] + 0.01
    synthetic[50:60] = real[:10]
    names = [f"class {number % 3}" for number in range(150)]
    order = np.random.default_rng(8).permutation(150), np.random.default_rng(9).permutation(120)
    plain, shuffled = (
        synthaudit.score_embeddings(
            real[first],
            synthetic[second],
            real_classes=[names[row] for row in first],
            synthetic_classes=[names[row] for row in second],
            permutations=19,
            keep=True,
        )
        for first, second in ((np.arange(150), np.arange(120)), order)
    )
    ours, theirs = plain.to_dict(), shuffled.to_dict()
    for contents in (ours, theirs):
        contents.pop("missed")  # its examples are called by row number, and those of findings
        for finding in contents["findings"]:
            finding.pop("images")
        for side in ("real", "synthetic"):
            contents["provenance"].pop(f"{side}_digest")
    assert ours == theirs
    both = np.concatenate([order[0], 150 + order[1]])
    for column in ("label_quality", "nearest_real_distance", "is_unoriginal", "copy_p_value"):
        expected = plain.images[column].to_numpy()[both]
        np.testing.assert_array_equal(shuffled.images[column].to_numpy(), expected)
    assert list(shuffled.images["path"][:3]) == ["0", "1", "2"]


def test_turning_the_space_changes_no_distance() -> None:
    """The detector standardises each number of a vector by itself, so its scores move a little."""
    real, synthetic = gaussians(150, 120)
    synthetic[:, 0] += 2.0
    synthetic[:20] = synthetic[20:40] + 0.01
    synthetic[50:60] = real[:10]
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((real.shape[1],) * 2))[0]
    plain = synthaudit.score_embeddings(real, synthetic, permutations=19)
    turned = synthaudit.score_embeddings(real @ turn, synthetic @ turn, permutations=19)
    assert turned.unvaried.value == plain.unvaried.value
    assert turned.unoriginal.value == plain.unoriginal.value
    assert turned.memorisation["copies"] == plain.memorisation["copies"]
    assert turned.duplicates["radius"] == pytest.approx(plain.duplicates["radius"], rel=1e-9)
    for name, measure in plain.supporting.items():
        # The others are of random subsets, which follow the order of the rows.
        if name in ("precision", "recall", "density", "coverage", "frechet_distance"):
            value = turned.supporting[name]["value"]
            assert value == pytest.approx(measure["value"], rel=1e-3), name
    assert turned.unrealistic.value == pytest.approx(plain.unrealistic.value, abs=0.05)


def test_a_script_without_a_main_guard_may_score(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import synthaudit\nprint('started')\n"
        f"a = synthaudit.score({str(two_sides[0])!r}, {str(two_sides[1])!r}, embedder='builtin')\n"
        "print(a.counts['real'])\n"
    )
    done: Any = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["started", "30"]


def test_a_measure_that_quick_leaves_out_is_taken_on_request() -> None:
    rng = np.random.default_rng(0)
    sides = rng.normal(size=(60, 8)), rng.normal(size=(60, 8))
    plain = synthaudit.score_embeddings(*sides, quick=True)
    asked = synthaudit.score_embeddings(*sides, quick=True, measures=["frechet", "prdc"])
    assert "frechet_distance" not in plain.supporting
    assert set(asked.supporting) - set(plain.supporting) >= {"frechet_distance"}
