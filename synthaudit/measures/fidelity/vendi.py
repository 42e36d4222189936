"""Vendi score: how many really different images does a set hold?"""

from __future__ import annotations

from typing import Final

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.measures.protocol import Measured, SetMeasure, SideVectors, Supporting


def vendi_score(unit: Floats) -> float:
    """Effective number of distinct images under cosine similarity.

    From 1 (all alike) to n (all orthogonal); higher is more varied. It grows with n, so compare
    sets of one size (Friedman and Dieng, TMLR 2023).

    Args:
        unit: (n, d) rows of length 1.
    """
    count, width = unit.shape
    small = unit @ unit.T if count <= width else unit.T @ unit
    return vendi_of_similarity(small / count)


def vendi_of_similarity(normalised: Floats) -> float:
    """Exp of the entropy of the eigenvalues of a similarity matrix whose trace is 1."""
    values = np.linalg.eigvalsh(normalised)
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def _measure(sides: SideVectors) -> Measured:
    """Both sides at the size of the smaller one, for the score grows with it."""
    size = min(len(sides.real), len(sides.synthetic))
    return Measured(
        values={
            name: Supporting(
                value=vendi_score(rows[sides.rng.permutation(len(rows))[:size]]),
                better="higher",
                least=1.0,
                most=float(size),
                chance=None,
                paper="Friedman and Dieng 2023",
            )
            for name, rows in (("vendi_real", sides.real), ("vendi_synthetic", sides.synthetic))
        }
    )


MEASURE: Final = SetMeasure(measure=_measure)
