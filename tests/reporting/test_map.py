"""The map in a real browser: the right picture under the pointer, galleries, the keyboard."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthaudit.reporting.html.map import FAULTS, map_of
from synthaudit.reporting.html.plots import audit_plots
from synthaudit.result.reading import read_files

# Where a point is on the screen, by Bokeh's own scales.
PLACE = """n => {
  const plot = synthaudit.model("map"), view = Bokeh.index.find_one_by_id(plot.id);
  const box = view.canvas_view.el.getBoundingClientRect();
  const data = JSON.parse(document.getElementById("map-data").textContent);
  return [box.left + view.frame.x_scale.compute(data.x[n]), box.top + view.frame.y_scale.compute(data.y[n])];
}"""  # noqa: E501


@pytest.fixture
def points(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.inner_text("#map-data"))
    page.locator("#map-plot").scroll_into_view_if_needed()
    return found


def unpacked(text: str) -> bytes:
    """Bytes as Bokeh writes them."""
    data = base64.b64decode(text)
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def lonely(points: dict[str, Any]) -> int:
    """The point that is farthest from any other."""
    place = np.stack([points["x"], points["y"]], axis=1)
    gap = np.linalg.norm(place[:, None] - place[None], axis=2)
    np.fill_diagonal(gap, np.inf)
    return int(gap.min(axis=1).argmax())


def test_hovering_shows_the_right_picture(page: Any, points: dict[str, Any], report: Path) -> None:
    number = lonely(points)
    page.mouse.move(*page.evaluate(PLACE, number))
    figure = page.wait_for_selector("#map-hover figure")
    side = ("real", "synthetic")[points["side"][number]]
    assert figure.get_attribute("data-path") == points["path"][number]
    assert figure.get_attribute("data-side") == side
    table = pd.read_parquet(report / "thumbnails.parquet").set_index(["side", "path"])["webp"]
    shown = page.get_attribute("#map-hover img", "src").removeprefix("data:image/webp;base64,")
    assert base64.b64decode(shown) == table[side, points["path"][number]]
    assert f"fake: {points['probability'][number]:.3f}" in page.inner_text("#map-hover")


def test_a_click_and_a_drag_show_galleries(page: Any, points: dict[str, Any]) -> None:
    number = lonely(points)
    page.mouse.click(*page.evaluate(PLACE, number))
    assert page.inner_text("#map-count").startswith("1 selected")
    assert page.get_attribute("#map-chosen figure", "data-path") == points["path"][number]
    box = page.locator("#map-plot").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 10, box["y"] + box["height"] - 10, steps=5)
    page.mouse.up()
    total = len(points["path"])
    page.wait_for_function(
        f"document.getElementById('map-count').textContent.startsWith('{total} selected')"
    )
    assert page.locator("#map-chosen figure").count() == 60
    page.click("#map-all")
    assert page.inner_text("#count") == str(total)
    page.click("#map-clear")
    assert not page.is_visible("#map-chosen")
    # A picture of the gallery enlarges like any other.
    page.locator("#map-plot").scroll_into_view_if_needed()
    page.mouse.click(*page.evaluate(PLACE, number))
    page.click("#map-chosen .picture")
    assert points["path"][number].replace("\n", " ") in page.inner_text("#caption").replace(
        "\n", " "
    )


def test_the_map_by_keyboard_alone(page: Any, points: dict[str, Any]) -> None:
    page.focus("#map-plot")
    seen = set()
    for key in ["ArrowRight", "ArrowUp", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"]:
        page.keyboard.press(key)
        seen.add(page.get_attribute("#map-hover figure", "data-path"))
    assert len(seen) > 2
    there = page.get_attribute("#map-hover figure", "data-path")
    side = ("real", "synthetic").index(page.get_attribute("#map-hover figure", "data-side"))
    keys = list(zip(points["side"], points["path"], strict=True))
    place = np.stack([points["x"], points["y"]], axis=1)
    gap = np.linalg.norm(place - place[keys.index((side, there))], axis=1)
    page.keyboard.press("Enter")
    assert page.locator("#map-chosen figure").count() == 24
    chosen = page.evaluate("[...synthaudit.model('map-points').selected.indices]")
    assert gap[chosen].max() <= np.sort(gap)[23] + 1e-9
    page.keyboard.press("Escape")
    assert not page.is_visible("#map-chosen")


def test_colours_and_their_legend(page: Any, points: dict[str, Any]) -> None:
    faults = [FAULTS[number] for number in sorted(set(points["fault"]))]
    legend = {"side": ["real", "synthetic"], "class": points["classes"], "fault": faults}
    for choice, names in legend.items():
        page.select_option("#map-colour", choice)
        shown = page.eval_on_selector_all("#map-legend li", "all => all.map(e => e.innerText)")
        assert shown == names
        colours = page.evaluate("[...synthaudit.model('map-points').data.colour]")
        assert len(set(colours)) <= len(names)
        assert len(set(colours)) > 1
    page.select_option("#map-colour", "probability")
    assert page.locator("#map-legend li").count() == 5
    page.fill("#search", "repeat 3")
    alpha = np.array(page.evaluate("[...synthaudit.model('map-points').data.alpha]"))
    is_meant = ["repeat 3" in path for path in points["path"]]
    assert ((alpha > 0.5) == is_meant).all()
    assert page.heard.messages == []


def test_faults_are_those_of_the_table(report: Path) -> None:
    files = read_files(report)
    drawn = map_of(files, elsewhere=())
    assert drawn is not None
    table = files.images
    fault = np.array(drawn.data["fault"])
    assert (fault == FAULTS.index("copy")).sum() == table["is_unoriginal"].sum()
    repeats = table["is_unvaried"] & ~table["is_unoriginal"]
    assert (fault == FAULTS.index("repeat")).sum() == repeats.sum()
    assert drawn.shown == drawn.total == len(table)


def test_plots_tell_what_they_show(page: Any, report: Path) -> None:
    files = read_files(report)
    plots = audit_plots(files)
    assert len(plots) == 4
    roc = plots[0]
    line = roc.item["doc"]["roots"][0]["attributes"]["renderers"][1]["attributes"]["data_source"]
    held = dict(line["attributes"]["data"]["entries"])
    x, y = (
        np.frombuffer(unpacked(held[axis]["array"]["data"]), held[axis]["dtype"]) for axis in "xy"
    )
    assert np.trapezoid(y, x) == pytest.approx(files.scores["detector"]["auc"], abs=0.02)
    assert f"{files.scores['detector']['auc']:.3f}" in roc.spoken
    radius = files.scores["duplicates"]["radius"]
    for plot in plots[2:]:
        assert f"{radius:.4f}" in plot.spoken
        assert '"location":' in json.dumps(plot.item).replace(" ", "")
    for plot in plots:
        assert page.get_attribute(f"#{plot.name}", "aria-label") == plot.spoken
        assert page.locator(f"#{plot.name} canvas").count() > 0
    shares = [float(cell.rstrip("%")) for row in plots[1].rows for cell in row[1:]]
    assert sum(shares) == pytest.approx(200.0, abs=2.0)
