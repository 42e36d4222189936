"""The sweep: make what is missing, drop what loses, compare what is there, recommend."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Unpack

from synthaudit.auditing.image_reader import ImageReader, open_reader
from synthaudit.embedding.choice import take_embedder
from synthaudit.errors import GeneratorError, Unfinished, UsageError
from synthaudit.images.collection import Collection
from synthaudit.images.places import is_url
from synthaudit.options import Options
from synthaudit.progress import LOGGER, Progress, listening
from synthaudit.result.audit import Audit
from synthaudit.result.writing import refuse_beside, refuse_folders
from synthaudit.settings import Settings, make_settings
from synthaudit.sweeping.arms import Arm
from synthaudit.sweeping.comparison import excluded_by_race, rank_arms
from synthaudit.sweeping.engines.ray_actors import RayActors
from synthaudit.sweeping.engines.this_process import Engine, WorkerPlan
from synthaudit.sweeping.engines.worker_processes import WorkerProcesses
from synthaudit.sweeping.layout import (
    LEAST_SLOTS,
    LaidOutArm,
    common_slots,
    label_arm,
    lay_out_arm,
    measure_together,
    remove_other_arms,
)
from synthaudit.sweeping.plan import SEARCHES, Plan, read_plan
from synthaudit.sweeping.preparation import Prepared, default_out, prepare
from synthaudit.sweeping.production import Production, Shard
from synthaudit.sweeping.reading import has_other_plan
from synthaudit.sweeping.result import SWEEP_FILES, Sweep, remove_results
from synthaudit.sweeping.search_running import SearchRunner
from synthaudit.sweeping.store import Store
from synthaudit.sweeping.summary import MeasuredArms, Summary

_MENDING = "mend it (of command change the version too, or raise images_per_arm) and start again."
_RACE_SHARES = (0.25, 0.5, 1.0)


def sweep(
    plan: str | Path | Plan,
    *,
    out: str | Path | None = None,
    shard: Shard | None = None,
    progress: Progress | None = None,
    audited: Callable[[Audit, Path], None] | None = None,
    settings: Settings | None = None,
    real: Collection | None = None,
    **options: Unpack[Options],
) -> Sweep:
    """Carry out a plan, or what is missing of it.

    Args:
        plan: a file, or a plan that was read.
        out: folder for images and results; what it holds is used again.
        shard: which part of the images is made here.
        progress: told of the work as it goes.
        audited: called with the audit of each arm and the folder that it was written to.
        settings: of the audits, made before.
        real: the real images, if not all that the plan names; no other one is looked at.
        options: the fields of ``Settings``, by name; they go before ``settings``.

    Returns:
        ``Sweep``, which has also been written.

    Raises:
        PlanError, UsageError, DataError, EmbedderError, GeneratorError: it cannot be carried out.
        StorageError: there is no room; what is made stays.
        Unfinished: there are too few images yet to compare anything.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np, synthaudit
        >>> from PIL import Image
        >>> folder, rng = Path(tempfile.mkdtemp()), np.random.default_rng(0)
        >>> for side, number in [("real", n) for n in range(20)]:
        ...     (folder / side).mkdir(exist_ok=True)
        ...     pixels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        ...     Image.fromarray(pixels).resize((32, 32)).save(folder / side / f"{number}.png")
        >>> plan = synthaudit.Plan.model_validate(
        ...     {
        ...         "real": str(folder / "real"),
        ...         "images_per_arm": 10,
        ...         "generator": {"name": "augment"},
        ...         "axes": {"strength": [0.1, 3.0]},
        ...     }
        ... )
        >>> found = synthaudit.sweep(
        ...     plan, out=folder / "out", embedder="builtin", quick=True, use_cache=False
        ... )
        >>> sorted(arm.arm for arm in found.arms), found.is_complete
        (['001-0.1', '002-3.0'], True)
    """
    read = plan if isinstance(plan, Plan) else read_plan(Path(plan))
    if out is None and isinstance(plan, Plan):
        raise UsageError("a plan that is no file needs a folder for its results: give out.")
    folder = Path(out) if out is not None else default_out(Path(str(plan)))
    refuse_beside(folder, "scores.json", "an audit")
    refuse_folders(folder, SWEEP_FILES)
    refuse_among_the_real(folder, read)
    named, embedder = take_embedder(options)
    prepared = prepare(
        read, make_settings(named, settings), teaches=True, real=real, progress=progress
    )
    store = Store(folder / "store")
    try:
        with (
            listening(progress) as listener,
            open_reader(prepared.settings, listener, embedder) as reader,
        ):
            return _Runner(
                prepared, folder, store, reader, shard=shard or Shard(), audited=audited
            ).run()
    finally:
        store.close()


def refuse_among_the_real(folder: Path, plan: Plan) -> None:
    """Refuse to make images where they would count as real ones the next time.

    Raises:
        UsageError: the folder lies there.
    """
    if not is_url(plan.real) and folder.resolve().is_relative_to(Path(plan.real).resolve()):
        raise UsageError(
            f"images would be made in {folder}, inside the real ones in {plan.real}: "
            "give another folder with --out."
        )


def engine_of(prepared: Prepared) -> Engine | None:
    """Where images are made; None for this process."""
    plan = WorkerPlan(
        generator=prepared.plan.generator.name,
        references=prepared.references,
        codec=prepared.codec,
    )
    if prepared.settings.engine == "ray":
        return RayActors(plan)
    if prepared.devices is not None and len(prepared.devices) > 1:
        return WorkerProcesses(plan, prepared.devices)
    return None


class _Runner:
    """One run of a sweep."""

    def __init__(
        self,
        prepared: Prepared,
        folder: Path,
        store: Store,
        reader: ImageReader,
        *,
        shard: Shard,
        audited: Callable[[Audit, Path], None] | None,
    ) -> None:
        self.prepared, self.plan, self.arms = prepared, prepared.plan, list(prepared.arms)
        self.folder, self.reader, self.shard = folder, reader, shard
        self.progress, self.audited = reader.progress, audited
        self.production = Production(
            self.arms,
            generator=prepared.generator,
            store=store,
            codec=prepared.codec,
            budget=self.plan.budget,
            shard=shard,
            progress=self.progress,
            engine=engine_of(prepared),
        )
        self.dropped_at: dict[str, int] = {}

    def run(self) -> Sweep:
        """Make, compare, write."""
        if has_other_plan(self.folder, self.plan):
            LOGGER.warning(
                "the plan has changed since the results in %s were written: they are made anew, "
                "from the images that both plans share and new ones.",
                self.folder,
            )
        if self.plan.design in SEARCHES:
            if self.shard.count > 1:
                raise UsageError(
                    f"design: {self.plan.design} chooses its arms on the way and is made by one "
                    "process: leave out --shard."
                )
            if has_other_plan(self.folder, self.plan):
                remove_results(self.folder)
            return SearchRunner(
                self.prepared, self.folder, self.reader, self.production, self.audited
            ).run()
        self._produce()
        if has_other_plan(self.folder, self.plan):
            # What told of the former arms is void once those go.
            remove_results(self.folder)
        removed = remove_other_arms(self.folder, self.arms)
        if removed:
            LOGGER.warning(
                "%s no longer holds the arms of the former plan (%d).",
                self.folder / "arms",
                removed,
            )
        everything = [self._lay_out(arm) for arm in self.arms]
        laid, left_out = self._without_refused(everything)
        racing = [item for item in laid if item.arm.name not in self.dropped_at]
        everywhere, slots = common_slots(laid), common_slots(racing)
        if len(slots) < LEAST_SLOTS:
            self._refuse_too_few(racing, len(slots))
        self.progress.start("comparing arms", 0)
        evidence = measure_together(self.prepared, racing, slots, self.reader)
        whole = None
        if len(everywhere) >= LEAST_SLOTS:
            whole = evidence
            if self.dropped_at:
                whole = measure_together(self.prepared, laid, everywhere, self.reader)
        measured = MeasuredArms(
            laid=laid,
            everywhere=everywhere,
            slots=slots,
            dropped_at=self.dropped_at,
            whole=whole,
            evidence=evidence,
            ranking=rank_arms(
                evidence,
                goal=self.plan.decides,
                confidence=self.prepared.settings.confidence,
                seed=self.plan.seed,
            ),
            made=self.production.made,
            left_out=left_out,
        )
        return Summary(self.prepared, self.folder, self.reader, measured, self.audited).write()

    def _lay_out(self, arm: Arm) -> LaidOutArm:
        item = lay_out_arm(self.folder, arm, self.production)
        label_arm(item, self.prepared.generator)
        return item

    def _without_refused(
        self, laid: Sequence[LaidOutArm]
    ) -> tuple[list[LaidOutArm], dict[str, str]]:
        """The arms that can be compared, and why the generator's refusals leave others out."""
        few = {
            item.arm.name: f"the generator refused {item.refused:,} of its {len(item.arm.jobs):,} "
            f"images ({item.reason}; once it is mended, change its version)"
            for item in laid
            if item.is_whole and len(item.entries) < LEAST_SLOTS
        }
        if len(few) == len(laid):
            name, why = next(iter(few.items()))
            raise GeneratorError(
                f"no arm has {LEAST_SLOTS} images, the fewest that can be compared; of {name} "
                f"{why}: {_MENDING}"
            )
        for name, why in few.items():
            LOGGER.warning("arm %s is left out: %s.", name, why)
            shutil.rmtree(self.folder / "arms" / name, ignore_errors=True)
        return [item for item in laid if item.arm.name not in few], few

    def _refuse_too_few(self, racing: Sequence[LaidOutArm], count: int) -> None:
        refused = sum(item.refused for item in racing)
        if refused and all(item.is_whole for item in racing):
            raise GeneratorError(
                f"only {count} images are there of every arm, too few to compare, for the "
                f"generator refused {refused:,}: {_MENDING}"
            )
        raise Unfinished(
            f"only {count} images are there of every arm, too few to compare: start again with "
            "--resume, or wait for the other shards."
        )

    def _produce(self) -> None:
        images = self.plan.images_per_arm
        names = [arm.name for arm in self.arms]
        self.progress.start("making images", len(names) * images)
        stages = [images]
        if self.plan.race or any(self.plan.budget.model_dump().values()):
            # Arms grow alike, so that what is there when the budget ends can be compared.
            stages = sorted({max(round(share * images), LEAST_SLOTS) for share in _RACE_SHARES})
        for stage in stages:
            self.production.make([n for n in names if n not in self.dropped_at], stage)
            if self.production.is_spent:
                LOGGER.warning("the budget is spent: comparing what is there.")
                return
            if self.plan.race and stage < images and self.shard.count == 1:
                self._race(stage, len(stages) - 1)

    def _race(self, stage: int, rounds: int) -> None:
        """Drop the arms that the leader beats beyond noise."""
        there = [
            lay_out_arm(self.folder, arm, self.production)
            for arm in self.arms
            if arm.name not in self.dropped_at
        ]
        # Arms that the generator refuses to make take no part.
        laid = [item for item in there if len(item.entries) >= LEAST_SLOTS]
        slots = common_slots(laid) if laid else []
        if len(laid) < 2 or len(slots) < LEAST_SLOTS:
            return
        lost = excluded_by_race(
            measure_together(self.prepared, laid, slots, self.reader),
            goal=self.plan.decides,
            comparisons=rounds * max(len(self.arms) - 1, 1),
            seed=self.plan.seed,
        )
        self.dropped_at |= {laid[number].arm.name: stage for number in lost}
        left = len(there) - len(lost)
        LOGGER.info("race: %d of %d arms go on after %d images each.", left, len(there), stage)
        self.progress.start("making images", left * self.plan.images_per_arm)
