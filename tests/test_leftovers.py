"""What killed runs have left: the next run clears it, and nothing else."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synthaudit import leftovers
from synthaudit.leftovers import clear, clear_semaphores, draft_prefix, scratch_folder
from synthaudit.result.writing import write_files


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def of_process(process: int, name: str = "x") -> str:
    return draft_prefix().replace(f"-{os.getpid()}-", f"-{process}-") + name


def test_drafts_of_the_dead_go_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / of_process(dead_process())).write_text("half")
    folder = tmp_path / of_process(dead_process(), "folder")
    folder.mkdir()
    (folder / "file").write_text("half")
    kept = [
        tmp_path / of_process(os.getpid()),  # at work
        tmp_path / of_process(1),  # somebody else's
        tmp_path / ".partial-mine",
        tmp_path / ".partial-00000000-7-other-machine",
        tmp_path / "results.json",
    ]
    for file in kept:
        file.write_text("whole")
    clear(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    week = time.time() - 8 * 86_400
    os.utime(kept[3], (week, week))
    clear(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(file for file in kept if file != kept[3])
    clear(tmp_path / "none")


def test_writing_clears_what_a_killed_run_left(tmp_path: Path) -> None:
    (tmp_path / of_process(dead_process())).mkdir()
    write_files(tmp_path, {"a.txt": "text"})
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_scratch_folders_of_killed_runs_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    script = (
        "import os, signal, tempfile\n"
        "from synthaudit.leftovers import scratch_folder\n"
        "with scratch_folder() as folder:\n"
        "    (folder / 'file').write_text('x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with scratch_folder() as folder:
        assert list(tmp_path.iterdir()) == [folder]
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="semaphores lie in files on Linux only")
def test_semaphores_of_the_dead_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_SEMAPHORES", tmp_path)
    names = {
        "old": f"sem.loky-{dead_process()}-a",
        "young": f"sem.loky-{dead_process()}-b",
        "alive": f"sem.loky-{os.getpid()}-c",
        "other": "sem.mp-7-d",
    }
    hours = time.time() - 7200
    for what, name in names.items():
        (tmp_path / name).write_text("")
        if what != "young":
            os.utime(tmp_path / name, (hours, hours))
    clear_semaphores()
    assert {file.name for file in tmp_path.iterdir()} == set(names.values()) - {names["old"]}


def test_machines_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    own = draft_prefix()
    monkeypatch.setattr(platform, "node", lambda: "another")
    assert draft_prefix() != own
