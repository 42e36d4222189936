"""What a manifest names by URL: a server of ours that redirects, trickles, and never ends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.http import HTTPFileSystem

from synthaudit.images import web
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source
from synthaudit.images.web import WebAccess
from tests.conftest import Run
from tests.pictures import encoded, picture

IMAGE = encoded(picture(1))


class Handler(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved.png":
            self.send_response(302)
            self.send_header("Location", "/image.png")
            self.end_headers()
            return
        self.send_response(200)
        if self.path == "/image.png":
            self.send_header("Content-Length", str(len(IMAGE)))
            self.end_headers()
            self.wfile.write(IMAGE)
            return
        self.end_headers()
        try:
            while not self.server.is_over.is_set():  # type: ignore[attr-defined]
                self.wfile.write(b"x" if self.path == "/trickle.png" else bytes(1 << 16))
                if self.path == "/silent.png":
                    self.server.is_over.wait()  # type: ignore[attr-defined]
                elif self.path == "/trickle.png":
                    time.sleep(0.05)
        except OSError:
            pass

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked = []
    HTTPFileSystem.clear_instance_cache()  # whose connections are kept otherwise
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    # Who hangs up is no fault, and is not told among the output of a test.
    made.handle_error = lambda *_: None  # type: ignore[method-assign]
    made.is_over = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.is_over.set()  # type: ignore[attr-defined]
    made.shutdown()
    made.server_close()


def listed(folder: Path, *urls: str, access: WebAccess | None = None) -> Collection:
    manifest = folder / "manifest.csv"
    (folder / "here.png").write_bytes(IMAGE)
    manifest.write_text("path\nhere.png\n" + "".join(f"{url}\n" for url in urls))
    found = open_source(manifest, access)
    assert isinstance(found, Collection)
    return found


OPEN = WebAccess(allow_private=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
def test_a_manifest_reaches_nothing_inside_this_network(
    server: str, tmp_path: Path, host: str
) -> None:
    found = listed(tmp_path, f"{server.replace('127.0.0.1', host)}/image.png")
    (location,) = [e.location for e in found.entries if e.path != "here.png"]
    refused = r"address of this machine or its network|not a canonical IPv4|Invalid IPv6"
    with pytest.raises(OSError, match=refused):
        location.read()
    assert Handler.asked == []


def test_redirects_are_followed_no_further(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first address passes for a public one, what it leads to does not."""
    real, seen = web._public_socket, []

    def first_only(address: Any) -> Any:
        seen.append(address)
        if len(seen) > 1:
            return real(address)

        return socket.socket(*address[:3])

    monkeypatch.setattr(web, "_public_socket", first_only)
    other = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=other.serve_forever, daemon=True).start()

    def redirect(self: Handler) -> None:
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{other.server_port}/image.png")
        self.end_headers()

    monkeypatch.setattr(Handler, "do_GET", redirect)
    found = listed(tmp_path, f"{server}/image.png")
    (location,) = [e.location for e in found.entries if e.path != "here.png"]
    with pytest.raises(OSError, match="address of this machine"):
        location.read()
    assert len(seen) >= 2
    other.shutdown()
    other.server_close()


def test_who_allows_it_gets_it(server: str, tmp_path: Path) -> None:
    found = listed(tmp_path, f"{server}/moved.png", access=OPEN)
    assert {entry.location.read() for entry in found.entries} == {IMAGE}


@pytest.mark.parametrize("name", ["endless", "trickle", "silent"])
def test_what_never_ends_is_given_up(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(web, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(web, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(web, "TOTAL_SECONDS", 1.0 if name != "endless" else 60.0)
    found = listed(tmp_path, f"{server}/{name}.png", access=OPEN)
    (location,) = [e.location for e in found.entries if e.path != "here.png"]
    start = time.monotonic()
    with pytest.raises(OSError, match=r"more than 1,000,000 bytes|no answer|[Tt]imeout"):
        location.read()
    assert time.monotonic() - start < 30


@pytest.mark.parametrize(
    ("url", "access", "reason"),
    [
        ("https://example.com/1.png", WebAccess(is_offline=True), "--offline was given"),
        ("zip::http://example.com/1.zip", WebAccess(), "it is a chain of protocols (zip::http)"),
        ("gopher://example.com/1.png", WebAccess(), "its protocol gopher is none of http, https"),
        ("local://etc/passwd", WebAccess(), "its protocol local is none of"),
    ],
)
def test_what_is_not_tried_is_one_unreadable_image(
    tmp_path: Path, url: str, access: WebAccess, reason: str
) -> None:
    found = listed(tmp_path, url, access=access)
    assert len(found.entries) == 1
    (lost,) = found.unreadable
    assert reason in lost.reason


def test_a_protocol_that_is_allowed_is_tried(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/1.png", IMAGE)
    url = "memory://1.png"
    assert "--allow-protocol" in listed(tmp_path, url).unreadable[0].reason
    found = listed(tmp_path, url, access=WebAccess(allow_protocols=("memory",)))
    assert {entry.location.read() for entry in found.entries} == {IMAGE}


def test_a_bucket_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(web, "_ATTEMPTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        for name, value in (
            ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}"),
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
        ):
            monkeypatch.setenv(name, value)
        found = listed(tmp_path, "s3://bucket/1.png")
        (location,) = [e.location for e in found.entries if e.path != "here.png"]
        start = time.monotonic()
        with pytest.raises(OSError, match=r"bucket/1\.png"):
            location.read()
        assert time.monotonic() - start < 30


def test_an_audit_goes_on_without_them(
    server: str, two_sides: tuple[Path, Path], synthaudit: Run, tmp_path: Path
) -> None:
    lines = [f"{file}," for file in sorted(two_sides[1].rglob("*.png"))]
    (tmp_path / "fakes.csv").write_text("\n".join(["path,class", *lines, f"{server}/image.png,"]))
    options = ("--embedder", "builtin", "--quick", "--quiet", "--out", "audit")
    done = synthaudit("score", two_sides[0], "fakes.csv", *options)
    assert done.returncode == 0, done.stderr
    assert "--allow-private" in (tmp_path / "audit" / "unreadable.csv").read_text()
    assert Handler.asked == []
    done = synthaudit("score", two_sides[0], "fakes.csv", *options, "--allow-private")
    assert done.returncode == 0, done.stderr
    assert set(Handler.asked) == {"/image.png"}
