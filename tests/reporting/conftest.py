"""A report to look at, and a browser to look at it with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import synthaudit
from synthaudit.reporting.files import write_report
from tests.pictures import encoded, picture
from tests.reporting.browsing import HOSTILE, opened


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of pictures with hostile names, copies, repeats and two classes."""
    root = tmp_path_factory.mktemp("report")
    for offset, side in ((0, "real"), (1000, "synthetic")):
        for number in range(40):
            folder = root / side / ("<b>cat" if number % 2 else "dog")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:02d}.png").write_bytes(encoded(picture(offset + number)))
    for number, name in enumerate(HOSTILE):
        # Repeats of one another and copies of a real picture: sure to be shown.
        (root / "synthetic" / "dog" / name.replace("/", "|")).write_bytes(encoded(picture(2)))
        (root / "synthetic" / "<b>cat" / f"repeat {number}.png").write_bytes(encoded(picture(1001)))
    audit = synthaudit.score(
        root / "real", root / "synthetic", embedder="builtin", use_cache=False, permutations=19
    )
    audit.write(root / "out")
    write_report(audit, root / "out", megabytes=15.0)
    return root / "out"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    yield from opened(browser, report / "report.html")
