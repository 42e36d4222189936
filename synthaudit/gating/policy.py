"""The policy of a gate: limits for the numbers of an audit, read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from synthaudit.errors import PolicyError
from synthaudit.settings import nearest_name

POLICY_NAME: Final = "synthaudit.toml"
_LARGEST_FILE: Final = 1_000_000
_BOUNDS: Final = ("max", "min", "max_rise", "max_fall")


class Limit(BaseModel):
    """A limit for one number, or for all that a path with ``*`` leads to.

    Attributes:
        max, min: what the number may be at most and at least.
        max_rise, max_fall: by how much it may rise or fall against the baseline.
        on: what is compared: the value, or the lower or upper bound of its interval.
        severity: ``warn`` is told and changes no exit code.
        certain: decide only where the whole interval lies on one side; None as the policy says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max: float | None = Field(default=None, allow_inf_nan=False)
    min: float | None = Field(default=None, allow_inf_nan=False)
    max_rise: float | None = Field(default=None, allow_inf_nan=False)
    max_fall: float | None = Field(default=None, allow_inf_nan=False)
    on: Literal["value", "low", "high"] = "value"
    severity: Literal["error", "warn"] = "error"
    certain: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(getattr(self, name) is None for name in _BOUNDS):
            raise ValueError(f"a limit needs one of {', '.join(_BOUNDS)}")
        return self

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds that are set."""
        return {name: getattr(self, name) for name in _BOUNDS if getattr(self, name) is not None}


class Policy(BaseModel):
    """What a set must fulfil.

    Attributes:
        embedder, definition, false_alarms: what the numbers must have been made with; others are
            not comparable and are refused.
        certain: pass or fail only where intervals allow no doubt; else undecided.
        limits: by path into ``scores.json``, such as ``unvaried`` or ``classes.*.unvaried``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedder: str | None = None
    definition: Literal["default", "cleanlab"] | None = None
    false_alarms: float | None = None
    certain: bool = False
    limits: dict[str, Limit] = Field(default_factory=dict)

    def with_limits(self, extra: Mapping[str, Limit]) -> Policy:
        """The policy with some limits more, or in their place."""
        return self.model_copy(update={"limits": {**self.limits, **extra}})


def read_policy(file: Path) -> Policy:
    """Read a policy from ``synthaudit.toml``, or from ``[tool.synthaudit.gate]`` in another file.

    Raises:
        PolicyError: in one sentence.
    """
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise PolicyError(f"{file} is larger than a policy can be: is it another file?")
        contents: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PolicyError(f"the policy {file} cannot be read: {reason}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyError(f"the policy {file} is not TOML: {error}.") from error
    if file.name == "pyproject.toml":
        contents = _table(contents, ("tool", "synthaudit", "gate"), file)
    try:
        return Policy.model_validate(contents)
    except ValidationError as error:
        raise PolicyError(f"{file}: {_explain(error)}") from error


def find_policy(folder: Path) -> Path | None:
    """The policy that holds in a folder: ``synthaudit.toml``, or ``pyproject.toml`` with a gate."""
    own = folder / POLICY_NAME
    if own.is_file():
        return own
    project = folder / "pyproject.toml"
    try:
        contents = tomllib.loads(project.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None
    return project if "gate" in contents.get("tool", {}).get("synthaudit", {}) else None


def parse_limit(text: str) -> tuple[str, Limit]:
    """``unvaried=0.02`` as a limit.

    Raises:
        PolicyError: it is no such text.
    """
    name, _, number = text.rpartition("=")
    try:
        return name.strip(), Limit(max=float(number))
    except (ValueError, ValidationError) as error:
        raise PolicyError(
            f"--max should be NAME=NUMBER, such as unvaried=0.02, not {text!r}."
        ) from error


def _table(contents: Any, keys: Sequence[str], file: Path) -> Any:
    for key in keys:
        contents = contents.get(key) if isinstance(contents, dict) else None
    if contents is None:
        raise PolicyError(f"{file} has no table [tool.synthaudit.gate]: add it.")
    return contents


def _explain(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = tuple(problem["loc"])
    name = ".".join(str(part) for part in place)
    if problem["type"] == "extra_forbidden":
        known = Limit.model_fields if place[0] == "limits" else Policy.model_fields
        return f"there is no key {name!r}; {nearest_name(str(place[-1]), known)}"
    message = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{name}: {message}."
    return f"{name} should be {message}, not {str(problem['input'])[:60]!r}."
