"""The house: imports go downwards, rooms have names, the public namespace is what it says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import synthaudit

PACKAGE = Path(synthaudit.__file__).parent

# From the lowest floor to the highest; a module may import from its own floor and those below.
FLOORS = (
    {"arrays", "errors", "folder_lock", "leftovers", "names", "threads", "version"},
    {"progress"},
    {"registry"},
    {"validation"},
    {"settings"},
    {"images"},
    {"embedding", "measures"},
    {"options", "result", "generation", "backends"},
    {"prompting", "labelling"},
    {"auditing"},
    {"tuning"},
    {"selftesting", "inspecting", "sweeping", "gating", "training"},
    {"building"},
    {"reporting"},
    {"commands"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MODULES = [
    file for file in PACKAGE.rglob("*.py") if file.name not in ("__init__.py", "__main__.py")
]


def room_of(file: Path) -> str:
    first = file.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_rooms(file: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("synthaudit.")}
    return rooms


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_downwards(file: Path) -> None:
    own = FLOOR_OF[room_of(file)]
    for room in imported_rooms(file) - {room_of(file)}:
        assert FLOOR_OF[room] < own, f"{file.name} imports from {room}"


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_files_stay_short_and_are_introduced(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= 420
    assert ast.get_docstring(ast.parse(text))


def test_measures_never_touch_files() -> None:
    for file in (PACKAGE / "measures").rglob("*.py"):
        modules = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
            )
        }
        assert not modules & {"pathlib", "os", "io", "PIL", "pandas", "sqlite3", "torch"}, file


def test_the_public_namespace_is_what_it_says() -> None:
    for name in synthaudit.__all__:
        thing = getattr(synthaudit, name)
        assert thing.__module__.startswith("synthaudit.")
        assert thing.__doc__
    assert sorted(synthaudit.__all__) == list(synthaudit.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = synthaudit.nothing  # type: ignore[attr-defined]
