"""Pictures of a report: within the budget, of archives too, small enough that all fit."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import synthaudit
from synthaudit.images.collection import FileLocation
from synthaudit.reporting.files import write_all
from synthaudit.reporting.html.thumbnails import GALLERY_EDGE, MAP_EDGES, Thumbnails
from tests.pictures import encoded, picture


def test_an_archive_has_larger_pictures_in_the_page(tmp_path: Path) -> None:
    for side in ("real", "synthetic"):
        with tarfile.open(tmp_path / f"{side}.tar", "w") as archive:
            for number in range(8):
                file = tmp_path / f"{number}.png"
                # The first two of the synthetic ones are copies, which the page shows.
                seed = number if side == "real" or number < 2 else number + 100
                file.write_bytes(encoded(picture(seed, 700)))
                archive.add(file, f"{number}.png")
    audit = synthaudit.score(
        tmp_path / "real.tar", tmp_path / "synthetic.tar",
        embedder="builtin", quick=True, use_cache=False,
    )  # fmt: skip
    for megabytes in (15.0, 2.0):
        write_all(audit, tmp_path / "out", megabytes=megabytes)
        table = pd.read_parquet(tmp_path / "out" / "thumbnails.parquet")
        sizes = [max(Image.open(io.BytesIO(data)).size) for data in table["webp"]]
        # Two copies and their originals are shown; smaller pages have smaller pictures.
        assert sorted(sizes)[-4:] == [700] * 4 if megabytes > 2 else max(sizes) <= 700
        assert (tmp_path / "out" / "report.html").stat().st_size < megabytes * 1e6


def locations(folder: Path, count: int, size: int) -> dict[tuple[str, str], FileLocation]:
    found = {}
    for number in range(count):
        file = folder / f"{number}.png"
        noise = np.random.default_rng(number).integers(0, 255, (size, size, 3), dtype=np.uint8)
        Image.fromarray(noise).save(file)
        found["real", str(number)] = FileLocation(str(file))
    return found


def edges(made: Thumbnails) -> set[int]:
    return {max(Image.open(io.BytesIO(data)).size) for data in made.made.values()}


def test_the_map_gets_the_largest_pictures_at_which_all_fit(tmp_path: Path) -> None:
    places = locations(tmp_path, 80, 120)
    whole = Thumbnails(places, budget=10**9, max_pixels=10**6)
    whole.add_all(places, MAP_EDGES)
    assert edges(whole) == {96}
    total = sum(map(len, whole.made.values()))
    less = Thumbnails(places, budget=total // 2, max_pixels=10**6)
    less.add_all(places, MAP_EDGES)
    assert len(less.made) == 80
    assert max(edges(less)) < 96
    assert sum(map(len, less.made.values())) <= total // 2
    least = Thumbnails(places, budget=2000, max_pixels=10**6)
    least.add_all(places, MAP_EDGES)
    assert 0 < len(least.made) < 80
    assert edges(least) == {32}


def test_unreadable_and_missing_images_have_no_picture(tmp_path: Path) -> None:
    places = locations(tmp_path, 3, 30)
    (tmp_path / "1.png").write_bytes(b"broken")
    (tmp_path / "2.png").unlink()
    made = Thumbnails(places, budget=10**6, max_pixels=10**6)
    made.add([*places, ("real", "nowhere")], GALLERY_EDGE)
    assert list(made.made) == [("real", "0")]
    assert edges(made) == {90}  # tiny images are enlarged to whole multiples of their pixels
    small = Thumbnails(places, budget=10**6, max_pixels=100)
    small.add(places, GALLERY_EDGE)
    assert small.made == {}


def test_a_picture_wanted_twice_counts_twice(tmp_path: Path) -> None:
    places = locations(tmp_path, 1, 100)
    key = next(iter(places))
    made = Thumbnails(places, budget=10**6, max_pixels=10**6)
    made.add([key], GALLERY_EDGE)
    size = len(made.made[key])
    tight = Thumbnails(places, budget=int(1.5 * size), max_pixels=10**6)
    tight.add([key, key], GALLERY_EDGE)
    assert tight.made == {}


def test_members_of_archives_have_pictures(tmp_path: Path) -> None:
    for side, offset in (("real", 0), ("synthetic", 100)):
        with tarfile.open(tmp_path / f"{side}.tar", "w") as archive:
            for number in range(24):
                data = encoded(picture(offset + number))
                entry = tarfile.TarInfo(f"{number:02d}.png")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    audit = synthaudit.score(
        tmp_path / "real.tar",
        tmp_path / "synthetic.tar",
        embedder="builtin",
        use_cache=False,
        quick=True,
    )
    synthaudit.write_report(audit, audit.write(tmp_path / "out"))
    assert len(pd.read_parquet(tmp_path / "out" / "thumbnails.parquet")) == 48
