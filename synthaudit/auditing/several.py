"""One audit by several embedders: where they agree, and a verdict only where they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from synthaudit.embedding.choice import split_embedders, take_embedder
from synthaudit.embedding.protocol import Embedder
from synthaudit.errors import EmbedderError
from synthaudit.result.audit import Audit
from synthaudit.result.section import Section
from synthaudit.settings import Settings

_TOLD: Final = (
    *("unrealistic", "unrepresentative", "unvaried", "unoriginal"),
    *("chance", "intervals", "null", "p_values", "floor"),
    *("detector", "duplicates", "supporting", "usefulness", "findings", "verdict"),
)
"""Of ``scores.json``, what each embedder says for itself; the rest is of the first."""


@dataclass(frozen=True, kw_only=True)
class EmbeddersSection(Section):
    """What each embedder says, the first one's own among them."""

    opinions: Sequence[Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """A part an embedder."""
        return {"embedders": [dict(own) for own in self.opinions]}


def take_embedders(
    options: Mapping[str, Any], settings: Settings | None = None
) -> list[tuple[dict[str, Any], Embedder | None]]:
    """The options with each embedder by its name, and the object where one was given.

    Args:
        options: by name.
        settings: options that were made before.

    Raises:
        EmbedderError: one is no embedder, one is there twice, or there is none.
    """
    before = "auto" if settings is None else settings.embedder
    given = split_embedders(options.get("embedder", before))
    if given == ["auto"]:
        return [take_embedder(options)]
    found = [take_embedder({**options, "embedder": own}) for own in given]
    names = [str(own["embedder"]) for own, _ in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or not names:
        what = "none" if twice is None else f"{twice} twice"
        raise EmbedderError(f"embedder should name different ones, but there is {what}.")
    return found


def joined(audits: Sequence[Audit]) -> Audit:
    """The first of some audits of the same images, with what each embedder says."""
    if len(audits) == 1:
        return audits[0]
    section = EmbeddersSection(opinions=[_opinion(audit) for audit in audits])
    return replace(audits[0], sections={**audits[0].sections, "embedders": section})


def _opinion(audit: Audit) -> dict[str, Any]:
    """What an embedder says; images are named by the first one's tables alone."""
    scores = audit.to_dict()
    own: dict[str, Any] = {name: scores[name] for name in _TOLD if name in scores}
    own["findings"] = [{**finding, "images": []} for finding in own["findings"]]
    names = ("embedder", "fingerprint", "device", "licence")
    told = scores["provenance"]
    provenance = {name: told[name] for name in names if name in told}
    return {**provenance, **own}
