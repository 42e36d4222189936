"""A vision-language model that is asked whether a picture shows what a text says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.embedding import hub
from synthaudit.embedding.torch_model import Placement
from synthaudit.errors import EmbedderError

if TYPE_CHECKING:
    from PIL import Image

QUESTION: Final = 'Does this picture show "{}"? Answer with yes or no.'
_ANSWERS: Final = (("yes", "Yes", "YES", " yes", " Yes"), ("no", "No", "NO", " no", " No"))


class VisualQuestions:
    """Asks a model of transformers, in one pass a question: VQAScore (arXiv 2404.01291).

    Args:
        name: a repository, or ``local-dir:FOLDER``.
        placement: where the model computes.
        local_files_only: whether no hub may be asked.

    Raises:
        EmbedderError: transformers is not there, or the model cannot be had.
    """

    def __init__(self, name: str, *, placement: Placement, local_files_only: bool) -> None:
        self.name = f"vqa:{name}"
        try:
            from transformers import AutoModelForImageTextToText, AutoProcessor
        except ImportError as error:
            raise EmbedderError(
                f"{self.name} needs the extra generate: in a checkout, pip install '.[generate]'."
            ) from error
        place = name.removeprefix("local-dir:")
        is_local = place != name
        if is_local and not Path(place).is_dir():
            raise EmbedderError(f"{self.name}: there is no folder {place}.")
        if not is_local:
            # Asked once and not for long: the library itself would try for minutes.
            hub.fetch(name, ("config.json",), local_files_only=local_files_only)
        self._device, dtype = placement.resolve()
        given: dict[str, Any] = {"local_files_only": local_files_only or is_local}
        try:
            self._processor = AutoProcessor.from_pretrained(place, **given)
            model = AutoModelForImageTextToText.from_pretrained(place, dtype=dtype, **given)
            self._model = model.to(self._device).eval()
            self._answers = [self._tokens(words) for words in _ANSWERS]
        # transformers raises errors of its hub, of json, torch and safetensors.
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise EmbedderError(f"{self.name} cannot be loaded: {reason}") from error
        if not all(self._answers):
            raise EmbedderError(f"{self.name} has no word for yes or for no: name another model.")

    def ask(self, pictures: Sequence[Image.Image], texts: Sequence[str]) -> Floats:
        """(n,) log-odds of yes against no, of n pictures with a text each.

        Raises:
            EmbedderError: the model cannot answer.
        """
        import torch

        questions = [self._question(text) for text in texts]
        try:
            inputs = self._processor(
                images=[[picture] for picture in pictures],
                text=questions,
                return_tensors="pt",
                padding=True,
            ).to(self._device)
            with torch.inference_mode():
                scores = self._model(**inputs).logits.float()
        # Processors of dozens of models raise what they like.
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise EmbedderError(f"{self.name} cannot answer: {reason}") from error
        # With padding on the left or the right, the last token that is read.
        places = torch.arange(inputs.attention_mask.shape[1], device=scores.device)
        last = (inputs.attention_mask * (places + 1)).argmax(dim=1)
        final = scores[torch.arange(len(scores), device=scores.device), last]
        yes, no = (torch.logsumexp(final[:, own], dim=1) for own in self._answers)
        return np.asarray((yes - no).cpu().numpy(), np.float64)

    def _question(self, text: str) -> str:
        """The question as the model is used to be asked."""
        asked = QUESTION.format(text.replace('"', "'"))
        if getattr(self._processor, "chat_template", None):
            content = [{"type": "image"}, {"type": "text", "text": asked}]
            turn = [{"role": "user", "content": content}]
            return str(self._processor.apply_chat_template(turn, add_generation_prompt=True))
        mark = getattr(self._processor, "image_token", "<image>")
        return f"{mark}\n{asked}\nAnswer:"

    def _tokens(self, words: Sequence[str]) -> list[int]:
        """Single tokens that say one of some words."""
        tokenizer = self._processor.tokenizer
        found = [tokenizer(word, add_special_tokens=False).input_ids for word in words]
        unknown = tokenizer.unk_token_id
        return sorted({ids[0] for ids in found if len(ids) == 1 and ids[0] != unknown})
