"""The page of a sweep in a real browser: the grid by any two dimensions, plots, hostile words."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import synthaudit as package
from synthaudit.reporting.files import write_report, write_sweep_report
from tests.conftest import Run
from tests.pictures import encoded, picture
from tests.reporting.browsing import opened

MAKER = """
import json, pathlib, sys, zlib
import numpy as np
from PIL import Image
asked = json.load(sys.stdin)
for job in asked["jobs"]:
    rng = np.random.default_rng(zlib.crc32(job["prompt"].encode()) + job["seed"] % 1000)
    pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    file = pathlib.Path(asked["folder"]) / f"{job['file']}.png"
    Image.fromarray(pixels).resize((64, 64)).save(file)
"""
HOSTILE = "<b onmouseover=alert(1)>bold</b> </script><script>alert(2)</script>"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of copied folders, two arms of an axis with a hostile name, two of another."""
    root = tmp_path_factory.mktemp("swept")
    for number in range(40):
        folder = root / "real" / ("cat" if number % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:02d}.png").write_bytes(encoded(picture(number)))
    script = root / "make.py"
    script.write_text(MAKER)
    plan = root / "plan.yaml"
    contents = {
        "real": str(root / "real"),
        "embedder": "builtin",
        "images_per_arm": 12,
        "generator": {"name": "command", "command": [sys.executable, str(script)]},
        "prompt": "{look}, {subject}, {light}",
        "axes": {"look": ["a photo", HOSTILE], "light": ["day", "night"]},
    }
    plan.write_text(yaml.safe_dump(contents, sort_keys=False))
    found = package.sweep(
        plan,
        out=root / "out",
        quick=True,
        use_cache=False,
        audited=partial(write_report, megabytes=3.0),
    )
    write_sweep_report(found, root / "out", megabytes=6.0)
    return root / "out"


@pytest.fixture
def page(browser: Any, swept: Path) -> Iterator[Any]:
    yield from opened(browser, swept / "report.html")


def test_it_opens_without_an_error_or_a_request(page: Any) -> None:
    assert page.heard.messages == []
    assert len([url for url in page.heard.requests if not url.startswith("data:")]) == 1
    assert page.query_selector("b") is None
    assert HOSTILE in page.inner_text("#arms-table")


def test_the_grid_by_any_two_dimensions(page: Any, swept: Path) -> None:
    arms = json.loads((swept / "sweep.json").read_text())["arms"]

    def heads() -> tuple[list[str], list[str]]:
        down, across = (
            page.eval_on_selector_all(f"#grid-table {where}", "all => all.map(e => e.innerText)")
            for where in ("tbody th", "thead th")
        )
        return down, across

    down, across = heads()
    assert down == ["real images", *(arm["arm"] for arm in arms)]
    assert sorted(across) == ["cat", "dog"]
    assert page.locator("#grid-table figure").count() == 5 * 2
    page.select_option("#grid-count", "12")
    assert page.locator("#grid-table figure").count() == 4 * 12 + 2 * 4
    page.select_option("#grid-rows", "axis look")
    page.select_option("#grid-columns", "axis light")
    down, across = heads()
    assert sorted(down) == sorted(["real images", "a photo", HOSTILE])
    assert sorted(across) == ["day", "night", "real images"]
    cell = page.locator("#grid-table tbody tr").nth(down.index(HOSTILE)).locator("td").nth(1)
    own = {arm["arm"] for arm in arms if arm["axes"] == {"look": HOSTILE, "light": across[1]}}
    shown = cell.locator("figure").evaluate_all("all => all.map(f => f.dataset.path.split('/')[1])")
    assert set(shown) == own
    assert page.heard.messages == []


def test_prompts_stand_under_the_pictures(page: Any) -> None:
    said = page.eval_on_selector_all("#grid-table .said", "all => all.map(e => e.innerText)")
    assert any(HOSTILE in text and "dog" in text for text in said)
    assert page.query_selector("#grid-table b") is None


def test_arms_say_whether_they_are_fit_and_how_sure_that_is(page: Any, swept: Path) -> None:
    found = json.loads((swept / "sweep.json").read_text())
    words = {True: "fit", False: "not fit", None: "undecided"}
    table = page.inner_text("#arms-table")
    for arm in found["arms"]:
        assert words[arm["verdict"]["fit"]] in table
        for name, (low, high) in arm["measure_intervals"].items():
            assert low <= arm["measures"][name] <= high
            assert f"{low:.3f} to {high:.3f}" in table
    assert found["recommended"]["arm"] in page.inner_text("h1")
    names = page.eval_on_selector_all(
        "#arms-table th[scope=row]", "all => all.map(e => getComputedStyle(e).position)"
    )
    assert set(names) == {"sticky"}
    heat = page.locator("[aria-labelledby=subjects] td.heat")
    assert heat.count() == len(found["arms"]) * 2
    page.evaluate("synthaudit.whole()")
    labels = page.evaluate(
        "[...synthaudit.models()].filter(m => m.name === 'pareto-words')"
        ".flatMap(m => [...m.data_source.data.label])"
    )
    assert {label[:20] for label in labels} == {arm["arm"][:20] for arm in found["arms"]}


def test_a_picture_is_enlarged_beside_the_same_one_of_the_recommended_arm(
    page: Any, swept: Path
) -> None:
    best = json.loads((swept / "sweep.json").read_text())["recommended"]["arm"]
    images = pd.read_parquet(swept / "images.parquet").set_index("path")
    figures = page.locator("#grid-table figure")
    for number in (2, 5, 8):
        path = figures.nth(number).get_attribute("data-path")
        figures.nth(number).locator(".picture").click()
        assert page.is_visible("#viewer")
        captions = page.eval_on_selector_all("#pair figcaption", "all => all.map(e => e.innerText)")
        assert path in captions[0]
        if images.loc[path, "arm"] == best:
            assert captions[1].startswith("real")
        else:
            assert captions[1].startswith(f"{best}, recommended")
            page.keyboard.press("o")
            other = page.inner_text("#pair figure:last-child figcaption")
            assert other.startswith("real")
        page.keyboard.press("Escape")
    assert page.heard.messages == []


def test_arms_sort_and_lead_to_their_audits(page: Any, swept: Path) -> None:
    header = page.locator("#arms-table thead th", has_text="uncovered")
    header.locator("button").click()
    column = header.evaluate("h => [...h.parentElement.children].indexOf(h)")
    values = page.eval_on_selector_all(
        "#arms-table tbody tr", f"all => all.map(r => Number(r.children[{column}].dataset.value))"
    )
    assert values == sorted(values)
    links = page.eval_on_selector_all("#arms-table a", "all => all.map(a => a.href)")
    assert len(links) == 4
    page.goto(links[0])
    page.wait_for_selector("html[data-drawn]")
    assert "The four scores" in page.inner_text("main")
    page.click("text=All arms of the sweep")
    page.wait_for_selector("#arms-table")
    assert page.heard.messages == []


def test_the_trade_off_shows_the_measures_asked_for(page: Any, swept: Path) -> None:
    page.evaluate("synthaudit.whole()")
    arms = json.loads((swept / "sweep.json").read_text())["arms"]
    page.select_option("#pareto-x", "unvaried")
    assert page.evaluate("synthaudit.model('pareto').below[0].axis_label") == "unvaried"
    shown = page.evaluate(
        "[...synthaudit.models()].filter(m => m.name === 'pareto-dots')"
        ".flatMap(m => [...m.data_source.get_array(m.glyph.x.field)])"
    )
    assert sorted(shown) == sorted(arm["measures"]["unvaried"] for arm in arms)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barrier(browser: Any, swept: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    options = {"color_scheme": scheme, "bypass_csp": True}
    for page in opened(browser, swept / "report.html", **options):
        found = axe.Axe().run(page).response["violations"]
        assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []


def test_a_phone_needs_no_sideways_scrolling(browser: Any, swept: Path) -> None:
    for page in opened(browser, swept / "report.html", viewport={"width": 390, "height": 800}):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_rendering_again_needs_the_files_alone(
    swept: Path, tmp_path: Path, synthaudit: Run
) -> None:
    shutil.copytree(swept, tmp_path / "copy")
    for part in [tmp_path / "copy" / "store", *(tmp_path / "copy").glob("arms/*/images")]:
        shutil.rmtree(part)
    pages = ["report.html", *(f"arms/{arm.name}/report.html" for arm in (swept / "arms").iterdir())]
    for page in pages:
        (tmp_path / "copy" / page).unlink()
    done = synthaudit("report", tmp_path / "copy")
    assert done.returncode == 0, done.stderr
    for page in pages:
        assert (tmp_path / "copy" / page).read_bytes() == (swept / page).read_bytes()
    (tmp_path / "copy" / "sweep.json").write_text("{")
    done = synthaudit("report", tmp_path / "copy")
    assert done.returncode == 2
    assert "no complete sweep" in done.stderr
