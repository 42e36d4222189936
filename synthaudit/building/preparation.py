"""A build made ready: the plan, its policy, the two halves, what an earlier run has left."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from synthaudit.auditing.image_reader import ImageReader
from synthaudit.building.halves import Halves, part
from synthaudit.building.ledger import HIDDEN, Candidate, Ledger
from synthaudit.building.quota import quotas_of
from synthaudit.errors import DataError, PlanError, StorageError, UsageError
from synthaudit.folder_lock import FolderLock
from synthaudit.gating.numbers import refuse_unknown
from synthaudit.gating.policy import Policy, read_policy
from synthaudit.images.collection import Collection, FileLocation, ImageEntry
from synthaudit.images.opening import open_source
from synthaudit.images.web import WebAccess
from synthaudit.leftovers import clear
from synthaudit.progress import LOGGER
from synthaudit.result.decisions import DECISIONS_FILE, Decisions, read_decisions_file
from synthaudit.result.writing import json_text, refuse_file, refuse_folders, write_files
from synthaudit.settings import Settings
from synthaudit.sweeping.plan import Plan, read_plan
from synthaudit.sweeping.preparation import Prepared, open_real, prepare
from synthaudit.sweeping.running import refuse_among_the_real
from synthaudit.sweeping.running import sweep as run_sweep
from synthaudit.sweeping.store import Store

BUILD_FILES: Final = (
    *("metadata.jsonl", "README.md", "dropped.csv", "croissant.json"),
    *("scores.json", "images.parquet", "images.csv", "unreadable.csv", "report.html", "build.json"),
)
_BEGUN: Final = "begun.json"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a build stands on.

    Attributes:
        plan: with ``build``; of one arm, once the build has been opened.
        folder: of the set.
        settings: of the audits.
        policy: what the set must fulfil; None for the audit's own verdict.
        decisions: of a person on images of the set.
        sweep: which sweep has chosen the arm, and on what; None where there was but one.
        prepared: the plan on the steering half; None before the build is opened.
        quotas: images by class, likewise.
    """

    plan: Plan
    folder: Path
    settings: Settings
    policy: Policy | None
    decisions: Decisions
    sweep: str | None = None
    prepared: Prepared | None = None
    quotas: Mapping[str | None, int] = field(default_factory=dict)

    @property
    def hidden(self) -> Path:
        """The folder of what the set is made from."""
        return self.folder / HIDDEN


def read_ground(
    plan: str | Path | Plan, folder: Path, decisions: str | Path | None, settings: Settings
) -> Ground:
    """Check what can be checked before any image is opened.

    Raises:
        PlanError, PolicyError, UsageError: something is wrong with it.
        StorageError: the set cannot be written there.
    """
    read = plan if isinstance(plan, Plan) else read_plan(plan)
    if read.build is None:
        raise PlanError(
            "the plan should say what to build, but has no build: add, for instance, build: "
            "{images_per_class: 500, policy: synthaudit.toml}."
        )
    refuse_file(folder)
    _refuse_others(folder)
    refuse_folders(folder, BUILD_FILES)
    refuse_among_the_real(folder, read)
    policy = None
    if read.build.policy is not None:
        policy = read_policy(read.build.policy)
        for path in policy.limits:
            refuse_unknown(path)
    place = folder / DECISIONS_FILE if decisions is None else Path(decisions)
    found = Decisions()
    if decisions is not None or place.is_file():
        found = read_decisions_file(place)
    embedder = read.embedder if settings.embedder == "auto" else settings.embedder
    chosen = settings.model_copy(update={"embedder": embedder, "seed": read.seed})
    if chosen.harmonise or chosen.definition != "default":
        raise UsageError(
            "build drops and judges images by the default definition and as they are: leave out "
            "--harmonise and --definition."
        )
    return Ground(plan=read, folder=folder, settings=chosen, policy=policy, decisions=found)


def _refuse_others(folder: Path) -> None:
    """Refuse a folder that holds anything but a set that was begun."""
    if not folder.is_dir() or (folder / HIDDEN).is_dir():
        return
    there = sorted(own.name for own in folder.iterdir())
    if there:
        raise UsageError(
            f"{folder} holds something else than a set that was begun ({there[0]}): give another "
            "folder with --out; to fill up a folder of images, give it with --add-to."
        )


@contextmanager
def open_build(
    ground: Ground, reader: ImageReader, *, sweep: str | Path | None, add_to: str | Path | None
) -> Iterator[tuple[Ground, Halves, Ledger, Store]]:
    """Open the real images, part them, choose the arm, and read what is done.

    Raises:
        PlanError, UsageError, DataError, GeneratorError: it cannot be built.
        StorageError: the folder cannot be written.
    """
    real = open_real(ground.plan, ground.settings)
    try:
        ground.hidden.mkdir(parents=True, exist_ok=True)
        clear(ground.hidden)
        lock = FolderLock(ground.hidden, alone=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"the set cannot be written to {ground.folder} ({reason}): choose another folder with "
            "--out."
        ) from error
    if not lock.is_held:
        raise UsageError(f"another build is at work in {ground.folder}: wait for it to end.")
    try:
        halves = part(real, reader, ground.plan.seed)
        _remember(ground, halves, reader)
        ground = _of_one_arm(ground, halves, reader, sweep)
        prepared = prepare(ground.plan, ground.settings, real=halves.steering)
        assert ground.plan.build is not None
        _refuse_odd_subjects(prepared)
        quotas = quotas_of(ground.plan.build, prepared.subjects)
        ledger = Ledger.read(ground.hidden)
        if add_to is not None and not ledger.rounds:
            ledger.candidates = {own.path: own for own in _given(add_to, ground)}
        store = Store(ground.hidden / "store")
        try:
            yield replace(ground, prepared=prepared, quotas=quotas), halves, ledger, store
        finally:
            store.close()
    finally:
        lock.release()


def _refuse_odd_subjects(prepared: Prepared) -> None:
    """Refuse subjects that are no names of folders."""
    odd = next((n for n in prepared.subjects if "/" in n or n.startswith(".") or "\0" in n), None)
    if odd is not None:
        raise PlanError(
            f"each subject becomes a folder of the set, which {odd!r} cannot be: call it otherwise."
        )


def _remember(ground: Ground, halves: Halves, reader: ImageReader) -> None:
    """Note what the set was begun with, and refuse to go on with anything else."""
    file = ground.hidden / _BEGUN
    own = {"real": halves.of_all, "judged_on": halves.digest, "embedder": reader.embedder.name}
    try:
        former = json.loads(file.read_text("utf-8")) if file.is_file() else None
    except (OSError, ValueError) as error:
        raise StorageError(f"{file} cannot be read ({error}): remove {ground.hidden}.") from error
    if former is None:
        write_files(ground.hidden, {_BEGUN: json_text(own)})
        return
    what = {
        "real": f"the real images in {ground.plan.real} have changed",
        "embedder": f"it was begun with --embedder {former.get('embedder')}",
        "judged_on": "the real images were parted otherwise, by another seed or --false-alarms",
    }
    for name, text in what.items():
        if former.get(name) != own[name]:
            raise UsageError(
                f"the set in {ground.folder} cannot be gone on with, for {text}, and the halves of "
                "the real images would not stay as they were: bring that back, or give another "
                "--out."
            )


def _of_one_arm(
    ground: Ground, halves: Halves, reader: ImageReader, sweep: str | Path | None
) -> Ground:
    """The plan of the arm that a sweep recommends; swept now, where nobody has."""
    if sweep is None and ground.plan.design not in ("search", "evolve"):
        sizes = [len(ground.plan.values_of(name)) for name in ground.plan.axes]
        if all(size == 1 for size in sizes):
            return ground
    if sweep is not None:
        folder, told = Path(sweep), f"{sweep}, by real images of both halves"
        if not (folder / "winner.yaml").is_file():
            raise UsageError(
                f"--from should be the folder of a sweep, but {folder} holds no winner.yaml: give "
                "the --out of one that is done."
            )
    else:
        folder = ground.folder.with_name(f"{ground.folder.name}-sweep")
        told = f"{folder}, by the steering half alone"
        LOGGER.info("the plan has several arms: sweeping them in %s first.", folder)
        run_sweep(
            ground.plan,
            out=folder,
            progress=reader.progress,
            settings=ground.settings,
            real=halves.steering,
            embedder=reader.embedder,
        )
    winner = read_plan(folder / "winner.yaml")
    if winner.generator.name != ground.plan.generator.name:
        raise PlanError(
            f"the sweep in {folder} was of the generator {winner.generator.name}, the plan is of "
            f"{ground.plan.generator.name}: give the plan of that sweep."
        )
    update = {
        "real": ground.plan.real,
        "seed": ground.plan.seed,
        "budget": ground.plan.budget,
        "build": ground.plan.build,
        "real_images": ground.plan.real_images,
    }
    return replace(ground, plan=winner.model_copy(update=update), sweep=told)


def _given(source: str | Path, ground: Ground) -> list[Candidate]:
    """The images of a folder, as candidates; nothing in it is changed."""
    opened = open_source(source, WebAccess.of(ground.settings))
    if not isinstance(opened, Collection):
        raise DataError(f"--add-to should be images, but {source} holds vectors.")
    if ground.folder.resolve() == Path(source).resolve():
        raise UsageError("--add-to and --out are one folder: give another --out.")
    for lost in opened.unreadable:
        LOGGER.warning("%s of %s cannot be used: %s.", lost.path, source, lost.reason)
    return [_candidate(entry, ground) for entry in opened.entries]


def _candidate(entry: ImageEntry, ground: Ground) -> Candidate:
    digest = hashlib.sha256(entry.path.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    suffix = Path(entry.path).suffix
    name = f"given-{digest}{suffix}"
    if isinstance(entry.location, FileLocation):
        file = str(Path(entry.location.file).absolute())
    else:
        place = ground.hidden / "given" / name
        place.parent.mkdir(exist_ok=True)
        if not place.is_file():
            place.write_bytes(entry.location.read())
        file = f"given/{name}"
    record: Any = entry.record
    return Candidate(
        path=name if entry.label is None else f"{entry.label}/{name}",
        file=file,
        subject=entry.label,
        prompt=None if record is None else record.prompt,
        seed=None if record is None else record.seed,
        generator=None if record is None else record.generator,
        origin=entry.path,
    )
