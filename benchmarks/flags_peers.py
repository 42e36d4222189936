"""What other tools say of the sets that ``flags.py`` lays out; runs in their environment.

python benchmarks/flags_peers.py TASK FOLDER OUT

Each task writes JSON: by image a number that is higher the surer a flag is, or the flags.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    task, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    found = TASKS[task](folder)
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(own.ru_utime + own.ru_stime for own in usage)
    out.write_text(json.dumps({"found": found, "seconds": seconds}))


def files_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix in (".png", ".jpg"))


def nearness(folder: Path, pairs: Any) -> dict[str, float]:
    """Of each synthetic image the highest likeness to a real one, and of repeats to each other."""
    best: dict[str, float] = {}
    for one, other, likeness in pairs:
        sides = [Path(path).relative_to(folder).parts[0] for path in (one, other)]
        for path, own, across in ((one, *sides), (other, *sides[::-1])):
            if own == "synthetic":
                kind = "copy" if across == "real" else "repeat"
                key = f"{kind}:{Path(path).relative_to(folder / 'synthetic')}"
                best[key] = max(best.get(key, -1e9), float(likeness))
    return best


def fastdup(folder: Path) -> dict[str, float]:
    import fastdup as tool

    work = tempfile.mkdtemp()
    made = tool.create(work_dir=work, input_dir=str(folder))
    made.run(
        # As many as there are edits of one photo, and some more.
        nearest_neighbors_k=60 if len(files_in(folder)) > 1000 else 6,
        ccthreshold=0.5,
        threshold=0.5,
        overwrite=True,
        print_summary=False,
    )
    table = made.similarity()
    names = [("filename_from", "filename_to"), ("img_filename_from", "img_filename_to")]
    first, second = next(own for own in names if own[0] in table)
    rows = zip(table[first], table[second], table["distance"], strict=True)
    found = nearness(folder.resolve(), [(full(folder, a), full(folder, b), d) for a, b, d in rows])
    shutil.rmtree(work, ignore_errors=True)
    return found


def full(folder: Path, name: str) -> str:
    path = Path(name)
    return str(path if path.is_absolute() else folder.resolve() / path)


def hashes(folder: Path, compute: Any) -> dict[str, float]:
    """Bits in which hashes agree, of every pair."""
    folder = folder.resolve()
    files = files_in(folder)
    bits = np.array([compute(file) for file in files]).reshape(len(files), -1).astype(np.float32)
    signs = 2.0 * bits - 1.0
    alike = signs @ signs.T
    np.fill_diagonal(alike, -np.inf)
    is_real = np.array([file.relative_to(folder).parts[0] == "real" for file in files])
    found = {}
    for row in np.flatnonzero(~is_real):
        name = files[row].relative_to(folder / "synthetic")
        found[f"copy:{name}"] = float(alike[row, is_real].max())
        found[f"repeat:{name}"] = float(alike[row, ~is_real].max())
    return found


def imagehash(folder: Path) -> dict[str, float]:
    import imagehash as tool
    from PIL import Image

    return hashes(folder, lambda file: tool.phash(Image.open(file)).hash)


def imagededup(folder: Path) -> dict[str, float]:
    from imagededup.methods import PHash

    tool = PHash(verbose=False)
    return hashes(
        folder,
        lambda file: [int(bit) for bit in f"{int(tool.encode_image(str(file)), 16):064b}"],
    )


def difpy(folder: Path) -> dict[str, float]:
    import difPy

    built = difPy.build(str(folder.resolve()), recursive=True, show_progress=False)
    result = difPy.search(built, similarity="similar", show_progress=False, rotate=True).result
    pairs = [
        (one, other, -float(error)) for one, matches in result.items() for other, error in matches
    ]
    return nearness(folder.resolve(), pairs)


def cleanvision(folder: Path) -> dict[str, Any]:
    from cleanvision import Imagelab

    side = folder.resolve() / "synthetic"
    tool = Imagelab(data_path=str(side), verbose=False)
    tool.find_issues(n_jobs=2, verbose=False)
    issues = tool.issues
    kinds = [name for name in issues if name.startswith("is_") and "duplicates" not in name]
    return {
        str(Path(path).relative_to(side)): sorted(kind for kind in kinds if row[kind])
        for path, row in issues.iterrows()
    }


def cleanlab(folder: Path) -> dict[str, Any]:
    """Wrong labels, from predictions out of fold on the same vectors (``labels.npz``)."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = np.load(folder / "labels.npz")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=300))
    predicted = cross_val_predict(
        model, data["synthetic"], data["given"], cv=5, method="predict_proba"
    )
    by_real = model.fit(data["real"], data["real_labels"]).predict_proba(data["synthetic"])
    return {
        "flags": find_label_issues(data["given"], predicted).tolist(),
        "quality": get_label_quality_scores(data["given"], predicted).tolist(),
        "quality_by_real": get_label_quality_scores(data["given"], by_real).tolist(),
    }


TASKS = {
    "fastdup": fastdup,
    "imagehash": imagehash,
    "imagededup": imagededup,
    "difPy": difpy,
    "cleanvision": cleanvision,
    "cleanlab": cleanlab,
}

if __name__ == "__main__":
    os.environ.setdefault("TQDM_DISABLE", "1")
    main()
