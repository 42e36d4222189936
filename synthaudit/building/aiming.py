"""What the next images are made for: lacking classes, missed real images, other words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from synthaudit.building.assessment import Assessment
from synthaudit.building.ledger import Ledger
from synthaudit.generation.jobs import Generator, Job, seed_of, traits_of
from synthaudit.images.collection import ImageEntry
from synthaudit.measures.randomness import stream
from synthaudit.measures.selection import REPEATED
from synthaudit.prompting.drawing import draw_prompts
from synthaudit.prompting.grammar import parse_grammar
from synthaudit.prompting.wildcards import read_wildcards, values_of
from synthaudit.sweeping.arms import Arm, job_of
from synthaudit.sweeping.preparation import Prepared

# Of a quota, what one round makes at most; and what it makes to replace what is there.
_SHARE_AT_ONCE: Final = 3
_SHARE_OF_REPLACED: Final = 5
_LEAST_AT_ONCE: Final = 8
_LEAST_YIELD: Final = 0.1
_REPETITIVE: Final = 0.2
_TRIES: Final = 30
_VARIED: Final = "{2$$, $$__viewpoint__|__distance__|__light__|__place__|__time__|__background__}"
_ADVERSE: Final = 0.0
_MISSED: Final = "a missed real image"


@dataclass(frozen=True, kw_only=True)
class Aimed:
    """A job, and what it is for."""

    job: Job
    aim: str


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What a round makes.

    Attributes:
        jobs: in the order in which they are made.
        told: what they are for, in sentences.
    """

    jobs: Sequence[Aimed]
    told: Sequence[str] = field(default=())


class Aimer:
    """Chooses what to make next.

    Args:
        prepared: the plan, its generator looking at the steering half alone.
        arm: the recommended one.
        seed: of all images, unlike that of any sweep.
        references: how many real images the generator may start from at most.
    """

    def __init__(self, prepared: Prepared, arm: Arm, seed: int, *, references: int) -> None:
        self._reference_count = references
        self.prepared, self.generator = prepared, prepared.generator
        self._plan = prepared.plan.model_copy(update={"seed": seed})
        self._arm, self._seed = arm, seed
        self._residues: dict[str | None, tuple[dict[str, int], int]] = {}

    def aim(
        self,
        assessed: Assessment,
        ledger: Ledger,
        quotas: Mapping[str | None, int],
        *,
        most: int | None,
    ) -> Aim:
        """The jobs of the next round.

        Args:
            assessed: what is there.
            ledger: what was made before.
            quotas: images by class.
            most: what the budget still allows; None for any number.
        """
        counts = wanted(assessed, ledger, quotas)
        contents = assessed.contents
        blamed = _blamed(contents)
        asked = [str(text) for text in (contents.get("attributes") or {}).get("suggestions", [])]
        queues = []
        told: list[str] = []
        for subject, count in counts.items():
            record = ledger.record(subject)
            is_repetitive = record[REPEATED] >= _REPETITIVE * max(record["made"], 1)
            key = f"other words of {subject}, round {len(ledger.rounds)}"
            words = self._words(key, asked, is_repetitive=is_repetitive)
            missed = assessed.missed.get(subject, ())
            numbers = self._numbers(subject, count, ledger.numbers(subject), missed, blamed)
            jobs = [self._aimed(subject, number, words, aim) for number, aim in numbers]
            queues.append(jobs)
            told.append(_sentence(subject, jobs, assessed, quotas, is_repetitive=is_repetitive))
        # In turn, so that what a budget leaves out is missing of all classes alike.
        longest = max((len(queue) for queue in queues), default=0)
        jobs = [queue[n] for n in range(longest) for queue in queues if n < len(queue)]
        if blamed:
            told.append(f"Prompts without {', '.join(blamed)}, which go with faults.")
        return Aim(jobs=jobs if most is None else jobs[:most], told=told)

    def job(self, subject: str | None, number: int) -> Job:
        """Image ``number`` of a subject, as the plan has it."""
        return job_of(self._plan, self._arm.values, subject, number, self.prepared.prompts)

    def _numbers(
        self,
        subject: str | None,
        count: int,
        used: set[int],
        missed: Sequence[ImageEntry],
        blamed: Sequence[str],
    ) -> Iterator[tuple[int, str]]:
        """Which images of a subject to make, and what for."""
        residues, width = self._references(subject)
        places = [residues[entry.path] for entry in missed if entry.path in residues]
        for turn in range(count):
            if places:
                # Each missed image in turn, by the first number that leads to it and is free.
                own, aim = places[turn % len(places)], _MISSED
                number = next(n for n in _from(own, width) if n not in used)
            else:
                number, aim = self._free(subject, used, blamed), "its class"
            used.add(number)
            yield number, aim

    def _aimed(
        self, subject: str | None, number: int, words: Iterator[str] | None, aim: str
    ) -> Aimed:
        job = self.job(subject, number)
        if words is None or not job.prompt:
            return Aimed(job=job, aim=aim)
        more = next(words)
        return Aimed(job=replace(job, prompt=f"{job.prompt}, {more}"), aim=f"other words: {more}")

    def _free(self, subject: str | None, used: set[int], blamed: Sequence[str]) -> int:
        """The first free number, of those whose prompt is without the words to blame if any is."""
        first = next(n for n in _from(0, 1) if n not in used)
        if not blamed:
            return first
        tried = [n for n in range(first, first + _TRIES) if n not in used]
        return next((n for n in tried if not _has_any(self.job(subject, n).prompt, blamed)), first)

    def _references(self, subject: str | None) -> tuple[Mapping[str, int], int]:
        """By path of a real image the number that starts from it, and after how many it recurs."""
        if subject not in self._residues:
            self._residues[subject] = references_by_number(
                self.generator,
                lambda number: self.job(subject, number),
                self._reference_count,
            )
        return self._residues[subject]

    def _words(
        self, key: str, asked: Sequence[str], *, is_repetitive: bool
    ) -> Iterator[str] | None:
        """What is put behind prompts: what real images show and no prompt has, or other words."""
        if asked:
            return _in_turn(asked)
        if not is_repetitive:
            return None
        wildcards = read_wildcards(None)
        parts = parse_grammar(_VARIED, lambda name: values_of(wildcards, name))
        return draw_prompts(parts, stream(self._seed, key))


def wanted(
    assessed: Assessment, ledger: Ledger, quotas: Mapping[str | None, int]
) -> dict[str | None, int]:
    """How many images of each class the next round makes.

    What a class lacks over the share of its images that was kept of late; a third of the quota at
    most, so that later rounds can be aimed. Where all quotas are full, some to take the place of
    others, of the classes of which real images are missed.
    """
    there = assessed.there
    lacking = {name: quota - there[name] for name, quota in quotas.items() if quota > there[name]}
    if not lacking:
        spread = {name: len(assessed.missed.get(name, ())) for name in quotas}
        named = [name for name, missed in spread.items() if missed] or list(quotas)
        return {name: max(math.ceil(quotas[name] / _SHARE_OF_REPLACED), 1) for name in named}
    found = {}
    for name, count in lacking.items():
        record = ledger.record(name)
        kept = record["made"] - sum(n for why, n in record.items() if why != "made")
        rate = max((kept + 1) / (record["made"] + 1), _LEAST_YIELD)
        most = max(math.ceil(quotas[name] / _SHARE_AT_ONCE), _LEAST_AT_ONCE)
        found[name] = min(math.ceil(count / rate), most)
    return found


def references_by_number(generator: Generator, job: Any, count: int) -> tuple[dict[str, int], int]:
    """Which number starts from which real image, for a generator that starts from real images.

    Args:
        generator: makes the images.
        job: by number.
        count: how many real images there are at most.

    Returns:
        The first number by path of the real image, and after how many numbers it comes again; of a
        generator that takes no references, nothing.
    """
    found: dict[str, int] = {}
    for number in range(count + 1):
        entry = traits_of(generator, job(number)).reference
        if entry is None or entry.path in found:
            break
        found[entry.path] = number
    return found, max(len(found), 1)


def _from(start: int, step: int) -> Iterator[int]:
    while True:
        yield start
        start += step


def _in_turn(texts: Sequence[str]) -> Iterator[str]:
    while True:
        yield from texts


def _blamed(contents: Mapping[str, Any]) -> list[str]:
    """Words that go with a fault, all of whose interval is above nothing."""
    effects = (contents.get("words") or {}).get("effects", [])
    return list(dict.fromkeys(str(own["word"]) for own in effects if own["low"] > _ADVERSE))


def _has_any(prompt: str, words: Sequence[str]) -> bool:
    return any(
        re.search(rf"(?<!\w){re.escape(word)}(?!\w)", prompt, re.IGNORECASE) for word in words
    )


def _sentence(
    subject: str | None,
    jobs: Sequence[Aimed],
    assessed: Assessment,
    quotas: Mapping[str | None, int],
    *,
    is_repetitive: bool,
) -> str:
    """What the images of a class are made for."""
    lacking = quotas[subject] - assessed.there[subject]
    starts = sum(own.aim == _MISSED for own in jobs)
    what = f"{len(jobs):,} images" + (f" of {subject}" if subject is not None else "")
    why = f"{lacking:,} lacking" if lacking > 0 else "to take the place of others"
    if starts:
        why += f"; {starts:,} start from real images that nothing covers"
    if is_repetitive:
        has_prompts = any(own.job.prompt for own in jobs)
        why += f"; it repeats itself: other seeds{' and other words' if has_prompts else ''}"
    return f"{what}: {why}."


def build_seed(seed: int) -> int:
    """The seed of a build's images: no sweep of the plan has chosen anything by them."""
    return seed_of(seed, "build", 0)
