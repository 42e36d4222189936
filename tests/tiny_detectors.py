"""Tiny randomly initialised detectors and segmenters, as folders that the real loaders take."""

from __future__ import annotations

from pathlib import Path

from tests.tiny_diffusion import FEW_MERGES, VOCABULARY, save_tokenizer

SIDE = 64
PATCH = 8


def save_owlv2(folder: Path) -> Path:
    """A tiny OWLv2: 64 patches, one box each."""
    import torch
    import transformers

    torch.manual_seed(0)
    tower = {
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    config = transformers.Owlv2Config(
        text_config={
            **tower,
            "vocab_size": VOCABULARY,
            "max_position_embeddings": 16,
            "bos_token_id": VOCABULARY - 2,
            "eos_token_id": VOCABULARY - 1,
            "pad_token_id": 0,
        },
        vision_config={**tower, "image_size": SIDE, "patch_size": PATCH},
        projection_dim=32,
    )
    tokenizer = transformers.CLIPTokenizer.from_pretrained(
        save_tokenizer(folder / "draft", FEW_MERGES), model_max_length=16
    )
    size = {"height": SIDE, "width": SIDE}
    processor = transformers.Owlv2Processor(transformers.Owlv2ImageProcessor(size=size), tokenizer)
    transformers.Owlv2ForObjectDetection(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_sam2(folder: Path) -> Path:
    """A tiny SAM 2, of four small stages."""
    import torch
    import transformers

    torch.manual_seed(0)
    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=8,
        num_attention_heads=1,
        image_size=[128, 128],
        patch_kernel_size=[7, 7],
        patch_stride=[4, 4],
        patch_padding=[3, 3],
        window_positional_embedding_background_size=[7, 7],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[8, 4, 4, 4],
        global_attention_blocks=[3],
    )
    vision = transformers.Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
        fpn_hidden_size=32,
    )
    config = transformers.Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 32, "image_size": 128, "patch_size": 16},
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 16,
            "iou_head_hidden_dim": 16,
            "num_attention_heads": 2,
        },
    )
    model = transformers.Sam2Model(config)
    processor = transformers.Sam2Processor(
        transformers.Sam2ImageProcessor(
            size={"height": 128, "width": 128}, mask_size={"height": 32, "width": 32}
        ),
        target_size=128,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
