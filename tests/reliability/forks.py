"""The command in processes of its own, at the price of a fork: for thousands of runs.

``python -m tests.reliability.forks`` imports everything once; for each line of JSON that it reads
it forks, becomes ``synthaudit`` with those arguments, and answers how that ended. A run that hangs
is killed with all that it started.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

PROJECT: Final = Path(__file__).resolve().parents[2]
KINDS: Final = (
    *("open", "write", "fsync", "rename", "mkdir", "unlink", "truncate", "allocate", "mmap"),
    "link",
)
"""Calls that can be made to fail, in the order of ``shim.c``."""

KILL: Final = -1
ONCE: Final = 1000
_SHOWN: Final = 40_000


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A call that fails.

    Attributes:
        folder: only on files below it.
        call: one of ``KINDS``.
        nth: from which such call on.
        error: its errno, ``errno + ONCE`` for this one call only, ``KILL`` to be killed in its
            place, 0 to count calls only.
    """

    folder: Path
    call: str
    nth: int
    error: int

    @property
    def name(self) -> str:
        """What happens, for people."""
        if self.error == KILL:
            return "killed"
        once = " once" if self.error > ONCE else ""
        return f"{errno.errorcode[self.error % ONCE]}{once}"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run ended.

    Attributes:
        code: exit code; below 0 the signal that killed it.
        stdout, stderr: what it said.
        seconds: how long it took.
        is_late: whether it was killed because it took too long.
        calls: by kind, how many calls there were on files of the fault's folder.
    """

    code: int
    stdout: str
    stderr: str
    seconds: float
    is_late: bool
    calls: Mapping[str, int] = field(default_factory=dict)


class Forks:
    """A server of forks.

    Args:
        shim: the library of faults; None without faults.
    """

    def __init__(self, shim: Path | None = None) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        if shim is not None:
            environment |= {"LD_PRELOAD": str(shim), "SYNTHAUDIT_SHIM": str(shim)}
        # What a run says goes to files: a pipe would wait for whoever holds it open.
        self._folder = Path(tempfile.mkdtemp(prefix="forks-"))
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.forks", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env=environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(60)
        assert self._server.stdout is not None
        self._server.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(
        self,
        *arguments: object,
        cwd: Path,
        fault: Fault | None = None,
        seconds: float = 60.0,
        environment: Mapping[str, str] | None = None,
        clock: int = 0,
    ) -> Ended:
        """Run the command in a folder; ``clock`` is how many seconds the clock is ahead."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        asked: dict[str, Any] = {
            "arguments": [os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments],
            "cwd": str(cwd),
            "seconds": seconds,
            "environment": {"COLUMNS": "100", **(environment or {})},
            "clock": clock,
        }
        if fault is not None:
            asked["fault"] = [str(fault.folder), KINDS.index(fault.call), fault.nth, fault.error]
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        line = self._server.stdout.readline()
        if not line:
            raise RuntimeError("the server of forks has died")
        answer = json.loads(line)
        calls = dict(zip(KINDS, answer.pop("counts", ()), strict=False))
        return Ended(**answer, calls=calls)


def make_shim(folder: Path) -> Path | None:
    """Compile the library of faults; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        return None
    made = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, source, "-ldl"], check=True)
    return made


def _serve(folder: Path) -> None:
    _import_everything()
    shim = None
    if "SYNTHAUDIT_SHIM" in os.environ:
        shim = ctypes.CDLL(os.environ["SYNTHAUDIT_SHIM"])
    answers = os.fdopen(os.dup(1), "w")
    for number, line in enumerate(sys.stdin):
        asked = json.loads(line)
        # Files of its own: what clears up after a killed run may speak when the next one runs.
        said = folder / str(number)
        said.mkdir()
        if shim is not None:
            shim.fault_disarm()
        start = time.monotonic()
        process = os.fork()
        if process == 0:
            _become(asked, said, shim)
            return
        code, is_late = _wait(process, asked["seconds"])
        answer = {
            "code": code,
            "is_late": is_late,
            "seconds": round(time.monotonic() - start, 3),
            "stdout": _text(said / "stdout"),
            "stderr": _text(said / "stderr"),
        }
        shutil.rmtree(said, ignore_errors=True)
        if shim is not None and "fault" in asked:
            answer["counts"] = [shim.fault_count(kind) for kind in range(len(KINDS))]
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _become(asked: dict[str, Any], folder: Path, shim: Any) -> None:
    """In the child: what the command's process would be."""
    os.setsid()
    sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123 - for the life of the process
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(asked["cwd"])
    os.environ.update(asked["environment"])
    sys.argv = ["synthaudit", *asked["arguments"]]
    if shim is not None and "fault" in asked:
        place, kind, nth, error = asked["fault"]
        shim.fault_arm(os.fsencode(place), kind, nth, error)
    if shim is not None:
        shim.fault_clock(ctypes.c_long(asked["clock"]))
    from synthaudit.commands.application import main

    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    own = os.getpid()
    if Path(f"/proc/{own}/task/{own}/children").read_text().strip():
        # What clears up after the processes that decode belongs to what is tried.
        sys.exit(code)
    # Taking apart all that was imported takes a second, and does not.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _wait(process: int, seconds: float) -> tuple[int, bool]:
    end = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return -signal.SIGKILL, True
        time.sleep(0.003)
    return os.waitstatus_to_exitcode(status), False


def _text(file: Path) -> str:
    return file.read_bytes()[-_SHOWN:].decode("utf-8", "backslashreplace")


def _import_everything() -> None:
    from synthaudit.commands.application import COMMANDS

    for name in COMMANDS:
        importlib.import_module(f"synthaudit.commands.{name}")
    for name in (
        *("bokeh.embed", "faiss", "jinja2", "loky", "pandas", "pyarrow.parquet", "torch", "yaml"),
        *("scipy.stats", "sklearn.linear_model", "sklearn.manifold"),
        *("synthaudit.auditing.scoring", "synthaudit.gating.judging", "synthaudit.images.web"),
        *("synthaudit.inspecting.running", "synthaudit.reporting.files"),
        *("synthaudit.reporting.inspection", "synthaudit.sweeping.running"),
    ):
        importlib.import_module(name)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
