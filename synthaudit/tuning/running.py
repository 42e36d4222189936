"""Teach a model a class: ``synthaudit tune``. Start reading here."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthaudit.auditing.image_reader import open_reader
from synthaudit.embedding.choice import take_embedder
from synthaudit.embedding.protocol import Embedder
from synthaudit.embedding.torch_model import Placement
from synthaudit.errors import DataError, EmbedderError, UsageError
from synthaudit.folder_lock import FolderLock
from synthaudit.images.collection import Collection
from synthaudit.images.opening import Source, open_source
from synthaudit.images.places import is_url
from synthaudit.progress import DONE, LOGGER, Progress, listening
from synthaudit.result.writing import json_text, refuse_beside, refuse_file, write_files
from synthaudit.settings import Settings, make_settings
from synthaudit.tuning.card import card
from synthaudit.tuning.checkpoints import Checkpoints, refuse_strange
from synthaudit.tuning.class_images import make_class_images
from synthaudit.tuning.concepts import Concept, concepts_of, digest_of
from synthaudit.tuning.examples import Examples, read_examples
from synthaudit.tuning.network import Base, check_model, digest_of_model, load_base
from synthaudit.tuning.recipe import TuneRecipe, make_tune_recipe
from synthaudit.tuning.result import TUNE_FILE, Checkpoint, Tuning, read_tuning
from synthaudit.tuning.watching import FEW_REAL, AuditPoint, Watch, stop_of
from synthaudit.version import installed_version

if TYPE_CHECKING:
    from accelerate import Accelerator

    from synthaudit.tuning.learning import Learner

CLASS_IMAGES: Final = "class_images"
_PRECISIONS: Final = {"torch.float32": "no", "torch.bfloat16": "bf16", "torch.float16": "fp16"}


def tune(
    real: Source | Collection,
    *,
    out: str | Path,
    name: str | None = None,
    per_class: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> list[Tuning]:
    """Teach a diffusion model the classes of a set: one LoRA for all, or one each.

    Args:
        real: the real images, in class folders; or without, of the class ``name``.
        out: folder of the results; the same call goes on from what is there.
        name: teach this class alone.
        per_class: a LoRA for each class, in a folder of its own.
        progress: told of every step.
        options: the fields of ``TuneRecipe``, by name; ``embedder`` may also be an object.

    Returns:
        A ``Tuning`` for each LoRA, which has also been written.

    Raises:
        UsageError, SettingsError: the call is wrong, or the folder holds another training.
        DataError: a class has too few images, or they cannot be read.
        GeneratorError: the model is not to be had, or the memory runs out.
        StorageError: there is no room.
    """
    named, embedder = take_embedder(options)
    recipe = make_tune_recipe(named)
    folder = Path(out)
    refuse_file(folder)
    for file, what in (("scores.json", "an audit"), ("sweep.json", "a sweep")):
        refuse_beside(folder, file, what)
    opened = real if isinstance(real, Collection) else _open(real, folder)
    check_model(recipe)
    concepts = concepts_of(opened, recipe, name)
    groups = [(folder, concepts)]
    if per_class:
        groups = [(folder / _folder_name(own), [own]) for own in concepts]
    for place, _ in groups:
        refuse_strange(place)
    settings = make_settings(
        {"embedder": recipe.embedder, "seed": recipe.seed, "max_pixels": recipe.max_pixels}
    )
    with listening(progress) as listener:
        found = [
            _Training(
                recipe=recipe,
                real=opened,
                concepts=own,
                folder=place,
                settings=settings,
                progress=listener,
                embedder=embedder,
            ).run()
            for place, own in groups
        ]
        listener.start(DONE, 0)
    return found


def _open(real: Source, folder: Path) -> Collection:
    if not is_url(os.fspath(real)) and folder.resolve().is_relative_to(Path(real).resolve()):
        raise UsageError(
            f"weights and samples would be written to {folder}, inside the images in {real}: give "
            "another folder with --out."
        )
    opened = open_source(real)
    if not isinstance(opened, Collection):
        raise DataError(f"{real} holds ready vectors, but a model learns from images: give them.")
    return opened


def _folder_name(concept: Concept) -> str:
    if concept.name in (".", "..") or "/" in concept.name or "\\" in concept.name:
        raise UsageError(
            f"class {concept.name!r} cannot be the name of a folder: teach it alone, with --class."
        )
    return concept.name


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """A training that can begin or go on."""

    accelerator: Accelerator
    base: Base
    learner: Learner
    checkpoints: Checkpoints
    provenance: dict[str, Any]
    counts: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class _Training:
    """One LoRA."""

    recipe: TuneRecipe
    real: Collection
    concepts: Sequence[Concept]
    folder: Path
    settings: Settings
    progress: Progress
    embedder: Embedder | None
    audits: list[AuditPoint] = field(default_factory=list)

    def run(self) -> Tuning:
        """Teach, look, and write what came of it; what is done already is only read."""
        if (done := self._done()) is not None:
            return done
        with _accelerator(self.recipe) as accelerator, ExitStack() as stack:
            watch = None
            if accelerator.is_main_process:
                if self.recipe.audit_every:
                    # First of all, for an embedder that is not to be had ends it.
                    where = {"device": str(accelerator.device)}
                    settings = self.settings.model_copy(update=where)
                    reader = open_reader(settings, self.progress, self.embedder)
                    own = stack.enter_context(reader)
                    watch = Watch(own, self.real, self.concepts, self.folder)
                stack.enter_context(self._alone())
            ready = self._ready(accelerator)
            self._teach(ready, watch)
            found = self._result(ready)
            if accelerator.is_main_process:
                files = {"README.md": card(found), TUNE_FILE: json_text(found.to_dict())}
                write_files(self.folder, files)
        return found

    def _done(self) -> Tuning | None:
        """The results, where these very options have led to them before."""
        found = read_tuning(self.folder)
        if found is None or found.recipe != self.recipe.model_dump(mode="json"):
            return None
        now = {"model_digest": digest_of_model(self.recipe)}
        now["images_digest"] = digest_of(self.concepts)
        is_same = all(found.provenance.get(name) == own for name, own in now.items())
        is_there = all((self.folder / own.folder).is_dir() for own in found.checkpoints)
        is_whole = found.steps == self.recipe.steps or found.stop is not None
        return found if is_same and is_there and is_whole else None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else writes to the folder meanwhile; where nothing comes of it, it is gone."""
        is_new = not self.folder.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(self.folder, alone=True)
        if not lock.is_held:
            raise UsageError(f"another run is at {self.folder}: wait for it.")
        try:
            yield
        finally:
            lock.release()
            if is_new and {own.name for own in self.folder.iterdir()} <= {"in-use.lock"}:
                shutil.rmtree(self.folder)

    def _ready(self, accelerator: Accelerator) -> _Ready:
        from synthaudit.tuning.learning import Learner

        recipe = self.recipe
        base = load_base(recipe, str(accelerator.device))
        provenance = {
            "synthaudit": installed_version(),
            "model": recipe.model,
            "model_digest": base.digest,
            "images_digest": digest_of(self.concepts),
            "recipe": recipe.deciding() | {"resolution": base.resolution},
            "processes": accelerator.num_processes,
            "mixed_precision": accelerator.mixed_precision,
        }
        checkpoints = Checkpoints(self.folder, {**_key(provenance), **recipe.deciding()})
        state = checkpoints.load()
        if state is not None and state["step"] > recipe.steps:
            raise UsageError(
                f"{self.folder} holds a training of {state['step']:,} steps, more than the "
                f"{recipe.steps:,} that are asked for: ask for as many, or give another folder."
            )
        instances = self._examples(base)
        with accelerator.main_process_first():
            priors = self._class_images(base) if recipe.has_prior else None
        learner = Learner(base, recipe, instances, priors, accelerator)
        if state is not None:
            learner.go_on_from(state)
            self.audits.extend(AuditPoint(**own) for own in state["audits"])
            LOGGER.info("going on from step %s.", f"{learner.step:,}")
        return _Ready(
            accelerator=accelerator,
            base=base,
            learner=learner,
            checkpoints=checkpoints,
            provenance=provenance,
            counts={concept.name: len(concept.entries) for concept in self.concepts},
        )

    def _examples(self, base: Base) -> Examples:
        entries = [entry for own in self.concepts for entry in own.entries]
        texts = [text for own in self.concepts for text in own.prompts]
        return read_examples(base, entries, texts, max_pixels=self.recipe.max_pixels)

    def _class_images(self, base: Base) -> Examples:
        entries, texts = [], []
        for concept in self.concepts:
            text = concept.class_prompt
            own = make_class_images(
                base, self.recipe, text, self.folder / CLASS_IMAGES, self.progress
            )
            entries += own
            texts += [text] * len(own)
        return read_examples(base, entries, texts, max_pixels=self.recipe.max_pixels)

    def _teach(self, ready: _Ready, watch: Watch | None) -> None:
        recipe, learner = self.recipe, ready.learner
        if learner.step == 0:
            self._look(ready, watch)
        names = ", ".join(ready.counts)
        self.progress.start(f"teaching {names[:40]}", recipe.steps)
        self.progress.advance(learner.step)
        while learner.step < recipe.steps and stop_of(self.audits, recipe) is None:
            learner.take_step()
            self.progress.advance(1)
            is_last = learner.step == recipe.steps
            looks = is_last or (recipe.audit_every > 0 and learner.step % recipe.audit_every == 0)
            keeps = is_last or learner.step % recipe.checkpoint_every == 0
            if looks:
                self._look(ready, watch)
                self.progress.start(f"teaching {names[:40]}", recipe.steps)
                self.progress.advance(learner.step)
            if ready.accelerator.is_main_process and keeps:
                ready.checkpoints.publish(learner, ready.provenance)
            if ready.accelerator.is_main_process and (keeps or looks):
                self._keep(ready)
            ready.accelerator.wait_for_everyone()

    def _look(self, ready: _Ready, watch: Watch | None) -> None:
        """Audit the present step, unless it has been; all processes know what was found."""
        from accelerate.utils import broadcast_object_list

        step = ready.learner.step
        if not self.recipe.audit_every or any(own.step == step for own in self.audits):
            return
        found: list[Any] = [None]
        if watch is not None:
            # Not in autocast: the audit's vectors are kept for others, and XL's decoder overflows.
            found = [watch.look(ready.base, self.recipe, step)]
        self.audits.append(broadcast_object_list(found)[0])
        if ready.accelerator.is_main_process and step == 0:
            self._keep(ready)

    def _keep(self, ready: _Ready) -> None:
        ready.checkpoints.keep(ready.learner, [vars(own) for own in self.audits])

    def _result(self, ready: _Ready) -> Tuning:
        recipe, learner = self.recipe, ready.learner
        stop = stop_of(self.audits, recipe)
        looked = max(
            (own.step for own in self.audits if stop is None or own.step < stop.step), default=0
        )
        notes = []
        if len(self.real.entries) < FEW_REAL and recipe.audit_every:
            notes.append(
                "With fewer than 20 real images it is uncertain what counts as a copy: give the "
                "whole set and --class."
            )
        if not recipe.audit_every:
            notes.append("No audit has looked for copies (--audit-every 0).")
        return Tuning(
            folder=self.folder,
            classes=ready.counts,
            prompts={concept.name: concept.prompt for concept in self.concepts},
            steps=learner.step,
            losses=learner.losses,
            audits=self.audits,
            stop=stop,
            checkpoints=[
                Checkpoint(step=step, folder=str(step), passed=_passed(step, looked, stop, recipe))
                for step in ready.checkpoints.steps(learner.step)
            ],
            recipe=recipe.model_dump(mode="json"),
            provenance=ready.provenance,
            notes=notes,
        )


def _key(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What of the provenance must be the same to go on."""
    names = ("model_digest", "images_digest", "processes", "mixed_precision")
    return {name: provenance[name] for name in names}


def _passed(step: int, looked: int, stop: Any, recipe: TuneRecipe) -> bool | None:
    if not recipe.audit_every:
        return None
    if step <= looked:
        return True
    return None if stop is None else False


@contextmanager
def _accelerator(recipe: TuneRecipe) -> Iterator[Accelerator]:
    """One device, or those that ``accelerate launch`` gives.

    Raises:
        UsageError: the device is not at hand.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

    try:
        device, dtype = Placement(
            device=recipe.device, precision=recipe.precision, batch_size=None
        ).resolve()
    except EmbedderError as error:
        raise UsageError(str(error)) from error
    before = os.environ.get("ACCELERATE_TORCH_DEVICE")
    if recipe.device != "auto" and device.type != "cpu":
        os.environ["ACCELERATE_TORCH_DEVICE"] = str(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = Accelerator(
            cpu=device.type == "cpu",
            mixed_precision=_PRECISIONS[str(dtype)],
            kwargs_handlers=[
                # The others wait while one process makes class images and audits.
                InitProcessGroupKwargs(timeout=timedelta(hours=24)),
                # Of XL's first text encoder the last layer is not read.
                DistributedDataParallelKwargs(find_unused_parameters=recipe.text_encoder),
            ],
        )
    try:
        yield own
    finally:
        own.free_memory()
        # The next training of this process may ask for another precision.
        is_alone = own.num_processes == 1
        AcceleratorState._reset_state(  # noqa: SLF001 - accelerate has no public way
            reset_partial_state=is_alone
        )
        if before is None:
            os.environ.pop("ACCELERATE_TORCH_DEVICE", None)
        else:
            os.environ["ACCELERATE_TORCH_DEVICE"] = before
