"""What the next images are made for, from assessments whose truth is written by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from synthaudit.building.aiming import Aimer, references_by_number, wanted
from synthaudit.building.assessment import Assessment
from synthaudit.building.ledger import Candidate, Drop, Ledger, Round
from synthaudit.building.verdict import is_stalled, lacking
from synthaudit.generation.jobs import Job, Traits
from synthaudit.images.collection import FileLocation, ImageEntry
from synthaudit.measures.selection import OTHER_CLASS, REPEATED
from synthaudit.settings import Settings
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.preparation import prepare
from tests.building.small_build import write_real

QUOTAS = {"cat": 12, "frog": 12}


def done(number: int, **changed: Any) -> Round:
    told: dict[str, Any] = {
        "round": number, "made": 10, "kept": 5, "dropped": {}, "aimed_at": [], "scores": {},
        "seconds": 1.0, "money": 0.0, "quota": {"cat": [5, 12]}, "uncovered": 0.5, "excess": None,
    }  # fmt: skip
    return Round(**{**told, **changed})


def candidates(subject: str, count: int) -> list[Candidate]:
    return [
        Candidate(path=f"{subject}/{n}.png", file="", subject=subject, number=n)
        for n in range(count)
    ]


def ledger_with(*rounds: Round) -> Ledger:
    return Ledger(folder=Path("nowhere"), rounds=list(rounds))


def aimer(folder: Path, **changed: Any) -> Aimer:
    contents = {
        "real": str(write_real(folder)),
        "images_per_arm": 8,
        "generator": {"name": "augment"},
        "build": {"images_per_class": 12},
        **changed,
    }
    prepared = prepare(Plan.model_validate(contents), Settings())
    return Aimer(prepared, prepared.arms[0], 7, references=60)


def entry(path: str) -> ImageEntry:
    return ImageEntry(path=path, label=path.split("/", maxsplit=1)[0], location=FileLocation(path))


def test_more_is_made_of_what_lacks_more_and_of_what_is_kept_less() -> None:
    assessed = Assessment(chosen=[*candidates("cat", 10), *candidates("frog", 9)])
    half = {"frog": {"made": 10, REPEATED: 5}}
    found = wanted(assessed, ledger_with(done(1, by_class=half)), QUOTAS)
    assert found["cat"] == 2
    # 3 are lacking, of which a little more than half will be kept: (5 + 1) of (10 + 1).
    assert found["frog"] == 6


def test_a_round_makes_no_more_than_a_part_of_the_quota() -> None:
    found = wanted(Assessment(chosen=[]), ledger_with(), {"cat": 90})
    assert found == {"cat": 30}


def test_full_classes_are_replaced_where_real_images_are_missed() -> None:
    chosen = [*candidates("cat", 12), *candidates("frog", 12)]
    assessed = Assessment(chosen=chosen, missed={"frog": [entry("frog/01.png")]})
    assert wanted(assessed, ledger_with(), QUOTAS) == {"frog": 3}


def test_missed_real_images_are_started_from(tmp_path: Path) -> None:
    own = aimer(tmp_path)
    missed = [entry("frog/08.png"), entry("frog/02.png")]
    assessed = Assessment(chosen=candidates("cat", 12), missed={"frog": missed})
    aim = own.aim(assessed, ledger_with(), QUOTAS, most=None)
    starts = Counter(
        own.generator.traits(each.job).reference.path  # type: ignore[attr-defined]
        for each in aim.jobs
    )
    assert set(starts) == {"frog/08.png", "frog/02.png"}
    assert len({each.job.seed for each in aim.jobs}) == len(aim.jobs) == 8
    assert "8 start from real images that nothing covers" in aim.told[0]


def test_numbers_that_were_used_are_not_used_again(tmp_path: Path) -> None:
    own, ledger = aimer(tmp_path), ledger_with()
    assessed = Assessment(chosen=[])
    first = own.aim(assessed, ledger, QUOTAS, most=None)
    for each in first.jobs:
        path = f"{each.job.subject}/{each.job.number}"
        ledger.candidates[path] = Candidate(
            path=path, file="", subject=each.job.subject, number=each.job.number
        )
        ledger.drops[path] = Drop(reason=REPEATED, round=1)
    second = own.aim(assessed, ledger, QUOTAS, most=None)
    keys = [(each.job.subject, each.job.number) for each in (*first.jobs, *second.jobs)]
    assert len(set(keys)) == len(keys)


def test_a_budget_leaves_out_of_all_classes_alike(tmp_path: Path) -> None:
    aim = aimer(tmp_path).aim(Assessment(chosen=[]), ledger_with(), QUOTAS, most=6)
    assert Counter(each.job.subject for each in aim.jobs) == {"cat": 3, "frog": 3}


def test_a_class_that_repeats_itself_gets_other_words(tmp_path: Path) -> None:
    command = {"name": "command", "command": ["true"]}
    own = aimer(tmp_path, generator=command, prompt="A photo of {a} {subject}")
    record = {"cat": {"made": 10, REPEATED: 6}, "frog": {"made": 10}}
    ledger = ledger_with(done(1, by_class=record))
    aim = own.aim(Assessment(chosen=[]), ledger, QUOTAS, most=None)
    cats = {each.job.prompt for each in aim.jobs if each.job.subject == "cat"}
    frogs = {each.job.prompt for each in aim.jobs if each.job.subject == "frog"}
    assert frogs == {"A photo of a frog"}
    assert len(cats) > 4
    assert all(prompt.startswith("A photo of a cat, ") for prompt in cats)


def test_references_recur_after_as_many_as_there_are() -> None:
    class Cycling:
        def traits(self, job: Job) -> Traits:
            return Traits(reference=entry(f"cat/{job.number % 7}.png"))

    def job(number: int) -> Job:
        return Job(prompt="", subject="cat", number=number, seed=0)

    found, width = references_by_number(Cycling(), job, 100)  # type: ignore[arg-type]
    assert width == 7
    assert found == {f"cat/{n}.png": n for n in range(7)}


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([done(1), done(2)], False),
        ([done(1), done(2), done(3)], True),
        ([done(1), done(2, kept=6), done(3, kept=6)], False),
        ([done(1, excess=0.5), done(2, excess=0.5), done(3, excess=0.4)], False),
        ([done(1, excess=0.5), done(2, excess=0.5), done(3, excess=0.499)], True),
        ([done(1, excess=0.5), done(2, excess=0.4), done(3), done(4), done(5)], True),
    ],
)
def test_a_build_is_stalled_when_two_rounds_bring_nothing(
    rounds: list[Round], expected: bool
) -> None:
    assert is_stalled(rounds) is expected


def test_the_reason_is_that_of_most_images() -> None:
    record = {"frog": {"made": 50, OTHER_CLASS: 31, REPEATED: 4}}
    told = lacking({"frog": [3, 12], "cat": [12, 12]}, ledger_with(done(1, by_class=record)))
    assert told == ["frog: 62 % of what is made shows another class: mend the prompt."]
