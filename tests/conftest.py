"""Fixtures that several tests share: the real images, the oracles, a cache of the tests' own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from synthaudit.commands.application import application
from tests.pictures import encoded, picture

PLUGINS = Path(__file__).parent / "plugins" / "package"
PROJECT = Path(__file__).resolve().parents[1]
DATA = PROJECT.parent / "shared" / "data"
ORACLE_PYTHON = PROJECT / ".venv-oracles" / "bin" / "python"
ORACLE_SCRIPT = Path(__file__).parent / "oracles" / "cleanlab_scores.py"


# Modules of few and long tests: begun last, they would keep one process busy and the others idle.
_LONG = (
    *("test_reliability", "test_ray", "test_documentation", "test_selftest", "test_sweep"),
    *("test_changed_plan", "test_python_and_command", "test_pipeline", "test_diffusion"),
    *("test_first_screen", "test_page_sections", "test_review", "test_view"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest first."""
    items.sort(key=lambda item: _LONG.index(item.path.stem) if item.path.stem in _LONG else 99)


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any) -> None:
    """No test sees the user's caches or asks a model hub."""
    home = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real images with known truth."""
    if not DATA.is_dir():
        pytest.skip(f"the real images are not at {DATA}")
    return DATA


@pytest.fixture(scope="session")
def photos() -> Path:
    """A small part of the real images, which every clone has."""
    return Path(__file__).parent / "data"


Oracle = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def cleanlab_oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """Cleanlab and Cleanlab Studio in an interpreter of their own; arrays in, answers out."""
    if not ORACLE_PYTHON.exists():
        if os.environ.get("CI"):
            pytest.fail(f"the oracles are not installed at {ORACLE_PYTHON}: run make test")
        pytest.skip("the oracles are not installed: make .venv-oracles/installed")
    folder = tmp_path_factory.mktemp("oracle")

    def ask(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
        files = [folder / f"{number}.npz" for number in range(len(cases))]
        for file, arrays in zip(files, cases, strict=True):
            np.savez(file, **arrays)
        done = subprocess.run(
            [ORACLE_PYTHON, ORACLE_SCRIPT, *files],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return ask


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def installed(tmp_path: Path) -> Run:
    """The installed command in a process of its own, as a user runs it."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        command = Path(sys.executable).with_name("synthaudit")
        return subprocess.run(
            [command, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "100", **environment},
        )

    return run


@pytest.fixture
def synthaudit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process, which has imported everything already."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        words = [*map(str, arguments)]
        with monkeypatch.context() as patched:
            patched.chdir(tmp_path)
            done = CliRunner().invoke(
                application, words, env={"COLUMNS": "100", **environment}, prog_name="synthaudit"
            )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def two_sides(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of 30 real and 30 synthetic pictures in two classes, all different."""
    for offset, side in ((0, "real"), (1000, "synthetic")):
        for number in range(30):
            folder = tmp_path / side / ("cat" if number % 2 else "dog")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:02d}.png").write_bytes(encoded(picture(offset + number)))
    return tmp_path / "real", tmp_path / "synthetic"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Stable Diffusion, its inpainting kin, SDXL and LoRA weights, random and tiny."""
    from tests import tiny_diffusion

    root = tmp_path_factory.mktemp("models")
    with warnings.catch_warnings():
        # Saving uses what is deprecated in places; the tests are of loading and generating.
        warnings.simplefilter("ignore")
        return {
            "sd": tiny_diffusion.save_stable_diffusion(root / "sd"),
            "inpaint": tiny_diffusion.save_stable_diffusion(root / "inpaint", inpaint=True),
            "sdxl": tiny_diffusion.save_stable_diffusion_xl(root / "sdxl"),
            "lora": tiny_diffusion.save_lora(root / "lora"),
        }


@pytest.fixture(scope="session")
def package_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the package; whoever has it on the path has the plug-ins."""
    target = tmp_path_factory.mktemp("plugins")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--disable-pip-version-check", "--target", target, PLUGINS),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "PIP_NO_INDEX": "1"},
    )
    return str(target)


@pytest.fixture
def with_plugins(
    package_path: str, synthaudit: Run, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """The command where the package is installed."""
    monkeypatch.syspath_prepend(package_path)
    yield synthaudit
    for name in [name for name in sys.modules if name.startswith("synthaudit_example")]:
        del sys.modules[name]
