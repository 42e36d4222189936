"""Templates of prompts that a language model writes by what earlier ones scored."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from synthaudit.prompting.authoring import count_cut
from synthaudit.prompting.filters import Sieve
from synthaudit.prompting.frozen import freeze, read_frozen
from synthaudit.prompting.language_model import LanguageModel, LanguageModelOptions

_VERSION: Final = 1
_BEST_SHOWN: Final = 10
_WORST_SHOWN: Final = 5
_DIGITS: Final = 3
_IDLE: Final = 3
# The article of the word that follows it.
_ARTICLE: Final = re.compile(r"\{a\}(?=\s+(\w|\{subject\}))")
_TASK: Final = (
    "You write templates of prompts for a text-to-image model. Pictures of many classes are made "
    "by each and held against real photos; a score from 0 to 1 says how bad they are. You are "
    "shown what earlier templates scored and write better ones. Answer with JSON alone: "
    '{"prompts": ["...", ...]}.'
)


@dataclass(frozen=True, kw_only=True)
class TriedTemplate:
    """A template and its score; less is better."""

    text: str
    value: float


@dataclass(frozen=True, kw_only=True)
class EvolutionRequest:
    """What a language model is shown, and asked for.

    Attributes:
        options: of the plan.
        tried: templates with their scores.
        findings: what the audit of the best one found, in sentences.
        has_subjects: whether templates name the class.
    """

    options: LanguageModelOptions
    tried: Sequence[TriedTemplate]
    findings: Sequence[str]
    has_subjects: bool

    @property
    def digest(self) -> str:
        """Of everything that decides what is asked for, whatever the number of templates."""
        own = self.options
        told = {
            **own.asked,
            "version": _VERSION,
            "kind": "evolution",
            "tried": [(tried.text, round(tried.value, _DIGITS)) for tried in self.tried],
            "findings": list(self.findings),
            "has_subjects": self.has_subjects,
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]

    def messages(self, count: int, before: Sequence[str]) -> list[dict[str, str]]:
        """What is sent.

        Args:
            count: how many templates are asked for.
            before: templates that are there already.
        """
        own = self.options
        lines = [f"Write {count} templates."]
        if self.has_subjects:
            lines.append(
                "Each has {subject} where the class is named, and may have {a} right before it for "
                "its article."
            )
        if own.describe:
            lines.append(f"The data set: {own.describe}")
        lines.append(f"They should differ in: {', '.join(own.vary)}.")
        lines += own.manner
        if self.tried:
            order = sorted(self.tried, key=lambda tried: tried.value)
            best, worst = order[:_BEST_SHOWN], order[_BEST_SHOWN:][-_WORST_SHOWN:]
            lines += ["The best so far, less is better:", *map(_line, best)]
            if worst:
                lines += ["The worst so far:", *map(_line, worst)]
        if self.findings:
            lines += [
                "What is wrong with the pictures of the best one:",
                *(f"- {text}" for text in self.findings),
            ]
        if before:
            lines += ["These are there already; write others:", *(f"- {t}" for t in before[-30:])]
        return [{"role": "system", "content": _TASK}, {"role": "user", "content": "\n".join(lines)}]


def _line(tried: TriedTemplate) -> str:
    return f"- {tried.value:.{_DIGITS}f}: {tried.text}"


def write_templates(request: EvolutionRequest, count: int, *, folder: Path, seed: int) -> list[str]:
    """Templates that answer a request: those frozen beside the plan, and else new ones.

    Args:
        request: what is asked for.
        count: how many; fewer where the model writes nothing new.
        folder: of the plan, where each answer is kept before it is used.
        seed: of the asking.

    Raises:
        PlanError: what lies beside the plan cannot be read, or the key is not set.
        GeneratorError: the server cannot be asked, or answers with something else.
        StorageError: what was written cannot be kept.
    """
    found = [own.text for own in read_frozen(folder) if own.request == request.digest]
    if found:
        return found[:count]
    tried = [own.text for own in request.tried]
    sieve = Sieve(
        name="subject" if request.has_subjects else None,
        count_cut=partial(count_cut, request.options.tokens),
        language=request.options.language,
    )
    model = LanguageModel(request.options)
    for turn in range(_IDLE):
        wanted = count - len(found)
        answer = model.write(request, wanted, (seed + turn) % 2**31, [*tried, *found])
        texts = [text for text in answer.texts if _is_template(text, request)]
        found += list(sieve.sift(texts, [*tried, *found]).kept)[:wanted]
        if len(found) >= count:
            break
    freeze(
        folder,
        found,
        of_class=None,
        model=request.options.model,
        request=request.digest,
        seed=seed,
    )
    return found


def _is_template(text: str, request: EvolutionRequest) -> bool:
    """Whether its braces are those that are filled in."""
    bare = _ARTICLE.sub("", text)
    if request.has_subjects:
        if "{subject}" not in bare:
            return False
        bare = bare.replace("{subject}", "")
    return "{" not in bare and "}" not in bare
