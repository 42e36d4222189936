"""Tiny models of every family through the real code: the pipeline's own images, or a refusal."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from synthaudit.errors import GeneratorError, PlanError
from synthaudit.generation.models.families import FAMILIES, describe
from synthaudit.generation.models.schedulers import replace_scheduler, scheduler_names
from tests.generation.equality import (
    CASES,
    Answer,
    answer,
    generator_of,
    jobs_of,
    pixels,
    real_images,
)
from tests.tiny_families import NAMES, save_family

SENTENCE = re.compile(r"[^\n]+\.")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_images(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny model, which is made when it is first asked for."""
    place = tmp_path_factory.mktemp("families")

    def saved(name: str) -> Path:
        return place / name if (place / name).is_dir() else save_family(name, place / name)

    return saved


def differ(one: Answer, other: Answer) -> bool:
    return bool((one.made != other.made).any())


@pytest.mark.parametrize("name", NAMES)
def test_images_are_the_pipelines_own_or_refused(
    name: str, family: Callable[[str], Path], pictures: Path
) -> None:
    """The table of reports/generation.md, from the same function."""
    own, model = generator_of(pictures), family(name)
    found = {case: answer(own, model, pictures, options) for case, options in CASES.items()}
    assert found["text"].difference == 0
    for case, made in found.items():
        assert made.refused or made.difference == 0, f"{case}: {made.text}"
        assert not made.refused or SENTENCE.fullmatch(made.refused)
    # What is taken has an effect.
    for case in ("negative prompt", "negative prompt, true_cfg_scale 4", "references", "masks"):
        assert found[case].refused or differ(found["text"], found[case]), case
    if not found["guidance 8"].refused:
        assert differ(found["guidance 1"], found["guidance 8"])
    can_repaint = not found["references"].refused
    known = describe(model).family
    assert known is not None
    assert can_repaint == ("image" in known.tasks)


# One of each kind of text encoder; benchmarks/generation.py tries all.
@pytest.mark.parametrize(
    "name", ["sd1", "sd3", "flux2-dev", "qwen-image", "z-image", "lumina2", "cogview4"]
)
def test_an_image_does_not_depend_on_its_batch(
    name: str, family: Callable[[str], Path], pictures: Path
) -> None:
    """Prompts of unlike lengths: CogView4 would fill the short ones up, and read the filling."""
    prompts = ["a dog", "a painting of a small boat on a river with tall trees", "a red cat", "x"]
    model = family(name)
    together = pixels(generator_of(pictures), jobs_of(model, prompts, batch_size=4)).astype(int)
    alone = pixels(generator_of(pictures), jobs_of(model, prompts, batch_size=1)).astype(int)
    assert np.abs(together - alone).max() <= 2


@pytest.mark.parametrize("name", ["sd1", "sana", "cogview4"])
def test_schedulers_that_are_taken_make_images(
    name: str, family: Callable[[str], Path], pictures: Path
) -> None:
    """Every scheduler of diffusers is refused in a sentence, or makes an image that is no noise."""
    import diffusers
    import torch

    generator, model = generator_of(pictures), family(name)
    inner = diffusers.DiffusionPipeline.from_pretrained(model, local_files_only=True)
    inner.set_progress_bar_config(disable=True)
    own, taken = inner.scheduler, []
    for scheduler in scheduler_names():
        try:
            generator.check(jobs_of(model, scheduler=scheduler)[0])
        except PlanError:
            continue
        taken.append(scheduler)
        inner.scheduler = own
        replace_scheduler(inner, scheduler)
        how = {"num_inference_steps": 3, "width": 32, "height": 32}
        seed = torch.Generator("cpu").manual_seed(0)
        image = inner(prompt="a dog", generator=seed, **how).images[0]
        assert np.asarray(image).std() > 1, scheduler
    assert type(own).__name__ in taken
    is_flow = describe(model).is_flow
    assert ("EulerDiscreteScheduler" in taken) == (not is_flow)
    assert ("FlowMatchEulerDiscreteScheduler" in taken) == is_flow


def test_a_scheduler_that_the_pipeline_cannot_use(
    family: Callable[[str], Path], pictures: Path
) -> None:
    job = jobs_of(family("cogview4"), scheduler="EulerDiscreteScheduler")[0]
    with pytest.raises(PlanError, match=r"cannot be used with .+: use one of FlowMatchEuler"):
        generator_of(pictures).check(job)
    job = jobs_of(family("sd1"), scheduler="EulerDiskreteScheduler")[0]
    with pytest.raises(PlanError, match="did you mean 'EulerDiscreteScheduler'"):
        generator_of(pictures).check(job)


def test_tasks_of_the_table_are_those_that_diffusers_knows() -> None:
    from diffusers.pipelines import auto_pipeline as known

    texts = {kind.__name__: key for key, kind in known.AUTO_TEXT2IMAGE_PIPELINES_MAPPING.items()}
    for name, own in FAMILIES.items():
        if name in texts and "2" not in own.name.partition(" ")[0]:  # FLUX.2 has references only
            assert ("image" in own.tasks) == (
                texts[name] in known.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING
            ), name
            assert ("inpaint" in own.tasks) == (
                texts[name] in known.AUTO_INPAINT_PIPELINES_MAPPING
            ), name


def test_a_pipeline_without_a_row_runs_by_its_signature(
    family: Callable[[str], Path], pictures: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """PixArt-alpha: the same parts as Sigma, and no row in the table."""
    import diffusers

    sigma = diffusers.DiffusionPipeline.from_pretrained(
        family("pixart-sigma"), local_files_only=True
    )
    place = family("pixart-sigma").parent / "pixart-alpha"
    diffusers.PixArtAlphaPipeline(**sigma.components).save_pretrained(place)
    generator = generator_of(pictures)
    with caplog.at_level("INFO", logger="synthaudit"):
        assert answer(generator, place, pictures, {}).difference == 0
    assert "PixArtAlphaPipeline, of which nothing is known here but its signature" in caplog.text
    with pytest.raises(PlanError, match="PixArtAlphaPipeline has no true_cfg_scale"):
        generator.check(jobs_of(place, true_cfg_scale=4.0)[0])
    with pytest.raises(PlanError, match="cannot start from references"):
        generator.check(jobs_of(place, references="real")[0])


def test_a_pipeline_that_diffusers_does_not_have(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "Flux9Pipeline"}')
    with pytest.raises(PlanError, match="Flux9Pipeline, which this version of diffusers does not"):
        generator_of(pictures).check(jobs_of(tmp_path)[0])


def test_memory_can_be_saved(family: Callable[[str], Path], pictures: Path) -> None:
    """Slices and a compiled denoiser change last bits at most; offloading needs a GPU."""
    model = family("sd1")
    plain = pixels(generator_of(pictures), jobs_of(model)).astype(int)
    sliced = pixels(generator_of(pictures), jobs_of(model, decoding="slices")).astype(int)
    assert np.abs(plain - sliced).max() <= 2
    tiled = pixels(generator_of(pictures), jobs_of(model, decoding="tiles")).astype(int)
    assert tiled.shape == plain.shape
    with pytest.raises(GeneratorError, match="device 'cuda:9' is not at hand"):
        pixels(generator_of(pictures), jobs_of(model, device="cuda:9"))
