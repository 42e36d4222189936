"""The words and settings to blame, over all arms of a sweep together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.measures.comparison.evidence import ArmEvidence
from synthaudit.measures.prompts.prompt_words import LEAST, prompt_features
from synthaudit.measures.prompts.word_effects import WordEffect, word_effects
from synthaudit.sweeping.arms import Arm


def blame_words(
    arms: Sequence[Arm],
    slots: Sequence[int],
    evidence: ArmEvidence,
    judged: Mapping[str, Floats],
    *,
    confidence: float,
    seed: int,
) -> list[WordEffect]:
    """Words of prompts, and settings, that go with faults; see ``word_effects``.

    Args:
        arms: those that are compared.
        slots: their images.
        evidence: of those arms and slots.
        judged: columns of the arms' own audits, (A * S,) numbers, arm after arm.
        confidence: that nothing is named without reason.
        seed: decides the permutations.

    Returns:
        What was found; nothing with too few images, or where some could not be read.
    """
    if evidence.shape != (len(arms), len(slots)) or len(arms) * len(slots) < 2 * LEAST:
        return []
    jobs = [arm.jobs[slot] for arm in arms for slot in slots]
    in_prompts = {name for arm in arms for name in arm.labels if _is_in_prompts(name, arms)}
    settings = [
        [f"{name} = {label}" for name, label in arm.labels.items() if name not in in_prompts]
        for arm in arms
        for _ in slots
    ]
    features = prompt_features([job.prompt for job in jobs], settings)
    if not features.names:
        return []
    subjects = [str(job.subject) for job in jobs]
    return word_effects(
        {
            "unrealistic": evidence.fakeness.ravel(),
            "unvaried": _repeats(evidence),
            "unoriginal": evidence.is_copy.ravel().astype(np.float64),
            "unfaithful": judged["prompt_p_value"],
            "labels": judged["is_wrong_label"],
        },
        features,
        strata=np.asarray(np.unique(subjects, return_inverse=True)[1], np.int64),
        units=np.arange(len(jobs)),
        # Images of a slot share their seed, and often their prompt.
        blocks=np.tile(np.arange(len(slots)), len(arms)),
        confidence=confidence,
        seed=seed,
    )


def _is_in_prompts(name: str, arms: Sequence[Arm]) -> bool:
    """Whether an axis shows in the prompts: its words are looked at one by one already."""
    by_value: dict[str, set[str]] = {}
    for arm in arms:
        by_value.setdefault(arm.labels.get(name, ""), set()).update(j.prompt for j in arm.jobs)
    return len(by_value) > 1 and not set.intersection(*by_value.values())


def _repeats(evidence: ArmEvidence) -> Floats:
    """(A * S,) images that repeat another one of their arm."""
    arms, slots = evidence.shape
    found = np.zeros((arms, slots))
    for arm in range(arms):
        for ends in evidence.near_pairs(arm):
            found[arm, ends] = 1.0
    return found.ravel()
