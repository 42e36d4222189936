"""What a new user trips over: the first screen, old files, and what is told too late."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import synthaudit as library
from synthaudit.reporting import tracking
from tests.pictures import encoded, picture

Run = Callable[..., subprocess.CompletedProcess[str]]

BUILTIN = ("--embedder", "builtin", "--quiet")


@pytest.fixture
def repeating(two_sides: tuple[Path, Path]) -> tuple[Path, Path]:
    """Sides of which the synthetic one is nearly all repeats: a fault that nobody can miss."""
    for file in sorted((two_sides[1] / "cat").iterdir())[:13]:
        file.unlink()
    for number in range(200):
        (two_sides[1] / "cat" / f"again-{number}.png").write_bytes(encoded(picture(31)))
    return two_sides


def test_the_first_screen_leads_with_the_verdict(
    synthaudit: Run, repeating: tuple[Path, Path]
) -> None:
    for width in (80, 120):
        done = synthaudit("score", *repeating, *BUILTIN, "--no-cache", COLUMNS=str(width))
        lines = [line.rstrip() for line in done.stdout.splitlines()]
        assert lines[2].startswith("Not fit to train on as it is: it repeats itself")
        first = next(line for line in lines if re.match(r"[a-z]+ {3,}", line))
        assert first.startswith("unvaried ")
        advice = next(line for line in lines if "-> Keep one image" in line)
        assert lines.index(advice) < lines.index(next(li for li in lines if li[:5] == "score"))
        assert not any(title in done.stdout for title in ("Worst classes", "Most repeated"))
        assert "--details" in lines[-1]
        assert [line for line in lines if len(line) > width] == []
    more = synthaudit("score", *repeating, *BUILTIN, "--no-cache", "--details")
    assert "Most repeated" in more.stdout
    assert re.search(r"1 pair within it|[\d,]+ pairs within it", more.stdout)


def test_every_face_says_the_same(
    synthaudit: Run, repeating: tuple[Path, Path], tmp_path: Path
) -> None:
    done = synthaudit("score", *repeating, *BUILTIN, "--out", "audit")
    scores = json.loads((tmp_path / "audit" / "scores.json").read_text())
    verdict = scores["verdict"]["text"]
    page = (tmp_path / "audit" / "report.html").read_text()
    brief = (tmp_path / "audit" / "report.md").read_text()
    assert verdict in done.stdout
    assert f"<h1>{verdict}</h1>" in page
    assert brief.startswith(f"## synthaudit: {verdict}\n")
    printed = " ".join(done.stdout.split())
    for finding in scores["findings"]:
        assert finding["text"] in printed
        assert finding["text"].replace("'", "&#39;") in page
    told = synthaudit("gate", "audit", "--init")
    assert verdict.rstrip(".") in told.stderr
    assert (
        f"# Made from a set that its audit calls unfit ({verdict[:-1]}):"
        in (tmp_path / "synthaudit.toml").read_text()
    )
    assert synthaudit("gate", "audit").returncode in (0, 3)


def test_a_run_leaves_nothing_of_an_earlier_one(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    (two_sides[1] / "cat" / "copy.png").write_bytes(encoded(picture(2)))
    synthaudit("score", *two_sides, *BUILTIN, "--out", "audit")
    (tmp_path / "audit" / "notes.txt").write_text("mine")
    assert (tmp_path / "audit" / "copies.parquet").exists()
    synthaudit("score", *two_sides, *BUILTIN, "--out", "audit", "--definition", "cleanlab")
    synthaudit("score", *two_sides, *BUILTIN, "--out", "fresh", "--definition", "cleanlab")
    left, fresh = ({file.name for file in (tmp_path / name).iterdir()} for name in
                   ("audit", "fresh"))  # fmt: skip
    assert left - fresh == {"notes.txt"}
    (tmp_path / "audit" / "notes.txt").unlink()
    for name in fresh - {"report.html", "thumbnails.parquet"}:
        assert (tmp_path / "audit" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()


def test_results_without_their_page_do_not_keep_an_old_one(tmp_path: Path) -> None:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 40, 6))
    audit = library.score_embeddings(real, synthetic, quick=True)
    library.write_report(audit, audit.write(tmp_path / "audit"))
    assert (tmp_path / "audit" / "report.html").exists()
    audit.write(tmp_path / "audit")
    assert not (tmp_path / "audit" / "report.html").exists()


def test_an_audit_and_itself_differ_by_nothing(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    synthaudit("score", *two_sides, *BUILTIN, "--out", "audit")
    done = synthaudit("compare", "audit", "audit", "--format", "json")
    for change in json.loads(done.stdout)["changes"].values():
        assert change["value"] == change["low"] == change["high"] == 0.0
        assert change["reading"] == "no change"


def test_images_treated_otherwise_are_not_compared(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    synthaudit("score", *two_sides, *BUILTIN, "--out", "plain", "--quick")
    synthaudit("score", *two_sides, *BUILTIN, "--out", "alike", "--quick", "--harmonise")
    for words in (("compare", "plain", "alike"),
                  ("gate", "alike", "--baseline", "plain", "--max", "unvaried=1")):  # fmt: skip
        done = synthaudit(*words)
        assert done.returncode == 2
        assert "as they are" in done.stderr
        assert "harmonised to" in done.stderr


def test_classes_have_intervals_that_a_gate_can_use(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    synthaudit("score", *two_sides, *BUILTIN, "--out", "audit")
    (tmp_path / "policy.toml").write_text(
        'certain = true\n[limits]\n"classes.*.unvaried" = {max = 0.9, severity = "warn"}\n'
        '"classes.*.unrealistic" = {max = 1.0}\n'
    )
    done = synthaudit("gate", "audit", "--policy", "policy.toml", "--format", "json")
    assert done.returncode == 0, done.stdout
    checks = json.loads(done.stdout)["checks"]
    assert {check["state"] for check in checks} == {"pass"}
    for check in checks:
        assert 0.0 <= check["low"] <= check["value"] <= check["high"] <= 1.0
        assert check["low"] < check["high"]


def test_a_missing_tracker_is_told_before_the_work(
    synthaudit: Run, two_sides: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tracking._LIBRARIES, "comet", "no_such_library_anywhere")
    done = synthaudit("score", *two_sides, *BUILTIN, "--track", "comet", "--out", "audit")
    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert done.stdout == ""
    assert not Path("audit").exists()


def test_a_limit_of_nothing_is_told_before_the_work(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    for path, meant in (("unvarried", "unvaried"), ("detector.acu", "detector.auc")):
        (tmp_path / "policy.toml").write_text(f'[limits]\n"{path}" = {{max = 0.1}}\n')
        done = synthaudit("score", *two_sides, *BUILTIN, "--gate", "policy.toml", "--out", "audit")
        assert done.returncode == 2
        assert f"did you mean '{meant}'" in done.stderr
        assert not (tmp_path / "audit").exists()


def test_a_dry_run_needs_no_generator_and_writes_nothing(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "plan.yaml").write_text(
        f"real: {two_sides[0]}\nimages_per_arm: 8\nprompt: '{{words}}'\n"
        "axes: {words: ['a {subject}', 'the {subject}']}\n"
        "generator: {name: diffusers, model: nobody/has-this-model}\n"
    )
    call = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('diffusers', 'transformers', 'accelerate')))\n"
        "sys.argv = ['synthaudit', 'sweep', 'plan.yaml', '--dry-run', '--no-calibrate']\n"
        "from synthaudit.commands.application import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", call], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "2 arms x 8 images; 16 to make" in done.stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == ["plan.yaml", "real", "synthetic"]


def test_clip_offline_is_refused_before_torch_is_loaded(two_sides: tuple[Path, Path]) -> None:
    call = (
        "import sys, synthaudit\n"
        "try:\n"
        f"    synthaudit.score({str(two_sides[0])!r}, {str(two_sides[1])!r}, embedder='clip', "
        "offline=True)\n"
        "except synthaudit.EmbedderError as error:\n"
        "    print(error)\n"
        "print(sorted({'torch', 'open_clip'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=True)
    text, loaded = done.stdout.splitlines()
    assert "was not asked" in text
    assert loaded == "[]"


def test_score_alone_shows_two_examples(synthaudit: Run) -> None:
    done = synthaudit("score")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1:] == [
        "  synthaudit score photos/ generated/ --out audit",
        "  synthaudit score photos/ generated/ --quick --keep kept.csv",
    ]


def test_options_complete_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("synthaudit", path=str(Path(sys.executable).parent))
    assert program is not None
    monkeypatch.setenv("_SYNTHAUDIT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "synthaudit score --qui")
    monkeypatch.setenv("COMP_CWORD", "2")
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["--quiet", "--quick"]


def test_an_old_result_is_judged_by_todays_rules(tmp_path: Path, synthaudit: Run) -> None:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 60, 6))
    audit = library.score_embeddings(real, synthetic, quick=True)
    folder = audit.write(tmp_path / "audit")
    scores = json.loads((folder / "scores.json").read_text())
    for name in ("verdict", "findings"):
        del scores[name]
    (folder / "scores.json").write_text(json.dumps(scores))
    assert synthaudit("report", "audit").returncode == 0
    assert f"<h1>{audit.verdict.text}</h1>" in (folder / "report.html").read_text()


def test_files_alike_are_not_blamed(tmp_path: Path, synthaudit: Run) -> None:
    # Small halves of one set: whatever their files differ in is chance.
    blamed = 0
    for trial in range(4):
        for number in range(40):
            folder = tmp_path / f"{trial}" / ("real" if number % 2 else "synthetic")
            folder.mkdir(parents=True, exist_ok=True)
            content = encoded(picture(1000 * trial + number), "JPEG", quality=80)
            (folder / f"{number}.jpg").write_bytes(content)
        audit = library.score(
            tmp_path / f"{trial}" / "real",
            tmp_path / f"{trial}" / "synthetic",
            embedder="builtin",
            use_cache=False,
            permutations=19,
            resamples=20,
        )
        blamed += any(own.kind == "files" for own in audit.findings)
        blamed += any("cannot be trusted" in note for note in audit.notes)
    assert blamed == 0


def test_copies_of_one_file_on_both_sides_are_not_called_chance(
    tmp_path: Path, synthaudit: Run
) -> None:
    for side in ("real", "synthetic"):
        (tmp_path / side).mkdir()
        for number in range(30):
            (tmp_path / side / f"{number}.png").write_bytes(encoded(picture(7)))
    done = synthaudit("score", "real", "synthetic", *BUILTIN, "--no-cache")
    assert "no more than by chance" not in done.stdout
    assert done.stdout.splitlines()[2].startswith("Undecided: ")


def test_an_undecided_audit_is_no_model_for_a_policy(
    synthaudit: Run, two_sides: tuple[Path, Path]
) -> None:
    synthaudit("score", *two_sides, *BUILTIN, "--out", "audit", "--definition", "cleanlab")
    told = synthaudit("gate", "audit", "--init")
    assert "cannot tell" in told.stderr
    refused = synthaudit("gate", "audit", "--max", "classes.bird.unvaried=0.1")
    assert refused.returncode == 2
