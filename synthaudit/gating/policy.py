"""The policy of a gate: limits for the numbers of an audit, read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)

from synthaudit.errors import PolicyError
from synthaudit.gating.bounds import BOUNDS
from synthaudit.registry import nearest_name
from synthaudit.validation import explain

POLICY_NAME: Final = "synthaudit.toml"
_LARGEST_FILE: Final = 1_000_000


def _no_truth(value: object) -> object:
    """``true`` counts as 1 otherwise, and a limit of 1 passes everything."""
    if isinstance(value, bool):
        raise ValueError("should be a number, not " + str(value).lower())  # noqa: TRY004 - pydantic
    return value


class Limit(BaseModel):
    """A limit for one number, or for all that a path with ``*`` leads to.

    Besides what follows it has one or more bounds by name: ``max`` and ``min`` for the number,
    ``max_rise`` and ``max_fall`` for its change against the baseline, and those of other packages.

    Attributes:
        on: what is compared: the value, or the lower or upper bound of its interval.
        severity: ``warn`` is told and changes no exit code.
        certain: decide only where the whole interval lies on one side; None as the policy says.

    >>> Limit(max=0.1).bounds
    {'max': 0.1}
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Annotated[FiniteFloat, BeforeValidator(_no_truth)]]

    on: Literal["value", "low", "high"] = "value"
    severity: Literal["error", "warn"] = "error"
    certain: bool | None = None

    @model_validator(mode="after")
    def _has_known_bounds(self) -> Self:
        for name in self.bounds:
            if name not in BOUNDS.names:
                known = [*Limit.model_fields, *BOUNDS.names]
                raise ValueError(f"there is no key {name!r}; {nearest_name(name, known)}")
        if not self.bounds:
            raise ValueError(f"a limit needs one of {', '.join(BOUNDS.names)}")
        return self

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds by name."""
        return dict(self.__pydantic_extra__ or {})


class Policy(BaseModel):
    """What a set must fulfil.

    Attributes:
        embedder, definition, false_alarms: what the numbers must have been made with; others are
            not comparable and are refused.
        embedders: of scores by several embedders, whether ``all`` of them must keep the limits or
            ``any`` of them is enough; None for the first alone.
        certain: pass or fail only where intervals allow no doubt; else undecided.
        limits: by path into ``scores.json``, such as ``unvaried`` or ``classes.*.unvaried``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedder: str | None = None
    definition: Literal["default", "cleanlab"] | None = None
    false_alarms: float | None = None
    embedders: Literal["all", "any"] | None = None
    certain: bool = False
    limits: dict[str, Limit] = Field(default_factory=dict)

    def with_limits(self, extra: Mapping[str, Limit]) -> Policy:
        """The policy with some limits more, or in their place."""
        return self.model_copy(update={"limits": {**self.limits, **extra}})


def read_policy(file: str | Path) -> Policy:
    """Read a policy from ``synthaudit.toml``, or from ``[tool.synthaudit.gate]`` in another file.

    Raises:
        PolicyError: in one sentence.

    Examples:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "synthaudit.toml"
        >>> _ = file.write_text("[limits]\\nunvaried = {max = 0.02}\\n")
        >>> read_policy(file).limits["unvaried"].bounds
        {'max': 0.02}
    """
    file = Path(file)
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise PolicyError(f"{file} is larger than a policy can be: is it another file?")
        contents: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PolicyError(f"the policy {file} cannot be read: {reason}.") from error
    # Both kinds of decoding errors, and numbers of too many digits, are ValueErrors.
    except (ValueError, RecursionError) as error:
        reason = str(error).partition(";")[0]
        raise PolicyError(f"the policy {file} is not TOML: {reason}.") from error
    if file.name == "pyproject.toml":
        contents = _table(contents, ("tool", "synthaudit", "gate"), file)
    try:
        return Policy.model_validate(contents)
    except ValidationError as error:
        sentence = explain(error, noun="key", known=lambda _: Policy.model_fields)
        raise PolicyError(f"{file}: {sentence}") from error


def find_policy(folder: Path) -> Path | None:
    """The policy that holds in a folder: ``synthaudit.toml``, or ``pyproject.toml`` with a gate."""
    own = folder / POLICY_NAME
    if own.is_file():
        return own
    project = folder / "pyproject.toml"
    try:
        contents: Any = tomllib.loads(project.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    for key in ("tool", "synthaudit", "gate"):
        contents = contents.get(key) if isinstance(contents, dict) else None
    return None if contents is None else project


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
