"""Images from a ComfyUI server: a workflow in its API format, with places to be filled in."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from synthaudit.embedding.hub import file_digest
from synthaudit.errors import GeneratorError, PlanError
from synthaudit.generation.jobs import Job, Made, Traits, parse_options
from synthaudit.generation.references import References
from synthaudit.generation.servers import (
    ServerOptions,
    in_parallel,
    judged,
    read_answer,
    without_key,
)

_PLACE: Final = re.compile(r"\{(\w+)\}")
_LOOKS_EVERY_SECONDS: Final = 0.25
_FIRST_WAIT_SECONDS: Final = 0.5
_LONGEST_WAIT_SECONDS: Final = 30.0
_NUMBER: Final = re.compile(r"[\w.-]{1,200}", re.ASCII)


class ComfyOptions(ServerOptions):
    """Options of the generator ``comfyui``.

    Attributes:
        base_url: of the server.
        workflow: a file that ComfyUI's "Export (API)" has written, with ``{prompt}``,
            ``{negative_prompt}``, ``{seed}``, ``{width}``, ``{height}`` and any key of ``options``
            in the place of what changes.
        negative_prompt: fills its place.
        options: by name, what fills further places; an axis may be a key of it.
    """

    base_url: str = "http://127.0.0.1:8188"
    workflow: str = Field(min_length=1)
    negative_prompt: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class ComfyGenerator:
    """Queues the workflow once a job, and fetches what it saves."""

    name = "comfyui"
    known_options = tuple(ComfyOptions.model_fields)

    def __init__(self, references: References | None = None) -> None:  # noqa: ARG002
        """It starts from no real images."""
        self._workflows: dict[str, Any] = {}

    def check(self, job: Job) -> None:
        """Refuse wrong options, workflows in another format, and options without a place."""
        options = self._options(job)
        places = _places_of(self._workflow(options))
        if "prompt" not in places:
            raise PlanError(
                f"{options.workflow} has no {{prompt}}: write that where its prompt is."
            )
        values = _values(options, job)
        unfilled = sorted(places - set(values))
        if unfilled:
            raise PlanError(
                f"{options.workflow} has a place {{{unfilled[0]}}} that nothing fills: add it to "
                "options."
            )
        given = {*options.options, *(("negative_prompt",) if options.negative_prompt else ())}
        given |= {"width", "height"} if options.size is not None else set()
        idle = sorted(given - places)
        if idle:
            raise PlanError(
                f"{idle[0]} has no effect: {options.workflow} has no place {{{idle[0]}}}; add it, "
                f"or drop {idle[0]}."
            )
        options.read_key()

    def identity(self, job: Job) -> Mapping[str, Any]:
        """Digest of the workflow."""
        return {"workflow": file_digest(Path(self._options(job).workflow))}

    def traits(self, job: Job) -> Traits:
        """Its price; arms are pairs where the workflow has a place for the seed."""
        options = self._options(job)
        return options.traits(is_seeded="seed" in _places_of(self._workflow(options)))

    def make(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """Ask the server."""
        if jobs:
            yield from in_parallel(jobs, self._make, self._options(jobs[0]).parallel)

    def count_cut_words(self, prompt: str) -> int:  # noqa: ARG002 - its own affair
        """Unknown: the workflow reads the prompt."""
        return 0

    def _options(self, job: Job) -> ComfyOptions:
        return parse_options(ComfyOptions, self.name, job.options)

    def _workflow(self, options: ComfyOptions) -> Mapping[str, Any]:
        if options.workflow not in self._workflows:
            self._workflows[options.workflow] = _read_workflow(Path(options.workflow))
        found: Mapping[str, Any] = self._workflows[options.workflow]
        return found

    def _make(self, job: Job) -> Made:
        # Of the job: an axis may have another value for its subject than for its neighbour's.
        options = self._options(job)
        server = _Server(options)
        start = time.perf_counter()
        filled = fill_places(self._workflow(options), _values(options, job))
        number = server.queue(filled)
        image = server.wait_for(number)
        facts: dict[str, Any] = {"seconds": round(time.perf_counter() - start, 4)}
        query = urllib.parse.urlencode(image)
        data = server.ask(f"/view?{query}")
        facts["server_version"] = server.version()
        return judged(data, options, facts, options.base_url)


def fill_places(workflow: Any, values: Mapping[str, Any]) -> Any:
    """A workflow with its places filled in; a text that is only a place becomes the value itself.

    >>> fill_places({"seed": "{seed}", "text": "{prompt}, sharp"}, {"seed": 7, "prompt": "a cat"})
    {'seed': 7, 'text': 'a cat, sharp'}
    """
    if isinstance(workflow, Mapping):
        return {name: fill_places(value, values) for name, value in workflow.items()}
    if isinstance(workflow, list):
        return [fill_places(value, values) for value in workflow]
    if not isinstance(workflow, str):
        return workflow
    whole = _PLACE.fullmatch(workflow)
    if whole and whole[1] in values:
        return values[whole[1]]
    return _PLACE.sub(lambda found: str(values.get(found[1], found[0])), workflow)


def _places_of(workflow: Any) -> set[str]:
    if isinstance(workflow, Mapping):
        return {place for value in workflow.values() for place in _places_of(value)}
    if isinstance(workflow, list):
        return {place for value in workflow for place in _places_of(value)}
    return set(_PLACE.findall(workflow)) if isinstance(workflow, str) else set()


def _values(options: ComfyOptions, job: Job) -> dict[str, Any]:
    values: dict[str, Any] = {**options.options, "prompt": job.prompt, "seed": job.seed}
    values["negative_prompt"] = options.negative_prompt or ""
    values["subject"] = job.subject or ""
    if options.sides is not None:
        values["width"], values["height"] = options.sides
    return values


def _read_workflow(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PlanError(f"the workflow {file} cannot be read: {reason}.") from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"the workflow {file} is no JSON: {error}.") from error
    nodes = found.values() if isinstance(found, dict) else []
    if not nodes or not all(isinstance(node, dict) and "class_type" in node for node in nodes):
        raise PlanError(
            f"{file} should be a workflow in ComfyUI's API format: export it with Export (API)."
        )
    workflow: Mapping[str, Any] = found
    return workflow


class _Server:
    """Requests to one server, made again with growing waits where it cannot answer."""

    def __init__(self, options: ComfyOptions) -> None:
        self.options, self.key = options, options.read_key()
        self.url = options.base_url.rstrip("/")

    def queue(self, workflow: Any) -> str:
        """Put a workflow into the queue; its number there."""
        number = _named(self._json("/prompt", {"prompt": workflow}), "prompt_id")
        if not isinstance(number, str) or not _NUMBER.fullmatch(number):
            raise GeneratorError(f"{self.url} answers without a number in its queue: is it Comfy?")
        return number

    def wait_for(self, number: str) -> Mapping[str, str]:
        """The first image that a workflow saves."""
        end = time.monotonic() + self.options.seconds
        while time.monotonic() < end:
            own = _named(self._json(f"/history/{number}"), number)
            status = _named(own, "status")
            if _named(status, "status_str") == "error":
                said = without_key(_failure(_named(status, "messages")), self.key)
                raise GeneratorError(f"the workflow fails on {self.url}: {said}.")
            images = _images_of(_named(own, "outputs"))
            saved = [image for image in images if image["type"] == "output"] or images
            if saved:
                return saved[0]
            if _named(status, "completed") is True:
                raise GeneratorError(
                    f"{self.options.workflow} saves no image on {self.url}: end it with SaveImage."
                )
            time.sleep(_LOOKS_EVERY_SECONDS)
        raise GeneratorError(
            f"{self.url} made no image within {self.options.seconds:g} s: raise seconds, or lower "
            "parallel."
        )

    def version(self) -> str:
        """What the server says that it is."""
        try:
            found = _named(_named(self._json("/system_stats"), "system"), "comfyui_version")
        except GeneratorError:
            return "unknown"
        return without_key(str(found), self.key) if isinstance(found, str) else "unknown"

    def ask(self, path: str, body: Any = None) -> bytes:
        """An answer, whole.

        Raises:
            GeneratorError: there is none, or it says that the request is wrong.
        """
        wait, left = _FIRST_WAIT_SECONDS, self.options.retries
        while True:
            try:
                return self._ask_once(path, body)
            except urllib.error.HTTPError as error:
                if (error.code != 429 and error.code < 500) or not left:
                    raise GeneratorError(self._sentence(error)) from None
            except TimeoutError:
                if not left:
                    raise GeneratorError(
                        f"{self.url} gave no whole answer within {self.options.seconds:g} s: raise "
                        "seconds, or lower parallel."
                    ) from None
            except (OSError, ValueError, HTTPException) as error:
                reason = without_key(str(getattr(error, "reason", error)), self.key)
                if not left:
                    raise GeneratorError(
                        f"{self.url} cannot be asked ({reason}): is the server running?"
                    ) from None
            left -= 1
            time.sleep(wait)
            wait = min(2.0 * wait, _LONGEST_WAIT_SECONDS)

    def _ask_once(self, path: str, body: Any) -> bytes:
        headers = {"Content-Type": "application/json", "User-Agent": "synthaudit"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)  # noqa: S310
        with _OPENER.open(request, timeout=self.options.seconds) as answer:
            return read_answer(answer, self.options)

    def _json(self, path: str, body: Any = None) -> Any:
        try:
            return json.loads(self.ask(path, body))
        except (ValueError, RecursionError) as error:
            raise GeneratorError(f"{self.url} answers with no JSON: is it ComfyUI?") from error

    def _sentence(self, error: urllib.error.HTTPError) -> str:
        said = without_key(error.read(2000).decode("utf-8", "replace"), self.key)
        if 300 <= error.code < 400:
            return f"{self.url} sends requests on to another address: give that as base_url."
        if error.code in (401, 403):
            what = f"the key in {self.options.key}" if self.key else "requests without a key"
            return f"{self.url} refuses {what} ({error.code}): check key and base_url."
        if error.code == 429 or error.code >= 500:
            return (
                f"{self.url} still answers {error.code} when asked {self.options.retries + 1} "
                f"times ({said}): wait, lower parallel, or raise retries."
            )
        return f"{self.url} refuses the workflow ({error.code}: {said}): mend it."


def _named(answer: Any, name: str) -> Any:
    """A part of an answer; None where it is not there, or the answer is of another kind."""
    return answer.get(name) if isinstance(answer, dict) else None


def _images_of(outputs: Any) -> list[dict[str, str]]:
    """The images among what a workflow has put out."""
    found = []
    for output in outputs.values() if isinstance(outputs, dict) else ():
        images = _named(output, "images")
        for image in images if isinstance(images, list) else ():
            own = {name: _named(image, name) for name in ("filename", "subfolder", "type")}
            if isinstance(own["filename"], str) and own["filename"].isprintable():
                found.append({name: str(value or "") for name, value in own.items()})
    return found


def _failure(messages: Any) -> str:
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, list) and len(message) == 2 and message[0] == "execution_error":
            kind = _named(message[1], "node_type") or "a node"
            return f"{kind}: {_named(message[1], 'exception_message')}"
    return "it does not say why"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The key is for one server alone."""

    def redirect_request(self, *_: Any) -> None:
        """None: the answer is an error."""


_OPENER: Final = urllib.request.build_opener(_NoRedirects)
