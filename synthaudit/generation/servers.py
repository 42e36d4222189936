"""What all servers have in common: keys, prices, requests in parallel, sizes."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from PIL import Image
from pydantic import Field, field_validator

from synthaudit.errors import GeneratorError, PlanError
from synthaudit.generation.jobs import GeneratorOptions, Job, Made, SizedOptions, Traits
from synthaudit.images.decoding import UnreadableImage, open_rgb

PASSING: Final = ("key", "parallel", "retries", "seconds", "price")
"""Options of every server that decide nothing of an image."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SENDABLE: Final = re.compile(r"[!-~]+")
MOST_BYTES: Final = 150_000_000
"""Of an answer; longer ones are not read to their end."""

_PART: Final = 65_536
_SHOWN: Final = 300


class Connection(GeneratorOptions):
    """How a server is asked.

    Attributes:
        base_url: of the server.
        key: name of the environment variable that holds the key; the key itself is in no plan, file
            or log.
        parallel: requests at once.
        retries: how often a request is made again that the server could not answer (429, 5xx), with
            growing waits.
        seconds: without an answer for so long, a request has failed.
    """

    base_url: str
    key: str | None = None
    parallel: int = Field(default=4, ge=1, le=64)
    retries: int = Field(default=5, ge=0, le=20)
    seconds: float = Field(default=180.0, gt=0.0, le=86_400.0)

    @field_validator("key", mode="before")
    @classmethod
    def _names_a_variable(cls, key: Any) -> Any:
        # The message does not repeat it: it may be the key itself.
        if key is not None and not (isinstance(key, str) and _VARIABLE.fullmatch(key)):
            raise ValueError("key should be the name of an environment variable, not a key")
        return key

    @field_validator("base_url", mode="before")
    @classmethod
    def _is_an_address(cls, url: Any) -> Any:
        try:
            parts = urlsplit(str(url))
            is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
            is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            is_plain = is_web = False
        if not (is_plain and is_web):
            raise ValueError("base_url should be an http address without a name or key in it")
        return url

    def read_key(self) -> str | None:
        """The key.

        Raises:
            PlanError: the variable is not set.
        """
        if self.key is None:
            return None
        found = os.environ.get(self.key, "").strip()
        if not found:
            raise PlanError(f"the environment variable {self.key} holds no key: set it.")
        if not _SENDABLE.fullmatch(found):
            raise PlanError(
                f"the key in {self.key} has characters that cannot be sent, such as a line break "
                "or an accent: set it anew."
            )
        return found


class ServerOptions(Connection, SizedOptions):
    """Options of every server of images.

    Attributes:
        size: of the images: one number or ``[width, height]``; None for what the server makes.
        price: what an image costs, for ``budget: {money: ...}``.
    """

    price: float | None = Field(default=None, ge=0.0, allow_inf_nan=False)

    def traits(self, *, is_seeded: bool) -> Traits:
        """How its images are made."""
        return Traits(is_seeded=is_seeded, is_batched=False, price=self.price, passing=PASSING)


def in_parallel(jobs: Sequence[Job], make: Callable[[Job], Made], parallel: int) -> Iterator[Made]:
    """Make images, several at once.

    One that fails does not take with it what has begun; nothing more is begun after it, and those
    that are left have its error too.
    """
    failed: list[GeneratorError] = []

    def guarded(job: Job) -> Made:
        if failed:
            return Made(image=None, error=failed[0])
        try:
            return make(job)
        except GeneratorError as error:
            failed.append(error)
            return Made(image=None, error=error)

    with ThreadPoolExecutor(parallel, thread_name_prefix="synthaudit-server") as pool:
        begun = [pool.submit(guarded, job) for job in jobs]
        try:
            for future in begun:
                yield future.result()
        finally:
            for future in begun:
                future.cancel()


def read_answer(answer: Any, options: ServerOptions) -> bytes:
    """``read_whole`` of what ``urllib`` has opened."""
    return read_whole(iter(partial(answer.read1, _PART), b""), options, time.monotonic())


def read_whole(parts: Iterable[bytes], options: Connection, started: float) -> bytes:
    """An answer that comes in parts, within the time and size that one may have.

    Raises:
        TimeoutError: it takes longer than ``seconds`` from its start.
        GeneratorError: it is too long.
    """
    found = bytearray()
    for part in parts:
        found += part
        if len(found) > MOST_BYTES:
            raise GeneratorError(
                f"{options.base_url} answers with more than {MOST_BYTES // 10**6} MB: it is at "
                "fault."
            )
        if time.monotonic() - started > options.seconds:
            raise TimeoutError
    return bytes(found)


def judged(data: bytes, options: ServerOptions, facts: dict[str, Any], whose: str) -> Made:
    """An answer as an image of the size that was asked for.

    Raises:
        GeneratorError: it is none.
    """
    try:
        open_rgb(data)
        size = Image.open(io.BytesIO(data)).size
    except (UnreadableImage, OSError) as error:
        raise GeneratorError(f"{whose} sent what is no image ({error}): it is at fault.") from error
    if options.sides is not None and size != tuple(options.sides):
        asked = "{} x {}".format(*options.sides)
        raise GeneratorError(
            f"{whose} made an image of {size[0]} x {size[1]} pixels where {asked} were asked for: "
            "give a size that it can make, or drop size."
        )
    if options.price is not None:
        facts = {**facts, "money": options.price}
    return Made(image=None, data=data, facts=facts)


def unreachable(options: Connection, error: BaseException, key: str | None) -> str:
    """What to say where a request did not get through, or its answer did not."""
    said = without_key(f"{type(error).__name__}: {error.__cause__ or error}", key)
    return (
        f"{options.base_url} cannot be asked ({said}): is it the right address, and the server "
        "running?"
    )


def without_key(text: str, key: str | None) -> str:
    """What a server says, in one line, without the key that some repeat in it."""
    line = " ".join(text.split())
    if key:
        line = line.replace(key, "***")
    return line[:_SHOWN].rstrip(".")
