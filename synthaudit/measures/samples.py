"""The one object for the data of an audit: the images of both sides, row by row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Names, Vectors
from synthaudit.measures.copies.patterns import Patterns


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """n images of two sides.

    Attributes:
        vectors: (n, d) what is measured on: embeddings, or what was made of them (``on``).
        is_synthetic: (n,) the side of each.
        classes: (n,) class names, None without.
        groups: (n,) clusters of near-duplicates that no fold cuts, -1 for images alone.
        paths: (n,) what each is called.
        patterns: of light; None for ready vectors.
        appearance: (n, f) figures of what the pictures look like; None for ready vectors.
        copy_vectors: (n, e) by an embedder that is asked for near-duplicates alone; None where
            ``vectors`` serve for them too.
    """

    vectors: Vectors = field(repr=False)
    is_synthetic: Flags = field(repr=False)
    classes: Names = field(repr=False)
    groups: Integers = field(repr=False)
    paths: Names = field(repr=False)
    patterns: Patterns | None = field(default=None, repr=False)
    appearance: Floats | None = field(default=None, repr=False)
    copy_vectors: Vectors | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        vectors: Vectors,
        is_synthetic: Flags,
        *,
        classes: Names | None = None,
        groups: Integers | None = None,
        paths: Names | None = None,
        patterns: Patterns | None = None,
        appearance: Floats | None = None,
    ) -> Self:
        """Samples with nothing but vectors and sides, where no more is known.

        >>> import numpy as np
        >>> samples = Samples.of(np.eye(3), np.array([False, False, True]))
        >>> samples.real.tolist(), samples.synthetic.tolist()
        ([0, 1], [2])
        """
        count = len(vectors)
        if paths is None:
            paths = np.array([str(row) for row in range(count)], dtype=object)
        return cls(
            vectors=vectors,
            is_synthetic=is_synthetic,
            classes=np.full(count, None) if classes is None else classes,
            groups=np.full(count, -1) if groups is None else groups,
            paths=paths,
            patterns=patterns,
            appearance=appearance,
        )

    def __len__(self) -> int:
        return len(self.is_synthetic)

    @property
    def real(self) -> Integers:
        """Row numbers of the real images."""
        return np.flatnonzero(~self.is_synthetic)

    @property
    def synthetic(self) -> Integers:
        """Row numbers of the synthetic images."""
        return np.flatnonzero(self.is_synthetic)

    @property
    def by_copies(self) -> Vectors:
        """What near-duplicates are looked for in."""
        return self.vectors if self.copy_vectors is None else self.copy_vectors

    @property
    def sides(self) -> Names:
        """(n,) ``real`` or ``synthetic``."""
        return np.where(self.is_synthetic, "synthetic", "real").astype(object)

    def on(self, vectors: Vectors) -> Self:
        """The same images by other vectors (n, k), such as their principal axes."""
        return replace(self, vectors=vectors)

    def grouped(self, groups: Integers) -> Self:
        """The same images with the clusters that no fold may cut."""
        return replace(self, groups=groups)

    def take(self, rows: Integers | Flags) -> Self:
        """Some of the images."""
        return replace(
            self,
            vectors=self.vectors[rows],
            is_synthetic=self.is_synthetic[rows],
            classes=self.classes[rows],
            groups=self.groups[rows],
            paths=self.paths[rows],
            patterns=None if self.patterns is None else self.patterns.take(rows),
            appearance=None if self.appearance is None else self.appearance[rows],
            copy_vectors=None if self.copy_vectors is None else self.copy_vectors[rows],
        )
