"""The classes that probes are trained and tested on: those of both sides, or all real ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Integers
from synthaudit.measures.samples import Samples

_LEAST_REAL: Final = 5


@dataclass(frozen=True, kw_only=True)
class SharedClasses:
    """Names and numbers of some classes.

    Attributes:
        names: sorted.
        known: (n,) images of one of them.
        target: (n,) position of each image's class in ``names``; -1 for the others.
    """

    names: list[str]
    known: Flags
    target: Integers


def shared_classes(samples: Samples) -> SharedClasses | None:
    """Number the classes of which both sides have images, the real one at least five.

    Args:
        samples: the images.

    Returns:
        ``SharedClasses``; None with fewer than two.
    """
    return _numbered(samples, _of_real(samples) & set(samples.classes[samples.synthetic]))


def real_classes(samples: Samples) -> SharedClasses | None:
    """Number the classes of which there are at least five real images, missed ones among them.

    What a set is worth to who trains on it must not rise because it leaves a class out.

    Args:
        samples: the images.

    Returns:
        ``SharedClasses``; None where fewer than two of them have synthetic images.
    """
    if shared_classes(samples) is None:
        return None
    return _numbered(samples, _of_real(samples))


def _of_real(samples: Samples) -> set[str]:
    counts = Counter(samples.classes[samples.real])
    return {name for name, count in counts.items() if name is not None and count >= _LEAST_REAL}


def _numbered(samples: Samples, chosen: set[str]) -> SharedClasses | None:
    if len(chosen) < 2:
        return None
    names = sorted(str(name) for name in chosen)
    number = {name: position for position, name in enumerate(names)}
    own = samples.classes
    target = np.array([-1 if name is None else number.get(str(name), -1) for name in own])
    return SharedClasses(names=names, known=target >= 0, target=target)
