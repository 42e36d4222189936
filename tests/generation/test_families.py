"""Options without effect and tasks that a model cannot do, told from the files beside its weights.

The files are what repositories of these models have; no weights are read before anything is made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synthaudit.errors import GeneratorError, PlanError
from synthaudit.generation.diffusion import DiffusionGenerator
from synthaudit.generation.jobs import Job
from synthaudit.generation.models.families import FAMILIES, describe
from synthaudit.generation.models.pipelines import Pipeline
from synthaudit.generation.references import References
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source
from tests.tiny_diffusion import save_tokenizer

VAE = {"block_out_channels": [128, 256, 512, 512]}


def model_of(folder: Path, pipeline: str, **more: Any) -> str:
    """A folder with the settings of a model, and no weights."""
    place = folder / pipeline
    parts: dict[str, Any] = {
        "model_index": {"_class_name": pipeline, **more.pop("index", {})},
        "vae/config": VAE,
        "transformer/config": more.pop("transformer", {}),
    }
    for name, contents in {**parts, **more}.items():
        file = place / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(contents))
    return str(place)


@pytest.fixture
def generator(two_sides: tuple[Path, Path]) -> DiffusionGenerator:
    real = open_source(two_sides[0])
    assert isinstance(real, Collection)
    return DiffusionGenerator(References(real, max_pixels=10**7))


def check(generator: DiffusionGenerator, model: str, **options: Any) -> None:
    how = {"model": model, "local_files_only": True, **options}
    generator.check(Job(prompt="a dog", subject="dog", number=0, seed=1, options=how))


DEV = {"transformer": {"guidance_embeds": True}}
DISTILLED = {"index": {"is_distilled": True}}


@pytest.mark.parametrize(
    ("pipeline", "files", "options", "said"),
    [
        ("FluxPipeline", {}, {"guidance_scale": 3.5}, "has no effect on FLUX.1 schnell: drop it"),
        ("FluxPipeline", DEV, {"negative_prompt": "x"}, "without a true_cfg_scale above 1"),
        ("FluxPipeline", DEV, {"true_cfg_scale": 4.0}, "without a negative_prompt"),
        ("FluxPipeline", DEV, {"size": 72}, "multiple of 16, not 72"),
        ("Flux2Pipeline", {}, {"negative_prompt": "x"}, "FLUX.2 has no negative prompts"),
        ("Flux2Pipeline", {}, {"references": "real"}, "cannot start from references"),
        ("Flux2KleinPipeline", DISTILLED, {"guidance_scale": 4.0}, "has no effect on FLUX.2 klein"),
        ("Flux2KleinPipeline", {}, {"true_cfg_scale": 4.0}, "has no true_cfg_scale: use guidance"),
        ("QwenImagePipeline", {}, {"guidance_scale": 4.0}, "true_cfg_scale with a negative_prompt"),
        ("QwenImagePipeline", {}, {"true_cfg_scale": 4.0}, "without a negative_prompt"),
        ("ZImagePipeline", {}, {"true_cfg_scale": 4.0}, "Z-Image has no true_cfg_scale"),
        ("SanaPipeline", {}, {"size": 1000}, "multiple of 32, not 1000"),
        (
            "SanaPipeline",
            {},
            {"references": "real"},
            "cannot start from references, only from a te",
        ),
        ("PixArtSigmaPipeline", {}, {"size": 1020}, "multiple of 8"),
        ("CogView4Pipeline", {}, {"size": 1000}, "multiple of 16"),
        ("StableDiffusion3Pipeline", {}, {"size": 1000}, "multiple of 16"),
        ("StableDiffusionXLPipeline", {}, {"true_cfg_scale": 2.0}, "use guidance_scale"),
        (
            "StableDiffusionXLPipeline",
            {},
            {"negative_prompt": "x", "guidance_scale": 1.0},
            "negative_prompt has no effect on Stable Diffusion XL with a guidance_scale of 1",
        ),
        ("StableDiffusionXLPipeline", {}, {"strength": 0.5}, "strength has no effect without refe"),
        ("StableDiffusionXLPipeline", {}, {"lora_scale": 0.5}, "lora_scale has no effect without"),
        ("StableDiffusionXLPipeline", {}, {"adapter_scale": 0.5}, "no effect without adapter"),
        (
            "SanaPipeline",
            {},
            {"adapter": {"model": "a/b", "weight": "c.safetensors"}, "references": "real"},
            "Sana has no IP-Adapters",
        ),
        ("HunyuanDiTPipeline", {}, {"true_cfg_scale": 2.0}, "has no true_cfg_scale"),
        (
            "StableDiffusionInpaintPipeline",
            {"unet/config": {"in_channels": 9}},
            {},
            "is an inpainting model, which only repaints",
        ),
    ],
)
def test_what_has_no_effect_is_refused(
    generator: DiffusionGenerator,
    tmp_path: Path,
    pipeline: str,
    files: dict[str, Any],
    options: dict[str, Any],
    said: str,
) -> None:
    model = model_of(tmp_path / "models", pipeline, **dict(files))
    with pytest.raises(PlanError, match=said):
        check(generator, model, **options)


@pytest.mark.parametrize(
    ("pipeline", "files", "options"),
    [
        ("FluxPipeline", DEV, {"guidance_scale": 3.5, "size": 1024}),
        ("FluxPipeline", DEV, {"negative_prompt": "x", "true_cfg_scale": 4.0}),
        ("FluxPipeline", {}, {"references": "real"}),
        ("Flux2KleinPipeline", {}, {"guidance_scale": 4.0}),
        ("QwenImagePipeline", {}, {"negative_prompt": " "}),
        ("ZImagePipeline", {}, {"negative_prompt": "x", "guidance_scale": 5.0}),
        ("StableDiffusionXLPipeline", {}, {"negative_prompt": "x", "guidance_scale": 1.5}),
        ("HunyuanDiTPipeline", {}, {"negative_prompt": "x", "guidance_scale": 5.0}),
    ],
)
def test_what_has_an_effect_is_taken(
    generator: DiffusionGenerator,
    tmp_path: Path,
    pipeline: str,
    files: dict[str, Any],
    options: dict[str, Any],
) -> None:
    check(generator, model_of(tmp_path / "models", pipeline, **dict(files)), **options)


def test_arguments_of_the_table_are_those_of_the_pipelines() -> None:
    """The oracle is the signature of each pipeline in diffusers."""
    import inspect

    import diffusers

    for name, family in FAMILIES.items():
        known = inspect.signature(getattr(diffusers, name).__call__).parameters
        assert ("negative_prompt" in known) == (family.contrast is not None), name
        assert ("true_cfg_scale" in known) == (family.true_guidance is not None), name
        assert "guidance_scale" in known, name
        if "max_sequence_length" in known:
            assert family.tokens == known["max_sequence_length"].default, name


def words_tokenizer(folder: Path, most: int) -> None:
    """A tokenizer of whole words with an end mark, as files that transformers reads."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1, "dog": 2}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", eos_token="</s>", model_max_length=most
    ).save_pretrained(folder)


def test_prompts_are_counted_by_the_models_own_tokenizers(
    generator: DiffusionGenerator, tmp_path: Path
) -> None:
    """FLUX.1 reads 77 tokens with CLIP and 512 with T5: what T5 reads is not lost."""
    model = model_of(tmp_path / "models", "FluxPipeline", **DEV)
    save_tokenizer(Path(model) / "tokenizer")
    words_tokenizer(Path(model) / "tokenizer_2", 10_000)
    check(generator, model)
    assert generator.count_cut_words("dog " * 80) == 0
    assert generator.count_cut_words("dog " * 520) == 520 + 1 - 512
    sigma = model_of(tmp_path / "models", "PixArtSigmaPipeline")
    words_tokenizer(Path(sigma) / "tokenizer", 120)
    check(generator, sigma)
    assert generator.count_cut_words("dog " * 130) == 11  # of the model that reads least


def test_settings_that_cannot_be_read_tell_nothing(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("[" * 100_000)
    assert describe(tmp_path).pipeline is None
    assert describe(tmp_path / "model.safetensors").family is None


def test_a_pipeline_that_fails_is_told_in_its_own_words() -> None:
    class Failing:
        def __call__(self, **_: Any) -> None:
            raise IndexError("list index\nout of range")

    with pytest.raises(
        GeneratorError, match=r"Failing fails \(IndexError: list index out of range"
    ):
        Pipeline(Failing(), "cpu").run(prompt=["a"])
