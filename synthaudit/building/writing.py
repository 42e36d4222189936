"""The files of a set: images, what is known of each, the card, what was dropped."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthaudit.building.assessment import Assessment
from synthaudit.building.card import card
from synthaudit.building.croissant import croissant
from synthaudit.building.ledger import Candidate, Ledger
from synthaudit.building.preparation import Opened
from synthaudit.building.quota import told
from synthaudit.building.result import Build, BuildSection
from synthaudit.building.verdict import Judgement, Outcome
from synthaudit.errors import StorageError
from synthaudit.generation.jobs import Job
from synthaudit.labelling.coco import LabelledImage
from synthaudit.labelling.of_made import as_columns, labels_of, write_labels
from synthaudit.leftovers import clear
from synthaudit.names import write_name
from synthaudit.result.audit import REPORT_FILES, Audit
from synthaudit.result.decisions import as_csv
from synthaudit.result.writing import json_line, json_text, write_files
from synthaudit.sweeping.preparation import Prepared
from synthaudit.sweeping.production import link
from synthaudit.version import installed_version

if TYPE_CHECKING:
    import pandas as pd

IMAGES: Final = "images"
_JUDGED: Final = "judged.json"
_COLUMNS: Final = ("probability_synthetic", "copy_p_value", "nearest_real", "prompt_p_value")
_AUDIT_FILES: Final = (
    *("images.parquet", "images.csv", "unreadable.csv", "scores.json"),
    *("copies.parquet", "duplicates.parquet", "explanation.parquet"),
)


def write_set(
    opened: Opened,
    assessed: Assessment,
    *,
    audit: Audit | None,
    outcome: Outcome,
    judgement: Judgement | None,
) -> Build:
    """Lay the images out, and write what is known of them; ``build.json`` comes last.

    Raises:
        StorageError: there is no room, or no permission; what is made stays.
    """
    chosen, ground, ledger = assessed.chosen, opened.ground, opened.ledger
    _lay_out(ground.folder / IMAGES, ledger, chosen)
    built = _result(opened, assessed, audit=audit, outcome=outcome, judgement=judgement)
    if audit is not None:
        section = BuildSection(build=built)
        audit = replace(
            audit,
            sections={**audit.sections, "build": section},
            notes=(*section.notes(), *audit.notes),
        )
        built = replace(built, audit=audit)
    labels = {own.file_name: own for own in _labels(opened.prepared, chosen)}
    write_labels(ground.folder, list(labels.values()), IMAGES)
    rows = _rows(chosen, audit, labels)
    contents: dict[str, Any] = {} if audit is None else audit.to_dict()
    files: dict[str, str | bytes | pd.DataFrame] = {
        "metadata.jsonl": "".join(json_line(row) for row in rows),
        "dropped.csv": _dropped(ledger),
        "README.md": card(built, contents, chosen),
        "croissant.json": json_text(croissant(built, ground.folder.name, rows)),
    }
    if audit is not None:
        files |= audit.files()
    files["build.json"] = json_text(built.to_dict())
    write_files(ground.folder, files, replaces=(*_AUDIT_FILES, *REPORT_FILES))
    return built


def _result(
    opened: Opened,
    assessed: Assessment,
    *,
    audit: Audit | None,
    outcome: Outcome,
    judgement: Judgement | None,
) -> Build:
    ground, ledger, halves = opened.ground, opened.ledger, opened.halves
    checks = []
    if judgement is not None and judgement.verdict is not None:
        checks = judgement.verdict.to_dict()["checks"]
    given = sum(own.origin is not None for own in ledger.candidates.values())
    swept = opened.swept
    return Build(
        folder=ground.folder,
        outcome=outcome,
        rounds=ledger.rounds,
        quota=told(assessed.there, opened.quotas),
        dropped=dict(Counter(own.reason for own in ledger.drops.values()).most_common()),
        counts={
            "kept": len(assessed.chosen),
            "made": ledger.made,
            "given": given,
            "spare": sum(1 for _ in ledger.left()) - len(assessed.chosen),
            "real_steering": len(halves.steering.entries),
            "real_judging": len(halves.judging.entries),
        },
        spent={
            "images": ledger.made + swept.images,
            "seconds": round(ledger.seconds + swept.seconds, 3),
            "money": round(opened.store.money() + swept.money, 6),
        },
        scores={}
        if audit is None
        else {
            name: {"value": own.value, "low": own.low, "high": own.high}
            for name, own in audit.scores.items()
        },
        steering_scores=assessed.scores,
        judged_on=halves.digest,
        judgements=_count_judgement(ground.hidden, assessed.chosen),
        checks=checks,
        sweep=opened.sweep,
        leaks=opened.leaks,
        provenance={
            "synthaudit": installed_version(),
            "plan": ground.plan.model_dump(mode="json", by_alias=True),
            "settings": ground.settings.deciding(),
            "generator": _identity(opened.prepared),
        },
    )


def _identity(prepared: Prepared) -> dict[str, Any]:
    """What decides the images besides the plan: versions, digests of models."""
    own = dict(prepared.generator.identity(prepared.arms[0].jobs[0]))
    return {"name": prepared.generator.name, **own}


def _count_judgement(hidden: Path, chosen: Sequence[Candidate]) -> int:
    """How many different sets the judging half has judged, this one among them."""
    file = hidden / _JUDGED
    known: list[str] = []
    if file.is_file():
        try:
            known = [str(own) for own in json.loads(file.read_text("utf-8"))]
        except (OSError, ValueError):
            known = []
    names = json.dumps(sorted(own.path for own in chosen))
    digest = hashlib.sha256(names.encode()).hexdigest()[:32]
    if digest not in known:
        known.append(digest)
        write_files(hidden, {_JUDGED: json.dumps(known)})
    return len(known)


def _lay_out(folder: Path, ledger: Ledger, chosen: Sequence[Candidate]) -> None:
    """Link the images of the set into its folder; those that a former round left are removed.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        for own in chosen:
            place, file = folder / own.path, ledger.place(own)
            if not (place.is_file() and place.stat().st_size == file.stat().st_size):
                link(file, place)
        for place in {(folder / own.path).parent for own in ledger.candidates.values()}:
            clear(place)
        wanted = {own.path for own in chosen}
        # What a person has put there stays.
        for path in ledger.candidates.keys() - wanted:
            (folder / path).unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"the images of the set cannot be laid out in {folder} ({reason}): free some space and "
            "start again; what is made stays."
        ) from error


def _labels(prepared: Prepared, chosen: Sequence[Candidate]) -> list[LabelledImage]:
    """The objects of the images that were made here, where their generator knows them."""
    jobs = [
        Job(
            prompt=own.prompt or "",
            subject=own.subject,
            number=own.number,
            seed=own.seed,
            options=own.options,
        )
        if own.origin is None and own.number is not None and own.seed is not None
        else None
        for own in chosen
    ]
    known = [(own.path, job) for own, job in zip(chosen, jobs, strict=True) if job is not None]
    return labels_of(prepared.generator, known)


def _rows(
    chosen: Sequence[Candidate], audit: Audit | None, labels: Mapping[str, LabelledImage]
) -> list[dict[str, Any]]:
    """A row an image, as ImageFolder reads it."""
    table = None
    if audit is not None:
        own = audit.images[audit.images["side"] == "synthetic"].set_index("path")
        table = own[[name for name in _COLUMNS if name in own]]
    rows = []
    for each in sorted(chosen, key=lambda own: own.path):
        told = {}
        if table is not None and each.path in table.index:
            told = table.loc[each.path].to_dict()
        rows.append(
            {
                "file_name": f"{IMAGES}/{each.path}",
                "class": each.subject,
                "prompt": each.prompt,
                "seed": each.seed,
                "generator": each.generator,
                "options": json.dumps(dict(each.options), sort_keys=True, default=str),
                "round": each.round,
                "aim": each.aim,
                "origin": each.origin,
                **({"objects": as_columns(labels.get(each.path))} if labels else {}),
                **{name: _plain(told.get(name)) for name in _COLUMNS},
            }
        )
    return rows


def _plain(value: Any) -> Any:
    """A cell of a table for JSON."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value.item() if hasattr(value, "item") else value


def _dropped(ledger: Ledger) -> str:
    """A row a dropped image: where it lies, why it was dropped, and since when."""
    rows = [("path", "class", "reason", "round", "file", "prompt", "seed")]
    for path, drop in sorted(ledger.drops.items()):
        own = ledger.candidates[path]
        file = own.file and os.path.relpath(ledger.place(own), ledger.folder.parent)
        rows.append(
            (
                path,
                own.subject or "",
                drop.reason,
                str(drop.round),
                # Names that were given are written ones already.
                own.origin or write_name(file),
                own.prompt or "",
                "" if own.seed is None else str(own.seed),
            )
        )
    return as_csv(rows)
