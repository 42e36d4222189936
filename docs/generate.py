"""What is made from the code: ``synthaudit/options.py`` and the reference pages of the docs.

``make generate`` writes all of it; ``make test`` refuses it where it is stale.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from synthaudit.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]
# Python takes more than the command line does.
WIDER = {
    "embedder": "str | Embedder | tuple[torch.nn.Module, Transform]",
    "cache": "Path | str | None",
    "measures": "Sequence[str]",
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


def docstring(text: str) -> str:
    """A docstring of at most 96 columns."""
    one = f'"""{text}"""'
    if len(one) <= 96:
        return one
    return '"""' + "\n".join(textwrap.wrap(text, 93, break_on_hyphens=False)) + '"""'


def generated() -> Iterator[tuple[Path, str]]:
    """Every file that is made, and what it should hold."""
    yield PROJECT / "synthaudit" / "options.py", options_module()


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
