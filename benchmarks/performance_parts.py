"""What the sections of benchmarks/performance.py share: where things are, runs and tables."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
STAGES = Path(__file__).with_name("performance_stages.py")
AUDITS = Path(__file__).with_name("performance_audit.py")
PEERS = PROJECT / ".venv-peers" / "bin" / "python"
ORACLES = PROJECT / ".venv-oracles" / "bin" / "python"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the data are, where to write, and what the machine can do."""

    data: Path
    scratch: Path
    limits: dict[str, float]


def stage(
    name: str,
    *arguments: object,
    python: Path | str = sys.executable,
    script: Path = STAGES,
) -> Any:
    command = [python, script, name, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]
