"""A step of an audit, and how steps are taken one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from synthaudit.auditing.context import Context
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.result.section import Section
from synthaudit.settings import Settings


def _always(_: Settings) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of an audit.

    Attributes:
        name: of what it finds, its section.
        run: the samples, and the context with what was found before, to a section; None where
            there is nothing to say.
        needs: the sections that it cannot do without.
        columns: what it adds to ``images.parquet``.
        is_wanted: whether the settings ask for it.
        is_scratch: whether its section serves other steps alone, and is no part of the result.
    """

    name: str
    run: Callable[[Samples, Context], Section | None]
    needs: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    is_wanted: Callable[[Settings], bool] = _always
    is_scratch: bool = False


def walk(steps: Sequence[Step], samples: Samples, context: Context) -> tuple[Samples, Context]:
    """Take steps in their order.

    Args:
        steps: whose needs come before them.
        samples: of the audit.
        context: of the first step.

    Returns:
        The samples as the last step left them, and the context with all sections.
    """
    for step in steps:
        missing = [name for name in step.needs if name not in context.sections]
        if missing:
            raise LookupError(f"the step {step.name} needs {', '.join(missing)} before it")
        section = step.run(samples, context)
        if section is not None:
            samples = section.regroup(samples)
            context = context.having(step.name, section)
    return samples, context
