"""What a plan adds to a model: LoRAs, ControlNets, image prompts, weights and models in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthaudit.errors import GeneratorError, PlanError
from synthaudit.generation.diffusion import DiffusionGenerator
from synthaudit.generation.jobs import Job, recipe_digest, recipe_of
from tests.generation.equality import SIZE, STEPS, generator_of, jobs_of, pixels, real_images
from tests.tiny_additions import (
    save_adapter,
    save_controlnet,
    save_single_file,
    save_transformer,
)
from tests.tiny_diffusion import save_lora
from tests.tiny_families import save_family

OTHER_FAMILY = r"LoRA weights .*(another family|cannot be loaded)"

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_images(tmp_path_factory.mktemp("additions"))


@pytest.fixture(scope="module")
def family(place: Path) -> Callable[[str], Path]:
    def saved(name: str) -> Path:
        folder = place / "models" / name
        return folder if folder.is_dir() else save_family(name, folder)

    return saved


@pytest.fixture
def generator(place: Path) -> DiffusionGenerator:
    return generator_of(place)


def own_pipeline(model: Path, kind: str = "DiffusionPipeline", **more: Any) -> Any:
    import diffusers

    pipeline = getattr(diffusers, kind).from_pretrained(model, local_files_only=True, **more)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def call(pipeline: Any, jobs: list[Job], **more: Any) -> Any:
    """The images of jobs, by a pipeline that is called by hand."""
    import torch

    seeds = [torch.Generator("cpu").manual_seed(job.seed) for job in jobs]
    how = {"num_inference_steps": STEPS, "generator": seeds, "width": SIZE, "height": SIZE}
    found = pipeline(prompt=[job.prompt for job in jobs], **{**how, **more}).images
    return np.stack([np.asarray(image) for image in found])


def made_by(generator: DiffusionGenerator, jobs: list[Job]) -> Any:
    for job in jobs:
        generator.check(job)
    return pixels(generator, jobs)


def test_several_loras_each_with_its_scale(
    generator: DiffusionGenerator, family: Callable[[str], Path], place: Path
) -> None:
    model, lora = family("sd1"), save_lora(place / "lora")
    parts = [{"file": str(lora), "scale": 0.7}, {"file": str(lora.parent), "scale": 0.5}]
    jobs = jobs_of(model, lora=parts)
    pipeline = own_pipeline(model)
    for name in "ab":
        pipeline.load_lora_weights(str(lora), adapter_name=name)
    pipeline.set_adapters(["a", "b"], [0.7, 0.5])
    made = made_by(generator, jobs)
    assert (made == call(pipeline, jobs)).all()
    one = made_by(generator, jobs_of(model, lora=str(lora), lora_scale=1.2))
    assert np.abs(one.astype(int) - made).max() <= 1  # the same weights, 0.7 + 0.5 times
    none = made_by(generator, jobs_of(model, lora=None))
    assert np.abs(none.astype(int) - made).mean() > 0.1


def test_a_lora_of_another_family_is_refused(
    generator: DiffusionGenerator, family: Callable[[str], Path], place: Path
) -> None:
    lora = save_lora(place / "lora")
    for name in ("sdxl", "flux1-dev"):
        with pytest.raises(GeneratorError, match=OTHER_FAMILY):
            made_by(generator, jobs_of(family(name), lora=str(lora)))


def test_weights_that_may_hold_code(
    generator: DiffusionGenerator, family: Callable[[str], Path], place: Path
) -> None:
    pickled = place / "weights.bin"
    pickled.write_bytes(b"x")
    with pytest.raises(GeneratorError, match=r"should be a \.safetensors file"):
        made_by(generator, jobs_of(family("sd1"), lora=str(pickled)))
    adapter = {"model": str(place), "weight": "adapter.bin"}
    with pytest.raises(PlanError, match=r"adapter\.weight should be a \.safetensors file"):
        made_by(generator, jobs_of(family("sd1"), adapter=adapter, references="real"))


def test_a_controlnet_follows_its_images(
    generator: DiffusionGenerator, family: Callable[[str], Path], place: Path
) -> None:
    import diffusers

    model = family("sd1")
    control = save_controlnet(place / "control", model)
    options = {"model": str(control), "images": str(place / "real"), "scale": 0.8}
    jobs = jobs_of(model, control=options)
    pipeline = own_pipeline(
        model,
        "StableDiffusionControlNetPipeline",
        controlnet=diffusers.ControlNetModel.from_pretrained(control),
    )
    images = [Image.open(place / "real" / f"{number}.png") for number in range(2)]
    own = call(pipeline, jobs, image=images, controlnet_conditioning_scale=0.8)
    made = made_by(generator, jobs)
    assert (made == own).all()
    weak = made_by(generator, jobs_of(model, control={**options, "scale": 0.0}))
    assert np.abs(weak.astype(int) - made).mean() > 0.1


@pytest.mark.parametrize("name", ["sd1", "sdxl", "sd3", "flux1-dev"])
def test_image_prompts_are_never_mixed(
    name: str, generator: DiffusionGenerator, family: Callable[[str], Path], place: Path
) -> None:
    """In one batch diffusers gives every image the mixture of all its image prompts."""
    model = family(name)
    options = save_adapter(place / f"adapter-{name}", model)
    jobs = jobs_of(model, adapter=options, adapter_scale=0.9, references="real", batch_size=4)
    made = made_by(generator, jobs)
    pipeline = own_pipeline(model)
    how: dict[str, Any] = {"weight_name": options["weight"]}
    if name == "flux1-dev":
        how["image_encoder_pretrained_model_name_or_path"] = f"{options['model']}/image_encoder"
        how["image_encoder_dtype"] = pipeline.dtype
    if name == "sd3":
        how["image_encoder_folder"] = f"{options['model']}/image_encoder"
    if "subfolder" in options:
        how["subfolder"] = options["subfolder"]
    pipeline.load_ip_adapter(options["model"], **how)
    pipeline.set_ip_adapter_scale(0.9)
    for number, job in enumerate(jobs):
        image = Image.open(place / "real" / f"{number}.png")
        assert (made[number] == call(pipeline, [job], ip_adapter_image=image)[0]).all()
    without = made_by(generator, jobs_of(model))
    assert np.abs(without.astype(int) - made).max() > 2


def test_image_prompts_do_not_depend_on_their_batch(
    generator: DiffusionGenerator, family: Callable[[str], Path], place: Path
) -> None:
    """Alone and among others, to two grey levels."""
    model = family("sd1")
    options = save_adapter(place / "adapter-batch", model)
    how: dict[str, Any] = {"adapter": options, "references": "real"}
    more = jobs_of(model, ["x", "y", "x", "y"], batch_size=4, **how)
    together = made_by(generator, more).astype(int)
    alone = made_by(generator_of(place), jobs_of(model, ["x", "y", "x", "y"], batch_size=1, **how))
    assert np.abs(together - alone.astype(int)).max() <= 2


def test_image_prompts_are_part_of_the_recipe(
    generator: DiffusionGenerator, family: Callable[[str], Path], place: Path
) -> None:
    model = family("sd1")
    options = save_adapter(place / "adapter-recipe", model)
    seen = set()
    for scale in (0.5, 0.9):
        for job in jobs_of(model, adapter=options, adapter_scale=scale, references="real"):
            seen.add(recipe_digest(recipe_of(job, generator, {})))
    assert len(seen) == 4


def test_a_missing_part_of_an_adapter(
    generator: DiffusionGenerator, family: Callable[[str], Path], place: Path
) -> None:
    how = {"references": "real", "adapter": {"model": str(place), "weight": "a.safetensors"}}
    with pytest.raises(PlanError, match=r"has no a\.safetensors: mend its weight"):
        made_by(generator, jobs_of(family("sd1"), **how))


@pytest.mark.parametrize("suffix", [".safetensors", ".gguf"])
def test_a_transformer_in_a_file_of_its_own(
    suffix: str, generator: DiffusionGenerator, family: Callable[[str], Path], place: Path
) -> None:
    """Of GGUF the expected images have the weights as they are once they were made smaller."""
    import diffusers
    import torch

    model = family("flux1-dev")
    file = save_transformer(place / f"transformer{suffix}", model)
    how: dict[str, Any] = {"config": str(model), "subfolder": "transformer"}
    if suffix == ".gguf":
        how["quantization_config"] = diffusers.GGUFQuantizationConfig(compute_dtype=torch.float32)
    own = diffusers.FluxTransformer2DModel.from_single_file(str(file), **how)
    jobs = jobs_of(model, transformer=str(file))
    made = made_by(generator, jobs)
    assert (made == call(own_pipeline(model, transformer=own), jobs)).all()
    assert (made != made_by(generator, jobs_of(model))).any()


def test_a_whole_model_in_one_file(
    generator: DiffusionGenerator, family: Callable[[str], Path], place: Path
) -> None:
    model = family("sd1")
    file = save_single_file(place / "whole.safetensors", model)
    from_folder = made_by(generator, jobs_of(model))
    from_file = made_by(generator, jobs_of(file, config=str(model)))
    assert (from_folder == from_file).all()
    with pytest.raises(PlanError, match="Stable Diffusion 1 and 2 has no true_cfg_scale"):
        generator.check(jobs_of(file, true_cfg_scale=2.0)[0])
    with pytest.raises(GeneratorError, match="give config, the folder of a model of the same fam"):
        made_by(generator, jobs_of(file))


def test_kinds_of_files_are_told_from_the_names_of_their_weights(
    generator: DiffusionGenerator, tmp_path: Path
) -> None:
    """Names and shapes as in the files that the authors of these models publish."""
    from safetensors.numpy import save_file

    block = "model.diffusion_model"
    kinds = {
        "xl": {"conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias": (4,)},
        "sd3": {f"{block}.pos_embed": (1, 36864, 9216 // 9216)},
        "schnell": {f"{block}.double_blocks.0.img_attn.norm.key_norm.scale": (4,)},
        "dev": {
            f"{block}.double_blocks.0.img_attn.norm.key_norm.scale": (4,),
            f"{block}.guidance_in.in_layer.bias": (4,),
            f"{block}.img_in.weight": (4, 64),
        },
    }
    for name, shapes in kinds.items():
        tensors = {key: np.zeros(shape, np.float16) for key, shape in shapes.items()}
        save_file(tensors, tmp_path / f"{name}.safetensors")

    def check(name: str, **options: Any) -> None:
        generator.check(jobs_of(tmp_path / f"{name}.safetensors", **options)[0])

    with pytest.raises(PlanError, match="Stable Diffusion XL has no true_cfg_scale"):
        check("xl", true_cfg_scale=2.0)
    with pytest.raises(PlanError, match=r"guidance_scale has no effect on FLUX\.1 schnell"):
        check("schnell", guidance_scale=2.0)
    with pytest.raises(PlanError, match="multiple of 16"):
        check("dev", size=40)
    (tmp_path / "torn.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(GeneratorError, match=r"torn\.safetensors cannot be read as weights"):
        check("torn")


def test_sdxl_leaves_no_watermark(
    generator: DiffusionGenerator,
    family: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """diffusers marks images invisibly wherever a certain package is installed."""
    from diffusers.pipelines.stable_diffusion_xl import pipeline_stable_diffusion_xl as module

    class Marking:
        def apply_watermark(self, images: Any) -> Any:
            return images * 0

    monkeypatch.setattr(module, "is_invisible_watermark_available", lambda: True)
    monkeypatch.setattr(module, "StableDiffusionXLWatermarker", Marking, raising=False)
    jobs = jobs_of(family("sdxl"))
    assert own_pipeline(family("sdxl")).watermark is not None
    made = list(generator.make(jobs))
    assert all(entry.image is not None and "watermark" not in entry.facts for entry in made)


def test_quantisation_is_handed_on(
    generator: DiffusionGenerator, family: Callable[[str], Path]
) -> None:
    """diffusers checks it: an unknown kind, and one whose package is not here."""
    wrong = {"quant_backend": "nothing", "quant_kwargs": {"bits": 4}}
    with pytest.raises(GeneratorError, match=r"cannot be loaded: .*quant_backend"):
        made_by(generator, jobs_of(family("flux1-dev"), quantisation=wrong))
    lacking = {"quant_backend": "bitsandbytes_4bit", "quant_kwargs": {"load_in_4bit": True}}
    with pytest.raises(GeneratorError, match=r"cannot be loaded: .*bitsandbytes"):
        made_by(generator, jobs_of(family("flux1-dev"), quantisation=lacking))
