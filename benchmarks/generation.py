"""Do generators make what diffusers makes, whoever makes it and whatever happens, and how fast?

Run: python benchmarks/generation.py [--only PART ...]
     python benchmarks/generation.py --device cuda    (one GPU of 40 GB or more; under 8 minutes)

Tiny randomly initialised models; nothing is downloaded. Writes reports/generation.md, or
reports/generation-gpu.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "benchmarks")]

import numpy as np  # noqa: E402
import yaml  # noqa: E402
from generation_gpu import report_of_gpu  # noqa: E402
from PIL import Image  # noqa: E402

from synthaudit.errors import PlanError  # noqa: E402
from synthaudit.generation.adaptive_scale import draw_scale  # noqa: E402
from synthaudit.generation.jobs import seed_of  # noqa: E402
from synthaudit.generation.models.families import describe  # noqa: E402
from synthaudit.generation.models.schedulers import scheduler_names  # noqa: E402
from tests.generation.equality import (  # noqa: E402
    CASES,
    answer,
    generator_of,
    jobs_of,
    pixels,
    real_images,
)
from tests.generation.test_hub import files_like_stable_diffusion  # noqa: E402
from tests.pictures import encoded, picture  # noqa: E402
from tests.tiny_additions import save_adapter  # noqa: E402
from tests.tiny_families import NAMES, save_family  # noqa: E402

WITH_ADAPTERS = ("sd1", "sdxl", "sd3", "flux1-dev")
PROMPTS = ("a dog", "a painting of a small boat on a river with tall trees", "a red cat", "x")
SPEED = {"images": 24, "steps": 10, "size": 64}


def families_part(place: Path) -> list[str]:
    """Every family by every case."""
    pictures = real_images(place)
    rows, sentences = [], {}
    for name in NAMES:
        generator, model = generator_of(pictures), family_of(place, name)
        cells = []
        for options in CASES.values():
            found = answer(generator, model, pictures, options)
            if found.refused:
                own = describe(model).family
                said = found.refused.replace("FAMILY" if own is None else own.name, "FAMILY")
                number = sentences.setdefault(said, len(sentences) + 1)
                cells.append(f"refused ({number})")
            else:
                cells.append(found.text)
        rows.append([name, *cells])
    told = [f"{number}. {sentence}" for sentence, number in sentences.items()]
    return [*table(["family", *CASES], rows), "", *told]


def schedulers_part(place: Path) -> list[str]:
    """How many schedulers are taken by each family."""
    pictures, rows = real_images(place), []
    for name in NAMES:
        generator, model, taken = generator_of(pictures), family_of(place, name), []
        for scheduler in scheduler_names():
            try:
                generator.check(jobs_of(model, scheduler=scheduler)[0])
            except PlanError:
                continue
            taken.append(scheduler.removesuffix("Scheduler"))
        rows.append([name, f"{len(taken)} of {len(scheduler_names())}", ", ".join(taken)])
    return table(["family", "taken", "which"], rows)


def batches_part(place: Path) -> list[str]:
    """Image j by itself and among others, with and without image prompts."""
    pictures, rows = real_images(place), []
    for name in NAMES:
        model = family_of(place, name)
        rows.append([name, *_levels(pictures, model)])
        if name in WITH_ADAPTERS:
            adapter = save_adapter(place / f"adapter-{name}", model)
            rows.append(
                [f"{name}, image prompts", *_levels(pictures, model, adapter, references="real")]
            )
    head = ["family", "batches of 4 twice", "1 against 4: most grey levels", "images that differ"]
    return table(head, rows)


def _levels(
    pictures: Path, model: Path, adapter: dict[str, Any] | None = None, **options: Any
) -> list[str]:
    if adapter is not None:
        options |= {"adapter": adapter, "adapter_scale": 0.9}

    def made(size: int) -> Any:
        jobs = jobs_of(model, PROMPTS * 2, batch_size=size, **options)
        return pixels(generator_of(pictures), jobs).astype(int)

    first, again, alone = made(4), made(4), made(1)
    apart = np.abs(first - alone).max(axis=(1, 2, 3))
    same = "the same bytes" if (first == again).all() else "DIFFER"
    return [same, str(int(apart.max())), f"{int((apart > 0).sum())} of {len(apart)}"]


def runs_part(place: Path) -> list[str]:
    """The same images whoever makes them and whatever happens to them."""
    rows = []
    for name in ("sd1", "flux1-schnell"):
        folder = place / f"runs-{name}"
        plan = write_plan(folder, family_of(place, name))
        whole = images_of(run(plan, folder / "whole"))
        for what, made in (
            ("once more, elsewhere", lambda f=folder, p=plan: run(p, f / "again")),
            ("kill -9 after 7 images, then --resume", lambda f=folder, p=plan: killed(p, f / "k")),
            ("--shard 1/2 and 2/2 at once", lambda f=folder, p=plan: shards(p, f / "shards")),
            (
                "--device cpu,cpu, one of the two killed",
                lambda f=folder, p=plan: workers(p, f / "workers"),
            ),
        ):
            rows.append([name, what, *compared(whole, images_of(made()))])
    return table(["family", "how", "digests", "same bytes", "most grey levels"], rows)


def write_plan(folder: Path, model: Path) -> Path:
    """Two arms of 16 images of two subjects; PNG, so that levels are levels."""
    for number in range(40):
        side = folder / "real" / ("cat" if number % 2 else "dog")
        side.mkdir(parents=True, exist_ok=True)
        (side / f"{number:03d}.png").write_bytes(encoded(picture(number, 32)))
    how = {"name": "diffusers", "model": str(model), "steps": 3, "size": 32, "batch_size": 4}
    plan = {
        "real": str(folder / "real"),
        "embedder": "builtin",
        "images_per_arm": 16,
        "generator": {**how, "local_files_only": True},
        "prompt": "{style} of a {subject}",
        "axes": {"style": ["a photo", "a long and winding description of a painting"]},
    }
    file = folder / "plan.yaml"
    file.write_text(yaml.safe_dump(plan))
    return file


def begin(plan: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    """A sweep in a process of its own."""
    command = [sys.executable, "-m", "synthaudit", "sweep", str(plan), "--out", str(out), "--quick"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([*command, *more], cwd=PROJECT, start_new_session=True, **quiet)


def run(plan: Path, out: Path, *more: str) -> Path:
    """A sweep to its end."""
    if begin(plan, out, *more).wait() != 0:
        raise SystemExit(f"the sweep in {out} has failed")
    return out


def killed(plan: Path, out: Path) -> Path:
    """Killed with all that it has begun, and gone on with."""
    process = begin(plan, out)
    while len(images_of(out)) < 7 and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return run(plan, out, "--resume")


def shards(plan: Path, out: Path) -> Path:
    """Two halves at once, and then what both have made."""
    for process in [begin(plan, out, "--shard", f"{own}/2") for own in (1, 2)]:
        process.wait()
    return run(plan, out, "--resume")


def workers(plan: Path, out: Path) -> Path:
    """Two workers, one of which is killed at work."""
    process = begin(plan, out, "--device", "cpu,cpu")
    while process.poll() is None:
        time.sleep(0.02)
        own = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        children = own.read_text().split() if own.exists() and images_of(out) else []
        commands = {child: Path(f"/proc/{child}/cmdline").read_text() for child in children}
        spawned = [c for c, text in commands.items() if "loky" in text and "tracker" not in text]
        if spawned:
            os.kill(int(spawned[0]), signal.SIGKILL)
            break
    if process.wait() != 0:
        raise SystemExit(f"the sweep in {out} has failed")
    return out


def images_of(out: Path) -> dict[str, bytes]:
    """The images of a store by their digests."""
    files = (out / "store").glob("??/[!.]*.png")
    return {file.stem: file.read_bytes() for file in files}


def compared(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Digests, files and pixels of two stores."""
    import io

    both = sorted(set(one) & set(other))
    levels = [
        int(np.abs(np.subtract(*(_pixels(io.BytesIO(side[name])) for side in (one, other)))).max())
        for name in both
    ]
    digests = f"{len(both)} of {len(one)} the same" + (
        "" if len(other) == len(one) else f", {len(other)} there"
    )
    return [digests, f"{levels.count(0)} of {len(levels)}", str(max(levels, default=0))]


def _pixels(file: Any) -> Any:
    return np.asarray(Image.open(file).convert("RGB")).astype(int)


def fetching_part(place: Path) -> list[str]:
    """What is fetched of a repository like that of Stable Diffusion 1.5."""
    files = files_like_stable_diffusion(family_of(place, "sd1"))
    heavy = (".safetensors", ".bin", ".ckpt")
    weights = {name: len(data) for name, data in files.items() if name.endswith(heavy)}
    plain = re.compile(r"[^.]+\.safetensors")
    taken = {
        name: size
        for name, size in weights.items()
        if "/" in name
        and plain.fullmatch(name.rpartition("/")[2])
        and not name.startswith("extras/")
    }
    whole, needed = sum(weights.values()), sum(taken.values())
    share = needed / whole
    said = (
        f"Of {len(weights)} files of weights, with variants and formats in the proportions of "
        f"Stable Diffusion 1.5's repository, {len(taken)} are fetched, {share:.0%} of the bytes: "
        "those that `DiffusionPipeline.download` takes. Before, all were "
        "(`tests/generation/test_hub.py` holds both against each other over loopback)."
    )
    return [said]


def scales_part(_: Path) -> list[str]:
    """The adaptive scale against its distribution."""
    from scipy.stats import kstest, truncnorm

    rows = []
    for score in (0.05, 0.3, 0.31, 0.6, 0.95):
        for references in (1, 4, 16):
            low, high = (0.1, 0.4) if score > 0.3 else (0.7, 0.9)
            mean, spread = 1.0 - score, 0.05 * references
            seeds = [seed_of(0, f"{score} {references}", number) for number in range(1000)]
            drawn = [draw_scale(score, references, seed) for seed in seeds]
            law = truncnorm((low - mean) / spread, (high - mean) / spread, mean, spread)
            again = drawn == [draw_scale(score, references, seed) for seed in seeds]
            test = kstest(drawn, law.cdf)
            rows.append(
                [f"{score}", f"{references}", f"{test.pvalue:.2f}", "yes" if again else "NO"]
            )
    return table(["CLIPScore", "references", "p (1,000 draws)", "the same twice"], rows)


def speed_part(place: Path) -> list[str]:
    """Images a second against a plain loop over the pipeline, in turns."""
    import diffusers
    import torch

    model, pictures = family_of(place, "sd1"), real_images(place)
    count, size, steps = (SPEED[name] for name in ("images", "size", "steps"))
    inner = diffusers.DiffusionPipeline.from_pretrained(model, local_files_only=True)
    inner.set_progress_bar_config(disable=True)
    jobs = jobs_of(model, ["a photo of a dog"] * count, size=size, steps=steps, batch_size=4)
    generator = generator_of(pictures)
    next(iter(generator.make(jobs[:1])))
    ratios, busy = [], []
    for _ in range(3):
        start = time.perf_counter()
        for at in range(0, count, 4):
            seeds = [torch.Generator("cpu").manual_seed(job.seed) for job in jobs[at : at + 4]]
            how = {"width": size, "height": size, "num_inference_steps": steps}
            inner(prompt=[job.prompt for job in jobs[at : at + 4]], generator=seeds, **how)
        plain = time.perf_counter() - start
        start = time.perf_counter()
        made = list(generator.make(jobs))
        own = time.perf_counter() - start
        ratios.append(plain / own)
        busy.append(sum(float(one.facts["seconds"]) for one in made) / own)
    said = (
        f"{count} images of {size} pixels, {steps} steps, batches of 4, one tiny U-Net on the CPU: "
        f"{np.median(ratios):.2f} times the images a second of a plain loop over the pipeline "
        f"({', '.join(f'{ratio:.2f}' for ratio in ratios)}); the pipeline computes "
        f"{np.median(busy):.1%} of the time."
    )
    return [said]


PARTS: dict[str, Callable[[Path], list[str]]] = {
    "Families": families_part,
    "Schedulers": schedulers_part,
    "Batches": batches_part,
    "Runs": runs_part,
    "Fetching": fetching_part,
    "Adaptive scale": scales_part,
    "Speed": speed_part,
}
TEXTS = {
    "Families": "Two images of each family and case, 3 steps, 32 pixels, by the generator and by "
    "the pipeline called by hand. Equal means to the last byte.",
    "Schedulers": "Those that are taken make images with the tiny models "
    "(`tests/generation/test_every_family.py`); the others are refused beforehand.",
    "Batches": "Eight images with prompts of four lengths. What is promised: in batches of equal "
    "size and make-up the same bytes; otherwise two grey levels of 255 at most, from the order in "
    "which sums are taken. Models that read what fills prompts up (CogView4) and image prompts "
    "share no batch with others.",
    "Runs": "32 images of two arms, by the command, against one undivided run.",
    "Fetching": "A stand-in of the hub on loopback.",
    "Adaptive scale": "1,000 draws with a sweep's own seeds, against SciPy's truncated normal "
    "(Kolmogorov-Smirnov).",
    "Speed": "In one run, in turns, three times; the median. On a GPU: not measured yet.",
}


def family_of(place: Path, name: str) -> Path:
    """The folder of a family's tiny model."""
    folder = place / "models" / name
    return folder if folder.is_dir() else save_family(name, folder)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    arguments.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    given = arguments.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if given.device == "cuda":
        (PROJECT / "reports" / "generation-gpu.md").write_text(report_of_gpu())
        return
    file = PROJECT / "reports" / "generation.md"
    parts = {}
    if file.exists():
        found = re.split(r"^## (.+)$", file.read_text(), flags=re.MULTILINE)
        parts = {name: body.strip() for name, body in zip(found[1::2], found[2::2], strict=True)}
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.only:
            parts[name] = "\n".join([TEXTS[name], "", *PARTS[name](Path(scratch))])
            file.write_text(_page(parts))


def _page(parts: dict[str, str]) -> str:
    lines = ["# Generation", "", "Made by `python benchmarks/generation.py`: tiny models, CPU."]
    for name in PARTS:
        lines += ["", f"## {name}", "", parts[name]] if name in parts else []
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
