"""The page of a sweep: which words help, which arm to use, and what its images look like."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from synthaudit.measures.comparison.evidence import MEASURES, OVERALL
from synthaudit.measures.comparison.teaching import USELESS
from synthaudit.reporting.html.galleries import Key
from synthaudit.reporting.html.page import flat, render
from synthaudit.reporting.html.plots import SIDES
from synthaudit.reporting.html.sweep_plots import sweep_plots
from synthaudit.reporting.interpretation import fitness_word, lead_of_sweep
from synthaudit.result.findings_on_prompts import word_text
from synthaudit.sweeping.reading import SweepFiles

_NO_SUBJECT: Final = "all"
_MOST_SUBJECTS: Final = 100
_SCRIPTS: Final = ("images.js", "viewer.js", "plots.js", "grid.js", "contents.js")
REAL_ARM: Final = ""
"""What stands for the name of an arm where pictures of real images are kept."""


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
    data = _page_data(files)
    return render(
        "sweep.html",
        scripts=_SCRIPTS,
        plots=drawn,
        data={"page-data": data},
        verdict=lead_of_sweep(
            found["recommended"]["arm"],
            arms,
            is_beyond_noise=found["recommended"]["is_beyond_noise"],
        ),
        found=found,
        word_text=word_text,
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
        fitness=fitness_word,
        race=_race(arms),
        subjects=sorted({name for arm in arms for name in arm["by_subject"]})[:_MOST_SUBJECTS],
        heat=_heat,
        best=next(arm for arm in arms if arm["arm"] == found["recommended"]["arm"]),
        pictures=len(data["pictures"]),
        total=data["images"]["total"],
        command="synthaudit sweep PLAN",
        provenance=flat(found["provenance"]),
    )


def _race(arms: Sequence[Mapping[str, Any]]) -> list[tuple[int, list[str]]]:
    """After how many images which arms were dropped."""
    stages = sorted({arm["dropped_at"] for arm in arms if arm["dropped_at"] is not None})
    return [(at, [arm["arm"] for arm in arms if arm["dropped_at"] == at]) for at in stages]


def _heat(value: float) -> int:
    """How dark a probability of being synthetic is drawn: 0 at chance, 5 at certainty."""
    return math.ceil(5.0 * min(max(2.0 * value - 1.0, 0.0), 1.0))


def wanted_for_grid(files: SweepFiles) -> list[Key]:
    """The pictures of the grid, so that every part shows the same images of all arms.

    First the first image of every subject, then the second of each, and so on; before them the real
    ones.
    """
    images = files.images
    first = images[images["arm"] == images["arm"].iloc[0]] if len(images) else images
    subjects = first["subject"].fillna(_NO_SUBJECT)
    turn = dict(zip(first["image"], subjects.groupby(subjects).cumcount(), strict=True))
    order = sorted(
        zip(images["image"], images["arm"], images["path"], strict=True),
        key=lambda row: (turn.get(row[0], len(turn)), row[0]),
    )
    real = [(REAL_ARM, own["path"]) for own in files.contents.get("real_examples", ())]
    return [*real, *((arm, path) for _, arm, path in order)]


def _page_data(files: SweepFiles) -> dict[str, Any]:
    """What the scripts know: the real images, then those of the arms, as those of an audit."""
    contents, arms = files.contents, files.contents["arms"]
    number = {arm["arm"]: place for place, arm in enumerate(arms)}
    examples = contents.get("real_examples", ())
    rows = [
        (REAL_ARM, own["path"], own["subject"], place, None) for place, own in enumerate(examples)
    ]
    prompts = files.images["prompt"] if "prompt" in files.images else [None] * len(files.images)
    rows += sorted(
        (
            (row["arm"], row["path"], row["subject"], int(row["image"]), prompt)
            for row, prompt in zip(files.images.to_dict("records"), prompts, strict=True)
        ),
        key=lambda row: (number[row[0]], row[3]),
    )
    subjects = sorted({row[2] for row in rows if isinstance(row[2], str)})
    place_of = {name: place for place, name in enumerate(subjects)}
    columns: dict[str, Any] = {
        "path": [row[1] for row in rows],
        "side": [int(row[0] != REAL_ARM) for row in rows],
        "label": [place_of.get(row[2], -1) for row in rows],
        "probability": [None] * len(rows),
        "fault": [0] * len(rows),
        "arm": [number.get(row[0], -1) for row in rows],
        "image": [row[3] for row in rows],
        "prompt": [row[4] for row in rows],
        "nearest": {},
    }
    return {
        "id": "sweep",
        "served": False,
        "images": {
            "columns": columns,
            "classes": subjects,
            "faults": [],
            "sides": SIDES,
            "total": len(rows),
            # The images of the arms lie in the folder of the sweep.
            "roots": {"real": None, "synthetic": "./"},
            "links": {},
        },
        "galleries": [],
        "pictures": {
            place: base64.b64encode(files.thumbnails[key]).decode()
            for place, row in enumerate(rows)
            if (key := (row[0], row[1])) in files.thumbnails
        },
        "arms": [{"name": arm["arm"], "axes": arm["axes"]} for arm in arms],
        "recommended": number[contents["recommended"]["arm"]],
    }
