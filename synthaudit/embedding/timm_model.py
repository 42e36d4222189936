"""Any timm backbone (DINOv2 and kin) as an embedder: pooled features, no classifier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthaudit.embedding import hub
from synthaudit.embedding.torch_model import Placement, TorchEmbedder, placement_of
from synthaudit.errors import EmbedderError
from synthaudit.images.decoding import Frame
from synthaudit.settings import Settings

if TYPE_CHECKING:
    import torch


def make_timm(argument: str, settings: Settings) -> TorchEmbedder:
    """``timm:MODEL`` or ``timm:local-dir:FOLDER``.

    Args:
        argument: what follows ``timm:``.
        settings: device, precision and whether a hub may be asked.

    Raises:
        EmbedderError: there is no such model, or its weights cannot be had.
    """
    kind, _, folder = argument.partition(":")
    if kind == "local-dir" and folder:
        return load_timm_folder(Path(folder).expanduser(), placement=placement_of(settings))
    if not argument:
        raise EmbedderError("there is no embedder 'timm': use timm:MODEL or timm:local-dir:FOLDER.")
    return load_timm(
        argument,
        placement=placement_of(settings),
        local_files_only=settings.offline,
    )


def load_timm(
    model: str,
    *,
    placement: Placement,
    local_files_only: bool,
) -> TorchEmbedder:
    """A pretrained timm model by name.

    Raises:
        EmbedderError: timm has no such model, or its weights cannot be had.
    """
    import timm

    entry = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
    repository = None if entry is None else entry.hf_hub_id
    if entry is None or not repository:
        raise EmbedderError(
            f"timm has no pretrained model {model!r} on a hub; see timm.list_models."
        )
    files = (entry.hf_hub_filename,) if entry.hf_hub_filename else ("model.safetensors",)
    weights = hub.fetch(repository, files, local_files_only=local_files_only)
    return _load(
        f"timm:{model}",
        f"timm/{model}/{hub.file_digest(weights)}",
        model,
        {"pretrained": True, "pretrained_cfg_overlay": {"file": str(weights)}},
        placement=placement,
    )


def load_timm_folder(folder: Path, *, placement: Placement) -> TorchEmbedder:
    """A model saved by timm as ``config.json`` beside its weights.

    Raises:
        EmbedderError: config or weights are missing or do not fit.
    """
    files = [folder / "config.json", folder / "model.safetensors"]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise EmbedderError(f"timm:local-dir: needs {missing}, which does not exist.")
    digests = "/".join(hub.file_digest(file) for file in files)
    return _load(
        f"timm:local-dir:{folder}",
        f"timm/{digests}",
        f"local-dir:{folder}",
        {"pretrained": True},
        placement=placement,
    )


def _load(
    name: str,
    identity: str,
    source: str,
    options: dict[str, Any],
    *,
    placement: Placement,
) -> TorchEmbedder:
    import timm

    device, dtype = placement.resolve()
    try:
        model = timm.create_model(source, num_classes=0, **options)
    # It raises errors of json, torch and safetensors besides its own.
    except Exception as error:
        raise EmbedderError(f"{name} cannot be loaded: {' '.join(str(error).split())}") from error
    model.eval().to(device=device, dtype=dtype)
    settings = timm.data.resolve_model_data_config(model)
    height, width = settings["input_size"][1:]

    def encode(batch: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = model(batch)
        return features

    return TorchEmbedder(
        name=name,
        identity=identity,
        encode=encode,
        frame=Frame(
            height=height,
            width=width,
            fit="squash" if settings["crop_mode"] == "squash" else "shortest",
            interpolation=settings["interpolation"],
            enlarge=1.0 / settings["crop_pct"],
            resizer="torch",
        ),
        mean=tuple(settings["mean"]),
        std=tuple(settings["std"]),
        device=device,
        dtype=dtype,
        batch_size=placement.batch_size,
        compiled=placement.compiled,
    )
