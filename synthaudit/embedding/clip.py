"""CLIP embedders through open_clip: by model and tag, or from a local folder."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.embedding import hub
from synthaudit.embedding.torch_model import Placement, TorchEmbedder, placement_of
from synthaudit.errors import EmbedderError
from synthaudit.images.decoding import Frame
from synthaudit.settings import Settings

if TYPE_CHECKING:
    import torch

DEFAULT_MODEL: Final = "ViT-B-32"
DEFAULT_TAG: Final = "datacomp_xl_s13b_b90k"
# Known here so that ``auto`` can look for them without the seconds that importing open_clip takes.
DEFAULT_REPOSITORY: Final = "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K"
WEIGHT_FILES: Final = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")

_DTYPE_NAMES: Final = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


def make_clip(argument: str, settings: Settings) -> ClipEmbedder:
    """``clip``, ``clip:MODEL:TAG`` or ``clip:local-dir:FOLDER``.

    Args:
        argument: what follows ``clip:``.
        settings: device, precision and whether a hub may be asked.

    Raises:
        EmbedderError: there is no such model, or its weights cannot be had.
    """
    model, _, tag = argument.partition(":")
    if not argument:
        # Before the seconds that torch and open_clip take.
        hub.fetch(DEFAULT_REPOSITORY, WEIGHT_FILES, local_files_only=settings.offline)
    placement = placement_of(settings)
    if model == "local-dir" and tag:
        return load_clip_folder(Path(tag).expanduser(), placement=placement)
    if argument and not (model and tag):
        raise EmbedderError(
            f"there is no embedder 'clip:{argument}': use clip, clip:MODEL:TAG or "
            "clip:local-dir:FOLDER."
        )
    return load_clip(
        model or DEFAULT_MODEL,
        tag or DEFAULT_TAG,
        placement=placement,
        local_files_only=settings.offline,
    )


class ClipEmbedder(TorchEmbedder):
    """An image tower with its text tower.

    Args:
        read: texts to features (n, d), on the device.
        model: open_clip's own, for who trains it.
        others: see ``TorchEmbedder``.
    """

    def __init__(
        self, *, read: Callable[[Sequence[str]], torch.Tensor], model: Any, **others: Any
    ) -> None:
        super().__init__(**others)
        self._read, self.model = read, model
        self.normalisation = (tuple(others["mean"]), tuple(others["std"]))

    def encode_text(self, texts: Sequence[str]) -> Singles:
        """Texts to float32 (n, d) with rows of length 1; those over the model's length are cut.

        Raises:
            EmbedderError: its tokenizer cannot be had.
        """
        import torch

        try:
            with torch.inference_mode():
                features = self._read(texts).to(torch.float32)
                features = torch.nn.functional.normalize(features, dim=-1)
        # Tokenizers are loaded from files or a hub and raise errors of their own.
        except Exception as error:
            reason = " ".join(str(error).split())
            raise EmbedderError(f"{self.name} cannot read text: {reason}") from error
        return np.asarray(features.cpu().numpy(), np.float32)


def load_clip(
    model: str,
    tag: str,
    *,
    placement: Placement,
    local_files_only: bool,
) -> ClipEmbedder:
    """A pretrained model of open_clip's table, by name and tag.

    Raises:
        EmbedderError: the model or tag is unknown, or its weights cannot be had.
    """
    import open_clip

    known = open_clip.list_models()
    if model not in known:
        raise EmbedderError(f"open_clip has no model {model!r}{_nearest(model, known)}")
    tags = open_clip.list_pretrained_tags_by_model(model)
    if tag.lower() not in (known_tag.lower() for known_tag in tags):
        raise EmbedderError(
            f"open_clip has no weights {tag!r} for {model}; it has {', '.join(tags) or 'none'}."
        )
    entry = open_clip.get_pretrained_cfg(model, tag)
    repository, _, file = str(entry.get("hf_hub", "")).rpartition("/")
    if not repository:
        raise EmbedderError(
            f"the weights {tag!r} of {model} are on no model hub: download them from "
            f"{entry.get('url', 'their publisher')} and use clip:local-dir:FOLDER."
        )
    weights = hub.fetch(
        repository, (file,) if file else WEIGHT_FILES, local_files_only=local_files_only
    )
    # Handing open_clip a file keeps it from asking the hub, which without a network takes minutes;
    # what the tag says of preprocessing and activation then has to be handed on too.
    overrides = {
        f"image_{key}": entry[key]
        for key in ("mean", "std", "interpolation", "resize_mode")
        if key in entry
    }
    return _load(
        f"clip:{model}:{tag}",
        f"clip/{model}/{hub.file_digest(weights)}",
        (model, str(weights)),
        {**overrides, "force_quick_gelu": bool(entry.get("quick_gelu", False))},
        placement=placement,
    )


def load_clip_folder(folder: Path, *, placement: Placement) -> ClipEmbedder:
    """A model saved as ``open_clip_config.json`` beside its weights.

    Raises:
        EmbedderError: there is no such folder, or config or weights are missing or do not fit.
    """
    config = folder / "open_clip_config.json"
    if not config.is_file():
        raise EmbedderError(f"clip:local-dir: needs {config}, which does not exist.")
    weights = sorted(
        file for file in folder.iterdir() if file.suffix in (".safetensors", ".bin", ".pth")
    )
    if not weights:
        raise EmbedderError(f"there are no weights (.safetensors, .bin, .pth) in {folder}.")
    digests = "/".join(hub.file_digest(file) for file in [config, *weights])
    return _load(
        f"clip:local-dir:{folder}",
        f"clip/{digests}",
        (f"local-dir:{folder}", None),
        {},
        placement=placement,
    )


def _load(
    name: str,
    identity: str,
    source: tuple[str, str | None],
    options: dict[str, Any],
    *,
    placement: Placement,
) -> ClipEmbedder:
    import open_clip

    device, dtype = placement.resolve()
    try:
        with warnings.catch_warnings():
            # It warns when a model's activation is set to what the weights were trained with.
            warnings.filterwarnings("ignore", message="QuickGELU mismatch")
            model = open_clip.create_model_from_pretrained(
                *source,
                precision=_DTYPE_NAMES[str(dtype).removeprefix("torch.")],
                device=device,
                return_transform=False,
                **options,
            )
    # It raises errors of json, torch and safetensors besides its own.
    except Exception as error:
        raise EmbedderError(f"{name} cannot be loaded: {' '.join(str(error).split())}") from error
    model.eval()
    settings = open_clip.get_model_preprocess_cfg(model)

    def encode(batch: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = model.encode_image(batch)
        return features

    def read(texts: Sequence[str]) -> torch.Tensor:
        # Made when asked for: some tokenizers are files of their own, and few audits need them.
        tokens = open_clip.get_tokenizer(source[0])(list(texts))
        features: torch.Tensor = model.encode_text(tokens.to(device))
        return features

    return ClipEmbedder(
        read=read,
        model=model,
        name=name,
        identity=identity,
        encode=encode,
        frame=_frame(settings),
        mean=tuple(settings["mean"]),
        std=tuple(settings["std"]),
        device=device,
        dtype=dtype,
        batch_size=placement.batch_size,
        compiled=placement.compiled,
    )


def _frame(settings: dict[str, Any]) -> Frame:
    size = settings["size"]
    height, width = (size, size) if isinstance(size, int) else size
    return Frame(
        height=int(height),
        width=int(width),
        fit=settings["resize_mode"],
        interpolation=settings["interpolation"],
        fill=int(settings.get("fill_color", 0) or 0),
        resizer="torch",
    )


def _nearest(word: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(near)}?" if near else "."
