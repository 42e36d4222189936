"""What is taught: classes, their images, and the text that goes with each image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from synthaudit.errors import DataError, UsageError
from synthaudit.images.collection import Collection, ImageEntry
from synthaudit.prompting.english import with_article
from synthaudit.registry import nearest_name
from synthaudit.tuning.recipe import CLASS, TOKEN, TuneRecipe

LEAST_IMAGES = 3


@dataclass(frozen=True, kw_only=True)
class Concept:
    """A class that is taught.

    Attributes:
        name: of the class.
        entries: its real images.
        prompts: of each image, what it is taught with.
        prompt: what the class is asked for afterwards.
        class_prompt: what the model made class images with.
    """

    name: str
    entries: Sequence[ImageEntry]
    prompts: Sequence[str]
    prompt: str
    class_prompt: str


def concepts_of(real: Collection, recipe: TuneRecipe, name: str | None) -> list[Concept]:
    """The classes of a set, or one of them.

    Args:
        real: the real images.
        recipe: with the prompts.
        name: of the class; None for all. Of images without class folders it is what they show.

    Raises:
        UsageError: there is no such class, or images without classes have no name.
        DataError: a class has too few images.
    """
    labels = sorted({entry.label for entry in real.entries if entry.label is not None})
    if not labels:
        if name is None:
            raise UsageError(
                f"{real.name} has no class folders: say with --class what its images show."
            )
        chosen = [(name, list(real.entries))]
    elif name is not None and name not in labels:
        raise UsageError(f"{real.name} has no class {name!r}; {nearest_name(name, labels)}")
    else:
        wanted = labels if name is None else [name]
        chosen = [(own, [e for e in real.entries if e.label == own]) for own in wanted]
    for own, entries in chosen:
        if len(entries) < LEAST_IMAGES:
            raise DataError(
                f"class {own!r} has {len(entries)} images, but a model learns a class from "
                f"{LEAST_IMAGES} at least: add some, or leave the class out with --class."
            )
    return [_concept(own, entries, recipe) for own, entries in chosen]


def _concept(name: str, entries: Sequence[ImageEntry], recipe: TuneRecipe) -> Concept:
    prompt = filled(recipe.prompt, name, recipe.token)
    return Concept(
        name=name,
        entries=entries,
        prompts=[_prompt_of(entry, name, prompt, recipe) for entry in entries],
        prompt=prompt,
        class_prompt=filled(recipe.class_prompt, name, recipe.token),
    )


def filled(text: str, name: str, token: str) -> str:
    """A prompt of a class.

    >>> filled("a photo of {token} {class}", "tree_frog", "ohwx")
    'a photo of ohwx tree frog'
    >>> filled("a photo of {a} {class}", "apple", "ohwx")
    'a photo of an apple'
    """
    words = name.replace("_", " ")
    whole = text.replace(TOKEN, token).replace("{a} " + CLASS, with_article(words))
    return whole.replace(CLASS, words)


def _prompt_of(entry: ImageEntry, name: str, usual: str, recipe: TuneRecipe) -> str:
    """The caption of an image, with the token before the class; the usual prompt without."""
    caption = entry.record.prompt if recipe.captions and entry.record is not None else None
    if not caption:
        return usual
    words = name.replace("_", " ")
    position = caption.lower().find(words.lower())
    if position < 0:
        return f"{recipe.token} {words}, {caption}"
    return f"{caption[:position]}{recipe.token} {caption[position:]}"


def digest_of(concepts: Sequence[Concept]) -> str:
    """A digest of all images and their prompts.

    Raises:
        DataError: a file has vanished.
    """
    digest = hashlib.sha256()
    for concept in concepts:
        digest.update(f"{concept.name}\0".encode())
        for entry, prompt in zip(concept.entries, concept.prompts, strict=True):
            try:
                content = entry.location.read()
            except OSError as error:
                raise DataError(f"{entry.path} cannot be read ({error.strerror}).") from error
            digest.update(hashlib.sha256(content).digest() + prompt.encode() + b"\0")
    return digest.hexdigest()
