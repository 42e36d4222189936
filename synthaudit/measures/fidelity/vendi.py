"""Vendi score: how many really different images does a set hold?"""

from __future__ import annotations

import numpy as np

from synthaudit.arrays import Floats


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
