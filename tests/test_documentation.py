"""What the documentation shows: every command and snippet runs, every link leads somewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PLUGINS, PROJECT, Run

PAGES = sorted([PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")])
BLOCK = re.compile(
    r"((?:^<!--[^\n]*-->\n)*)^```(console|python|yaml|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
NOTE = re.compile(r"<!-- ([a-z ]+): (.*?) -->")
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
OF_A_SHELL = set("|<>&;$`*")


def named(page: Path) -> str:
    return str(page.relative_to(PROJECT))


def blocks_of(page: Path) -> list[tuple[dict[str, str], str, str]]:
    found = BLOCK.findall(page.read_text("utf-8"))
    return [(dict(NOTE.findall(notes)), kind, text) for notes, kind, text in found]


WITH_BLOCKS = [page for page in PAGES if blocks_of(page)]


@pytest.fixture
def workplace(tmp_path: Path, photos: Path) -> Path:
    """What the pages suppose: two folders of images, and the package of the plug-ins."""
    for side in ("real", "synthetic"):
        for folder in (photos / "cifake" / side).iterdir():
            target = tmp_path / "data" / side / folder.name
            target.mkdir(parents=True)
            for file in sorted(folder.iterdir())[:12]:
                shutil.copy(file, target)
    shutil.copytree(PLUGINS, tmp_path / "plugins")
    return tmp_path


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=named)
def test_every_block_runs(
    page: Path,
    workplace: Path,
    synthaudit: Run,
    package_path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(workplace)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for notes, kind, text in blocks_of(page):
        if "not run" in notes:
            assert notes["not run"].strip()
            continue
        if kind in ("yaml", "toml"):
            if "file" in notes:
                (workplace / notes["file"]).write_text(text)
            continue
        with monkeypatch.context() as patched:
            patched.setattr(sys, "path", [*sys.path])
            if "needs" in notes:
                patched.syspath_prepend(package_path)
            if kind == "python":
                exec(compile(text, named(page), "exec"), namespace)
            else:
                run_commands(text, int(notes.get("exit code", 0)), synthaudit)


def run_commands(text: str, last_code: int, synthaudit: Run) -> None:
    commands = [
        line.removeprefix("$ ")
        for line in text.replace("\\\n", " ").splitlines()
        if line.startswith("$ ")
    ]
    for number, command in enumerate(commands):
        words = command.split("#")[0].split()
        if words[0] == "synthaudit" and not OF_A_SHELL & set(command):
            done = synthaudit(*words[1:])
        else:
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            done = subprocess.run(
                ["bash", "-c", command],
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
        code = last_code if number == len(commands) - 1 else 0
        assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target, _ in LINK.findall(page.read_text("utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{named(page)}: {target}"


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text("utf-8").splitlines()) <= 150


# On PyPI the plain name is another author's package.
ANOTHER = re.compile(r"pip install[^\n]*['\" ]synthaudit(['\" \[]|$)|['\"]synthaudit\[[a-z]")


def test_nothing_names_another_authors_package() -> None:
    assert ANOTHER.search("pip install synthaudit")
    assert ANOTHER.search("pip install 'synthaudit[ray]'")
    assert not ANOTHER.search("pip install ./synthaudit")
    folders = (PROJECT / "synthaudit", PROJECT / "docs", PROJECT / ".github")
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    for file in [*files, *PROJECT.glob("*.md"), PROJECT / "Makefile"]:
        if file.suffix in (".py", ".md", ".yml", ".html", "") and "_build" not in file.parts:
            for line in file.read_text("utf-8").splitlines():
                assert not ANOTHER.search(line), f"{file}: {line}"
                assert "OWNER" not in line, file


def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html"),
            *(PROJECT / "docs", tmp_path / "pages", "-d", tmp_path / "trees"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pages" / "reference" / "settings.html").is_file()


def test_the_example_of_the_readme_is_what_the_command_prints(data: Path, synthaudit: Run) -> None:
    readme = (PROJECT / "README.md").read_text("utf-8")
    block = readme.split("$ synthaudit score cifake/real", 1)[1].split("```", 1)[0]
    shown = [line for line in block.splitlines()[1:] if line.strip() and line != "..."]
    sides = (data / "cifake" / "real", data / "cifake" / "synthetic")
    done = synthaudit("score", *sides, "--embedder", "builtin", "--quiet", COLUMNS="84")
    assert len(shown) > 15
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    assert [line for line in shown if line not in printed] == []
