"""What the real pictures have: attributes that they show and the synthetic ones do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.coverage import CoverageSection
from synthaudit.auditing.steps.prompts import PromptSection
from synthaudit.auditing.steps.text_space import TextSpaceSection
from synthaudit.auditing.steps.words import class_numbers
from synthaudit.measures.fidelity.prdc import COVERAGE_COLUMN
from synthaudit.measures.prompts.attribute_contrast import attribute_contrasts
from synthaudit.measures.prompts.prompt_words import words_of
from synthaudit.measures.randomness import sample_rows, stream
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.neighbours import Directions
from synthaudit.progress import LOGGER
from synthaudit.prompting.vocabulary import attributes, read_attributes
from synthaudit.result.section import Section

_TEMPLATES: Final = ("a photo, {}", "{}", "an image with {}")
_ROWS: Final = 2000
# Of either comparison, the sides and the missed pictures: of both together it is 0.05.
_LEVEL: Final = 0.025
_TOLD: Final = 12
_EXAMPLES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Difference:
    """An attribute that one kind of picture shows more than another.

    Attributes:
        attribute: a word or a few.
        difference: in standard deviations, class by class; positive.
        share: of its kind among the tenth of all pictures that show it most; 0.1 by chance.
        other_share: the same of the other kind.
        p_value: adjusted for all attributes.
        examples: paths of those that show it most.
        is_asked_for: whether a prompt has all its words; None where no prompt is known.
    """

    attribute: str
    difference: float
    share: float
    other_share: float
    p_value: float
    examples: Sequence[str]
    is_asked_for: bool | None


@dataclass(frozen=True, kw_only=True)
class AttributeSection(Section):
    """What kinds of pictures show.

    Attributes:
        model: who compared pictures with words.
        tested: how many attributes.
        differences: by kind: ``real`` against the synthetic pictures, ``synthetic`` against the
            real ones, ``missed`` real pictures against the others.
    """

    model: str
    tested: int
    differences: Mapping[str, Sequence[Difference]]

    @property
    def suggestions(self) -> list[str]:
        """What to ask for: what real pictures show, missed ones first, and no prompt has."""
        named = [*self.differences.get("missed", ()), *self.differences["real"]]
        return list(dict.fromkeys(own.attribute for own in named if not own.is_asked_for))[:_TOLD]

    def to_dict(self) -> dict[str, Any]:
        """All that was found, the clearest first."""
        kinds = {kind: [asdict(own) for own in found] for kind, found in self.differences.items()}
        return {
            "attributes": {
                "model": self.model,
                "tested": self.tested,
                **kinds,
                "suggestions": self.suggestions,
            }
        }


def compare_attributes(samples: Samples, context: Context) -> AttributeSection | None:
    """Compare the sides, and missed real pictures with the others; None where nothing reads text.

    Raises:
        SettingsError: the file of further attributes cannot be used.
    """
    extra, space = context.settings.attributes, context.find(TextSpaceSection)
    words = list(dict.fromkeys([*attributes(), *(read_attributes(extra) if extra else ())]))
    if space is None:
        if extra is not None:
            LOGGER.warning("--attributes are not looked for: no model here reads text.")
        return None
    context.progress.start("looking for what pictures show", 0)
    rng = stream(context.settings.seed, "attributes")
    rows = np.concatenate(
        [sample_rows(side, _ROWS, rng) for side in (samples.real, samples.synthetic)]
    )
    texts = _directions(words, space)
    unit = np.asarray(Directions(space.vectors[rows]).unit, np.float64)
    compare = _Comparison(samples, context, rows, (unit @ texts.T, texts), words)
    is_real = ~samples.is_synthetic[rows]
    both = compare.kinds(is_real, ~is_real)
    differences = {"real": both[0], "synthetic": both[1]}
    coverage = context.find(CoverageSection)
    if coverage is not None and COVERAGE_COLUMN.name in coverage.by_image:
        ratio = coverage.by_image[COVERAGE_COLUMN.name][rows]
        missed, _ = compare.kinds(is_real & (ratio > 1.0), is_real & (ratio <= 1.0))
        differences["missed"] = missed
    return AttributeSection(model=space.name, tested=len(words), differences=differences)


class _Comparison:
    """Two kinds of pictures, attribute by attribute."""

    def __init__(
        self,
        samples: Samples,
        context: Context,
        rows: Integers,
        compared: tuple[Floats, Floats],
        words: Sequence[str],
    ) -> None:
        self._samples, self._rows, self._words = samples, rows, words
        self._likeness, self._texts = compared
        self._strata = class_numbers(samples, rows)
        self._seed = context.settings.seed
        known = context.section(PromptSection).prompts[samples.is_synthetic]
        asked = {text for text in known if text is not None}
        self._asked = None if not asked else {word for text in asked for word in words_of(text)}

    def kinds(self, first: Flags, second: Flags) -> tuple[list[Difference], list[Difference]]:
        """What the first shows more than the second, and the other way round."""
        kept = np.flatnonzero(first | second)
        sides: tuple[list[Difference], list[Difference]] = ([], [])
        for own in attribute_contrasts(
            self._likeness[kept],
            self._texts,
            first[kept],
            strata=self._strata[kept],
            groups=self._samples.groups[self._rows[kept]],
            level=_LEVEL,
            seed=self._seed,
        ):
            is_of_first = own.difference > 0.0
            shares = (own.first, own.second) if is_of_first else (own.second, own.first)
            sides[not is_of_first].append(
                Difference(
                    attribute=self._words[own.number],
                    difference=abs(own.difference),
                    share=shares[0],
                    other_share=shares[1],
                    p_value=own.p_value,
                    examples=self._examples(own.number, first if is_of_first else second),
                    is_asked_for=self._is_asked_for(own.number),
                )
            )
        return sides

    def _examples(self, number: int, kind: Flags) -> list[str]:
        own = np.flatnonzero(kind)
        shown = self._likeness[own, number] - self._likeness[own].mean(axis=1)
        best = self._rows[own[np.argsort(-shown, kind="stable")[:_EXAMPLES]]]
        return [str(path) for path in self._samples.paths[best]]

    def _is_asked_for(self, number: int) -> bool | None:
        if self._asked is None:
            return None
        return set(words_of(self._words[number])) <= self._asked


def _directions(words: Sequence[str], space: TextSpaceSection) -> Floats:
    """(a, d) of attributes: the mean direction over some ways to say them."""
    texts = [space.read([line.format(word) for word in words]) for line in _TEMPLATES]
    units = [Directions(own).unit for own in texts]
    return np.asarray(Directions(np.mean(units, axis=0)).unit, np.float64)


STEP: Final = Step(
    name="attributes",
    run=compare_attributes,
    needs=("prompts",),
    looks_at=("text_space", "coverage"),
)
