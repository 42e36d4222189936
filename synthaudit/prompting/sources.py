"""Sources of prompts in a plan: a text, a grammar, a file, a language model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeGuard

from pydantic import BaseModel, ConfigDict, ValidationError

from synthaudit.errors import PlanError
from synthaudit.images.collection import Collection
from synthaudit.images.generation_record import LONGEST_PROMPT, one_line
from synthaudit.measures.randomness import stream
from synthaudit.prompting.drawing import draw_prompts
from synthaudit.prompting.frozen import FROZEN_FILE, by_subject, read_frozen, read_prompt_file
from synthaudit.prompting.grammar import parse_grammar
from synthaudit.prompting.language_model import LanguageModelOptions, PromptRequest, missing_in
from synthaudit.prompting.wildcards import read_wildcards, values_of
from synthaudit.validation import explain

DEFAULT_GRAMMAR: Final = (
    "A photo of {a} {subject}, {3$$, $$__viewpoint__|__distance__|__light__|__place__|__time__"
    "|__background__|__people__|__camera__}"
)
"""Three of eight kinds of words beside the subject; each word occurs equally often."""

_SHOWN: Final = 40
_MOST_EXAMPLES: Final = 5


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What sources are opened in.

    Attributes:
        folder: of the plan.
        seed: of the plan.
        subjects: what is shown; empty for sets without classes.
        real: the real images, whose captions may serve as examples; None where nobody has looked.
    """

    folder: Path
    seed: int
    subjects: Sequence[str]
    real: Collection | None = None


class Prompts(Protocol):
    """Prompts by subject and number."""

    def text(self, subject: str | None, number: int) -> str:
        """The prompt of image ``number`` of a subject, with placeholders as they are."""


class _Source(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GrammarSource(_Source):
    """``{grammar: TEMPLATE | default, wildcards: FOLDER}``."""

    grammar: str
    wildcards: str | None = None

    @property
    def label(self) -> str:
        """In a line."""
        return f"grammar {self.grammar}"[:_SHOWN].rstrip()

    @property
    def texts(self) -> Sequence[str]:
        """Where placeholders may stand."""
        return [self._template]

    @property
    def _template(self) -> str:
        return DEFAULT_GRAMMAR if self.grammar == "default" else self.grammar

    def open(self, around: Surroundings) -> Prompts:
        """Draw prompts, the same for the same seed and subject.

        Raises:
            PlanError: the grammar or its wildcards cannot be read.
        """
        if not self.grammar.strip():
            raise PlanError("the grammar of the prompts is empty: write a template, or default.")
        wildcards = read_wildcards(None if self.wildcards is None else Path(self.wildcards))
        parts = parse_grammar(self._template, lambda name: values_of(wildcards, name))
        return _Drawn(lambda key: draw_prompts(parts, stream(around.seed, f"prompts of {key}")))


class FileSource(_Source):
    """``{file: prompts.jsonl}``: the prompts of each class, in their order, again and again."""

    file: str

    @property
    def label(self) -> str:
        """In a line."""
        return f"file {Path(self.file).name}"[:_SHOWN]

    @property
    def texts(self) -> Sequence[str]:
        """Whatever the file holds."""
        return []

    def open(self, around: Surroundings) -> Prompts:
        """Read the file.

        Raises:
            PlanError: it cannot be read, or has nothing for a subject.
        """
        found = by_subject(read_prompt_file(Path(self.file)), around.subjects)
        for name, texts in found.items():
            if not texts:
                raise PlanError(f"{self.file} has no prompt for {name!r}: add one.")
            if name is None and any("{subject}" in text for text in texts):
                raise PlanError(
                    f"{self.file} uses {{subject}}, but the real set has no class folders: list "
                    "subjects."
                )
        return _Listed(found)


class LanguageModelSource(_Source):
    """``{llm: {...}}``: what ``synthaudit prompts`` has written beside the plan."""

    llm: LanguageModelOptions

    @property
    def label(self) -> str:
        """In a line."""
        return f"llm {self.llm.model}"[:_SHOWN]

    @property
    def texts(self) -> Sequence[str]:
        """Whatever the model wrote."""
        return []

    def requests(self, around: Surroundings) -> list[PromptRequest]:
        """What is asked for, class by class.

        Raises:
            PlanError: examples or the audit cannot be read.
        """
        missing = [] if self.llm.audit is None else missing_in(self.llm.audit)
        return [
            PromptRequest(
                options=self.llm,
                subject=subject,
                examples=self._examples(around, subject),
                missing=missing,
            )
            for subject in (around.subjects or [None])  # type: ignore[list-item]
        ]

    def open(self, around: Surroundings) -> Prompts:
        """What lies beside the plan; no server is asked.

        Raises:
            PlanError: there is nothing, or what is there was written for another request.
        """
        frozen = read_frozen(around.folder)
        found: dict[str | None, Sequence[str]] = {}
        for request in self.requests(around):
            own = [prompt for prompt in frozen if prompt.request == request.digest]
            if not own:
                file, of = around.folder / FROZEN_FILE, f" for {request.subject!r}"
                is_other = any(prompt.of_class == request.subject for prompt in frozen)
                why = "what there is was written for another plan, examples or audit"
                why = why if is_other else "there are none"
                raise PlanError(
                    f"the prompts of {self.llm.model}{of if request.subject else ''} are not in "
                    f"{file}: {why}; run synthaudit prompts on the plan."
                )
            found[request.subject] = [prompt.text for prompt in own][: self.llm.per_subject]
        return _Listed(found)

    def _examples(self, around: Surroundings, subject: str | None) -> list[str]:
        given = self.llm.examples
        if isinstance(given, list):
            return given[:_MOST_EXAMPLES]
        if isinstance(given, str):
            known = by_subject(read_prompt_file(Path(given)), around.subjects)
            return list(known.get(subject, ()))[:_MOST_EXAMPLES]
        entries = () if around.real is None else around.real.entries
        captions = [
            entry.record.prompt
            for entry in entries
            if entry.record is not None
            and entry.record.prompt is not None
            and subject in (None, entry.label)
        ]
        return sorted(dict.fromkeys(captions))[:_MOST_EXAMPLES]


Source = GrammarSource | FileSource | LanguageModelSource

SOURCES: Final[Mapping[str, type[Source]]] = {
    "grammar": GrammarSource,
    "file": FileSource,
    "llm": LanguageModelSource,
}
"""By the key that a plan gives; another source is another class and a line here."""


def is_source(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value of a plan is a source of prompts."""
    return isinstance(value, Mapping) and bool(SOURCES.keys() & value.keys())


def source_of(value: Mapping[str, Any]) -> Source:
    """A value of a plan as a source.

    Raises:
        PlanError: in one sentence, with the nearest known name for an unknown one.
    """
    kinds = [key for key in SOURCES if key in value]
    if len(kinds) != 1:
        raise PlanError(
            f"a source of prompts should be one of {', '.join(SOURCES)}, not {' and '.join(kinds)}."
        )
    kind = SOURCES[kinds[0]]
    try:
        return kind.model_validate(dict(value))
    except ValidationError as error:
        place = LanguageModelOptions if kinds[0] == "llm" else kind
        told = explain(
            error,
            noun="key",
            known=lambda where: (
                (place if len(where) > 1 or kinds[0] != "llm" else kind).model_fields
            ),
            speaks_for_itself=True,
        )
        raise PlanError(f"the prompts by {kinds[0]}: {told}") from error


@dataclass(frozen=True, kw_only=True)
class PromptBook:
    """All sources of a plan, opened.

    Attributes:
        opened: by the source's own text.
    """

    opened: Mapping[str, Prompts] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Sequence[Any], around: Surroundings) -> PromptBook:
        """Open those among some values of a plan.

        Raises:
            PlanError: one cannot be opened.
        """
        sources = [value for value in values if is_source(value)]
        return cls(opened={_key(value): source_of(value).open(around) for value in sources})

    def text(self, value: Mapping[str, Any], subject: str | None, number: int) -> str:
        """The prompt of image ``number`` of a subject, by one of the sources."""
        text = one_line(self.opened[_key(value)].text(subject, number))
        if len(text) > LONGEST_PROMPT:
            raise PlanError(
                f"a prompt of {source_of(value).label} has {len(text):,} characters, more than "
                f"{LONGEST_PROMPT:,}: shorten it."
            )
        return text


def _key(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, default=str)


class _Listed:
    """A list of prompts for each subject."""

    def __init__(self, texts: Mapping[str | None, Sequence[str]]) -> None:
        self._texts = texts

    def text(self, subject: str | None, number: int) -> str:
        """In turn, from the beginning again after the last."""
        own = self._texts[subject if subject in self._texts else None]
        return own[number % len(own)]


class _Drawn:
    """Prompts that are drawn one after the other, for each subject for itself."""

    def __init__(self, draw: Callable[[str | None], Any]) -> None:
        self._draw = draw
        self._begun: dict[str | None, tuple[Any, list[str]]] = {}

    def text(self, subject: str | None, number: int) -> str:
        """The prompt of that number, those before it drawn first."""
        drawing, drawn = self._begun.setdefault(subject, (self._draw(subject), []))
        while len(drawn) <= number:
            drawn.append(next(drawing))
        return drawn[number]
