"""What a GPU does: benchmarks/performance.py --device cuda. Random weights, no network, minutes.

Not run yet: no GPU was lent to those who wrote it.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

MODELS = ("ViT-B-32", "ViT-L-14")
IMAGES = 4096
BATCHES = 24
VECTORS, WIDTH = 200_000, 512


def report_of_gpu() -> str:
    """The whole report; it takes one call of under eight minutes."""
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("--device cuda needs a GPU that torch can see; there is none here.")
    device = torch.cuda.get_device_properties(0)
    lines = [
        "# Performance on a GPU",
        "",
        "Made by `python benchmarks/performance.py --device cuda`; random weights.",
        "",
        f"{device.name}, {device.total_memory / 2**30:.0f} GiB; torch {torch.__version__}.",
        "",
        *embedding_tables(),
        *search_table(),
    ]
    return "\n".join(lines) + "\n"


def timed(work: Callable[[], Any], *, runs: int = 3) -> float:
    """The fastest of some runs, the device's work included."""
    import torch

    best = float("inf")
    for _ in range(runs):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


def embedder(model: str, precision: str, *, compiled: bool = False) -> Any:
    """A model with random weights in the library's own embedder."""
    import open_clip
    import torch

    from synthaudit.embedding.torch_model import TorchEmbedder
    from synthaudit.images.decoding import Frame

    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    torch.manual_seed(0)
    made = open_clip.create_model(model, device="cuda").to(kinds[precision]).eval()
    size = made.visual.image_size
    edge = size if isinstance(size, int) else size[0]
    return TorchEmbedder(
        name=model,
        identity=f"random/{model}",
        encode=made.encode_image,
        frame=Frame(height=edge, width=edge, resizer="torch"),
        mean=(0.48, 0.46, 0.41),
        std=(0.27, 0.26, 0.28),
        device=torch.device("cuda"),
        dtype=kinds[precision],
        batch_size=None,
        compiled=compiled,
    )


def embedding_tables() -> list[str]:
    """The model's own limit by precision, the decode limit, and what the whole road reaches."""
    import torch

    rows, roads = [], []
    with tempfile.TemporaryDirectory() as scratch:
        make_photos(Path(scratch) / "photos")
        decoding = decode_rate(Path(scratch) / "photos")
        for model in MODELS:
            for precision in ("fp32", "fp16", "bf16"):
                made = embedder(model, precision)
                limit = model_rate(made)
                peak = torch.cuda.max_memory_allocated() / 2**30
                rows.append(f"| {model} | {precision} | {limit:,.0f} | {peak:.1f} |")
                if precision == "bf16":
                    whole, busy = road_rate(made, Path(scratch) / "photos")
                    share = whole / min(limit, decoding)
                    roads.append(
                        f"| {model} | {limit:,.0f} | {decoding:,.0f} | {whole:,.0f} | "
                        f"**{share:.0%}** | {busy:.0%} |"
                    )
                del made
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            for kind, rate in kernel_rates(model).items():
                rows.append(f"| {model} | bf16, {kind} | {rate:,.0f} | |")
        hardware = hardware_decoding(Path(scratch) / "photos")
    return [
        "## The model alone: pixels on the device, batches of 256",
        "",
        "| model | precision | images/s | peak GiB |",
        "|---|---|---|---|",
        *rows,
        "",
        "## The whole road: 512-pixel JPEGs to vectors, bf16",
        "",
        "| model | model's limit | decode limit | images/s | of the slower | device busy |",
        "|---|---|---|---|---|---|",
        *roads,
        "",
        *hardware,
    ]


def kernel_rates(model: str) -> dict[str, float]:
    """Images a second with ``--compiled``, and with a CUDA graph of the same work besides."""
    import torch

    made = embedder(model, "bf16", compiled=True)
    rates = {"compiled": model_rate(made)}
    # What the library does not do: whether it should is read off here.
    made._compiled = torch.compile(made._features, dynamic=False, mode="reduce-overhead")  # noqa: SLF001
    rates["compiled into a graph"] = model_rate(made)
    return rates


def hardware_decoding(folder: Path) -> list[str]:
    """JPEGs decoded by nvJPEG: how fast, and how far from the library's own pixels."""
    import torch
    from torchvision.io import decode_jpeg

    from synthaudit.images.decoding import open_rgb

    files = [file.read_bytes() for file in sorted(folder.glob("*.jpg"))[:512]]
    held = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in files]
    made = decode_jpeg(held[:64], device="cuda")
    gaps = [
        np.abs(
            np.asarray(open_rgb(data), np.int16) - image.permute(1, 2, 0).cpu().numpy().astype(int)
        )
        for data, image in zip(files, made, strict=False)
    ]
    batches = [held[start : start + 64] for start in range(0, len(held), 64)]
    seconds = timed(lambda: [decode_jpeg(batch, device="cuda") for batch in batches])
    return [
        "## nvJPEG, by torchvision: 512-pixel JPEGs to pixels on the device",
        "",
        f"{len(held) / seconds:,.0f} images/s; grey levels from the library's own pixels:",
        f"mean {np.mean(gaps):.2f}, most {np.max(gaps)}.",
        "",
    ]


def make_photos(folder: Path) -> None:
    """Noisy 512-pixel JPEGs."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        coarse = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((512, 512), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90, comment=str(number).encode())
        (folder / f"{number:05d}.jpg").write_bytes(buffer.getvalue())


class Discard:
    """An embedder that does nothing: what remains is reading and decoding."""

    name = "discard"
    dimension = 1
    fingerprint = "discard"
    device = "cpu"
    batch_size = 256

    def __init__(self, frame: Any) -> None:
        self.frame = frame

    def encode(self, pixels: Any) -> Any:
        """A number for each image."""
        return np.ones((len(pixels), 1), np.float32)


def run_road(made: Any, folder: Path) -> float:
    """Seconds from a folder to vectors, nothing remembered."""
    from synthaudit.embedding.cache import VectorCache
    from synthaudit.embedding.extraction import extract
    from synthaudit.images.folders import open_folder
    from synthaudit.progress import NoProgress

    collection = open_folder(folder, "photos")
    start = time.perf_counter()
    extract(
        collection,
        made,
        VectorCache(None),
        workers=None,
        max_pixels=10**9,
        progress=NoProgress(),
    )
    return time.perf_counter() - start


def decode_rate(folder: Path) -> float:
    """Images a second that all cores decode."""
    from synthaudit.images.decoding import Frame

    idle = Discard(Frame(height=224, width=224, resizer="torch"))
    run_road(idle, folder)  # the worker processes start
    return IMAGES / min(run_road(idle, folder) for _ in range(2))


def road_rate(made: Any, folder: Path) -> tuple[float, float]:
    """Images a second from files to vectors, and the share of the time that the device computes."""
    run_road(made, folder)
    made.busy_seconds = 0.0
    seconds = run_road(made, folder)
    return IMAGES / seconds, made.busy_seconds / seconds


def model_rate(made: Any) -> float:
    """Images a second of the model, its batch already on the device."""
    import torch

    frame = made.frame
    batch = torch.randint(
        0, 255, (256, frame.height, frame.width, 3), dtype=torch.uint8, device="cuda"
    )

    def work() -> None:
        with torch.inference_mode():
            for _ in range(BATCHES):
                made._compute(batch)  # noqa: SLF001 - the road without its two ends

    work()
    return BATCHES * 256 / timed(work)


def search_table() -> list[str]:
    """Nearest neighbours of 200,000 vectors: torch on the GPU, and FAISS where it has one."""
    import faiss
    import torch

    from synthaudit.measures.search.neighbours import Directions, nearest

    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((VECTORS, WIDTH), dtype=np.float32)
    directions, everyone = Directions(vectors), np.arange(VECTORS)
    few = everyone[:2048]
    by_cpu = nearest(directions, few, everyone)
    unit = torch.from_numpy(directions.unit).cuda()

    def by_torch(count: int) -> Any:
        found = []
        for start in range(0, count, 4096):
            similar = unit[start : start + 4096] @ unit.T
            found.append(similar.topk(5, dim=1).indices)
        return torch.cat(found)

    places = by_torch(len(few)).cpu().numpy()
    same = float((places[:, :2] == by_cpu.index[:, :1]).any(axis=1).mean())
    rows = [f"| torch | {timed(lambda: by_torch(VECTORS)):.2f} | {same:.4f} |"]
    if hasattr(faiss, "StandardGpuResources"):
        index = faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), WIDTH)
        index.add(directions.unit)
        _, places = index.search(directions.unit[: len(few)], 5)
        same = float((places[:, :2] == by_cpu.index[:, :1]).any(axis=1).mean())
        seconds = timed(lambda: index.search(directions.unit, 5))
        rows.append(f"| FAISS GpuIndexFlat | {seconds:.2f} | {same:.4f} |")
    return [
        "## Nearest of 200,000 x 512 among themselves",
        "",
        "Agreement: of 2,048 queries, how many have the neighbour that the CPU finds.",
        "",
        "| what | s | agreement |",
        "|---|---|---|",
        *rows,
    ]
