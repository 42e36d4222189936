"""What benchmarks/performance.py measures: each function runs in a process of its own.

    python benchmarks/performance_stages.py NAME ARGUMENTS...

The last line of output is JSON with the answer; peers run by their own Python.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DIMENSION = 512
KINDS = 200
EDGE = 224
Seconds = float


def best_of(runs: int, work: Callable[[], Any]) -> Seconds:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def limits() -> dict[str, float]:
    """What this machine can do: float32 products and memory copies, all cores and one."""
    from threadpoolctl import threadpool_limits

    square = np.random.default_rng(0).standard_normal((3000, 3000), dtype=np.float32)
    flops = 2 * 3000**3
    every = flops / best_of(5, lambda: square @ square)
    with threadpool_limits(1):
        one = flops / best_of(3, lambda: square @ square)
    large = np.zeros(100_000_000, np.uint8)
    target = np.empty_like(large)
    copied = 2 * len(large) / best_of(5, lambda: np.copyto(target, large))
    return {"gigaflops": every / 1e9, "one_core": one / 1e9, "gigabytes": copied / 1e9}


def pictures(data: str, kind: str) -> list[bytes]:
    """Photos of one size and format, noise added so that they are as hard as camera files."""
    from PIL import Image

    size = (4000, 3000) if kind == "JPEG 12 MP" else (512, 512)
    codec, options = {
        "JPEG 512": ("JPEG", {"quality": 90}),
        "JPEG 12 MP": ("JPEG", {"quality": 90}),
        "PNG 512": ("PNG", {}),
        "WebP 512": ("WEBP", {"quality": 90}),
    }[kind]
    rng = np.random.default_rng(0)
    made = []
    for file in sorted(Path(data, "clothing").rglob("*.jpg"))[: 4 if size[0] > 512 else 16]:
        image = Image.open(file).convert("RGB").resize(size, Image.Resampling.BICUBIC)
        noisy = np.asarray(image) + rng.normal(0, 5, (size[1], size[0], 3))
        buffer = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, codec, **options)
        made.append(buffer.getvalue())
    return made


def pixels(data: str, kind: str) -> dict[str, Any]:
    """Bytes to a model's pixels in one thread: ours, and open_clip's own transform."""
    import torch
    from open_clip.transform import image_transform
    from PIL import Image

    from synthaudit.images import decoding
    from synthaudit.images.decoding import Frame, decode

    torch.set_num_threads(1)
    files = pictures(data, kind)
    frame = Frame(height=EDGE, width=EDGE, resizer="torch")
    theirs = image_transform(EDGE, is_train=False, mean=(0, 0, 0), std=(1, 1, 1))

    def run(one: Callable[[bytes], Any]) -> Seconds:
        work = lambda: [one(data) for data in files]  # noqa: E731
        work()
        return best_of(7, work) / len(files)

    def as_bytes(data: bytes) -> Any:
        return (theirs(Image.open(io.BytesIO(data))) * 255).round().permute(1, 2, 0).numpy()

    def pillow(data: bytes) -> Any:
        return Image.open(io.BytesIO(data)).convert("RGB")

    ours = run(lambda data: decode(data, frame))
    answer = {
        "open_clip": run(lambda data: theirs(Image.open(io.BytesIO(data)))),
        "pillow": run(pillow),
        "ours": ours,
    }
    gaps = [np.abs(decode(data, frame) - as_bytes(data)) for data in files]
    answer |= {"mean": float(np.mean(gaps)), "p99": float(np.percentile(gaps, 99))}
    answer["most"], answer["beyond"] = float(np.max(gaps)), float((np.array(gaps) > 2).mean())
    decoding.simplejpeg = None
    answer["ours_without_fast"] = run(lambda data: decode(data, frame))
    return answer


class PlainDataset:
    """Files through open_clip's transform, as a recipe would have it."""

    def __init__(self, files: list[str]) -> None:
        from open_clip.transform import image_transform

        self.files = files
        self.transform = image_transform(EDGE, is_train=False)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> Any:
        from PIL import Image

        return self.transform(Image.open(self.files[number]))


def pipeline(data: str, whose: str) -> dict[str, float]:
    """A folder of photos to batches of pixels with two workers, three times over."""
    files = [str(file) for file in sorted(Path(data, "clothing").rglob("*.jpg"))] * 3
    if whose == "open_clip":
        from torch.utils.data import DataLoader

        loader = DataLoader(PlainDataset(files), batch_size=32, num_workers=2)  # type: ignore[arg-type]
        work: Callable[[], int] = lambda: sum(len(batch) for batch in loader)  # noqa: E731
    else:
        work = lambda: decoded_by_pool(files, shared=whose == "ours")  # noqa: E731
    work()
    return {"rate": len(files) / best_of(3, work)}


def decoded_by_pool(files: list[str], *, shared: bool) -> int:
    from synthaudit.images.decoding import Frame
    from synthaudit.images.decoding_pool import CHUNK_IMAGES, DecodingPool, decode_chunk

    pool = DecodingPool(
        Frame(height=EDGE, width=EDGE, resizer="torch"),
        workers=2,
        max_pixels=10**9,
        # Work of one's own goes through the pipe, for nobody knows what it returns.
        work=None if shared else decode_chunk,
    )
    pending: list[Any] = []
    done = 0
    for start in range(0, len(files), CHUNK_IMAGES):
        chunk = [Path(file).read_bytes() for file in files[start : start + CHUNK_IMAGES]]
        pending.append((pool.submit(chunk), chunk))
        if len(pending) > 5:
            done += len(pool.collect(*pending.pop(0)).pixels)
    return done + sum(len(pool.collect(*waiting).pixels) for waiting in pending)


def embed(folder: str, cache: str) -> dict[str, float]:
    """A folder of images to vectors by the builtin embedder, into an empty cache."""
    from synthaudit.embedding.builtin import BuiltinEmbedder
    from synthaudit.embedding.cache import VectorCache
    from synthaudit.embedding.extraction import extract
    from synthaudit.images.folders import open_folder
    from synthaudit.progress import NoProgress

    start = time.perf_counter()
    found = extract(
        open_folder(Path(folder), "images"),
        BuiltinEmbedder(),
        VectorCache(Path(cache)),
        workers=None,
        max_pixels=10**9,
        progress=NoProgress(),
    )
    seconds = time.perf_counter() - start
    disk = sum(file.stat().st_size for file in Path(cache).rglob("*") if file.is_file())
    return {
        "seconds": seconds,
        "images": len(found.kept),
        "megabytes": peak_megabytes(),
        "disk": disk / 1e6,
    }


def our_measures(file: str) -> dict[str, float]:
    """Coverage and fidelity, Frechet and kernel distances of two halves of some vectors."""
    from synthaudit.measures.fidelity.frechet import frechet_distance
    from synthaudit.measures.fidelity.kernel_distance import kernel_distance
    from synthaudit.measures.fidelity.prdc import prdc

    real, synthetic = np.split(np.load(file).astype(np.float64), 2)
    start = time.perf_counter()
    near = prdc(real, synthetic)
    middle = time.perf_counter()
    distance = frechet_distance(real, synthetic)
    end = time.perf_counter()
    kernel_distance(real, synthetic, size=1000, subsets=100)
    last = time.perf_counter()
    return {
        "prdc": middle - start,
        "frechet": end - middle,
        "kernel": last - end,
        "coverage": float(near.coverage),
        "frechet_value": float(distance),
    }


def peer_measures(file: str) -> dict[str, float]:
    """The same by prdc and torch-fidelity."""
    import contextlib

    import torch
    from prdc import compute_prdc
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric

    real, synthetic = np.split(np.load(file).astype(np.float64), 2)
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        near = compute_prdc(real, synthetic, nearest_k=5)
    middle = time.perf_counter()
    first, second = torch.from_numpy(real), torch.from_numpy(synthetic)
    statistics = [fid_features_to_statistics(features) for features in (first, second)]
    distance = fid_statistics_to_metric(*statistics, verbose=False)
    end = time.perf_counter()
    kid_features_to_metric(
        first,
        second,
        kid_subsets=100,
        kid_subset_size=1000,
        kid_degree=3,
        kid_gamma=None,
        kid_coef0=1,
        rng_seed=0,
        verbose=False,
    )
    last = time.perf_counter()
    return {
        "prdc": middle - start,
        "frechet": end - middle,
        "kernel": last - end,
        "coverage": float(near["coverage"]),
        "frechet_value": float(next(iter(distance.values()))),
    }


def our_patterns(folder: str) -> dict[str, float]:
    """Perceptual hashes of a folder and the near pairs among them."""
    from synthaudit.embedding.cache import VectorCache
    from synthaudit.embedding.extraction import extract
    from synthaudit.embedding.file_reader import HASH_READER
    from synthaudit.images.folders import open_folder
    from synthaudit.progress import NoProgress

    start = time.perf_counter()
    found = extract(
        open_folder(Path(folder), "images"),
        HASH_READER,
        VectorCache(None),
        workers=None,
        max_pixels=10**9,
        progress=NoProgress(),
    )
    return {"seconds": time.perf_counter() - start, "images": len(found.kept)}


def peer_patterns(folder: str) -> dict[str, float]:
    """Perceptual hashes of a folder by imagededup."""
    from imagededup.methods import PHash

    start = time.perf_counter()
    found = PHash(verbose=False).encode_images(image_dir=folder, recursive=True)
    return {"seconds": time.perf_counter() - start, "images": len(found)}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
