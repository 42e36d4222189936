"""The map in a real browser: the right picture under the pointer, galleries, the keyboard."""

from __future__ import annotations

import base64
import gzip
import json
import re
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthaudit.reporting.html.page_images import FAULTS, faults_of
from synthaudit.reporting.html.plots import audit_plots
from synthaudit.result.reading import read_files
from tests.reporting.browsing import opened

# Where a point is on the screen, by Bokeh's own scales.
PLACE = """n => {
  const plot = synthaudit.model("map"), view = Bokeh.index.find_one_by_id(plot.id);
  const box = view.canvas_view.el.getBoundingClientRect();
  const { x, y } = synthaudit.data().columns;
  return [box.left + view.frame.x_scale.compute(x[n]), box.top + view.frame.y_scale.compute(y[n])];
}"""


@pytest.fixture
def points(page: Any) -> dict[str, Any]:
    data = page.evaluate("synthaudit.data()")
    found: dict[str, Any] = {**data["columns"], "classes": data["classes"]}
    page.locator("#map-plot").scroll_into_view_if_needed()
    page.wait_for_selector("html[data-map]")
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
    sides = page.eval_on_selector_all("#map-chosen figure", "all => all.map(f => f.dataset.side)")
    assert len(sides) == 60
    # As many of one side as of the other, those with faults first.
    assert sides.count("real") == sides.count("synthetic") == 30
    numbers = page.eval_on_selector_all("#map-chosen figure", "all => all.map(f => +f.dataset.n)")
    bad = [points["fault"][n] > 0 for n in numbers[:30]]
    assert bad == sorted(bad, reverse=True)
    page.click("#map-drop")
    assert page.inner_text("#decided") == f"0 kept, {sum(points['side'])} dropped."
    page.click("#decisions-clear")
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
    chosen = page.eval_on_selector_all("#map-chosen figure", "all => all.map(f => +f.dataset.n)")
    assert gap[chosen].max() <= np.sort(gap)[23] + 1e-9
    page.keyboard.press("Escape")
    assert not page.is_visible("#map-chosen")


def test_colours_shapes_and_a_legend_that_toggles(page: Any, points: dict[str, Any]) -> None:
    first = [bits and (bits & -bits).bit_length() for bits in points["fault"]]
    faults = [("nothing", *FAULTS)[number] for number in sorted(set(first))]
    legend = {"side": ["real", "synthetic"], "class": points["classes"], "fault": faults}
    for choice, names in legend.items():
        page.select_option("#map-colour", choice)
        shown = page.eval_on_selector_all("#map-legend li", "all => all.map(e => e.innerText)")
        assert shown == names
        colours = page.evaluate("[...synthaudit.model('map-points').data.colour]")
        assert 1 < len(set(colours)) <= len(names)
    shapes = page.evaluate("[...synthaudit.model('map-points').data.shape]")
    assert shapes.count("triangle") == sum(points["side"])
    assert shapes.count("circle") == len(points["side"]) - sum(points["side"])
    page.select_option("#map-colour", "side")
    sides = page.evaluate("[...synthaudit.model('map-points').data.shape]")
    # Nobody lies on top: among the last drawn there are both.
    assert 0 < sides[-20:].count("circle") < 20
    page.click("#map-legend button:has-text('real')")
    assert set(page.evaluate("[...synthaudit.model('map-points').data.shape]")) == {"triangle"}
    assert page.get_attribute("#map-legend button:has-text('real')", "aria-pressed") == "false"
    page.click("#map-legend button:has-text('real')")
    page.fill("#search", "repeat 3")
    page.wait_for_timeout(600)  # the map follows once the typing pauses
    alpha = page.evaluate("[...synthaudit.model('map-points').data.alpha]")
    assert sum(a > 0.5 for a in alpha) == sum("repeat 3" in path for path in points["path"])
    assert page.heard.messages == []


def test_a_lasso_selects_what_it_goes_around(page: Any, points: dict[str, Any]) -> None:
    page.select_option("#map-drag", "lasso")
    page.locator("#map-plot").scroll_into_view_if_needed()
    number = lonely(points)
    x, y = page.evaluate(PLACE, number)
    page.mouse.move(x - 9, y - 9)
    page.mouse.down()
    for dx, dy in ((9, -9), (9, 9), (-9, 9), (-9, -9)):
        page.mouse.move(x + dx, y + dy, steps=3)
    page.mouse.up()
    page.wait_for_selector("#map-chosen figure")
    paths = page.eval_on_selector_all("#map-chosen figure", "all => all.map(f => f.dataset.path)")
    assert points["path"][number] in paths
    assert len(paths) < 10


def test_examples_stand_for_the_parts_of_the_map(page: Any) -> None:
    page.locator("#map-plot").scroll_into_view_if_needed()
    page.wait_for_selector("html[data-map]")
    marks = page.evaluate("synthaudit.model('map-landmarks').data.url")
    assert len(marks) == len(page.evaluate("synthaudit.page.landmarks")) >= 2
    assert all(mark.startswith("data:image/webp") for mark in marks)
    page.uncheck("#map-marks")
    assert page.evaluate("synthaudit.model('map-marks-pictures').visible") is False


def test_a_finger_scrolls_the_page_and_taps_a_point(browser: Any, report: Path) -> None:
    for phone in opened(
        browser,
        report / "report.html",
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
    ):
        assert phone.input_value("#map-drag") == "scroll"
        phone.locator("#map-plot").scroll_into_view_if_needed()
        phone.wait_for_selector("html[data-map]")
        numbers = phone.evaluate("synthaudit.data().columns")
        x, y = phone.evaluate(PLACE, lonely(numbers))
        phone.touchscreen.tap(x, y)
        phone.wait_for_selector("#map-chosen figure")
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390


# Machado, Oliveira and Fernandes, A physiologically-based model for simulation of color vision
# deficiency, 2009: at severity 1, on linear RGB.
BLINDNESS = {
    "none": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def lab(colour: str, blindness: str) -> np.ndarray[Any, Any]:
    """CIE L*a*b* of a colour as it is seen."""
    rgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(BLINDNESS[blindness]) @ linear, 0, 1)
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ seen
        / [0.9505, 1.0, 1.089]
    )
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_the_colour_blind_tell_the_colours_apart(blindness: str) -> None:
    script = resources("synthaudit.reporting.html.templates").joinpath("map.js").read_text()
    row = re.search(r"const palette = \[(.*)\];", script)
    assert row is not None
    palette = re.findall(r"#[0-9a-f]{6}", row[1])
    style = resources("synthaudit.reporting.html.templates").joinpath("page.css").read_text()
    sides = [re.findall(rf"--{side}: (#[0-9a-f]{{6}})", style) for side in ("real", "synthetic")]
    sets = [palette, *(list(pair) for pair in zip(*sides, strict=True))]
    assert len(palette) == 8
    for colours in sets:
        seen = np.stack([lab(colour, blindness) for colour in colours])
        gap = np.linalg.norm(seen[:, None] - seen[None], axis=2)
        np.fill_diagonal(gap, np.inf)
        assert gap.min() > 9.0, (blindness, colours)


def test_faults_are_those_of_the_table(report: Path) -> None:
    table = read_files(report).images
    bits = faults_of(table, 0.95)
    for name, flags in (
        ("copy", table["is_unoriginal"]),
        ("repeat", table["is_unvaried"]),
        ("wrong class", table["is_wrong_label"]),
    ):
        assert ((bits >> FAULTS.index(name) & 1) == flags.to_numpy()).all()


def test_plots_tell_what_they_show(page: Any, report: Path) -> None:
    files = read_files(report)
    plots = audit_plots(files)
    assert len(plots) == 4
    page.evaluate("synthaudit.whole()")
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
