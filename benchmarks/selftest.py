"""What the audit can see on real images, and how long that takes. Writes reports/selftest.md.

python benchmarks/selftest.py [--data ../shared/data]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import synthaudit
from synthaudit.reporting.selftest import selftest_markdown

PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared" / "data")
    data = parser.parse_args().data
    lines = [
        "# The smallest fault that is seen",
        "",
        "Made by `python benchmarks/selftest.py` with the `builtin` embedder and an empty cache.",
        "",
    ]
    # Paths as a user in the data folder would give them: none of this machine's are committed.
    os.chdir(data)
    for name in ("clothing", "cifake/real"):
        with tempfile.TemporaryDirectory() as cache:
            start = time.perf_counter()
            found = synthaudit.selftest(name, embedder="builtin", cache=cache)
            seconds = time.perf_counter() - start
        lines += [f"## {name}", "", f"Took {seconds:.0f} s on {os.cpu_count()} cores.", ""]
        lines += [selftest_markdown(found), ""]
        print(name, f"{seconds:.0f} s", flush=True)
    (PROJECT / "reports" / "selftest.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
