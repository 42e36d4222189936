"""The classes that both sides have: what a probe can be trained and tested on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Integers
from synthaudit.measures.samples import Samples

_LEAST_REAL: Final = 5


@dataclass(frozen=True, kw_only=True)
class SharedClasses:
    """Names and numbers of the shared classes.

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
    classes = samples.classes
    real = classes[samples.real]
    names = sorted(
        str(name)
        for name in set(classes[samples.synthetic]) - {None}
        if int((real == name).sum()) >= _LEAST_REAL
    )
    if len(names) < 2:
        return None
    number = {name: position for position, name in enumerate(names)}
    target = np.array([-1 if name is None else number.get(str(name), -1) for name in classes])
    return SharedClasses(names=names, known=target >= 0, target=target)
