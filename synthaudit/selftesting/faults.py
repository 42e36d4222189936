"""Faults planted at known rates into a half of the real images that plays the synthetic side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Integers, Names
from synthaudit.measures.samples import Samples
from synthaudit.selftesting.edits import MILD_EDITS
from synthaudit.selftesting.material import Look, Material


@dataclass(frozen=True, kw_only=True)
class PlantedSides:
    """Two sides made of real images, with a fault in the second.

    Attributes:
        samples: the images, the real side first.
        truth: (n,) the images at fault, as their flags should say.
    """

    samples: Samples
    truth: Flags


@dataclass(frozen=True, kw_only=True)
class Halves:
    """Rows of the material that play the real and the synthetic side."""

    real: Integers
    synthetic: Integers


def split(material: Material, rng: np.random.Generator) -> Halves:
    """Part the material at random, near-duplicates kept together."""
    order = rng.permutation(int(material.units.max()) + 1)
    is_second = (order < (len(order) + 1) // 2)[material.units]
    return Halves(real=np.flatnonzero(~is_second), synthetic=np.flatnonzero(is_second))


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault.

    Attributes:
        name: as reports call it.
        measure: the statistic that should answer to it.
        rates: shares of the synthetic images (of the kinds, where kinds go missing) at fault.
        plant: makes the two sides.
    """

    name: str
    measure: str
    rates: tuple[float, ...]
    plant: Callable[[Material, Halves, float, np.random.Generator], PlantedSides]


def nothing(material: Material, halves: Halves) -> PlantedSides:
    """Two clean sides."""
    return _Sides(material, halves).finish(np.empty(0, np.int64))


class _Sides:
    """Two sides under construction."""

    def __init__(self, material: Material, halves: Halves) -> None:
        rows = np.concatenate([halves.real, halves.synthetic])
        self.material, self.halves = material, halves
        self.vectors = material.plain.vectors[rows]
        self.patterns = material.plain.patterns.take(rows)
        self.classes = material.classes[rows]
        self.first = len(halves.real)

    def show(self, places: Integers, look: Look, rows: Integers) -> None:
        """Let synthetic images, by place, look like rows of the material."""
        self.vectors[self.first + places] = look.vectors[rows]
        self.patterns.values[self.first + places] = look.patterns.values[rows]

    def finish(self, at_fault: Integers) -> PlantedSides:
        truth = np.zeros(len(self.vectors), bool)
        truth[at_fault] = True
        return PlantedSides(
            samples=Samples.of(
                self.vectors,
                np.arange(len(truth)) >= self.first,
                classes=self.classes,
                patterns=self.patterns,
            ),
            truth=truth,
        )


def _victims(halves: Halves, rate: float, rng: np.random.Generator) -> tuple[Integers, ...]:
    """Places of the synthetic images that are replaced, and of those that stay."""
    count = len(halves.synthetic)
    order = rng.permutation(count)
    replaced = max(round(rate * count), 1)
    return order[:replaced], order[replaced:]


def _show_copies(sides: _Sides, places: Integers, sources: Integers) -> None:
    """Mild edits of the sources, in turns; a copy has its original's class."""
    for turn, name in enumerate(MILD_EDITS):
        own = slice(turn, None, len(MILD_EDITS))
        sides.show(places[own], sides.material.edited[name], sources[own])
    sides.classes[sides.first + places] = sides.material.classes[sources]


def _repeat(
    material: Material, halves: Halves, rate: float, rng: np.random.Generator
) -> PlantedSides:
    sides = _Sides(material, halves)
    replaced, kept = _victims(halves, rate, rng)
    originals = rng.choice(kept, len(replaced))
    _show_copies(sides, replaced, halves.synthetic[originals])
    return sides.finish(sides.first + np.concatenate([replaced, originals]))


def _copy(
    material: Material, halves: Halves, rate: float, rng: np.random.Generator
) -> PlantedSides:
    sides = _Sides(material, halves)
    replaced, _ = _victims(halves, rate, rng)
    _show_copies(sides, replaced, rng.choice(halves.real, len(replaced)))
    return sides.finish(sides.first + replaced)


def _damage(name: str) -> Callable[..., PlantedSides]:
    def plant(
        material: Material, halves: Halves, rate: float, rng: np.random.Generator
    ) -> PlantedSides:
        sides = _Sides(material, halves)
        replaced, _ = _victims(halves, rate, rng)
        sides.show(replaced, material.edited[name], halves.synthetic[replaced])
        return sides.finish(sides.first + replaced)

    return plant


def _lose_kinds(
    material: Material, halves: Halves, rate: float, rng: np.random.Generator
) -> PlantedSides:
    """Leave out whole kinds; the synthetic side is the smaller for it."""
    kinds = kinds_of(material)
    names = rng.permutation(np.unique(kinds))
    lost = names[: max(round(rate * len(names)), 1)]
    is_lost = np.isin(kinds[halves.synthetic], lost)
    kept = Halves(real=halves.real, synthetic=halves.synthetic[~is_lost])
    sides = _Sides(material, kept)
    return sides.finish(np.flatnonzero(np.isin(kinds[halves.real], lost)))


def _mislabel(
    material: Material, halves: Halves, rate: float, rng: np.random.Generator
) -> PlantedSides:
    sides = _Sides(material, halves)
    replaced, _ = _victims(halves, rate, rng)
    names = sorted({str(name) for name in material.classes if name is not None})
    number = {name: position for position, name in enumerate(names)}
    places = sides.first + replaced
    own = np.array([number[str(name)] for name in sides.classes[places]])
    other = (own + rng.integers(1, len(names), len(own))) % len(names)
    sides.classes[places] = np.array(names, dtype=object)[other]
    return sides.finish(places)


def kinds_of(material: Material) -> Names:
    """(N,) classes, or where there are none, ten kinds of like images."""
    if has_classes(material):
        return material.classes
    from sklearn.cluster import KMeans

    means = KMeans(n_clusters=10, n_init=3, random_state=0)
    found = means.fit_predict(material.plain.vectors.astype(np.float64))
    return np.array([f"kind {number}" for number in found], dtype=object)


def has_classes(material: Material) -> bool:
    """Whether every image has a class and there are at least two."""
    names = set(material.classes)
    return None not in names and len(names) >= 2


_RATES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
# Damage is told from the rest of its own side only by the other side: it takes more to be seen.
_DAMAGE_RATES: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 1.0)
FAULTS: Final = (
    Fault(name="repeats", measure="unvaried", rates=_RATES, plant=_repeat),
    Fault(name="copies of real images", measure="unoriginal", rates=_RATES, plant=_copy),
    Fault(
        name="missing kinds",
        measure="unrepresentative",
        rates=(0.1, 0.2, 0.3, 0.5),
        plant=_lose_kinds,
    ),
    Fault(name="blur", measure="unrealistic", rates=_DAMAGE_RATES, plant=_damage("blurred")),
    Fault(name="JPEG 20", measure="unrealistic", rates=_DAMAGE_RATES, plant=_damage("compressed")),
    Fault(name="upscaling", measure="unrealistic", rates=_DAMAGE_RATES, plant=_damage("upscaled")),
    Fault(name="wrong labels", measure="wrong_labels", rates=_RATES, plant=_mislabel),
)
