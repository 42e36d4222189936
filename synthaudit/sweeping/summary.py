"""The summary of a sweep: every arm audited, the effects, the recommendation, the files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from synthaudit.arrays import Floats
from synthaudit.auditing.image_reader import ImageReader
from synthaudit.auditing.scoring import score_collections
from synthaudit.generation.jobs import traits_of
from synthaudit.images.collection import ImageEntry
from synthaudit.measures.comparison.evidence import ArmEvidence
from synthaudit.prompting.frozen import FROZEN_FILE
from synthaudit.result.audit import Audit
from synthaudit.sweeping.arms import Arm, axes_of_arm
from synthaudit.sweeping.comparison import Ranking, effects_of, interactions_of
from synthaudit.sweeping.contact_sheet import contact_sheet
from synthaudit.sweeping.layout import LaidOutArm, identical_arms
from synthaudit.sweeping.likeness import lacking, perceptual_diversity, reference_similarity
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.preparation import Prepared
from synthaudit.sweeping.recommendation import best_by_subject, mark_pareto, recommend
from synthaudit.sweeping.result import ArmResult, SearchResult, Sweep
from synthaudit.sweeping.words import blame_words

_TOLD: Final = 5
_REAL_SHOWN: Final = 4
_MOST_REAL: Final = 200


@dataclass(frozen=True, kw_only=True)
class MeasuredArms:
    """How far a sweep has come: the images that there are, and what they measure.

    Attributes:
        laid: every arm of the plan that can be compared.
        everywhere: slots that all of them have.
        slots: slots that all arms have that the race left.
        dropped_at: by name of the arms that it dropped, at how many images.
        whole: evidence of all arms; None with too few slots.
        evidence: of the arms that the race left.
        ranking: of the arms that the race left.
        made: images of this run.
        left_out: by name of the other arms, why.
        search: how the arms were found; None where the plan lists them.
    """

    laid: Sequence[LaidOutArm]
    everywhere: Sequence[int]
    slots: Sequence[int]
    dropped_at: Mapping[str, int]
    whole: ArmEvidence | None
    evidence: ArmEvidence
    ranking: Ranking
    made: int
    left_out: Mapping[str, str]
    search: SearchResult | None = None

    @property
    def survivors(self) -> list[LaidOutArm]:
        """The arms that the race left."""
        return [item for item in self.laid if item.arm.name not in self.dropped_at]


class Summary:
    """From what a sweep has come to, to its outcome and files.

    Args:
        prepared: the plan, checked.
        folder: of the sweep.
        reader: embeds the images.
        measured: how far the sweep has measured.
        audited: called with the audit of each arm and its folder, once it is written there.
        asked: the plan as it was given, where a search has made another of it.
    """

    def __init__(
        self,
        prepared: Prepared,
        folder: Path,
        reader: ImageReader,
        measured: MeasuredArms,
        audited: Callable[[Audit, Path], None] | None = None,
        *,
        asked: Plan | None = None,
    ) -> None:
        self.asked = prepared.plan if asked is None else asked
        self.prepared, self.plan, self.folder = prepared, prepared.plan, folder
        self.reader, self.measured, self.audited = reader, measured, audited
        self._audited: dict[str, pd.DataFrame] = {}

    def write(self) -> Sweep:
        """Audit the arms, put the result together, and write it."""
        result = self._assemble()
        beside = {"contact-sheet.jpg": self._contact_sheet(result)}
        frozen = self.plan.folder / FROZEN_FILE
        if frozen.is_file() and any("llm" in source for source in self.asked.sources):
            beside[FROZEN_FILE] = frozen.read_bytes()  # of the winner, which is a plan as well
        result.write(self.folder, beside=beside)
        return result

    def _assemble(self) -> Sweep:
        measured, plan, settings = self.measured, self.plan, self.prepared.settings
        arms = [item.arm for item in measured.laid]
        survivors = measured.survivors
        how: dict[str, Any] = {"confidence": settings.confidence}
        effects = []
        crossed = []
        if measured.whole is not None:
            effects = effects_of(arms, measured.whole, seed=plan.seed, **how)
            crossed = interactions_of(arms, measured.whole, **how)
        results = self._results(arms)
        images = plan.images_per_arm
        refused = sum(item.refused for item in measured.laid)
        there = sum(len(item.entries) + item.refused for item in survivors)
        is_complete = there == len(survivors) * images
        return Sweep(
            arms=results,
            effects=effects,
            interactions=[effect for effect in crossed if effect.adjusted <= 0.05],
            words=blame_words(
                [item.arm for item in survivors],
                measured.slots,
                measured.evidence,
                {name: self._judged(name) for name in ("prompt_p_value", "is_wrong_label")},
                confidence=settings.confidence,
                seed=plan.seed,
            ),
            pareto=[arm.arm for arm in results if arm.is_pareto],
            best_by_subject=best_by_subject(results),
            recommended=recommend(
                [item.arm for item in survivors],
                measured.ranking,
                effects,
                goal=plan.decides,
                search=measured.search,
            ),
            winner=plan_of(plan, survivors[measured.ranking.arms[0]].arm),
            goal=plan.goal,
            counts={
                "real": len(self.prepared.real.entries),
                "images_per_arm": len(measured.slots),
                "made": measured.made,
                "saved": sum(images - at for at in measured.dropped_at.values()),
                "refused": refused,
            },
            is_complete=is_complete,
            images=self._images(),
            real=_some_of_each(self.prepared.real.entries),
            search=measured.search,
            notes=self._notes(refused, is_complete=is_complete),
            provenance={
                "plan": self.asked.model_dump(mode="json", by_alias=True),
                "embedder": self.reader.embedder.name,
                "settings": settings.deciding(),
                "codec": vars(self.prepared.codec),
                "paired": self.prepared.is_paired,
            },
        )

    def _judged(self, column: str) -> Floats:
        """(A * S,) what the audits of the arms say of their images; NaN where they do not."""
        values = []
        for item in self.measured.survivors:
            table = self._audited[item.arm.name]
            paths = [item.entries[slot].path for slot in self.measured.slots]
            if column in table:
                values += table[column].reindex(paths).astype(float).tolist()
            else:
                values += [np.nan] * len(paths)
        return np.array(values, np.float64)

    def _images(self) -> pd.DataFrame:
        """A row an image that was compared."""
        columns = ("arm", "image", "subject", "prompt", "path")
        return pd.DataFrame(
            [
                (
                    item.arm.name,
                    slot,
                    item.arm.jobs[slot].subject,
                    item.arm.jobs[slot].prompt,
                    (item.root / item.entries[slot].path).relative_to(self.folder).as_posix(),
                )
                for item in self.measured.laid
                for slot in self.measured.slots
                if slot in item.entries
            ],
            columns=list(columns),
        )

    def _results(self, arms: Sequence[Arm]) -> list[ArmResult]:
        """The arms that are left, the best first, then those that the race dropped."""
        measured = self.measured
        confidence = self.prepared.settings.confidence
        results = mark_pareto(
            [
                self._arm_result(
                    measured.survivors[n],
                    measured.slots,
                    measured.ranking.values[n],
                    measured.evidence.intervals(n, measured.ranking.values[n], confidence),
                )
                for n in measured.ranking.arms
            ]
        )
        place = {arm.name: number for number, arm in enumerate(arms)}
        for name in sorted(measured.dropped_at, key=lambda name: -measured.dropped_at[name]):
            number = place[name]
            whole = measured.whole
            values = {} if whole is None else whole.values(number)
            ends = {} if whole is None else whole.intervals(number, values, confidence)
            results.append(
                self._arm_result(measured.laid[number], measured.everywhere, values, ends)
            )
        return results

    def _notes(self, refused: int, *, is_complete: bool) -> list[str]:
        images, compared = self.plan.images_per_arm, len(self.measured.slots)
        notes = []
        if not is_complete:
            notes.append("Not all images of the plan are there: this is what is known so far.")
        if compared < images:
            notes.append(f"Arms are compared at {compared:,} images each, not at {images:,}.")
        if refused:
            notes.append(f"{refused:,} images were refused by the generator and not scored.")
        notes += [f"Arm {arm} is left out: {why}." for arm, why in self.measured.left_out.items()]
        same = identical_arms(self.measured.laid, self.measured.everywhere)
        notes += [
            f"Arms {one} and {other} are the same images byte for byte: what they differ in has no "
            "effect on this model."
            for one, other in same[:_TOLD]
        ]
        missing = lacking()
        if missing is not None and self._has_references():
            notes.append(f"LPIPS between images of a class is not measured: {missing}.")
        if not self.prepared.is_paired:
            notes.append(
                "The generator takes no seeds: arms are compared as independent samples, subject "
                "by subject, and not image by image."
            )
        if self.measured.dropped_at:
            count = len(self.measured.dropped_at)
            notes.append(
                f"The race dropped {count} arms early; effects are from images that all arms have."
            )
        return notes

    def _has_references(self) -> bool:
        return any(self._references(item.arm, [0]) for item in self.measured.laid)

    def _arm_result(
        self,
        item: LaidOutArm,
        slots: Sequence[int],
        measures: dict[str, float],
        ends: Mapping[str, Sequence[float]],
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
            dropped_at=self.measured.dropped_at.get(item.arm.name),
            scores={name: score.value for name, score in audit.scores.items()},
            intervals={
                name: [score.low, score.high]
                for name, score in audit.scores.items()
                if score.low is not None and score.high is not None
            },
            measures=measures,
            measure_intervals={name: list(own) for name, own in ends.items()},
            usefulness=None if useful is None else float(useful["value"]),
            by_subject={str(name): float(value) for name, value in by_subject.items()},
            verdict=asdict(audit.verdict),
            seconds=round(item.seconds, 3),
            seconds_per_image=item.seconds_per_image,
            peak_memory=item.peak_memory,
            money=item.money,
            is_pareto=False,
            reference_similarity=reference_similarity(
                item, slots, self._references(item.arm, slots), self.reader
            ),
            perceptual_diversity=perceptual_diversity(
                [item.root / item.entries[slot].path for slot in slots],
                [item.arm.jobs[slot] for slot in slots],
                self.plan.seed,
            ),
        )

    def _references(self, arm: Arm, slots: Sequence[int]) -> dict[int, ImageEntry]:
        """By slot, the real image that it was made from."""
        found = {
            slot: traits_of(self.prepared.generator, arm.jobs[slot]).reference for slot in slots
        }
        return {slot: entry for slot, entry in found.items() if entry is not None}

    def _audit(self, item: LaidOutArm, slots: Sequence[int]) -> Audit:
        others: dict[str, str | None] = {}
        for other in self.measured.laid:
            for slot in slots if other is not item else ():
                job = other.arm.jobs[slot]
                # A prompt of several classes is of none.
                same = others.get(job.prompt, job.subject) == job.subject
                others[job.prompt] = job.subject if same else None
        others.pop("", None)
        made = replace(item.collection(slots), other_prompts=others)
        audit = score_collections(self.prepared.real, made, self.reader)
        images = audit.images[audit.images["side"] == "synthetic"]
        self._audited[item.arm.name] = images.set_index("path")
        place = audit.write(self.folder / "arms" / item.arm.name)
        if self.audited is not None:
            self.audited(audit, place)
        return audit

    def _contact_sheet(self, result: Sweep) -> bytes:
        by_name = {item.arm.name: item for item in self.measured.laid}
        winner = by_name[result.recommended.arm].arm
        columns, column_of = _columns(winner, self.measured.slots)
        rows = []
        for arm in result.arms:
            item = by_name[arm.arm]
            # From the last to the first, so that a subject shows its first image.
            files = {
                column_of[slot]: item.root / item.entries[slot].path
                for slot in reversed(self.measured.slots)
                if slot in item.entries
            }
            rows.append((arm.arm, files))
        buffer = io.BytesIO()
        contact_sheet(rows, columns).save(buffer, "JPEG", quality=88)
        return buffer.getvalue()


def _some_of_each(entries: Sequence[ImageEntry]) -> list[ImageEntry]:
    """The first images of every class."""
    taken: dict[str | None, int] = {}
    found = []
    for entry in entries:
        taken[entry.label] = taken.get(entry.label, 0) + 1
        if taken[entry.label] <= _REAL_SHOWN:
            found.append(entry)
    return found[:_MOST_REAL]


def _columns(arm: Arm, slots: Sequence[int]) -> tuple[list[str], dict[int, str]]:
    """Columns of the contact sheet: subjects, or images where there is but one."""
    subjects = list(dict.fromkeys(job.subject for job in arm.jobs))
    if len(subjects) > 1:
        return [str(subject) for subject in subjects], {
            slot: str(arm.jobs[slot].subject) for slot in slots
        }
    names = {slot: f"image {slot + 1}" for slot in slots}
    return list(names.values()), names


def plan_of(plan: Plan, arm: Arm) -> dict[str, Any]:
    """A plan that makes one arm and nothing else."""
    contents = plan.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    contents["axes"] = axes_of_arm(plan, arm)
    for key in ("not", "design", "arms", "race", "budget"):
        contents.pop(key, None)
    return contents
