"""What looking for objects in a set of images comes to, and its files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from PIL import Image

from synthaudit.result.decisions import as_csv
from synthaudit.result.writing import json_text, write_files

MASKS_SCHEMA: Final = "synthaudit/masks/1"
MASKS_FILE: Final = "masks.json"
BOXES_FILE: Final = "boxes.json"
SHEET_FILE: Final = "contact_sheet.png"
UNUSABLE_FILE: Final = "unusable.csv"


@dataclass(frozen=True, kw_only=True)
class LookedAt:
    """One image that was looked at.

    Attributes:
        path: of the image.
        label: its class.
        found: objects that were found.
        share: of the image that they cover.
        score: of the best; None where nothing was found.
        why: why they are of no use; None where they are.
        masks: paths of the masks that were written, from the folder of the results.
    """

    path: str
    label: str | None
    found: int
    share: float
    score: float | None
    why: str | None
    masks: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Masks:
    """The outcome of ``find_masks``.

    Attributes:
        images: every image that could be read.
        unreadable: how many could not.
        options: what was looked for, and by whom.
        identity: of the models.
        labels: boxes and masks as COCO.
        sheet: pictures of the images with what was found.
    """

    images: Sequence[LookedAt]
    unreadable: int
    options: Mapping[str, Any]
    identity: Mapping[str, Any]
    labels: Mapping[str, Any] = field(repr=False)
    sheet: Image.Image = field(repr=False)

    @property
    def usable(self) -> Sequence[LookedAt]:
        """Images whose objects are of use."""
        return [own for own in self.images if own.why is None]

    def to_dict(self) -> dict[str, Any]:
        """The contents of ``masks.json``."""
        return {
            "schema": MASKS_SCHEMA,
            "images": len(self.images),
            "usable": len(self.usable),
            "unreadable": self.unreadable,
            "objects": sum(own.found for own in self.usable),
            "options": dict(self.options),
            "identity": dict(self.identity),
            "unusable": [
                {"path": own.path, "class": own.label, "found": own.found, "reason": own.why}
                for own in self.images
                if own.why is not None
            ],
        }

    def write(self, out: Path) -> None:
        """Write all but the masks; ``masks.json`` last, which stands for all.

        Raises:
            StorageError: it cannot be written.
        """
        picture = io.BytesIO()
        self.sheet.save(picture, "PNG")
        rows: list[tuple[str, ...]] = [("path", "class", "found", "share", "reason")]
        rows += [
            (own.path, own.label or "", str(own.found), f"{own.share:.4f}", own.why)
            for own in self.images
            if own.why is not None
        ]
        write_files(
            out,
            {
                BOXES_FILE: json_text(self.labels),
                SHEET_FILE: picture.getvalue(),
                UNUSABLE_FILE: as_csv(rows),
                MASKS_FILE: json_text(self.to_dict()),
            },
        )
