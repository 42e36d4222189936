"""What a GPU does with models of real size: benchmarks/generation.py --device cuda.

Random weights, no network, one call of under eight minutes. Not run yet: no GPU was lent to those
who wrote it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.generation.equality import generator_of, jobs_of, real_images
from tests.tiny_diffusion import save_tokenizer
from tests.tiny_families import letters_of_t5

SIZES = {"sd1": (512, 30, 16), "sdxl": (1024, 30, 4), "flux1": (1024, 4, 4)}
"""By family: sides in pixels, steps, images in a batch."""

_CLIP_L = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
_CLIP_G = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
}


def report_of_gpu() -> str:
    """The whole report."""
    if not torch.cuda.is_available():
        raise SystemExit("--device cuda needs a GPU that torch can see; there is none here.")
    device = torch.cuda.get_device_properties(0)
    lines = [
        "# Generation on a GPU",
        "",
        "Made by `python benchmarks/generation.py --device cuda`; random weights of real sizes.",
        "",
        f"{device.name}, {device.total_memory / 2**30:.0f} GiB; torch {torch.__version__}.",
        "",
        "| model | pixels | steps | batch | images/s | of a plain loop | GPU waits | memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    makers: dict[str, Callable[[Path], Any]] = {"sd1": _sd1, "sdxl": _sdxl, "flux1": _flux}
    for name, make in makers.items():
        with tempfile.TemporaryDirectory() as scratch:
            lines.append(_row(name, make, Path(scratch)))
        torch.cuda.empty_cache()
    return "\n".join([*lines, ""])


def _row(name: str, make: Callable[[Path], Any], place: Path) -> str:
    """Our images a second beside a loop over the same pipeline, one after the other in one run."""
    size, steps, batch = SIZES[name]
    inner = make(place / "model")
    inner.save_pretrained(place / "model", safe_serialization=True)
    inner.set_progress_bar_config(disable=True)
    jobs = jobs_of(
        place / "model",
        ["a photo of a dog"] * 2 * batch,
        size=size,
        steps=steps,
        batch_size=batch,
    )
    _loop(inner, jobs[:batch], batch, size, steps)
    plain = []
    for _ in range(3):
        start = time.perf_counter()
        _loop(inner, jobs, batch, size, steps)
        plain.append(time.perf_counter() - start)
    # Two of the larger ones have no room beside each other.
    del inner
    torch.cuda.empty_cache()
    generator = generator_of(real_images(place))
    list(generator.make(jobs[:batch]))
    own, waits, memory = [], [], 0
    for _ in range(3):
        start = time.perf_counter()
        made = list(generator.make(jobs))
        own.append(time.perf_counter() - start)
        waits.append(1.0 - sum(float(one.facts["seconds"]) for one in made) / own[-1])
        memory = max(memory, *(int(one.facts["memory"]) for one in made))
    rate, ratio = len(jobs) / np.median(own), np.median(plain) / np.median(own)
    figures = f"{rate:.2f} | {ratio:.2f} | {np.median(waits):.1%} | {memory / 1e9:.1f} GB"
    return f"| {name} | {size} | {steps} | {batch} | {figures} |"


def _loop(inner: Any, jobs: list[Any], batch: int, size: int, steps: int) -> None:
    for at in range(0, len(jobs), batch):
        own = jobs[at : at + batch]
        seeds = [torch.Generator("cpu").manual_seed(job.seed) for job in own]
        how = {"width": size, "height": size, "num_inference_steps": steps}
        inner(prompt=[job.prompt for job in own], generator=seeds, **how)


def _clip(sizes: dict[str, int], *, projection: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(vocab_size=49408, projection_dim=sizes["hidden_size"], **sizes)
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)


def _tokenizer(place: Path) -> Any:
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(save_tokenizer(place / "tokenizer"))


def _autoencoder(latents: int = 4) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=latents,
        shift_factor=0.1,
    )


def _on_gpu(make: Callable[[], Any]) -> Any:
    """Made where it computes, in half precision."""
    with torch.device("cuda"):
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16)
        try:
            return make().eval()
        finally:
            torch.set_default_dtype(before)


def _sd1(place: Path) -> Any:
    import diffusers

    return diffusers.StableDiffusionPipeline(
        vae=_on_gpu(_autoencoder),
        text_encoder=_on_gpu(lambda: _clip(_CLIP_L)),
        tokenizer=_tokenizer(place),
        unet=_on_gpu(
            lambda: diffusers.UNet2DConditionModel(
                sample_size=64, cross_attention_dim=768, attention_head_dim=8
            )
        ),
        scheduler=diffusers.EulerDiscreteScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl(place: Path) -> Any:
    import diffusers

    tokenizer = _tokenizer(place)
    unet = {
        "sample_size": 128,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
        "use_linear_projection": True,
    }
    return diffusers.StableDiffusionXLPipeline(
        vae=_on_gpu(_autoencoder),
        text_encoder=_on_gpu(lambda: _clip(_CLIP_L)),
        text_encoder_2=_on_gpu(lambda: _clip(_CLIP_G, projection=True)),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=_on_gpu(lambda: diffusers.UNet2DConditionModel(**unet)),
        scheduler=diffusers.EulerDiscreteScheduler(),
        add_watermarker=False,
    )


def _flux(place: Path) -> Any:
    """The transformer of FLUX.1 schnell at full size; T5 of the size that it has there."""
    import diffusers
    from transformers import T5Config, T5EncoderModel

    text = T5Config(
        vocab_size=32128,
        d_model=4096,
        d_kv=64,
        d_ff=10240,
        num_layers=24,
        num_heads=64,
        feed_forward_proj="gated-gelu",
    )
    return diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=_on_gpu(lambda: _autoencoder(16)),
        text_encoder=_on_gpu(lambda: _clip(_CLIP_L)),
        tokenizer=_tokenizer(place),
        text_encoder_2=_on_gpu(lambda: T5EncoderModel(text)),
        tokenizer_2=letters_of_t5(),
        transformer=_on_gpu(diffusers.FluxTransformer2DModel),
    )
