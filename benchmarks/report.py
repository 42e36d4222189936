"""How long do reports take to make and to open? Writes reports/report.md and the pages beside it.

python benchmarks/report.py [--data ../shared/data] [--scratch FOLDER]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

import synthaudit
from synthaudit.reporting.files import render_again, write_report, write_sweep_report

PROJECT = Path(__file__).resolve().parents[1]
REPORTS = PROJECT / "reports"
RUNS = 5
COMMITTED_MEGABYTES = 3.0
TURNS = (None, *(Image.Transpose(turn) for turn in (0, 2, 3, 4)))


def seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def make_20_000(data: Path, folder: Path) -> None:
    """CIFAKE's 4,000 photos, each as it is, mirrored, and turned three ways."""
    for side in ("real", "synthetic"):
        for file in sorted((data / "cifake" / side).rglob("*.jpg")):
            with Image.open(file) as image:
                for number, turn in enumerate(TURNS):
                    place = folder / side / file.parent.name / f"{file.stem}-{number}.jpg"
                    place.parent.mkdir(parents=True, exist_ok=True)
                    (image if turn is None else image.transpose(turn)).save(place, quality=90)


def opened(browser: Any, file: Path) -> tuple[float, float]:
    """Seconds to the first contents on the screen, and until all plots are drawn."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    start = time.perf_counter()
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-drawn]", state="attached")
    drawn = time.perf_counter() - start
    first = page.evaluate(
        "performance.getEntriesByType('paint').find(e => e.name === 'first-contentful-paint')"
        ".startTime"
    )
    page.close()
    return first / 1000, drawn


def row(browser: Any, name: str, folder: Path, made: float) -> str:
    again = statistics.median(seconds(lambda: render_again(folder)) for _ in range(RUNS))
    times = [opened(browser, folder / "report.html") for _ in range(RUNS)]
    first, drawn = (statistics.median(column) for column in zip(*times, strict=True))
    size = (folder / "report.html").stat().st_size / 1e6
    line = (
        f"| {name} | {made:.1f} s | {again:.1f} s | {size:.1f} MB | {first:.2f} s | {drawn:.2f} s |"
    )
    print(line, flush=True)
    return line


def audited(data: Path, scratch: Path, browser: Any) -> list[str]:
    lines = []
    sets = {"CIFAKE, 4,000 images": (data / "cifake", False)}
    make_20_000(data, scratch / "large")
    sets["CIFAKE five ways, 20,000 images"] = (scratch / "large", True)
    for name, (folder, quick) in sets.items():
        out = scratch / f"out-{len(lines)}"
        audit = synthaudit.score(
            folder / "real",
            folder / "synthetic",
            embedder="builtin",
            quick=quick,
            cache=scratch / "cache",
        )
        audit.write(out)
        lines.append(row(browser, name, out, seconds(partial(write_report, audit, out))))
        if not quick:
            write_report(audit, out, megabytes=COMMITTED_MEGABYTES)
            shutil.copy(out / "report.html", REPORTS / "cifake.html")
            picture(browser, out / "report.html")
    return lines


def picture(browser: Any, file: Path) -> None:
    """The screenshot of the README."""
    page = browser.new_page(viewport={"width": 1200, "height": 1500})
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-drawn]", state="attached")
    page.screenshot(path=REPORTS / "report.png")
    page.close()


def swept(data: Path, scratch: Path, browser: Any) -> str:
    os.chdir(data)
    profiles = sorted(file.name for file in (data / "midjourney").iterdir() if file.is_dir())
    plan = {
        "real": "clothing",
        "embedder": "builtin",
        "images_per_arm": 34,
        "generator": {"name": "folder", "pattern": "midjourney/{profile}/*.jpg"},
        "axes": {"profile": profiles},
    }
    (scratch / "plan.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    out = scratch / "sweep"
    found = synthaudit.sweep(
        scratch / "plan.yaml", out=out, cache=scratch / "cache", audited=write_report
    )
    made = seconds(partial(write_sweep_report, found, out))
    line = row(browser, "Midjourney sweep, 5 arms of 34 images (again: with the arms)", out, made)
    shutil.copy(out / "report.html", REPORTS / "midjourney-sweep.html")
    return line


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared" / "data")
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        rows = [*audited(data, Path(scratch), browser), swept(data, Path(scratch), browser)]
        browser.close()
    lines = [
        "# Reports",
        "",
        f"Made by `python benchmarks/report.py` on {os.cpu_count()} cores; medians of {RUNS} runs",
        "but for the first making, which is one run. The pages themselves: `cifake.html` (with a",
        f"budget of {COMMITTED_MEGABYTES:g} MB) and `midjourney-sweep.html` (whose links to the",
        "audits of its arms need the folder of the sweep, which is not here).",
        "",
        "| | first made, with its pictures | made again | size | first contents | all drawn |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        "First contents and all drawn: from the call of the address in a headless Chromium to the",
        "first contentful paint, and until the last plot is drawn.",
    ]
    (REPORTS / "report.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
