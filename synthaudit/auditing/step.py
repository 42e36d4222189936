"""A step of an audit, and how steps are taken one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from synthaudit.auditing.context import Context
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.progress import NoProgress
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
        looks_at: sections that it takes notice of where they are.
        columns: what it adds to ``images.parquet``.
        is_wanted: whether the settings ask for it.
        is_apart: whether it is taken by a thread of its own, beside the steps that come after it
            and neither need nor look at it.
        is_scratch: whether its section serves other steps alone, and is no part of the result.
    """

    name: str
    run: Callable[[Samples, Context], Section | None]
    needs: tuple[str, ...] = ()
    looks_at: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    is_wanted: Callable[[Settings], bool] = _always
    is_apart: bool = False
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
    apart: dict[str, Future[Section | None]] = {}
    with ThreadPoolExecutor(1, "synthaudit-apart") as executor:
        for step in steps:
            for name in (*step.needs, *step.looks_at):
                if name in apart:
                    context = _having(context, name, apart.pop(name).result())
            missing = [name for name in step.needs if name not in context.sections]
            if missing:
                raise LookupError(f"the step {step.name} needs {', '.join(missing)} before it")
            if step.is_apart:
                quiet = replace(context, progress=NoProgress())
                apart[step.name] = executor.submit(step.run, samples, quiet)
                continue
            section = step.run(samples, context)
            if section is not None:
                samples = section.regroup(samples)
            context = _having(context, step.name, section)
        for name, future in apart.items():
            context = _having(context, name, future.result())
    order = [step.name for step in steps if step.name in context.sections]
    return samples, replace(context, sections={name: context.sections[name] for name in order})


def _having(context: Context, name: str, section: Section | None) -> Context:
    return context if section is None else context.having(name, section)
