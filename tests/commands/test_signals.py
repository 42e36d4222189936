"""Whatever ends a run, it says so by its exit code and leaves no process and no shared memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthaudit.generation.command import _run

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
SLOW = """
import sys, time, synthaudit.embedding.builtin as b
encode = b.BuiltinEmbedder.encode
def wait(self, pixels):
    print('working', flush=True)
    time.sleep(60)
    return encode(self, pixels)
b.BuiltinEmbedder.encode = wait
from synthaudit.commands.application import main
main()
"""


def processes_of(session: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, own = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(own) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def shared() -> set[str]:
    return (
        {file.name for file in Path("/dev/shm").glob("*")} if Path("/dev/shm").is_dir() else set()
    )


@pytest.fixture
def running(two_sides: tuple[Path, Path], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """An audit whose decoding processes have begun, in a session of its own."""
    for number in range(2000):
        (two_sides[0] / f"{number}.png").symlink_to(two_sides[0] / "cat" / "01.png")
    (tmp_path / "slow.py").write_text(SLOW)
    # Interrupts ignored, as a shell leaves them to what a script starts in the background.
    shell = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
    command = [*shell, sys.executable, tmp_path / "slow.py", "score", *two_sides]
    process = subprocess.Popen(
        [*command, "--embedder", "builtin", "--no-cache", "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    assert len(processes_of(process.pid)) > 2
    yield process
    for left in processes_of(process.pid):
        os.kill(left, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize(
    ("sign", "code", "said"),
    [
        (signal.SIGINT, 130, "interrupted; run the same command again to go on."),
        (signal.SIGTERM, 143, "terminated; run the same command again to go on."),
        (signal.SIGKILL, -9, None),
    ],
)
def test_nothing_is_left_of_a_run_that_is_ended(
    running: subprocess.Popen[str], sign: signal.Signals, code: int, said: str | None
) -> None:
    running.send_signal(sign)
    assert running.wait(timeout=30) == code
    deadline = time.monotonic() + 20
    while processes_of(running.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(running.pid) == []
    if said is not None:
        assert running.stderr is not None
        errors = running.stderr.read()
        assert errors.splitlines()[-1] == said
        assert "Traceback" not in errors
    own = {name for name in shared() if f"-{running.pid}-" in name}
    assert own == set()


def test_a_program_that_takes_too_long_ends_with_all_that_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        _run(["sh", "-c", f"sleep 50 & echo $! > {mark}; wait"], "", 1.0)
    time.sleep(0.2)
    stat = Path(f"/proc/{mark.read_text().strip()}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_what_a_program_leaves_running_does_not_hold_it_up() -> None:
    start = time.monotonic()
    done = _run(["sh", "-c", "cat; echo said >&2; sleep 30 &"], "asked", 20.0)
    assert (done.returncode, done.stdout, done.stderr) == (0, "asked", "said\n")
    assert time.monotonic() - start < 15
