"""What all parts of the schemas of results have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Part(BaseModel):
    """Keys that later versions or other packages add are allowed everywhere."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class EstimatePart(Part):
    """A number and its interval."""

    value: float
    low: float | None
    high: float | None
