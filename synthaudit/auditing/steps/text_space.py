"""The space in which texts and pictures are compared: the embedder's own, or another model's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from synthaudit.arrays import Singles, Vectors
from synthaudit.auditing.context import Context
from synthaudit.auditing.image_reader import open_reader
from synthaudit.auditing.step import Step
from synthaudit.embedding.protocol import Embedder, TextEmbedder
from synthaudit.embedding.registry import EMBEDDERS
from synthaudit.embedding.texts import encode_texts
from synthaudit.errors import EmbedderError, SettingsError
from synthaudit.measures.samples import Samples
from synthaudit.progress import LOGGER
from synthaudit.prompting.vocabulary import read_attributes
from synthaudit.result.section import Section
from synthaudit.settings import Settings

NONE: Final = "none"
QUESTION: Final = "vqa:"


@dataclass(frozen=True, kw_only=True)
class TextSpaceSection(Section):
    """Pictures in a space that texts can be put into; nothing of it is told.

    Attributes:
        name: of the model.
        vectors: (n, d) of all pictures.
        embedder: reads texts.
    """

    name: str
    vectors: Vectors = field(repr=False)
    embedder: TextEmbedder = field(repr=False)

    def read(self, texts: Sequence[str]) -> Singles:
        """(t, d) vectors of texts."""
        return encode_texts(self.embedder, texts)


def check_text_settings(settings: Settings) -> None:
    """Say before the work, not after it, that something cannot be asked for.

    Raises:
        SettingsError: ``--faithfulness`` names nothing, or ``--attributes`` no file of attributes.
    """
    named = settings.faithfulness
    if named is not None and named != NONE:
        kind, _, argument = named.partition(":")
        is_question = kind == QUESTION.rstrip(":")
        if kind not in EMBEDDERS.names and not (is_question and argument):
            raise SettingsError(
                "--faithfulness should be an embedder that reads text, such as clip, or vqa:MODEL, "
                f"or none, not {named!r}."
            )
    if settings.attributes is None:
        return
    if settings.quick:
        raise SettingsError("--attributes are not looked for with --quick: leave one of both out.")
    read_attributes(settings.attributes)


def open_text_space(samples: Samples, context: Context) -> TextSpaceSection | None:
    """The space of ``--faithfulness``, or of the embedder; None where nothing reads text.

    Raises:
        SettingsError: ready vectors, or a model that reads no text, were asked for it.
        EmbedderError: the model cannot be had.
    """
    named, images = context.settings.faithfulness, context.images
    if named == NONE:
        return None
    if images is None:
        if named is None:
            return None
        raise SettingsError(
            "--faithfulness looks at images, but both sides are ready vectors: leave it out."
        )
    own = images.reader.embedder
    if named is None or named.startswith(QUESTION) or named == own.name:
        return _space(own, samples.vectors)
    settings = context.settings.model_copy(update=_as_embedder(named))
    with _said_of_faithfulness(named), open_reader(settings, context.progress) as reader:
        if not isinstance(reader.embedder, TextEmbedder):
            raise SettingsError(
                f"--faithfulness needs an embedder that reads text, such as clip, but {named} "
                "reads none: name another, or leave it out."
            )
        found = replace(images, reader=reader).vectors()
        if found is None:
            raise EmbedderError(f"{named} cannot read some of the pictures: leave it out.")
        return _space(reader.embedder, found)


@contextmanager
def _said_of_faithfulness(named: str) -> Iterator[None]:
    """Errors of an embedder that was not asked for vectors of the audit."""
    try:
        yield
    except EmbedderError as error:
        told = str(error).removesuffix(".").replace(", or use --embedder builtin", "")
        raise EmbedderError(
            f"--faithfulness {named}: {told}; or leave it out with --faithfulness none."
        ) from error


def _as_embedder(named: str) -> dict[str, str | None]:
    return {"embedder": named, "faithfulness": None, "copy_embedder": None}


def _space(embedder: Embedder, vectors: Vectors) -> TextSpaceSection | None:
    if not isinstance(embedder, TextEmbedder):
        return None
    try:
        embedder.encode_text(["a photo"])
    except EmbedderError as error:
        LOGGER.warning("nothing is compared with texts: %s", error)
        return None
    return TextSpaceSection(name=embedder.name, vectors=vectors, embedder=embedder)


def asks_a_question(settings: Settings) -> bool:
    """Whether a model that answers questions about pictures was named."""
    return settings.faithfulness is not None and settings.faithfulness.startswith(QUESTION)


STEP: Final = Step(name="text_space", run=open_text_space, is_scratch=True)
