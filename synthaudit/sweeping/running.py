"""The sweep: make what is missing, drop what loses, compare what is there, recommend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from synthaudit.auditing.scoring import score_collections
from synthaudit.auditing.workbench import Workbench
from synthaudit.embedding.cache import VectorCache, default_folder
from synthaudit.embedding.choice import choose_embedder
from synthaudit.errors import Unfinished, UsageError
from synthaudit.images.collection import Collection, FileLocation, ImageEntry
from synthaudit.measures.comparison.evidence import ArmEvidence, gather_evidence
from synthaudit.progress import LOGGER, NoProgress, Progress
from synthaudit.result.audit import Audit
from synthaudit.settings import Settings, make_settings
from synthaudit.sweeping.arms import Arm
from synthaudit.sweeping.comparing import (
    Verdict,
    effects_of,
    excluded_by_race,
    interactions_of,
    rank_arms,
)
from synthaudit.sweeping.contact_sheet import contact_sheet
from synthaudit.sweeping.outcome import ArmResult, Sweep
from synthaudit.sweeping.plan import Plan, read_plan
from synthaudit.sweeping.preparing import Prepared, default_out, prepare
from synthaudit.sweeping.producing import Production, Shard, lay_out
from synthaudit.sweeping.recommending import best_by_subject, mark_pareto, recommend
from synthaudit.sweeping.store import Store

_LEAST_SLOTS = 8
_RACE_SHARES = (0.25, 0.5, 1.0)


def sweep(
    plan: str | Path | Plan,
    *,
    out: str | Path | None = None,
    shard: Shard | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Sweep:
    """Carry out a plan, or what is missing of it.

    Args:
        plan: a file, or a plan that was read.
        out: folder for images and results; what it holds is used again.
        shard: which part of the images is made here.
        progress: told of the work as it goes.
        settings: of the audits, the fields of ``Settings``.

    Returns:
        ``Sweep``, which has also been written.

    Raises:
        PlanError, UsageError, DataError, EmbedderError, GeneratorError: it cannot be carried out.
        StorageError: there is no room; what is made stays.
        Unfinished: there are too few images yet to compare anything.
    """
    read = plan if isinstance(plan, Plan) else read_plan(Path(plan))
    if out is None and isinstance(plan, Plan):
        raise UsageError("a plan that is no file needs a folder for its results: give out.")
    folder = Path(out) if out is not None else default_out(Path(str(plan)))
    prepared = prepare(read, make_settings(settings))
    store = Store(folder / "store")
    cache = VectorCache(_cache_folder(prepared.settings))
    try:
        runner = _Runner(prepared, folder, store, cache, shard or Shard(), progress or NoProgress())
        return runner.run()
    finally:
        cache.close()
        store.close()


def _cache_folder(settings: Settings) -> Path | None:
    return (settings.cache or default_folder()) if settings.use_cache else None


@dataclass(frozen=True, kw_only=True)
class _Laid:
    """The images of an arm that exist, by slot."""

    arm: Arm
    entries: dict[int, ImageEntry]
    refused: int
    seconds: float


class _Runner:
    """One run of a sweep."""

    def __init__(  # noqa: PLR0917
        self,
        prepared: Prepared,
        folder: Path,
        store: Store,
        cache: VectorCache,
        shard: Shard,
        progress: Progress,
    ) -> None:
        self.prepared, self.plan, self.arms = prepared, prepared.plan, list(prepared.arms)
        self.folder, self.progress, self.shard = folder, progress, shard
        self.production = Production(
            self.arms,
            generator=prepared.generator,
            store=store,
            codec=prepared.codec,
            budget=self.plan.budget,
            shard=shard,
            progress=progress,
        )
        embedder = choose_embedder(prepared.settings)
        self.bench = Workbench(
            embedder=embedder, cache=cache, settings=prepared.settings, progress=progress
        )
        self.dropped_at: dict[str, int] = {}
        self.vectors: dict[str, npt.NDArray[np.float32]] = {}

    def run(self) -> Sweep:
        """Make, compare, write."""
        self._produce()
        laid = [self._lay(arm) for arm in self.arms]
        everywhere = self._common(laid)
        racing = [item for item in laid if item.arm.name not in self.dropped_at]
        slots = self._common(racing)
        if len(slots) < _LEAST_SLOTS:
            raise Unfinished(
                f"only {len(slots)} images are there of every arm, too few to compare: start again "
                "with --resume, or wait for the other shards."
            )
        survivors = [item.arm for item in racing]
        evidence = self._evidence(racing, slots)
        verdict = self._rank(evidence)
        result = self._assemble(laid, everywhere, slots, survivors, verdict)
        self._write(result, laid, slots)
        return result

    def _produce(self) -> None:
        images = self.plan.images_per_arm
        names = [arm.name for arm in self.arms]
        self.progress.start("making images", len(names) * images)
        stages = [images]
        if self.plan.race or self.plan.budget.images or self.plan.budget.hours:
            # Arms grow alike, so that what is there when the budget ends can be compared.
            stages = sorted({max(round(share * images), _LEAST_SLOTS) for share in _RACE_SHARES})
        for stage in stages:
            self.production.make([n for n in names if n not in self.dropped_at], stage)
            if self.production.is_spent:
                LOGGER.warning("the budget is spent: comparing what is there.")
                return
            if self.plan.race and stage < images and self.shard.count == 1:
                self._race(stage, len(stages) - 1)

    def _race(self, stage: int, rounds: int) -> None:
        """Drop the arms that the leader beats beyond noise."""
        racing = [arm for arm in self.arms if arm.name not in self.dropped_at]
        laid = [self._lay(arm) for arm in racing]
        slots = self._common(laid)
        if len(racing) < 2 or len(slots) < _LEAST_SLOTS:
            return
        evidence = self._evidence(laid, slots)
        lost = excluded_by_race(
            evidence,
            goal=self.plan.goal,
            comparisons=rounds * max(len(self.arms) - 1, 1),
            seed=self.plan.seed,
        )
        for number in lost:
            self.dropped_at[racing[number].name] = stage
        LOGGER.info(
            "race: %d of %d arms go on after %d images each.",
            len(racing) - len(lost),
            len(racing),
            stage,
        )
        self.progress.start("making images", (len(racing) - len(lost)) * self.plan.images_per_arm)

    def _lay(self, arm: Arm) -> _Laid:
        done = self.production.done(arm.name)
        root = self.folder / "arms" / arm.name / "images"
        entries = {
            slot: ImageEntry(
                path=str(place.relative_to(root)),
                label=arm.jobs[slot].subject,
                location=FileLocation(str(place)),
            )
            for place, slot in lay_out(root, arm, done)
        }
        return _Laid(
            arm=arm,
            entries=entries,
            refused=sum(stored.file is None for stored in done.values()),
            seconds=float(sum(stored.seconds for stored in done.values())),
        )

    @staticmethod
    def _common(laid: Sequence[_Laid]) -> list[int]:
        """Slots that every arm has."""
        return sorted(set.intersection(*(set(item.entries) for item in laid)))

    def _collection(self, item: _Laid, slots: Sequence[int]) -> Collection:
        root = self.folder / "arms" / item.arm.name / "images"
        entries = [item.entries[slot] for slot in slots]
        return Collection(name=item.arm.name, root=root, entries=entries)

    def _evidence(self, laid: Sequence[_Laid], slots: Sequence[int]) -> ArmEvidence:
        real = self.bench.extract(self.prepared.real).vectors
        found = [self.bench.extract(self._collection(item, slots)) for item in laid]
        # A slot whose image cannot be read in some arm is left out of all.
        kept = sorted(set.intersection(*(set(extraction.kept) for extraction in found)))
        rows = [extraction.vectors[np.searchsorted(extraction.kept, kept)] for extraction in found]
        settings = self.prepared.settings
        return gather_evidence(
            real,
            rows,
            false_alarms=settings.false_alarms,
            folds=settings.folds,
            repeats=settings.repeats,
            seed=self.plan.seed,
        )

    def _rank(self, evidence: ArmEvidence) -> Verdict:
        self.progress.start("comparing arms", 0)
        return rank_arms(
            evidence,
            goal=self.plan.goal,
            confidence=self.prepared.settings.confidence,
            seed=self.plan.seed,
        )

    def _assemble(
        self,
        laid: Sequence[_Laid],
        everywhere: Sequence[int],
        slots: Sequence[int],
        survivors: Sequence[Arm],
        verdict: Verdict,
    ) -> Sweep:
        plan, settings = self.plan, self.prepared.settings
        whole = self._evidence(laid, everywhere) if len(everywhere) >= _LEAST_SLOTS else None
        how: dict[str, Any] = {"confidence": settings.confidence}
        effects = [] if whole is None else effects_of(self.arms, whole, seed=plan.seed, **how)
        crossed = [] if whole is None else interactions_of(self.arms, whole, **how)
        by_name = {item.arm.name: item for item in laid}
        ranked = [survivors[number] for number in verdict.arms]
        results = []
        for place, arm in enumerate(ranked):
            item, number = by_name[arm.name], verdict.arms[place]
            results.append(self._arm_result(item, slots, verdict.values[number]))
        results = mark_pareto(results)
        for name in sorted(self.dropped_at, key=lambda n: -self.dropped_at[n]):
            item = by_name[name]
            number = self.arms.index(item.arm)
            values = {} if whole is None else whole.values(number)
            results.append(self._arm_result(item, everywhere, values))
        images = plan.images_per_arm
        refused = sum(item.refused for item in laid)
        there = sum(
            len(item.entries) + item.refused
            for item in laid
            if item.arm.name not in self.dropped_at
        )
        is_complete = there == len(survivors) * images
        return Sweep(
            arms=results,
            effects=effects,
            interactions=[effect for effect in crossed if effect.adjusted <= 0.05],
            pareto=[arm.arm for arm in results if arm.is_pareto],
            best_by_subject=best_by_subject(results),
            recommended=recommend(survivors, verdict, effects, goal=plan.goal),
            goal=plan.goal,
            counts={
                "real": len(self.prepared.real.entries),
                "images_per_arm": len(slots),
                "made": self.production.made,
                "saved": sum(images - at for at in self.dropped_at.values()),
                "refused": refused,
            },
            is_complete=is_complete,
            notes=self._notes(len(slots), refused, is_complete=is_complete),
            provenance={
                "plan": plan.model_dump(mode="json", by_alias=True),
                "embedder": self.bench.embedder.name,
                "settings": settings.deciding(),
                "codec": vars(self.prepared.codec),
            },
        )

    def _notes(self, compared: int, refused: int, *, is_complete: bool) -> list[str]:
        images, notes = self.plan.images_per_arm, []
        if not is_complete:
            notes.append("Not all images of the plan are there: this is what is known so far.")
        if compared < images:
            notes.append(f"Arms are compared at {compared:,} images each, not at {images:,}.")
        if refused:
            notes.append(f"{refused:,} images were refused by the generator and not scored.")
        if self.dropped_at:
            notes.append(
                f"The race dropped {len(self.dropped_at)} arms early; effects are from the images "
                "that all arms have."
            )
        return notes

    def _arm_result(
        self, item: _Laid, slots: Sequence[int], measures: dict[str, float]
    ) -> ArmResult:
        audit = self._audit(item, slots)
        synthetic = audit.images[audit.images["side"] == "synthetic"]
        by_subject = synthetic.groupby("class")["probability_synthetic"].mean()
        useful = audit.usefulness.get("synthetic")
        return ArmResult(
            arm=item.arm.name,
            axes=dict(item.arm.labels),
            prompts=list(dict.fromkeys(job.prompt for job in item.arm.jobs)),
            images=len(slots),
            refused=item.refused,
            dropped_at=self.dropped_at.get(item.arm.name),
            scores={name: score.value for name, score in audit.scores.items()},
            intervals={
                name: [score.low, score.high]
                for name, score in audit.scores.items()
                if score.low is not None and score.high is not None
            },
            measures=measures,
            usefulness=None if useful is None else float(useful["value"]),
            by_subject={str(name): float(value) for name, value in by_subject.items()},
            seconds=round(item.seconds, 3),
            is_pareto=False,
        )

    def _audit(self, item: _Laid, slots: Sequence[int]) -> Audit:
        audit = score_collections(
            self.prepared.real,
            self._collection(item, slots),
            self.prepared.settings,
            self.progress,
        )
        audit.write(self.folder / "arms" / item.arm.name)
        return audit

    def _write(self, result: Sweep, laid: Sequence[_Laid], slots: Sequence[int]) -> None:
        winner = next(arm for arm in self.arms if arm.name == result.recommended.arm)
        text = yaml.safe_dump(_plan_of(self.plan, winner), sort_keys=False, allow_unicode=True)
        prompts = "\n".join(result.recommended.prompts) + "\n"
        result.write(self.folder, plan=text, prompts=prompts)
        by_name = {item.arm.name: item for item in laid}
        subjects = list(dict.fromkeys(job.subject for job in winner.jobs))
        if len(subjects) > 1:
            columns = [str(subject) for subject in subjects]
            cells = {slot: str(winner.jobs[slot].subject) for slot in reversed(slots)}
        else:
            columns = [f"image {slot + 1}" for slot in slots]
            cells = {slot: f"image {slot + 1}" for slot in slots}
        rows = []
        for arm in result.arms:
            entries = by_name[arm.arm].entries
            root = self.folder / "arms" / arm.arm / "images"
            files = {cells[s]: root / entries[s].path for s in reversed(slots) if s in entries}
            rows.append((arm.arm, files))
        contact_sheet(rows, columns).save(self.folder / "contact-sheet.jpg", quality=88)


def _plan_of(plan: Plan, arm: Arm) -> dict[str, Any]:
    """A plan that makes one arm and nothing else."""
    contents = plan.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    contents["axes"] = {name: [plan.axes[name][number]] for name, number in arm.values.items()}
    for key in ("not", "design", "arms", "race", "budget"):
        contents.pop(key, None)
    return contents
