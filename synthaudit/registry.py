"""Things that are found by name: ours, and those that other packages bring by entry points."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from synthaudit.errors import SynthauditError, UsageError

Thing = TypeVar("Thing")


class Registry(Generic[Thing]):
    """Names and where the things are that they stand for; imported only when they are used.

    Another package adds to it by an entry point of the group, which leads to the thing as
    ``module:attribute``. A name of ours cannot be taken by another package.

    Args:
        kind: what they are, in a word, for messages.
        group: of the entry points.
        own: ``module:attribute`` by name, in the order in which they are listed and used.
        error: what is raised for a name that does not exist, or that cannot be imported.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        own: Mapping[str, str],
        *,
        error: type[SynthauditError] = UsageError,
    ) -> None:
        self.kind, self.group = kind, group
        self._own, self._error = dict(own), error

    @property
    def own(self) -> list[str]:
        """Our names."""
        return list(self._own)

    @property
    def installed(self) -> dict[str, EntryPoint]:
        """What other packages bring, by name; looked up anew each time, for that is cheap."""
        found = entry_points(group=self.group)
        return {point.name: point for point in found if point.name not in self._own}

    @property
    def names(self) -> list[str]:
        """All names, ours first."""
        return [*self._own, *sorted(self.installed)]

    def load(self, name: str) -> Thing:
        """The thing of that name.

        Raises:
            SynthauditError: of the registry's own kind: there is none, with the nearest name; or
                the package that brings it cannot be imported.
        """
        if name in self._own:
            module, _, attribute = self._own[name].partition(":")
            return cast(Thing, getattr(import_module(module), attribute))
        point = self.installed.get(name)
        if point is None:
            raise self._error(f"there is no {self.kind} {name!r}; {nearest_name(name, self.names)}")
        try:
            return cast(Thing, point.load())
        # Another package's module may raise anything when it is imported.
        except Exception as error:
            raise self._error(
                f"the {self.kind} {name!r} of {source_of(point)} cannot be imported: "
                f"{' '.join(str(error).split())}. Mend or remove that package."
            ) from error


def source_of(point: EntryPoint) -> str:
    """The package that brings an entry point, with its version."""
    distribution: Any = point.dist
    return (
        "an unknown package"
        if distribution is None
        else f"{distribution.name} {distribution.version}"
    )


def nearest_name(name: str, known: Iterable[str]) -> str:
    """What to say of an unknown name: the nearest known one, or all of them.

    >>> nearest_name("difusers", ["diffusers", "folder"])
    "did you mean 'diffusers'?"
    >>> nearest_name("x", ["folder", "command"])
    'known are command, folder.'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}."
