"""``design: evolve``: a language model writes the arms, by what earlier ones scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from synthaudit.errors import PlanError
from synthaudit.generation.jobs import seed_of
from synthaudit.prompting.evolution import EvolutionRequest, TriedTemplate, write_templates
from synthaudit.prompting.language_model import LanguageModelOptions
from synthaudit.prompting.sources import LanguageModelSource, is_source, source_of
from synthaudit.result.audit import Audit
from synthaudit.sweeping.plan import PROMPT, Plan
from synthaudit.sweeping.proposals import Trial
from synthaudit.sweeping.search_space import Point, SearchSpace

_FIRST: Final = {True: "A photo of {a} {subject}", False: "A photo"}
_FINDINGS: Final = 8
_MISSED: Final = 3


def starting_plan(plan: Plan, *, has_subjects: bool) -> Plan:
    """The plan as a search has it: with templates in the place of who writes them.

    The first is what somebody who changes nothing would use.

    Raises:
        PlanError: nobody writes them, or there are other axes.
    """
    if plan.design != "evolve":
        return plan
    options_of(plan)
    others = [name for name in plan.axes if name != PROMPT]
    if others:
        raise PlanError(
            f"design: evolve varies the prompt alone, but there is an axis {others[0]!r}: drop it, "
            "or search over it in a sweep of its own."
        )
    texts = plan.values_of(PROMPT) if PROMPT in plan.axes else [_FIRST[has_subjects]]
    if any(not isinstance(text, str) for text in texts):
        raise PlanError("design: evolve starts from templates, as texts in the axis prompt.")
    return plan.model_copy(update={"prompt": "", "axes": {PROMPT: list(texts)}})


def options_of(plan: Plan) -> LanguageModelOptions:
    """Who writes the templates.

    Raises:
        PlanError: the plan does not say.
    """
    if is_source(plan.prompt):
        source = source_of(plan.prompt)
        if isinstance(source, LanguageModelSource):
            return source.llm
    raise PlanError(
        "design: evolve needs to know who writes the prompts: add prompt: {llm: {model: ..., "
        "base_url: ...}}."
    )


class TemplateProposer:
    """Has a language model write templates.

    Args:
        plan: with ``llm``.
        has_subjects: whether templates name the class.
        findings: what the audit of an arm found, in sentences.
    """

    def __init__(
        self, plan: Plan, *, has_subjects: bool, findings: Callable[[Point], Sequence[str]]
    ) -> None:
        self._plan, self._options = plan, options_of(plan)
        self._has_subjects, self._findings = has_subjects, findings

    def propose(
        self, space: SearchSpace, trials: Sequence[Trial], count: int, number: int
    ) -> tuple[SearchSpace, list[Point]]:
        """As ``Proposer``: the space has the new templates behind those that were there."""
        texts = [str(text) for text in space.plan.values_of(PROMPT)]
        tried = [
            TriedTemplate(text=texts[int(own.point[PROMPT])], value=own.smoothed) for own in trials
        ]
        best = min(trials, key=lambda own: own.smoothed)
        request = EvolutionRequest(
            options=self._options,
            tried=tried,
            findings=self._findings(best.point),
            has_subjects=self._has_subjects,
        )
        seed = seed_of(self._plan.seed, "evolution", number) % 2**31
        written = write_templates(request, count, folder=self._plan.folder, seed=seed)
        fresh = [text for text in dict.fromkeys(written) if text not in texts]
        axes = {PROMPT: [*texts, *fresh]}
        grown = SearchSpace(plan=space.plan.model_copy(update={"axes": axes}))
        return grown, [{PROMPT: len(texts) + n} for n in range(len(fresh))]


def findings_of(audit: Audit) -> list[str]:
    """What repeats, what is missed, which words are to blame, in sentences for whoever writes."""
    contents: Mapping[str, Any] = audit.to_dict()
    told = [str(own["text"]) for own in contents["findings"] if own["severity"] != "none"]
    for kind in contents.get("missed", [])[:_MISSED]:
        classes = ", ".join(str(name) for name in kind["classes"])
        told.append(f"{kind['size']} real photos{f' of {classes}' if classes else ''} are missed.")
    shown = (contents.get("attributes") or {}).get("suggestions", [])
    if shown:
        told.append(f"Real photos show, and no prompt asks for: {', '.join(map(str, shown))}.")
    words = (contents.get("words") or {}).get("effects", [])
    told += [f"Pictures with {own['word']!r} are worse." for own in words if own["low"] > 0.0]
    return told[:_FINDINGS]
