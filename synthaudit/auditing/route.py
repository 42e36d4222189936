"""The route of an audit: every step that it takes, in order. Start reading here.

A step takes the samples and what the steps before it found, and adds a section to the result. To
add one, write a file in ``steps/`` that ends with a ``Step``, and put it into a list below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from synthaudit.auditing.step import Step
from synthaudit.auditing.steps import (
    artefacts,
    attributes,
    broken,
    certainty,
    class_neighbours,
    coverage,
    curation,
    detector,
    duplicates,
    embedding_map,
    explanation,
    faithfulness,
    labels,
    memorisation,
    prompts,
    requested,
    scores,
    text_space,
    usefulness,
    variety,
    words,
)
from synthaudit.errors import SettingsError
from synthaudit.measures.protocol import Column
from synthaudit.measures.registry import MEASURES
from synthaudit.result.tables import FIRST_COLUMNS
from synthaudit.settings import Settings

FULL: Final = (
    embedding_map.NEIGHBOURS,
    class_neighbours.STEP,
    duplicates.BY_RADIUS,
    detector.AXES,
    detector.REPEATED,
    scores.BALANCED,
    certainty.STEP,
    coverage.STEP,
    labels.STEP,
    prompts.STEP,
    text_space.STEP,
    faithfulness.STEP,
    broken.STEP,
    curation.STEP,
    memorisation.STEP,
    artefacts.STEP,
    explanation.STEP,
    usefulness.STEP,
    words.STEP,
    attributes.STEP,
    variety.STEP,
    requested.STEP,
)
QUICK: Final = (
    duplicates.BY_RADIUS,
    memorisation.STEP,
    detector.AXES,
    coverage.BRIEF,
    class_neighbours.STEP,
    embedding_map.PRINCIPAL_AXES,
    detector.ONCE,
    scores.BALANCED,
    certainty.TESTS_ALONE,
    labels.STEP,
    prompts.STEP,
    text_space.STEP,
    faithfulness.STEP,
    broken.STEP,
    curation.STEP,
    artefacts.BRIEF,
    usefulness.BRIEF,
    words.STEP,
    requested.STEP,
)
STUDIO: Final = (
    embedding_map.NEIGHBOURS,
    duplicates.AS_STUDIO,
    detector.AXES,
    detector.AS_STUDIO,
    scores.AS_STUDIO,
    coverage.STEP,
    labels.STEP,
    prompts.STEP,
    text_space.STEP,
    faithfulness.STEP,
    curation.AS_STUDIO,
    usefulness.STEP,
    words.STEP,
    attributes.STEP,
    variety.STEP,
    requested.STEP,
)
QUICK_STUDIO: Final = (
    duplicates.AS_STUDIO,
    detector.AXES,
    coverage.BRIEF,
    embedding_map.PRINCIPAL_AXES,
    detector.AS_STUDIO,
    scores.AS_STUDIO,
    labels.STEP,
    prompts.STEP,
    text_space.STEP,
    faithfulness.STEP,
    curation.AS_STUDIO,
    usefulness.BRIEF,
    words.STEP,
    requested.STEP,
)
SORTING: Final = (
    duplicates.BY_RADIUS,
    detector.AXES,
    detector.ONCE,
    scores.BALANCED,
    labels.STEP,
    prompts.STEP,
    text_space.STEP,
    faithfulness.STEP,
    broken.STEP,
    curation.STEP,
)
"""What it takes to say which synthetic images to drop, and why."""

STEERING: Final = (
    duplicates.BY_RADIUS,
    detector.AXES,
    detector.ONCE,
    scores.BALANCED,
    prompts.STEP,
    text_space.STEP,
    words.STEP,
    attributes.STEP,
)
"""What a build looks at between rounds: the four scores, words to blame, what is missing."""

ROUTES: Final = {
    ("default", False): FULL,
    ("default", True): QUICK,
    ("cleanlab", False): STUDIO,
    ("cleanlab", True): QUICK_STUDIO,
}
"""By ``--definition`` and ``--quick``."""


def choose_steps(settings: Settings) -> list[Step]:
    """The steps that the settings ask for."""
    route = ROUTES[settings.definition, settings.quick]
    return [step for step in route if step.is_wanted(settings)]


def image_columns() -> dict[str, Column]:
    """The columns that our own steps add to ``images.parquet``, by name."""
    return {column.name: column for step in FULL for column in step.columns}


def check_measures(names: Sequence[str]) -> None:
    """Say before the work, not after it, that a measure cannot be taken.

    Raises:
        SettingsError: there is none of that name, or its column has the name of another one.
    """
    taken = dict.fromkeys((*FIRST_COLUMNS, *image_columns()), "synthaudit")
    for name in dict.fromkeys(names):
        measure = MEASURES.load(name)
        if name in MEASURES.own:
            continue
        for column in measure.columns:
            if column.name in taken:
                raise SettingsError(
                    f"the measure {name!r} brings a column {column.name!r}, but that is the name "
                    f"of a column of {taken[column.name]}: give it another name."
                )
            taken[column.name] = f"the measure {name!r}"
