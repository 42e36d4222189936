"""Python and the command agree: one namespace, one set of options, the same verdicts."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
from typer.testing import CliRunner

import synthaudit as package
from synthaudit.commands.application import application
from synthaudit.embedding.builtin import BuiltinEmbedder
from synthaudit.errors import EmbedderError, SettingsError
from synthaudit.options import Options
from synthaudit.reporting.interpretation import command_of
from synthaudit.settings import CONDITIONS, PANELS, Settings, flag_of, panel_of
from tests.conftest import PROJECT, Run


def test_dir_shows_the_public_names() -> None:
    assert dir(package) == sorted([*package.__all__, "__version__"])
    assert (
        package.__version__
        == package.score_embeddings(
            *np.random.default_rng(0).normal(size=(2, 30, 4)), quick=True
        ).provenance["synthaudit"]
    )


def test_what_is_generated_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, PROJECT / "docs" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    assert done.returncode == 0, f"stale: {done.stdout}; run make generate"


def test_every_field_is_an_option_with_its_default_and_meaning() -> None:
    assert list(Options.__annotations__) == list(Settings.model_fields)
    shown = (
        CliRunner()
        .invoke(application, ["score", "--help"], env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"})
        .stdout
    )
    for name, field in Settings.model_fields.items():
        assert field.description
        if name == "keep":  # on the command line it names a file
            assert "--keep" in shown
            continue
        assert panel_of(name) in PANELS
        assert f" {flag_of(name)} " in shown, name
        assert field.description in shown
        if isinstance(field.default, str | float) and not isinstance(field.default, bool):
            line = next(line for line in shown.splitlines() if f" {flag_of(name)} " in line)
            assert f"[default: {field.default}]" in line


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quick": True, "seed": 3, "folds": 4},
        {"repeats": 2, "resamples": 25, "permutations": 25, "confidence": 0.9},
        {"definition": "cleanlab", "keep": True, "obvious": 0.9},
        {"quick": True, "duplicate_distance": 0.01, "max_unreadable": 0.2, "measures": ["vendi"]},
        {"quick": True, "harmonise": True, "max_pixels": 10_000, "false_discoveries": 0.1},
    ],
)
def test_the_command_that_gives_the_same_numbers_again_runs(
    options: dict[str, Any], two_sides: tuple[Path, Path], synthaudit: Run, tmp_path: Path
) -> None:
    audit = package.score(*two_sides, embedder="builtin", use_cache=False, **options)
    command = command_of(audit.to_dict())
    for placeholder, folder in zip(("REAL", "SYNTHETIC"), two_sides, strict=True):
        command = command.replace(f" {placeholder}", f" {folder}", 1)
    words = shlex.split(command)
    assert words[:2] == ["synthaudit", "score"]
    done = synthaudit(*words[1:], "--format", "json", "--no-cache", "--quiet")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == audit.to_dict()


def test_settings_and_options_are_two_ways_to_say_one_thing() -> None:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 40, 8))
    settings = Settings(quick=True, seed=4)
    first = package.score_embeddings(real, synthetic, settings=settings)
    second = package.score_embeddings(real, synthetic, quick=True, seed=np.int64(4))
    assert first.to_dict() == second.to_dict()
    third = package.score_embeddings(real, synthetic, settings=settings, seed=5)
    assert third.provenance["settings"]["seed"] == 5
    assert third.provenance["settings"]["quick"] is True
    with pytest.raises(SettingsError, match="there is no setting 'sed'"):
        package.score_embeddings(real, synthetic, settings=settings, sed=5)  # type: ignore[call-arg]


def test_options_are_typed_for_editors() -> None:
    hints = get_type_hints(package.score, localns={**vars(types), **vars(package)})
    assert "options" in hints


def test_no_option_that_changes_no_number_is_in_the_provenance() -> None:
    assert Settings().deciding().keys().isdisjoint(CONDITIONS)


class Plain:
    """An embedder of the caller's own: the first pixels of a picture."""

    name, device, batch_size, dimension = "plain", "cpu", 16, 27
    fingerprint = "plain/v1"
    frame = package.Frame(height=3, width=3)

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        rows = pixels.reshape(len(pixels), -1).astype(np.float32) + 1.0
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_an_embedder_may_be_an_object(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    audit = package.score(*two_sides, embedder=Plain(), quick=True, cache=tmp_path)
    assert audit.provenance["embedder"] == "plain"
    again = package.score(*two_sides, embedder=BuiltinEmbedder(), quick=True, cache=tmp_path)
    by_name = package.score(*two_sides, embedder="builtin", quick=True, cache=tmp_path)
    assert again.to_dict() == by_name.to_dict()
    with pytest.raises(EmbedderError, match="not int, which lacks name"):
        package.score(*two_sides, embedder=3)  # type: ignore[arg-type]


def test_a_torch_module_with_its_transform_is_an_embedder(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    import torch
    from torchvision.transforms import v2

    transform = v2.Compose([v2.Resize((8, 8)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 12))
    options: dict[str, Any] = {"quick": True, "cache": tmp_path, "device": "cpu"}
    audit = package.score(*two_sides, embedder=(module, transform), **options)
    assert audit.provenance["embedder"] == "torch:Sequential"
    # What it embeds is what module and transform make of the pictures.
    from PIL import Image

    path = audit.images["path"].iloc[0]
    picture = transform(Image.open(two_sides[0] / path).convert("RGB"))
    with torch.inference_mode():
        other = transform(Image.open(two_sides[0] / audit.images["path"].iloc[1]).convert("RGB"))
        own = torch.nn.functional.normalize(module(torch.stack([picture, other])), dim=-1)
    nearest = audit.images.set_index(["side", "path"])["nearest_real_distance"]
    assert nearest["real", path] <= 1 - float(own[0] @ own[1]) + 1e-6
    # Other weights are another embedder: nothing is taken from the cache for them.
    torch.manual_seed(1)
    fresh = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 12))
    second = package.score(*two_sides, embedder=(fresh, transform), **options)
    assert second.provenance["fingerprint"] != audit.provenance["fingerprint"]
    with pytest.raises(EmbedderError, match="cannot embed a grey picture by its transform"):
        package.score(*two_sides, embedder=(torch.nn.Linear(3, 2), transform), **options)


def planted(repeats: int, seed: int = 0) -> package.Audit:
    rng = np.random.default_rng(seed)
    real, synthetic = rng.standard_normal((2, 300, 24))
    synthetic[:repeats] = synthetic[150 : 150 + repeats] + 0.02 * rng.standard_normal((repeats, 24))
    return package.score_embeddings(real, synthetic, permutations=19)


def test_judging_by_a_baseline_is_the_gates_own(synthaudit: Run, tmp_path: Path) -> None:
    before, after = planted(0), planted(30)
    for audit, name in ((before, "before"), (after, "after")):
        audit.write(tmp_path / name)
    limits = {
        "unvaried": package.Limit(max_rise=0.05),
        "unrepresentative": package.Limit(max_rise=0.02, on="high"),
    }
    policy = package.Policy(certain=True, limits=limits)
    verdict = package.judge(after, policy, baseline=before)
    (tmp_path / "synthaudit.toml").write_text(
        "certain = true\n[limits]\nunvaried = {max_rise = 0.05}\n"
        'unrepresentative = {max_rise = 0.02, on = "high"}\n'
    )
    done = synthaudit("gate", "after", "--baseline", "before", "--format", "json")
    assert json.loads(done.stdout) == verdict.to_dict()
    assert done.returncode == verdict.exit_code == 1
    # Without pairs the interval of the difference would be wider.
    alone = package.judge(after.to_dict(), policy, baseline=before.to_dict())
    widths = [check.high - check.low for check in (verdict.checks[0], alone.checks[0])]
    assert widths[0] < widths[1]


def test_a_comparison_is_as_sure_as_its_audits() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.standard_normal((2, 120, 8))
    fresh = rng.standard_normal((120, 8))
    widths = []
    for confidence in (0.8, 0.95):
        first, second = (
            package.score_embeddings(
                real, fakes, permutations=19, resamples=20, confidence=confidence
            )
            for fakes in (synthetic, fresh)
        )
        found = package.compare(first, second).changes["unrepresentative"]
        assert found.is_paired
        widths.append(found.high - found.low)
    assert widths[0] == pytest.approx(widths[1] * 1.2816 / 1.96, rel=1e-3)


def test_comparing_in_python(tmp_path: Path) -> None:
    before, after = planted(0), planted(30)
    for audit, name in ((before, "before"), (after, "after")):
        audit.write(tmp_path / name)
    found = package.compare(before, after)
    assert found.changes["unvaried"].reading == "worse"
    assert found.changes["unvaried"].is_paired
    assert len(found.newly_bad) >= 60
    by_file = package.compare(tmp_path / "before", str(tmp_path / "after" / "scores.json"))
    assert by_file.newly_bad == found.newly_bad
    for name, change in found.changes.items():
        # The file has nine digits of each number.
        assert by_file.changes[name].value == pytest.approx(change.value, abs=1e-8)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("score", "real"), "error: Missing argument 'SYNTHETIC'. See synthaudit score --help.\n"),
        (("score", "a", "b", "--fold", "3"), "error: No such option: --fold"),
        (("scor",), "error: No such command 'scor'. Did you mean 'score'"),
        (("score", "a", "b", "--folds", "x"), "error: Invalid value for '--folds'"),
        (("sweep", "plan.yaml", "--status"), "error: the plan plan.yaml cannot be read"),
        (("gate", "nowhere"), "error: nowhere cannot be read"),
    ],
)
def test_a_wrong_call_gets_one_sentence(
    words: tuple[str, ...], sentence: str, synthaudit: Run
) -> None:
    done = synthaudit(*words)
    assert done.returncode == 2
    assert not done.stdout
    assert done.stderr.startswith(sentence)
    _, *shown = done.stderr.splitlines()
    assert all(line.startswith("  synthaudit score ") for line in shown)
    assert bool(shown) == ("Missing argument" in sentence)


def test_without_a_command_there_is_help(synthaudit: Run) -> None:
    done = synthaudit()
    assert done.returncode == 2
    assert "score" in done.stdout
    assert not done.stderr
