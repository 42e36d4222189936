"""The real pipeline code on tiny random models: what is made, from what, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthaudit.errors import GeneratorError, PlanError
from synthaudit.generation.diffusion import DiffusionGenerator
from synthaudit.generation.jobs import Job, Made, recipe_digest, recipe_of
from synthaudit.generation.references import References
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source

FAST = {"steps": 2, "size": 16, "device": "cpu", "local_files_only": True}


@pytest.fixture
def generator(two_sides: tuple[Path, Path]) -> DiffusionGenerator:
    real = open_source(two_sides[0])
    assert isinstance(real, Collection)
    return DiffusionGenerator(References(real, max_pixels=10**7))


def jobs_of(count: int, prompt: str = "a photo of a dog", **options: Any) -> list[Job]:
    return [
        Job(prompt=prompt, subject="dog", number=n, seed=100 + n, options={**FAST, **options})
        for n in range(count)
    ]


def pixels(generator: DiffusionGenerator, jobs: list[Job]) -> np.ndarray:
    for job in jobs:
        generator.check(job)
    made = list(generator.make(jobs))
    assert all(isinstance(entry, Made) and entry.image is not None for entry in made)
    return np.stack([np.asarray(entry.image) for entry in made]).astype(int)


def test_images_follow_seed_and_prompt(
    generator: DiffusionGenerator, models: dict[str, Path]
) -> None:
    model = str(models["sd"])
    first = pixels(generator, jobs_of(3, model=model))
    assert first.shape == (3, 16, 16, 3)
    assert (first == pixels(generator, jobs_of(3, model=model))).all()
    assert np.abs(first[0] - first[1]).mean() > 1
    other = pixels(generator, jobs_of(3, "an oil painting", model=model))
    assert np.abs(first - other).max() > 0


def test_an_image_does_not_depend_on_its_batch(
    generator: DiffusionGenerator, models: dict[str, Path]
) -> None:
    model = str(models["sd"])
    together = pixels(generator, jobs_of(4, model=model))
    alone = np.concatenate([pixels(generator, [job]) for job in jobs_of(4, model=model)])
    assert np.abs(together - alone).max() <= 1


@pytest.mark.parametrize(
    "options",
    [
        {"guidance_scale": 1.0},
        {"negative_prompt": "blurry"},
        {"scheduler": "EulerDiscreteScheduler"},
        {"size": (24, 16)},
        {"attention": "slicing"},
        {"precision": "bf16"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_change_the_image(
    generator: DiffusionGenerator, models: dict[str, Path], options: dict[str, Any]
) -> None:
    model = str(models["sd"])
    plain, changed = (
        pixels(generator, jobs_of(1, model=model, **extra)) for extra in ({}, options)
    )
    if "size" in options:
        assert changed.shape == (1, 16, 24, 3)
    elif "attention" in options:
        assert np.abs(plain - changed).max() <= 1
    else:
        assert np.abs(plain - changed).max() > 0


def test_sdxl_lora_references_and_masks(
    generator: DiffusionGenerator, models: dict[str, Path], two_sides: tuple[Path, Path]
) -> None:
    assert pixels(generator, jobs_of(1, model=str(models["sdxl"]))).shape == (1, 16, 16, 3)
    plain = pixels(generator, jobs_of(1, model=str(models["sd"])))
    tuned = pixels(generator, jobs_of(1, model=str(models["sd"]), lora=str(models["lora"])))
    assert np.abs(plain - tuned).max() > 0
    weak, strong = (
        pixels(
            generator,
            jobs_of(2, model=str(models["sd"]), references="real", strength=strength, steps=10),
        )
        for strength in (0.1, 1.0)
    )
    assert np.abs(weak - strong).max() > 0
    masks = two_sides[0].parent / "masks"
    for file in two_sides[0].rglob("*.png"):
        place = masks / file.relative_to(two_sides[0])
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (48, 48), 255).save(place)
    options = {"references": "real", "masks": str(masks), "strength": 1.0}
    painted = pixels(generator, jobs_of(2, model=str(models["inpaint"]), **options))
    assert painted.shape == (2, 16, 16, 3)


def test_black_images_are_refused(
    generator: DiffusionGenerator, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthaudit.generation import diffusion

    real = diffusion.Pipeline.run

    def blacken(self: Any, **call: Any) -> Any:
        found = real(self, **call)
        found.images[1] = Image.new("RGB", (16, 16))
        return found

    monkeypatch.setattr(diffusion.Pipeline, "run", blacken)
    made = list(generator.make(jobs_of(3, model=str(models["sd"]))))
    assert [entry.image is None for entry in made] == [False, True, False]
    assert "black" in made[1].facts["refused"]


def test_another_size_than_asked_for_is_said(
    generator: DiffusionGenerator, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthaudit.generation import diffusion

    real = diffusion.Pipeline.run

    def round_down(self: Any, **call: Any) -> Any:
        return real(self, **{**call, "width": 8})

    monkeypatch.setattr(diffusion.Pipeline, "run", round_down)
    with pytest.raises(GeneratorError, match="an image of 8 x 16 pixels where 16 x 16 were asked"):
        list(generator.make(jobs_of(1, model=str(models["sd"]))))


def test_memory_that_runs_out_halves_the_batch(
    generator: DiffusionGenerator, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from synthaudit.generation import diffusion

    real, sizes = diffusion.Pipeline.run, []

    def run(self: Any, **call: Any) -> Any:
        sizes.append(len(call["generator"]))
        if len(call["generator"]) > 1:
            raise torch.OutOfMemoryError
        return real(self, **call)

    monkeypatch.setattr(diffusion.Pipeline, "run", run)
    made = list(generator.make(jobs_of(3, model=str(models["sd"]))))
    assert len(made) == 3
    assert sizes == [3, 3, 2, 1, 1, 1] or sizes[-3:] == [1, 1, 1]
    monkeypatch.setattr(
        diffusion.Pipeline, "run", lambda *_, **__: (_ for _ in ()).throw(torch.OutOfMemoryError())
    )
    with pytest.raises(GeneratorError, match="not enough memory for one image"):
        list(generator.make(jobs_of(1, model=str(models["sd"]))))


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"guidance": 3}, PlanError, "did you mean 'guidance_scale'"),
        ({"size": 20}, PlanError, "multiple of 8"),
        ({"scheduler": "EulerDiscreteSchedule"}, PlanError, "did you mean 'EulerDiscrete"),
        ({"lora": "/nowhere"}, GeneratorError, "there are no weights at /nowhere"),
        ({"masks": "/nowhere"}, PlanError, "masks need references"),
        ({"masks": "/nowhere", "references": "real"}, GeneratorError, "no folder of masks"),
        ({"steps": 0}, PlanError, "greater than or equal to 1"),
    ],
)  # fmt: skip
def test_jobs_that_are_refused(
    generator: DiffusionGenerator,
    models: dict[str, Path],
    options: dict[str, Any],
    kind: type[Exception],
    message: str,
) -> None:
    with pytest.raises(kind, match=message):
        generator.check(jobs_of(1, model=str(models["sd"]), **options)[0])


def test_models_that_are_none(generator: DiffusionGenerator, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(GeneratorError, match="it has no model_index"):
        generator.check(jobs_of(1, model=str(tmp_path / "empty"))[0])
    (tmp_path / "model.ckpt").write_bytes(b"x")
    with pytest.raises(GeneratorError, match=r"should be a \.safetensors file"):
        generator.check(jobs_of(1, model=str(tmp_path / "model.ckpt"))[0])
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model_index.json").write_text("{}")
    with pytest.raises(GeneratorError, match="cannot be loaded"):
        list(generator.make(jobs_of(1, model=str(tmp_path / "broken"))))


def test_the_recipe_covers_what_decides_an_image(
    generator: DiffusionGenerator, models: dict[str, Path]
) -> None:
    codec = {"format": "PNG"}
    job = jobs_of(1, model=str(models["sd"]))[0]
    base = recipe_digest(recipe_of(job, generator, codec))
    assert base == recipe_digest(recipe_of(job, generator, codec))
    changes = (
        jobs_of(1, "another", model=str(models["sd"]))[0],
        jobs_of(2, model=str(models["sd"]))[1],
        jobs_of(1, model=str(models["sdxl"]))[0],
        jobs_of(1, model=str(models["sd"]), steps=3)[0],
        jobs_of(1, model=str(models["sd"]), lora=str(models["lora"]))[0],
    )
    assert base not in {recipe_digest(recipe_of(other, generator, codec)) for other in changes}


def test_a_template_of_prompts_is_part_of_the_recipe(
    models: dict[str, Path], two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    model = shutil.copytree(models["sd"], tmp_path / "model")
    real = open_source(two_sides[0])
    assert isinstance(real, Collection)
    digests = set()
    for template in (None, "{{ prompt }}", "A picture of {{ prompt }}"):
        if template is not None:
            (model / "tokenizer" / "chat_template.jinja").write_text(template)
        fresh = DiffusionGenerator(References(real, max_pixels=10**7))
        digests.add(str(fresh.identity(jobs_of(1, model=str(model))[0])["model"]))
    assert len(digests) == 3


def test_words_beyond_77_tokens_are_counted(generator: DiffusionGenerator) -> None:
    assert generator.count_cut_words("a photo of a dog") == 0
    assert generator.count_cut_words("dog " * 80) == 5
