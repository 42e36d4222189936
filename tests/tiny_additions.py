"""What people add to diffusion models, tiny and random: adapters, ControlNets, LoRAs, files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

WIDTH = 32


def _drawn(*shape: int) -> Any:
    import torch

    return torch.randn(*shape) * 0.5


def _save(tensors: Mapping[str, Any], file: Path) -> Path:
    from safetensors.torch import save_file

    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().clone().contiguous() for name, value in tensors.items()}, file)
    return file


def save_image_encoder(folder: Path, *, is_siglip: bool = False) -> Path:
    """What reads image prompts."""
    import torch
    import transformers

    torch.manual_seed(3)
    sizes = {
        "hidden_size": WIDTH,
        "intermediate_size": 37,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
    }
    if is_siglip:
        model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**sizes))
        transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    else:
        config = transformers.CLIPVisionConfig(**sizes, projection_dim=WIDTH)
        model = transformers.CLIPVisionModelWithProjection(config)
        size = {"shortest_edge": 32}
        crop = {"height": 32, "width": 32}
        transformers.CLIPImageProcessor(size=size, crop_size=crop).save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def save_adapter(folder: Path, model: Path) -> dict[str, Any]:
    """An IP-Adapter for a tiny model, as the option ``adapter``."""
    import diffusers
    import torch

    pipeline = diffusers.DiffusionPipeline.from_pretrained(model, local_files_only=True)
    torch.manual_seed(4)
    if isinstance(pipeline, diffusers.StableDiffusion3Pipeline):
        tensors = _of_stable_diffusion_3(pipeline.transformer)
        save_image_encoder(folder / "image_encoder", is_siglip=True)
    elif isinstance(pipeline, diffusers.FluxPipeline):
        tensors = _of_flux(pipeline.transformer)
        save_image_encoder(folder / "image_encoder")
    else:
        tensors = _of_unet(pipeline.unet)
        save_image_encoder(folder / "models" / "image_encoder")
        _save(tensors, folder / "models" / "adapter.safetensors")
        return {"model": str(folder), "subfolder": "models", "weight": "adapter.safetensors"}
    _save(tensors, folder / "adapter.safetensors")
    return {"model": str(folder), "weight": "adapter.safetensors"}


def _projection(width: int) -> dict[str, Any]:
    return {
        "image_proj.proj.weight": _drawn(4 * width, WIDTH),
        "image_proj.proj.bias": _drawn(4 * width),
        "image_proj.norm.weight": _drawn(width),
        "image_proj.norm.bias": _drawn(width),
    }


def _of_unet(unet: Any) -> dict[str, Any]:
    width = unet.config.cross_attention_dim
    tensors, key = _projection(width), 1
    for name in unet.attn_processors:
        if "attn1" in name or "motion" in name:
            continue
        layer = unet.get_submodule(name.removesuffix(".processor"))
        own = layer.to_k.out_features
        for part in ("k", "v"):
            tensors[f"ip_adapter.{key}.to_{part}_ip.weight"] = _drawn(own, width)
        key += 2
    return tensors


def _of_flux(transformer: Any) -> dict[str, Any]:
    width, inner = transformer.config.joint_attention_dim, transformer.inner_dim
    tensors = _projection(width)
    for key in range(transformer.config.num_layers):
        for part in ("k", "v"):
            tensors[f"ip_adapter.{key}.to_{part}_ip.weight"] = _drawn(inner, width)
            tensors[f"ip_adapter.{key}.to_{part}_ip.bias"] = _drawn(inner)
    return tensors


def _of_stable_diffusion_3(transformer: Any) -> dict[str, Any]:
    from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
    from diffusers.models.embeddings import IPAdapterTimeImageProjection

    projection = IPAdapterTimeImageProjection(
        embed_dim=WIDTH,
        output_dim=transformer.inner_dim,
        hidden_dim=64,
        heads=1,
        num_queries=2,
        depth=4,
    )
    tensors = {f"image_proj.{name}": value for name, value in projection.state_dict().items()}
    for number, _ in enumerate(transformer.attn_processors):
        processor = SD3IPAdapterJointAttnProcessor2_0(
            hidden_size=transformer.inner_dim,
            ip_hidden_states_dim=transformer.inner_dim,
            head_dim=transformer.config.attention_head_dim,
            timesteps_emb_dim=64,
        )
        own = processor.state_dict().items()
        tensors |= {f"ip_adapter.{number}.{name}": value for name, value in own}
    return tensors


def save_controlnet(folder: Path, model: Path) -> Path:
    """A ControlNet for a tiny model with a U-Net, whose zero layers are not zero."""
    import diffusers
    import torch

    pipeline = diffusers.DiffusionPipeline.from_pretrained(model, local_files_only=True)
    torch.manual_seed(5)
    # Control images are made as small as the latents of an autoencoder that halves once.
    control = diffusers.ControlNetModel.from_unet(
        pipeline.unet, conditioning_embedding_out_channels=(4, 8)
    )
    with torch.no_grad():
        for values in control.parameters():
            if not values.any():
                values.normal_(std=0.3)
    control.save_pretrained(folder, safe_serialization=True)
    return folder


def save_transformer(file: Path, model: Path) -> Path:
    """The transformer of a tiny model by itself, other than in the model: .safetensors or .gguf."""
    import diffusers
    import torch

    inner = diffusers.DiffusionPipeline.from_pretrained(model, local_files_only=True).transformer
    torch.manual_seed(6)
    with torch.no_grad():
        for values in inner.parameters():
            values.add_(torch.randn_like(values) * 0.1)
    tensors = inner.state_dict()
    if file.suffix == ".safetensors":
        return _save(tensors, file)
    import gguf

    writer = gguf.GGUFWriter(file, "flux")
    for name, tensor in tensors.items():
        values = tensor.detach().numpy()
        if values.ndim == 2 and values.shape[1] % 32 == 0:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def save_single_file(file: Path, model: Path) -> Path:
    """A tiny Stable Diffusion 1.x in one file, with the names that its authors gave the weights."""
    import diffusers

    pipeline = diffusers.DiffusionPipeline.from_pretrained(model, local_files_only=True)
    layers = pipeline.unet.config.layers_per_block
    tensors = {
        f"model.diffusion_model.{_unet_name(name, layers)}": value
        for name, value in pipeline.unet.state_dict().items()
    }
    tensors |= {
        f"first_stage_model.{_autoencoder_name(name)}": _as_convolution(name, value)
        for name, value in pipeline.vae.state_dict().items()
    }
    for name, value in pipeline.text_encoder.state_dict().items():
        bare = name.removeprefix("text_model.")
        tensors[f"cond_stage_model.transformer.text_model.{bare}"] = value
    return _save(tensors, file)


def _unet_name(name: str, layers: int) -> str:
    for own, original in _ENDS.items():
        if name.startswith(own + "."):
            return original + name.removeprefix(own)
    parts = name.split(".")
    if parts[0] == "mid_block":
        place = f"middle_block.{1 if parts[1] == 'attentions' else 2 * int(parts[2])}"
        rest = parts[3:]
    else:
        block, kind, number, rest = int(parts[1]), parts[2], int(parts[3]), parts[4:]
        is_down = parts[0] == "down_blocks"
        depth = layers + 1
        if kind == "downsamplers":
            return f"input_blocks.{(block + 1) * depth}.0.op.{rest[-1]}"
        position = block * depth + number + (1 if is_down else 0)
        side = "input_blocks" if is_down else "output_blocks"
        if kind == "upsamplers":
            # After the last layer of its block, and after its attention where it has any.
            place = f"output_blocks.{block * depth + layers}.{2 if block == 0 else 1}"
            return ".".join([place, *rest])
        place = f"{side}.{position}.{1 if kind == 'attentions' else 0}"
    if rest[0] in _RESNET:
        rest = [_RESNET[rest[0]], *rest[1:]]
    return ".".join([place, *rest])


def _autoencoder_name(name: str) -> str:
    blocks = 2
    parts = name.split(".")
    if len(parts) > 2 and parts[1] in ("down_blocks", "up_blocks"):
        is_down, block = parts[1] == "down_blocks", int(parts[2])
        side = "down" if is_down else "up"
        place = f"{parts[0]}.{side}.{block if is_down else blocks - 1 - block}"
        if parts[3] == "resnets":
            rest = ["nin_shortcut" if p == "conv_shortcut" else p for p in parts[5:]]
            return f"{place}.block.{parts[4]}.{'.'.join(rest)}"
        return f"{place}.{'downsample' if is_down else 'upsample'}.{'.'.join(parts[5:])}"
    if len(parts) > 2 and parts[1] == "mid_block":
        if parts[2] == "resnets":
            return f"{parts[0]}.mid.block_{int(parts[3]) + 1}.{'.'.join(parts[4:])}"
        own = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out": "proj_out"}
        return f"{parts[0]}.mid.attn_1.{own[parts[4]]}.{parts[-1]}"
    return name.replace("conv_norm_out", "norm_out")


def _as_convolution(name: str, value: Any) -> Any:
    """Its attention was written as convolutions over single pixels."""
    is_attention = ".attentions." in name and name.endswith("weight") and value.ndim == 2
    return value[:, :, None, None] if is_attention else value
