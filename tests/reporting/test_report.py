"""The report in a real browser: nothing from outside, nothing hostile, usable by keyboard."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import synthaudit
from synthaudit.errors import DataError, UsageError
from synthaudit.reporting.files import render_again, write_all, write_report
from synthaudit.reporting.html.audit import SCRIPTS
from synthaudit.reporting.markdown import as_text
from tests.conftest import PROJECT, Run
from tests.pictures import encoded, picture
from tests.reporting.browsing import HOSTILE


def test_it_opens_without_an_error_or_a_request(page: Any) -> None:
    page.wait_for_timeout(200)
    assert page.heard.messages == []
    outside = [url for url in page.heard.requests if not url.startswith(("data:", "file:"))]
    assert outside == []
    assert len([url for url in page.heard.requests if url.startswith("file:")]) == 1
    assert "it repeats itself and it copies real images" in page.inner_text("h1")
    brand = page.inner_text(".brand")
    assert "synthetic against" in brand
    assert "real" in brand
    assert page.title().endswith(page.inner_text("h1"))


def test_hostile_names_stay_text(page: Any) -> None:
    shown = page.eval_on_selector_all("figure", "all => all.map(f => f.dataset.path)")
    assert {f"dog/{name}" for name in HOSTILE} & set(shown)
    assert page.query_selector("figcaption img") is None
    assert page.query_selector("b") is None
    assert "49.png" not in page.content()
    run = page.eval_on_selector_all("script:not([type])", "all => all.length")
    assert run == 1 + len(SCRIPTS)  # Bokeh's and our own
    # Where something got through, the page's own policy still forbids it.
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(9)>')")
    page.wait_for_timeout(100)
    assert not any(message.startswith("dialog") for message in page.heard.messages)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barrier(browser: Any, report: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    opened = context.new_page()
    opened.goto((report / "report.html").as_uri())
    found = axe.Axe().run(opened).response["violations"]
    serious = [v["id"] for v in found if v["impact"] in ("serious", "critical")]
    context.close()
    assert serious == []


def test_a_phone_and_four_times_the_size_need_no_sideways_scrolling(
    browser: Any, report: Path
) -> None:
    for width in (390, 320):  # 1280 pixels at 400 %
        context = browser.new_context(viewport={"width": width, "height": 800})
        opened = context.new_page()
        opened.goto((report / "report.html").as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        context.close()


def test_rendering_again_needs_the_files_alone(
    report: Path, tmp_path: Path, synthaudit: Run
) -> None:
    shutil.copytree(report, tmp_path / "copy")
    before = (report / "report.html").read_bytes()
    (tmp_path / "copy" / "report.html").unlink()
    done = synthaudit("report", tmp_path / "copy")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "copy" / "report.html").read_bytes() == before
    (tmp_path / "copy" / "images.parquet").write_bytes(b"broken")
    with pytest.raises(DataError, match="no complete audit"):
        render_again(tmp_path / "copy")


def test_a_budget_leaves_pictures_out_and_says_so(tmp_path: Path) -> None:
    for side, offset in (("real", 0), ("synthetic", 500)):
        (tmp_path / side).mkdir()
        for number in range(60):
            data = encoded(picture(offset + number, 200))
            (tmp_path / side / f"{number}.png").write_bytes(data)
    audit = synthaudit.score(
        tmp_path / "real", tmp_path / "synthetic", embedder="builtin", use_cache=False, quick=True
    )
    audit.write(tmp_path / "out")
    write_report(audit, tmp_path / "out", megabytes=15.0)
    whole = (tmp_path / "out" / "report.html").read_bytes()
    assert b"120 small pictures of 120 images" in whole
    pictures = pd.read_parquet(tmp_path / "out" / "thumbnails.parquet")["webp"].map(len).sum()
    assert len(whole) < 15_000_000
    budget = len(whole) - 0.9 * pictures
    write_report(audit, tmp_path / "out", megabytes=budget / 1e6)
    text = (tmp_path / "out" / "report.html").read_text()
    made = len(pd.read_parquet(tmp_path / "out" / "thumbnails.parquet"))
    assert 10 < made < 120
    assert f"{made} small pictures of 120 images are in this page" in text
    assert len(text.encode()) < budget
    with pytest.raises(UsageError, match="at least 1"):
        write_report(audit, tmp_path / "out", megabytes=0.5)


def test_vectors_have_a_report_without_pictures(tmp_path: Path) -> None:
    real, synthetic = np.random.default_rng(0).standard_normal((2, 60, 8))
    synthetic[:5] = real[:5]  # copies, to be named without a picture
    for definition in ("default", "cleanlab"):
        audit = synthaudit.score_embeddings(
            real,
            synthetic,
            quick=True,
            definition=definition,  # type: ignore[arg-type]
        )
        audit.write(tmp_path / "out")
        write_report(audit, tmp_path / "out")
        text = (tmp_path / "out" / "report.html").read_text()
        assert "The four scores" in text
        assert "Images at fault" in text
        if definition == "default":
            assert re.search(r"<h3>Copies of real images.*<th scope=.row.>", text, re.DOTALL)


def test_a_page_that_is_taken_elsewhere_leads_to_no_folder(tmp_path: Path) -> None:
    for side in ("real", "synthetic"):
        (tmp_path / side).mkdir()
        for number in range(3):
            (tmp_path / side / f"{number}.png").write_bytes(encoded(picture(number)))
    audit = synthaudit.score(
        tmp_path / "real", tmp_path / "synthetic", embedder="builtin", use_cache=False, quick=True
    )
    write_all(audit, tmp_path / "out", stays=False)
    pages = [tmp_path / "out" / "report.html", *(PROJECT / "reports").glob("*.html")]
    for page in pages:
        text = page.read_text()
        assert '"roots":{"real":null,"synthetic":null}' in text or "sweep" in page.name, page
        assert tmp_path.parent.name not in text


def test_markdown_is_short_and_harmless(report: Path) -> None:
    text = (report / "report.md").read_text()
    assert len(text.encode()) < 60_000
    assert "<script" not in text
    assert "<img" not in text
    assert "**What to do next**" in text
    assert "| as much by chance |" in text
    assert "    synthaudit score REAL SYNTHETIC --embedder builtin" in text
    assert "\u202e" not in text
    assert as_text("a|b\n[x](y)<c>") == "a&#124;b\ufffd\\[x\\]\\(y\\)&#60;c&#62;"
