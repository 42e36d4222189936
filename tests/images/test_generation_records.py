"""Prompts beside images, in tables, in shards, and in what image programs leave in files."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from synthaudit.images.collection import Collection
from synthaudit.images.embedded_records import record_in, with_embedded_records
from synthaudit.images.generation_record import GenerationRecord
from synthaudit.images.opening import open_source
from tests.pictures import encoded, picture

Run = Callable[..., subprocess.CompletedProcess[str]]


def opened(place: Path | str) -> Collection:
    found = open_source(str(place))
    assert isinstance(found, Collection)
    return found


def prompts(place: Path | str) -> dict[str, str | None]:
    return {e.path: None if e.record is None else e.record.prompt for e in opened(place).entries}


def folder_of(root: Path, names: list[str]) -> Path:
    for number, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(picture(number)))
    return root


@pytest.mark.parametrize("column", ["text", "prompt", "caption"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_metadata_as_imagefolder_has_it(tmp_path: Path, kind: str, column: str) -> None:
    folder_of(tmp_path, ["frog/1.png", "frog/2.png", "cat/1.png"])
    rows = [
        {"file_name": "frog/1.png", column: "a frog, asleep", "seed": 7},
        {"file_name": "cat/1.png", column: "a\ncat", "seed": 8},
    ]
    table, file = pd.DataFrame(rows), tmp_path / f"metadata.{kind}"
    if kind == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "csv":
        table.to_csv(file, index=False)
    else:
        table.to_parquet(file)
    found = opened(tmp_path)
    told = {"cat/1.png": "a cat", "frog/1.png": "a frog, asleep", "frog/2.png": None}
    assert prompts(tmp_path) == told
    assert {e.path: e.record.seed for e in found.entries if e.record} == {
        "cat/1.png": 8,
        "frog/1.png": 7,
    }
    assert not found.notes


def test_a_table_in_a_folder_of_its_own_and_sidecars(tmp_path: Path) -> None:
    folder_of(tmp_path, ["train/frog/1.png", "train/frog/2.png"])
    (tmp_path / "train" / "metadata.jsonl").write_text('{"file_name": "frog/1.png", "text": "one"}')
    (tmp_path / "train" / "frog" / "2.txt").write_bytes("two \xe9".encode("latin-1"))
    assert prompts(tmp_path) == {"train/frog/1.png": "one", "train/frog/2.png": "two \ufffd"}
    assert not opened(tmp_path).notes
    (tmp_path / "train" / "notes.txt").write_text("nothing")
    assert "1 files that are no images" in opened(tmp_path).notes[0]


def test_a_table_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    folder_of(tmp_path, ["1.png"])
    (tmp_path / "metadata.jsonl").write_text('{not JSON\n{"file_name": "1.png", "text": "one"}\n')
    found = opened(tmp_path)
    assert prompts(tmp_path) == {"1.png": "one"}
    assert "1 lines are no objects, the first of them line 1" in found.notes[0]
    (tmp_path / "metadata.jsonl").write_text('{"file": "1.png", "txt": "one"}')
    assert "names no prompts: it needs a file_name" in opened(tmp_path).notes[0]
    (tmp_path / "metadata.jsonl").unlink()
    (tmp_path / "metadata.parquet").write_bytes(b"no Parquet")
    assert "metadata.parquet cannot be read" in opened(tmp_path).notes[0]


def test_rows_that_name_no_image_of_the_folder_are_passed_over(tmp_path: Path) -> None:
    folder_of(tmp_path, ["1.png"])
    rows = [{"file_name": name, "text": name} for name in ("../1.png", "/1.png", "none.png")]
    rows += [{"file_name": "1.png", "text": "first"}, {"file_name": "1.png", "text": "second"}]
    text = "".join(json.dumps(row) + "\r\n" for row in rows)
    (tmp_path / "metadata.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert prompts(tmp_path) == {"1.png": "first"}


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_column_of_a_manifest(tmp_path: Path, kind: str) -> None:
    folder_of(tmp_path, ["1.png", "2.png"])
    rows = [
        {"path": "1.png", "prompt": "a frog", "seed": 3.0, "generator": "sdxl"},
        {"path": "2.png", "prompt": None, "seed": None, "generator": None},
    ]
    file, table = tmp_path / f"list.{kind}", pd.DataFrame(rows)
    if kind == "csv":
        table.to_csv(file, index=False)
    elif kind == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        table.to_parquet(file)
    first, second = opened(file).entries
    assert first.record == GenerationRecord(prompt="a frog", seed=3, generator="sdxl") or (
        kind == "csv" and first.record == GenerationRecord(prompt="a frog", generator="sdxl")
    )
    assert second.record is None


def test_shards(tmp_path: Path) -> None:
    data = encoded(picture(0))
    table = pd.DataFrame({"image": [{"bytes": data}] * 2, "prompt": ["a frog", None]})
    table.to_parquet(tmp_path / "shard.parquet")
    assert list(prompts(tmp_path / "shard.parquet").values()) == ["a frog", None]
    members = {"a.png": data, "a.txt": b"a cat", "b.png": data, "b.json": b'{"caption": "a dog"}'}
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    assert list(prompts(tmp_path / "shard.tar").values()) == ["a cat", "a dog"]


def test_what_one_place_does_not_say_another_does(tmp_path: Path) -> None:
    folder_of(tmp_path, ["1.png"])
    (tmp_path / "metadata.csv").write_text("file_name,seed\n1.png,7.0\n")
    (tmp_path / "1.txt").write_text("a frog")
    assert opened(tmp_path).entries[0].record == GenerationRecord(prompt="a frog", seed=7)
    data = encoded(picture(0))
    members = {"a.png": data, "a.json": b'{"seed": 7, "prompt": "best"}', "a.txt": b"a cat"}
    for order in (["a.png", "a.json", "a.txt"], ["a.txt", "a.json", "a.png"]):
        with tarfile.open(tmp_path / "shard.tar", "w") as archive:
            for name in order:
                info = tarfile.TarInfo(name)
                info.size = len(members[name])
                archive.addfile(info, io.BytesIO(members[name]))
        found = opened(tmp_path / "shard.tar").entries[0].record
        assert found == GenerationRecord(prompt="best", seed=7)


def png(**texts: str) -> bytes:
    """A picture with chunks of text, as image programs write them."""
    info, buffer = PngInfo(), io.BytesIO()
    for name, text in texts.items():
        info.add_itxt(name, text) if not text.isascii() else info.add_text(name, text)
    picture(0).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


A1111 = (
    "a <b>frog</b> on a leaf\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, "
    "Seed: 42, Size: 512x512, Model hash: e1441589a6, Model: v1-5-pruned"
)
COMFYUI = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 42,
            "steps": 20,
            "cfg": 7.0,
            "sampler_name": "euler",
            "denoise": 1.0,
            "scheduler": "normal",
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a frog", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
}
WORKFLOW = {
    "links": [
        *([1, 4, 0, 3, 0, "MODEL"], [2, 5, 0, 3, 3, "LATENT"], [3, 4, 1, 6, 0, "CLIP"]),
        *([4, 6, 0, 3, 1, "CONDITIONING"], [5, 4, 1, 7, 0, "CLIP"]),
        [6, 7, 0, 3, 2, "CONDITIONING"],
    ]
}
INVOKEAI = {
    "generation_mode": "txt2img",
    "positive_prompt": "a frog",
    "negative_prompt": "blurry",
    "seed": 42,
    "cfg_scale": 7.5,
    "steps": 20,
    "scheduler": "euler",
    "model": {"model_name": "sd15", "base_model": "sd-1"},
}
FOOOCUS = {
    "prompt": "a frog",
    "negative_prompt": "",
    "sampler": "dpmpp_2m_sde_gpu",
    "seed": "42",
    "base_model": "juggernautXL",
    "base_model_hash": "aeb7e9e689",
    "scheduler": "karras",
    "guidance_scale": 4,
    "sharpness": 2,
    "steps": 30,
    "version": "Fooocus v2.3.1",
}
NOVELAI = {"prompt": "a frog", "steps": 28, "seed": 42, "sampler": "k_euler", "uc": "blurry"}
PROGRAMS = {
    "AUTOMATIC1111": {"parameters": A1111},
    "ComfyUI": {"prompt": json.dumps(COMFYUI), "workflow": json.dumps(WORKFLOW)},
    "InvokeAI": {"invokeai_metadata": json.dumps(INVOKEAI)},
    "Fooocus": {"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"},
    "NovelAI": {
        "Comment": json.dumps(NOVELAI),
        "Description": "a frog",
        "Software": "NovelAI",
        "Source": "Stable Diffusion XL 9CC2F394",
    },
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_five_programs_leave_in_files(program: str) -> None:
    found = record_in(png(**PROGRAMS[program]))
    assert found is not None
    assert found.prompt is not None
    assert "frog" in found.prompt
    assert "blurry" not in found.prompt
    assert found.seed == 42
    assert found.generator is not None
    assert found.generator.startswith(program)


def test_what_a1111_leaves_in_jpeg() -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + A1111.encode("utf-16-be")
    picture(0).save(buffer, "JPEG", exif=exif)
    found = record_in(buffer.getvalue())
    assert found is not None
    assert found.seed == 42


def chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def with_chunk(name: bytes, data: bytes) -> bytes:
    """A picture with a chunk right after its header."""
    own = encoded(picture(0))
    return own[:33] + chunk(name, data) + own[33:]


HOSTILE = {
    "100 MB": with_chunk(b"tEXt", b"parameters\0" + b"a" * 100_000_000),
    "a bomb": with_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"a" * 100_000_000, 9)),
    "not UTF-8": with_chunk(b"iTXt", b"parameters\0\0\0\0\0\xff\xfe\xff"),
    "no end": with_chunk(b"tEXt", b"parameters"),
    "deep": png(prompt="[" * 50_000, workflow="{}"),
    "numbers": png(parameters=json.dumps({**FOOOCUS, "prompt": 7, "seed": "x"})),
    "a list": png(invokeai_metadata="[1, 2]"),
    "cut": png(parameters=A1111)[:60],
    "a circle": png(
        prompt=json.dumps({"1": {"class_type": "KSampler", "inputs": {"positive": ["1", 0]}}}),
        workflow='{"links": [[1, 1, 0, 1, 0, "X"]]}',
    ),
    "nothing": b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_texts_are_read_or_left_out(what: str) -> None:
    found = record_in(HOSTILE[what])
    assert found is None or found.prompt is None or len(found.prompt) <= 10_000


def test_files_without_a_text_are_not_all_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthaudit.images import embedded_records

    folder = folder_of(tmp_path, [f"{number:03d}.png" for number in range(200)])
    asked: list[bytes] = []
    monkeypatch.setattr(embedded_records, "record_in", asked.append)
    assert with_embedded_records(opened(folder)).entries == opened(folder).entries
    assert len(asked) == 64


def test_markup_in_a_prompt_stays_text_in_every_face(synthaudit: Run, tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)> {{7*7}} </script> =cmd|' /C calc'!A0"
    for side in ("real", "synthetic"):
        for number in range(40):
            file = tmp_path / side / f"{number}.png"
            file.parent.mkdir(exist_ok=True)
            data = encoded(picture(number + 1000 * (side == "real")))
            texts = {"parameters": A1111.replace("a <b>frog</b>", f"{evil} {number % 3}")}
            file.write_bytes(png(**texts) if number < 20 and side == "synthetic" else data)
    out = tmp_path / "out"
    done = synthaudit(
        "score",
        tmp_path / "real",
        tmp_path / "synthetic",
        "--embedder",
        "builtin",
        "--out",
        out,
        "--no-cache",
        "--quick",
        "--max-unreadable",
        "1",
    )
    assert done.returncode == 0, done.stderr
    page = (out / "report.html").read_text()
    assert "<img src=x" not in page
    assert "49" not in [line.strip() for line in page.splitlines()]
    table = pd.read_parquet(out / "images.parquet")
    assert table["prompt"].dropna().str.contains("onerror").sum() == 20
    assert table["seed"].dropna().tolist() == [42] * 20
