"""``synthaudit score`` as a user runs it: what is printed, written and answered."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthaudit.commands.application import COMMANDS
from tests.pictures import encoded, picture

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_table_names_scores_culprits_and_files(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    copy = two_sides[1] / "cat" / "copy.png"
    copy.write_bytes(encoded(picture(2)))
    done = synthaudit("score", *two_sides, "--embedder", "builtin", "--out", "audit", "--details")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "30 real, 31 synthetic images; embedder builtin; definition default"
    for name in ("unrealistic", "unrepresentative", "unvaried", "unoriginal"):
        figures = r" +0\.\d{3} +0\.\d{3}-[01]\.\d{3} +\S+ +\S+ +<?[01]\.\d{3}$"
        assert any(re.match(name + figures, line.rstrip()) for line in lines)
    start = lines.index("Copies of real images")
    assert lines[start + 1] == "  1 seen by embedding and by pattern of light"
    assert lines[start + 2] == f"  0.000 {copy} of {two_sides[0] / 'dog' / '02.png'}"
    assert "Worst classes" in lines
    assert lines[-1].startswith("Written to audit: report.html, report.md, scores.json")
    assert (tmp_path / "audit" / "scores.json").exists()


def test_json_is_pure_and_the_same_as_the_file(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    done = synthaudit("score", *two_sides, "--format", "json", "--out", "audit")
    assert done.returncode == 0
    assert json.loads(done.stdout)["provenance"]["embedder"] == "builtin"
    assert done.stdout == (tmp_path / "audit" / "scores.json").read_text()
    assert done.stderr.startswith("warning: embedder: builtin, since the CLIP weights")


def test_every_input_format_gives_the_same_scores(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    real, synthetic = two_sides
    files = sorted(synthetic.rglob("*.png"))
    rows = [{"path": str(f.relative_to(tmp_path)), "class": f.parent.name} for f in files]
    table = pd.DataFrame(rows)
    table.to_csv(tmp_path / "s.csv", index=False)
    table.to_json(tmp_path / "s.jsonl", orient="records", lines=True)
    table.to_parquet(tmp_path / "s.parquet")
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        for file in files:
            archive.add(file, file.relative_to(synthetic))
    results = []
    for source in (synthetic, "s.csv", "s.jsonl", "s.parquet", "s.tar", "*.tar"):
        done = synthaudit("score", real, source, "-q", "--format", "json")
        assert done.returncode == 0, done.stderr
        scores = json.loads(done.stdout)
        results.append([scores["unrealistic"], scores["unvaried"], scores["classes"]])
    assert all(result == results[0] for result in results)


def test_vectors(synthaudit: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("real", "synthetic"):
        np.save(tmp_path / f"{name}.npy", rng.standard_normal((50, 8)))
    done = synthaudit("score", "real.npy", "synthetic.npy", "--definition", "cleanlab")
    assert done.returncode == 0, done.stderr
    assert "Cleanlab Studio's definitions" in done.stdout


def test_vectors_on_disk_change_no_number(synthaudit: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for side in ("real", "synthetic"):
        np.save(tmp_path / f"{side}.npy", rng.standard_normal((60, 8)))
    run = ("score", "real.npy", "synthetic.npy", "--quick", "--format", "json")
    inside, outside = synthaudit(*run), synthaudit(*run, "--memory", "0")
    assert (inside.returncode, outside.returncode) == (0, 0), outside.stderr
    assert "kept in files" in outside.stderr
    assert inside.stdout == outside.stdout
    done = synthaudit(*run, "--memory", "-1")
    assert done.returncode == 2
    assert "memory" in done.stderr


def test_keep_writes_a_verdict_on_every_synthetic_image(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    (two_sides[1] / "cat" / "copy.png").write_bytes(encoded(picture(2)))
    done = synthaudit("score", *two_sides, "--embedder", "builtin", "--quick", "--keep", "keep.csv")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "keep.csv", keep_default_na=False).set_index("path")
    assert len(table) == 31
    assert table.loc["cat/copy.png", "reason"] == "it copies a real image"
    assert (table["reason"] == "").equals(table["is_kept"])
    assert f"Worth keeping: {table['is_kept'].sum()} of 31" in done.stdout
    bad = synthaudit("score", *two_sides, "--embedder", "builtin", "-q", "--keep", "no/such/x.csv")
    assert bad.returncode == 2
    assert "no/such/x.csv cannot be written" in bad.stderr


@pytest.mark.parametrize(
    ("option", "place", "reason"),
    [
        ("--keep", "no/such/x.csv", "no/such is no folder to write to"),
        ("--keep", "real", "it is a folder"),
        ("--out", "taken.csv", "taken.csv is a file"),
        ("--out", "taken.csv/deeper", "taken.csv is a file"),
        ("--out", "swept", "swept holds a sweep (sweep.json)"),
    ],
)
def test_what_cannot_be_written_is_told_before_the_work(
    option: str, place: str, reason: str, synthaudit: Run, tmp_path: Path
) -> None:
    """Neither side exists, which would be told next."""
    (tmp_path / "real").mkdir()
    (tmp_path / "taken.csv").write_text("mine")
    (tmp_path / "swept").mkdir()
    (tmp_path / "swept" / "sweep.json").write_text("{}")
    done = synthaudit("score", "nowhere", "elsewhere", "--embedder", "builtin", option, place)
    assert done.returncode == 2
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "taken.csv").read_text() == "mine"


CASES = {
    "missing": (["nowhere", "synthetic"], "nowhere does not exist; expected a folder of images"),
    "same": (["real", "real"], "give two different sets"),
    "empty": (["empty", "synthetic"], "there are no images in empty"),
    "no-embedder": (["real", "synthetic", "--embedder", "dino"], "there is no embedder 'dino'"),
    "no-weights": (["real", "synthetic", "--embedder", "clip"], "hf download laion/CLIP"),
    "bad-share": (["real", "synthetic", "--max-unreadable", "5"], "max-unreadable should be less"),
    "bad-folds": (
        ["real", "synthetic", "--folds", "1"],
        "folds should be greater than or equal to 2",
    ),
    "bad-radius": (["real", "synthetic", "--duplicate-distance", "0"], "duplicate-distance should"),
    "unreadable": (["real", "broken"], "2 of 2 synthetic images are unreadable"),
    "out-is-file": (["real", "synthetic", "--out", "file"], "cannot be written to file"),
    "unknown-option": (["real", "synthetic", "--sead", "1"], "No such option: --sead"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gets_one_sentence_and_exit_code_2(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path, case: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "file").touch()
    for name in "ab":
        (tmp_path / "broken" / f"{name}.png").write_bytes(b"broken")
    arguments, message = CASES[case]
    options = [] if "--embedder" in arguments else ["--embedder", "builtin"]
    done = synthaudit("score", *arguments, *options, "-q")
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    if case != "unknown-option":
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


def test_a_few_unreadable_files_do_not_stop_it(
    synthaudit: Run, two_sides: tuple[Path, Path]
) -> None:
    (two_sides[0] / "cat" / "x.png").write_bytes(b"broken")
    done = synthaudit("score", *two_sides, "--embedder", "builtin")
    assert done.returncode == 0
    assert "1 unreadable" in done.stdout.splitlines()[0]
    assert synthaudit("score", *two_sides, "--max-unreadable", "0").returncode == 2


def test_failed_writing_leaves_nothing_half_written(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "out" / "scores.json").mkdir(parents=True)
    (tmp_path / "out" / "mine.txt").write_text("mine")
    done = synthaudit("score", *two_sides, "--embedder", "builtin", "--out", "out")
    assert done.returncode == 2
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"
    assert not list((tmp_path / "out").glob(".partial*"))


def test_an_interrupt_answers_130(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    for number in range(3000):
        (two_sides[0] / f"{number}.png").symlink_to(two_sides[0] / "cat" / "01.png")
    slow = tmp_path / "slow.py"
    slow.write_text(
        # A shell in the background hands on that interrupts are ignored; a terminal does not.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import time, synthaudit.embedding.builtin as b\n"
        "encode = b.BuiltinEmbedder.encode\n"
        "def wait(self, pixels):\n"
        "    print('working', flush=True)\n"
        "    time.sleep(60)\n"
        "    return encode(self, pixels)\n"
        "b.BuiltinEmbedder.encode = wait\n"
        "from synthaudit.commands.application import main\n"
        "main()\n"
    )
    command = [sys.executable, slow, "score", *two_sides, "--embedder", "builtin", "--no-cache"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "interrupted; run the same command again to go on."
    assert "Traceback" not in errors


def test_progress_shows_rates_on_a_terminal_and_only_on_stderr(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import time, synthaudit.embedding.extraction as e\n"
        "take = e._Run._take\n"
        "def wait(self, files):\n"
        "    time.sleep(1.5)\n"
        "    take(self, files)\n"
        "e._Run._take = wait\n"
        "from synthaudit.commands.application import main\n"
        "main()\n"
    )
    command = [sys.executable, slow, "score", *two_sides, "--embedder", "builtin"]
    command += ["--no-cache", "--quick"]
    main, side = pty.openpty()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=side,
        text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(side)
    seen = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            part = os.read(main, 4096)
        except OSError:
            break
        if not part:
            break
        seen += part
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"embedding" in seen
    assert b"/30" in seen
    assert "embedding" not in output


def test_help_comes_at_once_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom synthaudit.commands.application import COMMANDS\n"
        "heavy = {'torch', 'numpy', 'pandas', 'sklearn', 'faiss', 'PIL', 'pydantic', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_reference_lists_every_option(synthaudit: Run) -> None:
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "command-line.md").read_text()
    for name in COMMANDS:
        done = synthaudit(name, "--help", COLUMNS="200")
        assert done.returncode == 0
        for option in re.findall(r"(--[a-z][a-z-]+)", done.stdout):
            assert option in reference or option == "--help", (name, option)


def test_the_version(synthaudit: Run) -> None:
    assert re.fullmatch(r"synthaudit \d+\.\d+\.\d+\n", synthaudit("--version").stdout)
