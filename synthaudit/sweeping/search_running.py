"""A sweep whose arms are proposed on the way: search, then confirm on fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from synthaudit.auditing.image_reader import ImageReader
from synthaudit.auditing.route import STEERING
from synthaudit.auditing.scoring import score_collections
from synthaudit.errors import GeneratorError, Unfinished
from synthaudit.generation.jobs import seed_of
from synthaudit.measures.comparison.evidence import ArmEvidence
from synthaudit.progress import LOGGER
from synthaudit.result.audit import Audit
from synthaudit.sweeping.arms import Arm, arms_of
from synthaudit.sweeping.comparison import rank_arms
from synthaudit.sweeping.evolving import TemplateProposer, findings_of, starting_plan
from synthaudit.sweeping.layout import (
    LEAST_SLOTS,
    LaidOutArm,
    common_slots,
    lay_out_arm,
    measure_together,
    remove_other_arms,
    stored_arm,
)
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.preparation import Prepared
from synthaudit.sweeping.production import Production
from synthaudit.sweeping.proposals import OptunaProposer, Proposer
from synthaudit.sweeping.result import SearchResult, Sweep, TriedArm
from synthaudit.sweeping.search_space import Point, SearchSpace, key
from synthaudit.sweeping.searching import OutOfBudget, Searched, images_to_search, search
from synthaudit.sweeping.summary import MeasuredArms, Summary

_FRESH: Final = "confirmation"


@dataclass(frozen=True, kw_only=True)
class _Final:
    """The finalists on fresh seeds.

    Attributes:
        plan: that lists their values, with the seed of the sweep.
        arms: the plan's first one before the others.
        best: number of the one that the search has chosen.
    """

    plan: Plan
    arms: Sequence[Arm]
    best: int


class SearchRunner:
    """One run of a search.

    Args:
        prepared: the plan, checked.
        folder: of the sweep.
        reader: embeds the images.
        production: makes the images; its budget is that of the plan.
        audited: called with the audit of each finalist and its folder.
    """

    def __init__(
        self,
        prepared: Prepared,
        folder: Path,
        reader: ImageReader,
        production: Production,
        audited: Callable[[Audit, Path], None] | None = None,
    ) -> None:
        self.prepared, self.folder, self.reader = prepared, folder, reader
        self.production, self.audited = production, audited
        self.plan = starting_plan(prepared.plan, has_subjects=bool(prepared.subjects))
        self._arms: dict[tuple[int | float, ...], Arm] = {}
        self._laid: list[LaidOutArm] = []

    def run(self) -> Sweep:
        """Search, confirm, write."""
        plan, space = self.plan, SearchSpace(plan=self.plan)
        found = search(
            space,
            self.measure,
            self._proposer(),
            goal=plan.decides,
            images=plan.images_per_arm,
            allowed=images_to_search(space, self.prepared.price),
            seed=plan.seed,
        )
        if not found.trials:
            raise Unfinished(
                "the budget ended before the first arms could be compared: give the same command "
                "again, or raise it; what is made stays."
            )
        return self._confirm(found)

    def _proposer(self) -> Proposer:
        if self.plan.design == "evolve":
            return TemplateProposer(
                self.prepared.plan,
                has_subjects=bool(self.prepared.subjects),
                findings=self._findings,
            )
        return OptunaProposer(self.plan.seed)

    def measure(self, space: SearchSpace, points: Sequence[Point], images: int) -> ArmEvidence:
        """Make the first images of some points and measure them together.

        Raises:
            OutOfBudget: not all of them can be made.
            GeneratorError: one cannot be made, or too many are refused.
        """
        arms = [self._arm(space, point) for point in points]
        progress = self.reader.progress
        progress.start(f"making images of {len(arms)} arms", len(arms) * images)
        self.production.make([arm.name for arm in arms], images)
        self._laid = [stored_arm(arm, self.production, images) for arm in arms]
        short = next((own for own in self._laid if len(own.entries) + own.refused < images), None)
        if short is not None:
            LOGGER.warning("the budget is spent: confirming what is there.")
            raise OutOfBudget
        slots = common_slots(self._laid)
        if len(slots) < LEAST_SLOTS:
            worst = max(self._laid, key=lambda own: own.refused)
            raise GeneratorError(
                f"the generator refused {worst.refused:,} of {images:,} images of the arm "
                f"{worst.arm.name} ({worst.reason}), so that too few can be compared: leave its "
                "values out, or mend it."
            )
        progress.start(f"comparing {len(arms)} arms", 0)
        return measure_together(self.prepared, self._laid, slots, self.reader)

    def _arm(self, space: SearchSpace, point: Point) -> Arm:
        """The arm of a point, whose name and images stay the same in all rounds."""
        own = key(point)
        if own not in self._arms:
            plan, combinations = space.realise([point])
            arm = arms_of(plan, combinations, self.prepared.subjects, self.prepared.prompts)[0]
            slug = arm.name.partition("-")[2]
            name = f"t{len(self._arms) + 1:04d}" + (f"-{slug}" if slug else "")
            self._arms[own] = replace(arm, name=name)
            self.production.add(self._arms[own])
        return self._arms[own]

    def _findings(self, point: Point) -> list[str]:
        """What an audit of an arm's images found."""
        name = self._arms[key(point)].name
        laid = next(own for own in self._laid if own.arm.name == name)
        made = laid.collection(sorted(laid.entries))
        return findings_of(score_collections(self.prepared.real, made, self.reader, steps=STEERING))

    def _finalists(self, found: Searched) -> _Final:
        """The arms of the finalists, with seeds that no choice has seen."""
        # The plan's first arm comes first: it is what the others are held against.
        numbers = sorted(found.finalists, key=lambda number: (number != 0, number))
        points = [found.trials[number].point for number in numbers]
        plan, combinations = found.space.realise(points)
        fresh = plan.model_copy(update={"seed": seed_of(plan.seed, _FRESH, 0)})
        # Prompts and references go by the number of an image: others than those that chose.
        arms = arms_of(
            fresh,
            combinations,
            self.prepared.subjects,
            self.prepared.prompts,
            first=plan.images_per_arm,
        )
        return _Final(plan=plan, arms=arms, best=numbers.index(found.finalists[0]))

    def _confirm(self, found: Searched) -> Sweep:
        """Make the finalists' images anew, compare those, and write all of it."""
        final = self._finalists(found)
        images = self.plan.images_per_arm
        for arm in final.arms:
            self.production.add(arm)
        progress = self.reader.progress
        progress.start("confirming on fresh seeds", len(final.arms) * images)
        self.production.make([arm.name for arm in final.arms], images)
        remove_other_arms(self.folder, final.arms)
        laid = [lay_out_arm(self.folder, arm, self.production) for arm in final.arms]
        slots = common_slots(laid)
        if len(slots) < LEAST_SLOTS:
            raise Unfinished(
                f"the search is done, but only {len(slots)} fresh images are there of every "
                "finalist, too few to confirm anything: give the same command again, or raise the "
                "budget; what is made stays."
            )
        progress.start("comparing arms", 0)
        evidence = measure_together(self.prepared, laid, slots, self.reader)
        measured = MeasuredArms(
            laid=laid,
            everywhere=slots,
            slots=slots,
            dropped_at={},
            whole=None,
            evidence=evidence,
            ranking=rank_arms(
                evidence,
                goal=self.plan.decides,
                confidence=self.prepared.settings.confidence,
                seed=self.plan.seed,
                best=final.best,
            ),
            made=self.production.made,
            left_out={},
            search=self._told(found, final, evidence),
        )
        prepared = replace(self.prepared, plan=final.plan)
        summary = Summary(
            prepared, self.folder, self.reader, measured, self.audited, asked=self.prepared.plan
        )
        return summary.write()

    def _told(self, found: Searched, final: _Final, evidence: ArmEvidence) -> SearchResult:
        winner = found.trials[found.finalists[0]]
        confirmed = evidence.values(final.best)[self.plan.decides]
        plan, combinations = found.space.realise([own.point for own in found.trials])
        labels: Sequence[Mapping[str, str]] = [
            arm.labels
            for arm in arms_of(
                plan.model_copy(update={"images_per_arm": LEAST_SLOTS}),
                combinations,
                self.prepared.subjects,
                self.prepared.prompts,
            )
        ]
        return SearchResult(
            tried=len(found.trials),
            rounds=found.rounds,
            images=sum(own.images for own in found.trials),
            is_cut=found.is_cut,
            searched_value=round(winner.value, 9),
            confirmed_value=round(confirmed, 9),
            arms=[
                TriedArm(
                    axes=dict(own),
                    value=round(trial.value, 9),
                    smoothed=round(trial.smoothed, 9),
                    images=trial.images,
                    round=trial.round,
                )
                for own, trial in zip(labels, found.trials, strict=True)
            ],
        )
