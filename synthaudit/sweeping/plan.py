"""The plan of a sweep: a YAML file, validated in full before anything is generated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from synthaudit.errors import PlanError, UsageError
from synthaudit.generation.registry import GENERATORS
from synthaudit.measures.comparison.teaching import USELESS
from synthaudit.prompting.sources import SOURCES, is_source
from synthaudit.registry import nearest_name
from synthaudit.sweeping.yaml_text import read_yaml
from synthaudit.tuning.recipe import make_tune_recipe
from synthaudit.validation import explain

AxisValue = str | int | float | None | Mapping[str, Any] | list[Any]
Design = Literal["grid", "one-factor", "fractional", "search", "evolve"]
SEARCHES: Final = ("search", "evolve")
"""Designs whose arms are proposed on the way, by what earlier ones scored."""

SUBJECT: Final = "subject"
ARTICLE: Final = "a"
PROMPT: Final = "prompt"
TOKEN: Final = "token"  # noqa: S105 - of a LoRA
_USUAL_IMAGES: Final = 96


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class GeneratorPlan(BaseModel):
    """Which generator, and its options, which the generator itself checks."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    name: str

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in GENERATORS.names:
            hint = nearest_name(name, GENERATORS.names)
            raise ValueError(f"generator.name: there is no generator {name!r}; {hint}")
        return name

    @property
    def options(self) -> dict[str, Any]:
        """Everything but the name."""
        return dict(self.model_extra or {})


class Budget(_Part):
    """What the whole sweep may cost; it stops cleanly when any of it is used up.

    Attributes:
        images: of one run.
        hours: of one run.
        money: of all runs together, at the ``price`` of the generator.
    """

    images: int | None = Field(default=None, ge=1)
    hours: float | None = Field(default=None, gt=0.0)
    money: float | None = Field(default=None, gt=0.0)


class Range(_Part):
    """All numbers between two, as the values of an axis; whole ones where both are whole.

    Attributes:
        low, high: both ends belong to it.
        log: whether ratios count, not differences.
    """

    low: int | float = Field(allow_inf_nan=False)
    high: int | float = Field(allow_inf_nan=False)
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        if not self.low < self.high or (self.log and self.low <= 0):
            least = "above 0 and " if self.log else ""
            raise ValueError(
                f"low should be {least}below high, not {self.low} and {self.high}: mend the range"
            )
        return self

    @property
    def is_whole(self) -> bool:
        """Whether it is of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)


class BuildPlan(_Part):
    """What ``synthaudit build`` makes: a set of so many images that passes a policy.

    Attributes:
        images_per_class: how many each subject should have.
        images: or how many there should be of all together, each subject as many.
        policy: file of the policy; without one, the set has to be fit by the audit's own verdict.
        rounds: at most so many.
    """

    images_per_class: int | None = Field(default=None, ge=1, le=1_000_000)
    images: int | None = Field(default=None, ge=8, le=10_000_000)
    policy: str | None = None
    rounds: int = Field(default=10, ge=1, le=1000)

    @model_validator(mode="after")
    def _has_one_size(self) -> BuildPlan:
        if (self.images is None) == (self.images_per_class is None):
            came = "neither" if self.images is None else "both"
            raise ValueError(
                f"build should say images_per_class or images, not {came}: give one of them"
            )
        return self


class TunePlan(_Part):
    """A LoRA that is taught before any image is made; the other keys are those of ``TuneRecipe``.

    Attributes:
        out: folder of the weights, whose axis values are ``OUT/STEP``, or ``OUT/{subject}/STEP``.
        per_class: a LoRA for each class.
        subject: teach this class alone.
    """

    model_config = ConfigDict(extra="allow")

    out: str = Field(default="lora", min_length=1)
    per_class: bool = False
    subject: str | None = None

    @model_validator(mode="after")
    def _is_a_recipe(self) -> TunePlan:
        if "model" in self.options:
            raise ValueError("tune teaches the model of the generator: drop model")
        try:
            make_tune_recipe(self.options)
        except UsageError as error:
            raise ValueError(f"tune: {error}") from error
        return self

    @property
    def options(self) -> dict[str, Any]:
        """Of the recipe."""
        return dict(self.model_extra or {})

    @property
    def token(self) -> str:
        """The word that ``{token}`` stands for in the prompts of arms with a LoRA."""
        return make_tune_recipe(self.options).token


class Plan(_Part):
    """A sweep.

    Attributes:
        real: the reference set; its class folders are the subjects unless ``subjects`` names them.
        embedder: see ``Settings``.
        images_per_arm: every arm is compared at this size.
        real_images: at most so many real images are compared with.
        seed: decides every seed.
        generator: what makes the images.
        prompt: with ``{axis}``, ``{subject}`` and ``{a}``, the article of what follows; or a source
            of prompts, ``{grammar: ...}``, ``{file: ...}`` or ``{llm: {...}}``.
        axes: values by axis: a placeholder of the prompt or an option of the generator. A value may
            be ``{value: ..., subject: [...], otherwise: ...}``: for these subjects only. An axis
            ``prompt``, or any that is in the prompt, may have sources of prompts among its values.
        subjects: what to generate, instead of the class folders.
        exclude: (``not`` in the file) combinations that make no sense.
        design: all combinations, one axis at a time from the first values, a fraction; ``search``
            has arms proposed by what earlier ones scored, of axes that may also be ranges, ``{low:
            ..., high: ...}``; ``evolve`` has a language model write the templates of further arms.
        arms: how many arms a fractional design has, or a search tries.
        goal: what decides between arms; ``useful`` is what they teach besides a few real images.
        race: drop arms early.
        budget: when to stop.
        build: the set that ``synthaudit build`` makes.
        tune: the LoRA that is taught first, from the real images.
    """

    model_config = ConfigDict(populate_by_name=True)

    real: str = Field(min_length=1)
    embedder: str = Field(default="auto", min_length=1)
    images_per_arm: int = Field(ge=8, le=100_000)
    real_images: int = Field(default=2000, ge=20)
    seed: int = Field(default=0, ge=0, lt=2**63)
    generator: GeneratorPlan
    prompt: str | dict[str, Any] = ""
    axes: dict[str, list[AxisValue] | Range] = Field(default_factory=dict)
    subjects: list[str] | None = None
    exclude: list[dict[str, Any]] = Field(default_factory=list, alias="not")
    design: Design = "grid"
    arms: int | None = Field(default=None, ge=2)
    goal: Literal["overall", "unrealistic", "uncovered", "unvaried", "unoriginal", "useful"] = (
        "overall"
    )
    race: bool = False
    budget: Budget = Field(default_factory=Budget)
    build: BuildPlan | None = None
    tune: TunePlan | None = None

    _folder: Path = PrivateAttr(default=Path())

    def model_post_init(self, context: Any, /) -> None:
        """Remember where the plan lies, if it is a file."""
        if isinstance(context, Mapping) and "folder" in context:
            self._folder = Path(context["folder"])

    @property
    def folder(self) -> Path:
        """Where the plan lies, and what is frozen beside it; the working directory without file."""
        return self._folder

    @property
    def template(self) -> str:
        """The prompt as a text; ``{prompt}`` where a source or an axis of prompts stands for it."""
        if isinstance(self.prompt, str):
            return self.prompt or (f"{{{PROMPT}}}" if PROMPT in self.axes else "")
        return f"{{{PROMPT}}}"

    @property
    def sources(self) -> list[Mapping[str, Any]]:
        """All sources of prompts, in their order."""
        values: list[Any] = [self.prompt, *(v for name in self.axes for v in self.values_of(name))]
        # A value for some subjects has another one inside it for those, and one for the others.
        inner = [
            value.get(key)
            for value in values
            if isinstance(value, Mapping) and not is_source(value)
            for key in ("value", "otherwise")
        ]
        return [value for value in (*values, *inner) if is_source(value)]

    def values_of(self, axis: str) -> list[AxisValue]:
        """The values of an axis; of a range, before a search has chosen any, its ends."""
        own = self.axes[axis]
        return [own.low, own.high] if isinstance(own, Range) else own

    @property
    def decides(self) -> str:
        """The measure that decides, of which less is better."""
        return USELESS if self.goal == "useful" else self.goal

    @model_validator(mode="before")
    @classmethod
    def _may_only_build(cls, contents: Any) -> Any:
        """A plan that is built from alone need not say how many images arms have."""
        if isinstance(contents, Mapping) and "build" in contents:
            return {"images_per_arm": _USUAL_IMAGES, **contents}
        return contents

    @field_validator("exclude", mode="before")
    @classmethod
    def _one_rule_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    @field_validator("prompt", mode="before")
    @classmethod
    def _is_a_prompt(cls, prompt: Any) -> Any:
        if isinstance(prompt, str) or is_source(prompt):
            return prompt
        came = repr(prompt)[:60]
        raise ValueError(
            "prompt should be a text, or a source of prompts with one of the keys "
            f"{', '.join(SOURCES)}, not {came}"
        )

    @field_validator("subjects")
    @classmethod
    def _differ(cls, subjects: list[str] | None) -> list[str] | None:
        twice = next((name for name in subjects or () if (subjects or []).count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"subjects has {twice!r} twice: drop one")
        return subjects

    @model_validator(mode="after")
    def _has_one_prompt(self) -> Plan:
        if self.design == "evolve":
            return self  # the axis has the first templates, the source writes the next ones
        is_used = is_source(self.prompt) or (self.prompt and f"{{{PROMPT}}}" not in self.prompt)
        if is_used and PROMPT in self.axes:
            raise ValueError(
                "there is a prompt, and an axis called prompt as well: drop one of both, or write "
                "{prompt} where the axis should stand"
            )
        return self

    @model_validator(mode="after")
    def _has_a_search_for_its_ranges(self) -> Plan:
        if self.design == "search" and not self.axes:
            raise ValueError("design: search needs axes to search over: add some, or drop it")
        ranges = [name for name, own in self.axes.items() if isinstance(own, Range)]
        if ranges and self.design != "search":
            raise ValueError(
                f"axis {ranges[0]!r} is a range, which only design: search can try: set it, or "
                "list values"
            )
        return self

    @field_validator("axes", mode="before")
    @classmethod
    def _are_lists_or_ranges(cls, axes: Any) -> Any:
        if not isinstance(axes, Mapping):
            return axes
        for name, own in axes.items():
            if isinstance(own, Mapping) and set(own) - {"low", "high", "log"}:
                raise ValueError(
                    f"axis {name!r} should be a list of values, or a range with low and high, not "
                    f"{', '.join(map(str, own))}"
                )
        return {
            name: Range.model_validate(own) if isinstance(own, Mapping) else own
            for name, own in axes.items()
        }

    @field_validator("axes")
    @classmethod
    def _values_are_there_and_differ(
        cls, axes: dict[str, list[AxisValue] | Range]
    ) -> dict[str, list[AxisValue] | Range]:
        for name, values in axes.items():
            if isinstance(values, Range):
                continue
            if not values:
                raise ValueError(f"axis {name!r} has no values: give at least one")
            texts = [str(value) for value in values]
            twice = next((text for text in texts if texts.count(text) > 1), None)
            if twice is not None:
                raise ValueError(f"axis {name!r} has the value {twice!r} twice: drop one")
        return axes


def read_plan(file: str | Path) -> Plan:
    """Read and validate a plan; relative paths in it start from the working directory.

    Raises:
        PlanError: in one sentence, with the line and the nearest known key.

    Examples:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "plan.yaml"
        >>> text = "real: photos\\nimages_per_arm: 16\\ngenerator: {name: augment, strength: 2}\\n"
        >>> _ = file.write_text(text)
        >>> read_plan(file).generator.options
        {'strength': 2}
    """
    file = Path(file)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PlanError(
            f"the plan {file} cannot be read ({reason}): synthaudit sweep --example prints one."
        ) from error
    contents, lines = read_yaml(text, str(file))
    if not isinstance(contents, dict):
        raise PlanError(f"{file} should hold keys such as real, generator and axes, but is empty.")
    try:
        return Plan.model_validate(contents, context={"folder": file.parent})
    except ValidationError as error:
        raise PlanError(f"{file}, {_explain(error, lines)}") from error


def _explain(error: ValidationError, lines: Mapping[tuple[Any, ...], int]) -> str:
    near = tuple(error.errors()[0]["loc"])
    while near and near not in lines:
        near = near[:-1]
    sentence = explain(error, noun="key", known=_known_keys, speaks_for_itself=True)
    return f"line {lines.get(near, 1)}: {sentence}"


def _known_keys(place: Sequence[Any]) -> list[str]:
    parts: dict[str, type[_Part]] = {"budget": Budget, "build": BuildPlan, "tune": TunePlan}
    kind = parts.get(str(place[0]), Plan)
    return [field.alias or name for name, field in kind.model_fields.items()]
