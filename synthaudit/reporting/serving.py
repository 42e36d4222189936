"""A server of one report on this machine alone: all pictures at full size, decisions saved."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import secrets
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthaudit.errors import DataError, StorageError, SynthauditError, UsageError
from synthaudit.images.collection import Collection, FileLocation, Location
from synthaudit.images.decoding import UnreadableImage, open_rgb
from synthaudit.images.opening import open_source
from synthaudit.images.places import is_url
from synthaudit.names import read_name
from synthaudit.progress import LOGGER
from synthaudit.reporting.html.audit import AuditPage
from synthaudit.reporting.html.page import harmless_json
from synthaudit.reporting.html.thumbnails import encode_all
from synthaudit.result.about import About
from synthaudit.result.decisions import DECISIONS_FILE, HEAD, as_csv, read_decisions
from synthaudit.result.reading import AuditFiles, read_files
from synthaudit.result.writing import write_files

if TYPE_CHECKING:
    from aiohttp import web

HOST: Final = "127.0.0.1"
_EMPTY: Final = ",".join(HEAD)
_LARGEST_DECISIONS: Final = 200_000_000
_REMEMBERED: Final = 4096
_EDGES: Final = (32, 512)
# What browsers show as it is; anything else is sent as PNG.
_SHOWN: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}


class Report:
    """A report and its images, as a server hands them out.

    Args:
        folder: what ``score --out`` wrote.

    Raises:
        DataError: it holds no audit, or its images cannot be found.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = read_files(folder)
        self._thumbnails = found.thumbnails
        self.files = replace(found, thumbnails={})
        self._max_pixels = int(self.files.scores["provenance"]["settings"].get("max_pixels", 2e8))
        self._locations = _locations(self.files, folder)
        self._rows = list(zip(self.files.images["side"], self.files.images["path"], strict=True))
        self.small = lru_cache(_REMEMBERED)(self._small)
        self._saving = threading.Lock()
        self._refuse_foreign()

    @cached_property
    def page(self) -> str:
        """The page, which asks for all else."""
        return self._page.html({})

    @cached_property
    def data(self) -> str:
        """What the page knows of its images."""
        return harmless_json(self._page.data({}))

    @cached_property
    def _page(self) -> AuditPage:
        return AuditPage(self.files, is_served=True)

    def decisions(self) -> str:
        """Those that were saved; empty where there are none."""
        try:
            return (self.folder / DECISIONS_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _refuse_foreign(self) -> None:
        """Refuse to write over what is no list of decisions."""
        try:
            read_decisions(self.decisions() or _EMPTY, str(self.folder / DECISIONS_FILE))
        except UsageError as error:
            raise DataError(f"{error} Move it elsewhere: decisions are saved there.") from error

    def warnings(self) -> list[str]:
        """What keeps the page from showing or saving all, in sentences."""
        told = []
        for side in ("real", "synthetic"):
            first = next((row for row, key in enumerate(self._rows) if key[0] == side), None)
            try:
                if first is not None:
                    self._read(first)
            except UnreadableImage as error:
                told.append(
                    f"the {side} images are not where they were ({error}): only the small pictures "
                    "of the report are shown."
                )
        if not os.access(self.folder, os.W_OK):
            told.append(f"{self.folder} cannot be written: decisions will not be saved.")
        return told

    def _small(self, row: int, edge: int) -> bytes | None:
        try:
            return encode_all([self._read(row)], edge=edge, max_pixels=self._max_pixels)[0]
        except UnreadableImage:
            return self._thumbnails.get(self._rows[row])

    def full(self, row: int) -> tuple[bytes, str]:
        """A file in its own resolution, and its kind.

        Raises:
            UnreadableImage: it cannot be read any more.
        """
        from PIL import Image

        data = self._read(row)
        try:
            with Image.open(io.BytesIO(data)) as image:
                kind = _SHOWN.get(str(image.format))
        except Exception as error:  # Pillow raises nearly anything on hostile bytes.
            raise UnreadableImage(str(error)) from error
        if kind is not None:
            return data, kind
        stream = io.BytesIO()
        open_rgb(data, max_pixels=self._max_pixels).save(stream, "PNG")
        return stream.getvalue(), "image/png"

    def _read(self, row: int) -> bytes:
        location = self._locations.get(self._rows[row])
        if location is None:
            raise UnreadableImage("it is not where it was")
        try:
            return location.read()
        except OSError as error:
            raise UnreadableImage(str(error)) from error

    def has(self, row: int) -> bool:
        """Whether there is such an image."""
        return 0 <= row < len(self._rows)

    def change(self, text: str) -> str:
        """Change decisions, and save them beside the results, whole or not at all.

        Args:
            text: lines ``path,is_kept,reason`` of those that change; a decision is taken back where
                nothing stands for ``is_kept``.

        Returns:
            All decisions, as they are written.

        Raises:
            UsageError: it is no list of decisions.
            StorageError: the folder cannot be written.
        """
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        back = {row[0] for row in rows[1:] if len(row) > 2 and not row[1]}
        changed = read_decisions(as_csv(row for row in rows if row[0] not in back), "the change")
        with self._saving:
            held = read_decisions(self.decisions() or _EMPTY, DECISIONS_FILE)
            dropped, kept = dict(held.dropped), set(held.kept)
            for path in {*back, *changed.dropped, *changed.kept}:
                dropped.pop(path, None)
                kept.discard(path)
            dropped |= changed.dropped
            whole = self._list(dropped, frozenset(kept | changed.kept))
            write_files(self.folder, {DECISIONS_FILE: whole}, advice="free the folder for writing")
        return whole

    def _list(self, dropped: Mapping[str, str], kept: frozenset[str]) -> str:
        """A line a synthetic image, decided or not."""
        rows = [HEAD]
        for side, path in self._rows:
            if side == "synthetic":
                reason = dropped.get(path, "kept in the review" if path in kept else "")
                rows.append((path, str(path not in dropped), reason))
        return as_csv(rows)


def _locations(files: AuditFiles, folder: Path) -> Mapping[tuple[str, str], Location]:
    """Where the bytes of each image are."""
    if files.about is None:
        raise DataError(
            f"{folder} does not say where its images are, as results of earlier versions do not: "
            "run synthaudit score again, with the same --out."
        )
    found: dict[tuple[str, str], Location] = {}
    for side in ("real", "synthetic"):
        found |= _of_side(files, files.about, side, folder)
    return found


def _of_side(
    files: AuditFiles, about: About, side: str, folder: Path
) -> dict[tuple[str, str], Location]:
    own = about.real if side == "real" else about.synthetic
    paths = files.images.loc[files.images["side"] == side, "path"]
    if own.folder is not None:
        root = folder / read_name(own.folder)
        return {
            (side, path): FileLocation(os.path.join(root, read_name(path)))  # noqa: PTH118
            for path in paths
        }
    if own.place is None:
        raise DataError(
            f"the {side} side of {folder} holds vectors: there are no pictures to view."
        )
    place = own.place if is_url(own.place) else str(folder / read_name(own.place))
    try:
        collection = open_source(place)
    except SynthauditError as error:
        raise DataError(
            f"the {side} images of {folder} are not where they were ({error}): bring them back, or "
            "run synthaudit score again."
        ) from error
    entries = collection.entries if isinstance(collection, Collection) else ()
    return {(side, entry.path): entry.location for entry in entries}


def serve(folder: Path, *, port: int = 0, ready: Callable[[str], None]) -> None:
    """Serve the report in a folder until an interrupt.

    Whoever knows the address may look; it holds a token, and nobody but this machine can reach it.

    Args:
        folder: what ``score --out`` wrote.
        port: of the loopback interface; 0 for any that is free.
        ready: told the address.

    Raises:
        DataError: there is no report, or its images cannot be found.
        UsageError: the port is taken.
    """
    report = Report(folder)
    for sentence in report.warnings():
        LOGGER.warning("%s", sentence)
    try:
        asyncio.run(_run(report, port, ready))
    except OSError as error:
        raise UsageError(
            f"port {port} of {HOST} cannot be had ({error.strerror}): give another --port."
        ) from error


async def _run(report: Report, port: int, ready: Callable[[str], None]) -> None:
    from aiohttp import web

    token = secrets.token_urlsafe(24)
    # Made before anybody asks: of many images it takes seconds.
    await asyncio.to_thread(lambda: (report.page, report.data))
    runner = web.AppRunner(make_application(report, token), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port)
        await site.start()
        given = runner.addresses[0][1]
        ready(f"http://{HOST}:{given}/{token}/")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def make_application(report: Report, token: str) -> web.Application:
    """What answers: the page, its numbers, its images, and the decisions.

    Args:
        report: what is shown.
        token: the first part of every path; no other path leads anywhere.
    """
    from aiohttp import web

    async def page(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(lambda: report.page)
        return web.Response(text=text, content_type="text/html")

    async def data(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(lambda: report.data)
        return web.Response(text=text, content_type="application/json")

    async def decided(_: web.Request) -> web.Response:
        return web.Response(text=await asyncio.to_thread(report.decisions), content_type="text/csv")

    async def image(request: web.Request) -> web.Response:
        return await _image(report, request)

    async def decide(request: web.Request) -> web.Response:
        try:
            text = await asyncio.to_thread(report.change, await request.text())
        except (UsageError, StorageError, UnicodeDecodeError, csv.Error) as error:
            return web.Response(status=400, text=str(error))
        return web.Response(text=text, content_type="text/csv")

    application = web.Application(middlewares=[_guard(token)], client_max_size=_LARGEST_DECISIONS)
    application.router.add_get("/{token}/", page)
    application.router.add_get("/{token}/data.json", data)
    application.router.add_get("/{token}/image/{row:\\d{1,9}}", image)
    application.router.add_get("/{token}/decisions.csv", decided)
    application.router.add_patch("/{token}/decisions.csv", decide)
    return application


async def _image(report: Report, request: web.Request) -> web.Response:
    from aiohttp import web

    row, asked = int(request.match_info["row"]), request.query.get("edge", "")
    if not report.has(row):
        return web.Response(status=404, text="there is no such image")
    try:
        if asked:
            edge = min(max(int(asked) if asked.isdecimal() else 0, _EDGES[0]), _EDGES[1])
            small = await asyncio.to_thread(report.small, row, edge)
            body, kind = small or b"", "image/webp"
        else:
            body, kind = await asyncio.to_thread(report.full, row)
    except UnreadableImage:
        body, kind = b"", ""
    if not body:
        return web.Response(status=404, text="the image cannot be read any more")
    headers = {"Cache-Control": "private, max-age=3600"}
    return web.Response(body=body, content_type=kind, headers=headers)


Handler = Callable[["web.Request"], Awaitable["web.StreamResponse"]]


def _guard(token: str) -> Any:
    """Answers those alone that know the token and come from this machine's own pages."""
    from aiohttp import web

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = (request.host or "").rpartition(":")[0] or request.host
        given = request.path.split("/")[1] if "/" in request.path else ""
        # Another name for this address is another site that was pointed at it.
        is_ours = host in (HOST, "localhost") and secrets.compare_digest(
            given.encode(errors="replace"), token.encode()
        )
        if not is_ours or request.headers.get("Sec-Fetch-Site", "none") == "cross-site":
            return web.Response(status=404, text="there is nothing here")
        answer = await handler(request)
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return answer

    return guard
