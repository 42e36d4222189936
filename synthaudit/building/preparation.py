"""A build made ready: the plan, its policy, the two halves, what an earlier run has left."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from synthaudit.auditing.image_reader import ImageReader
from synthaudit.building.arm import choose_arm
from synthaudit.building.given import given_candidates, open_to_fill
from synthaudit.building.halves import Halves, part
from synthaudit.building.ledger import HIDDEN, Candidate, Ledger
from synthaudit.building.quota import quotas_of
from synthaudit.errors import PlanError, StorageError, UsageError
from synthaudit.folder_lock import FolderLock
from synthaudit.gating.numbers import refuse_unknown
from synthaudit.gating.policy import Policy, read_policy
from synthaudit.images.collection import Collection
from synthaudit.images.places import is_url
from synthaudit.leftovers import clear
from synthaudit.registry import nearest_name
from synthaudit.result.decisions import DECISIONS_FILE, Decisions, read_decisions_file
from synthaudit.result.writing import json_text, refuse_file, refuse_folders, write_files
from synthaudit.settings import Settings
from synthaudit.sweeping.plan import Plan, read_plan
from synthaudit.sweeping.preparation import Prepared, open_real, prepare
from synthaudit.sweeping.running import refuse_among_the_real
from synthaudit.sweeping.store import Spent, Store
from synthaudit.sweeping.teaching import taught_in

BUILD_FILES: Final = (
    *("metadata.jsonl", "README.md", "dropped.csv", "croissant.json"),
    *("scores.json", "images.parquet", "images.csv", "unreadable.csv", "report.html", "build.json"),
)
_BEGUN: Final = "begun.json"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a build stands on.

    Attributes:
        plan: with ``build``.
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

    @property
    def hidden(self) -> Path:
        """The folder of what the set is made from."""
        return self.folder / HIDDEN


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A build at work.

    Attributes:
        ground: what it stands on, its plan now of one arm.
        halves: of the real images.
        prepared: the plan on the steering half.
        quotas: images by class; by None for a set without classes.
        ledger: what is done.
        store: the images.
        given: images that were given and are not judged yet.
        swept: what the sweep took that has chosen the arm, if this build has made it.
        sweep: which sweep that was; None where there was but one arm.
        leaks: by what the judging half has had a part in the set after all, in sentences.
    """

    ground: Ground
    halves: Halves
    prepared: Prepared
    quotas: Mapping[str | None, int]
    ledger: Ledger
    store: Store
    given: Sequence[Candidate]
    swept: Spent
    sweep: str | None
    leaks: Sequence[str]


def read_ground(
    plan: str | Path | Plan, folder: Path, decisions: str | Path | None, settings: Settings
) -> Ground:
    """Check what can be checked before any image is opened.

    Raises:
        PlanError, PolicyError, UsageError: something is wrong with it.
        StorageError: the set cannot be written there.
    """
    nothing = (
        "the plan should say what to build, but has no build: add, for instance, build: "
        "{images_per_class: 500, policy: synthaudit.toml}."
    )
    try:
        read = plan if isinstance(plan, Plan) else read_plan(plan)
    except PlanError as error:
        # Without build a plan lacks what only a sweep needs.
        if "images_per_arm is missing" in str(error):
            raise PlanError(nothing) from error
        raise
    if read.build is None:
        raise PlanError(nothing)
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
) -> Iterator[Opened]:
    """Open the real images, part them, choose the arm, and read what is done.

    Raises:
        PlanError, UsageError, DataError, GeneratorError: it cannot be built.
        StorageError: the folder cannot be written.
    """
    real = open_real(ground.plan, ground.settings)
    is_new = not ground.hidden.exists()
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
        opened = _opened(ground, real, reader, sweep=sweep, add_to=add_to)
    except BaseException:
        lock.release()
        if is_new:
            # What was refused leaves nothing behind.
            shutil.rmtree(ground.hidden, ignore_errors=True)
            with suppress(OSError):
                ground.folder.rmdir()
        raise
    try:
        yield opened
    finally:
        opened.store.close()
        lock.release()


def _opened(
    ground: Ground,
    real: Collection,
    reader: ImageReader,
    *,
    sweep: str | Path | None,
    add_to: str | Path | None,
) -> Opened:
    halves = part(real, reader, ground.plan.seed)
    # Before a sweep that may take hours.
    there = None if add_to is None else open_to_fill(add_to, ground.folder, ground.settings)
    _remember(ground, halves, reader)
    # A LoRA that was taught from all real images would know those that judge.
    own = ground.hidden / "lora"
    plan = taught_in(ground.plan, own) if sweep is None else ground.plan
    chosen = choose_arm(plan, halves, reader, out=ground.folder, sweep=sweep)
    ground = replace(ground, plan=taught_in(chosen.plan, own))
    prepared = prepare(
        ground.plan,
        ground.settings,
        teaches=True,
        real=halves.steering,
        progress=reader.progress,
    )
    assert ground.plan.build is not None
    _refuse_odd_subjects(prepared)
    _refuse_unknown_subjects(prepared, halves)
    refuse_leaks(ground.plan)
    quotas = quotas_of(ground.plan.build, prepared.subjects)
    ledger = Ledger.read(ground.hidden)
    ledger.basis = _basis(ground)
    return Opened(
        ground=ground,
        halves=halves,
        prepared=prepared,
        quotas=quotas,
        ledger=ledger,
        given=[] if there is None else given_candidates(there, ledger),
        store=Store(ground.hidden / "store"),
        swept=chosen.spent,
        sweep=chosen.told,
        leaks=[*chosen.leaks, *_leaks_of(ground), *_leaks_of_weights(ground.plan)],
    )


def _basis(ground: Ground) -> str:
    """Digest of what decides what a round brings: plan, policy, settings, decisions."""
    plan = ground.plan.model_dump(mode="json", by_alias=True)
    for name in ("budget", "images_per_arm", "real_images"):
        plan.pop(name, None)
    plan["build"] = {key: own for key, own in plan["build"].items() if key != "rounds"}
    told = [
        plan,
        None if ground.policy is None else ground.policy.model_dump(mode="json"),
        ground.settings.deciding(),
        ground.decisions.digest,
    ]
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _leaks_of(ground: Ground) -> list[str]:
    """What a person may have learnt from the judging half."""
    decisions = ground.decisions
    if not decisions.dropped and not decisions.kept:
        return []
    count = len(decisions.dropped) + len(decisions.kept)
    return [f"a person decided on {count:,} images, whose report is by that half"]


def _leaks_of_weights(plan: Plan) -> list[str]:
    """LoRA weights that were not taught here, from the steering half alone."""
    values = [plan.generator.options.get("lora")]
    values += plan.values_of("lora") if "lora" in plan.axes else []
    if plan.tune is not None or all(value is None for value in values):
        return []
    return ["the LoRA weights were taught elsewhere, perhaps from images of that half"]


def refuse_leaks(plan: Plan) -> None:
    """Refuse a generator that is given the folder of all real images, those that judge among them.

    Raises:
        PlanError: it is.
    """
    if is_url(plan.real) or not Path(plan.real).is_dir():
        return
    real = Path(plan.real).resolve()
    values = [*plan.generator.options.items()]
    values += [(name, value) for name in plan.axes for value in plan.values_of(name)]
    for name, value in values:
        if not isinstance(value, str) or not value or not Path(value).is_dir():
            continue
        if name == "references" and value == "real":
            continue  # the word, though there be a folder of that name
        if Path(value).resolve().is_relative_to(real) and name != "real":
            raise PlanError(
                f"{name}: {value} leads to the real images themselves, half of which judge the set "
                "and must not be seen: write references: real, which gives the other half alone."
            )


def _refuse_odd_subjects(prepared: Prepared) -> None:
    """Refuse subjects that are no names of folders."""
    odd = next((n for n in prepared.subjects if "/" in n or n[:1] in ("", ".") or "\\" in n), None)
    if odd is not None:
        raise PlanError(
            f"each subject becomes a folder of the set, which {odd!r} cannot be: call it otherwise."
        )


def _refuse_unknown_subjects(prepared: Prepared, halves: Halves) -> None:
    """Refuse subjects that no real image shows, where the real images have classes.

    Raises:
        PlanError: nothing could tell whether their images are good, and a generator that starts
            from real images would start from those of others.
    """
    known = [
        {entry.label for entry in half.entries} - {None}
        for half in (halves.steering, halves.judging)
    ]
    for name in prepared.subjects if all(known) else ():
        if not all(name in labels for labels in known):
            hint = nearest_name(name, sorted(map(str, known[0] & known[1])))
            raise PlanError(
                f"build judges each subject by real images of it in both halves, of which there "
                f"are none of {name!r}; {hint}"
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
