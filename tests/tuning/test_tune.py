"""Teaching a class: losses, gradients, LoRA files, kills, and copies that stop it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthaudit.errors import DataError, EmbedderError, GeneratorError, StorageError, UsageError
from synthaudit.generation.diffusion import DiffusionGenerator
from synthaudit.generation.jobs import Job
from synthaudit.generation.references import References
from synthaudit.images.opening import open_source
from synthaudit.tuning.checkpoints import WEIGHTS, read_provenance
from synthaudit.tuning.examples import rows_of_step
from synthaudit.tuning.objective import preserving_loss
from synthaudit.tuning.recipe import make_tune_recipe
from synthaudit.tuning.result import smoothed
from synthaudit.tuning.running import tune
from synthaudit.tuning.watching import AuditPoint, stop_of
from tests.tiny_diffusion import (
    save_reading_model,
    save_stable_diffusion,
    save_stable_diffusion_xl,
)

FAST: dict[str, Any] = {
    "prior_images": 4,
    "samples": 8,
    "sample_steps": 2,
    "audit_every": 0,
    "resolution": 16,
    "embedder": "builtin",
    "device": "cpu",
    "local_files_only": True,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_stable_diffusion(tmp_path_factory.mktemp("models") / "sd")


@pytest.fixture(scope="module")
def frogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of smooth pictures."""
    folder, rng = tmp_path_factory.mktemp("frogs"), np.random.default_rng(0)
    for name, count in (("frog", 5), ("toad", 4)):
        (folder / name).mkdir()
        for number in range(count):
            pixels = rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)
            picture = Image.fromarray(pixels).resize((24, 24), Image.Resampling.BICUBIC)
            picture.save(folder / name / f"{number}.png")
    return folder


def weights(place: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return load_file(place / WEIGHTS)


def image_of(model: Path, lora: Any, **options: Any) -> Any:
    generator = DiffusionGenerator(References(None, max_pixels=10**8))  # type: ignore[arg-type]
    own = {"model": str(model), "steps": 3, "size": 16, "device": "cpu", **options}
    job = Job(prompt="a photo of ohwx frog", subject=None, number=0, seed=3, options=own)
    if lora is not None:
        job = replace(job, options={**own, "lora": str(lora)})
    generator.check(job)
    return np.asarray(next(iter(generator.make([job]))).image, dtype=int)


def test_the_loss_falls_and_the_file_changes_images(
    model: Path, frogs: Path, tmp_path: Path
) -> None:
    (found,) = tune(
        frogs,
        out=tmp_path / "lora",
        name="frog",
        model=str(model),
        steps=30,
        checkpoint_every=15,
        batch_size=8,
        layers="all",
        rank=16,
        learning_rate=5e-3,
        **FAST,
    )
    instance = [own.instance for own in found.losses]
    prior = [own.prior for own in found.losses]
    assert len(instance) == 30
    assert np.mean(instance[-8:]) < 0.8 * np.mean(instance[:8])
    assert np.mean(prior[-8:]) < 0.8 * np.mean(prior[:8])
    assert [own.step for own in found.checkpoints] == [15, 30]
    plain = image_of(model, None)
    early, late = (image_of(model, tmp_path / "lora" / step) for step in ("15", "30"))
    assert np.abs(late - plain).max() > 3
    assert np.abs(late - early).max() > 0
    none = image_of(model, tmp_path / "lora" / "30", lora_scale=0.0)
    assert np.array_equal(none, plain)
    told = read_provenance(tmp_path / "lora" / "30" / WEIGHTS)
    assert told["step"] == 30
    assert told["recipe"]["rank"] == 16
    assert len(told["model_digest"]) == 64
    assert len(told["images_digest"]) == 64
    assert json.loads((tmp_path / "lora" / "tune.json").read_text())["recommended"] == "30"
    assert "instance_prompt: a photo of ohwx frog" in (tmp_path / "lora" / "README.md").read_text()


def test_xl_and_text_encoders_learn_too(frogs: Path, tmp_path: Path) -> None:
    model = save_stable_diffusion_xl(tmp_path / "xl")
    (found,) = tune(
        *(frogs,),
        out=tmp_path / "lora",
        model=str(model),
        steps=2,
        text_encoder=True,
        learning_rate=0.05,
        gradient_checkpointing=True,
        **FAST,
    )
    assert found.classes == {"frog": 5, "toad": 4}
    names = {name.partition(".")[0] for name in weights(tmp_path / "lora" / "2")}
    assert names == {"unet", "text_encoder", "text_encoder_2"}
    assert np.abs(image_of(model, tmp_path / "lora" / "2") - image_of(model, None)).max() > 0


def test_gradients_are_those_of_the_formula(
    model: Path, frogs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step in float64, written out by hand, for prior weights of 0 and 1."""
    import torch
    from accelerate import Accelerator

    from synthaudit.tuning import network
    from synthaudit.tuning.concepts import concepts_of
    from synthaudit.tuning.examples import read_examples, seed_of_step
    from synthaudit.tuning.learning import Learner

    opened = open_source(frogs)
    answers = {}
    for weight in (0.0, 1.0):
        recipe = make_tune_recipe(
            {**FAST, "model": str(model), "prior_weight": weight, "batch_size": 2, "rank": 2}
        )
        base = network.load_base(recipe, "cpu")
        for part in network.frozen_parts(base):
            part.to(torch.float64)
        concepts = concepts_of(opened, recipe, None)  # type: ignore[arg-type]
        sides = [
            read_examples(base, own.entries, own.prompts, max_pixels=10**8) for own in concepts
        ]
        sides = [
            replace(own, means=own.means.double(), spreads=own.spreads.double()) for own in sides
        ]
        accelerator = Accelerator(cpu=True, mixed_precision="no")
        learner = Learner(base, recipe, sides[0], sides[1], accelerator)
        unet = base.pipeline.inner.unet.to(torch.float64)
        learning = [own for own in unet.parameters() if own.requires_grad]
        ours = learner.gradients()
        by_hand = []
        alphas = np.cumprod(1.0 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
        for side, name in zip(sides, ("instance", "prior"), strict=True):
            rows = rows_of_step(len(side), 0, 2, seed_of_step(0, 0, name))
            generator = torch.Generator().manual_seed(seed_of_step(0, 0, name))
            drawn = torch.randn(side.means[rows].shape, generator=generator)
            clean = side.means[rows] + side.spreads[rows] * drawn
            noise = torch.randn(clean.shape, generator=generator)
            times = torch.randint(0, 1000, (2,), generator=generator)
            share = torch.tensor(alphas)[times][:, None, None, None]
            noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
            ids = base.pipeline.inner.tokenizer(
                [side.texts[row] for row in rows],
                padding="max_length",
                max_length=77,
                return_tensors="pt",
            ).input_ids
            states = base.pipeline.inner.text_encoder(ids)[0]
            predicted = unet(noisy, times, states).sample
            by_hand.append(((predicted - noise) ** 2).mean())
        expected = torch.autograd.grad(by_hand[0] + weight * by_hand[1], learning)
        for own, other in zip(ours, expected, strict=True):
            assert torch.allclose(own.double(), other, rtol=1e-5, atol=1e-9)
        answers[weight] = torch.cat([own.ravel() for own in ours])
        accelerator.free_memory()
    assert not torch.allclose(answers[0.0], answers[1.0], rtol=0.01)


def test_the_loss_is_the_sum_of_two_means() -> None:
    import torch

    prediction = torch.tensor([[1.0, 3.0], [2.0, 2.0], [0.0, 4.0]])
    found = preserving_loss(prediction, torch.zeros(3, 2), instances=1, weight=0.5)
    assert found.instance.item() == pytest.approx(5.0)
    assert found.prior.item() == pytest.approx(6.0)
    assert found.total.item() == pytest.approx(8.0)


def test_every_image_is_taken_before_any_is_taken_again() -> None:
    for size in (1, 3, 7):
        rows = [row for step in range(20) for row in rows_of_step(5, step, size, 1)]
        for start in range(0, len(rows) - 5, 5):
            assert sorted(rows[start : start + 5]) == [0, 1, 2, 3, 4]


def test_killed_and_gone_on_gives_the_same_weights(
    model: Path, frogs: Path, tmp_path: Path
) -> None:
    options = {
        "--model": model,
        "--class": "frog",
        "--steps": 40,
        "--checkpoint-every": 5,
        "--audit-every": 0,
        "--prior-images": 4,
        "--sample-steps": 2,
        "--resolution": 16,
        "--batch-size": 2,
        "--device": "cpu",
        "--embedder": "builtin",
    }
    words = [str(word) for pair in options.items() for word in pair]
    command = [sys.executable, "-m", "synthaudit", "tune", str(frogs), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(place: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*command, "--out", str(tmp_path / place), "--quiet"], env=environment
        )

    whole = start("whole")
    broken = start("broken")
    end = time.monotonic() + 200
    while not (tmp_path / "broken" / "10").is_dir():
        assert time.monotonic() < end
        assert broken.poll() is None
        time.sleep(0.01)
    broken.send_signal(signal.SIGKILL)
    broken.wait()
    assert not (tmp_path / "broken" / "40").exists()
    assert whole.wait(200) == 0
    assert start("broken").wait(200) == 0
    first, second = (weights(tmp_path / place / "40") for place in ("whole", "broken"))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    losses = [
        json.loads((tmp_path / place / "tune.json").read_text())["losses"]
        for place in ("whole", "broken")
    ]
    assert losses[0] == losses[1]
    assert not list((tmp_path / "broken").glob(".partial*"))


def test_another_training_is_not_gone_on_from(model: Path, frogs: Path, tmp_path: Path) -> None:
    call = {"out": tmp_path / "lora", "model": str(model), "steps": 2, **FAST}
    tune(frogs, name="frog", **call)
    first = weights(tmp_path / "lora" / "2")
    longer = tune(frogs, name="frog", **{**call, "steps": 3})[0]
    assert [own.step for own in longer.losses] == [0, 1, 2]
    assert all(np.array_equal(first[n], own) for n, own in weights(tmp_path / "lora/2").items())
    with pytest.raises(UsageError, match="other --rank"):
        tune(frogs, name="frog", **call, rank=3)
    with pytest.raises(UsageError, match="other images or captions"):
        tune(frogs, name="toad", **call)
    other = save_stable_diffusion(tmp_path / "other")
    (other / "unet" / "note.json").write_text("{}")
    with pytest.raises(UsageError, match="other weights of the model"):
        tune(frogs, name="frog", **{**call, "model": str(other)})
    with pytest.raises(UsageError, match="3 steps, more than the 1"):
        tune(frogs, name="frog", **{**call, "steps": 1})
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "README.md").write_text("mine")
    with pytest.raises(UsageError, match="something else than a training"):
        tune(frogs, name="frog", **{**call, "out": tmp_path / "strange"})
    (tmp_path / "lora" / "state.pt").write_bytes(b"cut short")
    assert tune(frogs, name="frog", **call)[0].steps == 2


def test_one_lora_for_each_class(model: Path, frogs: Path, tmp_path: Path) -> None:
    found = tune(frogs, out=tmp_path, per_class=True, model=str(model), steps=1, **FAST)
    assert [list(own.classes) for own in found] == [["frog"], ["toad"]]
    assert (tmp_path / "frog" / "1" / WEIGHTS).is_file()
    assert (tmp_path / "toad" / "1" / WEIGHTS).is_file()


def test_captions_are_used_where_there_are_any(frogs: Path, tmp_path: Path) -> None:
    from synthaudit.tuning.concepts import concepts_of

    for number in range(3):
        place = tmp_path / "tree_frog" / f"{number}.png"
        place.parent.mkdir(exist_ok=True)
        Image.open(frogs / "frog" / f"{number}.png").save(place)
    (tmp_path / "tree_frog" / "0.txt").write_text("a green Tree Frog on a leaf")
    (tmp_path / "tree_frog" / "1.txt").write_text("on a branch")
    opened = open_source(tmp_path)
    (own,) = concepts_of(opened, make_tune_recipe({}), None)  # type: ignore[arg-type]
    assert own.prompts == [
        "a green ohwx Tree Frog on a leaf",
        "ohwx tree frog, on a branch",
        "a photo of ohwx tree frog",
    ]
    assert own.class_prompt == "a photo of a tree frog"
    plain = make_tune_recipe({"captions": False})
    (own,) = concepts_of(opened, plain, None)  # type: ignore[arg-type]
    assert set(own.prompts) == {"a photo of ohwx tree frog"}


def test_learning_by_heart_is_stopped(synthaudit: Any, tmp_path: Path) -> None:
    """Four pictures of one scene among forty others, and far too many steps."""
    model, rng = save_reading_model(tmp_path / "model"), np.random.default_rng(0)

    def smooth() -> Any:
        pixels = rng.integers(0, 256, (2, 2, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC)
        return np.asarray(picture, dtype=int)

    scene = smooth()
    for name, count in (("frog", 4), ("toad", 40)):
        (tmp_path / "real" / name).mkdir(parents=True)
        for number in range(count):
            pixels = scene + rng.integers(-6, 7, scene.shape) if name == "frog" else smooth()
            picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
            picture.save(tmp_path / "real" / name / f"{number}.png")
    done = synthaudit(
        *("tune", "real", "--class", "frog", "--model", model, "--out", "lora"),
        *("--prior-images", 0, "--steps", 400, "--audit-every", 50, "--checkpoint-every", 50),
        *("--batch-size", 8, "--learning-rate", "3e-3", "--rank", 64, "--layers", "all"),
        *("--resolution", 32, "--guidance-scale", 1, "--sample-steps", 20, "--device", "cpu"),
        *("--embedder", "builtin", "--local-files-only", "--quiet"),
    )
    told = json.loads((tmp_path / "lora" / "tune.json").read_text())
    stop = told["stopped"]
    assert stop is not None
    assert 0 < stop["step"] < 400
    assert stop["share"] > stop["limit"]
    assert stop["p_value"] < 0.05 / 16
    assert told["steps"] == stop["step"]
    assert f"topped at step {stop['step']}" in done.stdout
    kept = {own["step"]: own["passed"] for own in told["checkpoints"]}
    assert kept[stop["step"]] is False
    assert done.returncode == (0 if any(kept.values()) else 1)
    page = (tmp_path / "lora" / "report.html").read_text()
    assert "copies: do not use" in page
    assert "Copies and repeats among the samples" in page
    assert "data:image/webp" in page


def point(step: int, unoriginal: int, unvaried: int) -> AuditPoint:
    return AuditPoint(step=step, samples=16, unoriginal=unoriginal, unvaried=unvaried, nearest=0.5)


def test_stops_are_exact_binomial_tests() -> None:
    """By hand: P(X >= k) for 16 samples and a limit of 0.05, against 0.05 / (2 x 4)."""
    from math import comb

    recipe = make_tune_recipe({"steps": 400, "audit_every": 100, "max_unvaried": 0.05})
    tails = [sum(comb(16, j) * 0.05**j * 0.95 ** (16 - j) for j in range(k, 17)) for k in range(9)]
    least = next(k for k, tail in enumerate(tails) if tail <= 0.05 / 8)
    assert stop_of([point(0, 0, 0), point(100, least - 1, least - 1)], recipe) is None
    found = stop_of([point(0, 0, 0), point(100, least, 0), point(200, 16, 0)], recipe)
    assert found is not None
    assert (found.step, found.measure) == (100, "unoriginal")
    assert found.p_value == pytest.approx(tails[least])
    assert f"{least / 16:.3f}" in str(found)
    # What the model did before it was taught is not the training's fault.
    assert stop_of([point(0, 0, 9), point(100, 0, 10)], recipe) is None
    assert stop_of([point(0, 0, 9), point(100, 0, 16)], recipe) is not None


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"name": "forg"}, UsageError, "did you mean 'frog'"),
        ({"rnak": 3}, UsageError, "rank"),
        ({"prompt": "a photo"}, UsageError, "{token}"),
        ({"resolution": 20}, UsageError, "multiple of 8"),
        ({"device": "cuda:9"}, UsageError, "not at hand"),
        ({"model": "/nowhere"}, GeneratorError, "no model at"),
        ({"embedder": "clipp", "audit_every": 1}, EmbedderError, "did you mean"),
        ({"learning_rate": 1.0, "layers": "all", "steps": 60}, UsageError, "not a number"),
    ],
)
def test_bad_calls_are_one_sentence(
    model: Path,
    frogs: Path,
    tmp_path: Path,
    options: dict[str, Any],
    kind: type[Exception],
    said: str,
) -> None:
    with pytest.raises(kind) as refused:
        tune(frogs, out=tmp_path / "o", **{"model": str(model), "steps": 2, **FAST, **options})
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    if "learning_rate" not in options:
        assert not (tmp_path / "o").exists()


def test_too_few_images_and_other_models(model: Path, frogs: Path, tmp_path: Path) -> None:
    small = tmp_path / "real" / "frog"
    small.mkdir(parents=True)
    for number in range(2):
        (small / f"{number}.png").write_bytes((frogs / "frog" / f"{number}.png").read_bytes())
    call: dict[str, Any] = {"out": tmp_path / "o", "model": str(model), "steps": 1, **FAST}
    with pytest.raises(DataError, match="has 2 images"):
        tune(tmp_path / "real", **call)
    with pytest.raises(UsageError, match="no class folders"):
        tune(small, **call)
    inpaint = save_stable_diffusion(tmp_path / "inpaint", inpaint=True)
    with pytest.raises(UsageError, match="an inpainting model"):
        tune(frogs, **{**call, "model": str(inpaint)})
    with pytest.raises(UsageError, match="inside the images"):
        tune(frogs, **{**call, "out": frogs / "lora"})
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError):
        tune(frogs, **{**call, "out": blocked})
    assert smoothed([2.0, 4.0]) == [2.0, 3.0]
