"""What is wrong with an input that a model refused, in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ValidationError

from synthaudit.registry import nearest_name

Place = tuple[Any, ...]


def explain(
    error: ValidationError,
    *,
    noun: str,
    known: Callable[[Place], Iterable[str]],
    spelt: Callable[[str], str] = str,
    speaks_for_itself: bool = False,
) -> str:
    """The first thing that is wrong.

    Args:
        error: what the model raised.
        noun: what the names are called: key, option, setting.
        known: the names that may stand at a place, for the nearest one to an unknown one.
        spelt: how a name is written where the user wrote it.
        speaks_for_itself: whether the model's own messages say what they are about.

    Returns:
        A sentence that ends with a full stop or a question mark.
    """
    problem = error.errors()[0]
    place = tuple(problem["loc"])
    name = ".".join(str(part) for part in place if isinstance(part, str | int))
    if problem["type"] == "extra_forbidden":
        hint = nearest_name(str(place[-1]), known(place))
        return f"there is no {noun} {name!r}; {hint}"
    if problem["type"] == "missing":
        return f"{name} is missing."
    message = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if problem["type"] == "value_error":
        sentence = message if message.endswith(("?", ".")) else f"{message}."
        return sentence if speaks_for_itself or not name else f"{name}: {sentence}"
    if problem["type"] in ("dict_type", "model_type", "model_attributes_type", "dataclass_type"):
        message = "names with values"
    subject = spelt(name) if name else "it"
    if message.startswith("String should "):  # have at most so many characters
        message = message.removeprefix("String should ")
        return f"{subject} should {message}, not {repr(problem['input'])[:62]}."
    return f"{subject} should be {message}, not {repr(problem['input'])[:62]}."
