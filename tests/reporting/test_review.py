"""Reviewing in a real browser: pages of pictures, enlarging, decisions by keys, a finger."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect

import synthaudit as package
from synthaudit.result.reading import read_files
from tests.conftest import Run
from tests.pictures import encoded, picture
from tests.reporting.browsing import HOSTILE, opened

FIGURES = "all => all.map(f => f.dataset.path)"


def shown(page: Any) -> list[str]:
    return list(page.eval_on_selector_all("#review-pictures figure[data-judged]", FIGURES))


def exported(page: Any) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.click("#decisions-export")
    text = Path(download.value.path()).read_text()
    return list(csv.DictReader(io.StringIO(text)))


def test_every_image_of_a_finding_is_there_page_by_page(page: Any, report: Path) -> None:
    table = read_files(report).images
    page.select_option("#gallery", "")
    page.select_option("#order", "path")
    seen: list[str] = []
    for _ in range(10):
        sides = page.eval_on_selector_all(
            "#review-pictures figure[data-judged]", "all => all.map(f => f.dataset.side)"
        )
        seen += zip(sides, shown(page), strict=True)
        if page.is_disabled("#later"):
            break
        page.click("#later")
    assert sorted(seen) == sorted(zip(table["side"], table["path"], strict=True))
    assert page.inner_text("#place").endswith(f"of {len(table)} groups")


def test_a_picture_lies_beside_the_nearest_real_one_of_its_class(page: Any, report: Path) -> None:
    table = read_files(report).images.set_index(["side", "path"])
    page.select_option("#gallery", "")
    page.select_option("#side", "synthetic")
    groups = page.eval_on_selector_all(
        "#review-pictures .group",
        "all => all.map(g => [...g.querySelectorAll('figure')].map(f => [f.dataset.path, f.dataset.class]))",  # noqa: E501
    )
    assert len(groups) == 24
    for (path, label), (other, own) in groups:
        assert other == table.loc[("synthetic", path), "nearest_real_of_class"]
        assert own == label


def test_search_is_over_all_images(page: Any) -> None:
    page.select_option("#gallery", "")
    page.fill("#search", "REPEAT 3")
    assert shown(page) == ["<b>cat/repeat 3.png"]
    page.fill("#search", "no such name")
    assert shown(page) == []
    assert page.inner_text("#place") == "No picture here fits."
    page.fill("#search", "")
    page.select_option("#class", label="dog")
    assert all(path.startswith("dog/") for path in shown(page))


def test_keys_decide_and_the_decisions_outlive_a_reload(page: Any) -> None:
    page.select_option("#gallery", "unoriginal")
    first, second, third = shown(page)[:3]
    page.focus("#review-pictures .picture >> nth=0")
    focused = "document.activeElement.closest('figure').dataset.path"
    page.keyboard.press("d")  # and on to the next one, here too
    assert page.inner_text("#decided") == "0 kept, 1 dropped."
    assert page.evaluate(focused) == second
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused) == first
    page.keyboard.press("Enter")
    assert page.is_visible("#viewer")
    assert first in page.inner_text("#caption")
    page.keyboard.press("ArrowRight")
    assert second in page.inner_text("#caption")
    page.keyboard.press("k")  # and on to the next one
    assert third in page.inner_text("#caption")
    page.keyboard.press("ArrowLeft")
    assert page.get_attribute("#keep", "aria-pressed") == "true"
    page.keyboard.press("Escape")
    expect(page.locator("#review-pictures figure:has(:focus)")).to_have_attribute(
        "data-path", second
    )
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.inner_text("#decided") == "1 kept, 1 dropped."
    page.select_option("#gallery", "unoriginal")
    page.select_option("#state", "dropped")
    assert shown(page) == [first]
    rows = {row["path"]: row for row in exported(page)}
    assert rows[first] == {
        "path": first, "is_kept": "False", "reason": "it copies a real image",
    }  # fmt: skip
    assert rows[second]["is_kept"] == "True"
    assert rows[second]["reason"] == "kept in the review"
    assert rows[third] == {"path": third, "is_kept": "True", "reason": ""}
    page.click("#decisions-clear")
    assert page.inner_text("#decided") == "Nothing is decided yet."
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.inner_text("#decided") == "Nothing is decided yet."


def test_a_whole_page_is_dropped_with_a_reason_and_read_back(page: Any, tmp_path: Path) -> None:
    page.select_option("#gallery", "unvaried")
    page.fill("#reason", 'too much alike, "again"')
    page.click("#drop-all")
    rows = exported(page)
    dropped = {row["path"] for row in rows if row["is_kept"] == "False"}
    reasons = {row["reason"] for row in rows if row["is_kept"] == "False"}
    assert reasons == {'too much alike, "again"'}
    assert len(dropped) >= 6
    page.click("#decisions-clear")
    file = tmp_path / "decisions.csv"
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["path", "is_kept", "reason"])
        writer.writeheader()
        writer.writerows(rows)
    page.set_input_files("#decisions-import", file)
    told = f"0 kept, {len(dropped)} dropped. {len(rows)} images of decisions.csv are in this page."
    expect(page.locator("#decided")).to_have_text(told)
    file.write_text("name,score\na,1\n")
    page.set_input_files("#decisions-import", file)
    expect(page.locator("#decided")).to_contain_text("is no list of decisions")
    assert page.heard.messages == []


def test_enlarging_shows_the_file_itself_and_what_differs(page: Any, report: Path) -> None:
    page.select_option("#gallery", "unoriginal")
    page.fill("#search", "onerror")
    assert shown(page) == [f"dog/{HOSTILE[0]}"]
    page.click("#review-pictures .picture >> nth=0")
    expect(page.locator("#pair .size").first).to_have_text("48 x 48")
    links = page.eval_on_selector_all("#pair a", "all => all.map(a => a.href)")
    assert all(link.startswith("file://") for link in links)
    assert page.locator("#pair img").count() == 2
    page.select_option("#compare", "difference")
    # The copy is the same picture byte for byte: nothing but black is left.
    box = page.locator("#pair img >> nth=1").bounding_box()
    clip = {"x": box["x"] + 30, "y": box["y"] + 30, "width": 60, "height": 60}
    from PIL import Image

    shot = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")
    assert max(high for _, high in shot.getextrema()) <= 6
    page.select_option("#compare", "wipe")
    page.fill("#wipe", "80")
    clipped = page.evaluate(
        "getComputedStyle(document.querySelector('#pair figure:last-child img')).clipPath"
    )
    assert clipped == "inset(0px 0px 0px 80%)"
    assert page.heard.messages == []


def test_a_finger_steps_and_decides(browser: Any, report: Path) -> None:
    size = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    for phone in opened(browser, report / "report.html", **size):
        phone.locator("#review-pictures .picture >> nth=0").tap()
        first = phone.inner_text("#caption")
        phone.locator("#next").tap()
        assert phone.inner_text("#caption") != first
        phone.locator("#drop").tap()
        assert phone.inner_text("#decided") == "0 kept, 1 dropped."
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        wide = phone.eval_on_selector_all(
            "#viewer button", "all => all.map(b => b.getBoundingClientRect().right)"
        )
        assert max(wide) <= 390


def decisions(file: Path, rows: list[tuple[str, bool, str]]) -> Path:
    table = pd.DataFrame(rows, columns=["path", "is_kept", "reason"])
    table.to_csv(file, index=False)
    return file


def test_score_leaves_out_what_was_dropped_and_counts_what_was_kept_as_right(
    tmp_path: Path, synthaudit: Run
) -> None:
    for side, offset in (("real", 0), ("synthetic", 500)):
        (tmp_path / side).mkdir()
        for number in range(60):
            (tmp_path / side / f"{number}.png").write_bytes(encoded(picture(offset + number)))
    black = encoded(picture(1).point(lambda _: 0))
    for number in range(4):
        (tmp_path / "synthetic" / f"{number}.png").write_bytes(black)
    options = {"embedder": "builtin", "quick": True, "use_cache": False}
    before = package.score(tmp_path / "real", tmp_path / "synthetic", **options)  # type: ignore[arg-type]
    assert set(before.images.loc[before.images["is_broken"], "path"]) == {
        f"{number}.png" for number in range(4)
    }
    file = decisions(
        tmp_path / "decisions.csv",
        [("0.png", False, "it is broken"), ("1.png", True, "kept in the review"),
         ("5.png", True, ""), ("gone.png", False, "it was there once")],
    )  # fmt: skip
    after = package.score(
        tmp_path / "real",
        tmp_path / "synthetic",
        decisions=file,
        keep=True,
        **options,  # type: ignore[arg-type]
    )
    assert after.counts["synthetic"] == 59
    assert set(after.images.loc[after.images["is_broken"], "path"]) == {"2.png", "3.png"}
    assert after.counts["broken"] == after.broken["pictures"] == 2
    assert after.kept is not None
    assert after.kept.set_index("path").loc["1.png", "is_kept"]
    assert after.provenance["decisions"] | {"digest": ""} == {
        "dropped": 2, "kept": 1, "digest": "",
    }  # fmt: skip
    assert any("A person decided" in note for note in after.notes)
    policy = tmp_path / "synthaudit.toml"
    policy.write_text('[limits]\n"counts.broken" = {max = 0}\n')
    sets = (tmp_path / "real", tmp_path / "synthetic", "--embedder", "builtin", "--quick")
    done = synthaudit("score", *sets, "--no-cache", "--gate", policy)
    assert done.returncode == 1
    decisions(file, [(f"{n}.png", n < 2, "kept in the review") for n in range(4)])
    done = synthaudit("score", *sets, "--no-cache", "--gate", policy, "--decisions", file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name,score\na,1\n", "should begin with path,is_kept,reason"),
        ("path,is_kept,reason\na.png,perhaps,\n", "line 2"),
        ("", "not with 'nothing'"),
        ("path,is_kept,reason\n1.png,True,x\n1.png,False,y\n", "once more"),
        ("path,is_kept,reason\nother.png,False,x\n", "none of the 1 decisions"),
        (None, "cannot be read"),
    ],
)
def test_a_bad_list_is_one_sentence(
    tmp_path: Path, synthaudit: Run, text: str | None, expected: str
) -> None:
    for side in ("real", "synthetic"):
        (tmp_path / side).mkdir()
        for number in range(3):
            (tmp_path / side / f"{number}.png").write_bytes(encoded(picture(number)))
    file = tmp_path / "decisions.csv"
    if text is not None:
        file.write_text(text)
    done = synthaudit(
        *("score", tmp_path / "real", tmp_path / "synthetic", "--embedder", "builtin"),
        *("--no-cache", "--quick", "--decisions", file),
    )
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.count("error:") == 1
