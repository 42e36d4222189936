"""What is kept of a training: its state, to go on from, and LoRA files that diffusers loads."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from synthaudit.errors import StorageError, UsageError
from synthaudit.leftovers import clear, draft_prefix
from synthaudit.progress import LOGGER
from synthaudit.tuning.learning import Learner

WEIGHTS: Final = "pytorch_lora_weights.safetensors"
_STATE: Final = "state.pt"
_CALLED: Final = {
    "images_digest": "images or captions",
    "model_digest": "weights of the model",
    "processes": "numbers of processes",
    "mixed_precision": "arithmetic (--device, --precision)",
}
_EARLY: Final = {"in-use.lock", "class_images", "samples"}


class Checkpoints:
    """The files of one training.

    Args:
        folder: of its results.
        key: of everything that decides the weights; a state with another one is not gone on from.

    Raises:
        StorageError: the folder cannot be made.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any]) -> None:
        self.folder, self._key = folder, dict(key)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            clear(folder)
        except OSError as error:
            raise _full(folder, error) from error

    def load(self) -> dict[str, Any] | None:
        """The state to go on from; None where there is none, or none that can be read.

        Raises:
            UsageError: it is of another model, other images or another recipe.
        """
        import torch

        file = self.folder / _STATE
        if not file.is_file():
            return None
        try:
            found: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            key = json.loads(found["key"])
        # What a file cut short raises is of many kinds.
        except Exception:  # noqa: BLE001
            LOGGER.warning("%s cannot be read: the training begins again.", file)
            for step in self.steps(None):
                shutil.rmtree(self.folder / str(step), ignore_errors=True)
            return None
        other = sorted(name for name in {*key, *self._key} if key.get(name) != self._key.get(name))
        if other:
            told = ", ".join(_CALLED.get(name, f"--{name.replace('_', '-')}") for name in other[:4])
            raise UsageError(
                f"{self.folder} holds a training with other {told}: bring that back, or give "
                "another folder with --out."
            )
        return found

    def steps(self, most: int | None) -> list[int]:
        """Steps whose weights of this very training were kept, ascending; none above ``most``."""
        found = []
        for place in self.folder.iterdir():
            is_step = place.name.isascii() and place.name.isdecimal()
            if is_step and (most is None or int(place.name) <= most):
                told = _provenance_of(place / WEIGHTS)
                if all(told.get(name) == own for name, own in self._key.items() if name in told):
                    found += [int(place.name)] if told else []
        return sorted(found)

    def keep(self, learner: Learner, audits: Any) -> None:
        """Write the state, whole or not at all.

        Raises:
            StorageError: there is no room.
        """
        import torch

        draft = self.folder / f"{draft_prefix()}{_STATE}"
        try:
            state = {**learner.state(), "key": json.dumps(self._key), "audits": audits}
            torch.save(state, draft)
            os.replace(draft, self.folder / _STATE)
        except (OSError, RuntimeError) as error:  # torch's writer raises either
            raise _full(self.folder, error) from error
        finally:
            draft.unlink(missing_ok=True)

    def publish(self, learner: Learner, provenance: Mapping[str, Any]) -> Path:
        """Write the LoRA of the present step into a folder of that name.

        Raises:
            StorageError: there is no room.
        """
        from safetensors import SafetensorError

        place = self.folder / str(learner.step)
        draft = Path(tempfile.mkdtemp(prefix=draft_prefix(), dir=self.folder))
        try:
            own = {f"{name}_lora_layers": layers for name, layers in learner.layers().items()}
            kind = type(learner.base.pipeline.inner)
            kind.save_lora_weights(draft, weight_name=WEIGHTS, safe_serialization=True, **own)
            _sign(draft / WEIGHTS, {**provenance, "step": learner.step})
            shutil.rmtree(place, ignore_errors=True)
            draft.chmod(0o755)
            os.replace(draft, place)
        except (OSError, SafetensorError) as error:
            raise _full(self.folder, error) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return place


def refuse_strange(folder: Path) -> None:
    """Refuse a folder with somebody else's files, such as a card that ours would replace.

    Raises:
        UsageError: it has some, and no training.
    """
    if not folder.is_dir() or (folder / _STATE).exists() or (folder / "tune.json").exists():
        return
    there = sorted(own.name for own in folder.iterdir() if not own.name.startswith(".partial"))
    strange = [name for name in there if name not in _EARLY]
    if strange:
        raise UsageError(
            f"{folder} holds something else than a training ({strange[0]}): give another folder "
            "with --out."
        )


def _sign(file: Path, provenance: Mapping[str, Any]) -> None:
    """Put where it comes from into the metadata of a file of weights."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(file, framework="pt") as opened:
        metadata = dict(opened.metadata() or {})
    tensors = load_file(file)
    save_file(tensors, file, {**metadata, "synthaudit": json.dumps(dict(provenance))})


def read_provenance(file: Path) -> dict[str, Any]:
    """Where a LoRA file comes from; empty for one of another program."""
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        text = (opened.metadata() or {}).get("synthaudit")
    return {} if text is None else json.loads(text)


def _provenance_of(file: Path) -> dict[str, Any]:
    from safetensors import SafetensorError

    try:
        return read_provenance(file)
    except (OSError, SafetensorError, ValueError):
        return {}


def _full(folder: Path, error: Exception) -> StorageError:
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
    return StorageError(
        f"the training cannot be written to {folder} ({str(reason).lower()}): free some space and "
        "give the same command again; what was kept last stays."
    )
