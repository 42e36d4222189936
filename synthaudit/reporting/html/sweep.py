"""The page of a sweep: which words help, which arm to use, and what its images look like."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

from synthaudit.measures.comparison.evidence import MEASURES, OVERALL
from synthaudit.measures.comparison.teaching import USELESS
from synthaudit.reporting.html.page import flat, render
from synthaudit.reporting.html.sweep_plots import sweep_plots
from synthaudit.reporting.interpretation import lead_of_sweep
from synthaudit.sweeping.reading import SweepFiles

_NO_SUBJECT: Final = "all"


@dataclass(frozen=True, kw_only=True)
class Extra:
    """A column of the arms that is there where it was measured.

    Attributes:
        field: of ``ArmResult``.
        title: of the column.
        unit: how much of the field is 1 in the column.
        digits: after the point.
        meaning: for the note below the table.
    """

    field: str
    title: str
    meaning: str
    unit: float = 1.0
    digits: int = 2


EXTRAS: Final = (
    Extra(field="seconds_per_image", title="s an image", digits=3, meaning="the median"),
    Extra(
        field="peak_memory",
        title="GB of memory",
        unit=1e9,
        meaning="the most while making them, of the GPU or else of the process",
    ),
    Extra(field="money", title="money", meaning="what its images cost, at the plan's price"),
    Extra(
        field="reference_similarity",
        title="like reference",
        digits=3,
        meaning="mean cosine similarity to the real images that it started from (CLIP-I where the "
        "embedder is CLIP)",
    ),
    Extra(
        field="perceptual_diversity",
        title="LPIPS",
        digits=3,
        meaning="mean LPIPS distance between images of a class, higher is more diverse",
    ),
)


def sweep_html(files: SweepFiles) -> str:
    """The page of a sweep."""
    found = files.contents
    drawn = sweep_plots(files)
    arms = found["arms"]
    return render(
        "sweep.html",
        scripts=["grid.js"],
        plots=drawn,
        data={"grid-data": _grid(files)},
        verdict=lead_of_sweep(
            found["recommended"]["arm"],
            arms,
            is_beyond_noise=found["recommended"]["is_beyond_noise"],
        ),
        found=found,
        has_audits=files.has_audits,
        axes=list(arms[0]["axes"]),
        measures=MEASURES,
        columns=(
            OVERALL,
            *MEASURES,
            *([USELESS] if any(USELESS in arm["measures"] for arm in arms) else []),
        ),
        has_usefulness=any(arm["usefulness"] is not None for arm in arms),
        is_seeded=found["provenance"]["plan"]["generator"]["name"] != "folder"
        and found["provenance"].get("paired", True),
        extras=[extra for extra in EXTRAS if any(arm.get(extra.field) is not None for arm in arms)],
        subjects=len(found["best_by_subject"]),
        best=next(arm for arm in arms if arm["arm"] == found["recommended"]["arm"]),
        pictures=len(files.thumbnails),
        without_picture=len(files.images) - len(files.thumbnails),
        command="synthaudit sweep PLAN",
        provenance=flat(found["provenance"]),
    )


def wanted_for_grid(files: SweepFiles) -> list[tuple[str, str]]:
    """The pictures of the grid, so that every part shows the same images of all arms.

    First the first image of every subject, then the second of each, and so on.
    """
    images = files.images
    first = images[images["arm"] == images["arm"].iloc[0]] if len(images) else images
    subjects = first["subject"].fillna(_NO_SUBJECT)
    turn = dict(zip(first["image"], subjects.groupby(subjects).cumcount(), strict=True))
    order = sorted(
        zip(images["image"], images["arm"], images["path"], strict=True),
        key=lambda row: (turn.get(row[0], len(turn)), row[0]),
    )
    return [(arm, path) for _, arm, path in order]


def _grid(files: SweepFiles) -> dict[str, Any]:
    arms = files.contents["arms"]
    number = {arm["arm"]: place for place, arm in enumerate(arms)}
    pictures = [
        {
            "arm": number[row["arm"]],
            "image": int(row["image"]),
            "subject": row["subject"] if isinstance(row["subject"], str) else "",
            "path": row["path"],
            "picture": base64.b64encode(files.thumbnails[row["arm"], row["path"]]).decode(),
        }
        for row in files.images.to_dict("records")
        if (row["arm"], row["path"]) in files.thumbnails
    ]
    pictures.sort(key=lambda picture: (picture["arm"], picture["image"]))
    return {
        "arms": [{"name": arm["arm"], "axes": arm["axes"]} for arm in arms],
        "recommended": number[files.contents["recommended"]["arm"]],
        "pictures": pictures,
    }
