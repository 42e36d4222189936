"""From a plan to arms: combinations of axis values, and the prompt of every image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthaudit.errors import PlanError
from synthaudit.generation.jobs import Job, seed_of
from synthaudit.prompting.sources import PromptBook, is_source, source_of
from synthaudit.registry import nearest_name
from synthaudit.sweeping.designs import MOST_ARMS, combinations_of
from synthaudit.sweeping.placeholders import VALUE_KEYS, filled, is_for_some, placeholders_of
from synthaudit.sweeping.plan import ARTICLE, PROMPT, SUBJECT, TOKEN, AxisValue, Plan
from synthaudit.sweeping.templates import compose


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One combination of axis values.

    Attributes:
        name: short, unique and fit for a folder.
        values: by axis, the position of the value in the plan.
        labels: by axis, the value as text.
        jobs: the images, slot by slot; slot s has the same subject and seed in every arm.
    """

    name: str
    values: Mapping[str, int]
    labels: Mapping[str, str]
    jobs: Sequence[Job] = field(repr=False)


def expand(
    plan: Plan,
    subjects: Sequence[str],
    options: Sequence[str],
    prompts: PromptBook | None = None,
) -> list[Arm]:
    """All arms of a plan, with their jobs.

    Args:
        plan: the plan.
        subjects: what to show; empty for sets without classes.
        options: the option names that the generator knows.
        prompts: the sources of prompts in the plan, opened; None where it has none.

    Raises:
        PlanError: an axis is neither placeholder nor option, a placeholder has no axis, no text
            uses the subjects, a rule is about nothing, no arm is left, or two arms are the same.
    """
    subjects = shown_subjects(plan, subjects)
    check_names(plan, subjects, options)
    combinations = [c for c in combinations_of(plan) if not is_excluded(plan, c)]
    if not combinations:
        raise PlanError("the rules under not: exclude every arm: drop one of them.")
    if len(combinations) > MOST_ARMS:
        raise PlanError(
            f"the plan has {len(combinations):,} arms, more than {MOST_ARMS:,}: use design: "
            "one-factor or fractional, or fewer values."
        )
    arms = arms_of(plan, combinations, subjects, prompts)
    _refuse_twins(arms)
    return arms


def shown_subjects(plan: Plan, subjects: Sequence[str]) -> Sequence[str]:
    """Of which subjects a plan's images are: files of a folder may be of no particular one."""
    if plan.generator.name == "folder" and SUBJECT not in placeholders_of(plan):
        return []
    return subjects


def arms_of(
    plan: Plan,
    combinations: Sequence[Mapping[str, int]],
    subjects: Sequence[str],
    prompts: PromptBook | None = None,
    *,
    first: int = 0,
) -> list[Arm]:
    """The arms of some combinations of a plan's axis values.

    Args:
        plan: whose axes they are.
        combinations: by axis, the position of the value.
        subjects: what is shown.
        prompts: the sources of prompts, opened.
        first: number of the first image of each subject.

    Raises:
        PlanError: a rule leaves a subject no value, or a prompt is too long.
    """
    book = prompts or PromptBook()
    return [
        _arm(plan, number, c, subjects, book, first=first) for number, c in enumerate(combinations)
    ]


def is_excluded(plan: Plan, values: Mapping[str, int]) -> bool:
    """Whether a rule without a subject names the combination."""
    rules = [rule for rule in plan.exclude if SUBJECT not in rule]
    return any(_applies(plan, rule, values, None) for rule in rules)


def _applies(
    plan: Plan, rule: Mapping[str, Any], values: Mapping[str, int], subject: str | None
) -> bool:
    for name, wanted in rule.items():
        allowed = wanted if isinstance(wanted, list) else [wanted]
        if name == SUBJECT:
            own: Any = subject
        else:
            own = _plain(plan.values_of(name)[values[name]])
        if own not in allowed:
            return False
    return True


def _plain(value: AxisValue) -> Any:
    """An axis value as rules and labels call it."""
    return value["value"] if is_for_some(value) else value


def _arm(
    plan: Plan,
    number: int,
    values: Mapping[str, int],
    subjects: Sequence[str],
    prompts: PromptBook,
    *,
    first: int,
) -> Arm:
    labels = {name: _label(plan.values_of(name)[n]) for name, n in values.items()}
    slug = "-".join(_slug(label) for label in labels.values() if label)
    return Arm(
        name=f"{number + 1:03d}" + (f"-{slug[:60].rstrip('-')}" if slug else ""),
        values=dict(values),
        labels=labels,
        jobs=[
            job_of(
                plan,
                values,
                subjects[slot % len(subjects)] if subjects else None,
                first + slot // max(len(subjects), 1),
                prompts,
            )
            for slot in range(plan.images_per_arm)
        ],
    )


def _label(value: AxisValue) -> str:
    plain = _plain(value)
    if is_source(plain):
        return source_of(plain).label
    if isinstance(plain, Mapping):
        return _label_of_part(plain)
    if isinstance(plain, list):
        return " + ".join(_label_of_part(part) for part in plain)
    return "" if plain is None else str(plain)


def _label_of_part(part: Any) -> str:
    """A part of a list of values; of weights with their file and scale.

    >>> _label_of_part({"file": "lora/frog.safetensors", "scale": 0.7})
    'frog 0.7'
    """
    if not isinstance(part, Mapping):
        return str(part)
    texts = [Path(text).stem if name == "file" else str(text) for name, text in part.items()]
    return " ".join(texts)


def _slug(label: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", label.lower()).strip("-.")


def job_of(
    plan: Plan,
    values: Mapping[str, int],
    subject: str | None,
    number: int,
    prompts: PromptBook,
) -> Job:
    """Image ``number`` of a subject, by the arm of some axis values.

    Raises:
        PlanError: a rule leaves the subject no value, or the prompt is too long.
    """
    chosen = _for_subject(plan, values, subject)
    texts = placeholders_of(plan)
    own_texts: dict[str, Any] = {name: chosen[name] for name in plan.axes if name in texts}
    if is_source(plan.prompt):
        own_texts[PROMPT] = plan.prompt
    words = {
        name: prompts.text(value, subject, number) if is_source(value) else _label(value)
        for name, value in own_texts.items()
    }
    words[SUBJECT] = subject or ""
    options = filled(plan.generator.options, words)
    own = filled({n: chosen[n] for n in plan.axes if n not in texts}, words)
    inner = {name: own.pop(name) for name in _inner_options(plan) if name in own}
    if inner:
        options["options"] = {**options["options"], **inner}
    if plan.tune is not None:
        # Without the weights the token is a word that means nothing.
        has_lora = own.get("lora", options.get("lora")) is not None
        words[TOKEN] = plan.tune.token if has_lora else ""
    return Job(
        prompt=compose(plan.template, words),
        subject=subject,
        number=number,
        seed=seed_of(plan.seed, subject, number),
        options={**options, **own},
    )


def _inner_options(plan: Plan) -> Sequence[str]:
    """Keys of what a generator hands on to another program, such as ``command``; axes too."""
    inner = plan.generator.options.get("options")
    return [str(name) for name in inner] if isinstance(inner, Mapping) else []


def _for_subject(
    plan: Plan, values: Mapping[str, int], subject: str | None
) -> dict[str, str | int | float | None]:
    """Axis values for one subject.

    A value that belongs to other subjects, or that a rule forbids this one, gives way to another,
    so that every arm shows the same subjects.
    """
    numbers = dict(values)
    for rule in plan.exclude:
        names = [name for name in rule if name != SUBJECT]
        if SUBJECT in rule and names and _applies(plan, rule, numbers, subject):
            name = names[-1]
            others = (n for n in range(len(plan.values_of(name))))
            free = [n for n in others if not _applies(plan, rule, {**numbers, name: n}, subject)]
            if not free:
                raise PlanError(
                    f"rule {rule} under not: leaves {subject!r} no value of {name}: add one."
                )
            numbers[name] = free[0]
    chosen: dict[str, Any] = {}
    for name, number in numbers.items():
        value = plan.values_of(name)[number]
        while is_for_some(value):
            owners = value.get(SUBJECT, [])
            owners = owners if isinstance(owners, list) else [owners]
            first = _plain(plan.values_of(name)[0])
            value = value["value"] if subject in owners else value.get("otherwise", first)
        chosen[name] = value
    return chosen


def axes_of_arm(plan: Plan, arm: Arm) -> dict[str, list[AxisValue]]:
    """The axes of a plan of one arm alone, in which each subject has what it has in the arm."""
    subjects = list(dict.fromkeys(job.subject for job in arm.jobs))
    chosen = {subject: _for_subject(plan, arm.values, subject) for subject in subjects}
    axes: dict[str, list[AxisValue]] = {}
    for name in plan.axes:
        groups: list[tuple[Any, list[str]]] = []
        for subject in subjects:
            value = chosen[subject][name]
            own = next((names for other, names in groups if other == value), None)
            if own is None:
                groups.append((value, [str(subject)]))
            else:
                own.append(str(subject))
        own_value: Any = groups[-1][0]
        for other, names in reversed(groups[:-1]):
            own_value = {"value": other, SUBJECT: names, "otherwise": own_value}
        axes[name] = [own_value]
    return axes


def check_names(plan: Plan, subjects: Sequence[str], options: Sequence[str]) -> None:
    """Refuse a plan whose axes, placeholders, subjects and rules do not fit together.

    Raises:
        PlanError: in one sentence.
    """
    texts = placeholders_of(plan)
    own = {PROMPT} if is_source(plan.prompt) else set()
    own |= set() if plan.tune is None else {TOKEN}
    loose = texts - set(plan.axes) - {SUBJECT, ARTICLE} - own
    if loose:
        name = min(loose)
        hint = nearest_name(name, [*plan.axes, SUBJECT, ARTICLE])
        raise PlanError(f"the prompt uses {{{name}}}, but there is no such axis; {hint}")
    inner = _inner_options(plan) if "options" in options else []
    for name in plan.axes:
        if name not in texts and name not in (*options, *inner):
            hint = nearest_name(name, [*options, *inner, *texts])
            raise PlanError(
                f"axis {name!r} is neither in the prompt, as {{{name}}}, nor an option of the "
                f"generator {plan.generator.name}; {hint}"
            )
    if SUBJECT in texts and not subjects:
        raise PlanError(
            "the prompt uses {subject}, but the real set has no class folders: list subjects."
        )
    if plan.subjects and SUBJECT not in texts and plan.template and not plan.sources:
        raise PlanError("subjects are listed, but no template uses {subject}: use it or drop them.")
    for name in plan.axes:
        for value in plan.values_of(name):
            if is_source(value) and name not in texts:
                raise PlanError(
                    f"a source of prompts is a value of axis {name!r}, which is not in the prompt: "
                    f"write {{{name}}} there, or call the axis prompt."
                )
            _check_value(name, value, subjects)
    for rule in plan.exclude:
        _check_rule(plan, rule, subjects)


def _check_rule(plan: Plan, rule: Mapping[str, Any], subjects: Sequence[str]) -> None:
    for name, wanted in rule.items():
        if name != SUBJECT and name not in plan.axes:
            raise PlanError(
                f"a rule under not: names {name!r}; {nearest_name(name, [*plan.axes, SUBJECT])}"
            )
        known = subjects if name == SUBJECT else [_plain(value) for value in plan.values_of(name)]
        for value in wanted if isinstance(wanted, list) else [wanted]:
            if value not in known:
                hint = nearest_name(str(value), map(str, known))
                raise PlanError(f"a rule under not: names {name} {value!r}; {hint}")


def _check_value(name: str, value: AxisValue, subjects: Sequence[str]) -> None:
    if not is_for_some(value):
        return
    unknown = sorted(set(value) - VALUE_KEYS)
    if unknown or "value" not in value or SUBJECT not in value:
        raise PlanError(
            f"a value of axis {name!r} for some subjects needs value and subject, and may have "
            f"otherwise; it has {', '.join(map(str, value))}."
        )
    owners = value[SUBJECT] if isinstance(value[SUBJECT], list) else [value[SUBJECT]]
    for owner in owners:
        if owner not in subjects:
            raise PlanError(
                f"a value of axis {name!r} is for {owner!r}; {nearest_name(str(owner), subjects)}"
            )


def _refuse_twins(arms: Sequence[Arm]) -> None:
    seen: dict[Any, str] = {}
    for arm in arms:
        recipe = tuple(
            (job.prompt, job.seed, repr(sorted(job.options.items()))) for job in arm.jobs
        )
        if recipe in seen:
            raise PlanError(
                f"arms {seen[recipe]} and {arm.name} are the same: drop one of the values that "
                "make no difference."
            )
        seen[recipe] = arm.name
