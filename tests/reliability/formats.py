"""Every format that the command reads, as Hypothesis builds it: right, nearly right, and mutated.

A kind makes the files of a case and the calls to run on them. What is built from a whole file is
mutated by bytes; what people write by hand is also mutated by values, so that it still parses.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import yaml
from hypothesis import strategies as st

from tests.pictures import encoded, picture


@dataclass(frozen=True, kw_only=True)
class Case:
    """Files by name, and the calls to make in their folder.

    Attributes:
        files: bytes by path; names are bytes too, for that is what a file system has.
        calls: arguments of the command, one call after the other.
        results: what a call writes, which is whole or not there.
    """

    files: Mapping[bytes, bytes]
    calls: Sequence[Sequence[str]]
    results: Sequence[str] = ("out/scores.json", "kept.csv", "out/verdict.json")


Kind = Callable[[Path], st.SearchStrategy[Case]]
_QUICK: Final = ("--embedder", "builtin", "--quick", "--quiet", "--no-cache", "--workers", "1")

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**20, max_value=10**30)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(
        ["", "../x", "/", "a\0b", "\ud800", "=1+1", "<b>", "nan", "1e999", "::error::", "\x1b[2J"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def mutated(draw: Any, data: bytes, most: int = 6) -> bytes:
    """Bytes with a few places changed, cut, doubled or made anew."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(0, most))):
        place = draw(st.integers(0, len(changed)))
        how = draw(st.sampled_from(["flip", "set", "insert", "remove", "cut", "double", "number"]))
        if how == "cut":
            del changed[place:]
        elif how == "remove":
            del changed[place : place + draw(st.integers(1, 64))]
        elif how == "insert":
            changed[place:place] = draw(st.binary(min_size=1, max_size=32))
        elif how == "double":
            changed[place:place] = changed[place : place + draw(st.integers(1, 400))]
        elif how == "number":
            number = draw(st.sampled_from([0, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 1]))
            changed[place : place + 8] = number.to_bytes(8, "little", signed=True)
        elif place < len(changed):
            changed[place] = draw(st.integers(0, 255)) if how == "set" else changed[place] ^ 0x80
    return bytes(changed)


@st.composite
def altered(draw: Any, tree: Any, most: int = 3) -> Any:
    """A tree of values with a few of them replaced, removed, doubled or added."""
    copy = json.loads(json.dumps(tree))
    for _ in range(draw(st.integers(1, most))):
        node, parent, key = copy, None, None
        for _ in range(draw(st.integers(1, 5))):
            if isinstance(node, dict) and node:
                parent, key = node, draw(st.sampled_from(sorted(node)))
            elif isinstance(node, list) and node:
                parent, key = node, draw(st.integers(0, len(node) - 1))
            else:
                break
            node = parent[key]
        if parent is None:
            return draw(VALUES)
        how = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if how == "replace":
            parent[key] = draw(VALUES)
        elif how == "remove":
            del parent[key]
        elif isinstance(parent, dict):
            parent[draw(st.text(max_size=10))] = draw(VALUES)
        else:
            parent.append(draw(VALUES))
    return copy


@cache
def vectors(seed: int, rows: int = 24) -> Any:
    return np.random.default_rng(seed).normal(size=(rows, 6))


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def parquet(table: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    table.to_parquet(stream, index=False)
    return stream.getvalue()


@cache
def images(count: int = 12, start: int = 0, kind: str = "PNG") -> tuple[bytes, ...]:
    return tuple(encoded(picture(start + number), kind) for number in range(count))


def _score(*more: str) -> tuple[str, ...]:
    return ("score", *more, "--quick", "--quiet", "--no-cache", "--workers", "1")


@st.composite
def npy_files(draw: Any, base: Path) -> Case:
    """Vectors: strange shapes, types and numbers, or bytes that were changed."""
    odd = st.sampled_from(
        [
            vectors(1).astype(np.float16),
            vectors(1).astype(np.int8),
            vectors(1) * 1e300,
            vectors(1) * np.nan,
            np.where(vectors(1) > 0, np.inf, vectors(1)),
            np.zeros((24, 6)),
            np.repeat(vectors(1)[:1], 24, axis=0),
            vectors(1)[:3],
            vectors(1)[:, :1],
            vectors(1)[:0],
            vectors(1)[None],
            vectors(1)[0],
            vectors(1).astype(str),
            vectors(1).astype(">f4"),
            np.asfortranarray(vectors(1)),
            vectors(1) + 1j,
            np.array(5.0),
            np.array([("a", 1.0)] * 24, dtype=[("x", "U1"), ("y", "f8")]),
            vectors(1).astype("datetime64[s]"),
        ]
    )
    data = npy(draw(odd)) if draw(st.booleans()) else draw(mutated(npy(vectors(1))))
    name = draw(st.sampled_from([b"b.npy"] * 8 + [b"b.npz", b"b.parquet"]))
    return Case(
        files={b"a.npy": npy(vectors(0)), name: data},
        calls=[_score("a.npy", name.decode(), "--keep", "kept.csv")],
    )


@st.composite
def parquet_files(draw: Any, base: Path) -> Case:
    """Vectors, manifests and shards of Parquet."""
    pictures = images()
    tables = (
        pd.DataFrame({"vector": list(vectors(1)), "path": [f"{n}.png" for n in range(24)]}),
        pd.DataFrame({"path": [f"i/{n}.png" for n in range(12)], "class": ["a", "b"] * 6}),
        pd.DataFrame({"image": [{"bytes": data, "path": None} for data in pictures]}),
        pd.DataFrame({"image": pictures, "label": range(12)}),
    )
    table = draw(st.sampled_from(tables))
    if draw(st.booleans()):
        column = draw(st.sampled_from(list(table.columns)))
        value = draw(st.none() | st.integers(-5, 5) | st.text(max_size=5) | st.binary(max_size=5))
        table = table.assign(**{column: [value] * len(table)})
        data = parquet(table)
    else:
        data = draw(mutated(parquet(table)))
    files = {b"b.parquet": data, b"a.npy": npy(vectors(0))}
    files |= {f"i/{n}.png".encode(): own for n, own in enumerate(pictures)}
    return Case(files=files, calls=[_score("a.npy", "b.parquet"), _inspect("b.parquet")])


def _inspect(*more: str) -> tuple[str, ...]:
    return ("inspect", *more, *_QUICK[:2], *_QUICK[3:], "--out", "out")


@st.composite
def manifests(draw: Any, base: Path) -> Case:
    """Tables of paths as people and programs write them."""
    paths = st.sampled_from([f"i/{number}.png" for number in range(8)])
    odd = st.sampled_from(["i", "", "..", "i/none.png", "/etc/passwd", "https://[", "s3:///"])
    cells = paths | paths | paths | odd | st.text(max_size=12)
    if draw(st.booleans()):
        row = st.tuples(cells, st.sampled_from(["cat", "dog", ""])).map(list)
        rows = draw(st.lists(row | row | row | st.lists(cells, max_size=4), max_size=12))
        rows += [[f"i/{number}.png", "cat"] for number in range(8)]
        mark = draw(st.sampled_from([","] * 8 + [";", "\t"]))
        text = "\n".join(["path,class", *(mark.join(row) for row in rows)])
        name = b"b.csv"
    else:
        whole = st.fixed_dictionaries({"path": cells}, optional={"class": SCALARS, "x": VALUES})
        strange = st.dictionaries(st.sampled_from(["path", "class"]), SCALARS)
        rows = draw(st.lists(whole | whole | whole | strange, max_size=12))
        rows += [{"path": f"i/{number}.png"} for number in range(8)]
        rows += draw(st.lists(VALUES, max_size=1))
        text, name = "\n".join(map(json.dumps, rows)), b"b.jsonl"
    coding = draw(st.sampled_from(["utf-8"] * 5 + ["utf-8-sig", "utf-16", "latin-1"]))
    data = text.encode(coding, "replace")
    data = draw(mutated(data, 2)) if draw(st.integers(0, 3)) == 0 else data
    files = {name: data} | {f"i/{n}.png".encode(): own for n, own in enumerate(images(8))}
    return Case(files=files, calls=[_inspect(name.decode())])


@st.composite
def tars(draw: Any, base: Path) -> Case:
    """Shards: strange members, and headers that were changed."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=draw(st.sampled_from([0, 1, 2]))) as made:
        for number, data in enumerate(images(draw(st.integers(0, 6)))):
            name = draw(
                st.just(f"{number}.png")
                | st.sampled_from(["../x.png", "/abs.png", "..", ".png", "a//b.png", "0.png"])
                | st.text(min_size=1, max_size=12).map(lambda text: f"{text}.png")
            )
            member = tarfile.TarInfo(name.encode("utf-8", "replace").decode())
            member.size = len(data)
            kind = draw(st.sampled_from([tarfile.REGTYPE] * 6 + [tarfile.SYMTYPE, tarfile.DIRTYPE]))
            member.type = kind
            made.addfile(member, io.BytesIO(data) if kind == tarfile.REGTYPE else None)
            if draw(st.booleans()):
                side = json.dumps(draw(VALUES)).encode()
                label = tarfile.TarInfo(f"{number}.{draw(st.sampled_from(['cls', 'json', 'txt']))}")
                label.size = len(side)
                made.addfile(label, io.BytesIO(side))
    data = stream.getvalue()
    data = draw(mutated(data)) if draw(st.booleans()) else data
    return Case(files={b"b.tar": data}, calls=[_inspect("b.tar")])


@st.composite
def plans(draw: Any, base: Path) -> Case:
    """Plans of sweeps, by values and by text."""
    plan = {
        "real": "i",
        "embedder": "builtin",
        "images_per_arm": 8,
        "seed": 1,
        "generator": {"name": "augment", "strength": 1.0},
        "prompt": "{a} {subject} {style}",
        "axes": {"style": ["", "in oil", {"value": "x", "subject": "a"}], "strength": [0.5, 2.0]},
        "subjects": ["a", "b"],
        "not": [{"style": "in oil", "subject": "b"}],
        "design": "grid",
        "race": False,
        "budget": {"images": 100, "hours": 1.0},
    }
    text = yaml.safe_dump(draw(altered(plan)), allow_unicode=True)
    if draw(st.booleans()):
        text = draw(mutated(text.encode("utf-8", "replace"))).decode("utf-8", "replace")
    files = {b"plan.yaml": text.encode("utf-8", "surrogatepass")}
    files |= {f"i/{'ab'[n % 2]}/{n}.png".encode(): own for n, own in enumerate(images(24))}
    call = ("sweep", "plan.yaml", "--out", "out", "--dry-run", "--no-calibrate", "--quiet")
    return Case(files=files, calls=[call])


def _toml(value: Any) -> str:
    """A value as TOML writes it; what it cannot write stands as it is."""
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(str(key))} = {_toml(own)}" for key, own in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value) if isinstance(value, float) else json.dumps(value)


@st.composite
def policies(draw: Any, base: Path) -> Case:
    """Policies of the gate."""
    policy = {
        "certain": False,
        "embedder": "builtin",
        "limits": {
            "unrealistic": {"max": 0.9, "on": "high"},
            "unvaried": {"max": 0.1, "severity": "warn"},
            "counts.synthetic": {"min": 10},
            "classes.*.unvaried": {"max": 0.5},
        },
    }
    tree = draw(altered(policy))
    text = (
        "\n".join(f"{json.dumps(str(key))} = {_toml(value)}" for key, value in tree.items())
        if isinstance(tree, dict)
        else _toml(tree)
    )
    data = text.encode("utf-8", "surrogatepass")
    data = draw(mutated(data)) if draw(st.booleans()) else data
    name = draw(st.sampled_from([b"policy.toml", b"synthaudit.toml", b"pyproject.toml"]))
    if name == b"pyproject.toml":
        data = b"[tool.synthaudit]\ngate = 3\n" if draw(st.booleans()) else data
    how = ("--policy", "policy.toml") if name == b"policy.toml" else ()
    faces = ("--out", "out", "--junit", "out/junit.xml", "--github", "--format", "json")
    return Case(
        files={name: data, b"a.npy": npy(vectors(0))},
        calls=[("gate", str(base / "audit"), *how, *faces)],
        results=("out/verdict.json",),
    )


def _results(base: Path, folder: str) -> dict[bytes, bytes]:
    return {
        f"audit/{file.name}".encode(): file.read_bytes()
        for file in sorted((base / folder).iterdir())
        if file.is_file() and file.suffix in (".json", ".parquet")
    }


@st.composite
def results(draw: Any, base: Path) -> Case:
    """What an audit or a sweep left, damaged: a value, some bytes, a column."""
    folder = draw(st.sampled_from(["audit", "audit", "sweep"]))
    files = _results(base, folder)
    name = draw(st.sampled_from(sorted(files)))
    if name.endswith(b".json") and draw(st.booleans()):
        tree = draw(altered(json.loads(files[name])))
        files[name] = json.dumps(tree, allow_nan=True).encode()
    elif name.endswith(b".parquet") and draw(st.booleans()):
        table = pd.read_parquet(io.BytesIO(files[name]))
        column = draw(st.sampled_from(list(table.columns)))
        value = draw(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5))
        files[name] = parquet(table.assign(**{column: [value] * len(table)}))
    else:
        files[name] = draw(mutated(files[name]))
    calls = [
        ("report", "audit"),
        ("gate", "audit", "--max", "unvaried=0.0", "--out", "out", "--junit", "out/j.xml"),
        ("compare", "audit", str(base / "audit"), "--format", "json"),
    ]
    return Case(files=files, calls=calls[: 1 if folder == "sweep" else 3])


@st.composite
def pictures(draw: Any, base: Path) -> Case:
    """A folder of pictures of all formats, each of them mutated."""
    files: dict[bytes, bytes] = {}
    kinds = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "ICO", "PCX", "DIB")
    for number in range(draw(st.integers(8, 24))):
        kind = draw(st.sampled_from(kinds))
        data = draw(mutated(images(4, kind=kind)[number % 4], 3))
        files[f"i/{number}.{draw(st.sampled_from(['png', 'jpg', 'tif']))}".encode()] = data
    for number, data in enumerate(images(8, 100)):
        files[f"i/whole-{number}.png".encode()] = data
    return Case(
        files=files,
        calls=[("inspect", "i", "--out", "out", *_QUICK[:2], *_QUICK[3:])],
    )


@st.composite
def names(draw: Any, base: Path) -> Case:
    """Files and classes of any names that a file system takes."""
    parts = (
        st.binary(min_size=1, max_size=20)
        .map(lambda part: part.replace(b"\0", b"").replace(b"/", b""))
        .filter(lambda part: part not in (b"", b".", b".."))
    )
    files: dict[bytes, bytes] = {}
    for number, data in enumerate(images(24)):
        folder = draw(parts) if number % 8 == 0 else draw(st.sampled_from([b"a", b"b"]))
        own = draw(parts) if number % 3 == 0 else b"%d" % number
        files[b"i/" + folder + b".d/" + own + b".png"] = data
    return Case(files=files, calls=[("inspect", "i", "--out", "out", *_QUICK[:2], *_QUICK[3:])])


@st.composite
def options(draw: Any, base: Path) -> Case:
    """Options with values that they have, and others."""
    numbers = st.sampled_from(
        ["0", "1", "2", "3", "20", "0.5", "0.01", "-1", "nan", "inf", "1e9", "99999999999", "x"]
    )
    known = (
        *("--false-alarms", "--false-discoveries", "--folds", "--obvious", "--repeats"),
        *("--permutations", "--resamples", "--confidence", "--seed", "--max-unreadable"),
        *("--max-pixels", "--workers", "--batch-size", "--memory", "--report-mb"),
    )
    texts = st.text(max_size=10)
    drawn = draw(
        st.lists(
            st.tuples(st.sampled_from(known), numbers)
            | st.tuples(
                st.sampled_from(
                    [
                        "--embedder",
                        "--device",
                        "--precision",
                        "--definition",
                        "--measure",
                        "--track",
                        "--gate",
                        "--keep",
                        "--out",
                        "--cache",
                        "--engine",
                        "--format",
                    ]
                ),
                st.sampled_from(["builtin", "cpu", "out", "kept.csv", "a.npy", "", "json", "/"])
                | texts,
            )
            | st.tuples(st.sampled_from(["--quick", "--harmonise", "--offline", "--details"])),
            max_size=3,
        )
    )
    words = [word.replace("\0", "") for option in drawn for word in option]
    words = [word.encode("utf-8", "replace").decode() for word in words]
    how = ("--quick", "--quiet", "--no-cache", "--permutations", "19", "--resamples", "20")
    return Case(
        files={b"a.npy": npy(vectors(0)), b"b.npy": npy(vectors(1))},
        calls=[("score", "a.npy", "b.npy", *how, *words)],
    )


@st.composite
def databases(draw: Any, base: Path) -> Case:
    """The cache and the manifest of a sweep, damaged: results are what they were."""
    files = {b"cache/" + name.encode(): data for name, data in _cache(base).items()}
    name = draw(st.sampled_from(sorted(files)))
    files[name] = draw(mutated(files[name], 12))
    real, made = str(base / "real"), str(base / "synthetic")
    how = (*_QUICK[:3], "--quiet", "--workers", "1", "--cache", "cache", "--out", "out")
    return Case(files=files, calls=[("score", real, made, *how)], results=("out/scores.json",))


@cache
def _cache(base: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (base / "cache").iterdir() if file.is_file()}


@st.composite
def stores(draw: Any, base: Path) -> Case:
    """A sweep whose manifest or images are damaged goes on to what it was."""
    root = base / "sweep"
    files = {
        f"out/{file.relative_to(root)}".encode(): file.read_bytes()
        for file in sorted((root / "store").rglob("*"))
        if file.is_file()
    }
    name = b"out/store/manifest.sqlite"
    if draw(st.booleans()):
        name = draw(st.sampled_from(sorted(files)))
    files[name] = draw(mutated(files[name], 12))
    call = ("sweep", str(base / "plan.yaml"), "--out", "out", "--quick", "--quiet", "--no-cache")
    return Case(files=files, calls=[(*call, "--workers", "1")], results=("out/sweep.json",))


KINDS: Final[Mapping[str, Kind]] = {
    "npy": npy_files,
    "parquet": parquet_files,
    "manifests": manifests,
    "tar": tars,
    "plans": plans,
    "policies": policies,
    "results": results,
    "pictures": pictures,
    "names": names,
    "options": options,
    "caches": databases,
    "stores": stores,
}
"""Strategies by kind; each is told of the folder that ``prepare`` has made."""
