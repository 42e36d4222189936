"""Sections of the page in a real browser: contents, classes, thresholds, why, worth, print."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

import synthaudit as package
from synthaudit.measures.intervals import wilson
from synthaudit.measures.selection import select
from synthaudit.reporting.files import write_all
from synthaudit.reporting.html.comparison import headline
from synthaudit.result.reading import read_files
from tests.conftest import Run
from tests.pictures import encoded, picture
from tests.reporting.browsing import opened


def test_the_contents_follow_the_reader(page: Any) -> None:
    names = page.eval_on_selector_all("#contents a", "all => all.map(a => a.innerText)")
    assert names[:3] == ["Findings", "Review", "The four scores"]
    assert page.inner_text("#contents a[aria-current]") == "Findings"
    page.click("#contents a:has-text('Map')")
    expect(page.locator("#contents a[aria-current]")).to_have_text("Map")
    assert 0 <= page.locator("#map").bounding_box()["y"] < 300


def test_findings_lead_and_what_passed_is_folded(page: Any, report: Path) -> None:
    findings = read_files(report).scores["findings"]
    wrong = [own for own in findings if own["severity"] != "none"]
    order = page.eval_on_selector_all(
        "#main > section:first-child > .finding", "all => all.map(f => f.className.split(' ')[1])"
    )
    assert order == sorted(order, key=["high", "low", "undecided", "note"].index)
    assert len(order) >= len(wrong)
    pictured = page.locator("#main > section:first-child > .finding .groups img")
    assert pictured.count() >= 3 * len(wrong)
    for own in wrong:
        assert own["text"] in page.inner_text("#main")
    assert not page.is_visible(".passed .finding")
    page.click(".passed summary")
    assert page.is_visible(".passed .finding >> nth=0")
    # No gallery of what chance explains.
    offered = page.eval_on_selector_all("#gallery option", "all => all.map(o => o.value)")
    assert not {own["kind"] for own in findings if own["severity"] == "none"} & {*offered} - {
        "files"
    }


def test_gauges_begin_at_chance(page: Any, report: Path) -> None:
    scores = read_files(report).scores
    widths = page.eval_on_selector_all(
        ".gauge .bar", "all => all.map(b => Number(b.getAttribute('width')))"
    )
    for name, width in zip(
        ("unrealistic", "unrepresentative", "unvaried", "unoriginal"), widths, strict=True
    ):
        chance = scores["chance"][name]
        expected = 100 * max(scores[name] - chance, 0) / (1 - chance)
        assert width == pytest.approx(expected, abs=0.01)


def test_the_heat_map_opens_a_class(page: Any, report: Path) -> None:
    images = read_files(report).images
    rows = page.eval_on_selector_all("#classes-table tbody th", "all => all.map(e => e.innerText)")
    assert sorted(rows) == ["<b>cat", "dog"]
    made = images[(images["side"] == "synthetic") & (images["class"] == "dog")]
    share = made["is_unoriginal"].mean()
    ends = wilson(share, len(made), 0.95)
    cell = page.locator("#classes-table tbody tr:has-text('dog') td.heat").nth(3)
    assert cell.inner_text() == f"{share:.2f}"
    cell.hover()
    assert page.inner_text("#class-told") == cell.get_attribute("title")
    told = re.search(r"\((.*) to (.*)\)", page.inner_text("#class-told"))
    assert told is not None
    assert [float(end) for end in told.groups()] == pytest.approx([ends.low, ends.high], abs=1e-3)
    page.click("#classes-table button.choose:has-text('dog')")
    assert page.input_value("#gallery") == ""
    labels = page.eval_on_selector_all(
        "#review-pictures figure", "all => all.map(f => f.dataset.class)"
    )
    assert set(labels) == {"dog"}
    sides = page.eval_on_selector_all(
        "#review-pictures .group",
        "all => all.map(g => [...g.querySelectorAll('figure')].map(f => f.dataset.side).join())",
    )
    assert "synthetic,real" in sides


def test_a_thousand_classes_open_and_filter(browser: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"class {number:04d}" for number in range(1000)] * 4
    audit = package.score_embeddings(
        *rng.normal(size=(2, 4000, 4)), real_classes=names, synthetic_classes=names, quick=True
    )
    write_all(audit, tmp_path / "out")
    for page in opened(browser, tmp_path / "out" / "report.html"):
        assert page.locator("#classes-table tbody tr").count() == 40
        page.click("#classes-all")
        assert page.locator("#classes-table tbody tr").count() == 1000
        page.fill("#class-search", "0999")
        assert page.locator("#classes-table tbody tr").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        assert page.heard.messages == []


def test_thresholds_count_as_keep_does(page: Any, report: Path) -> None:
    images = read_files(report).images
    made = images[images["side"] == "synthetic"].reset_index(drop=True)
    for limit in (0.95, 0.6):
        page.fill("#threshold-obvious", str(limit))
        found = select(
            is_synthetic=np.ones(len(made), bool),
            is_unoriginal=made["is_unoriginal"].to_numpy(),
            is_wrong_label=made["is_wrong_label"].to_numpy(),
            defect=made["defect"].where(made["defect"].notna(), None).to_numpy(object),
            probability_synthetic=made["probability_synthetic"].to_numpy(),
            cluster=made["duplicate_cluster"].fillna(-1).to_numpy(int),
            obvious=limit,
        )
        kept = int(found.is_kept.sum())
        assert page.inner_text("#threshold-kept") == f"{kept} of {len(made)}"
        fakes = int((made["probability_synthetic"] >= limit).sum())
        assert page.inner_text("#threshold-fakes") == str(fakes)
        assert f"--obvious {limit:.2f}" in page.inner_text("#threshold-command")
    page.fill("#threshold-radius", "2")
    # At a fiftieth of the radius only the same pictures are repeats.
    assert page.inner_text("#threshold-repeats") == str(
        int((made["nearest_synthetic_distance"].round(4) == 0).sum())
    )
    assert "--duplicate-distance" in page.inner_text("#threshold-command")


@pytest.fixture(scope="module")
def blurred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic pictures that differ by noise in one corner alone, in files of another quality."""
    root, rng = tmp_path_factory.mktemp("blurred"), np.random.default_rng(0)
    from PIL import Image

    for side in ("real", "synthetic"):
        for number in range(60):
            pixels = np.asarray(picture(number + 500 * (side == "real"), 64), np.int16).copy()
            pixels += rng.integers(-12, 13, pixels.shape)
            if side == "synthetic":
                pixels[:18, :18] += rng.integers(-60, 61, (18, 18, 3))
            place = root / side / f"class {number % 2}" / f"{number}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            place.write_bytes(encoded(image, "JPEG", quality=95 if side == "real" else 90))
    audit = package.score(
        root / "real", root / "synthetic",
        embedder="builtin", use_cache=False, permutations=19, resamples=20,
    )  # fmt: skip
    write_all(audit, root / "out")
    return root / "out"


def test_why_finds_the_corner_and_names_the_traits(browser: Any, blurred: Path) -> None:
    table = pd.read_parquet(blurred / "explanation.parquet")
    strongest = [int(np.argmax(parts)) for parts in table["parts"]]
    # Of 7 x 7 parts the first two of the first two rows.
    assert sum(place in {0, 1, 7, 8} for place in strongest) >= len(table) - 1
    scores = read_files(blurred).scores
    blocks = scores["explanation"]["blocks"]
    assert max(blocks, key=lambda name: blocks[name]) in {
        "noise",
        "outlines",
        "coarse to fine texture",
    }
    for page in opened(browser, blurred / "report.html"):
        text = page.inner_text("section[aria-labelledby=why]")
        assert "dct_" not in page.inner_text("#main")
        assert "JPEG quality" in text
        assert page.locator(".patched .cells span").count() == 49 * len(table)
        page.uncheck("#patches-shown")
        assert not page.is_visible(".patched .cells >> nth=0")
        first = page.locator("[data-gallery^=extremes] >> nth=0").locator("img")
        assert first.count() == 4
        assert page.heard.messages == []


def test_worth_is_drawn_with_its_intervals(browser: Any, blurred: Path) -> None:
    found = read_files(blurred).scores["usefulness"]
    for page in opened(browser, blurred / "report.html"):
        page.evaluate("synthaudit.whole()")
        worth = page.inner_text("section[aria-labelledby=worth]")
        for side in ("real", "synthetic", "both"):
            assert f"{found[side]['value']:.3f}" in worth
        for name in ("plot-worth", "plot-curves", "plot-gains"):
            assert page.locator(f"#{name} canvas").count() > 0
        assert (
            "class 0" in page.locator("#plot-gains ~ details").inner_text()
            or page.locator("#plot-gains ~ details table").count()
        )


def test_differing_files_are_a_finding_with_pictures(browser: Any, blurred: Path) -> None:
    finding = next(f for f in read_files(blurred).scores["findings"] if f["kind"] == "files")
    assert "JPEG quality" in finding["text"]
    for page in opened(browser, blurred / "report.html"):
        card = page.locator(".finding:has-text('The files differ')")
        assert card.locator("img").count() >= 3


def test_a_set_at_chance_says_so_and_shows_no_fakes(browser: Any, tmp_path: Path) -> None:
    for side in ("real", "synthetic"):
        (tmp_path / side).mkdir()
        for number in range(60):
            data = encoded(picture(2 * number + (side == "real")))
            (tmp_path / side / f"{number}.png").write_bytes(data)
    audit = package.score(
        tmp_path / "real", tmp_path / "synthetic", embedder="builtin", use_cache=False, quick=True
    )
    assert audit.verdict.fit is True
    write_all(audit, tmp_path / "out")
    for page in opened(browser, tmp_path / "out" / "report.html"):
        assert "Nothing speaks against" in page.inner_text("h1")
        assert "stand out" not in page.inner_text("#gallery").lower()
        assert page.locator("#main > section:first-child .finding img").count() == 0
        assert page.input_value("#gallery") == ""
        assert "fakes do not stand out" in page.inner_text(".passed").lower()


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is not installed")
def test_print_holds_the_findings_and_no_controls(
    browser: Any, report: Path, tmp_path: Path
) -> None:
    for page in opened(browser, report / "report.html"):
        page.wait_for_selector("html[data-complete]")  # by itself, soon after it opened
        page.pdf(path=tmp_path / "report.pdf", format="A4")
    text = subprocess.run(
        ["pdftotext", "-layout", str(tmp_path / "report.pdf"), "-"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "It repeats itself" in text
    assert "The four scores" in text
    assert "Clear the decisions" not in text


def test_two_audits_as_a_page(browser: Any, report: Path, tmp_path: Path, synthaudit: Run) -> None:
    root = report.parent
    shutil.copytree(root / "synthetic", tmp_path / "mended")
    for file in (tmp_path / "mended" / "<b>cat").glob("repeat *.png"):
        file.unlink()
    mended = package.score(
        root / "real", tmp_path / "mended", embedder="builtin", use_cache=False, permutations=19
    )
    write_all(mended, tmp_path / "out")
    done = synthaudit("compare", report, tmp_path / "out", "--out", tmp_path / "changes")
    assert done.returncode == 0, done.stderr
    found = package.compare(report, tmp_path / "out")
    assert found.newly_good == ["<b>cat/01.png"]  # what the repeats repeated
    for page in opened(browser, tmp_path / "changes" / "comparison.html"):
        assert page.inner_text("h1") == headline(found)
        counts = page.inner_text(".counts").replace("\n", " ")
        assert "gone 6" in counts
        page.click("[data-review=gone]")
        shown = page.eval_on_selector_all(
            "#review-pictures figure", "all => all.map(f => f.dataset.path)"
        )
        assert sorted(shown) == [f"<b>cat/repeat {number}.png" for number in range(6)]
        assert page.locator("#review-pictures img").count() == 6
        assert "None." in page.inner_text("section[aria-labelledby=settings]")
        assert page.heard.messages == []
    done = synthaudit("compare", report, tmp_path / "out", "--out", report)
    assert done.returncode == 2
    assert "would be lost" in done.stderr


@pytest.fixture(scope="module")
def pages(report: Path, blurred: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every kind of page but a sweep's."""
    from synthaudit.gating.comparing import compare
    from synthaudit.reporting.files import write_comparison
    from synthaudit.reporting.inspection import write_inspection

    folder = tmp_path_factory.mktemp("pages")
    write_comparison(compare(report, report), report, report, folder / "changes")
    found = package.inspect(report.parent / "synthetic", embedder="builtin", use_cache=False)
    write_inspection(found, folder / "inspection")
    return [
        report / "report.html",
        blurred / "report.html",
        folder / "changes" / "comparison.html",
        folder / "inspection" / "report.html",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_barrier_or_scrolls_sideways(
    browser: Any, pages: list[Path], scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    for place, file in enumerate(pages):
        # Every page in both themes, and at both widths.
        for width in ((1440, 390)[(place + (scheme == "dark")) % 2],):
            context = browser.new_context(
                color_scheme=scheme, bypass_csp=True, viewport={"width": width, "height": 844}
            )
            page = context.new_page()
            page.goto(file.as_uri())
            page.wait_for_selector("html[data-ready]")
            page.wait_for_selector("html[data-drawn]")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, file
            found = axe.Axe().run(page).response["violations"]
            serious = [
                (v["id"], v["nodes"][0]["html"][:200])
                for v in found
                if v["impact"] in ("serious", "critical")
            ]
            context.close()
            assert serious == [], file
