"""CLIP and timm through their real loaders, on tiny random models saved by the test."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import synthaudit
from synthaudit.embedding import clip, hub
from synthaudit.embedding.choice import choose_embedder
from synthaudit.embedding.protocol import TextEmbedder
from synthaudit.embedding.torch_model import TorchEmbedder
from synthaudit.errors import EmbedderError
from synthaudit.images.decoding import Frame, decode, fit_to_frame
from synthaudit.settings import Settings
from tests.pictures import picture

MODEL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
PREPROCESSING = {
    "mean": [0.4, 0.5, 0.6],
    "std": [0.2, 0.25, 0.3],
    "interpolation": "bilinear",
    "resize_mode": "squash",
}


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    model = open_clip.CLIP(**MODEL)
    save_file(dict(model.state_dict()), folder / "open_clip_model.safetensors")
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESSING}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


def load(folder: Path, **settings: Any) -> TorchEmbedder:
    name = f"clip:local-dir:{folder}"
    embedder = choose_embedder(Settings(embedder=name, device="cpu", **settings))
    assert isinstance(embedder, TorchEmbedder)
    return embedder


def batch(frame: Frame, count: int) -> np.ndarray:
    return np.stack([fit_to_frame(picture(seed), frame) for seed in range(count)])


def test_vectors_are_those_of_open_clip(model_folder: Path) -> None:
    import open_clip
    import torch

    embedder = load(model_folder)
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{model_folder}")
    images = torch.stack([preprocess(picture(seed)) for seed in range(5)])
    with torch.inference_mode():
        expected = model.eval().encode_image(images, normalize=True).numpy()
    result = embedder.encode(batch(embedder.frame, 5))
    assert result.dtype == np.float32
    assert result.shape == (5, embedder.dimension)
    assert np.abs(result - expected).max() < 1e-5


def test_preprocessing_is_the_models_own(model_folder: Path) -> None:
    frame = load(model_folder).frame
    assert frame == Frame(
        height=32, width=32, fit="squash", interpolation="bilinear", resizer="torch"
    )


def test_the_fingerprint_covers_weights_preprocessing_and_arithmetic(
    model_folder: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    def save(name: str, *, shift: float, mean: float) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        weights = load_file(model_folder / "open_clip_model.safetensors")
        weights["logit_scale"] = weights["logit_scale"] + shift
        save_file(weights, folder / "open_clip_model.safetensors")
        settings = {"model_cfg": MODEL, "preprocess_cfg": {**PREPROCESSING, "mean": [mean] * 3}}
        (folder / "open_clip_config.json").write_text(json.dumps(settings))
        return folder

    base = save("base", shift=0.0, mean=0.5)
    embedders = [
        load(base),
        load(save("other-weights", shift=1.0, mean=0.5)),
        load(save("other-mean", shift=0.0, mean=0.6)),
        load(base, precision="bf16"),
    ]
    assert len({embedder.fingerprint for embedder in embedders}) == 4
    assert load(save("same", shift=0.0, mean=0.5)).fingerprint == embedders[0].fingerprint


def test_half_precision_gives_float32_unit_vectors(model_folder: Path) -> None:
    exact, rounded = load(model_folder), load(model_folder, precision="bf16")
    pixels = batch(exact.frame, 4)
    result = rounded.encode(pixels)
    assert result.dtype == np.float32
    assert np.allclose(np.linalg.norm(result, axis=1), 1.0, atol=1e-6)
    assert (result * exact.encode(pixels)).sum(axis=1).min() > 0.99


def test_batches_are_halved_when_memory_runs_out(model_folder: Path, caplog: Any) -> None:
    import torch

    embedder = load(model_folder, batch_size=8)
    expected = embedder.encode(batch(embedder.frame, 11))
    encode, tried = embedder._encode, []

    def tight(pixels: torch.Tensor) -> torch.Tensor:
        tried.append(len(pixels))
        if len(pixels) > 3:
            raise torch.OutOfMemoryError("full")
        return encode(pixels)

    embedder._encode = tight
    assert np.allclose(embedder.encode(batch(embedder.frame, 11)), expected, atol=1e-6)
    assert tried == [8, 4, 2, 2, 2, 2, 2, 1]
    assert embedder.batch_size == 2
    assert "batches of 2" in caplog.text


def test_one_image_that_does_not_fit_is_an_error(model_folder: Path) -> None:
    import torch

    embedder = load(model_folder, batch_size=1)

    def full(_: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("full")

    embedder._encode = full
    with pytest.raises(EmbedderError, match="not enough memory for one image"):
        embedder.encode(batch(embedder.frame, 1))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clip:ViT-B-33:openai", "no model 'ViT-B-33'; did you mean"),
        ("clip:ViT-B-32:nonsense", "no weights 'nonsense' for ViT-B-32; it has openai"),
        ("clip:ViT-B-32", "there is no embedder"),
        ("clip:local-dir:/nowhere", "which does not exist"),
        ("dino", "there is no embedder 'dino': use auto, builtin"),
        ("timm:nonsense", "no pretrained model 'nonsense'"),
        ("timm:local-dir:/nowhere", "which does not exist"),
    ],
)
def test_names_that_mean_nothing(name: str, message: str) -> None:
    with pytest.raises(EmbedderError, match=message):
        choose_embedder(Settings(embedder=name))


def test_missing_weights_say_how_to_fetch_them() -> None:
    with pytest.raises(EmbedderError, match="hf download laion/CLIP-ViT-B-32-DataComp"):
        choose_embedder(Settings(embedder="clip"))


def test_a_folder_without_or_with_foreign_weights(model_folder: Path, tmp_path: Path) -> None:
    config = (model_folder / "open_clip_config.json").read_text()
    (tmp_path / "open_clip_config.json").write_text(config)
    with pytest.raises(EmbedderError, match="there are no weights"):
        load(tmp_path)
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(EmbedderError, match="cannot be loaded"):
        load(tmp_path)


def test_a_device_that_is_not_there(model_folder: Path) -> None:
    name = f"clip:local-dir:{model_folder}"
    with pytest.raises(EmbedderError, match="device 'cuda:77' is not at hand"):
        choose_embedder(Settings(embedder=name, device="cuda:77"))


def test_the_default_weights_are_those_of_open_clips_table() -> None:
    import open_clip

    entry = open_clip.get_pretrained_cfg(clip.DEFAULT_MODEL, clip.DEFAULT_TAG)
    assert entry["hf_hub"] == f"{clip.DEFAULT_REPOSITORY}/"


def test_a_tag_loads_from_a_cached_file_with_its_own_preprocessing(
    model_folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    import open_clip

    monkeypatch.setattr(hub, "find_cached", lambda *_: model_folder / "open_clip_model.safetensors")
    (tmp_path / "Tiny-32.json").write_text(json.dumps(MODEL))
    open_clip.add_model_config(tmp_path)
    entry = {"hf_hub": "someone/tiny/", "mean": (0.1, 0.2, 0.3), "std": (0.5, 0.5, 0.5)}
    entry |= {"interpolation": "bilinear", "resize_mode": "squash", "quick_gelu": True}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: entry)
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda _: ["any"])
    embedder = choose_embedder(Settings(embedder="clip:Tiny-32:any", device="cpu"))
    assert embedder.name == "clip:Tiny-32:any"
    assert embedder.frame.fit == "squash"
    assert embedder.fingerprint.endswith("mean=(0.1, 0.2, 0.3)/std=(0.5, 0.5, 0.5)/float32")
    assert embedder.encode(batch(embedder.frame, 2)).shape == (2, 16)


def test_timm_folder(tmp_path: Path) -> None:
    import timm
    import torch

    torch.manual_seed(0)
    model = timm.create_model("test_vit", pretrained=False, num_classes=0).eval()
    timm.models.save_for_hf(model, tmp_path, safe_serialization=True)
    embedder = choose_embedder(Settings(embedder=f"timm:local-dir:{tmp_path}", device="cpu"))
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    images = [picture(seed, 300) for seed in range(3)]
    with torch.inference_mode():
        expected = model(torch.stack([transform(image) for image in images]))
    expected = torch.nn.functional.normalize(expected, dim=-1).numpy()
    result = embedder.encode(np.stack([fit_to_frame(image, embedder.frame) for image in images]))
    assert (result * expected).sum(axis=1).min() > 0.9999


@pytest.fixture
def openai_clip() -> TorchEmbedder:
    if hub.find_cached("timm/vit_base_patch32_clip_224.openai", clip.WEIGHT_FILES) is None:
        pytest.skip("the OpenAI ViT-B/32 weights are not in the local hub cache")
    embedder = choose_embedder(Settings(embedder="clip:ViT-B-32-quickgelu:openai", device="cpu"))
    assert isinstance(embedder, TorchEmbedder)
    return embedder


@pytest.mark.weights
def test_golden_vectors(data: Path, openai_clip: TorchEmbedder) -> None:
    golden = data / "golden_clip"
    image = openai_clip.encode(decode((golden / "CLIP.png").read_bytes(), openai_clip.frame)[None])
    expected = np.load(golden / "image_features.npy").astype(np.float64).ravel()
    assert image[0] @ expected / np.linalg.norm(expected) > 0.999
    texts = np.load(golden / "text_features.npy").astype(np.float64)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    logits = 100 * texts @ image[0]
    share = np.exp(logits - logits.max())
    assert share / share.sum() == pytest.approx([0.9928, 0.0042, 0.0030], abs=5e-3)


def test_texts_are_read_as_open_clip_reads_them(model_folder: Path) -> None:
    import open_clip
    import torch

    embedder = load(model_folder)
    assert isinstance(embedder, TextEmbedder)
    texts = ["a photo of a dog.", "a photo of a cat."]
    model, _ = open_clip.create_model_from_pretrained(f"local-dir:{model_folder}")
    tokens = open_clip.get_tokenizer("ViT-B-32")(texts)
    with torch.inference_mode():
        expected = model.eval().encode_text(tokens, normalize=True).numpy()
    np.testing.assert_allclose(embedder.encode_text(texts), expected, atol=1e-5)


def test_an_audit_with_a_text_tower_has_zero_shot_baselines(
    model_folder: Path, two_sides: tuple[Path, Path]
) -> None:
    found = synthaudit.score(
        *two_sides, embedder=f"clip:local-dir:{model_folder}", device="cpu", permutations=19
    )
    baselines = found.usefulness["zero_shot"]
    assert set(baselines) == {"single", "ensemble"}
    assert all(0.0 <= value <= 1.0 for value in baselines.values())


def test_a_text_tower_without_its_tokenizer_leaves_the_baseline_out(
    model_folder: Path, two_sides: tuple[Path, Path], monkeypatch: Any, caplog: Any
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no such vocabulary")

    monkeypatch.setattr("open_clip.get_tokenizer", refuse)
    found = synthaudit.score(
        *two_sides, embedder=f"clip:local-dir:{model_folder}", device="cpu", permutations=19
    )
    assert "zero_shot" not in found.usefulness
    assert "no such vocabulary" in caplog.text


def test_compiled_kernels_are_made_once_and_give_the_same_vectors(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    plain = load(model_folder)
    made: list[tuple[int, ...]] = []

    def note(graph: Any, inputs: Any) -> Any:
        made.append(tuple(inputs[-1].shape))
        return graph.forward

    # Making kernels takes a compiler and a minute; which graphs they are made for does not.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=note))
    compiled = load(model_folder, compiled=True, batch_size=4)
    assert compiled.fingerprint != plain.fingerprint
    pixels = batch(plain.frame, 11)
    assert np.abs(compiled.encode(pixels) - plain.encode(pixels)).max() < 1e-6
    assert np.abs(compiled.encode(pixels[:1]) - plain.encode(pixels[:1])).max() < 1e-6
    assert len(made) == 1
