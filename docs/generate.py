"""What is made from the code: ``synthaudit/options.py`` and the reference pages of the docs.

``make generate`` writes all of it; ``make test`` refuses it where it is stale.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from typer.models import ArgumentInfo

import synthaudit
from synthaudit.auditing.route import image_columns
from synthaudit.commands.application import COMMANDS
from synthaudit.gating.schema import VerdictFile
from synthaudit.generation.models.families import FAMILIES
from synthaudit.result.schema import ScoresFile
from synthaudit.result.schema_build import BuildFile
from synthaudit.result.tables import FIRST_COLUMNS
from synthaudit.settings import CONDITIONS, Settings, flag_of
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.schema import SweepFile

PROJECT = Path(__file__).resolve().parents[1]
MADE = ["<!-- Made by docs/generate.py: change the code, then `make generate`. -->", ""]
KINDS = {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "PATH"}
FAMILY_COLUMNS = (
    "| family | pipeline | steps | guidance | negative prompt counts with | starts from "
    "| sides are multiples of | tokens | IP-Adapter |"
)
# Python takes more than the command line does.
WIDER = {
    "embedder": "str | Embedder | tuple[torch.nn.Module, Transform]",
    "cache": "Path | str | None",
    "measures": "Sequence[str]",
    "allow_protocols": "Sequence[str]",
}


def options_module() -> str:
    """``Options``: the fields of ``Settings`` as keyword arguments that editors complete."""
    tree = ast.parse((PROJECT / "synthaudit" / "settings.py").read_text("utf-8"))
    settings = next(
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    lines = []
    for node in settings.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            kind = WIDER.get(name, ast.unparse(node.annotation).replace("'", '"'))
            lines += [f"{name}: {kind}", docstring(Settings.model_fields[name].description or "")]
    body = textwrap.indent("\n".join(lines), "    ")
    return f'''"""The options of an audit by keyword, made from ``Settings``: ``make generate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    import torch

    from synthaudit.embedding.protocol import Embedder
    from synthaudit.embedding.torch_module import Transform


class Options(TypedDict, total=False):
    """What ``score`` and its kin take by name; see ``Settings`` for defaults and bounds."""

{body}
'''


def command_line() -> str:
    """Every command with its arguments and options, as its own help has them."""
    lines = [*MADE, "# The command line", ""]
    lines += ["`synthaudit COMMAND --help` prints the same. Exit codes: 0 done, or the gate"]
    lines += ["passes; 1 the gate rejects; 2 bad usage, bad settings or unusable data; 3"]
    lines += ["undecided, or a budget ran out; 130 interrupted, resumable.", ""]
    for name, text in COMMANDS.items():
        function = getattr(import_module(f"synthaudit.commands.{name}"), name)
        lines += [f"## synthaudit {name}", "", text, "", inspect.getdoc(function) or "", ""]
        panels: dict[str, list[str]] = {}
        for parameter in inspect.signature(function, eval_str=True).parameters.values():
            info = next(part for part in parameter.annotation.__metadata__)
            if isinstance(info, ArgumentInfo):
                row = f"| `{info.metavar or parameter.name.upper()}` | | {cell(info.help)} |"
                panels.setdefault("Arguments", []).append(row)
            else:
                panel = info.rich_help_panel or "Options"
                panels.setdefault(panel, []).append(option_row(parameter, info))
        for panel, rows in panels.items():
            lines += [f"**{panel}**", "", "| | default | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def option_row(parameter: inspect.Parameter, info: Any) -> str:
    """An option as a row of a table."""
    kind = parameter.annotation.__origin__
    parts = [part for part in get_args(kind) if part is not type(None)]
    # In an annotation the first name of an option comes where its default would be.
    first = [info.default] if isinstance(info.default, str) else []
    own = [*first, *(info.param_decls or ())] or [f"--{parameter.name.replace('_', '-')}"]
    names = ", ".join(f"`{name}`" for name in own)
    if kind is bool and not first:
        names += f", `--no-{own[0][2:]}`"
    elif get_origin(kind) is Literal:
        names += " " + " or ".join(f"`{part}`" for part in parts)
    elif kind is not bool:
        plain = next((part for part in (kind, *parts) if part in KINDS), str)
        names += f" `{info.metavar or KINDS[plain]}`"
    default = parameter.default
    shown = "" if default is None or isinstance(default, bool) else f"`{default}`"
    return f"| {names} | {shown} | {cell(info.help)} |"


def cell(text: str | None) -> str:
    """A text that stays in its cell."""
    return " ".join((text or "").split()).replace("|", "\\|")


def settings_page() -> str:
    """Every field of ``Settings``."""
    lines = [*MADE, "# Settings", ""]
    lines += [
        "The fields of `synthaudit.Settings`, which `score`, `score_embeddings`, `selftest` and"
    ]
    lines += ["`sweep` take by name; the command line has an option for each.", ""]
    lines += ["| setting | option | default | allowed | meaning |", "|---|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        flag = "`--keep FILE`" if name == "keep" else f"`{flag_of(name)}`"
        meaning = field.description or ""
        if flag_of(name).startswith("--no-"):
            meaning = f"False: {meaning[0].lower()}{meaning[1:]}"
        row = (f"`{name}`", flag, f"`{field.default!r}`", allowed(field), cell(meaning))
        lines.append("| " + " | ".join(row) + " |")
    lines += [
        "",
        "No score depends on " + ", ".join(f"`{name}`" for name in sorted(CONDITIONS)) + ".",
    ]
    return "\n".join(lines) + "\n"


def allowed(field: Any) -> str:
    """Type and bounds of a field."""
    kind = cell(str(field.annotation).replace("typing.", "").replace("pathlib.", ""))
    kind = field.annotation.__name__ if isinstance(field.annotation, type) else kind
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [
        f"{sign} {getattr(part, name):g}"
        for part in field.metadata
        for name, sign in signs.items()
        if hasattr(part, name)
    ]
    return f"`{kind}`" + (f", {', '.join(bounds)}" if bounds else "")


def files_page() -> str:
    """What an audit writes: tables, and the keys of ``scores.json``."""
    lines = [*MADE, "# Files", "", "## images.parquet, images.csv", ""]
    lines += ["A row an image. Measures that you ask for add columns of their own.", ""]
    lines += ["| column | meaning |", "|---|---|"]
    first = {
        "path": "relative to the root of its side; the row number of ready vectors",
        "side": "`real` or `synthetic`",
        "class": "its class; none without",
    }
    columns = first | {name: column.description for name, column in image_columns().items()}
    lines += [
        f"| `{name}` | {cell(columns[name])} |"
        for name in dict.fromkeys((*FIRST_COLUMNS, *columns))
    ]
    lines += ["", "## scores.json", "", *schema_rows(ScoresFile)]
    lines += ["## sweep.json", "", *schema_rows(SweepFile)]
    lines += ["## build.json", "", *schema_rows(BuildFile)]
    lines += ["## verdict.json", "", *schema_rows(VerdictFile)]
    lines += ["## JSON Schemas", ""]
    lines += [f"- {{download}}`{name} <schemas/{name}>`" for name in SCHEMAS]
    return "\n".join(lines) + "\n"


def schema_rows(model: type[BaseModel]) -> list[str]:
    """The keys of a file, and what those that hold several say of themselves."""
    lines = [cell(model.__doc__), "", "| key | what |", "|---|---|"]
    for name, field in model.model_fields.items():
        part = next(
            (p for p in (field.annotation, *get_args(field.annotation)) if is_part(p)), None
        )
        inner = next((p for p in get_args(field.annotation) if is_part(p)), None)
        own = part or inner
        plain = f"`{cell(str(field.annotation).replace('typing.', ''))}`"
        if isinstance(field.annotation, type):
            plain = f"`{field.annotation.__name__}`"
        text = plain if own is None else cell((own.__doc__ or "").split("\n\n")[0])
        keys = ""
        if own is not None and isinstance(own, type) and issubclass(own, BaseModel):
            keys = " Keys: " + ", ".join(f"`{key}`" for key in own.model_fields)
        lines.append(f"| `{field.alias or name}` | {text}{keys} |")
    return [*lines, ""]


def is_part(kind: Any) -> bool:
    """Whether a type of ours, which says what it is."""
    return isinstance(kind, type) and kind.__module__.startswith("synthaudit.")


def python_page() -> str:
    """Every public name."""
    lines = [*MADE, "# Python", "", "`import synthaudit`; nothing else is public.", ""]
    kinds: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors": []}
    for name in synthaudit.__all__:
        thing = getattr(synthaudit, name)
        is_error = isinstance(thing, type) and issubclass(thing, Exception)
        kind = "Errors" if is_error else "Classes" if isinstance(thing, type) else "Functions"
        kinds[kind].append(name)
    for kind, names in kinds.items():
        lines += [f"## {kind}", ""]
        for name in names:
            thing = getattr(synthaudit, name)
            lines += [f"### {name}", ""]
            if kind == "Functions" or dataclasses.is_dataclass(thing):
                lines += ["```text", signature_of(name, thing), "```", ""]
            lines += ["```text", inspect.getdoc(thing) or "", "```", ""]
            rows = [] if kind == "Functions" else list(members_of(thing))
            if rows:
                lines += ["| member | what |", "|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def members_of(thing: type) -> Iterator[str]:
    """What a class of ours does, as rows of a table: its methods and properties."""
    fields = getattr(thing, "__dataclass_fields__", {})
    for name, member in vars(thing).items():
        if name.startswith("_") or name in fields or not inspect.getdoc(member):
            continue
        text = cell((inspect.getdoc(member) or "").split("\n\n")[0])
        if isinstance(member, property | functools.cached_property):
            yield f"| `{name}` | {text} |"
        elif inspect.isfunction(member):
            parameters = list(inspect.signature(member).parameters.values())[1:]
            call = cell(f"{name}({', '.join(star_before_keywords(parameters))})")
            yield f"| `{call}` | {text} |"


def signature_of(name: str, thing: Any) -> str:
    """A call with one parameter a line, as it is written in the code."""
    parameters = inspect.signature(thing).parameters.values()
    body = "".join(f"    {parameter},\n" for parameter in star_before_keywords(list(parameters)))
    return f"synthaudit.{name}(\n{body})"


def star_before_keywords(parameters: list[inspect.Parameter]) -> Iterator[str]:
    """Parameters as text, with the star that ends the positional ones."""
    starred = False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        # A function has its place in memory in its text, and a factory says nothing.
        text = re.sub(r"<function (\w+) at 0x\w+>", r"\1", str(parameter))
        yield text.replace("<factory>", "...").replace("'", "")


SCHEMAS = {
    "scores.schema.json": ScoresFile,
    "sweep.schema.json": SweepFile,
    "build.schema.json": BuildFile,
    "verdict.schema.json": VerdictFile,
    "plan.schema.json": Plan,
}


def schema_text(model: type[BaseModel]) -> str:
    """A JSON Schema of a file."""
    schema = model.model_json_schema(by_alias=True)
    return (
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=1)
        + "\n"
    )


def docstring(text: str) -> str:
    """A docstring of at most 96 columns."""
    one = f'"""{text}"""'
    if len(one) <= 96:
        return one
    return '"""' + "\n".join(textwrap.wrap(text, 93, break_on_hyphens=False)) + '"""'


def families_page() -> str:
    """The families of diffusion models that the generator knows, from their table."""
    lines = [
        *MADE,
        "# Families of diffusion models",
        "",
        "What the generator `diffusers` knows of a model by the class that its `model_index.json`",
        "names. Sizes, and whether guidance was distilled into the weights, are read from the",
        "model's own files; a pipeline without a row runs by its signature. See [](generators.md).",
        "",
        FAMILY_COLUMNS,
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, family in FAMILIES.items():
        if "Img2Img" in name or "Inpaint" in name:
            continue
        starts = {"text": "text", "image": "references", "inpaint": "masks"}
        scale = family.true_guidance if family.guidance is None else family.guidance
        own = "true_cfg_scale" if family.guidance is None else "guidance_scale"
        lines.append(
            f"| {family.name} | `{name}` | {family.steps} | `{own}` {scale:g} | "
            + (f"`{family.contrast}` above 1" if family.contrast else "never")
            + f" | {', '.join(starts[task] for task in family.tasks)}"
            + f" | {family.multiple if family.patch is None else 8 * family.patch}"
            + f" | {family.tokens:,} | {'yes' if family.adapters else 'no'} |"
        )
    return "\n".join([*lines, ""])


def generated() -> Iterator[tuple[Path, str]]:
    """Every file that is made, and what it should hold."""
    yield PROJECT / "synthaudit" / "options.py", options_module()
    reference = PROJECT / "docs" / "reference"
    yield reference / "command-line.md", command_line()
    yield reference / "settings.md", settings_page()
    yield reference / "files.md", files_page()
    yield reference / "python.md", python_page()
    yield reference / "families.md", families_page()
    for name, model in SCHEMAS.items():
        yield reference / "schemas" / name, schema_text(model)


def main() -> int:
    """Write what is stale, or with ``--check`` only name it."""
    stale = [
        (file, text)
        for file, text in generated()
        if not file.exists() or file.read_text("utf-8") != text
    ]
    for file, text in stale:
        sys.stdout.write(f"{file.relative_to(PROJECT)}\n")
        if "--check" not in sys.argv:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
