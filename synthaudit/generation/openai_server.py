"""Images from any server with OpenAI's ``/images/generations``: clouds, vLLM-Omni, SGLang."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from pydantic import Field

from synthaudit.errors import GeneratorError, PlanError
from synthaudit.generation.jobs import Job, Made, Traits, parse_options
from synthaudit.generation.references import References
from synthaudit.generation.servers import (
    ServerOptions,
    in_parallel,
    judged,
    read_answer,
    read_whole,
    unreachable,
    without_key,
)

_REFUSALS: Final = ("content_policy_violation", "moderation_blocked", "content_filter")


class OpenAIOptions(ServerOptions):
    """Options of the generator ``openai``.

    Attributes:
        base_url: of the server, with its ``/v1``.
        model: as the server calls it.
        takes_seed: whether the server heeds a ``seed``; if not, arms are compared as independent
            samples and not slot by slot.
        version: change it when the server's model has changed, so that its images are made anew.
        options: further fields of the request, such as ``quality``; an axis may be a key of it.
    """

    model: str = Field(min_length=1)
    takes_seed: bool = False
    version: str | int | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class OpenAIGenerator:
    """Asks for an image a job, several at once."""

    name = "openai"
    known_options = tuple(OpenAIOptions.model_fields)

    def __init__(self, references: References | None = None) -> None:
        """It starts from no real images."""

    def check(self, job: Job) -> None:
        """Refuse wrong options, a missing package and a missing key; the server is not asked."""
        options = self._options(job)
        if find_spec("openai") is None:
            raise GeneratorError(
                "the generator openai needs its extra: in a checkout, pip install '.[openai]'."
            )
        if not job.prompt:
            raise PlanError("the generator openai needs a prompt: write one.")
        own = {"prompt", "model", "size", "n", "seed"} & set(options.options)
        if own:
            raise PlanError(
                f"options of the generator openai should be further fields of the request, not "
                f"{', '.join(sorted(own))}, which has a place of its own: drop it."
            )
        options.read_key()

    def identity(self, job: Job) -> Mapping[str, Any]:
        """Nothing that its options do not say; what the server says is with each image."""
        return {"version": self._options(job).version}

    def traits(self, job: Job) -> Traits:
        """Its price, and whether arms are pairs."""
        options = self._options(job)
        return options.traits(is_seeded=options.takes_seed)

    def make(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """Ask the server."""
        import openai

        if not jobs:
            return
        options = self._options(jobs[0])
        # Without a key the client would send whatever the environment holds.
        with openai.OpenAI(base_url=options.base_url, api_key="none") as client:
            yield from in_parallel(jobs, partial(self._make, client), options.parallel)

    def count_cut_words(self, prompt: str) -> int:  # noqa: ARG002 - its own affair
        """Unknown: the server reads the prompt."""
        return 0

    def _options(self, job: Job) -> OpenAIOptions:
        return parse_options(OpenAIOptions, self.name, job.options)

    def _make(self, client: Any, job: Job) -> Made:
        import openai

        # Of the job: an axis may have another value for its subject than for its neighbour's.
        options = self._options(job)
        key = options.read_key()
        own = client.with_options(
            base_url=options.base_url,
            api_key=key or "none",
            timeout=options.seconds,
            max_retries=options.retries,
        )
        asked: dict[str, Any] = {"model": options.model, "prompt": job.prompt, "n": 1}
        if options.sides is not None:
            asked["size"] = "{}x{}".format(*options.sides)
        more = dict(options.options)
        if options.takes_seed:
            more["seed"] = job.seed % 2**31  # many servers read 32 bits with a sign
        start = time.monotonic()
        try:
            with own.images.with_streaming_response.generate(**asked, extra_body=more) as answer:
                version = answer.headers.get("openai-version")
                body = read_whole(answer.iter_bytes(), options, start)
            found = _answer_of(body)
            data = _image_of(found, options)
        except openai.APIStatusError as error:
            if str(getattr(error, "code", "")) in _REFUSALS:
                said = without_key(str(error.message), key)
                return Made(image=None, facts={"refused": f"the server refused it: {said}"})
            raise GeneratorError(_sentence(error, options, key)) from None
        except (openai.APITimeoutError, TimeoutError):
            raise GeneratorError(
                f"{options.base_url} gave no whole answer within {options.seconds:g} s: raise "
                "seconds, or lower parallel."
            ) from None
        except GeneratorError:
            raise
        # Besides its own errors those of its transport, where a connection ends midway.
        except Exception as error:  # noqa: BLE001
            raise GeneratorError(unreachable(options, error, key)) from None
        facts: dict[str, Any] = {"seconds": round(time.monotonic() - start, 4)}
        facts |= _about(found, version, key)
        return judged(data, options, facts, options.base_url)


def _answer_of(body: bytes) -> dict[str, Any]:
    """The first image of an answer, with what else it says.

    Raises:
        GeneratorError: there is none.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise GeneratorError(
            "the server answers with no JSON: does base_url end with its /v1?"
        ) from error
    images = answer.get("data") if isinstance(answer, dict) else None
    first = images[0] if isinstance(images, list) and images else None
    if not isinstance(first, dict):
        raise GeneratorError("the server answers without an image: it is at fault.")
    return {**answer, "data": first}


def _image_of(found: dict[str, Any], options: OpenAIOptions) -> bytes:
    """The image of an answer: in the answer itself, or at an address of its own."""
    own, url = found["data"].get("b64_json"), found["data"].get("url")
    if isinstance(own, str) and own:
        try:
            return base64.b64decode(own, validate=True)
        except ValueError as error:
            raise GeneratorError(
                f"{options.base_url} sent what is no image ({error}): it is at fault."
            ) from error
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise GeneratorError(f"{options.base_url} answers without an image: it is at fault.")
    request = urllib.request.Request(url, headers={"User-Agent": "synthaudit"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=options.seconds) as answer:  # noqa: S310
        return read_answer(answer, options)


def _about(found: dict[str, Any], version: str | None, key: str | None) -> dict[str, Any]:
    """What the server says of itself and of what it made, where it is a text or a number."""
    said = {
        "server_version": version,
        "model": found.get("model"),
        "created": found.get("created"),
        "revised_prompt": found["data"].get("revised_prompt"),
    }
    return {
        name: without_key(value, key) if isinstance(value, str) else value
        for name, value in said.items()
        if isinstance(value, str | int | float)
    }


def _sentence(error: Any, options: OpenAIOptions, key: str | None) -> str:
    said = without_key(str(error.message), key)
    if error.status_code in (401, 403):
        what = f"the key in {options.key}" if options.key else "requests without a key"
        return f"{options.base_url} refuses {what} ({said}): check key and base_url."
    if error.status_code == 404:
        return f"{options.base_url} has no model {options.model} ({said}): mend model or base_url."
    if error.status_code == 429 or error.status_code >= 500:
        return (
            f"{options.base_url} still answers {error.status_code} when asked "
            f"{options.retries + 1} times ({said}): wait, lower parallel, or raise retries."
        )
    if options.takes_seed and "seed" in said:
        return f"{options.base_url} takes no seed ({said}): set takes_seed: false."
    return f"{options.base_url} refuses the request ({error.status_code}: {said}): mend options."
