"""A tiny randomly initialised model of every family, saved as the folders that real loaders take.

Sizes are the smallest that the classes of diffusers bear; tokenizers read single letters.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.tiny_diffusion import (
    FEW_MERGES,
    save_stable_diffusion,
    save_stable_diffusion_xl,
    save_tokenizer,
    text_encoder,
)

_LETTERS = string.ascii_letters + string.digits + string.punctuation
_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}"
)


def _seeded(make: Callable[[], Any]) -> Any:
    """A model in which prompts count: weights that start small, or at nothing, are drawn wider."""
    import torch

    torch.manual_seed(0)
    model = make().eval()
    with torch.no_grad():
        for name, values in model.named_parameters():
            if values.ndim == 2 and not name.startswith(("encoder.down", "decoder.up")):
                values.normal_(std=max(values.shape[1], 4) ** -0.5)
            elif not torch.isfinite(values).all() or not values.any():
                values.normal_(std=0.1)
    return model


def letters_of_bytes(size: int = 512) -> Any:
    """Qwen's kind of tokenizer: bytes, and the marks of a chat."""
    from transformers import Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    vocab = {letter: n for n, letter in enumerate(bytes_to_unicode().values())}
    for mark in ("<|endoftext|>", "<|im_start|>", "<|im_end|>"):
        vocab[mark] = len(vocab)
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=[], model_max_length=size)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = _CHAT
    return tokenizer


def letters_of_t5(size: int = 512) -> Any:
    """T5's kind of tokenizer."""
    from transformers import T5Tokenizer

    marks = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0)]
    pieces = [(letter, -2.0) for letter in ("▁", *_LETTERS)]
    return T5Tokenizer(vocab=[*marks, *pieces], extra_ids=0, model_max_length=size)


def letters_of_gemma() -> Any:
    """Gemma's kind of tokenizer."""
    from transformers import GemmaTokenizer

    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *_LETTERS]
    vocab = {piece: n for n, piece in enumerate(pieces)}
    return GemmaTokenizer(vocab=vocab, merges=[], model_max_length=8192)


def letters_of_glm() -> Any:
    """A tokenizer that is known by its file alone, as GLM's is."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    marks = ["<unk>", "<|endoftext|>", "[gMASK]", "<sop>"]
    pieces = {piece: n for n, piece in enumerate([*marks, *_LETTERS])}
    inner = Tokenizer(models.WordLevel(pieces, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.post_processor = processors.TemplateProcessing(
        single="[gMASK] <sop> $A", special_tokens=[("[gMASK]", 2), ("<sop>", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="<unk>",
        pad_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        model_max_length=1024,
        padding_side="left",
    )


def _t5(width: int = 32) -> Any:
    from transformers import T5Config, T5EncoderModel

    sizes = {"d_model": width, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    return _seeded(lambda: T5EncoderModel(T5Config(vocab_size=200, **sizes)))


def _umt5() -> Any:
    from transformers import UMT5Config, UMT5EncoderModel

    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    return _seeded(lambda: UMT5EncoderModel(UMT5Config(vocab_size=200, **sizes)))


def _gemma(width: int = 8) -> Any:
    from transformers import Gemma2Config, Gemma2Model

    config = Gemma2Config(
        vocab_size=200,
        hidden_size=width,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
    )
    return _seeded(lambda: Gemma2Model(config))


def _qwen_3(kind: str, layers: int) -> Any:
    import transformers

    config = transformers.Qwen3Config(
        vocab_size=512,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=1024,
    )
    return _seeded(lambda: getattr(transformers, kind)(config))


def _flow() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler()


def _autoencoder(latents: int = 4, **more: Any) -> Any:
    """Makes each side an eighth, as the autoencoders of all these families do."""
    from diffusers import AutoencoderKL

    return _seeded(
        lambda: AutoencoderKL(
            block_out_channels=(4, 4, 8, 8),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=latents,
            norm_num_groups=4,
            sample_size=32,
            **more,
        )
    )


def stable_diffusion_3(folder: Path) -> Any:
    """SD 3: two CLIP towers and T5."""
    import diffusers
    from transformers import CLIPTokenizer

    clip = CLIPTokenizer.from_pretrained(save_tokenizer(folder / "tokenizer", FEW_MERGES))
    return diffusers.StableDiffusion3Pipeline(
        transformer=_seeded(
            lambda: diffusers.SD3Transformer2DModel(
                sample_size=32,
                patch_size=1,
                in_channels=16,
                num_layers=1,
                attention_head_dim=8,
                num_attention_heads=4,
                caption_projection_dim=32,
                joint_attention_dim=64,
                pooled_projection_dim=64,
                out_channels=16,
                pos_embed_max_size=64,
            )
        ),
        scheduler=_flow(),
        vae=_autoencoder(latents=16, shift_factor=0.06, scaling_factor=1.5),
        text_encoder=text_encoder(projection=True),
        tokenizer=clip,
        text_encoder_2=text_encoder(projection=True),
        tokenizer_2=clip,
        text_encoder_3=_t5(64),
        tokenizer_3=letters_of_t5(),
    )


def flux_1(folder: Path, *, is_distilled: bool = False) -> Any:
    """FLUX.1 dev, or schnell where it is distilled."""
    import diffusers
    from transformers import CLIPTokenizer

    clip = CLIPTokenizer.from_pretrained(save_tokenizer(folder / "tokenizer", FEW_MERGES))
    return diffusers.FluxPipeline(
        scheduler=_flow(),
        vae=_autoencoder(latents=1, shift_factor=0.06, scaling_factor=1.5),
        text_encoder=text_encoder(),
        tokenizer=clip,
        text_encoder_2=_t5(),
        tokenizer_2=letters_of_t5(),
        transformer=_seeded(
            lambda: diffusers.FluxTransformer2DModel(
                patch_size=1,
                in_channels=4,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=32,
                pooled_projection_dim=32,
                axes_dims_rope=[4, 4, 8],
                guidance_embeds=not is_distilled,
            )
        ),
    )


def _flux_2_parts(joint: int, *, has_guidance: bool) -> dict[str, Any]:
    import diffusers

    return {
        "scheduler": _flow(),
        "vae": _seeded(
            lambda: diffusers.AutoencoderKLFlux2(
                sample_size=32,
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                block_out_channels=(4, 4, 8, 8),
                layers_per_block=1,
                latent_channels=1,
                norm_num_groups=4,
                use_quant_conv=False,
                use_post_quant_conv=False,
            )
        ),
        "transformer": _seeded(
            lambda: diffusers.Flux2Transformer2DModel(
                patch_size=1,
                in_channels=4,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=joint,
                axes_dims_rope=[4, 4, 4, 4],
                guidance_embeds=has_guidance,
            )
        ),
    }


def flux_2(_: Path) -> Any:
    """FLUX.2 dev, which reads prompts with Mistral 3 and its processor."""
    import diffusers
    from transformers import (
        Mistral3Config,
        Mistral3ForConditionalGeneration,
        PixtralImageProcessor,
        PixtralProcessor,
    )

    text = {
        "model_type": "mistral",
        "vocab_size": 512,
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "num_hidden_layers": 30,
        "num_key_value_heads": 2,
        "head_dim": 4,
        "max_position_embeddings": 1024,
    }
    vision = {
        "model_type": "pixtral",
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "image_size": 32,
        "patch_size": 8,
    }
    config = Mistral3Config(
        text_config=text, vision_config=vision, image_token_index=1, vision_feature_layer=-1
    )
    tokenizer = letters_of_bytes()
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["[IMG]", "[IMG_BREAK]", "[IMG_END]"]}
    )
    return diffusers.Flux2Pipeline(
        text_encoder=_seeded(lambda: Mistral3ForConditionalGeneration(config)),
        tokenizer=PixtralProcessor(
            image_processor=PixtralImageProcessor(), tokenizer=tokenizer, chat_template=_CHAT
        ),
        **_flux_2_parts(24, has_guidance=True),
    )


def flux_2_klein(_: Path, *, is_distilled: bool = True) -> Any:
    """FLUX.2 klein."""
    import diffusers

    return diffusers.Flux2KleinPipeline(
        text_encoder=_qwen_3("Qwen3ForCausalLM", 27),
        tokenizer=letters_of_bytes(),
        is_distilled=is_distilled,
        **_flux_2_parts(48, has_guidance=False),
    )


def qwen_image(_: Path) -> Any:
    """Qwen-Image."""
    import diffusers
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": 512,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default"},
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
        },
    )
    return diffusers.QwenImagePipeline(
        scheduler=_flow(),
        vae=_seeded(
            lambda: diffusers.AutoencoderKLQwenImage(
                base_dim=8,
                z_dim=4,
                dim_mult=[1, 1, 1, 1],
                num_res_blocks=1,
                temperal_downsample=[False, True, True],
                latents_mean=[0.0] * 4,
                latents_std=[1.0] * 4,
            )
        ),
        text_encoder=_seeded(lambda: Qwen2_5_VLForConditionalGeneration(config)),
        tokenizer=letters_of_bytes(1024),
        transformer=_seeded(
            lambda: diffusers.QwenImageTransformer2DModel(
                patch_size=2,
                in_channels=16,
                out_channels=4,
                num_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=16,
                axes_dims_rope=(8, 4, 4),
            )
        ),
    )


def z_image(_: Path) -> Any:
    """Z-Image."""
    import diffusers

    return diffusers.ZImagePipeline(
        scheduler=_flow(),
        vae=_autoencoder(latents=16, scaling_factor=0.36, shift_factor=0.12),
        text_encoder=_qwen_3("Qwen3Model", 2),
        tokenizer=letters_of_bytes(),
        transformer=_seeded(
            lambda: diffusers.ZImageTransformer2DModel(
                all_patch_size=(2,),
                all_f_patch_size=(1,),
                in_channels=16,
                dim=32,
                n_layers=1,
                n_refiner_layers=1,
                n_heads=2,
                n_kv_heads=2,
                cap_feat_dim=16,
                axes_dims=[8, 4, 4],
                axes_lens=[1024, 32, 32],
            )
        ),
    )


def sana(_: Path) -> Any:
    """Sana."""
    import diffusers

    return diffusers.SanaPipeline(
        tokenizer=letters_of_gemma(),
        text_encoder=_gemma(),
        vae=_seeded(
            lambda: diffusers.AutoencoderDC(
                in_channels=3,
                latent_channels=4,
                attention_head_dim=2,
                encoder_block_types=(*("ResBlock",) * 5, "EfficientViTBlock"),
                decoder_block_types=(*("ResBlock",) * 5, "EfficientViTBlock"),
                encoder_block_out_channels=(8,) * 6,
                decoder_block_out_channels=(8,) * 6,
                encoder_qkv_multiscales=((),) * 5 + ((5,),),
                decoder_qkv_multiscales=((),) * 5 + ((5,),),
                encoder_layers_per_block=(1,) * 6,
                decoder_layers_per_block=[1] * 6,
                downsample_block_type="conv",
                upsample_block_type="interpolate",
                decoder_norm_types="rms_norm",
                decoder_act_fns="silu",
            )
        ),
        transformer=_seeded(
            lambda: diffusers.SanaTransformer2DModel(
                patch_size=1,
                in_channels=4,
                out_channels=4,
                num_layers=1,
                num_attention_heads=2,
                attention_head_dim=4,
                num_cross_attention_heads=2,
                cross_attention_head_dim=4,
                cross_attention_dim=8,
                caption_channels=8,
                sample_size=16,
            )
        ),
        scheduler=_flow(),
    )


def pixart_sigma(_: Path) -> Any:
    """PixArt-Sigma."""
    import diffusers

    return diffusers.PixArtSigmaPipeline(
        tokenizer=letters_of_t5(300),
        text_encoder=_t5(),
        vae=_autoencoder(),
        transformer=_seeded(
            lambda: diffusers.PixArtTransformer2DModel(
                sample_size=32,
                num_layers=1,
                patch_size=2,
                attention_head_dim=8,
                num_attention_heads=3,
                caption_channels=32,
                in_channels=4,
                cross_attention_dim=24,
                out_channels=8,
                use_additional_conditions=False,
            )
        ),
        scheduler=diffusers.DPMSolverMultistepScheduler(),
    )


def lumina_2(_: Path) -> Any:
    """Lumina 2."""
    import diffusers

    return diffusers.Lumina2Pipeline(
        transformer=_seeded(
            lambda: diffusers.Lumina2Transformer2DModel(
                sample_size=4,
                patch_size=2,
                in_channels=4,
                hidden_size=8,
                num_layers=1,
                num_attention_heads=1,
                num_kv_heads=1,
                multiple_of=16,
                axes_dim_rope=[4, 2, 2],
                axes_lens=[512, 64, 64],
                cap_feat_dim=8,
            )
        ),
        scheduler=_flow(),
        vae=_autoencoder(shift_factor=0.06, scaling_factor=1.5),
        text_encoder=_gemma(),
        tokenizer=letters_of_gemma(),
    )


def aura_flow(_: Path) -> Any:
    """AuraFlow."""
    import diffusers

    return diffusers.AuraFlowPipeline(
        tokenizer=letters_of_t5(),
        text_encoder=_umt5(),
        vae=_autoencoder(),
        transformer=_seeded(
            lambda: diffusers.AuraFlowTransformer2DModel(
                sample_size=32,
                patch_size=2,
                in_channels=4,
                num_mmdit_layers=1,
                num_single_dit_layers=1,
                attention_head_dim=8,
                num_attention_heads=4,
                caption_projection_dim=32,
                joint_attention_dim=32,
                out_channels=4,
                pos_embed_max_size=256,
            )
        ),
        scheduler=_flow(),
    )


def chroma(_: Path) -> Any:
    """Chroma."""
    import diffusers

    return diffusers.ChromaPipeline(
        scheduler=_flow(),
        vae=_autoencoder(latents=1, shift_factor=0.06, scaling_factor=1.5),
        text_encoder=_t5(),
        tokenizer=letters_of_t5(),
        transformer=_seeded(
            lambda: diffusers.ChromaTransformer2DModel(
                patch_size=1,
                in_channels=4,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=32,
                axes_dims_rope=[4, 4, 8],
                approximator_hidden_dim=32,
                approximator_layers=1,
                approximator_num_channels=16,
            )
        ),
    )


def cogview_4(_: Path) -> Any:
    """CogView4."""
    import diffusers
    from transformers import GlmConfig, GlmModel

    config = GlmConfig(
        vocab_size=200,
        hidden_size=32,
        intermediate_size=8,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=8,
        pad_token_id=1,
    )
    return diffusers.CogView4Pipeline(
        tokenizer=letters_of_glm(),
        text_encoder=_seeded(lambda: GlmModel(config)),
        vae=_autoencoder(),
        transformer=_seeded(
            lambda: diffusers.CogView4Transformer2DModel(
                patch_size=2,
                in_channels=4,
                num_layers=1,
                attention_head_dim=4,
                num_attention_heads=4,
                out_channels=4,
                text_embed_dim=32,
                time_embed_dim=8,
                condition_dim=4,
            )
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(
            base_shift=0.25,
            max_shift=0.75,
            base_image_seq_len=256,
            use_dynamic_shifting=True,
            time_shift_type="linear",
        ),
    )


MAKERS: dict[str, Callable[[Path], Any]] = {
    "sd3": stable_diffusion_3,
    "flux1-dev": flux_1,
    "flux1-schnell": lambda folder: flux_1(folder, is_distilled=True),
    "flux2-dev": flux_2,
    "flux2-klein": flux_2_klein,
    "flux2-klein-base": lambda folder: flux_2_klein(folder, is_distilled=False),
    "qwen-image": qwen_image,
    "z-image": z_image,
    "sana": sana,
    "pixart-sigma": pixart_sigma,
    "lumina2": lumina_2,
    "auraflow": aura_flow,
    "chroma": chroma,
    "cogview4": cogview_4,
}
"""Families besides Stable Diffusion 1 and XL, by a short name."""

NAMES = ("sd1", "sdxl", *MAKERS)


def save_family(name: str, folder: Path) -> Path:
    """Save the tiny model of a family."""
    if name == "sd1":
        return save_stable_diffusion(folder)
    if name == "sdxl":
        return save_stable_diffusion_xl(folder)
    MAKERS[name](folder).save_pretrained(folder, safe_serialization=True)
    return folder
