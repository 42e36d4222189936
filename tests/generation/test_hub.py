"""A hub on loopback with the files of a repository like Stable Diffusion 1.5's: what is fetched."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

COMMIT = "c" * 40
SCRIPT = """
import json, logging, shutil, sys
from pathlib import Path
from types import SimpleNamespace
from diffusers import DiffusionPipeline
from synthaudit.errors import GeneratorError
from synthaudit.generation.models.fetching import locate_model, locate_weights

def listed(place):
    return sorted(str(f.relative_to(place)) for f in Path(place).rglob("*") if f.is_file())

logging.basicConfig(level=logging.WARNING, format="%(message)s")
logging.getLogger("synthaudit").setLevel(logging.INFO)
usage, shutil.disk_usage = shutil.disk_usage, lambda _: SimpleNamespace(free=1000)
try:
    locate_model("somebody/tiny", local_files_only=False)
except GeneratorError as error:
    full = str(error)
shutil.disk_usage = usage
place = locate_model("somebody/tiny", local_files_only=False)
own = listed(place)
(place / "vae/diffusion_pytorch_model.safetensors").unlink()
try:
    locate_model("somebody/tiny", local_files_only=True)
except GeneratorError as error:
    cut = str(error)
assert listed(locate_model("somebody/tiny", local_files_only=False)) == own
print("-- once more", file=sys.stderr, flush=True)
assert listed(locate_model("somebody/tiny", local_files_only=True)) == own
oracle = DiffusionPipeline.download("somebody/tiny", use_safetensors=True, cache_dir=sys.argv[1])
lora = locate_weights("somebody/tiny/extras/lora.safetensors", local_files_only=False)
print(json.dumps([own, listed(oracle), full, cut, str(lora)]))
"""


def files_like_stable_diffusion(folder: Path) -> dict[str, bytes]:
    """A model with what lies beside it on the hub: other variants, formats, whole checkpoints."""
    files = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }
    weights = [name for name in files if name.endswith(".safetensors")]
    total = sum(len(files[name]) for name in weights)
    for name in weights:
        stem, size = name.removesuffix(".safetensors"), len(files[name])
        files[f"{stem}.fp16.safetensors"] = files[f"{stem}.fp16.bin"] = b"h" * (size // 2)
        files[f"{stem}.non_ema.safetensors"] = b"o" * size
        files[f"{stem}.bin"] = b"p" * size
    files["extras/lora.safetensors"] = b"lora" * 10
    for name, share in (("v1-5-pruned", 1.4), ("v1-5-pruned-emaonly", 0.78)):
        files[f"{name}.safetensors"] = files[f"{name}.ckpt"] = b"w" * int(share * total)
    return files | {"README.md": b"---\nlicense: openrail\n---\n", "v1-inference.yaml": b"a: 1"}


class Hub(BaseHTTPRequestHandler):
    """The answers of the hub that its client asks for."""

    files: dict[str, bytes] = {}  # noqa: RUF012
    asked: list[str] = []  # noqa: RUF012

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(self.path.partition("?")[0])
        if path.startswith("/api/models/somebody/tiny/tree/"):
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
                for name, data in self.files.items()
            ]
            self._send(json.dumps(tree).encode(), with_body=with_body)
        elif path.startswith("/api/models/somebody/tiny"):
            siblings = [{"rfilename": name, "size": len(data)} for name, data in self.files.items()]
            about = {"id": "somebody/tiny", "sha": COMMIT, "siblings": siblings, "tags": []}
            about["cardData"] = {"license": "openrail"}
            self._send(json.dumps(about).encode(), with_body=with_body)
        else:
            self._send_file(path.split("/resolve/", 1)[-1].partition("/")[2], with_body=with_body)

    def _send_file(self, name: str, *, with_body: bool) -> None:
        if name not in self.files:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if with_body:
            self.asked.append(name)
        self._send(self.files[name], with_body=with_body)

    def _send(self, body: bytes, *, with_body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


@pytest.fixture
def hub(models: dict[str, Path]) -> Iterator[str]:
    """Its address."""
    Hub.files, Hub.asked = files_like_stable_diffusion(models["sd"]), []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.daemon_threads = True
    # Who hangs up is no fault, and is not told among the output of a test.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_only_what_the_pipeline_reads_is_fetched(hub: str, tmp_path: Path) -> None:
    environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "own")}
    environment |= {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "oracle"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    own, oracle, full, cut, lora = json.loads(done.stdout.splitlines()[-1])
    assert own == oracle
    assert [name for name in own if name.endswith(".safetensors")] == [
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    heavy = (
        ".ckpt",
        ".bin",
        ".fp16.safetensors",
        "pruned.safetensors",
        "emaonly.safetensors",
        ".non_ema.safetensors",
    )
    assert not [name for name in Hub.asked if name.endswith(heavy)]
    assert "is not in the local cache and no hub may be asked" in cut
    # Once by us and once by the oracle: the second look found everything in its place, and where
    # there was no room, nothing was fetched.
    assert Hub.asked.count("vae/diffusion_pytorch_model.safetensors") == 2
    assert "1.0 kB left: free some space" in full
    size = sum(len(Hub.files[name]) for name in own if "/" in name) / 1e6
    assert f"fetching somebody/tiny: {size:,.1f} MB to " in done.stderr
    assert "licence openrail." in done.stderr
    assert Path(lora).read_bytes() == Hub.files["extras/lora.safetensors"]
