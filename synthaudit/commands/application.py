"""The ``synthaudit`` program: its commands and nothing else."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from synthaudit.commands.signals import Terminated, listen_to_signals
from synthaudit.commands.streams import make_streams_patient
from synthaudit.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, SynthauditError
from synthaudit.names import printable

COMMANDS: Final = {
    "score": "Audit a synthetic set against a real one.",
    "sweep": "Find out which prompt to use.",
    "prompts": "Write the prompts of a plan by a language model, and show them.",
    "build": "Make a training set that passes a policy: search, make, drop, refill.",
    "masks": "Find an object in every image by words: masks, boxes, a contact sheet.",
    "tune": "Teach a diffusion model a class: a LoRA, audited on the way.",
    "inspect": "Look for repeats, broken pictures and wrong classes in one folder alone.",
    "train": "Train networks on real images, synthetic ones and both: the check of it all.",
    "gate": "Reject a set that breaks a policy, by exit code.",
    "compare": "Print what changed between two audits.",
    "report": "Render the reports again from what a run left.",
    "view": "Show a report with all its images at full size, and save decisions on them.",
    "selftest": "Find out what the audit can see on images like yours.",
    "demo": "Make a small real and a synthetic set, and score them.",
    "cache": "Say what the vector cache holds, or make it smaller.",
    "doctor": "Say what this machine has, and what mends what it lacks.",
}
"""What the list of commands says of each; the rest is in ``commands/NAME.py``."""

EXAMPLES: Final = {
    "score": (
        "synthaudit score photos/ generated/ --out audit",
        "synthaudit score photos/ generated/ --quick --keep kept.csv",
    ),
    "sweep": (
        "synthaudit sweep --example > prompts.yaml",
        "synthaudit sweep prompts.yaml --dry-run",
    ),
    "prompts": ("synthaudit prompts prompts.yaml", "synthaudit prompts prompts.yaml --dry-run"),
    "build": (
        "synthaudit build prompts.yaml --out set",
        "synthaudit build prompts.yaml --out set --from prompts-sweep --export webdataset",
    ),
    "masks": (
        "synthaudit masks photos/ --find '{subject}' --out masks",
        "synthaudit masks photos/ --find 'a shoe' --segmenter box --out boxes",
    ),
    "tune": (
        "synthaudit tune photos/ --class frog --out lora",
        "synthaudit tune photos/ --per-class --out lora --steps 800",
    ),
    "inspect": ("synthaudit inspect photos/ --out inspection",),
    "train": (
        "synthaudit train photos/ generated/ --test more-photos/ --out training",
        "synthaudit train photos/ generated/ --test more-photos/ --share 0.1 --share 1",
    ),
    "gate": ("synthaudit gate audit --init", "synthaudit gate audit --max unvaried=0.02"),
    "compare": (
        "synthaudit compare before after",
        "synthaudit compare before after --out changes",
    ),
    "report": ("synthaudit report audit",),
    "view": ("synthaudit view audit",),
    "selftest": ("synthaudit selftest photos/",),
    "demo": ("synthaudit demo",),
    "cache": ("synthaudit cache", "synthaudit cache --size 5GB"),
    "doctor": ("synthaudit doctor",),
}
"""Calls that help shows."""

_CONTEXT: Final = {"help_option_names": ["-h", "--help"]}


class _LazyGroup(TyperGroup):
    """Imports a command when it is called: the list of commands is there at once."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command in place of the one that stands for it in the list."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else command, rest

    def main(self, args: Any = None, *, standalone_mode: bool = True, **more: Any) -> Any:  # type: ignore[override]
        """Run the program; a call that it does not understand is told in one sentence."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **more)
        try:
            code = super().main(args, standalone_mode=False, **more)
        except typer.Abort:
            sys.exit(EXIT_INTERRUPTED)
        except Exception as error:
            # typer has click's errors in a module of its own, which is private.
            if not hasattr(error, "format_message"):
                raise
            context = getattr(error, "ctx", None)
            if type(error).__name__ != "NoArgsIsHelpError":  # which has printed it
                path = "synthaudit" if context is None else context.command_path
                text = " ".join(error.format_message().split()).replace("Value error, ", "")
                stop = "" if text[-1:] in {".", "?"} else "."
                sys.stderr.write(f"error: {printable(text)}{stop} See {path} --help.\n")
                if text.startswith("Missing argument"):
                    shown = EXAMPLES.get(path.rpartition(" ")[2], ())
                    sys.stderr.write("".join(f"  {example}\n" for example in shown))
            sys.exit(2)
        sys.exit(code if isinstance(code, int) else 0)


def load(name: str) -> Any:
    """A command by its name."""
    own = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, context_settings=_CONTEXT
    )
    function = getattr(import_module(f"synthaudit.commands.{name}"), name)
    examples = "\n\n".join(example for example in EXAMPLES[name])
    own.command(name, epilog=f"Examples:\n\n{examples}")(function)
    command = typer.main.get_command(own)
    command.name = name
    return command


application = typer.Typer(
    name="synthaudit",
    cls=_LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_CONTEXT,
    help="Is a set of generated images good enough to train on? Four scores say so.",
)


def _stand_in() -> None:
    """Never called: ``_LazyGroup`` takes the command itself."""


for _name, _text in COMMANDS.items():
    application.command(_name, help=_text)(_stand_in)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        from synthaudit.version import installed_version

        typer.echo(f"synthaudit {installed_version()}")
        raise typer.Exit


@application.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the command line."""
    make_streams_patient()
    listen_to_signals()
    try:
        try:
            application()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt as error:  # before a command has begun
        sys.exit(EXIT_TERMINATED if isinstance(error, Terminated) else EXIT_INTERRUPTED)
    except SynthauditError as error:
        sys.stderr.write(f"error: {printable(str(error))}\n")
        sys.exit(error.exit_code)
