"""Answers that no server should give: each is said in one sentence, and no key gets out."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from synthaudit.errors import PlanError
from synthaudit.generation.comfyui_server import ComfyGenerator
from synthaudit.generation.jobs import Job, Made
from synthaudit.generation.openai_server import OpenAIGenerator
from tests.generation.loopback import KEY, picture_of
from tests.generation.test_servers import WORKFLOW

SENTENCE = re.compile(r"[^\n]+[.?]")


class Raw:
    """A server that sends bytes as they are.

    Attributes:
        answer: from the first line of a request to the whole answer.
        drip: seconds between the bytes of an answer's body; 0 for all at once.
        asked: requests, whole.
    """

    def __init__(self) -> None:
        self.answer: Callable[[str], bytes] = lambda _: http(200, b"{}")
        self.drip = 0.0
        self.asked: list[str] = []

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                part = connection.recv(65536)
                if not part:
                    return
                data += part
            self.asked.append(data.decode("latin-1"))
            whole = self.answer(data.decode("latin-1").partition("\r\n")[0])
            try:
                if not self.drip:
                    connection.sendall(whole)
                    return
                head, _, body = whole.partition(b"\r\n\r\n")
                connection.sendall(head + b"\r\n\r\n")
                for byte in body:
                    connection.sendall(bytes([byte]))
                    time.sleep(self.drip)
            except OSError:
                return


def http(status: int, body: Any, **headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


@contextmanager
def raw_server() -> Iterator[tuple[str, Raw]]:
    raw = Raw()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=raw.serve, args=(listening,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", raw


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Raw]]:
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    with raw_server() as found:
        yield found


def openai_made(url: str, count: int = 1, **options: Any) -> list[Made]:
    how = {"base_url": f"{url}/v1", "key": "LOOPBACK_KEY", "model": "tiny", "retries": 0}
    how |= {"seconds": 1.0, "parallel": 2, **options}
    generator = OpenAIGenerator()
    jobs = [Job(prompt="a", subject=None, number=n, seed=n, options=how) for n in range(count)]
    for job in jobs:
        generator.check(job)
    return list(generator.make(jobs))


def comfy_made(url: str, folder: Path, **options: Any) -> list[Made]:
    workflow = folder / "workflow.json"
    workflow.write_text(json.dumps(WORKFLOW))
    how = {"base_url": url, "workflow": str(workflow), "size": 32, "retries": 0, "seconds": 1.0}
    how |= {"key": "LOOPBACK_KEY", "options": {"cfg": 1}, **options}
    generator = ComfyGenerator()
    job = Job(prompt="a", subject=None, number=0, seed=0, options=how)
    generator.check(job)
    return list(generator.make([job]))


def sentence_of(made: list[Made]) -> str:
    said = str(made[0].error)
    assert made[0].error is not None
    assert SENTENCE.fullmatch(said), said
    assert KEY not in said
    return said


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", b"null", b"[1]", b'"x"', b"{", b'{"data":[]}', b'{"data":"abc"}'),
        *(b'{"data":[1]}', b'{"data":[null]}', b'{"data":[{"b64_json":5}]}'),
        *(b'{"data":[{"b64_json":"?"}]}', b'{"data":[{"b64_json":"aGk="}]}'),
        *(
            b'{"data":[{"url":"http://127.0.0.1:1/a b"}]}',
            b'{"data":[{"url":"file:///etc/hosts"}]}',
        ),
        b"[" * 100_000,
    ],
    ids=lambda body: body[:30].decode(),
)
def test_answers_that_are_none(server: tuple[str, Raw], body: bytes) -> None:
    url, raw = server
    raw.answer = lambda _: http(200, body, Content_Type="application/json")
    sentence_of(openai_made(url))


@pytest.mark.parametrize("whole", [b"\x00\xff\x00garbage\r\n\r\n", b"", b"HTTP/1.1 200 X\r\n"])
def test_what_is_no_http(server: tuple[str, Raw], tmp_path: Path, whole: bytes) -> None:
    url, raw = server
    raw.answer = lambda _: whole
    sentence_of(openai_made(url))
    sentence_of(comfy_made(url, tmp_path))


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ({"outputs": [1]}, "made no image within"),
        ({"outputs": {"9": "x"}}, "made no image within"),
        ({"outputs": {"9": {"images": ["a.png"]}}}, "made no image within"),
        ({"outputs": {"9": {"images": None}}, "status": "error"}, "made no image within"),
        ({"outputs": {"9": {"images": [{"filename": "\ud800"}]}}}, "made no image within"),
        ({"status": {"status_str": "error", "messages": 5}}, "it does not say why"),
        ({"status": {"completed": True}}, "saves no image .*: end it with SaveImage"),
        (
            {
                "status": {
                    "status_str": "error",
                    "messages": [["execution_error", {"exception_message": f"no {KEY}"}]],
                }
            },
            r"a node: no \*\*\*",
        ),
    ],
)
def test_histories_that_are_none(
    server: tuple[str, Raw], tmp_path: Path, history: Any, said: str
) -> None:
    url, raw = server
    answers = {"POST": {"prompt_id": "abc"}, "GET ": {"abc": history}}
    raw.answer = lambda line: http(200, answers[line[:4]])
    assert re.search(said, sentence_of(comfy_made(url, tmp_path)))


@pytest.mark.parametrize("number", ["a b\n", "é", 5, None, "../x"])
def test_numbers_in_the_queue_that_are_none(
    server: tuple[str, Raw], tmp_path: Path, number: Any
) -> None:
    url, raw = server
    raw.answer = lambda _: http(200, {"prompt_id": number})
    assert "without a number in its queue" in sentence_of(comfy_made(url, tmp_path))


def test_a_server_that_says_nothing_of_itself(server: tuple[str, Raw], tmp_path: Path) -> None:
    """That decides nothing: the image is there."""
    url, raw = server
    image = {"filename": "a.png", "subfolder": "", "type": "output"}
    answers = {
        "POST /prompt": http(200, {"prompt_id": "abc"}),
        "GET /history": http(200, {"abc": {"outputs": {"9": {"images": [image]}}}}),
        "GET /view": http(200, picture_of("a", (32, 32))),
        "GET /system_": http(200, {"system": "x"}),
    }
    raw.answer = lambda line: next(own for start, own in answers.items() if line.startswith(start))
    made = comfy_made(url, tmp_path)
    assert made[0].data is not None
    assert made[0].facts["server_version"] == "unknown"


def test_a_key_goes_to_no_other_server(server: tuple[str, Raw], tmp_path: Path) -> None:
    url, raw = server
    with raw_server() as (other, elsewhere):
        raw.answer = lambda _: http(302, b"", Location=f"{other}/prompt")
        assert "sends requests on to another address" in sentence_of(comfy_made(url, tmp_path))
        raw.answer = lambda _: http(307, b"", Location=f"{other}/v1/images/generations")
        sentence_of(openai_made(url))
        assert not [request for request in elsewhere.asked if KEY in request]


def test_a_key_that_a_server_repeats_is_in_no_fact(server: tuple[str, Raw]) -> None:
    import base64

    url, raw = server
    data = base64.b64encode(picture_of("a", (32, 32))).decode()
    first = {"b64_json": data, "revised_prompt": ["x", KEY]}
    answer = {"data": [first], "model": {"k": KEY}, "created": f"now {KEY}"}
    raw.answer = lambda _: http(200, answer, Content_Type="application/json")
    made = openai_made(url)
    assert made[0].data is not None
    assert KEY not in json.dumps(dict(made[0].facts))


@pytest.mark.parametrize("key", ["sk line\nbreak", "sk-é", "sk-☃"])
def test_keys_that_cannot_be_sent(
    server: tuple[str, Raw], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("LOOPBACK_KEY", key)
    with pytest.raises(PlanError, match="characters that cannot be sent") as caught:
        openai_made(server[0])
    assert key not in str(caught.value)


def test_an_answer_that_drips(server: tuple[str, Raw], tmp_path: Path) -> None:
    """The time limit is of the whole answer, not of each byte."""
    url, raw = server
    raw.answer, raw.drip = (lambda _: http(200, b" " * 1000)), 0.2
    start = time.monotonic()
    assert "no whole answer within 1 s" in sentence_of(openai_made(url))
    assert "no whole answer within 1 s" in sentence_of(comfy_made(url, tmp_path))
    assert time.monotonic() - start < 10


def test_after_a_failure_nothing_more_is_asked(server: tuple[str, Raw]) -> None:
    url, raw = server
    about = {"error": {"message": "no", "code": "invalid_api_key"}}
    raw.answer = lambda _: http(401, about, Content_Type="application/json")
    made = openai_made(url, 40)
    assert len(made) == 40
    assert all("refuses the key" in str(one.error) for one in made)
    assert len(raw.asked) <= 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seconds": float("inf")}, "seconds should be less than or equal to 86400"),
        ({"size": -5}, r"size should be one number or \[width, height\]"),
        ({"size": [32, 32, 32]}, r"size should be one number or \[width, height\]"),
        ({"base_url": "http://127.0.0.1/v1?key=sk-1"}, "base_url should be an http address"),
    ],
)
def test_options_out_of_range(server: tuple[str, Raw], options: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        openai_made(server[0], **options)
