"""Is the cause named, and does --harmonise remove it? Writes reports/artefacts.md.

    python benchmarks/artefacts.py [--data ../shared/data]

Half of the real product photos are treated and audited against the untouched other half: there is
nothing to find but the treatment.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

import synthaudit
from synthaudit.images.traits import read_container

Treatment = Callable[[Image.Image, int], bytes]

COLUMNS = (
    "treatment",
    "detector AUC",
    "files' AUC",
    "traces' AUC",
    "matched AUC",
    "control AUC",
    "best trait",
    "not to be trusted",
    "detector AUC, harmonised",
)
PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared" / "data")
    files = sorted((parser.parse_args().data / "clothing").glob("*/*.jpg"))
    lines = [
        "# What the artefact audit finds",
        "",
        "Made by `python benchmarks/artefacts.py` with the `builtin` embedder. 200 product photos",
        "as they are against 200 others that were treated: only the treatment is to be found.",
        "Control: real photos given the treated side's size and codec, told from untouched ones.",
        "Matched: the detector's AUC with as many images as the control had.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for name, treatment in TREATMENTS.items():
        with tempfile.TemporaryDirectory() as scratch:
            real, treated = lay_out(files, treatment, Path(scratch))
            plain, alike = (audit(real, treated, harmonise=flag) for flag in (False, True))
        found = plain.artefacts
        cells = [
            name,
            f"{plain.detector['auc']:.2f}",
            f"{found['container_auc']:.2f}",
            f"{found['trace_auc']:.2f}",
            f"{found['matched_auc']:.2f}",
            f"{found['control_auc']:.2f}",
            ", ".join(f"{trait['name']} ({trait['auc']:.2f})" for trait in found["best"][:1]),
            "yes" if found["explains"] else "no",
            f"{alike.detector['auc']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    target = PROJECT / "reports" / "artefacts.md"
    target.write_text("\n".join(lines) + "\n")


def audit(real: Path, treated: Path, *, harmonise: bool) -> synthaudit.Audit:
    return synthaudit.score(
        real,
        treated,
        embedder="builtin",
        use_cache=False,
        harmonise=harmonise,
        permutations=19,
        resamples=20,
    )


def save(kind: str, **options: int) -> Treatment:
    def treat(image: Image.Image, _: int) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    return treat


def resize(down: float, up: float = 1.0) -> Treatment:
    def treat(image: Image.Image, quality: int) -> bytes:
        for factor in (down, up):
            size = (round(image.width * factor), round(image.height * factor))
            image = image.resize(size, Image.Resampling.BICUBIC)
        # At the photo's own quality, so that only the size tells.
        return save("JPEG", quality=quality)(image, quality)

    return treat


TREATMENTS: dict[str, Treatment | None] = {
    "none": None,
    "JPEG quality 50": save("JPEG", quality=50),
    "JPEG quality 10": save("JPEG", quality=10),
    "half the size": resize(0.5),
    "twice the size": resize(2.0),
    "a fifth, then back": resize(0.2, 5.0),
    "PNG": save("PNG"),
}


def lay_out(files: list[Path], treatment: Treatment | None, scratch: Path) -> tuple[Path, Path]:
    sides = scratch / "real", scratch / "treated"
    for number, file in enumerate(files):
        folder = sides[number % 2] / file.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        data = file.read_bytes()
        if number % 2 and treatment is not None:
            quality = round(read_container(data)["jpeg_quality"])
            data = treatment(Image.open(io.BytesIO(data)).convert("RGB"), quality)
        (folder / file.name).write_bytes(data)
    return sides


if __name__ == "__main__":
    main()
