"""Are the flags right? Copies, repeats, edits, wrong classes, broken pictures, beside other tools.

python benchmarks/flags.py                  all of it, some 20 minutes
python benchmarks/flags.py --nulls 10       fewer random splits

The other tools run in ``.venv-peers`` (``make .venv-peers/installed``), or in ``--peers PYTHON``;
without them their columns stay empty.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from flags_sets import (
    BETWEEN,
    DATA,
    DEFECTS,
    EDITS,
    MILD,
    Pictures,
    fresh,
    lay_out,
    pictures,
    unpack,
)
from PIL import Image, ImageOps
from sklearn.metrics import average_precision_score

from synthaudit.auditing.scoring import score
from synthaudit.images.opening import open_source

HERE = Path(__file__).resolve().parent
NEAR = ("fastdup", "imagededup", "imagehash")
FRESH_FLAGGED = 0.03
SWAPS = 6


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--nulls", type=int, default=50, help="random splits of either pool")
    asked.add_argument(
        "--only", nargs="+", help="make these parts anew in the report that is there"
    )
    asked.add_argument("--peers", type=Path, default=HERE.parent / ".venv-peers/bin/python")
    asked.add_argument("--out", type=Path, default=HERE.parent / "reports" / "flags.md")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.peers)
        pools = {
            "clothing, 400 pixels": pictures("clothing"),
            "cifake, 32 pixels": pictures("cifake/real"),
        }
        parts: dict[str, Callable[[], Iterator[str]]] = {
            "sets": lambda: bench.the_two_sets(pools["cifake, 32 pixels"]),
            "planted": lambda: bench.planted(pools),
            **{
                f"edits-{name[:6]}": partial(bench.edits, name, pool)
                for name, pool in pools.items()
            },
            "pairs": bench.known_pairs,
            "broken": lambda: bench.broken(pools),
            "nulls": lambda: bench.nulls(options.nulls),
            "labels": bench.labels,
        }
        kept = sections_of(options.out) if options.only else {}
        for name in options.only or parts:
            made = "\n".join(parts[name]()).strip()
            kept[made.splitlines()[0]] = made
            options.out.write_text(
                "\n\n".join(["# Are the flags right?", TOLD, *kept.values()]) + "\n"
            )


def sections_of(report: Path) -> dict[str, str]:
    """The sections of an earlier report, by heading."""
    found = report.read_text().split("\n## ")[1:]
    return {f"## {text.splitlines()[0]}": f"## {text.strip()}" for text in found}


TOLD = (
    "Made by `python benchmarks/flags.py`: real photos of `../shared/data`, `builtin`, `--quick` "
    "but where it says otherwise. Other tools by their own methods, in one run with ours, on CPU "
    "cores. Seconds are CPU seconds of the whole process, imports of ours left out."
)


class Bench:
    """The parts of the report, each a list of lines."""

    def __init__(self, place: Path, peers: Path) -> None:
        self.place, self.peers_python = place, peers

    def audit(self, folder: Path, **options: Any) -> tuple[Any, float]:
        """Our audit of ``real`` and ``synthetic``, and its CPU seconds."""
        before = cpu_seconds()
        named = {"quick": True, "keep": True, **options}
        audit = score(
            folder / "real", folder / "synthetic", embedder="builtin", use_cache=False, **named
        )
        return audit, cpu_seconds() - before

    def peer(self, task: str, folder: Path) -> tuple[Any, float | None]:
        """What another tool finds; nothing where it is not installed or fails."""
        out = self.place / "peer.json"
        out.unlink(missing_ok=True)
        if self.peers_python.exists():
            command = [self.peers_python, HERE / "flags_peers.py", task, folder, out]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
            if out.exists():
                told = json.loads(out.read_text())
                return told["found"], float(told["seconds"])
            print(task, done.stderr[-400:], file=sys.stderr)
        return {}, None

    def the_two_sets(self, pool: Pictures) -> Iterator[str]:
        """Nothing but mirrored copies; a fifth of copies, cut by a tenth on each edge."""
        order = np.random.default_rng(1).permutation(len(pool))
        real, others = ([pool[row] for row in order[start : start + 300]] for start in (0, 300))
        cut = EDITS["cut by 10 %"]
        sets = {
            "300 mirrored copies": [ImageOps.mirror(image) for image in real],
            "60 copies cut by 10 % on each edge, 240 fresh": [*map(cut, real[:60]), *others[60:]],
        }
        yield from ("## A copy is a copy everywhere", "")
        yield from table(
            "set", "audit", "unoriginal", "copies kept", "verdict", "gate --max unoriginal=0.1"
        )
        for name, shown in sets.items():
            folder = fresh(self.place / "two")
            lay_out(folder, "real", numbered(real))
            lay_out(folder, "synthetic", numbered(shown))
            copies = {f"{row:04d}.png" for row in range(300 if "mirrored" in name else 60)}
            for quick in (False, True):
                audit, _ = self.audit(folder, quick=quick)
                audit.write(folder / "audit")
                gate = [sys.executable, "-m", "synthaudit", "gate", folder / "audit", "--max"]
                done = subprocess.run([*gate, "unoriginal=0.1"], capture_output=True, check=False)
                kept = set(audit.kept.loc[audit.kept["is_kept"], "path"]) & copies
                verdict = {True: "fit", False: "not fit", None: "undecided"}[audit.verdict.fit]
                yield row(
                    name,
                    "quick" if quick else "full",
                    f"{audit.unoriginal.value:.3f}",
                    len(kept),
                    verdict,
                    f"exit {done.returncode}",
                )
        yield ""

    def planted(self, pools: dict[str, Pictures]) -> Iterator[str]:
        """Mild edits of real images among fresh ones; mirrored and edited repeats."""
        yield from (
            "## Planted copies and repeats",
            "",
            (
                "A fifth are mild edits (JPEG 60, half the size, brighter, cut by 5 and 10 %, "
                "mirrored). Other tools at the threshold of the best F1, which nobody knows "
                "beforehand; ours as they are."
            ),
            "",
        )
        yield from table("photos", "planted", "tool", "precision", "recall", "F1", "CPU s")
        for name, pool in pools.items():
            order = np.random.default_rng(2).permutation(len(pool))[:360]
            shown = [pool[row] for row in order]
            real, others = shown[:180], shown[180:]
            for fault, sources in (("copies", real), ("repeats", others[36:])):
                folder = fresh(self.place / "planted")
                edited = [MILD[n % len(MILD)](image) for n, image in enumerate(sources[:36])]
                lay_out(folder, "real", numbered(real))
                lay_out(folder, "synthetic", numbered([*edited, *others[36:]]))
                truth = np.zeros(180, bool)
                truth[:36] = True
                if fault == "repeats":
                    truth[36:72] = True
                names = [f"{row:04d}.png" for row in range(180)]
                audit, seconds = self.audit(folder)
                flag = "is_unoriginal" if fault == "copies" else "is_unvaried"
                own = synthetic(audit).set_index("path").loc[names, flag].to_numpy(bool)
                yield row(name, fault, "synthaudit", *f_score(own, truth), f"{seconds:.1f}")
                for tool in (*NEAR, "difPy"):
                    found, seconds = self.peer(tool, folder)
                    if seconds is None:
                        continue
                    kind = "copy" if fault == "copies" else "repeat"
                    sure = np.array([found.get(f"{kind}:{path}", -1e9) for path in names])
                    flags = (sure >= limit for limit in np.unique(sure) if limit > -1e8)
                    best = max(
                        (f_score(flag, truth) for flag in flags),
                        key=lambda own: own[2],
                        default=("-", "-", "-"),
                    )
                    yield row(name, fault, tool, *best, f"{seconds:.1f}")
        yield ""

    def edits(self, name: str, pool: Pictures) -> Iterator[str]:
        """Of sixty edited photos, how many are surer than all but 3 % of fresh ones?"""
        order = np.random.default_rng(0).permutation(len(pool))[:400]
        shown = [pool[place] for place in order]
        folder, edits = fresh(self.place / "edits"), {**EDITS, **BETWEEN}
        lay_out(folder, "real", numbered(shown[:200]))
        lay_out(folder, "synthetic/fresh", numbered(shown[200:]))
        for number, make in enumerate(edits.values()):
            made = [make(image) for image in shown[:60]]
            lay_out(folder, f"synthetic/edit{number:02d}", numbered(made))
        sure = self.sureness(folder)
        recalls = {
            edit: [recall_at(own, f"edit{number:02d}/") for own, _ in sure.values()]
            for number, edit in enumerate(edits)
        }
        told = "Share that is surer than all but 3 % of 200 fresh photos."
        yield from (f"## Edits of sixty photos: {name}", "", told, "")
        yield from table("edit", *sure)
        for edit, own in recalls.items():
            yield row(edit, *(f"{recall:.2f}" for recall in own))
        for title, group in (("mean of the thirty", EDITS), ("mean of the ten between", BETWEEN)):
            means = np.mean([recalls[edit] for edit in group], axis=0)
            yield row(f"**{title}**", *(f"**{mean:.3f}**" for mean in means))
        yield row("CPU seconds, all of them", *(f"{seconds:.0f}" for _, seconds in sure.values()))
        yield ""

    def sureness(self, folder: Path) -> dict[str, tuple[dict[str, float], float]]:
        """By tool, how sure it is of each image to be a copy, and its CPU seconds."""
        audit, seconds = self.audit(folder)
        p_value = synthetic(audit).set_index("path")["copy_p_value"]
        sure = {"synthaudit": ({path: -float(p) for path, p in p_value.items()}, seconds)}
        for tool in NEAR:
            found, spent = self.peer(tool, folder)
            if spent is not None:
                copies = {key[5:]: value for key, value in found.items() if key[:5] == "copy:"}
                sure[tool] = (copies, spent)
        return sure

    def known_pairs(self) -> Iterator[str]:
        """Pairs that people judged, and edits by another library."""
        folder = fresh(self.place / "pairs")
        files = sorted((DATA / "near_duplicates" / "a").glob("*.jpg"))
        lay_out(folder, "real", ((file.stem, Image.open(file)) for file in files))
        partners = sorted((DATA / "near_duplicates" / "b").glob("*.jpg"))
        lay_out(folder, "synthetic/edited", ((file.stem, Image.open(file)) for file in partners))
        lay_out(folder, "synthetic/fresh", numbered(pictures("cifake/real")[::10]))
        yield from ("## Pairs that people judged (ciFAIR)", "")
        yield from table("tool", "partners surer than all but 3 % of fresh photos")
        for tool, (found, _) in self.sureness(folder).items():
            yield row(tool, f"{recall_at(found, 'edited/'):.2f}")
        own = synthetic(self.audit(folder)[0]).set_index("path")
        flagged = own["is_unoriginal"]
        is_edit = flagged.index.str.startswith("edited/")
        edited, innocent = flagged[is_edit], flagged[~is_edit]
        yield (
            f"\nAs flagged by the audit: {int(edited.sum())} of {len(edited)} partners, "
            f"{int(innocent.sum())} of {len(innocent)} fresh photos."
        )
        folder = fresh(self.place / "transforms")
        originals = {"aaa-orig", "ukbench00120", "ukbench09268", "ukbench09268_corrupt"}
        shown = sorted((DATA / "transforms").glob("*.jpg"))
        photos = numbered(pictures("clothing"))
        lay_out(folder, "real", photos)
        for side, wanted in (("real", True), ("synthetic", False)):
            chosen = [file for file in shown if (file.stem in originals) is wanted]
            readable = [file for file in chosen if "corrupt" not in file.stem]
            lay_out(
                folder, side, ((file.stem, Image.open(file).convert("RGB")) for file in readable)
            )
        found = synthetic(self.audit(folder)[0])
        missed = found.loc[~found["is_unoriginal"], "path"].tolist()
        yield (
            f"`transforms`: {len(found) - len(missed)} of {len(found)} edits are flagged; not: "
            f"{', '.join(missed) or 'none'}."
        )
        yield ""

    def labels(self) -> Iterator[str]:
        """A share of the classes swapped, beside cleanlab on the same vectors."""
        yield from (
            "## Wrong classes",
            "",
            (
                "Average precision (AP) of the ranking; `cleanlab` ranks out of fold on the "
                "synthetic images, and by a model of the real ones (best of the two in brackets); "
                f"means of {SWAPS} swaps. Judges that are right for less than 70 %, as of the "
                "clothes are, name none."
            ),
            "",
        )
        yield from table(
            "set", "swapped", "tool", "flagged", "precision", "recall", "stated recall", "AP"
        )
        for name, sides in label_sets().items():
            for share in (0.0, 0.05, 0.1):
                rows: dict[str, list[tuple[float, ...]]] = {"synthaudit": [], "cleanlab": []}
                for seed in range(SWAPS):
                    given, is_wrong = swapped(sides["labels"], share, seed)
                    rows["synthaudit"].append(own_labels(sides, given, is_wrong))
                    peers = self._cleanlab(sides, given, is_wrong)
                    if peers is not None:
                        rows["cleanlab"].append(peers)
                for tool, found in rows.items():
                    if not found:
                        continue
                    mean = np.mean(found, axis=0)
                    shown = [f"{mean[0]:.3f}"]
                    shown += [f"{value:.2f}" for value in mean[1:5]] if share else ["-"] * 4
                    if not mean[0]:
                        shown[1] = "-"  # nothing was flagged that could be right
                    if tool == "cleanlab" and share:
                        shown[3], shown[4] = "-", f"{mean[4]:.2f} ({mean[5]:.2f})"
                    yield row(name, f"{share:.0%}", tool, *shown)
        yield ""

    def _cleanlab(
        self, sides: dict[str, Any], given: Any, is_wrong: Any
    ) -> tuple[float, ...] | None:
        folder = fresh(self.place / "labels")
        np.savez(
            folder / "labels.npz",
            synthetic=sides["synthetic"],
            given=given,
            real=sides["real"],
            real_labels=sides["real_labels"],
        )
        found, seconds = self.peer("cleanlab", folder)
        if seconds is None:
            return None
        flags = np.array(found["flags"])
        precision = [0.0, 0.0]
        if is_wrong.any():
            precision = [
                float(average_precision_score(is_wrong, -np.array(found[name])))
                for name in ("quality", "quality_by_real")
            ]
        return (float(flags.mean()), *rates(flags, is_wrong), 0.0, precision[0], max(precision))

    def broken(self, pools: dict[str, Pictures]) -> Iterator[str]:
        """Five pictures of a kind among 115."""
        yield from (
            "## Broken pictures",
            "",
            (
                "Five of each kind among 115; flagged others in brackets (`cleanvision` has no "
                "real set to compare with)."
            ),
            "",
        )
        yield from table("photos", "kind", "synthaudit", "left out by --keep", "cleanvision")
        for name, pool in pools.items():
            order = np.random.default_rng(3).permutation(len(pool))[:315]
            shown = [pool[place] for place in order]
            for kind, make in DEFECTS.items():
                folder = fresh(self.place / "broken")
                made = [make(image) if n < 5 else image for n, image in enumerate(shown[200:])]
                lay_out(folder, "real", numbered(shown[:200]))
                lay_out(folder, "synthetic", numbered(made))
                audit, _ = self.audit(folder)
                own = synthetic(audit).set_index("path")["is_broken"].sort_index()
                kept = audit.kept.set_index("path")["is_kept"].sort_index()
                found, seconds = self.peer("cleanvision", folder)
                theirs = "-"
                if seconds is not None:
                    flags = [bool(found.get(path)) for path in own.index]
                    theirs = f"{sum(flags[:5])} ({sum(flags[5:])})"
                yield row(
                    name,
                    kind,
                    f"{int(own.iloc[:5].sum())} ({int(own.iloc[5:].sum())})",
                    int((~kept.iloc[:5]).sum()),
                    theirs,
                )
        yield ""

    def nulls(self, runs: int) -> Iterator[str]:
        """Random halves of real photos: nothing is wrong with either."""
        pools = {
            "cifake_more": (unpack(self.place / "more"), 250),
            "clothing": (DATA / "clothing", 200),
        }
        yield from (
            "## Where nothing is wrong",
            "",
            (
                f"{runs} random splits of each pool, `--quick`: mean share of images flagged, and "
                "the splits that have any."
            ),
            "",
        )
        yield from table(
            "photos", "a side", "copies", "repeats", "wrong classes", "broken", "any claim"
        )
        for name, (place, count) in pools.items():
            entries = open_source(place).entries
            shares, claims = [], 0
            for seed in range(runs):
                order = np.random.default_rng(seed).permutation(len(entries))[: 2 * count]
                folder = fresh(self.place / "null")
                for side, rows in (("real", order[:count]), ("synthetic", order[count:])):
                    for place_of in rows:
                        entry = entries[place_of]
                        file = folder / side / entry.path
                        file.parent.mkdir(parents=True, exist_ok=True)
                        file.write_bytes(entry.location.read())
                audit, _ = self.audit(folder, seed=seed)
                own = synthetic(audit)
                flags = ("is_unoriginal", "is_unvaried", "is_wrong_label", "is_broken")
                shares.append([float(own[flag].mean()) for flag in flags])
                claims += any(finding.severity != "none" for finding in audit.findings)
            shown = [
                f"{mean:.4f} ({int(some)})"
                for mean, some in zip(
                    np.mean(shares, axis=0), (np.array(shares) > 0).sum(axis=0), strict=True
                )
            ]
            yield row(name, count, *shown, claims)
        yield ""


def cpu_seconds() -> float:
    """Of this process, and of the workers that live on between two audits."""
    own = psutil.Process()
    spent = [own.cpu_times(), *(child.cpu_times() for child in own.children(recursive=True))]
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(time.user + time.system for time in spent) + ended.ru_utime + ended.ru_stime


def table(*names: object) -> Iterator[str]:
    yield row(*names)
    yield "|---" * len(names) + "|"


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def numbered(images: Pictures) -> Iterator[tuple[str, Image.Image]]:
    return ((f"{number:04d}", image) for number, image in enumerate(images))


def synthetic(audit: Any) -> Any:
    return audit.images[audit.images["side"] == "synthetic"]


def rates(flags: Any, truth: Any) -> tuple[float, float]:
    right = float((flags & truth).sum())
    return right / max(float(flags.sum()), 1.0), right / max(float(truth.sum()), 1.0)


def f_score(flags: Any, truth: Any) -> tuple[str, str, str]:
    precision, recall = rates(flags, truth)
    both = 2 * precision * recall / max(precision + recall, 1e-9)
    return f"{precision:.2f}", f"{recall:.2f}", f"{both:.3f}"


def recall_at(sure: dict[str, float], edited: str) -> float:
    """Share of the edited images that are surer than all but 3 % of the fresh ones.

    What a tool does not name at all comes last.
    """
    own = [value for path, value in sure.items() if path.startswith("fresh/")]
    innocent = sorted([*own, *[-1e9] * (200 - len(own))], reverse=True)
    limit = innocent[round(FRESH_FLAGGED * len(innocent))]
    asked = [value for path, value in sure.items() if path.startswith(edited)]
    return sum(value > limit for value in asked) / max(len(asked), 60)


def swapped(labels: Any, share: float, seed: int) -> tuple[Any, Any]:
    rng, given = np.random.default_rng(seed), labels.copy()
    wrong = rng.permutation(len(labels))[: round(share * len(labels))]
    classes = int(labels.max()) + 1
    given[wrong] = (given[wrong] + rng.integers(1, classes, len(wrong))) % classes
    is_wrong = np.zeros(len(labels), bool)
    is_wrong[wrong] = True
    return given, is_wrong


def label_sets() -> dict[str, dict[str, Any]]:
    """Vectors and true classes of both sides."""
    from synthaudit.auditing.image_reader import open_reader
    from synthaudit.progress import NoProgress
    from synthaudit.settings import Settings

    sets = {}
    with open_reader(Settings(embedder="builtin", use_cache=False), NoProgress()) as reader:

        def read(pool: str) -> tuple[Any, Any]:
            source = open_source(DATA / pool)
            labels = [entry.label for entry in source.entries]
            return reader.extract(source).vectors, np.unique(labels, return_inverse=True)[1]

        real, fakes, photos = read("cifake/real"), read("cifake/synthetic"), read("clothing")
    sets["cifake"] = {
        "real": real[0],
        "real_labels": real[1],
        "synthetic": fakes[0],
        "labels": fakes[1],
    }
    half = np.random.default_rng(0).permutation(len(photos[1])) < len(photos[1]) // 2
    sets["clothing"] = {
        "real": photos[0][half],
        "real_labels": photos[1][half],
        "synthetic": photos[0][~half],
        "labels": photos[1][~half],
    }
    return sets


def own_labels(sides: dict[str, Any], given: Any, is_wrong: Any) -> tuple[float, ...]:
    from synthaudit.auditing.scoring import score_embeddings

    names = [[f"{label:02d}" for label in own] for own in (sides["real_labels"], given)]
    audit = score_embeddings(
        sides["real"],
        sides["synthetic"],
        real_classes=names[0],
        synthetic_classes=names[1],
        quick=True,
    )
    own = synthetic(audit).sort_values("path", key=lambda paths: paths.astype(int))
    flags, sure = own["is_wrong_label"].to_numpy(bool), own["wrong_label_probability"].to_numpy()
    ranked = float(average_precision_score(is_wrong, sure)) if is_wrong.any() else 0.0
    stated = float(audit.labels["recall"]) if flags.any() else 0.0
    return (float(flags.mean()), *rates(flags, is_wrong), stated, ranked, ranked)


if __name__ == "__main__":
    main()
