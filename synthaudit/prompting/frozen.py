"""``prompts.jsonl`` beside a plan: prompts that a language model wrote, kept to be used again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from synthaudit.errors import PlanError
from synthaudit.images.generation_record import LONGEST_PROMPT, one_line
from synthaudit.result.writing import json_line, write_files
from synthaudit.validation import explain

FROZEN_FILE: Final = "prompts.jsonl"
_LARGEST: Final = 200_000_000
_SUFFIXES: Final = (".jsonl", ".ndjson", ".txt")


class FrozenPrompt(BaseModel):
    """A line of ``prompts.jsonl``.

    Attributes:
        text: the prompt; may have ``{subject}`` and ``{a}`` in it.
        of_class: (``class`` in the file) what it is for; None for any.
        source: ``llm``, or what a person calls it.
        model: who wrote it.
        request: digest of what was asked for.
        seed: that was asked with.
        time: when it was written, in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    text: str = Field(max_length=LONGEST_PROMPT)
    of_class: str | None = Field(default=None, alias="class")
    source: str | None = None
    model: str | None = None
    request: str | None = None
    seed: int | None = None
    time: str | None = None

    @field_validator("text")
    @classmethod
    def _is_one_line(cls, text: str) -> str:
        line = one_line(text)
        if not line:
            raise ValueError("text should be a sentence, and has no letters")
        return line


def read_prompt_file(file: Path) -> list[FrozenPrompt]:
    """The prompts of a ``.jsonl``, or of a text file with one a line.

    Raises:
        PlanError: it cannot be read, or a line is no prompt.
    """
    if file.suffix.lower() not in _SUFFIXES:
        raise PlanError(
            f"prompts should be in a .jsonl, or in a .txt with one a line, not in {file.name}."
        )
    try:
        if file.stat().st_size > _LARGEST:
            raise PlanError(f"{file} is larger than {_LARGEST // 10**6} MB: split it.")
        lines = file.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PlanError(f"the prompts {file} cannot be read: {reason}.") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line) if file.suffix.lower() != ".txt" else {"text": line}
            found.append(FrozenPrompt.model_validate(record))
        except ValidationError as error:
            told = explain(error, noun="key", known=lambda _: FrozenPrompt.model_fields)
            raise PlanError(f"the prompts {file}: line {number}: {told}") from error
        except (ValueError, RecursionError) as error:
            raise PlanError(
                f"the prompts {file}: line {number} should be an object with a text, such as "
                f'{{"text": "a frog in the rain", "class": "frog"}}.'
            ) from error
    if not found:
        raise PlanError(f"there are no prompts in {file}.")
    return found


def read_frozen(folder: Path) -> list[FrozenPrompt]:
    """What lies beside a plan; nothing where there is no such file.

    Raises:
        PlanError: it cannot be read.
    """
    file = folder / FROZEN_FILE
    return read_prompt_file(file) if file.is_file() and file.stat().st_size else []


def write_frozen(folder: Path, prompts: Sequence[FrozenPrompt]) -> None:
    """Write all prompts of a folder, in the place of those that were there.

    Raises:
        StorageError: it cannot be written.
    """
    text = "".join(json_line(own.model_dump(by_alias=True)) for own in prompts)
    write_files(folder, {FROZEN_FILE: text}, advice="make the folder of the plan writable")


def freeze(
    folder: Path, texts: Sequence[str], *, of_class: str | None, model: str, request: str, seed: int
) -> None:
    """Add what a language model has just written to the prompts of a folder.

    Args:
        folder: of the plan.
        texts: as they are kept.
        of_class: what they are for; None for any.
        model: who wrote them.
        request: digest of what was asked for.
        seed: that was asked with.

    Raises:
        PlanError: what lies there cannot be read.
        StorageError: it cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    fresh = [
        FrozenPrompt.model_validate(
            {
                "text": text,
                "class": of_class,
                "source": "llm",
                "model": model,
                "request": request,
                "seed": seed,
                "time": now,
            }
        )
        for text in texts
    ]
    if fresh:
        write_frozen(folder, [*read_frozen(folder), *fresh])


def by_subject(
    prompts: Iterable[FrozenPrompt], subjects: Sequence[str]
) -> Mapping[str | None, list[str]]:
    """Texts by subject: those of its class and those of any; all under None without subjects."""
    own: dict[str | None, list[str]] = {name: [] for name in (subjects or [None])}  # type: ignore[list-item]
    for prompt in prompts:
        for name, texts in own.items():
            if name is None or prompt.of_class in (None, name):
                texts.append(prompt.text)
    return own
