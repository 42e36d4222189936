"""Faithfulness by questions: a vision-language model is asked about each picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.auditing.context import Context
from synthaudit.auditing.steps.text_space import QUESTION
from synthaudit.embedding.torch_model import placement_of
from synthaudit.embedding.visual_questions import VisualQuestions
from synthaudit.images.collection import ImageEntry
from synthaudit.images.decoding import UnreadableImage, open_rgb
from synthaudit.measures.prompts.faithfulness import PromptFit
from synthaudit.measures.prompts.rivals import AskedPictures
from synthaudit.measures.randomness import stream

# Each question is a pass of a large model.
_OTHERS: Final = 9
_REFERENCES: Final = 500
_AT_ONCE: Final = 8


def ask_about(
    asked: AskedPictures, texts: Sequence[str], context: Context
) -> tuple[PromptFit, PromptFit | None, str]:
    """Ask whether pictures show their own prompts, and nine of others.

    Returns:
        How well pictures and references fit, and who said so.

    Raises:
        EmbedderError: the model cannot be had, or cannot answer.
    """
    settings = context.settings
    assert context.images is not None  # of ready vectors no prompt is known
    assert settings.faithfulness is not None
    model = VisualQuestions(
        settings.faithfulness.removeprefix(QUESTION),
        placement=placement_of(settings),
        local_files_only=settings.offline,
    )
    rng = stream(settings.seed, "questions")
    references = asked.reference_sample(_REFERENCES)
    context.progress.start(
        "asking about pictures", (len(asked.rows) + len(references[0])) * (1 + _OTHERS)
    )
    entries = (*context.images.real.entries, *context.images.synthetic.entries)
    interview = _Interview(model, asked, texts, entries, context)
    fits = [
        interview.fit(*own, rng) for own in ((asked.rows, asked.own, asked.classes), references)
    ]
    return fits[0], fits[1] if len(references[0]) else None, model.name


class _Interview:
    """Questions about pictures, one after the other."""

    def __init__(
        self,
        model: VisualQuestions,
        asked: AskedPictures,
        texts: Sequence[str],
        entries: Sequence[ImageEntry],
        context: Context,
    ) -> None:
        self._model, self._asked, self._texts = model, asked, texts
        self._entries, self._context = entries, context

    def fit(
        self, rows: Integers, own: Integers, classes: Integers, rng: np.random.Generator
    ) -> PromptFit:
        """How well some pictures fit their prompts, and some of others."""
        others = np.zeros((len(rows), _OTHERS), np.int64)
        fits = np.full((len(rows), 1 + _OTHERS), np.nan)
        for place in range(len(rows)):
            rivals = self._asked.rivals
            of = self._asked.prompt_classes[rivals]
            choice = rivals[
                (rivals != own[place]) & ((classes[place] < 0) | (of != classes[place]))
            ]
            taken = rng.choice(choice, min(_OTHERS, len(choice)), replace=False)
            others[place, : len(taken)] = taken
            asked = [int(own[place]), *taken.tolist()]
            fits[place, : len(asked)] = self._ask(int(rows[place]), asked)
            self._context.progress.advance(1 + _OTHERS)
        return PromptFit(
            own=fits[:, 0],
            others=fits[:, 1:],
            classes=classes,
            other_classes=self._asked.prompt_classes[others],
        )

    def _ask(self, row: int, prompts: Sequence[int]) -> Floats:
        """Log-odds of some prompts; NaN where the picture has vanished since."""
        from PIL import Image

        try:
            data = self._entries[row].location.read()
            pixels = open_rgb(data, max_pixels=self._context.settings.max_pixels)
        except (OSError, UnreadableImage):
            return np.full(len(prompts), np.nan)
        picture = Image.fromarray(np.asarray(pixels))
        parts = [prompts[n : n + _AT_ONCE] for n in range(0, len(prompts), _AT_ONCE)]
        found = [
            self._model.ask([picture] * len(part), [self._texts[int(n)] for n in part])
            for part in parts
        ]
        return np.concatenate(found)
