"""A plan made ready: the real set, the generator, the arms, everything checked beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from synthaudit.auditing.route import check_measures
from synthaudit.embedding.cache import cache_folder
from synthaudit.errors import PlanError
from synthaudit.generation.jobs import Generator, traits_of
from synthaudit.generation.references import References
from synthaudit.generation.verification import make_generator
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source
from synthaudit.images.traits import look_at
from synthaudit.images.web import WebAccess
from synthaudit.measures.randomness import stream
from synthaudit.progress import Progress
from synthaudit.prompting.sources import PromptBook, Surroundings
from synthaudit.settings import Settings
from synthaudit.sweeping.arms import Arm, expand, shown_subjects
from synthaudit.sweeping.evolving import starting_plan
from synthaudit.sweeping.plan import SEARCHES, Plan
from synthaudit.sweeping.search_space import SearchSpace
from synthaudit.sweeping.searching import images_to_search
from synthaudit.sweeping.store import Codec
from synthaudit.sweeping.teaching import refuse_other_steps, refuse_untaught, teach

_LOOKED_AT = 100
_GOOD_QUALITY = 95
_LEAST_OF_A_CLASS = 10


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """All that a sweep needs.

    Attributes:
        plan: as read.
        real: the real images that every arm is compared with.
        arms: with their jobs.
        generator: checked against every arm.
        references: the real images that a generator may start from.
        codec: of the real set.
        settings: of the audits, on the first of the devices.
        devices: on which the images are made; None for what the plan says.
        is_paired: whether the images of a slot have a seed in common, in all arms.
        subjects: what is shown; empty for sets without classes.
        prompts: the sources of prompts, opened.
    """

    plan: Plan
    real: Collection
    arms: Sequence[Arm]
    generator: Generator
    references: References
    codec: Codec
    settings: Settings
    devices: Sequence[str] | None
    is_paired: bool
    subjects: Sequence[str]
    prompts: PromptBook

    @property
    def price(self) -> float | None:
        """What an image costs at most; None where nobody has said."""
        prices = [traits_of(self.generator, arm.jobs[0]).price for arm in self.arms]
        known = [price for price in prices if price is not None]
        return max(known) if known else None


def prepare(
    plan: Plan,
    settings: Settings,
    *,
    asks_generator: bool = True,
    teaches: bool = False,
    real: Collection | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Check everything that can be checked before an image is made.

    Args:
        plan: as read.
        settings: of the audits.
        asks_generator: whether the generator looks at every job, for which it may need packages
            and a model.
        teaches: whether the LoRA of the plan is taught now, if it is not there yet.
        real: the real images, if not all that the plan names; no other one is looked at.
        progress: told of teaching.

    Raises:
        PlanError: the plan cannot be carried out.
        DataError, UsageError: the real set cannot be used.
        GeneratorError: the generator lacks something.
    """
    check_measures(settings.measures)
    opened = open_real(plan, settings) if real is None else real
    subjects = subjects_of(plan, opened)
    if plan.goal == "useful":
        _refuse_without_classes(opened, subjects)
    kept = cache_folder(settings) / "masks" if settings.use_cache else None
    references = References(opened, max_pixels=settings.max_pixels, kept=kept)
    devices = _devices(plan, settings)
    generator = make_generator(
        plan.generator.name, references, device=None if devices is None else devices[0]
    )
    if plan.design in SEARCHES and plan.generator.name == "folder":
        raise PlanError(
            f"design: {plan.design} makes images on the way, which the generator folder cannot: "
            "use a grid of what is there."
        )
    shown = starting_plan(plan, has_subjects=bool(subjects))
    prompts = PromptBook.of(shown.sources, surroundings_of(plan, opened, subjects))
    arms = expand(shown, subjects, generator.known_options, prompts)
    refuse_other_steps(plan)
    if teaches and plan.tune is not None:
        # Before hours of teaching: whatever is wrong without the weights.
        _check(generator, [_without_lora(arm) for arm in arms])
        teach(plan, opened, settings, progress)
    elif asks_generator:
        refuse_untaught(plan)
    if asks_generator:
        _check(generator, arms)
    if plan.budget.money is not None:
        _refuse_without_price(generator, arms)
    embedder = plan.embedder if settings.embedder == "auto" else settings.embedder
    prepared = Prepared(
        plan=plan,
        real=_sample(opened, plan.real_images, plan.seed),
        arms=arms,
        generator=generator,
        references=references,
        codec=_codec_of(opened),
        settings=settings.model_copy(
            update={
                "embedder": embedder,
                "seed": plan.seed,
                "device": settings.device if devices is None else devices[0],
            }
        ),
        devices=devices,
        is_paired=all(traits_of(generator, arm.jobs[0]).is_seeded for arm in arms),
        subjects=shown_subjects(plan, subjects),
        prompts=prompts,
    )
    if plan.design in SEARCHES:
        images_to_search(SearchSpace(plan=shown), prepared.price)
    return prepared


def _check(generator: Generator, arms: Sequence[Arm]) -> None:
    """Have a generator look at every job."""
    for arm in arms:
        checked: set[str] = set()
        for job in arm.jobs:
            # The same options and prompt need no second look; numbers may run out of files.
            key = repr((job.prompt, sorted(job.options.items(), key=str), job.number))
            if key not in checked:
                checked.add(key)
                generator.check(job)


def _without_lora(arm: Arm) -> Arm:
    """The first job of an arm as if it had no LoRA."""
    job = arm.jobs[0]
    own = {n: v for n, v in job.options.items() if n not in ("lora", "lora_scale")}
    return replace(arm, jobs=[replace(job, options=own)])


def open_real(plan: Plan, settings: Settings) -> Collection:
    """The real images of a plan.

    Raises:
        PlanError: they are ready vectors.
        DataError, UsageError: they cannot be used.
    """
    opened = open_source(plan.real, WebAccess.of(settings))
    if not isinstance(opened, Collection):
        raise PlanError(f"real should be images, but {plan.real} holds vectors.")
    return opened


def subjects_of(plan: Plan, real: Collection) -> list[str]:
    """What a plan shows: what it lists, or the classes of the real images."""
    return plan.subjects or sorted({e.label for e in real.entries if e.label is not None})


def surroundings_of(plan: Plan, real: Collection, subjects: Sequence[str]) -> Surroundings:
    """What the sources of prompts of a plan are opened in."""
    return Surroundings(folder=plan.folder, seed=plan.seed, subjects=subjects, real=real)


def _refuse_without_classes(real: Collection, subjects: Sequence[str]) -> None:
    """What arms teach shows in classes of real images that are named as the subjects are.

    Raises:
        PlanError: there are fewer than two.
    """
    counts = Counter(entry.label for entry in real.entries)
    shared = [name for name in subjects if counts[name] >= _LEAST_OF_A_CLASS]
    if len(shared) < 2:
        raise PlanError(
            "goal: useful needs real images in class folders that are named as the subjects are, "
            f"two or more of at least {_LEAST_OF_A_CLASS} images, but there are {len(shared)}: lay "
            "the real images out so, or choose another goal."
        )


def _devices(plan: Plan, settings: Settings) -> list[str] | None:
    """Where images are made: several devices always, a single one unless the plan names another."""
    devices = [name.strip() for name in settings.device.split(",")]
    if len(devices) == 1:
        own = plan.generator.options.get("device", "auto")
        return None if settings.device == "auto" or own != "auto" else devices
    for name in devices:
        if not name or name == "auto":
            raise PlanError(
                f"--device should be one device or several by name, such as cuda:0,cuda:1, not "
                f"{settings.device!r}."
            )
    return devices


def _refuse_without_price(generator: Generator, arms: Sequence[Arm]) -> None:
    for arm in arms:
        if traits_of(generator, arm.jobs[0]).price is None:
            raise PlanError(
                f"budget.money needs to know what an image costs, which arm {arm.name} does not "
                "say: give the generator a price, or drop money."
            )


def _sample(real: Collection, images: int, seed: int) -> Collection:
    rows = np.sort(stream(seed, "real images").permutation(len(real.entries))[:images])
    return replace(real, entries=[real.entries[row] for row in rows])


def _codec_of(real: Collection) -> Codec:
    """The commonest format of the real images, at their median quality."""
    found = look_at(real, _LOOKED_AT)
    if not found:
        return Codec()
    jpeg = [traits for traits in found if traits["is_jpeg"]]
    if 2 * len(jpeg) >= len(found):
        return Codec(
            format="JPEG",
            quality=int(np.median([traits["jpeg_quality"] for traits in jpeg])),
            subsampling=max(int(np.median([traits["jpeg_subsampling"] for traits in jpeg])), 0),
        )
    is_webp = 2 * sum(traits["is_webp"] for traits in found) >= len(found)
    return Codec(format="WEBP", quality=_GOOD_QUALITY) if is_webp else Codec(format="PNG")


def default_out(plan_file: Path) -> Path:
    """Where a sweep goes unless the user says otherwise."""
    return Path(f"{plan_file.stem}-sweep")
