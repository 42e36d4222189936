"""Are trainings stopped before they learn by heart, and only then? Writes reports/tuning.md.

python benchmarks/tuning.py [--seeds 3] [--device cpu]

Tiny random models whose decoder was taught smooth pictures in seconds: what is planted is whether
there is anything to learn by heart. It takes some minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from synthaudit.tuning.result import Tuning, smoothed
from synthaudit.tuning.running import tune

PROJECT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT)]

from tests.tiny_diffusion import save_reading_model  # noqa: E402

REPORT: Final = PROJECT / "reports" / "tuning.md"
STEPS: Final = 400
CASES: Final = {
    "four pictures of one scene": (4, 6),
    "four different pictures": (4, None),
    "200 different pictures": (200, None),
}


def pictures(folder: Path, seed: int, count: int, noise: int | None) -> None:
    """A class to be taught, and forty pictures of another one that tell what is near."""
    rng = np.random.default_rng(seed)

    def smooth() -> Any:
        small = Image.fromarray(rng.integers(0, 256, (2, 2, 3), dtype=np.uint8))
        return np.asarray(small.resize((32, 32), Image.Resampling.BICUBIC), dtype=int)

    scene = smooth()
    for name, own in (("frog", count), ("toad", 40)):
        (folder / name).mkdir(parents=True)
        for number in range(own):
            pixels = smooth()
            if name == "frog" and noise is not None:
                pixels = scene + rng.integers(-noise, noise + 1, scene.shape)
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(
                folder / name / f"{number}.png"
            )


def taught(folder: Path, model: Path, seed: int, device: str, learning_rate: float) -> Tuning:
    (found,) = tune(
        folder / "real",
        out=folder / "lora",
        name="frog",
        model=str(model),
        prior_images=0,
        steps=STEPS,
        audit_every=50,
        checkpoint_every=STEPS,
        batch_size=16,
        learning_rate=learning_rate,
        rank=64,
        layers="all",
        resolution=32,
        guidance_scale=1.0,
        sample_steps=20,
        samples=16,
        seed=seed,
        device=device,
        embedder="builtin",
        local_files_only=True,
    )
    return found


def row(case: str, seed: int, found: Tuning, seconds: float) -> str:
    last, loss = found.audits[-1], smoothed([own.instance for own in found.losses])
    stop = "no" if found.stop is None else f"step {found.stop.step}, {found.stop.measure}"
    cells = (
        case,
        str(seed),
        f"{loss[0]:.2f} to {loss[-1]:.2f}",
        f"{last.unoriginal} of {last.samples}",
        f"{last.unvaried} of {last.samples}",
        stop,
        f"{seconds:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        model = save_reading_model(Path(name) / "model", lessons=300)
        for case, (count, noise) in CASES.items():
            for seed in range(asked.seeds):
                folder = Path(name) / f"{count}-{noise}-{seed}"
                pictures(folder / "real", seed, count, noise)
                start = time.perf_counter()
                found = taught(folder, model, seed, asked.device, asked.learning_rate)
                rows.append(row(case, seed, found, time.perf_counter() - start))
                print(rows[-1], flush=True)
    head = f"""# Stopped before it learns by heart

`python benchmarks/tuning.py --seeds {asked.seeds}`, on {asked.device}: tiny random models, taught
with a LoRA of rank 64 on all layers for {STEPS} steps at most, audited every 50 with 16 samples.
Alone the number of pictures differs, and whether they are of one scene. Seconds are of the training
with its audits.

| taught from | seed | loss | copies at the end | repeats at the end | stopped | seconds |
|---|---|---|---|---|---|---|
"""
    tail = """
Real models were not here: at which step a LoRA of Stable Diffusion learns its images by heart is
not measured.
"""
    REPORT.write_text(head + "\n".join(rows) + "\n" + tail)


if __name__ == "__main__":
    main()
