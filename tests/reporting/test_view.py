"""The server of one report: all images at full size, decisions saved, nobody else let in."""

from __future__ import annotations

import asyncio
import html
import json
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect

import synthaudit as package
from synthaudit.errors import DataError
from synthaudit.reporting.files import write_all
from synthaudit.reporting.serving import Report, make_application
from tests.conftest import Run
from tests.pictures import encoded, picture

TOKEN = "a-token-of-the-test"


@pytest.fixture(scope="module")
def copied(report: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report with its images beside it, to be written to."""
    root = tmp_path_factory.mktemp("viewed") / "report"
    shutil.copytree(report.parent, root)
    return root / report.name


@pytest.fixture(scope="module")
def served(copied: Path) -> Iterator[str]:
    """The address of ``synthaudit view``."""
    command = [sys.executable, "-m", "synthaudit", "view", str(copied), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        assert "decisions.csv" in process.stdout.read()
        assert process.wait(20) == 0


def ask(folder: Path, method: str, path: str, **options: Any) -> tuple[int, bytes, dict[str, str]]:
    """One request to the application, without a socket of our own."""
    from aiohttp.test_utils import TestClient, TestServer

    async def run() -> tuple[int, bytes, dict[str, str]]:
        application = make_application(Report(folder), TOKEN)
        async with TestClient(TestServer(application)) as client:
            answer = await client.request(method, path, **options)
            return answer.status, await answer.read(), dict(answer.headers)

    # The browser's driver has a loop of its own in this thread.
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(lambda: asyncio.run(run())).result()


def test_the_page_shows_files_at_full_size_and_saves_decisions(
    browser: Any, served: str, copied: Path
) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{30,}/", served)
    page = browser.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("request", lambda request: heard.append(request.url))
    page.goto(served)
    page.wait_for_selector("html[data-ready]")
    page.wait_for_selector("html[data-drawn]")
    page.select_option("#gallery", "unoriginal")
    page.click("#review-pictures .picture >> nth=0")
    expect(page.locator("#pair .size").first).to_have_text("48 x 48")
    path = page.eval_on_selector("#review-pictures figure", "f => f.dataset.path")
    page.keyboard.press("d")
    expect(page.locator("#decided")).to_have_text("0 kept, 1 dropped.")
    page.wait_for_load_state("networkidle")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.inner_text("#decided") == "0 kept, 1 dropped."
    page.close()
    table = pd.read_csv(copied / "decisions.csv", keep_default_na=False).set_index("path")
    assert not table.loc[path, "is_kept"]
    assert len(table) == 52
    origin = served.rsplit("/", 2)[0]
    assert all(text.startswith((origin, "data:")) for text in heard), heard


def test_the_page_is_the_same_as_that_of_the_file(browser: Any, served: str, report: Path) -> None:
    seen = []
    for address in (served, (report / "report.html").as_uri()):
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        page.wait_for_selector("html[data-drawn]")
        seen.append((page.inner_text("#findings ~ *"), page.inner_text("#contents"),
                     page.locator("#gallery option").count()))  # fmt: skip
        page.close()
    assert seen[0] == seen[1]


def test_nobody_is_let_in_without_the_token_or_by_another_name(copied: Path) -> None:
    good = f"/{TOKEN}/"
    status, body, headers = ask(copied, "GET", good)
    assert status == 200
    assert "default-src 'none'" in html.unescape(body.decode())
    assert headers["X-Content-Type-Options"] == "nosniff"
    for path, options in (
        ("/", {}),
        ("/wrong/", {}),
        ("/wrong/data.json", {}),
        (good, {"headers": {"Host": "evil.example:80"}}),
        (good, {"headers": {"Sec-Fetch-Site": "cross-site"}}),
        (f"{good}../scores.json", {}),
        (f"{good}image/..%2f..%2fetc%2fpasswd", {}),
        (f"{good}image/999999", {}),
    ):
        assert ask(copied, "GET", path, **options)[0] == 404, path


def test_images_are_given_by_number_alone(copied: Path) -> None:
    table = Report(copied).files.images
    row = int(table.index[table["path"] == "<b>cat/repeat 3.png"][0])
    status, body, headers = ask(copied, "GET", f"/{TOKEN}/image/{row}")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert body == (copied.parent / "synthetic" / "<b>cat" / "repeat 3.png").read_bytes()
    status, body, headers = ask(copied, "GET", f"/{TOKEN}/image/{row}?edge=64")
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    assert body[:4] == b"RIFF"
    known = json.loads(ask(copied, "GET", f"/{TOKEN}/data.json")[1])
    assert known["images"]["columns"]["path"] == table["path"].tolist()


def test_what_is_no_list_of_decisions_is_not_written(copied: Path) -> None:
    file = copied / "decisions.csv"
    before = file.read_bytes() if file.exists() else None
    for text in ("anything", "path,is_kept,reason\na.png,perhaps,\n"):
        status, body, _ = ask(copied, "PATCH", f"/{TOKEN}/decisions.csv", data=text)
        assert status == 400
        assert b"should" in body
    assert (file.read_bytes() if file.exists() else None) == before
    assert ask(copied, "PATCH", f"/{TOKEN}/scores.json", data="x")[0] == 404


def test_two_windows_decide_beside_each_other(copied: Path) -> None:
    place, head = f"/{TOKEN}/decisions.csv", "path,is_kept,reason\n"
    paths = [f"<b>cat/repeat {number}.png" for number in range(3)]
    ask(copied, "PATCH", place, data=f"{head}{paths[0]},False,one\n{paths[1]},True,seen\n")
    text = ask(copied, "PATCH", place, data=f"{head}{paths[2]},False,two\n{paths[1]},,\n")[1]
    assert text == (copied / "decisions.csv").read_bytes()
    table = pd.read_csv(copied / "decisions.csv", keep_default_na=False).set_index("path")
    assert table.loc[paths, "is_kept"].tolist() == [False, True, False]
    assert table.loc[paths, "reason"].tolist() == ["one", "", "two"]
    (copied / "decisions.csv").write_text("something else\n")
    with pytest.raises(DataError, match="Move it elsewhere"):
        Report(copied)
    (copied / "decisions.csv").unlink()


def test_moved_images_leave_the_small_pictures(copied: Path, tmp_path: Path) -> None:
    shutil.copytree(copied, tmp_path / "alone")
    found = Report(tmp_path / "alone")
    assert len(found.warnings()) == 2
    assert all("not where they were" in sentence for sentence in found.warnings())
    status, body, headers = ask(tmp_path / "alone", "GET", f"/{TOKEN}/image/3?edge=192")
    assert (status, headers["Content-Type"], body[:4]) == (200, "image/webp", b"RIFF")
    assert ask(tmp_path / "alone", "GET", f"/{TOKEN}/image/3")[0] == 404


def test_images_in_an_archive_are_shown_too(tmp_path: Path) -> None:
    for side in ("real", "synthetic"):
        with tarfile.open(tmp_path / f"{side}.tar", "w") as archive:
            for number in range(6):
                file = tmp_path / f"{number}.png"
                file.write_bytes(encoded(picture(number + 100 * (side == "real"))))
                archive.add(file, f"cat/{number}.png")
    audit = package.score(
        tmp_path / "real.tar", tmp_path / "synthetic.tar",
        embedder="builtin", quick=True, use_cache=False,
    )  # fmt: skip
    write_all(audit, tmp_path / "out")
    status, body, _ = ask(tmp_path / "out", "GET", f"/{TOKEN}/image/7")
    assert status == 200
    assert body == encoded(picture(1))
    (tmp_path / "real.tar").unlink()
    with pytest.raises(DataError, match="are not where they were"):
        Report(tmp_path / "out")


def test_what_cannot_be_viewed_is_told(tmp_path: Path, synthaudit: Run, report: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = synthaudit("view", tmp_path / "empty", "--no-browser")
    assert done.returncode == 2
    assert "scores.json" in done.stderr
    shutil.copytree(report, tmp_path / "old")
    (tmp_path / "old" / "about.json").unlink()
    done = synthaudit("view", tmp_path / "old", "--no-browser")
    assert done.returncode == 2
    assert "does not say where its images are" in done.stderr
