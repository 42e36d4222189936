"""A person's boxes and points: a JSON file, by image, of what is and what is not the object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, RootModel, ValidationError, model_validator

from synthaudit.errors import DataError
from synthaudit.generation.jobs import GeneratorOptions
from synthaudit.validation import explain

_Number = Annotated[float, Field(allow_inf_nan=False)]
_MOST: Final = 50_000_000


class HintedObject(GeneratorOptions):
    """What a person says of one object of an image.

    Attributes:
        box: left, top, right, bottom, in pixels.
        points: ``[x, y, label]``, the label 1 on the object and 0 beside it.
        label: 1, or 0 of a box that holds nothing of the object: it is cut out of all others.
    """

    box: Annotated[list[_Number], Field(min_length=4, max_length=4)] | None = None
    points: list[Annotated[list[_Number], Field(min_length=3, max_length=3)]] = Field(
        default_factory=list
    )
    label: Annotated[int, Field(ge=0, le=1)] = 1

    @model_validator(mode="after")
    def _is_one(self) -> HintedObject:
        if self.box is None and not self.points:
            raise ValueError("an object needs a box or points: add one, or drop the object")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError(
                f"a box should be [left, top, right, bottom] with left below right and top below "
                f"bottom, not {self.box}"
            )
        if any(point[2] not in (0, 1) for point in self.points):
            raise ValueError("the label of a point should be 1 (object) or 0 (not the object)")
        if self.label == 0 and (self.box is None or self.points):
            raise ValueError("label 0 is for boxes; of a point it is the third number")
        if self.box is None and not any(point[2] == 1 for point in self.points):
            raise ValueError("an object of points needs one that lies on it, with label 1")
        return self


class _File(RootModel[dict[str, list[HintedObject]]]):
    """By path of the image, relative to the folder of the images."""


def read_hints(file: str | Path) -> Mapping[str, Sequence[HintedObject]]:
    """Read a file of hints.

    Returns:
        By path of the image, its objects.

    Raises:
        DataError: in one sentence.
    """
    file = Path(file)
    form = '{"frog/1.jpg": [{"box": [10, 20, 110, 220], "points": [[60, 90, 1]]}]}'
    try:
        if file.stat().st_size > _MOST:
            raise DataError(f"the hints {file} are larger than {_MOST // 10**6} MB: split them.")
        contents = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON text"
        raise DataError(
            f"the hints {file} cannot be read ({reason}): it should be such as {form}."
        ) from error
    try:
        return _File.model_validate(contents).root
    except ValidationError as error:
        sentence = explain(
            error, noun="key", known=lambda _: HintedObject.model_fields, speaks_for_itself=True
        )
        raise DataError(f"{file}: {sentence} It should be such as {form}.") from error
