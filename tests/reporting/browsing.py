"""Names that try to break a page, and pages that remember what they said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    '"><script>alert(2)</script>.png',
    "quote' and `tick`.png",
    "\u202egnp.exe.png",
    "new\nline.png",
    "{{ 7 * 7 }}.png",
)


class Heard:
    """What a page said and asked for."""

    def __init__(self, page: Any) -> None:
        self.messages: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("dialog", lambda dialog: self.messages.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))


def opened(browser: Any, file: Path, **options: Any) -> Iterator[Any]:
    """A page with its plots drawn; ``heard`` has what it said."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.heard = Heard(page)
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.wait_for_selector("html[data-drawn]")
    yield page
    context.close()
