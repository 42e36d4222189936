"""Options of the command line made from the fields of ``Settings``, with their help."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import typer
from pydantic.fields import FieldInfo

from synthaudit.settings import PANELS, Settings, flag_of, panel_of

Command = TypeVar("Command", bound=Callable[..., Any])

_TAKEN: Final = "settings"


def takes_settings(
    *names: str, without: Iterable[str] = (), panels: bool = True
) -> Callable[[Command], Command]:
    """Let a command take options of an audit.

    The command has a parameter ``settings``, in whose place the command line has an option for
    each field; it is called with those that were given, by the names of the fields.

    Args:
        names: which fields; all that have a panel when none are named.
        without: fields that are left out.
        panels: whether the help lists them under headings.
    """
    known = [name for name in names or Settings.model_fields if panel_of(name)]
    known.sort(key=lambda name: PANELS.index(panel_of(name)))
    chosen = {name: Settings.model_fields[name] for name in known if name not in without}

    def decorate(command: Command) -> Command:
        own = inspect.signature(command)
        hints = get_type_hints(command, include_extras=True)

        @functools.wraps(command)
        def run(**given: Any) -> Any:
            settings = {name: given.pop(name) for name in chosen}
            return command(**given, settings=_changed(settings))

        parameters = [
            parameter.replace(annotation=hints[name])
            for name, parameter in own.parameters.items()
            if name != _TAKEN
        ]
        parameters += [_parameter(name, field, panels=panels) for name, field in chosen.items()]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run  # type: ignore[return-value]

    return decorate


def _changed(settings: dict[str, Any]) -> dict[str, Any]:
    """What differs from the default, as ``Settings`` takes it; the rest is left to that."""
    changed = {}
    for name, value in settings.items():
        if value != _shown_default(name, Settings.model_fields[name]):
            changed[name] = not value if _is_negated(name) else value
    return changed


def _parameter(name: str, field: FieldInfo, *, panels: bool) -> inspect.Parameter:
    # A lone flag for what is true or false: --quick, not --quick/--no-quick.
    option = typer.Option(
        flag_of(name),
        help=field.description,
        rich_help_panel=panel_of(name) if panels else None,
        show_default=isinstance(field.default, str | float | int)
        and not isinstance(field.default, bool),
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=_shown_default(name, field),
        annotation=Annotated[_kind_of(field), option],
    )


def _shown_default(name: str, field: FieldInfo) -> Any:
    if field.default == ():
        return None
    return False if _is_negated(name) else field.default


def _is_negated(name: str) -> bool:
    return flag_of(name).startswith("--no-")


def _kind_of(field: FieldInfo) -> Any:
    """The type as typer knows it."""
    kind = field.annotation
    if get_origin(kind) is tuple:
        return list[str] | None
    if get_origin(kind) in (Union, types.UnionType):
        known = next(part for part in get_args(kind) if part is not type(None))
        return known | None if known is not Path else Path | None
    return kind
