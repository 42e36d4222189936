"""A finding: something that an audit found, whatever it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

Scores = Mapping[str, Any]
"""The contents of ``scores.json``."""

Severity = Literal["none", "low", "high"]

FAULTS: Final = {
    "unrealistic": "fakes stand out",
    "unrepresentative": "real variety is missed",
    "unvaried": "it repeats itself",
    "unoriginal": "it copies real images",
    "broken": "pictures are broken",
    "classes": "classes are missing",
    "labels": "images show other classes than their own",
    "unfaithful": "pictures do not show their prompts",
    "usefulness": "training on it costs accuracy",
}
"""What is wrong where a finding has a severity."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that an audit found.

    Attributes:
        kind: the score or the section that it is about: one of the four scores, ``classes``,
            ``broken``, ``labels``, ``unfaithful``, ``files``, ``usefulness``, ``embedder``,
            ``words``, ``attributes``, ``variety``.
        severity: ``none`` where chance explains it or it does no harm; ``low``; ``high``, which by
            itself makes a set unfit.
        text: in a sentence.
        value: the number that it rests on; None where there is none.
        interval: both ends, where they are known.
        p_value: how likely chance alone would give as much; None without a test.
        images: paths of some images at fault, the worst first; the real ones for
            ``unrepresentative``, else synthetic ones.
        is_decided: whether the numbers could tell at all.
    """

    kind: str
    severity: Severity
    text: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    images: Sequence[str] = ()
    is_decided: bool = True

    @classmethod
    def read(cls, own: Mapping[str, Any]) -> Self:
        """From what ``scores.json`` holds."""
        ends = own["interval"]
        interval = None if ends is None else (ends[0], ends[1])
        known = {name: own[name] for name in cls.__dataclass_fields__ if name in own}
        return cls(**{**known, "interval": interval})

    def to_dict(self) -> dict[str, Any]:
        """As ``scores.json`` holds it."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "text": self.text,
            "value": self.value,
            "interval": None if self.interval is None else list(self.interval),
            "p_value": self.p_value,
            "images": list(self.images),
            "is_decided": self.is_decided,
        }


def listed(parts: Sequence[str]) -> str:
    """Several names in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
