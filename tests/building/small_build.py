"""A small plan to build from: photos of two classes, and a generator that costs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.pictures import encoded, picture

POLICY = "[limits]\nunoriginal = {max = 0.5}\nunvaried = {max = 0.5}\n"
HOW = ("--obvious", "1.0", "--resamples", "20", "--permutations", "19", "--repeats", "1")


def write_real(folder: Path, images: int = 60, classes: tuple[str, ...] = ("frog", "cat")) -> Path:
    for number in range(images):
        file = folder / "real" / classes[number % len(classes)] / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(picture(number)))
    return folder / "real"


def write_plan(folder: Path, **changed: Any) -> Path:
    (folder / "synthaudit.toml").write_text(POLICY)
    build = {"images_per_class": 10, "policy": "synthaudit.toml", "rounds": 6}
    contents = {
        "real": "real",
        "embedder": "builtin",
        "generator": {"name": "gaussian", "spread": 1.5},
        "build": {**build, **changed.pop("build", {})},
        **changed,
    }
    file = folder / "plan.yaml"
    file.write_text(json.dumps(contents))
    return file


def metadata(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
