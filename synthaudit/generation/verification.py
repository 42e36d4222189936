"""A generator of another package, held to what a generator promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthaudit.errors import GeneratorError
from synthaudit.generation.jobs import Generator, Job, Made, Traits, traits_of
from synthaudit.generation.references import References
from synthaudit.generation.registry import GENERATORS


def make_generator(name: str, references: References, *, device: str | None = None) -> Generator:
    """The generator of that name.

    Args:
        name: as a plan has it.
        references: the real images.
        device: where it computes, if that is told it from outside; None for what the plan says.

    Raises:
        PlanError: there is none, or its package fails to make one.
    """
    with GENERATORS.blaming(name):
        generator = GENERATORS.load(name)(references)
        use_device = getattr(generator, "use_device", None)
        if device is not None and use_device is not None:
            use_device(device)
        return generator if name in GENERATORS.own else VerifiedGenerator(name, generator)


class VerifiedGenerator:
    """Passes everything on, and says whose fault it is where something fails.

    Args:
        name: by which the plan called it.
        generator: of another package.

    Raises:
        PlanError, GeneratorError: from all methods, in one sentence.
    """

    def __init__(self, name: str, generator: Generator) -> None:
        self._generator, self._registered = generator, name
        self.name = str(generator.name)
        self.known_options = tuple(generator.known_options)

    def check(self, job: Job) -> None:
        """As ``Generator``."""
        with GENERATORS.blaming(self._registered):
            self._generator.check(job)

    def identity(self, job: Job) -> Mapping[str, Any]:
        """As ``Generator``."""
        with GENERATORS.blaming(self._registered):
            return dict(self._generator.identity(job))

    def make(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """As ``Generator``: an image a job, in order."""
        with GENERATORS.blaming(self._registered):
            made = iter(self._generator.make(jobs))
        for number, job in enumerate(jobs):
            with GENERATORS.blaming(self._registered):
                found = next(made, None)
            if not isinstance(found, Made):
                raise GeneratorError(
                    f"the generator {self._registered!r} should make a synthaudit.Made "
                    f"for each of {len(jobs)} jobs, but number {number + 1} was "
                    f"{'missing' if found is None else type(found).__name__}: mend its package."
                )
            found.refuse_broken(job, f"the generator {self._registered!r}")
            yield found

    def traits(self, job: Job) -> Traits:
        """As ``Generator``."""
        with GENERATORS.blaming(self._registered):
            return traits_of(self._generator, job)

    def count_cut_words(self, prompt: str) -> int:
        """As ``Generator``."""
        with GENERATORS.blaming(self._registered):
            return int(self._generator.count_cut_words(prompt))
