"""The prompts of a plan: what is asked of a language model, and what every arm then shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.embedding.choice import choose_embedder
from synthaudit.embedding.protocol import Embedder, TextEmbedder
from synthaudit.embedding.texts import encode_texts
from synthaudit.generation.references import References
from synthaudit.generation.verification import make_generator
from synthaudit.progress import Progress
from synthaudit.prompting.authoring import Authored, Wanted, author, wanted_of
from synthaudit.prompting.sources import LanguageModelSource, PromptBook, Surroundings, source_of
from synthaudit.settings import Settings
from synthaudit.sweeping.arms import expand
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.preparation import open_real, subjects_of, surroundings_of


@dataclass(frozen=True, kw_only=True)
class ShownPrompt:
    """A prompt of an arm.

    Attributes:
        arm: its name.
        subject: what is shown; None without classes.
        number: of the image.
        seed: of the image.
        prompt: as the generator gets it.
    """

    arm: str
    subject: str | None
    number: int
    seed: int
    prompt: str

    def to_dict(self) -> dict[str, Any]:
        """As a line of JSON."""
        return asdict(self)


def wanted_of_plan(plan: Plan, settings: Settings) -> list[Wanted]:
    """What language models would be asked for; nobody is asked, but all else is read.

    Raises:
        PlanError, DataError, UsageError: the plan or its real images cannot be used.
    """
    around = _around(plan, settings)
    for value in plan.sources:
        source = source_of(value)
        if not isinstance(source, LanguageModelSource):
            source.open(around)
    return [own for source in _sources(plan) for own in wanted_of(source, around)]


def author_plan(plan: Plan, settings: Settings, progress: Progress) -> list[Authored]:
    """Have written what the plan lacks, and keep it beside the plan.

    Raises:
        PlanError, DataError, UsageError: the plan or its real images cannot be used.
        GeneratorError: a server cannot be asked.
        StorageError: what was written cannot be kept.
    """
    around, sources, vectors = _around(plan, settings), _sources(plan), _text_vectors(plan)
    found = []
    for source in sources:
        progress.start("asking for prompts", sum(own.count for own in wanted_of(source, around)))
        found.append(author(source, around, vectors=vectors, advance=progress.advance))
    return found


def shown_prompts(plan: Plan, settings: Settings) -> list[ShownPrompt]:
    """Every prompt of every arm, as a sweep takes it; no generator is asked.

    Raises:
        PlanError: the plan cannot be carried out, or its prompts are not there.
    """
    real = open_real(plan, settings)
    subjects = subjects_of(plan, real)
    references = References(real, max_pixels=settings.max_pixels)
    options = make_generator(plan.generator.name, references).known_options
    book = PromptBook.of(plan.sources, surroundings_of(plan, real, subjects))
    return [
        ShownPrompt(
            arm=arm.name,
            subject=job.subject,
            number=job.number,
            seed=job.seed,
            prompt=job.prompt,
        )
        for arm in expand(plan, subjects, options, book)
        for job in arm.jobs
    ]


def _sources(plan: Plan) -> list[LanguageModelSource]:
    found = [source_of(value) for value in plan.sources]
    return [source for source in found if isinstance(source, LanguageModelSource)]


def _around(plan: Plan, settings: Settings) -> Surroundings:
    real = open_real(plan, settings)
    return surroundings_of(plan, real, subjects_of(plan, real))


def _text_vectors(plan: Plan) -> Callable[[Sequence[str]], Singles] | None:
    """What turns texts to vectors, each once, where the plan's embedder is a CLIP."""
    if not plan.embedder.startswith("clip"):
        return None
    known: dict[str, Singles] = {}

    @cache
    def load() -> Embedder:
        return choose_embedder(Settings(embedder=plan.embedder))

    def read(texts: Sequence[str]) -> Singles:
        embedder = load()
        assert isinstance(embedder, TextEmbedder)
        if fresh := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(fresh, encode_texts(embedder, fresh), strict=True))
        return np.stack([known[text] for text in texts])

    return read
