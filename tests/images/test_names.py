"""Names that are no text, or more than text: audited like others, and led back to their files."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import synthaudit as package
from synthaudit.errors import UsageError
from synthaudit.images.opening import open_source
from synthaudit.names import is_odd, read_name, write_name
from tests.conftest import Run
from tests.pictures import encoded, picture

ODD = [
    b"\xff\xfe.jpg",
    "naïve café.jpg".encode("latin-1"),
    "中文.jpg".encode("gbk"),
    "日本.jpg".encode("shift-jis"),
    b"new\nline.jpg",
    b"::error::carriage\rreturn.jpg",
    b"escape \x1b[31m red.jpg",
    b"back\\slash.jpg",
    b"\\x41.jpg",
    b"lone \xed\xa0\x80 surrogate.jpg",
    "right to left \u202egpj.jpg".encode(),
    b"<img src=x onerror=alert(1)>.jpg",
    b"quotes \" ' `.jpg",
    b"%0A%00.jpg",
    b"\xc3\x28.jpg",
    b" .jpg",
]
CLASS = b"bird\xe9\n::warning::"


@given(st.binary(max_size=40))
def test_any_bytes_are_written_as_text_and_read_back(name: bytes) -> None:
    raw = os.fsdecode(name)
    written = write_name(raw)
    assert read_name(written) == raw
    assert os.fsencode(read_name(written)) == name
    written.encode("utf-8")
    assert not is_odd(written.replace("\\", ""))
    assert write_name(written) != written or not is_odd(raw)


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_two_names_are_written_alike(first: str, second: str) -> None:
    assert (write_name(first) == write_name(second)) == (first == second)


def test_usual_names_are_written_as_they_are() -> None:
    for name in ("a/b.png", "Grüße 中文 🙂.jpg", "100 %.png", 'it\'s "quoted" <b>&.png'):
        assert write_name(name) == name
    assert write_name(os.fsdecode(b"caf\xe9.png")) == r"caf\xe9.png"
    assert write_name("two\nlines\x1b\\") == r"two\u000alines\u001b\\"


@pytest.fixture(scope="module")
def sides(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """The same images under plain names and under odd ones, in the same order."""
    roots = {}
    for kind in ("plain", "odd"):
        root = tmp_path_factory.mktemp(kind)
        both = []
        for side in ("real", "synthetic"):
            tail = b"\xf1" if kind == "odd" and side == "synthetic" else b""
            both.append(Path(os.fsdecode(os.fsencode(root / side) + tail)))
            for folder in sorted((photos / "cifake" / side).iterdir())[1:4]:
                label = CLASS if kind == "odd" and folder.name == "bird" else folder.name.encode()
                place = both[-1] / os.fsdecode(label)
                place.mkdir(parents=True)
                for number, file in enumerate(sorted(folder.iterdir())[:40]):
                    last = ODD[number % len(ODD)] if kind == "odd" and number < 24 else b".jpg"
                    shutil.copy(file, place / os.fsdecode(b"%04d" % number + last))
        roots[kind] = (both[0], both[1])
    return roots


def test_scores_are_those_of_plain_names_and_every_row_leads_to_its_file(
    sides: dict[str, tuple[Path, Path]], tmp_path: Path, synthaudit: Run
) -> None:
    found = {}
    for kind, both in sides.items():
        out = tmp_path / f"{kind} \udcff"
        options = ("--embedder", "builtin", "--quick", "--details", "--quiet", "--out", out)
        done = synthaudit("score", *both, *options, "--keep", tmp_path / f"{kind}.csv")
        assert done.returncode == 0, done.stderr
        assert not any(is_odd(line.replace("\\", "")) for line in done.stdout.splitlines())
        assert not any(line.startswith("::") for line in done.stdout.splitlines())
        found[kind] = json.loads((out / "scores.json").read_text("utf-8"))
        for name in ("unrealistic", "unrepresentative", "unvaried", "unoriginal"):
            assert found[kind][name] == found["plain"][name]
        tables = [
            pd.read_parquet(io.BytesIO((out / "images.parquet").read_bytes())),
            pd.read_csv(out / "images.csv"),
            pd.read_csv(tmp_path / f"{kind}.csv").assign(side="synthetic"),
        ]
        for table in tables:
            for row in table.itertuples():
                root = both[0] if row.side == "real" else both[1]
                assert (root / read_name(row.path)).is_file()
        page = (out / "report.html").read_text("utf-8")
        assert "<img src=x" not in page
    assert found["odd"]["counts"] == found["plain"]["counts"]
    assert write_name(os.fsdecode(CLASS)) in found["odd"]["classes"]


def test_what_comes_after_an_audit_takes_them_too(
    sides: dict[str, tuple[Path, Path]], tmp_path: Path, synthaudit: Run
) -> None:
    out = tmp_path / "audit"
    options = ("--embedder", "builtin", "--quick", "--quiet", "--out", out)
    assert synthaudit("score", *sides["odd"], *options).returncode == 0
    label = write_name(os.fsdecode(CLASS))
    limit = f'[limits]\n"classes.{label}.unrealistic" = {{max = 0.0}}\n'.replace("\\", "\\\\")
    (tmp_path / "policy.toml").write_text(limit)
    summary = tmp_path / "summary.md"
    gate = synthaudit(
        *("gate", out, "--policy", "policy.toml", "--junit", tmp_path / "junit.xml", "--github"),
        GITHUB_STEP_SUMMARY=str(summary),
    )
    assert gate.returncode == 1, gate.stderr
    commands = [line for line in gate.stdout.splitlines() if line.startswith("::")]
    assert len(commands) == 1
    assert commands[0].startswith("::error title=synthaudit")
    ET.parse(tmp_path / "junit.xml")
    assert not any(line.startswith("::") for line in summary.read_text().splitlines())
    for command in (("report", out), ("compare", out, out), ("inspect", sides["odd"][1])):
        done = synthaudit(*command)
        assert done.returncode == 0, done.stderr
        assert not any(line.startswith("::") for line in done.stdout.splitlines())


def test_what_was_written_is_read_back_as_a_manifest(
    sides: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    whole = open_source(sides["odd"][1])
    table = pd.DataFrame({"path": [entry.path for entry in whole.entries]})
    manifest = sides["odd"][1] / "manifest.csv"
    table.to_csv(manifest, index=False)
    again = open_source(manifest)
    manifest.unlink()
    assert not again.unreadable
    # However often it is written and read.
    assert [entry.path for entry in again.entries] == [entry.path for entry in whole.entries]
    assert [entry.location.read() for entry in again.entries] == [
        entry.location.read() for entry in whole.entries
    ]


def test_a_row_that_may_mean_two_files_means_neither(tmp_path: Path) -> None:
    for number, name in enumerate((b"p\xe9.jpg", b"p\\xe9.jpg", b"q.jpg")):
        (tmp_path / os.fsdecode(name)).write_bytes(encoded(picture(number)))
    (tmp_path / "list.csv").write_text("path\np\\xe9.jpg\np\\\\xe9.jpg\nq.jpg\n")
    found = open_source(tmp_path / "list.csv")
    (lost,) = found.unreadable
    assert "it means two files" in lost.reason
    assert [entry.path for entry in found.entries] == [r"p\\xe9.jpg", "q.jpg"]
    first = found.entries[0].location.read()
    assert first == (tmp_path / os.fsdecode(b"p\\xe9.jpg")).read_bytes()


def test_paths_that_no_system_can_have_are_refused() -> None:
    with pytest.raises(UsageError, match=r"null.*is no path: embedded null byte"):
        package.score("null\0byte", "synthetic", embedder="builtin")
    with pytest.raises(UsageError, match=r"aaa\.\.\. is longer than paths may be"):
        package.score("a" * 10_000, "synthetic", embedder="builtin")
