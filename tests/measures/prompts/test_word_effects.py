"""Words to blame: planted effects, nothing under the null, no companion in another's place."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.prompts.prompt_words import Features, prompt_features
from synthaudit.measures.prompts.word_effects import WordEffect, word_effects

PICTURES, WORDS, RUNS = 400, 60, 100


def features(has: Flags) -> Features:
    return Features(names=[f"word {number}" for number in range(has.shape[1])], has=has)


def effects(
    fault: Floats, has: Flags, seed: int, strata: Integers | None = None
) -> list[WordEffect]:
    rare = np.random.default_rng([seed, 1]).random(len(fault)) < 0.03
    return word_effects(
        {"unrealistic": fault, "unvaried": rare.astype(float)},
        features(has),
        strata=np.zeros(len(fault), int) if strata is None else strata,
        units=np.arange(len(fault)),
        seed=seed,
    )


def drawn(seed: int) -> tuple[np.random.Generator, Flags, Floats]:
    rng = np.random.default_rng(seed)
    has = rng.random((PICTURES, WORDS)) < rng.uniform(0.2, 0.5, WORDS)
    return rng, has, rng.beta(6, 3, PICTURES) * 0.9


def test_a_planted_effect_of_a_tenth_is_found_and_nothing_else() -> None:
    """Of one of 60 words at 400 images, in at least 90 of 100 runs; its interval holds it."""
    hits = others = held = 0
    for seed in range(RUNS):
        _, has, fault = drawn(seed)
        found = effects(fault + 0.1 * has[:, 7], has, seed)
        own = [effect for effect in found if effect.word == "word 7"]
        hits += bool(own)
        others += len(found) > len(own)
        held += all(effect.low <= 0.1 <= effect.high for effect in own)
        assert all(effect.pictures + effect.others == PICTURES for effect in own)
    assert hits >= 90
    assert others <= 7
    assert held >= 95


def test_nothing_is_named_without_an_effect() -> None:
    """In at most 5 + 2 % of 100 runs."""
    named = 0
    for seed in range(RUNS):
        _, has, fault = drawn(seed)
        named += bool(effects(fault, has, seed))
    assert named <= 7


def test_a_word_that_only_goes_along_is_not_named_in_the_guilty_ones_place() -> None:
    instead = beside = 0
    for seed in range(RUNS):
        rng, has, fault = drawn(seed)
        has[:, 1] = np.where(rng.random(PICTURES) < 0.8, has[:, 0], has[:, 1])
        found = [effect.word for effect in effects(fault + 0.15 * has[:, 0], has, seed)]
        instead += "word 1" in found and "word 0" not in found
        beside += "word 1" in found and "word 0" in found
    assert instead <= 5
    assert beside <= 7


def test_where_two_words_cannot_be_told_apart_both_are_told() -> None:
    rng, has, fault = drawn(0)
    has[:, 1] = np.where(rng.random(PICTURES) < 0.99, has[:, 0], ~has[:, 0])
    found = effects(fault + 0.1 * has[:, 0], has, 0)
    assert {found[0].word, *found[0].alternatives} == {"word 0", "word 1"}


def test_a_class_that_looks_worse_is_no_fault_of_its_words() -> None:
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1], 200)
    has = rng.random((400, 5)) < np.where(strata, 0.8, 0.2)[:, None]
    fault = 0.3 * strata + 0.1 * rng.random(400)
    assert not effects(fault, has, 0, strata)
    assert effects(fault, has, 0)


def test_what_is_special_about_a_prompt_is_not_put_down_to_its_words() -> None:
    """40 prompts of 12 pictures each: prompts differ, words have no effect."""
    named = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        prompts = np.repeat(np.arange(40), 12)
        has = (rng.random((40, 30)) < 0.4)[prompts]
        fault = 0.2 * rng.normal(size=40)[prompts] + 0.2 * rng.normal(size=480)
        found = word_effects(
            {"unrealistic": fault},
            features(has),
            strata=np.zeros(480, int),
            units=prompts,
            seed=seed,
        )
        named += bool(found)
    assert named <= 5


def test_images_of_a_slot_are_one_another_s_like() -> None:
    """Six arms of the same 48 prompts and seeds: slots differ, words and settings do not matter."""
    named = hits = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        slots, arms = np.tile(np.arange(48), 6), np.repeat(np.arange(6), 48)
        has = (rng.random((48, 20)) < 0.4)[slots]
        has = np.column_stack([has, arms == 0])
        fault = 0.2 * rng.normal(size=48)[slots] + 0.05 * rng.normal(size=288)
        how = {"strata": np.zeros(288, int), "units": np.arange(288), "blocks": slots, "seed": seed}
        named += bool(word_effects({"unrealistic": fault}, features(has), **how))
        shifted = fault + 0.1 * (arms == 0)  # a setting is compared within the slots
        found = word_effects({"unrealistic": shifted}, features(has), **how)
        hits += "word 20" in [own.word for own in found]
    assert named <= 4
    assert hits >= 28


def test_repeats_are_put_down_to_their_word() -> None:
    """All pictures of one word are repeats: five clusters of forty."""
    has = np.arange(400)[:, None] < 200
    found = word_effects(
        {"unvaried": has[:, 0].astype(float)},
        features(has),
        strata=np.zeros(400, int),
        units=np.arange(400),
    )
    assert [(own.pictures, own.others) for own in found] == [(200, 200)]


def test_words_that_always_go_together_are_one_and_too_rare_ones_none() -> None:
    prompts = ["A studio photo of a frog, in golden hour light"] * 20
    prompts += ["A candid photo of a frog"] * 19 + ["A candid photo of a purple frog"]
    found = prompt_features(prompts, [["steps = 30"] if n % 2 else [] for n in range(40)])
    # All that tells the two kinds apart is one feature and its opposite, and the setting.
    assert sorted(found.names) == ["candid", "steps = 30", "studio + golden + hour + light"]
    assert "purple" not in " ".join(found.names)
    assert "frog" not in " ".join(found.names)


def test_a_phrase_is_named_as_it_stands() -> None:
    prompts = ["a frog in the golden hour"] * 20 + ["a frog at noon"] * 20
    assert "golden hour" in prompt_features(prompts).names


@pytest.mark.parametrize("unknown", [np.nan, np.inf])
def test_what_is_not_known_is_left_out(unknown: float) -> None:
    _, has, fault = drawn(0)
    fault = fault + 0.3 * has[:, 7]
    fault[::4] = unknown
    assert [effect.word for effect in effects(fault, has, 0)] == ["word 7"]
