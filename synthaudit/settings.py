"""Every option of an audit, written once: its default, bounds and meaning, in one place.

The command line, its help, the reference in the docs and ``options.py`` are made from these fields.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from synthaudit.errors import SettingsError
from synthaudit.validation import explain

Kind = TypeVar("Kind", bound=BaseModel)

PANELS: Final = ("Scores", "Certainty", "Copies", "Images", "Embedder", "Machine")
"""Under which headings the help lists the options, in that order."""


def _option(default: Any, panel: str, description: str, /, *, flag: str = "", **bounds: Any) -> Any:
    """A field with what the command line says of it.

    ``flag`` is what it is called there, if that is not its name with dashes; with a leading
    ``--no-`` or for ``--offline`` a switch; ``""`` with ``panel`` empty keeps it off.
    """
    return Field(
        default=default,
        description=description,
        json_schema_extra={"panel": panel, "flag": flag},
        **bounds,
    )


class Settings(BaseModel):
    """Options of ``score``, frozen; unknown names are refused.

    >>> Settings(seed=1).seed
    1
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    embedder: str = _option(
        "auto",
        "Embedder",
        "auto, builtin, clip, clip:MODEL:TAG, clip:local-dir:FOLDER, timm:MODEL, "
        "timm:local-dir:FOLDER, torchscript:FILE, or one that another package brings; several "
        "with commas between them.",
        min_length=1,
    )
    copy_embedder: str | None = _option(
        None, "Copies", "Another embedder for near-duplicates alone; images only.", min_length=1
    )
    definition: Literal["default", "cleanlab"] = _option(
        "default", "Scores", "cleanlab gives Cleanlab Studio's own numbers."
    )
    duplicate_distance: float | None = _option(
        None,
        "Copies",
        "Cosine distance of near-duplicates; default: learnt from REAL.",
        gt=0.0,
        le=2.0,
        allow_inf_nan=False,
    )
    false_alarms: float = _option(
        0.005, "Copies", "Share of fresh images that the learnt radius may flag.", gt=0.0, lt=0.5
    )
    false_discoveries: float = _option(
        0.05, "Copies", "Share of innocent images among those called copies.", gt=0.0, lt=0.5
    )
    faithfulness: str | None = _option(
        None,
        "Scores",
        "Who judges whether pictures show their prompts: an embedder that reads text, vqa:MODEL, "
        "or none; default: the embedder, if it reads text.",
        min_length=1,
    )
    attributes: Path | None = _option(
        None, "Scores", "File of further attributes to look for in the pictures, one a line."
    )
    folds: int = _option(5, "Scores", "Folds of the detector's cross-validation.", ge=2, le=100)
    keep: bool = _option(False, "", "Judge which synthetic images are worth keeping.")
    obvious: float = _option(
        0.95, "Images", "Probability from which --keep drops an image as a fake.", gt=0.5, le=1.0
    )
    quick: bool = _option(
        False,
        "Certainty",
        "Leave out what needs resampling: intervals, the floor, the few-shot curve and the like.",
    )
    harmonise: bool = _option(
        False, "Images", "Bring all images to one size and codec before they are embedded."
    )
    repeats: int = _option(
        3,
        "Certainty",
        "Cross-validations with different folds that are averaged; 1 with --quick.",
        ge=1,
        le=100,
    )
    permutations: int = _option(
        99, "Certainty", "Permutations of the sides, for nulls and p-values.", ge=19, le=100_000
    )
    resamples: int = _option(
        40, "Certainty", "Resamples of the images, for the intervals.", ge=20, le=100_000
    )
    confidence: float = _option(0.95, "Certainty", "Confidence of the intervals.", gt=0.5, lt=1.0)
    seed: int = _option(0, "Scores", "Same seed, same numbers.", ge=0, lt=2**63)
    max_unreadable: float = _option(
        0.05, "Images", "Share of a side that may be unreadable.", ge=0.0, le=1.0
    )
    max_pixels: int = _option(
        200_000_000, "Images", "Larger images are refused before they are decoded.", ge=1
    )
    measures: tuple[str, ...] = _option(
        (),
        "Scores",
        "A measure by name, of synthaudit or a package; repeatable.",
        flag="--measure",
    )
    precision: Literal["auto", "fp32", "fp16", "bf16"] = _option(
        "auto", "Embedder", "Arithmetic of the model; auto is bf16 or fp16 on a GPU, else fp32."
    )
    cache: Path | None = _option(
        None, "Machine", "Folder of the vector cache; default: the platform's."
    )
    use_cache: bool = _option(True, "Machine", "Remember no vectors.", flag="--no-cache")
    workers: int | None = _option(
        None, "Machine", "Decoding processes; default: one a core.", ge=1, le=1024
    )
    batch_size: int | None = _option(
        None, "Embedder", "Images that the model takes at once; default: what suits it.", ge=1
    )
    device: str = _option("auto", "Embedder", "auto, cpu, cuda, cuda:1, mps, ...", min_length=1)
    compiled: bool = _option(
        False, "Embedder", "Make kernels for the model first: for very many images."
    )
    offline: bool = _option(
        False, "Embedder", "Never ask a model hub, nor fetch what a manifest names by URL."
    )
    allow_private: bool = _option(
        False, "Machine", "Let manifests name URLs of this machine and its own network."
    )
    allow_protocols: tuple[str, ...] = _option(
        (),
        "Machine",
        "Let manifests name URLs of a further protocol that fsspec knows; repeatable.",
        flag="--allow-protocol",
    )
    engine: Literal["local", "ray"] = _option(
        "local",
        "Machine",
        "ray embeds, searches and cross-validates on the Ray cluster that is running.",
    )
    memory: float | None = _option(
        None,
        "Machine",
        "Gigabytes that vectors may take before they go to disk; default: half of the machine's.",
        ge=0.0,
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _take_plain_values(cls, options: Any) -> Any:
        """Numbers of numpy are numbers, a text is a path, a list of names is a tuple."""
        if not isinstance(options, dict):
            return options
        plain = {name: _plain(value) for name, value in options.items()}
        for name in ("cache", "attributes"):
            if isinstance(plain.get(name), str):
                plain[name] = Path(plain[name])
        for name in ("measures", "allow_protocols"):
            if isinstance(plain.get(name), list):
                plain[name] = tuple(plain[name])
        return plain

    def deciding(self) -> dict[str, Any]:
        """The options on which a score can depend, for the provenance of a result."""
        # How the work is done, not what comes out; and measures that no package adds add nothing.
        left_out = {*CONDITIONS, *(() if self.measures else ("measures",))}
        for name in ("copy_embedder", "faithfulness", "attributes"):
            if getattr(self, name) is None:
                left_out.add(name)
        return self.model_dump(mode="json", exclude=left_out)


CONDITIONS: Final = frozenset(
    {
        "allow_private",
        "allow_protocols",
        "batch_size",
        "cache",
        "device",
        "engine",
        "offline",
        "memory",
        "use_cache",
        "workers",
    }
)
"""Options that say how the work is done, not what comes out: no score depends on them."""


def make_settings(options: dict[str, Any], base: Settings | None = None) -> Settings:
    """Validate options by name.

    Args:
        options: by name.
        base: what they change; the defaults when there is none.

    Raises:
        SettingsError: in one sentence, with the nearest known name for an unknown one.
    """
    if base is not None and not isinstance(base, Settings):
        raise SettingsError(
            f"settings should be synthaudit.Settings, not {type(base).__name__}: give options by "
            "their names instead."
        )
    given = {} if base is None else base.model_dump(exclude_unset=True)
    return validated(Settings, {**given, **options})


def validated(kind: type[Kind], options: dict[str, Any]) -> Kind:
    """Options by name as a model of them.

    Raises:
        SettingsError: in one sentence, with the nearest known name for an unknown one.
    """
    try:
        return kind(**options)
    except ValidationError as error:
        raise SettingsError(
            explain(
                error,
                noun="setting",
                known=lambda _: kind.model_fields,
                spelt=lambda name: name.replace("_", "-"),
            )
        ) from error


def _plain(value: Any) -> Any:
    """A number of numpy as a number; without importing numpy, which takes its time."""
    is_numpy = type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()
    return value.item() if is_numpy else value


def panel_of(name: str) -> str:
    """The heading under which the help lists an option; empty for what is no option there."""
    return str(_extra(name)["panel"])


def flag_of(name: str) -> str:
    """What an option is called on the command line.

    >>> flag_of("false_alarms"), flag_of("use_cache")
    ('--false-alarms', '--no-cache')
    """
    return str(_extra(name)["flag"]) or f"--{name.replace('_', '-')}"


def _extra(name: str) -> dict[str, Any]:
    extra = Settings.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    return dict(extra)
