"""Servers of images on loopback, which answer as the real ones do, and fail as they do."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

KEY = "sk-loopback-0123456789abcdef"


def picture_of(text: str, size: tuple[int, int]) -> bytes:
    """A PNG that depends on a text alone."""
    rng = np.random.default_rng(list(text.encode()))
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


class Answering(BaseHTTPRequestHandler):
    """One of the servers; ``state`` is shared by all of its requests."""

    protocol_version = "HTTP/1.1"
    state: State

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def body(self) -> Any:
        """What was sent."""
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return json.loads(data) if data else None

    def send(self, status: int, body: Any, **headers: str) -> None:
        """Answer with JSON, or with bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        is_json = not isinstance(body, bytes)
        self.send_header("Content-Type", "application/json" if is_json else "image/png")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)


class State:
    """What a server is asked to do wrong, and what it has been asked.

    Attributes:
        faults: status codes of the next answers.
        always: status code of all answers.
        hangs: whether it never answers.
        size: of its images whatever is asked for; None for what is asked.
        by_url: whether images are at addresses of their own.
        refuses: prompts that it holds to be improper.
        dies_after: images after which every answer is a 500.
        asked: bodies of requests.
        keys: of requests.
    """

    def __init__(self) -> None:
        self.faults: list[int] = []
        self.always: int | None = None
        self.hangs = False
        self.size: tuple[int, int] | None = None
        self.by_url = False
        self.refuses: str | None = None
        self.refuses_seed = False
        self.heeds_seed = True
        self.dies_after: int | None = None
        self.asked: list[Any] = []
        self.keys: Counter[str] = Counter()
        self.files: dict[str, bytes] = {}
        self.lock = threading.Lock()
        self.made = 0


class OpenAIServer(Answering):
    """``/v1/images/generations`` with OpenAI's errors."""

    def do_POST(self) -> None:
        state, body = self.state, self.body()
        with state.lock:
            state.asked.append(body)
            state.keys[self.headers.get("Authorization", "")] += 1
            fault = state.faults.pop(0) if state.faults else state.always
            number = state.made
            state.made += 1
        if state.hangs:
            time.sleep(30)
        if state.dies_after is not None and number >= state.dies_after:
            fault = 500
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            said = f"Incorrect API key provided: {self.headers.get('Authorization', '')[7:]}."
            self.error(401, said, "invalid_api_key")
        elif fault is not None:
            self.error(fault, "The server is overloaded or not ready yet.", None)
        elif self.path != "/v1/images/generations" or body["model"] != "tiny":
            self.error(404, f"The model {body['model']} does not exist.", "model_not_found")
        elif state.refuses is not None and state.refuses in body["prompt"]:
            self.error(400, "Your request was rejected.", "content_policy_violation")
        elif state.refuses_seed and "seed" in body:
            self.error(400, "Unknown parameter: 'seed'.", "unknown_parameter")
        else:
            self.image(body, number)

    def do_GET(self) -> None:
        self.send(200, self.state.files[self.path])

    def error(self, status: int, message: str, code: str | None) -> None:
        kind = "invalid_request_error" if status < 500 else "server_error"
        about = {"message": message, "type": kind, "param": None, "code": code}
        self.send(status, {"error": about}, **({"Retry_After": "0"} if status == 429 else {}))

    def image(self, body: Any, number: int) -> None:
        state = self.state
        sides = str(body.get("size") or "32x32").split("x")
        size = state.size or (int(sides[0]), int(sides[1]))
        seed = body.get("seed", number) if state.heeds_seed else number
        data = picture_of(f"{body['prompt']} {seed}", size)
        if state.by_url:
            place = f"/files/{number}.png"
            state.files[place] = data
            answer: dict[str, Any] = {"url": f"http://{self.headers['Host']}{place}"}
        else:
            answer = {"b64_json": base64.b64encode(data).decode()}
        self.send(200, {"created": 1, "data": [answer]}, openai_version="2020-10-01")


class ComfyServer(Answering):
    """``/prompt``, ``/history``, ``/view`` and ``/system_stats`` as ComfyUI has them."""

    def do_POST(self) -> None:
        state, body = self.state, self.body()
        with state.lock:
            state.asked.append(body)
            fault = state.faults.pop(0) if state.faults else state.always
            number = f"{len(state.asked):08d}-queued"
        if fault is not None:
            self.send(fault, {"error": "busy"})
            return
        workflow = body["prompt"]
        sampler = workflow["3"]["inputs"]
        if not isinstance(sampler["seed"], int):
            wrong = {"type": "prompt_outputs_failed_validation", "message": "seed: no integer"}
            self.send(400, {"error": wrong, "node_errors": {"3": {"errors": []}}})
            return
        latent = workflow["5"]["inputs"]
        size = state.size or (latent["width"], latent["height"])
        text = f"{workflow['6']['inputs']['text']} {sampler['seed']}"
        state.files[f"{number}.png"] = picture_of(text, size)
        self.send(200, {"prompt_id": number, "number": 1, "node_errors": {}})

    def do_GET(self) -> None:
        state, parts = self.state, urlsplit(self.path)
        if parts.path.startswith("/history/"):
            number = parts.path.rpartition("/")[2]
            if state.hangs:
                self.send(200, {})
                return
            status: dict[str, Any] = {"status_str": "success", "completed": True, "messages": []}
            image = {"filename": f"{number}.png", "subfolder": "", "type": "output"}
            outputs = {"9": {"images": [image]}}
            if state.refuses is not None:
                about = {"node_type": "KSampler", "exception_message": state.refuses}
                status = {"status_str": "error", "completed": False}
                status["messages"] = [["execution_start", {}], ["execution_error", about]]
                outputs = {}
            self.send(200, {number: {"prompt": [], "outputs": outputs, "status": status}})
        elif parts.path == "/view":
            self.send(200, state.files[parse_qs(parts.query)["filename"][0]])
        else:
            self.send(200, {"system": {"comfyui_version": "0.9.9"}, "devices": []})


@contextmanager
def serving(kind: type[Answering]) -> Iterator[tuple[str, State]]:
    """A running server: its address, and its state."""
    state = State()
    own = type(kind.__name__, (kind,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), own)
    server.daemon_threads = True
    # Who hangs up is no fault, and is not told among the output of a test.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", state
    finally:
        server.shutdown()
        server.server_close()
