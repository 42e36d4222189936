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


def save_grounding_dino(folder: Path) -> Path:
    """A tiny Grounding DINO that reads letters."""
    import string

    import torch
    import transformers

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    letters = [lead + letter for lead in ("", "##") for letter in string.ascii_lowercase]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", *letters]
    (folder / "vocab.txt").write_text("\n".join(words))
    layers = {f"{part}_layers": 2 for part in ("encoder", "decoder")}
    config = transformers.GroundingDinoConfig(
        backbone_config=transformers.SwinConfig(
            image_size=64,
            embed_dim=16,
            depths=[1, 1, 1, 1],
            num_heads=[1, 2, 2, 4],
            window_size=4,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config={
            "model_type": "bert",
            "vocab_size": len(words),
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 16,
        },
        d_model=32,
        encoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_attention_heads=2,
        decoder_ffn_dim=16,
        num_queries=20,
        max_text_len=64,
        **layers,
    )
    transformers.GroundingDinoForObjectDetection(config).save_pretrained(folder)
    images = transformers.GroundingDinoImageProcessor(
        size={"shortest_edge": 64, "longest_edge": 96}
    )
    tokenizer = transformers.BertTokenizer(str(folder / "vocab.txt"))
    transformers.GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def save_sam3(folder: Path) -> Path:
    """A tiny SAM 3."""
    import torch
    import transformers

    torch.manual_seed(0)
    tower = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 32}
    own = {**tower, "num_layers": 1}
    config = transformers.Sam3Config(
        vision_config={
            "backbone_config": {
                **tower,
                "model_type": "sam3_vit_model",
                "num_hidden_layers": 2,
                "image_size": 112,
                "pretrain_image_size": 112,
                "patch_size": 14,
                "window_size": 4,
                "global_attn_indexes": [1],
            },
            "fpn_hidden_size": 32,
        },
        text_config={
            **tower,
            "vocab_size": VOCABULARY,
            "num_hidden_layers": 1,
            "max_position_embeddings": 32,
            "projection_dim": 32,
            "bos_token_id": VOCABULARY - 2,
            "eos_token_id": VOCABULARY - 1,
            "pad_token_id": VOCABULARY - 1,
        },
        geometry_encoder_config=own,
        detr_encoder_config=own,
        detr_decoder_config={**own, "num_queries": 10},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
    )
    transformers.Sam3Model(config).save_pretrained(folder)
    tokenizer = transformers.CLIPTokenizer.from_pretrained(
        save_tokenizer(folder / "draft", FEW_MERGES), model_max_length=32
    )
    images = transformers.Sam3ImageProcessor(size={"height": 112, "width": 112})
    transformers.Sam3Processor(images, tokenizer, target_size=112).save_pretrained(folder)
    return folder
