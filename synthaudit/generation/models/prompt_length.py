"""How much of a prompt a model reads, by its own tokenizers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

_CLIP_TOKENS: Final = 77


@dataclass(frozen=True, kw_only=True)
class PromptReader:
    """The tokenizers of a model.

    Attributes:
        tokenizers: for each a function from a text to its number of tokens, marks at the ends
            included, and how many of them are read.
    """

    tokenizers: Sequence[tuple[Callable[[str], int], int]]

    @classmethod
    def of_clip(cls) -> Self:
        """CLIP's own, which comes with open_clip: for models that are not here yet."""
        from open_clip import get_tokenizer

        tokenizer: Any = get_tokenizer("ViT-B-32")
        return cls(tokenizers=[(lambda text: len(tokenizer.encode(text)) + 2, _CLIP_TOKENS)])

    @classmethod
    def of_model(cls, place: Path, most: int | None) -> Self:
        """Those in the folder of a model.

        Args:
            place: the folder, with its tokenizers in ``tokenizer``, ``tokenizer_2`` and so on.
            most: what the pipeline hands on at most, whatever a tokenizer could; None for no limit.
        """
        from transformers import AutoTokenizer

        found = []
        for folder in sorted(place.glob("tokenizer*")):
            try:
                tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            # What cannot be loaded here is told by loading the model.
            except Exception:  # noqa: BLE001, S112
                continue
            limit = min(int(tokenizer.model_max_length), most or int(tokenizer.model_max_length))
            found.append((_counting(tokenizer), limit))
        return cls(tokenizers=found)

    def count_cut(self, text: str) -> int:
        """How many tokens of a text are not read by the tokenizer that reads most; 0 with none."""
        return max(
            min((count(text) - limit for count, limit in self.tokenizers), default=0),
            0,
        )


def _counting(tokenizer: Any) -> Callable[[str], int]:
    return lambda text: len(tokenizer(text, truncation=False, verbose=False).input_ids)
