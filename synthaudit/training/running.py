"""Train a real network on real images, on synthetic ones and on both: the last word on a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.errors import DataError, UsageError
from synthaudit.images.collection import Collection
from synthaudit.images.opening import Source, open_source, refuse_overlap
from synthaudit.measures.randomness import stream
from synthaudit.progress import DONE, Progress, listening
from synthaudit.result.writing import refuse_beside, refuse_file
from synthaudit.training.learning import Lesson, choose_device, learn_and_name
from synthaudit.training.networks import check_model
from synthaudit.training.pictures import Pictures, read_pictures, some, usual_edge
from synthaudit.training.recipe import Recipe, make_recipe
from synthaudit.training.result import ArmResult, Training, accuracies, mean_accuracy
from synthaudit.training.runs import RunStore
from synthaudit.version import installed_version

if TYPE_CHECKING:
    import torch

_LEAST_OF_A_CLASS: Final = 2


def train(
    real: Source,
    synthetic: Source,
    *,
    test: Source,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Training:
    """Train a classifier on real images, on synthetic ones and on both; judge it on others.

    All three hold images in a folder a class. Every arm takes the same steps by the same recipe,
    with the same seeds.

    Args:
        real: real images to learn from.
        synthetic: synthetic ones.
        test: real images that neither was made from: what networks are judged on. Files that are
            also among the others are left out of these.
        out: folder in which every run is kept as soon as it is done, so that the same call goes
            on where it was stopped, and which gets the results.
        progress: told of the work as it goes.
        options: the fields of ``Recipe``, by name.

    Returns:
        ``Training``.

    Raises:
        UsageError, SettingsError: the call is wrong.
        DataError: the images cannot be used, or the weights cannot be had.
        StorageError: ``out`` cannot be written.
    """
    recipe = make_recipe(options)
    check_model(recipe)
    device = choose_device(recipe.device)
    refuse_overlap(real, synthetic)
    if out is not None:
        refuse_file(Path(out))
        refuse_beside(Path(out), "scores.json", "an audit")
        refuse_beside(Path(out), "sweep.json", "a sweep")
    sides = {
        name: _open(source)
        for name, source in (("real", real), ("synthetic", synthetic), ("test", test))
    }
    classes = _classes(sides["real"], sides["test"])
    store = RunStore(None if out is None else Path(out))
    with listening(progress) as listener:
        size = _edge(recipe, sides["real"])
        recipe = recipe.model_copy(update={"image_size": size})
        pictures = {
            name: read_pictures(
                side, classes, size=size, max_pixels=recipe.max_pixels, progress=listener
            )
            for name, side in sides.items()
        }
        pictures, notes = _apart(pictures)
        found = _Trainer(
            recipe=recipe,
            pictures=pictures,
            classes=classes,
            device=device,
            store=store,
            progress=listener,
        ).run(notes)
        listener.start(DONE, 0)
    if out is not None:
        found.write(out)
    return found


def _edge(recipe: Recipe, real: Collection) -> int:
    source, _, argument = recipe.model.partition(":")
    if source == "clip":
        from synthaudit.training.clip_network import clip_edge

        own = clip_edge(argument)
        if recipe.image_size not in (None, own):
            raise UsageError(f"{recipe.model} takes {own} pixels: leave --image-size out.")
        return own
    return recipe.image_size or usual_edge(real)


def _open(source: Source) -> Collection:
    opened = open_source(source)
    if not isinstance(opened, Collection):
        raise DataError(f"{source} holds ready vectors, but networks learn from images: give them.")
    return opened


def _classes(real: Collection, test: Collection) -> list[str]:
    """The classes of the test images; all must be among the real ones."""
    own, asked = ({entry.label for entry in side.entries} - {None} for side in (real, test))
    if len(asked) < _LEAST_OF_A_CLASS:
        raise DataError(
            f"{test.name} has {len(asked)} classes, but at least two are needed: put images into "
            "a folder a class."
        )
    if missing := sorted(str(name) for name in asked - own):
        raise DataError(
            f"{test.name} has images of {some(missing)}, but {real.name} has none: the "
            "same classes should be in both."
        )
    return sorted(str(name) for name in asked)


def _apart(pictures: dict[str, Pictures]) -> tuple[dict[str, Pictures], list[str]]:
    """Training images without those that are also test images."""
    asked, notes = set(pictures["test"].digests), []
    result = {"test": pictures["test"]}
    for side in ("real", "synthetic"):
        own = pictures[side]
        is_new = np.array([digest not in asked for digest in own.digests])
        if not is_new.all():
            notes.append(
                f"{int((~is_new).sum()):,} {side} images are also test images: nothing learns "
                "from them."
            )
        if not is_new.any():
            raise DataError(f"all {side} images are also test images: give others to test on.")
        result[side] = own.take(is_new)
    return result, notes


@dataclass(frozen=True, kw_only=True)
class _Arm:
    """What an arm learns from: a share of the real images, or none, and the synthetic ones."""

    name: str
    share: float | None
    has_synthetic: bool


def _arms(shares: Sequence[float]) -> list[_Arm]:
    arms = []
    for share in shares:
        end = "" if share == 1.0 else f" {share:.3g}"
        arms += [
            _Arm(name=f"real{end}", share=share, has_synthetic=False),
            _Arm(name=f"both{end}", share=share, has_synthetic=True),
        ]
    arms.append(_Arm(name="synthetic", share=None, has_synthetic=True))
    return arms


@dataclass(frozen=True, kw_only=True)
class _Trainer:
    """The runs of one call."""

    recipe: Recipe
    pictures: Mapping[str, Pictures]
    classes: Sequence[str]
    device: torch.device
    store: RunStore
    progress: Progress

    def run(self, notes: list[str]) -> Training:
        """Every arm with every seed, seed by seed, so that what is there can be compared early."""
        arms, target = _arms(self.recipe.shares), self.pictures["test"].target
        total = len(arms) * self.recipe.seeds * self.recipe.steps
        self.progress.start("training networks", total)
        seeds = range(self.recipe.seed, self.recipe.seed + self.recipe.seeds)
        named: dict[str, list[Integers]] = {arm.name: [] for arm in arms}
        for seed in seeds:
            for arm in arms:
                named[arm.name].append(self._named(arm, seed))
        correct = {
            name: np.asarray(np.stack(own) == target, np.float64) for name, own in named.items()
        }
        return Training(
            arms=[self._result(arm, correct) for arm in arms],
            counts={name: len(own) for name, own in self.pictures.items()},
            classes=self.classes,
            recipe={**self.recipe.model_dump(mode="json"), "device": str(self.device)},
            chance=1.0 / len(self.classes),
            notes=notes,
            versions={
                "synthaudit": installed_version(),
                **{name: version(name) for name in ("torch", "torchvision", "timm")},
            },
        )

    def _named(self, arm: _Arm, seed: int) -> Integers:
        learnt_from, asked = self._learnt_from(arm, seed), self.pictures["test"]
        key = {
            "recipe": self.recipe.deciding(),
            "learnt_from": learnt_from.digest,
            "asked": asked.digest,
            "classes": list(self.classes),
            "seed": seed,
            "device": self.device.type,
        }
        found = self.store.find(key, len(asked))
        if found is not None:
            self.progress.advance(self.recipe.steps)
            return found
        named = learn_and_name(
            learnt_from,
            asked,
            Lesson(recipe=self.recipe, names=self.classes, seed=seed, device=self.device),
            advance=self.progress.advance,
        )
        self.store.keep(key, named)
        return named

    def _learnt_from(self, arm: _Arm, seed: int) -> Pictures:
        """The pictures of an arm; the same real ones for all arms of a seed and a share."""
        parts = []
        if arm.share is not None:
            parts.append(self._share_of_real(arm.share, seed))
        if arm.has_synthetic:
            parts.append(self.pictures["synthetic"])
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def _share_of_real(self, share: float, seed: int) -> Pictures:
        own = self.pictures["real"]
        if share == 1.0:
            return own
        rng = stream(seed, f"share {share:.6g}")
        rows = [np.flatnonzero(own.target == number) for number in np.unique(own.target)]
        drawn = [rng.permutation(r)[: max(round(share * len(r)), 1)] for r in rows]
        return own.take(np.sort(np.concatenate(drawn)))

    def _result(self, arm: _Arm, correct: dict[str, Floats]) -> ArmResult:
        target, confidence = self.pictures["test"].target, self.recipe.confidence
        own, alone = correct[arm.name], None
        if arm.share is not None and arm.has_synthetic:
            alone = correct[arm.name.replace("both", "real", 1)]
        learnt_from = self._learnt_from(arm, self.recipe.seed)
        synthetic = len(self.pictures["synthetic"]) if arm.has_synthetic else 0
        accuracy = mean_accuracy(own, target, confidence=confidence)
        by_class = accuracies(own, target)
        return ArmResult(
            name=arm.name,
            real=len(learnt_from) - synthetic,
            synthetic=synthetic,
            accuracy=accuracy,
            gain=None
            if alone is None
            else mean_accuracy(own - alone, target, confidence=confidence),
            seeds=[float(value) for value in by_class.mean(axis=1)],
            classes={
                name: float(value)
                for name, value in zip(self.classes, by_class.mean(axis=0), strict=True)
            },
        )
