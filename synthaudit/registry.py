"""Things that are found by name: ours, and those that other packages bring by entry points."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from synthaudit.errors import SynthauditError, UsageError, blaming

Thing = TypeVar("Thing")


class Registry(Generic[Thing]):
    """Names and where the things are that they stand for; imported only when they are used.

    Another package adds to it by an entry point of the group, which leads to the thing as
    ``module:attribute``. A name of ours cannot be taken by another package, nor one of a package
    that comes before it on the path; ``synthaudit doctor`` lists what is passed over.

    Args:
        kind: what they are, in a word, for messages.
        group: of the entry points.
        own: ``module:attribute`` by name, in the order in which they are listed and used.
        error: what is raised for a name that does not exist, or that cannot be imported.
        expected: what a thing is called that ``is_one`` of them.
        is_one: whether something is such a thing.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        own: Mapping[str, str],
        *,
        error: type[SynthauditError] = UsageError,
        expected: str = "a function",
        is_one: Callable[[Any], bool] = callable,
    ) -> None:
        self.kind, self.group = kind, group
        self._expected, self._is_one = expected, is_one
        self._own, self._error = dict(own), error

    @property
    def own(self) -> list[str]:
        """Our names."""
        return list(self._own)

    @property
    def installed(self) -> dict[str, EntryPoint]:
        """What other packages bring, by name; looked up anew each time, for that is cheap."""
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.group):
            if point.name not in self._own:
                found.setdefault(point.name, point)
        return found

    @property
    def passed_over(self) -> list[EntryPoint]:
        """What other packages bring under a name that is taken."""
        used = {name: source_of(point) for name, point in self.installed.items()}
        return [p for p in entry_points(group=self.group) if used.get(p.name) != source_of(p)]

    @property
    def names(self) -> list[str]:
        """All names, ours first."""
        return [*self._own, *sorted(self.installed)]

    def load(self, name: str) -> Thing:
        """The thing of that name.

        Raises:
            SynthauditError: of the registry's own kind: there is none, with the nearest name; the
                package that brings it cannot be imported; or it is no such thing.
        """
        if name in self._own:
            module, _, attribute = self._own[name].partition(":")
            return cast(Thing, getattr(import_module(module), attribute))
        point = self.installed.get(name)
        if point is None:
            raise self._error(f"there is no {self.kind} {name!r}; {nearest_name(name, self.names)}")
        try:
            found = point.load()
        # Another package's module may raise anything when it is imported.
        except Exception as error:
            raise self._error(
                f"the {self.kind} {name!r} of {source_of(point)} cannot be imported: "
                f"{' '.join(str(error).split())}. Mend or remove that package."
            ) from error
        if not self._is_one(found):
            raise self._error(
                f"the {self.kind} {name!r} of {source_of(point)} should be {self._expected}, not "
                f"{type(found).__name__}: mend or remove that package."
            )
        return cast(Thing, found)

    def blaming(self, name: str) -> AbstractContextManager[None]:
        """Inside it, whatever the thing of that name raises is told as its package's failure."""
        point = self.installed.get(name)
        if point is None:
            return nullcontext()  # a fault of ours is no failure of another's
        return blaming(f"the {self.kind} {name!r} of {source_of(point)}", self._error)


def source_of(point: EntryPoint) -> str:
    """The package that brings an entry point, with its version."""
    distribution: Any = point.dist
    return (
        "an unknown package"
        if distribution is None
        else f"{distribution.name} {distribution.version}"
    )


def nearest_name(name: str, known: Iterable[str], *, otherwise: str | None = None) -> str:
    """What to say of an unknown name: the nearest known one, else ``otherwise`` or all of them.

    >>> nearest_name("difusers", ["diffusers", "folder"])
    "did you mean 'diffusers'?"
    >>> nearest_name("x", ["folder", "command"])
    'known are command, folder.'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return otherwise or f"known are {', '.join(names)}."
