"""Prompts written by a language model, behind any server with OpenAI's chat completions."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import Field

from synthaudit.errors import GeneratorError, PlanError
from synthaudit.generation.servers import Connection, read_whole, unreachable, without_key

_VERSION: Final = 1
_THOUGHTS: Final = re.compile(r"<think>.*?</think>", re.DOTALL)
_FENCE: Final = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)
_MOST_AT_ONCE: Final = 50
_SCHEMA: Final = {
    "type": "object",
    "properties": {"prompts": {"type": "array", "items": {"type": "string"}}},
    "required": ["prompts"],
    "additionalProperties": False,
}
_TASK: Final = (
    "You write prompts for a text-to-image model. Its pictures will train a classifier, so they "
    "should differ as real photos of the class do, and show the class plainly. Answer with JSON "
    'alone: {"prompts": ["...", ...]}.'
)


class LanguageModelOptions(Connection):
    """``{llm: ...}`` in a plan.

    Attributes:
        model: as the server calls it.
        per_subject: how many prompts each class should have.
        describe: what the data set is, in a sentence or two.
        vary: what should differ from prompt to prompt.
        examples: three to five prompts or captions; or a file of them; without, captions of the
            real images are taken where there are any.
        audit: ``scores.json``, or the folder of an audit, whose findings tell what is missing.
        language: of the prompts; null for any.
        tokens: that the image model reads at most; null for no limit.
        temperature: of the language model; null for what is usual.
    """

    model: str = Field(min_length=1)
    per_subject: int = Field(default=20, ge=1, le=10_000)
    describe: str = ""
    vary: list[str] = Field(
        default_factory=lambda: ["surroundings", "action", "viewpoint", "light", "distance"]
    )
    examples: list[str] | str | None = None
    audit: str | None = None
    language: str | None = "English"
    tokens: int | None = Field(default=77, ge=8)
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)

    @property
    def manner(self) -> list[str]:
        """In which language and how long prompts should be, as a model is told."""
        lines = [] if self.language is None else [f"Write in {self.language}."]
        return lines if self.tokens is None else [*lines, f"At most {self.tokens // 2} words each."]

    @property
    def asked(self) -> dict[str, Any]:
        """What of these options decides what a model writes, whoever serves it."""
        told = self.model_dump(
            include={"model", "describe", "vary", "language", "tokens", "temperature"}
        )
        return {**told, "vary": list(self.vary)}


@dataclass(frozen=True, kw_only=True)
class PromptRequest:
    """What a language model is asked for, for one class.

    Attributes:
        options: of the plan.
        subject: the class; None for a set without.
        examples: prompts or captions.
        missing: what the last audit found that real images show and no prompt asks for.
    """

    options: LanguageModelOptions
    subject: str | None
    examples: Sequence[str]
    missing: Sequence[str] = ()

    @property
    def digest(self) -> str:
        """Of everything that decides what is asked for, whatever the number of prompts.

        Who serves the model does not count, nor how it is asked.
        """
        own = self.options
        told = {
            **own.asked,
            "version": _VERSION,
            "subject": self.subject,
            "examples": list(self.examples),
            "missing": list(self.missing),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]

    def messages(self, count: int, before: Sequence[str]) -> list[dict[str, str]]:
        """What is sent.

        Args:
            count: how many prompts are asked for.
            before: prompts that are there already.
        """
        own = self.options
        what = "the data set" if self.subject is None else f"the class {self.subject!r}"
        lines = [f"Write {count} prompts for {what}."]
        if own.describe:
            lines.append(f"The data set: {own.describe}")
        if self.subject is not None:
            lines.append(f"Each prompt names the class as {self.subject!r}.")
        lines.append(
            "Each is one sentence that says the surroundings, what happens and the viewpoint. They "
            f"should differ in: {', '.join(own.vary)}."
        )
        lines += own.manner
        if self.missing:
            lines.append(
                "The real images show the following, which earlier prompts did not ask for; work "
                f"it in: {', '.join(self.missing)}."
            )
        if self.examples:
            lines += [
                "Examples of what such images show:",
                *(f"- {text}" for text in self.examples),
            ]
        if before:
            lines += ["These are there already; write others:", *(f"- {t}" for t in before[-30:])]
        return [{"role": "system", "content": _TASK}, {"role": "user", "content": "\n".join(lines)}]


class Request(Protocol):
    """What a language model is asked for."""

    def messages(self, count: int, before: Sequence[str]) -> list[dict[str, str]]:
        """What is sent; see ``PromptRequest``."""


class AnswerError(GeneratorError):
    """What came is no answer; the next one may be."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model wrote.

    Attributes:
        texts: as they were written.
        is_refusal: whether it would not write any.
    """

    texts: Sequence[str]
    is_refusal: bool = False


class LanguageModel:
    """A server that is asked for prompts.

    Raises:
        GeneratorError: the package is missing.
        PlanError: the key is not set.
    """

    def __init__(self, options: LanguageModelOptions) -> None:
        if find_spec("openai") is None:
            raise GeneratorError(
                "prompts by a language model need an extra: in a checkout, pip install '.[openai]'."
            )
        self._options, self._key = options, options.read_key()

    def write(self, request: Request, count: int, seed: int, before: Sequence[str]) -> Answer:
        """Texts as the model writes them, at most fifty at once.

        An answer that is cut off or is no JSON is asked for again, as often as a request is.

        Raises:
            GeneratorError: the server cannot be asked, or keeps answering with something else.
        """
        for turn in itertools.count():
            try:
                return self._ask(request, count, seed + turn, before)
            except AnswerError:
                if turn >= self._options.retries:
                    raise
        raise AssertionError("counting does not end")

    def _ask(self, request: Request, count: int, seed: int, before: Sequence[str]) -> Answer:
        import openai

        own, start = self._options, time.monotonic()
        asked: dict[str, Any] = {
            "model": own.model,
            "messages": request.messages(min(count, _MOST_AT_ONCE), before),
            "seed": seed,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "prompts", "strict": True, "schema": _SCHEMA},
            },
        }
        if own.temperature is not None:
            asked["temperature"] = own.temperature
        client = openai.OpenAI(
            base_url=own.base_url,
            api_key=self._key or "none",
            timeout=own.seconds,
            max_retries=own.retries,
        )
        try:
            with (
                client,
                client.chat.completions.with_streaming_response.create(**asked) as answer,
            ):
                body = read_whole(answer.iter_bytes(), own, start)
        except openai.APIStatusError as error:
            raise GeneratorError(self._sentence(error)) from None
        except (openai.APITimeoutError, TimeoutError):
            raise GeneratorError(
                f"{own.base_url} gave no whole answer within {own.seconds:g} s: raise seconds of "
                "llm, or ask another server."
            ) from None
        except openai.APIConnectionError as error:
            raise GeneratorError(unreachable(own, error, self._key)) from None
        # The client's transport raises errors of its own where a connection ends midway.
        except Exception as error:  # noqa: BLE001
            raise AnswerError(unreachable(own, error, self._key)) from None
        return _answer_in(body, own.base_url)

    def _sentence(self, error: Any) -> str:
        """What a server says that will not answer, and what to do."""
        said = without_key(str(error.message), self._key)
        advice = {
            401: "is the key the right one?",
            403: "is the key the right one?",
            404: "is the model's name right, and does base_url end with its /v1?",
            429: "it is asked too often, or an allowance is used up: try again later.",
        }.get(
            error.status_code,
            "see what it says."
            if error.status_code < 500
            else "it is at fault, or has too much to do: try again later.",
        )
        return f"{self._options.base_url} answers {error.status_code} ({said}): {advice}"


def _answer_in(body: bytes, whose: str) -> Answer:
    """The prompts of an answer.

    Raises:
        GeneratorError: it holds something else.
    """
    try:
        choice = json.loads(body)["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise GeneratorError(
            f"{whose} answers with no chat completion: does base_url end with its /v1?"
        ) from error
    if refusal:
        return Answer(texts=(), is_refusal=True)
    try:
        found = json.loads(_json_in(content)) if isinstance(content, str) else None
    except (ValueError, RecursionError):
        found = None
    texts = found.get("prompts") if isinstance(found, dict) else found
    if isinstance(texts, list):
        return Answer(texts=[text for text in texts if isinstance(text, str)])
    if choice.get("finish_reason") == "length":
        raise AnswerError(
            f"{whose} cut its answer off before the end: let the model write longer answers, or "
            "ask another one."
        )
    shown = " ".join(str(content or "").split())[:80]
    raise AnswerError(
        f"{whose} answers without the JSON that was asked for ({shown!r}): use a model or a "
        "server that can be bound to a JSON schema."
    )


def _json_in(text: str) -> str:
    """The JSON of an answer, without what some models think aloud or put around it."""
    said = _THOUGHTS.sub("", text)
    fenced = _FENCE.search(said)
    return (fenced[1] if fenced else said).strip()


def missing_in(place: str) -> list[str]:
    """What an audit suggests to ask for.

    Raises:
        PlanError: there is no audit.
    """
    file = Path(place)
    file = file / "scores.json" if file.is_dir() else file
    try:
        scores = json.loads(file.read_text("utf-8"))
        found = (scores.get("attributes") or {}).get("suggestions", [])
    except (OSError, ValueError, AttributeError) as error:
        raise PlanError(
            f"audit of llm should be the folder of an audit, or its scores.json, but {place} "
            "cannot be read."
        ) from error
    return [str(text) for text in found][:12]
