"""Asking a language model for what a plan lacks, and keeping it beside the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Final

from synthaudit.arrays import Singles
from synthaudit.generation.jobs import seed_of
from synthaudit.generation.models.prompt_length import PromptReader
from synthaudit.prompting.filters import Sieve
from synthaudit.prompting.frozen import freeze, read_frozen
from synthaudit.prompting.language_model import LanguageModel, PromptRequest
from synthaudit.prompting.sources import LanguageModelSource, Surroundings
from synthaudit.threads import Advance, ignore

# Answers in a row of which nothing could be kept.
_IDLE: Final = 4
_CLIP_TOKENS: Final = 77
_TOKENS_A_WORD: Final = 1.4


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a request still lacks.

    Attributes:
        request: for one class.
        there: texts that lie beside the plan.
        count: how many more are wanted.
    """

    request: PromptRequest
    there: Sequence[str]
    count: int


@dataclass(frozen=True, kw_only=True)
class Authored:
    """What was written.

    Attributes:
        prompts: how many are there now, by class.
        wanted: how many there should be, of each class.
        made: how many were written in this run.
        dropped: how many were dropped, by reason.
        asked: how many requests were made.
    """

    prompts: dict[str, int]
    wanted: int
    made: int
    dropped: Counter[str] = field(default_factory=Counter)
    asked: int = 0

    @property
    def lacking(self) -> dict[str, int]:
        """How many are missing still, by class."""
        short = {name: self.wanted - count for name, count in self.prompts.items()}
        return {name: count for name, count in short.items() if count > 0}


def wanted_of(source: LanguageModelSource, around: Surroundings) -> list[Wanted]:
    """What a source lacks, class by class; nobody is asked.

    Raises:
        PlanError: examples, the audit or what lies beside the plan cannot be read.
    """
    frozen = read_frozen(around.folder)
    found = []
    for request in source.requests(around):
        there = [own.text for own in frozen if own.request == request.digest]
        count = max(source.llm.per_subject - len(there), 0)
        found.append(Wanted(request=request, there=there, count=count))
    return found


def author(
    source: LanguageModelSource,
    around: Surroundings,
    *,
    vectors: Callable[[Sequence[str]], Singles] | None = None,
    advance: Advance = ignore,
) -> Authored:
    """Have written what a source lacks; each answer is kept before the next is asked for.

    Args:
        source: of the plan.
        around: where it lies.
        vectors: unit text vectors, to find what means the same; None where nothing reads text.
        advance: told of prompts that are there.

    Raises:
        PlanError: something of the plan cannot be read, or the key is not set.
        GeneratorError: the server cannot be asked, or answers with something else.
        StorageError: what was written cannot be kept.
    """
    wanted = wanted_of(source, around)
    model = LanguageModel(source.llm) if any(own.count for own in wanted) else None
    counts: dict[str, int] = {}
    dropped: Counter[str] = Counter()
    made = asked = 0
    for own in wanted:
        there = list(own.there)
        sieve = Sieve(
            name=own.request.subject,
            count_cut=partial(count_cut, source.llm.tokens),
            language=source.llm.language,
            vectors=vectors,
        )
        turn = idle = 0
        while idle < _IDLE and model is not None:
            lacking = source.llm.per_subject - len(there)
            if lacking <= 0:
                break
            turn += 1
            # As it is sent: many servers read 32 bits with a sign.
            seed = seed_of(around.seed, own.request.subject, len(there) + turn) % 2**31
            answer = model.write(own.request, lacking, seed, there)
            asked += 1
            dropped["a refusal"] += answer.is_refusal
            sifted = sieve.sift(answer.texts, there)
            dropped.update(sifted.dropped)
            kept = list(sifted.kept)[:lacking]
            idle = 0 if kept else idle + 1
            freeze(
                around.folder,
                kept,
                of_class=own.request.subject,
                model=own.request.options.model,
                request=own.request.digest,
                seed=seed,
            )
            there += kept
            made += len(kept)
            advance(len(kept))
        counts[own.request.subject or "all"] = min(len(there), source.llm.per_subject)
    return Authored(
        prompts=counts, wanted=source.llm.per_subject, made=made, dropped=dropped, asked=asked
    )


def count_cut(tokens: int | None, text: str) -> int:
    """How many tokens of a text are beyond what the image model reads."""
    if tokens is None:
        return 0
    if tokens == _CLIP_TOKENS:
        return _clip_reader().count_cut(text)
    # Of other models' tokenizers, which are not here, about as many as words are known to have.
    return max(round(len(text.split()) * _TOKENS_A_WORD) - tokens, 0)


@cache
def _clip_reader() -> PromptReader:
    return PromptReader.of_clip()
