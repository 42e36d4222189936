"""Every option of an audit, typed and frozen, in one place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synthaudit.errors import SettingsError

# Options that say how the work is done, not what comes out: no score depends on them.
_CONDITIONS: Final = frozenset(
    {
        "batch_size",
        "cache",
        "device",
        "engine",
        "local_files_only",
        "memory",
        "use_cache",
        "workers",
    }
)


class Settings(BaseModel):
    """Options of ``score``; unknown names are refused.

    Attributes:
        embedder: ``auto``, ``builtin``, ``clip``, ``clip:MODEL:TAG``, ``clip:local-dir:FOLDER``,
            ``timm:MODEL`` or ``timm:local-dir:FOLDER``.
        definition: ``default``, or ``cleanlab`` for Cleanlab Studio's own numbers.
        duplicate_distance: absolute cosine distance below which images are near-duplicates,
            instead of the radius estimated from the real images.
        false_alarms: share of fresh images that the estimated radius may flag by chance.
        false_discoveries: share of innocent images allowed among those called copies.
        folds: folds of the detector's cross-validation.
        keep: judge which synthetic images are worth keeping.
        obvious: probability from which an image is an obvious fake and not kept.
        quick: leave out intervals, nulls, p-values and the floor.
        harmonise: bring every image to one size and codec before it is embedded.
        repeats: cross-validations with different folds that are averaged; 1 when quick.
        permutations: of the sides, for the null.
        resamples: of the images, for the intervals.
        confidence: of the intervals.
        seed: decides all randomness: same seed, same numbers.
        max_unreadable: share of a side that may be unreadable before the audit is refused.
        max_pixels: larger images are refused before they are decoded.
        precision: arithmetic of a neural embedder; ``auto`` is bf16 or fp16 on a GPU, else fp32.
        cache: folder of the vector cache; None for the platform's.
        use_cache: whether vectors are remembered between runs.
        workers: decoding processes; None for one a core.
        batch_size: images that the embedder takes at once; None for a size that suits it.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ...
        compiled: have ``torch.compile`` make kernels for the model.
        local_files_only: never ask a model hub.
        engine: ``ray`` embeds, searches and cross-validates on the Ray cluster that is running; no
            score changes.
        memory: gigabytes that vectors may take, beyond which they lie in files in the cache's
            folder; None for half of the machine's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    embedder: str = Field(default="auto", min_length=1)
    definition: Literal["default", "cleanlab"] = "default"
    duplicate_distance: float | None = Field(default=None, gt=0.0, le=2.0, allow_inf_nan=False)
    false_alarms: float = Field(default=0.005, gt=0.0, lt=0.5)
    false_discoveries: float = Field(default=0.05, gt=0.0, lt=0.5)
    folds: int = Field(default=5, ge=2, le=100)
    keep: bool = False
    obvious: float = Field(default=0.95, gt=0.5, le=1.0)
    quick: bool = False
    harmonise: bool = False
    repeats: int = Field(default=3, ge=1, le=100)
    permutations: int = Field(default=99, ge=19, le=100_000)
    resamples: int = Field(default=40, ge=20, le=100_000)
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    seed: int = Field(default=0, ge=0, lt=2**63)
    max_unreadable: float = Field(default=0.05, ge=0.0, le=1.0)
    max_pixels: int = Field(default=200_000_000, ge=1)
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    cache: Path | None = None
    use_cache: bool = True
    workers: int | None = Field(default=None, ge=1, le=1024)
    batch_size: int | None = Field(default=None, ge=1)
    device: str = Field(default="auto", min_length=1)
    compiled: bool = False
    local_files_only: bool = False
    engine: Literal["local", "ray"] = "local"
    memory: float | None = Field(default=None, ge=0.0, allow_inf_nan=False)

    def deciding(self) -> dict[str, Any]:
        """The options on which a score can depend, for the provenance of a result."""
        return self.model_dump(mode="json", exclude=set(_CONDITIONS))


def make_settings(options: dict[str, Any]) -> Settings:
    """Validate options by name.

    Raises:
        SettingsError: in one sentence, with the nearest known name for an unknown one.
    """
    if isinstance(options.get("cache"), str):
        options = {**options, "cache": Path(options["cache"])}
    try:
        return Settings(**options)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error


def nearest_name(name: str, known: Iterable[str]) -> str:
    """What to say of an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}."


def _explain(error: ValidationError) -> str:
    problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"there is no setting {name!r}; {nearest_name(name, Settings.model_fields)}"
    message = problem["msg"].removeprefix("Input should be ")
    return f"{name.replace('_', '-')} should be {message}, not {problem['input']!r}."
