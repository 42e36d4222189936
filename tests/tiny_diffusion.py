"""Tiny randomly initialised diffusion models, saved as folders that the real loaders take."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

ALL_MERGES = 49152 - 256 - 2
# Reading the whole vocabulary takes longer than all the rest of a tiny model.
FEW_MERGES = 2000
VOCABULARY = 2 * 256 + FEW_MERGES + 2


def save_tokenizer(folder: Path, merges_read: int = ALL_MERGES) -> Path:
    """CLIP's own tokenizer, rebuilt from the vocabulary that comes with open_clip.

    With fewer merges it reads longer words in more pieces.
    """
    import open_clip

    packed = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    merges = gzip.decompress(packed.read_bytes()).decode().split("\n")[1 : merges_read + 1]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    codes = printable + [256 + n for n in range(256 - len(printable))]
    letters = [chr(code) for code in codes]
    words = [*letters, *(letter + "</w>" for letter in letters)]
    words += ["".join(merge.split()) for merge in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    special = {"bos_token": words[-2], "eos_token": words[-1], "unk_token": words[-1]}
    config = {
        **special,
        "pad_token": words[-1],
        "model_max_length": 77,
        "tokenizer_class": "CLIPTokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def text_encoder(projection: bool = False, width: int = 32) -> Any:
    """A one-layer CLIP text tower."""
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=width,
        bos_token_id=VOCABULARY - 2,
        eos_token_id=VOCABULARY - 1,
        pad_token_id=VOCABULARY - 1,
    )
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)


def image_autoencoder() -> Any:
    """A variational autoencoder that halves each side once."""
    import torch
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    return AutoencoderKL(
        block_out_channels=(8, 16),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        norm_num_groups=4,
    )


def denoiser(channels: int = 4, **options: Any) -> Any:
    """A two-block U-Net."""
    import torch
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "sample_size": 16,
        "in_channels": channels,
        "out_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 32,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    }
    return UNet2DConditionModel(**{**settings, **options})


def scheduler() -> Any:
    """Stable Diffusion's usual schedule."""
    from diffusers import DPMSolverMultistepScheduler

    return DPMSolverMultistepScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
    )


def save_stable_diffusion(folder: Path, *, inpaint: bool = False) -> Path:
    """A tiny Stable Diffusion 1.x."""
    from diffusers import StableDiffusionInpaintPipeline, StableDiffusionPipeline
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(save_tokenizer(folder / "tokenizer", FEW_MERGES))
    kind = StableDiffusionInpaintPipeline if inpaint else StableDiffusionPipeline
    pipeline = kind(
        vae=image_autoencoder(),
        text_encoder=text_encoder(),
        tokenizer=tokenizer,
        unet=denoiser(9 if inpaint else 4),
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def save_stable_diffusion_xl(folder: Path) -> Path:
    """A tiny SDXL, with its two text towers."""
    from diffusers import StableDiffusionXLPipeline
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(save_tokenizer(folder / "tokenizer", FEW_MERGES))
    pipeline = StableDiffusionXLPipeline(
        vae=image_autoencoder(),
        text_encoder=text_encoder(),
        text_encoder_2=text_encoder(projection=True),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=denoiser(
            cross_attention_dim=64,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=80,
            transformer_layers_per_block=(1, 1),
            use_linear_projection=True,
        ),
        scheduler=scheduler(),
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def save_reading_model(folder: Path, *, lessons: int = 100) -> Path:
    """A model whose latents are so small that it can learn a layout by heart, and whose decoder
    gives back what it was given: taught in seconds, on smooth pictures.
    """
    import torch
    from diffusers import AutoencoderKL

    save_stable_diffusion(folder)
    denoiser(
        block_out_channels=(32, 64), norm_num_groups=8, attention_head_dim=8, sample_size=4
    ).save_pretrained(folder / "unet")
    torch.manual_seed(0)
    reader = AutoencoderKL(
        block_out_channels=(8, 16, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
        layers_per_block=1,
    )
    optimizer = torch.optim.AdamW(reader.parameters(), lr=8e-3)
    for _ in range(lessons):
        small = torch.rand(8, 3, 2, 2) * 2 - 1
        pixels = torch.nn.functional.interpolate(small, size=32, mode="bicubic").clamp(-1, 1)
        latents = reader.encode(pixels).latent_dist.mean
        loss = ((reader.decode(latents).sample - pixels) ** 2).mean() + 1e-3 * latents.pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    reader.register_to_config(scaling_factor=float(1 / latents.detach().std()))
    reader.save_pretrained(folder / "vae")
    return folder


def save_lora(folder: Path) -> Path:
    """Random LoRA weights for the tiny U-Net, as training would save them."""
    import torch
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    unet = denoiser()
    torch.manual_seed(1)
    unet.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["to_q", "to_v"]))
    StableDiffusionPipeline.save_lora_weights(
        folder, unet_lora_layers=get_peft_model_state_dict(unet), safe_serialization=True
    )
    return folder / "pytorch_lora_weights.safetensors"
