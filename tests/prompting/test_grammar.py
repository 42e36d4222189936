"""The grammar of prompts, against dynamicprompts; and how prompts are drawn from it."""

from __future__ import annotations

import itertools
import random
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthaudit.errors import PlanError, SettingsError
from synthaudit.prompting.drawing import draw_prompts
from synthaudit.prompting.grammar import expansions, parse_grammar
from synthaudit.prompting.sources import DEFAULT_GRAMMAR, GrammarSource, Surroundings
from synthaudit.prompting.vocabulary import attributes, prompt_groups, read_attributes
from synthaudit.prompting.wildcards import read_wildcards, values_of

MOST = 500


@pytest.fixture(scope="module")
def wildcards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wildcards")
    (folder / "tone.txt").write_text("dim\n# a remark\n bright sun \n\n{hot|cold} light\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "x.txt").write_text("one\ntwo\n")
    return folder


def template(rng: random.Random, words: itertools.count[int], depth: int = 0) -> str:
    """A random template: literals, choices, weights, several at once, wildcards, all nested."""
    text = ""
    for _ in range(rng.randint(1, 3)):
        kind = rng.random()
        if kind < 0.4 or depth > 2:
            text += rng.choice([" ", ",", ", ", " of "]) + f"w{next(words)}"
        elif kind < 0.7:
            options = [
                rng.choice(["", "2::", ".5::", " "])
                + (template(rng, words, depth + 1) if rng.random() < 0.9 else "")
                for _ in range(rng.randint(2, 3))
            ]
            text += "{" + "|".join(options) + "}"
        elif kind < 0.85:
            several = rng.choice(["2$$", "1-2$$", "2$$ and $$", "-1$$", "1-$$, $$", "0-1$$"])
            options = [f"w{next(words)}{rng.choice(['', ' x'])}" for _ in range(rng.randint(2, 3))]
            text += "{" + several + "|".join(options) + "}"
        else:
            text += rng.choice(["__tone__", "__sub/x__", "__sub/*__"])
    return text


def test_expansions_are_those_of_dynamicprompts(wildcards: Path) -> None:
    """Exact, in their order, on 200 random templates; the first 500 of each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has had no release since a parser's of its own
        generators = pytest.importorskip("dynamicprompts.generators")
        manager = pytest.importorskip("dynamicprompts.wildcards").WildcardManager(wildcards)
        compare(generators.CombinatorialPromptGenerator, manager, wildcards)


def compare(generator: Any, manager: Any, wildcards: Path) -> None:
    ours = read_wildcards(wildcards)
    words = itertools.count()
    for seed in range(200):
        text = template(random.Random(seed), words)
        parts = parse_grammar(text, lambda name: values_of(ours, name))
        found = list(itertools.islice(expansions(parts), MOST))
        assert found == list(map(str, generator(manager).generate(text, MOST))), text


def test_single_words_in_braces_stay_for_the_plan() -> None:
    parts = parse_grammar("A {candid|studio} photo of {a} {subject}{|, at noon} # a remark", str)
    assert list(expansions(parts)) == [
        "A candid photo of {a} {subject} ",
        "A candid photo of {a} {subject}, at noon ",
        "A studio photo of {a} {subject} ",
        "A studio photo of {a} {subject}, at noon ",
    ]


def drawn(text: str, count: int, seed: int = 0, folder: Path | None = None) -> list[str]:
    known = read_wildcards(folder)
    parts = parse_grammar(text, lambda name: values_of(known, name))
    return list(itertools.islice(draw_prompts(parts, np.random.default_rng(seed)), count))


def test_default_words_occur_equally_often() -> None:
    """To 1 %, of 6,400 prompts; three words each."""
    texts = drawn(DEFAULT_GRAMMAR, 6400)
    counts = Counter(word for text in texts for word in text.split(", ")[1:])
    words = [word for group in prompt_groups().values() for word in group]
    assert set(counts) == set(words)
    assert sum(counts.values()) == 3 * 6400
    expected = 3 * 6400 / len(words)
    assert max(abs(count / expected - 1.0) for count in counts.values()) <= 0.01
    assert len(set(texts)) > 5000


def test_weights_are_heeded_at_every_length() -> None:
    texts = drawn("{3::a|b|0::c}", 400)
    for count in (4, 40, 400):
        assert Counter(texts[:count])["a"] == pytest.approx(0.75 * count, abs=1)
    assert "c" not in texts


def test_the_same_words_in_two_places_are_two_choices() -> None:
    texts = drawn("{red|blue} hat, {red|blue} shoes", 400)
    assert set(texts) == {
        f"{hat} hat, {shoes} shoes" for hat in ("red", "blue") for shoes in ("red", "blue")
    }


def test_several_at_once_are_never_the_same() -> None:
    texts = drawn("{2$$ and $$a|b|c}", 60)
    assert all(len(set(text.split(" and "))) == 2 for text in texts)
    assert Counter(word for text in texts for word in text.split(" and ")) == {
        "a": 40,
        "b": 40,
        "c": 40,
    }


def test_prompts_do_not_depend_on_how_many_are_drawn(tmp_path: Path) -> None:
    source = GrammarSource(grammar="default")
    around = Surroundings(folder=tmp_path, seed=3, subjects=["frog", "cat"])
    first, second = source.open(around), source.open(around)
    assert first.text("frog", 7) == [second.text("frog", n) for n in range(40)][7]
    own = [first.text("frog", n) for n in range(10)]
    assert own != [first.text("cat", n) for n in range(10)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{a|b", "is opened and not closed"),
        ("${x=red} a ${x}", "variable or a wrapper"),
        ("__nothing__ a", "wildcard __nothing__"),
        ("__ligth__ a", "light"),
        ("{0::a|0::b}", "weight 0"),
        ("{-1::a|b}", "a weight should be a number"),
        ("{3-1$$a|b|c}", "the first is larger"),
        ("{a|" * 30 + "b" + "}" * 30, "nested deeper than"),
        ("__self__", "nested deeper"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "self.txt").write_text("x __self__\n")
    known = read_wildcards(tmp_path)
    with pytest.raises(PlanError, match=re.escape(said)):
        parse_grammar(text, lambda name: values_of(known, name))


def test_wildcards_of_other_formats(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("colours:\n  warm: [red, orange]\n  cold: [blue]\n")
    (tmp_path / "things.json").write_text('["cup", "pan"]')
    known = read_wildcards(tmp_path)
    assert values_of(known, "colours/*") == ["blue", "orange", "red"]
    assert "light" in known.values
    (tmp_path / "bad.yaml").write_text("a: [")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    known = read_wildcards(tmp_path)
    assert values_of(known, "things") == ["cup", "pan"]
    with pytest.raises(PlanError, match=r"latin\.txt cannot be read: it is not UTF-8"):
        values_of(known, "latin")
    with pytest.raises(PlanError, match="should be a folder"):
        read_wildcards(tmp_path / "none")


def test_our_vocabulary_is_of_one_size_and_in_the_singular(tmp_path: Path) -> None:
    assert len({len(group) for group in prompt_groups().values()}) == 1
    words = attributes()
    assert len(words) == len(set(words))
    file = tmp_path / "attributes.txt"
    file.write_text("\n".join(words))
    assert read_attributes(file) == list(words)


@pytest.mark.parametrize(
    ("text", "said"),
    [("dogs", "write 'dog'"), ("red cars\n", "write 'red car'"), ("", "1 to"), ("x" * 80, "a few")],
)
def test_attributes_are_checked(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "attributes.txt"
    file.write_text(text)
    with pytest.raises(SettingsError, match=re.escape(said)):
        read_attributes(file)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_attributes(tmp_path / "none.txt")
