"""Models and weights of the generator: found here, or fetched from the hub, which is announced."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthaudit.embedding.hub import is_offline
from synthaudit.errors import GeneratorError
from synthaudit.leftovers import scratch_folder
from synthaudit.progress import LOGGER

if TYPE_CHECKING:
    from collections.abc import Iterator

_WEIGHTS: Final = ".safetensors"
_PLAIN_WEIGHTS: Final = re.compile(r"[^.]+(-\d+-of-\d+)?\.safetensors")
_LORA_FILE: Final = "pytorch_lora_weights.safetensors"
_UNITS: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def locate_model(model: str, *, local_files_only: bool) -> Path:
    """The folder or file of a model, fetched from the hub if need be.

    Raises:
        GeneratorError: it is neither here nor to be had.
    """
    place = Path(model)
    if place.is_dir():
        if not (place / "model_index.json").is_file():
            raise GeneratorError(f"{model} is no diffusers model: it has no model_index.json.")
        return place
    if place.is_file():
        return _only_weights(place, (_WEIGHTS,))
    if not _is_of_hub(model):
        raise GeneratorError(f"there is no model at {model}: mend the path.")
    return _pipeline_from_hub(model, local_files_only=local_files_only)


def locate_weights(
    weights: str, *, local_files_only: bool, suffixes: Sequence[str] = (_WEIGHTS,)
) -> Path:
    """A file of weights, or a folder that holds one: here, or ``owner/name[/file]`` of the hub.

    Args:
        weights: where.
        local_files_only: never ask the hub.
        suffixes: of the file.

    Raises:
        GeneratorError: it is neither here nor to be had, or of a kind that may hold code.
    """
    place = Path(weights)
    if place.is_file():
        return _only_weights(place, suffixes)
    if place.is_dir():
        return _only_file(weights, [f.name for f in place.iterdir()], suffixes, place)
    owner, _, rest = weights.partition("/")
    name, _, file = rest.partition("/")
    if not _is_of_hub(f"{owner}/{name}"):
        raise GeneratorError(f"there are no weights at {weights}: mend the path.")
    patterns = [file] if file else [f"*{suffix}" for suffix in suffixes]
    folder = _from_hub(f"{owner}/{name}", patterns, local_files_only=local_files_only)
    if file:
        return _only_weights(folder / file, suffixes)
    return _only_file(weights, [f.name for f in folder.iterdir()], suffixes, folder)


def locate_folder(
    model: str, patterns: Sequence[str], *, ignored: Sequence[str] = (), local_files_only: bool
) -> Path:
    """A folder of a model that is no whole pipeline: here, or a repository of the hub.

    Args:
        model: where.
        patterns: of the files that are needed of a repository.
        ignored: of those among them that are not.
        local_files_only: never ask the hub.

    Raises:
        GeneratorError: it is neither here nor to be had.
    """
    if Path(model).is_dir():
        return Path(model)
    if not _is_of_hub(model):
        raise GeneratorError(f"there is no model at {model}: mend the path.")
    return _from_hub(model, patterns, ignored=ignored, local_files_only=local_files_only)


@contextmanager
def quietly(diffusers: Any) -> Iterator[None]:
    """Without the notes and bars of the libraries, which afterwards are what they were."""
    import transformers

    logs = (diffusers.utils.logging, transformers.utils.logging)
    before = [(log, log.get_verbosity(), log.is_progress_bar_enabled()) for log in logs]
    for log in logs:
        log.set_verbosity_error()
        log.disable_progress_bar()
    try:
        yield
    finally:
        for log, level, has_bars in before:
            log.set_verbosity(level)
            if has_bars:
                log.enable_progress_bar()


def _is_of_hub(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/")) and not name.endswith("/")


def _only_weights(place: Path, suffixes: Sequence[str]) -> Path:
    if place.suffix not in suffixes:
        raise GeneratorError(
            f"{place} should be a {' or '.join(suffixes)} file: others may hold code."
        )
    return place


def _only_file(called: str, names: Iterable[str], suffixes: Sequence[str], folder: Path) -> Path:
    """The one file of weights of a folder, or the one that diffusers itself would take."""
    found = sorted(name for name in names if name.endswith(tuple(suffixes)))
    if _LORA_FILE in found:
        found = [_LORA_FILE]
    if len(found) != 1:
        which = f"has several ({', '.join(found[:4])})" if found else "has none"
        raise GeneratorError(f"{called} should hold one {suffixes[0]} file, but {which}: name it.")
    return folder / found[0]


def _pipeline_from_hub(model: str, *, local_files_only: bool) -> Path:
    """What the pipeline reads and no more: one variant of the weights, templates included."""
    import diffusers

    def download(**how: Any) -> Path:
        with quietly(diffusers):
            return Path(
                diffusers.DiffusionPipeline.download(
                    model, use_safetensors=True, trust_remote_code=False, **how
                )
            )

    try:
        place = download(local_files_only=True)
        # Of a download that was cut short, diffusers takes what there is for the whole.
        if _is_whole(place):
            return place
        raise FileNotFoundError(place)
    except Exception as error:
        if local_files_only or is_offline():
            raise _not_here(model) from error
    with _blaming_hub(model):
        _announce(model, _pipeline_files(model))
        with _progress_bars():
            return download()


def _from_hub(
    model: str, patterns: Sequence[str], *, ignored: Sequence[str] = (), local_files_only: bool
) -> Path:
    """Some files of a repository, in its folder of the local cache."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils._paths import filter_repo_objects

    wanted: dict[str, Any] = {"allow_patterns": list(patterns), "ignore_patterns": list(ignored)}
    if local_files_only or is_offline():
        try:
            return Path(snapshot_download(model, local_files_only=True, **wanted))
        except Exception as error:
            raise _not_here(model) from error
    with _blaming_hub(model):
        info = HfApi().model_info(model, files_metadata=True)
        names = [sibling.rfilename for sibling in info.siblings or []]
        chosen = set(filter_repo_objects(names, **wanted))
        if not chosen:
            raise FileNotFoundError(f"it has no {' or '.join(patterns)}")
        _announce(model, _missing(model, info, chosen))
        with _progress_bars():
            return Path(snapshot_download(model, **wanted))


def _pipeline_files(model: str) -> tuple[int, str]:
    """Bytes that are still to be fetched of a pipeline, and its licence."""
    from huggingface_hub import HfApi, hf_hub_download

    info = HfApi().model_info(model, files_metadata=True)
    with scratch_folder() as scratch:
        copy = Path(hf_hub_download(model, "model_index.json", local_dir=scratch))
        index = json.loads(copy.read_text("utf-8"))
    chosen = set()
    for sibling in info.siblings or []:
        folder, _, file = sibling.rfilename.rpartition("/")
        is_weight = file.endswith((_WEIGHTS, ".bin", ".ckpt", ".msgpack", ".onnx", ".pb", ".h5"))
        if folder in index and (not is_weight or _PLAIN_WEIGHTS.fullmatch(file)):
            chosen.add(sibling.rfilename)
    return _missing(model, info, chosen)


def _is_whole(place: Path) -> bool:
    """Whether all parts that an index names are there, with all shards of their weights."""
    index = json.loads((place / "model_index.json").read_text("utf-8"))
    for name, part in index.items():
        if not isinstance(part, list) or None in part:
            continue
        files = {file.name for file in (place / name).glob("*")}
        shards = {
            shard
            for file in files
            if file.endswith(f"{_WEIGHTS}.index.json")
            for shard in json.loads((place / name / file).read_text("utf-8"))["weight_map"].values()
        }
        has_weights = any(file.endswith(_WEIGHTS) for file in files)
        is_model = "config.json" in files
        if not files or (is_model and not has_weights) or shards - files:
            return False
    return True


def _missing(model: str, info: Any, chosen: set[str]) -> tuple[int, str]:
    from huggingface_hub import try_to_load_from_cache

    size = sum(
        sibling.size or 0
        for sibling in info.siblings or []
        if sibling.rfilename in chosen
        and not isinstance(try_to_load_from_cache(model, sibling.rfilename), str)
    )
    card = info.card_data
    licence = None if card is None else card.get("license_name") or card.get("license")
    return size, str(licence or "unknown")


def _announce(model: str, found: tuple[int, str]) -> None:
    """Say what is fetched before it is, and refuse what has no room.

    Raises:
        GeneratorError: the disk is too small.
    """
    from huggingface_hub.constants import HF_HUB_CACHE

    size, licence = found
    if not size:
        return
    place = Path(HF_HUB_CACHE)
    there = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free < size:
        raise GeneratorError(
            f"{model} needs {_amount(size)} in {place}, which has {_amount(free)} left: free some "
            "space, or set HF_HOME to another disk."
        )
    LOGGER.info("fetching %s: %s to %s, licence %s.", model, _amount(size), place, licence)


def _amount(size: int) -> str:
    """Bytes as people read them.

    >>> _amount(5_450_000_000), _amount(12_000)
    ('5.5 GB', '12.0 kB')
    """
    unit, name = next((one for one in _UNITS if size >= one[0]), _UNITS[-1])
    return f"{size / unit:,.1f} {name}"


@contextmanager
def _progress_bars() -> Iterator[None]:
    """The hub's own bars, unless only warnings are wanted."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if LOGGER.isEnabledFor(logging.INFO) or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


@contextmanager
def _blaming_hub(model: str) -> Iterator[None]:
    try:
        yield
    except GeneratorError:
        raise
    # The clients of the hub raise errors of several libraries.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise GeneratorError(
            f"{model} is not in the local cache and cannot be fetched ({reason}): check its name "
            "and the network, or give a local folder."
        ) from error


def _not_here(model: str) -> GeneratorError:
    return GeneratorError(
        f"{model} is not in the local cache and no hub may be asked: fetch it where there is a "
        f"network with `hf download {model}`, or give a local folder."
    )
