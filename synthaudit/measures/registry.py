"""Measures by name: a line each, a file each; other packages add theirs by entry points."""

from __future__ import annotations

from typing import Final

from synthaudit.errors import SettingsError
from synthaudit.measures.protocol import ImageMeasure, SetMeasure
from synthaudit.registry import Registry

MEASURES: Final[Registry[SetMeasure | ImageMeasure]] = Registry(
    "measure",
    "synthaudit.measures",
    {
        "prdc": "synthaudit.measures.fidelity.prdc:MEASURE",
        "frechet": "synthaudit.measures.fidelity.frechet:MEASURE",
        "kernel_distance": "synthaudit.measures.fidelity.kernel_distance:MEASURE",
        "vendi": "synthaudit.measures.fidelity.vendi:MEASURE",
    },
    error=SettingsError,
    expected="a SetMeasure or an ImageMeasure",
    is_one=lambda found: isinstance(found, SetMeasure | ImageMeasure),
)
"""Ours are part of every full audit, in this order; ``--measure`` names others."""
