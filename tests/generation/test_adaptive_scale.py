"""The scale of image prompts against the distribution that it is drawn from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest, truncnorm

from synthaudit.errors import GeneratorError
from synthaudit.generation.adaptive_scale import AdaptiveScales, draw_scale
from synthaudit.generation.diffusion import DiffusionGenerator
from synthaudit.generation.jobs import Job, seed_of
from synthaudit.generation.references import References
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source
from tests.embedding.test_clip import MODEL, PREPROCESSING
from tests.tiny_additions import save_adapter


@pytest.mark.parametrize("score", [0.05, 0.3, 0.31, 0.6, 0.95])
@pytest.mark.parametrize("references", [1, 4, 16])
def test_draws_follow_the_truncated_normal(score: float, references: int) -> None:
    """The oracle is SciPy's distribution function; seeds are those of a sweep."""
    low, high = (0.1, 0.4) if score > 0.3 else (0.7, 0.9)
    mean, spread = 1.0 - score, 0.05 * references
    seeds = [seed_of(0, "frog", number) for number in range(1000)]
    drawn = np.array([draw_scale(score, references, seed) for seed in seeds])
    bounds = ((low - mean) / spread, (high - mean) / spread)
    expected = truncnorm(*bounds, loc=mean, scale=spread)
    assert kstest(drawn, expected.cdf).pvalue > 0.01
    assert low <= drawn.min()
    assert drawn.max() <= high
    assert drawn.tolist() == [draw_scale(score, references, seed) for seed in seeds]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> str:
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("judge")
    torch.manual_seed(0)
    model = open_clip.CLIP(**MODEL)
    save_file(dict(model.state_dict()), folder / "open_clip_model.safetensors")
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESSING}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return f"clip:local-dir:{folder}"


@pytest.fixture
def references(two_sides: tuple[Path, Path]) -> References:
    real = open_source(two_sides[0])
    assert isinstance(real, Collection)
    return References(real, max_pixels=10**7)


def job_of(number: int, **options: object) -> Job:
    return Job(prompt="a dog", subject="dog", number=number, seed=number, options=options)


def test_the_judge_is_clip_over_all_classes(references: References, judge: str) -> None:
    """The oracle is open_clip itself: the softmax over "a photo of a cat" and "... dog"."""
    import open_clip
    import torch
    from PIL import Image

    job = job_of(1)
    scale = AdaptiveScales(references, judge, local_files_only=True).of_job("real", job)
    entry = references.pick("real", job)
    folder = judge.removeprefix("clip:")
    model, preprocess = open_clip.create_model_from_pretrained(folder)
    with torch.inference_mode(), Image.open(getattr(entry.location, "file")) as image:  # noqa: B009
        picture = model.encode_image(preprocess(image.convert("RGB"))[None], normalize=True)
        tokens = open_clip.get_tokenizer("ViT-B-32")(["a photo of a cat", "a photo of a dog"])
        texts = model.encode_text(tokens, normalize=True)
        score = float((100.0 * picture @ texts.T).softmax(dim=-1)[0, 1])
    count = len(references.of_subject("real", "dog"))
    assert scale == pytest.approx(draw_scale(score, count, job.seed), abs=2e-2)


def test_a_judge_that_reads_no_texts(references: References) -> None:
    scales = AdaptiveScales(references, "builtin", local_files_only=True)
    with pytest.raises(GeneratorError, match="judge should be a CLIP embedder"):
        scales.of_job("real", job_of(0))


def test_references_of_one_class_only(
    two_sides: tuple[Path, Path], judge: str, references: References
) -> None:
    scales = AdaptiveScales(references, judge, local_files_only=True)
    with pytest.raises(GeneratorError, match="needs references in two class folders or more"):
        scales.of_job(str(two_sides[0] / "dog"), job_of(0))


def test_every_image_has_a_scale_of_its_own(
    references: References, judge: str, models: dict[str, Path], tmp_path: Path
) -> None:
    """It is in the recipe, and the image does not depend on its batch."""
    generator = DiffusionGenerator(references)
    options = {
        "model": str(models["sd"]),
        "adapter": save_adapter(tmp_path, models["sd"]),
        "adapter_scale": "adaptive",
        "references": "real",
        "judge": judge,
        "steps": 2,
        "size": 16,
        "local_files_only": True,
    }
    jobs = [job_of(number, **options) for number in range(4)]
    for job in jobs:
        generator.check(job)
    scales = {generator.identity(job)["adapter_scale"] for job in jobs}
    assert len(scales) == 4
    together = [np.asarray(made.image) for made in generator.make(jobs)]
    alone = [np.asarray(next(iter(generator.make([job]))).image) for job in jobs]
    assert all((one == other).all() for one, other in zip(together, alone, strict=True))
