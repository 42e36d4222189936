"""The options of an audit by keyword, made from ``Settings``: ``make generate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    import torch

    from synthaudit.embedding.protocol import Embedder
    from synthaudit.embedding.torch_module import Transform


class Options(TypedDict, total=False):
    """What ``score`` and its kin take by name; see ``Settings`` for defaults and bounds."""

    embedder: str | Embedder | tuple[torch.nn.Module, Transform]
    """auto, builtin, clip, clip:MODEL:TAG, clip:local-dir:FOLDER, timm:MODEL,
    timm:local-dir:FOLDER, torchscript:FILE, or one that another package brings; several with
    commas between them."""
    copy_embedder: str | None
    """Another embedder for near-duplicates alone; images only."""
    definition: Literal["default", "cleanlab"]
    """cleanlab gives Cleanlab Studio's own numbers."""
    duplicate_distance: float | None
    """Cosine distance of near-duplicates; default: learnt from REAL."""
    false_alarms: float
    """Share of fresh images that the learnt radius may flag."""
    false_discoveries: float
    """Share of innocent images among those called copies."""
    faithfulness: str | None
    """Who judges whether pictures show their prompts: an embedder that reads text, vqa:MODEL, or
    none; default: the embedder, if it reads text."""
    attributes: Path | None
    """File of further attributes to look for in the pictures, one a line."""
    folds: int
    """Folds of the detector's cross-validation."""
    keep: bool
    """Judge which synthetic images are worth keeping."""
    obvious: float
    """Probability from which --keep drops an image as a fake."""
    quick: bool
    """Leave out what needs resampling: intervals, the floor, the few-shot curve and the like."""
    harmonise: bool
    """Bring all images to one size and codec before they are embedded."""
    repeats: int
    """Cross-validations with different folds that are averaged; 1 with --quick."""
    permutations: int
    """Permutations of the sides, for nulls and p-values."""
    resamples: int
    """Resamples of the images, for the intervals."""
    confidence: float
    """Confidence of the intervals."""
    seed: int
    """Same seed, same numbers."""
    max_unreadable: float
    """Share of a side that may be unreadable."""
    max_pixels: int
    """Larger images are refused before they are decoded."""
    measures: Sequence[str]
    """A measure by name, of synthaudit or a package; repeatable."""
    precision: Literal["auto", "fp32", "fp16", "bf16"]
    """Arithmetic of the model; auto is bf16 or fp16 on a GPU, else fp32."""
    cache: Path | str | None
    """Folder of the vector cache; default: the platform's."""
    use_cache: bool
    """Remember no vectors."""
    workers: int | None
    """Decoding processes; default: one a core."""
    batch_size: int | None
    """Images that the model takes at once; default: what suits it."""
    device: str
    """auto, cpu, cuda, cuda:1, mps, ..."""
    compiled: bool
    """Make kernels for the model first: for very many images."""
    offline: bool
    """Never ask a model hub, nor fetch what a manifest names by URL."""
    allow_private: bool
    """Let manifests name URLs of this machine and its own network."""
    allow_protocols: Sequence[str]
    """Let manifests name URLs of a further protocol that fsspec knows; repeatable."""
    engine: Literal["local", "ray"]
    """ray embeds, searches and cross-validates on the Ray cluster that is running."""
    memory: float | None
    """Gigabytes that vectors may take before they go to disk; default: half of the machine's."""
