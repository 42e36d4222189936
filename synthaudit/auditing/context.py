"""What every step of an audit is given besides the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

import numpy as np

from synthaudit.arrays import Flags
from synthaudit.auditing.engine import Engine
from synthaudit.auditing.image_reader import SampleImages
from synthaudit.measures.samples import Samples
from synthaudit.progress import NoProgress, Progress
from synthaudit.result.section import Section
from synthaudit.settings import Settings

SectionType = TypeVar("SectionType", bound=Section)


@dataclass(frozen=True, kw_only=True)
class Context:
    """The conditions of an audit, and what its steps have found so far.

    Attributes:
        settings: of the audit.
        progress: told of the work as it goes.
        engine: who does the heavy work.
        images: the files of the samples, and what reads them; None for ready vectors.
        kept: synthetic images, by path, that a person has looked at and keeps.
        sections: what the steps before this one found, by the names of the steps.
    """

    settings: Settings
    progress: Progress = field(default_factory=NoProgress)
    engine: Engine = field(default_factory=Engine)
    images: SampleImages | None = None
    kept: frozenset[str] = frozenset()
    sections: Mapping[str, Section] = field(default_factory=dict)

    def is_kept(self, samples: Samples) -> Flags:
        """(n,) the images that a person keeps, whatever is found."""
        if not self.kept:
            return np.zeros(len(samples), bool)
        named = np.array([path in self.kept for path in samples.paths], bool)
        return np.asarray(samples.is_synthetic & named, bool)

    def find(self, kind: type[SectionType]) -> SectionType | None:
        """What an earlier step found; None where it had nothing to say or was left out."""
        found = (section for section in self.sections.values() if isinstance(section, kind))
        return next(found, None)

    def section(self, kind: type[SectionType]) -> SectionType:
        """What an earlier step found, which this one cannot do without."""
        found = self.find(kind)
        if found is None:
            raise LookupError(f"no step before this one has found {kind.__name__}")
        return found

    def having(self, name: str, section: Section) -> Self:
        """The context of the next step."""
        return replace(self, sections={**self.sections, name: section})
