"""The gate through the installed command: limits, exit codes, faces, and hostile files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import yaml

import synthaudit as package
from synthaudit.gating.judging import judge
from synthaudit.gating.policy import Limit, Policy
from tests.conftest import PROJECT, Run


def sides(seed: int = 0, *, repeats: int = 0, copies: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    real, synthetic = rng.standard_normal((2, 300, 24))
    noise = 0.02 * rng.standard_normal((300, 24))
    synthetic[:repeats] = synthetic[150 : 150 + repeats] + noise[:repeats]
    synthetic[80 : 80 + copies] = real[:copies] + noise[80 : 80 + copies]
    return real, synthetic


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clean audit, one with repeats, one with copies, and one without intervals."""
    root = tmp_path_factory.mktemp("audits")
    made = {"clean": {}, "repeats": {"repeats": 30}, "copies": {"copies": 30}, "quick": {}}
    for name, faults in made.items():
        real, synthetic = sides(**faults)
        classes = ["a.b" if n % 2 else "cat" for n in range(300)]
        audit = package.score_embeddings(
            real,
            synthetic,
            real_classes=classes,
            synthetic_classes=classes,
            quick=name == "quick",
            permutations=19,
            resamples=20,
        )
        audit.write(root / name)
    return {name: root / name for name in made}


CASES = [
    ("clean", 'unvaried = {max = 0.1}', False, 0),
    ("repeats", 'unvaried = {max = 0.1}', False, 1),
    ("clean", 'unvaried = {max = 0.1}', True, 0),
    ("repeats", 'unvaried = {max = 0.1}', True, 1),
    ("repeats", 'unvaried = {max = 0.2}', True, 3),
    ("repeats", 'unvaried = {max = 0.2, certain = false}', True, 0),
    ("repeats", 'unvaried = {max = 0.21, on = "high"}', False, 1),
    ("repeats", 'unvaried = {max = 0.19, on = "low"}', False, 0),
    ("repeats", 'unvaried = {max = 0.1, severity = "warn"}', False, 0),
    ("copies", 'unoriginal = {max = 0.02}', True, 1),
    ("copies", '"memorisation.copies" = {max = 5}', True, 1),
    ("clean", '"memorisation.copies" = {max = 5}', True, 0),
    ("clean", '"supporting.coverage" = {min = 0.9}', False, 0),
    ("clean", '"supporting.coverage" = {min = 0.999}', False, 1),
    ("clean", '"supporting.coverage" = {min = 0.9}', True, 3),
    ("clean", '"supporting.kernel_distance" = {max = 0.5}', True, 0),
    ("repeats", '"classes.*.unvaried" = {max = 0.1}', False, 1),
    ("clean", '"classes.*.unvaried" = {max = 0.1}', False, 0),
    ("repeats", "'classes.\"a.b\".unvaried' = {max = 0.1}", False, 1),
    ("clean", '"counts.unreadable" = {max = 0}', True, 0),
    ("clean", '"counts.synthetic" = {min = 1000}', True, 1),
    ("clean", '"detector.auc" = {max = 0.6}', False, 0),
    ("clean", '"detector.auc" = {max = 0.6}', True, 3),
    ("quick", 'unvaried = {max = 0.1}', True, 3),
    ("quick", 'unvaried = {max = 0.1, on = "high"}', False, 3),
    ("quick", 'unvaried = {max = 0.1}', False, 0),
    ("clean", 'unvaried = {max_rise = 0.1}', False, 2),
    ("clean", 'unvarried = {max = 0.1}', False, 2),
    ("clean", 'unvaried = {maks = 0.1}', False, 2),
    ("clean", 'unvaried = {}', False, 2),
    ("clean", 'unvaried = {max = "low"}', False, 2),
    ("clean", 'unvaried = {max = nan}', False, 2),
    ("clean", "", False, 2),
]  # fmt: skip


@pytest.mark.parametrize(("audit", "limit", "certain", "code"), CASES)
def test_limits_and_exit_codes(
    audits: dict[str, Path],
    audit: str,
    limit: str,
    certain: bool,
    code: int,
    synthaudit: Run,
    tmp_path: Path,
) -> None:
    text = f"certain = {str(certain).lower()}\n[limits]\n{limit}\n"
    (tmp_path / "synthaudit.toml").write_text(text)
    done = synthaudit("gate", audits[audit])
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    headline = {0: "The set passes.", 1: "The set is rejected.", 3: "Undecided"}.get(code, "")
    assert headline in done.stdout
    if code == 2:
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("before", "after", "limit", "code"),
    [
        ("clean", "clean", "unvaried = {max_rise = 0.01}", 0),
        ("clean", "repeats", "unvaried = {max_rise = 0.01}", 1),
        ("repeats", "clean", "unvaried = {max_rise = 0.01}", 0),
        ("repeats", "clean", "unvaried = {max_fall = 0.01}", 1),
        ("clean", "repeats", 'unvaried = {max_rise = 0.19, on = "low"}', 0),
        ("clean", "copies", '"memorisation.copies" = {max_rise = 3}', 1),
    ],
)
def test_changes_against_a_baseline(
    audits: dict[str, Path],
    before: str,
    after: str,
    limit: str,
    code: int,
    synthaudit: Run,
    tmp_path: Path,
) -> None:
    (tmp_path / "policy.toml").write_text(f"[limits]\n{limit}\n")
    done = synthaudit(
        "gate", audits[after], "--policy", "policy.toml", "--baseline", audits[before]
    )
    assert done.returncode == code, done.stdout + done.stderr


def test_limits_by_hand_need_no_file(audits: dict[str, Path], synthaudit: Run) -> None:
    done = synthaudit("gate", audits["repeats"], "--max", "unvaried=0.02", "--max", "unoriginal=1")
    assert done.returncode == 1
    assert "30 repeats" not in done.stdout
    assert done.stdout.count("2 repeats: ") == 5
    assert synthaudit("gate", audits["clean"], "--max", "unvaried=much").returncode == 2
    assert "no synthaudit.toml here" in synthaudit("gate", audits["clean"]).stderr


def test_the_policy_of_a_project(audits: dict[str, Path], synthaudit: Run, tmp_path: Path) -> None:
    text = "[tool.synthaudit.gate]\n[tool.synthaudit.gate.limits]\nunvaried = {max = 0.1}\n"
    (tmp_path / "pyproject.toml").write_text(text)
    assert synthaudit("gate", audits["clean"]).returncode == 0
    assert synthaudit("gate", audits["repeats"]).returncode == 1
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n")
    assert synthaudit("gate", audits["clean"]).returncode == 2


def test_a_first_policy_passes_its_own_scores(
    audits: dict[str, Path], synthaudit: Run, tmp_path: Path
) -> None:
    for name in ("clean", "repeats", "quick"):
        (tmp_path / "synthaudit.toml").unlink(missing_ok=True)
        assert synthaudit("gate", audits[name], "--init").returncode == 0
        done = synthaudit("gate", audits[name])
        assert done.returncode == 0, done.stdout
    again = synthaudit("gate", audits["clean"], "--init")
    assert again.returncode == 2
    assert "exists" in again.stderr


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('embedder = "clip"', "embedder 'clip'"),
        ('definition = "cleanlab"', "definition 'cleanlab'"),
        ("false_alarms = 0.01", "false_alarms 0.01"),
    ],
)
def test_numbers_made_otherwise_are_refused(
    audits: dict[str, Path], line: str, word: str, synthaudit: Run, tmp_path: Path
) -> None:
    (tmp_path / "synthaudit.toml").write_text(f"{line}\n[limits]\nunvaried = {{max = 1}}\n")
    done = synthaudit("gate", audits["clean"])
    assert done.returncode == 2
    assert word in done.stderr


HOSTILE = {
    "empty": b"",
    "truncated": b'{"schema": "synthaudit/scores/1", "unreal',
    "list": b"[]",
    "number": b"7",
    "no schema": b"{}",
    "future": b'{"schema": "synthaudit/scores/2", "unrealistic": 0.1}',
    "nan": b'{"schema": "synthaudit/scores/1", "unrealistic": NaN}',
    "text": b'{"schema": "synthaudit/scores/1", "unrealistic": "low"}',
    "beyond one": b'{"schema": "synthaudit/scores/1", "unrealistic": 7, "unrepresentative": 0.5}',
    "deep": b'{"schema": ' + b"[" * 200_000,
    "binary": bytes(range(256)),
    "no provenance": b'{"schema": "synthaudit/scores/1", "unrealistic": 0.5, '
    b'"unrepresentative": 0.5, "unvaried": 0, "unoriginal": 0}',
    "true": b'{"schema": "synthaudit/scores/1", "unrealistic": true}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_scores_never_pass(name: str, synthaudit: Run, tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_bytes(HOSTILE[name])
    done = synthaudit("gate", "scores.json", "--max", "unvaried=1")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 1000


@pytest.mark.parametrize(
    "text",
    ["[limits", "limits = 3", "[[limits]]\nx = 1", "certain = 'yes'", "lmits = {}", "\xff\x00"],
)
def test_hostile_policies_never_pass(
    audits: dict[str, Path], text: str, synthaudit: Run, tmp_path: Path
) -> None:
    (tmp_path / "synthaudit.toml").write_text(text, encoding="latin-1")
    done = synthaudit("gate", audits["clean"])
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_missing_and_damaged_companions(
    audits: dict[str, Path], synthaudit: Run, tmp_path: Path
) -> None:
    assert synthaudit("gate", tmp_path / "none", "--max", "unvaried=1").returncode == 2
    shutil.copytree(audits["repeats"], tmp_path / "copy")
    (tmp_path / "copy" / "images.parquet").write_bytes(b"no parquet")
    done = synthaudit("gate", tmp_path / "copy", "--max", "unvaried=0.01")
    assert done.returncode == 1  # the images show the worst, and decide nothing
    assert done.stderr.startswith("warning: ")
    assert "images.parquet cannot be read" in done.stderr
    change = ("--baseline", audits["clean"], "--max", "unvaried=0.01")
    paired = synthaudit("gate", tmp_path / "copy", *change)
    assert paired.returncode == 2  # here they decide
    (tmp_path / "copy" / "images.parquet").unlink()
    assert synthaudit("gate", tmp_path / "copy", "--max", "unvaried=0.01").returncode == 1


def test_the_faces_of_a_verdict(audits: dict[str, Path], synthaudit: Run, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    done = synthaudit(
        "gate", audits["repeats"], "--max", "unvaried=0.02", "--max", "unoriginal=0.5",
        "--junit", "junit.xml", "--out", "verdict", "--github",
        GITHUB_STEP_SUMMARY=str(summary),
    )  # fmt: skip
    assert done.returncode == 1
    assert "::error title=synthaudit%3A unvaried::unvaried is 0.2" in done.stdout
    assert summary.read_text().startswith("before\n### synthaudit: The set is rejected.")
    suite = ET.parse(tmp_path / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    verdict = json.loads((tmp_path / "verdict" / "verdict.json").read_text())
    assert verdict["schema"] == "synthaudit/verdict/1"
    assert (verdict["state"], verdict["exit_code"]) == ("fail", 1)
    named = ("--out", "results/own.json")
    assert synthaudit("gate", audits["clean"], "--max", "unvaried=1", *named).returncode == 0
    assert json.loads((tmp_path / "results" / "own.json").read_text())["state"] == "pass"
    plain = synthaudit("gate", audits["clean"], "--max", "unvaried=1", "--format", "json")
    assert json.loads(plain.stdout)["state"] == "pass"


def hostile_audit() -> dict[str, Any]:
    names = [f"class {n} <b>&|\n::error::\x00\x1b[31m" for n in range(40)]
    return {
        "schema": "synthaudit/scores/1",
        **dict.fromkeys(("unrealistic", "unrepresentative", "unvaried", "unoriginal"), 0.5),
        "classes": {name: {"unvaried": 0.5} for name in names},
        "provenance": {"settings": {}},
    }


def test_many_hostile_names_stay_within_githubs_limits(tmp_path: Path) -> None:
    from synthaudit.reporting.gate import verdict_markdown
    from synthaudit.reporting.github import annotation_lines, append_summary
    from synthaudit.reporting.junit import junit_xml

    policy = Policy(limits={"classes.*.unvaried": Limit(max=0.1)})
    verdict = judge(hostile_audit(), policy)
    assert len(verdict.checks) == 40
    lines = annotation_lines(verdict)
    assert len(lines) == 10
    assert all("\n" not in line and line.startswith("::error title=") for line in lines)
    assert lines[-1].endswith("and 31 more checks.")
    text = verdict_markdown(verdict, None, limit=2000)
    assert len(text.encode()) <= 2000
    assert "<b>" not in text
    assert "\x1b" not in text
    ET.fromstring(junit_xml(verdict, None))
    full = tmp_path / "summary.md"
    full.write_bytes(b"x" * (1024 * 1024 - 300))
    append_summary(verdict, None, full)
    assert full.stat().st_size <= 1024 * 1024


def test_junit_fits_the_schema_of_jenkins(audits: dict[str, Path]) -> None:
    schema_file = PROJECT / ".venv" / "junit-10.xsd"
    if not schema_file.is_file():
        if os.environ.get("CI"):
            pytest.fail("the schema is not there: run make test")
        pytest.skip("Jenkins' JUnit schema is not there: make .venv/junit-10.xsd")
    xmlschema = pytest.importorskip("xmlschema")
    from synthaudit.reporting.junit import junit_xml

    schema = xmlschema.XMLSchema(str(schema_file))
    names = ("unvaried", "unoriginal", "unrealistic", "detector.auc")
    limits = {name: Limit(max=0.1) for name in names}
    limits["unoriginal"] = Limit(max=-1.0, severity="warn")
    for audit in audits.values():
        scores = json.loads((audit / "scores.json").read_text())
        for certain in (False, True):
            schema.validate(junit_xml(judge(scores, Policy(limits=limits, certain=certain)), None))


def test_comparing_two_audits(audits: dict[str, Path], synthaudit: Run) -> None:
    done = synthaudit("compare", audits["clean"], audits["repeats"])
    assert done.returncode == 0, done.stderr
    assert "worse" in done.stdout
    assert "(paired)" in done.stdout
    assert "Newly bad images: 6" in done.stdout  # the 60 that were planted, and some by chance
    same = synthaudit("compare", audits["clean"], audits["clean"])
    assert "worse" not in same.stdout
    assert "Newly bad images: 0" in same.stdout


def test_judging_in_python(audits: dict[str, Path]) -> None:
    real, synthetic = sides(repeats=30)
    audit = package.score_embeddings(real, synthetic, quick=True)
    policy = package.Policy(limits={"unvaried": Limit(max=0.1)})
    verdict = package.judge(audit, policy)
    assert verdict.state == "fail"
    assert verdict.exit_code == 1
    assert verdict.checks[0].value == pytest.approx(audit.unvaried.value)
    scores = json.loads((audits["clean"] / "scores.json").read_text())
    with pytest.raises(package.PolicyError, match="checks nothing would always pass"):
        package.judge(scores, package.Policy())


def test_with_certainty_no_seed_flips_the_verdict() -> None:
    """Ten seeds at limits near and far: some undecided, but never both pass and fail."""
    real, synthetic = sides(repeats=15)
    seeded = [
        package.score_embeddings(real, synthetic, seed=seed, permutations=19, resamples=20)
        for seed in range(10)
    ]
    for top in (0.05, 0.095, 0.105, 0.15):
        limits = {"unvaried": Limit(max=top), "unrealistic": Limit(max=0.52)}
        policy = Policy(certain=True, limits=limits)
        states = {judge(audit, policy).state for audit in seeded}
        assert not {"pass", "fail"} <= states, (top, states)


def test_score_with_a_gate(two_sides: tuple[Path, Path], synthaudit: Run, tmp_path: Path) -> None:
    (tmp_path / "strict.toml").write_text("[limits]\nunrealistic = {max = 0.01}\n")
    (tmp_path / "loose.toml").write_text("[limits]\nunrealistic = {max = 1.0}\n")
    common = ("score", *two_sides, "--embedder", "builtin", "--quick", "--quiet")
    assert synthaudit(*common, "--gate", "loose.toml").returncode == 0
    strict = synthaudit(*common, "--gate", "strict.toml", "--out", "out")
    assert strict.returncode == 1
    assert "The set is rejected." in strict.stdout
    assert (tmp_path / "out" / "scores.json").is_file()
    wrong = synthaudit(*common, "--gate", "none.toml", "--out", "never")
    assert wrong.returncode == 2
    assert not (tmp_path / "never").exists()


def test_the_action_and_the_hook_call_what_exists(synthaudit: Run) -> None:
    action = yaml.safe_load((PROJECT / ".github/actions/gate/action.yml").read_text())
    script = action["runs"]["steps"][1]["run"]
    assert "${{" not in script
    help_text = synthaudit("gate", "--help").stdout + synthaudit("score", "--help").stdout
    for option in ("--policy", "--github", "--out", "--junit", "--quiet"):
        assert option in script
        assert option in help_text
    hooks = yaml.safe_load((PROJECT / ".pre-commit-hooks.yaml").read_text())
    assert hooks[0]["entry"] == "synthaudit gate"


def test_the_actions_script_runs(audits: dict[str, Path], tmp_path: Path) -> None:
    action = yaml.safe_load((PROJECT / ".github/actions/gate/action.yml").read_text())
    (tmp_path / "synthaudit.toml").write_text("[limits]\nunvaried = {max = 0.1}\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for name, code in (("clean", 0), ("repeats", 1)):
        values = {
            "SYNTHETIC": str(audits[name]),
            "OUT": "out",
            "REAL": "",
            "POLICY": "",
            "OPTIONS": "",
        }
        files = {key: str(tmp_path / key) for key in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", action["runs"]["steps"][1]["run"]],
            env={**os.environ, **values, **files, "PATH": path},
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert (tmp_path / "out" / "junit.xml").is_file()


def test_other_real_images_are_told(tmp_path: Path, synthaudit: Run) -> None:
    """A change may then be theirs."""
    rng = np.random.default_rng(0)
    synthetic = rng.normal(size=(40, 8))
    for name in ("before", "after"):
        package.score_embeddings(rng.normal(size=(40, 8)), synthetic, quick=True).write(
            tmp_path / name
        )
    sentence = "The real images are not the same"
    assert sentence in synthaudit("compare", tmp_path / "before", tmp_path / "after").stdout
    assert sentence not in synthaudit("compare", tmp_path / "after", tmp_path / "after").stdout
    gate = ("gate", tmp_path / "after", "--max", "unvaried=0.9", "--baseline")
    assert sentence in synthaudit(*gate, tmp_path / "before").stdout
    assert sentence not in synthaudit(*gate, tmp_path / "after").stdout


def test_judge_takes_folders_as_compare_does(tmp_path: Path) -> None:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 40, 8))
    audit = package.score_embeddings(real, synthetic, quick=True)
    place = audit.write(tmp_path / "audit")
    policy = package.Policy(limits={"unrealistic": package.Limit(max_rise=0.1)})
    verdicts = [
        package.judge(given, policy, baseline=given)
        for given in (audit, place, str(place), place / "scores.json")
    ]
    assert all(verdict == verdicts[0] for verdict in verdicts)
    with pytest.raises(package.UsageError, match="not int"):
        package.judge(3, policy)  # type: ignore[arg-type]


def test_the_embedders_are_named_where_they_differ(tmp_path: Path) -> None:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 40, 8))
    audit = package.score_embeddings(real, synthetic, quick=True).write(tmp_path / "audit")
    file = audit / "scores.json"
    file.write_text(file.read_text().replace('"embedder": "vectors"', '"embedder": "clip"'))
    with pytest.raises(package.PolicyError, match="another embedder"):
        package.compare(file, package.score_embeddings(real, synthetic, quick=True))
