"""Prompts and pictures end to end: a linear model of both, a tiny CLIP, a tiny LLaVA."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import synthaudit
from synthaudit.errors import SettingsError
from synthaudit.result.audit import Audit
from tests.linear_text_model import CLASSES, LinearTextModel, write_set
from tests.tiny_questions import save_llava

Run = Callable[..., subprocess.CompletedProcess[str]]
BRIEFLY: dict[str, Any] = {"use_cache": False, "resamples": 20, "permutations": 49}
SWAPPED = 8
"""Of forty pictures of a class."""


def real(number: int, name: str, rng: np.random.Generator) -> tuple[str, Sequence[str]]:
    """Half of the real pictures are in dim light, as no synthetic one is."""
    return "", [name, *(["dim", "light"] if rng.random() < 0.5 else [])]


def made(number: int, name: str, rng: np.random.Generator) -> tuple[str, Sequence[str]]:
    """A fifth shows another class; those asked for in a studio look glossy, half of the time."""
    style = ("studio", "candid", "press")[number % 3]
    shown = CLASSES[(CLASSES.index(name) + 1) % len(CLASSES)] if number < SWAPPED else name
    words = [shown, *(["snow"] if rng.random() < 0.5 else [])]
    return f"A {style} photo of a {name}", words


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("prompts")
    write_set(root / "real", real, seed=1)
    write_set(root / "made", made, seed=2)
    return root / "real", root / "made"


@pytest.fixture(scope="module")
def audit(sides: tuple[Path, Path]) -> Audit:
    return synthaudit.score(*sides, embedder=LinearTextModel(), keep=True, **BRIEFLY)


def test_pictures_of_another_class_are_named(audit: Audit) -> None:
    images = audit.images[audit.images["side"] == "synthetic"]
    named = {str(path) for path in images.loc[images["is_unfaithful"], "path"]}
    planted = {f"{name}/{number:03d}.png" for name in CLASSES for number in range(SWAPPED)}
    assert len(named & planted) > 0.9 * len(planted)
    assert len(named - planted) <= 0.07 * len(named)
    assert images.loc[images["path"].isin(planted), "prompt_p_value"].median() > 0.2
    assert images.loc[~images["path"].isin(planted), "prompt_p_value"].median() < 0.2
    scores = audit.to_dict()
    found = scores["faithfulness"]
    assert found["model"] == "linear"
    assert found["estimated_share"] == pytest.approx(0.2, abs=0.05)
    assert 0.0 < found["unfaithful"]["low"] < found["unfaithful"]["high"] < 0.3
    finding = next(own for own in scores["findings"] if own["kind"] == "unfaithful")
    assert finding["severity"] == "low"
    assert set(finding["images"]) <= planted
    assert "pictures do not show their prompts" in scores["verdict"]["text"] or (
        scores["verdict"]["fit"] is False
    )


def test_keep_drops_them_with_the_reason(audit: Audit) -> None:
    kept = audit.kept
    assert kept is not None
    assert (kept["reason"] == "it does not show its prompt").sum() > 0 or (
        kept["reason"] == "it does not show its class"
    ).sum() > 0


def test_what_the_real_pictures_have(audit: Audit) -> None:
    found = audit.to_dict()["attributes"]
    assert found["real"][0]["attribute"] == "dim light"
    assert found["synthetic"][0]["attribute"] == "snow"
    assert found["suggestions"][0] == "dim light"
    assert found["real"][0]["is_asked_for"] is False
    assert all("/" in path for path in found["real"][0]["examples"])
    assert len(found["real"][0]["examples"]) == 3
    told = next(own for own in audit.to_dict()["findings"] if own["kind"] == "attributes")
    assert "No prompt asks for dim light" in told["text"]


def test_no_attribute_is_named_between_halves_of_one_set(tmp_path: Path) -> None:
    named = 0
    for seed in range(2):
        for side in ("a", "b"):
            write_set(tmp_path / f"{seed}" / side, real, seed=10 * seed + (side == "b"), each=16)
        own = synthaudit.score(
            tmp_path / f"{seed}" / "a",
            tmp_path / f"{seed}" / "b",
            embedder=LinearTextModel(),
            **BRIEFLY,
        )
        found = own.to_dict().get("attributes") or {"real": [], "synthetic": []}
        named += bool(found["real"] or found["synthetic"])
    assert not named


def test_the_pages_show_it_and_the_gate_limits_it(
    synthaudit: Run, audit: Audit, tmp_path: Path
) -> None:
    import synthaudit as package

    audit.write(tmp_path / "out")
    package.write_report(audit, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    for text in ("Prompts and pictures", "dim light", "do not show their prompts"):
        assert text in page, text
    assert "To ask for:" in page
    limited = synthaudit("gate", tmp_path / "out", "--max", "faithfulness.unfaithful=0.01")
    assert limited.returncode == 1, limited.stderr
    passed = synthaudit("gate", tmp_path / "out", "--max", "faithfulness.unfaithful=0.5")
    assert passed.returncode == 0


def test_studio_is_to_blame(tmp_path: Path) -> None:
    def faulty(number: int, name: str, rng: np.random.Generator) -> tuple[str, Sequence[str]]:
        style = ("studio", "candid", "press")[int(rng.integers(3))]
        light = ("noon", "dusk")[int(rng.integers(2))]
        shows = [name, "glossy", "logo"] if style == "studio" and rng.random() < 0.5 else [name]
        return f"A {style} photo of a {name} at {light}", shows

    write_set(tmp_path / "real", lambda *_: ("", [_[1]]), seed=1, each=60)
    write_set(tmp_path / "made", faulty, seed=2, each=60)
    found = synthaudit.score(
        tmp_path / "real",
        tmp_path / "made",
        embedder=LinearTextModel(),
        use_cache=False,
        quick=True,
    ).to_dict()["words"]
    blamed = [own for own in found["effects"] if own["fault"] == "unrealistic"]
    assert [own["word"] for own in blamed] == ["studio"]
    assert blamed[0]["low"] > 0.0
    assert found["pictures"] == 300


def test_builtin_says_that_it_reads_no_text(
    synthaudit: Run, sides: tuple[Path, Path], tmp_path: Path
) -> None:
    done = synthaudit(
        *(
            "score",
            *sides,
            "--embedder",
            "builtin",
            "--quick",
            "--no-cache",
            "--out",
            tmp_path / "o",
        )
    )
    assert done.returncode == 0, done.stderr
    assert "builtin reads none" in " ".join(done.stdout.split())
    scores = json.loads((tmp_path / "o" / "scores.json").read_text())
    assert "faithfulness" not in scores
    images = pd.read_parquet(tmp_path / "o" / "images.parquet")
    assert images["prompt"].notna().sum() == 200
    assert images["seed"].notna().sum() == 200


def test_another_embedder_may_judge(
    synthaudit: Run, sides: tuple[Path, Path], model_folder: Path, tmp_path: Path
) -> None:
    """A tiny random CLIP by its real loader tells nothing, and accuses nobody."""
    name = f"clip:local-dir:{model_folder}"
    shared = ("score", *sides, "--embedder", "builtin", "--quick", "--no-cache")
    done = synthaudit(*shared, "--faithfulness", name, "--out", tmp_path / "o")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "o" / "scores.json").read_text())["faithfulness"]
    assert found["model"] == name
    assert found["named"] <= 4
    assert found["unfaithful"]["value"] == pytest.approx(0.5, abs=0.15)
    refused = synthaudit(*shared, "--faithfulness", "builtin")
    assert refused.returncode == 0
    assert "reads none" in " ".join(refused.stdout.split())


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import open_clip
    import torch
    from safetensors.torch import save_file

    from tests.embedding.test_clip import MODEL, PREPROCESSING

    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    save_file(dict(open_clip.CLIP(**MODEL).state_dict()), folder / "open_clip_model.safetensors")
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESSING}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


def test_a_model_is_asked_about_each_picture(synthaudit: Run, tmp_path: Path) -> None:
    sides = (tmp_path / "real", tmp_path / "made")
    for side, shown in zip(sides, (real, made), strict=True):
        write_set(side, shown, seed=1, each=12)
    place = save_llava(tmp_path / "llava")
    shared = ("score", *sides, "--embedder", "builtin", "--quick", "--no-cache")
    done = synthaudit(*shared, "--faithfulness", f"vqa:local-dir:{place}", "--out", tmp_path / "o")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "o" / "scores.json").read_text())["faithfulness"]
    assert found["model"] == f"vqa:local-dir:{place}"
    assert found["images"] == 60
    assert found["named"] <= 3
    missing = synthaudit(*shared, "--faithfulness", "vqa:local-dir:/none")
    assert missing.returncode == 2
    assert "there is no folder /none" in missing.stderr


def test_questions_do_not_depend_on_their_neighbours(tmp_path: Path) -> None:
    from PIL import Image

    from synthaudit.embedding.torch_model import Placement
    from synthaudit.embedding.visual_questions import VisualQuestions

    placement = Placement(device="cpu", precision="fp32", batch_size=None)
    place = save_llava(tmp_path / "llava")
    model = VisualQuestions(f"local-dir:{place}", placement=placement, local_files_only=True)
    rng = np.random.default_rng(0)
    pictures = [
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(3)
    ]
    texts = ["a frog", "a photo of a cat", "a cat"]
    together = model.ask(pictures, texts)
    alone = [model.ask([picture], [text])[0] for picture, text in zip(pictures, texts, strict=True)]
    assert np.allclose(together, alone, atol=1e-5)
    assert len(set(together.round(6))) == 3


def test_vectors_have_no_pictures_to_ask(sides: tuple[Path, Path]) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(SettingsError, match="looks at images"):
        synthaudit.score_embeddings(
            rng.normal(size=(40, 8)), rng.normal(size=(40, 8)), faithfulness="clip"
        )


def test_none_judges_nothing(sides: tuple[Path, Path]) -> None:
    settings: dict[str, Any] = {"use_cache": False, "quick": True, "faithfulness": "none"}
    own = synthaudit.score(*sides, embedder=LinearTextModel(), **settings)
    assert "faithfulness" not in own.to_dict()
    assert not any("reads none" in note for note in own.notes)
