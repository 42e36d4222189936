"""How long do reports take to make and to open? Writes reports/report.md and the pages beside it.

python benchmarks/report.py [--data ../shared/data] [--scratch FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

import synthaudit
from synthaudit.reporting.files import render_again, write_all, write_report, write_sweep_report

PROJECT = Path(__file__).resolve().parents[1]
REPORTS = PROJECT / "reports"
RUNS = 5
COMMITTED_MEGABYTES = 3.0
COPIES = 10
FILTER = """() => new Promise((done) => {
  const pick = document.getElementById("gallery"), field = document.getElementById("search");
  pick.value = "";
  pick.dispatchEvent(new Event("input"));
  requestAnimationFrame(() => setTimeout(() => {
    const start = performance.now();
    field.value = "7";
    field.dispatchEvent(new Event("input"));
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
  }, 300));
})"""
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


def opened(browser: Any, address: str) -> tuple[float, float, float]:
    """Seconds to the first contents on the screen, until all is drawn, and of a filter by name."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    start = time.perf_counter()
    page.goto(address)
    for state in ("ready", "drawn"):
        page.wait_for_selector(f"html[data-{state}]", state="attached", timeout=120_000)
    drawn = time.perf_counter() - start
    first = page.evaluate(
        "performance.getEntriesByType('paint').find(e => e.name === 'first-contentful-paint')"
        ".startTime"
    )
    filtered = page.evaluate(FILTER) if page.query_selector("#search") else 0.0
    page.close()
    return first / 1000, drawn, filtered / 1000


def row(browser: Any, name: str, folder: Path, made: float) -> str:
    again = statistics.median(seconds(lambda: render_again(folder)) for _ in range(RUNS))
    times = [opened(browser, (folder / "report.html").as_uri()) for _ in range(RUNS)]
    first, drawn, filtered = (statistics.median(column) for column in zip(*times, strict=True))
    size = (folder / "report.html").stat().st_size / 1e6
    by_name = f"{1000 * filtered:.0f} ms" if filtered else ""
    line = (
        f"| {name} | {made:.1f} s | {again:.1f} s | {size:.1f} MB | {first:.2f} s | {drawn:.2f} s "
        f"| {by_name} |"
    )
    print(line, flush=True)
    return line


def viewed(browser: Any, data: Path, small: Path, scratch: Path) -> str:
    """``view`` of 200,000 images: the results of 20,000, ten times, over links to their files."""
    out, images = scratch / "view", pd.read_parquet(small / "images.parquet")
    shutil.copytree(small, out)
    partners = [name for name in images if name.startswith("nearest_") and "distance" not in name]
    copies = []
    for number in range(COPIES):
        own = images.copy()
        for column in ("path", *partners):
            known = own[column].notna()
            own.loc[known, column] = f"{number}/" + own.loc[known, column]
        if number:
            own[["map_x", "map_y"]] = np.nan
        copies.append(own)
        for side in ("real", "synthetic"):
            place = scratch / "ten" / side / str(number)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(data / side)
    pd.concat(copies, ignore_index=True).to_parquet(out / "images.parquet", index=False)
    about = json.loads((out / "about.json").read_text())
    for side in ("real", "synthetic"):
        about[side]["folder"] = about[side]["place"] = os.path.relpath(scratch / "ten" / side, out)
    (out / "about.json").write_text(json.dumps(about))
    command = [sys.executable, "-m", "synthaudit", "view", str(out), "--no-browser"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        ready = time.perf_counter() - start
        times = [opened(browser, address) for _ in range(RUNS)]
        server.terminate()
    first, drawn, filtered = (statistics.median(column) for column in zip(*times, strict=True))
    line = (
        f"| `view` of {COPIES * len(images):,} images | {ready:.1f} s | | | {first:.2f} s "
        f"| {drawn:.2f} s | {1000 * filtered:.0f} ms |"
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
            pictures(browser, out / "report.html", "report")
            # What is committed leads to no folder of this machine.
            write_all(audit, out, megabytes=COMMITTED_MEGABYTES, stays=False)
            shutil.copy(out / "report.html", REPORTS / "cifake.html")
        else:
            lines.append(viewed(browser, folder, out, scratch))
    return lines


def pictures(browser: Any, file: Path, name: str) -> None:
    """The first screen of a page: as the README shows it, in the dark, and on a phone."""
    views: dict[str, dict[str, Any]] = {
        "": {"viewport": {"width": 1440, "height": 900}},
        "-dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
        "-phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    }
    for ending, view in views.items():
        page = browser.new_page(**view)
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        page.wait_for_selector("html[data-drawn]", state="attached")
        page.screenshot(path=REPORTS / f"{name}{ending}.png")
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
    pictures(browser, out / "report.html", "sweep")
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
        "| | first made | made again | size | first contents | opened | filtered |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        "First contents and opened: from the call of the address in a headless Chromium to the",
        "first contentful paint, and until the first screen is drawn and answers; plots further",
        "down are drawn as they come near, all within seconds. Filtered: from a letter in the",
        "field for file names, over all images, until the next frame is on the screen. `view` is",
        "first made: from the call of the command until it can be asked; its 200,000 rows are the",
        "results of the 20,000 images, ten times, over ten links to their files.",
        "",
        "`report.png`, `report-dark.png`, `report-phone.png` and the three of `sweep` are the",
        "first screens of both pages.",
    ]
    (REPORTS / "report.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
