"""Sentences follow the numbers."""

from __future__ import annotations

import numpy as np
import pytest

import synthaudit
from synthaudit.reporting.interpretation import interpret, severity


def read(synthetic: np.ndarray) -> dict[str, str]:
    real = np.random.default_rng(0).standard_normal((200, 16))
    return interpret(synthaudit.score_embeddings(real, synthetic, quick=True).to_dict())


def test_a_good_set() -> None:
    sentences = read(np.random.default_rng(1).standard_normal((200, 16)))
    assert sentences["unrealistic"] == "The synthetic images pass for real."
    assert sentences["unvaried"].endswith((" no more than chance.", "repeats another one."))


def test_repeats_and_copies_are_counted() -> None:
    real = np.random.default_rng(0).standard_normal((200, 16))
    fresh = np.random.default_rng(1).standard_normal((100, 16))
    sentences = read(np.concatenate([real[:50], fresh, fresh[:50]]))
    for name, planted, what in (
        ("unvaried", 100, "repeat another one; chance would give about 1."),
        ("unoriginal", 50, "copy a real one; chance would give about 1."),
    ):
        count, sentence = sentences[name].split(" of 200 synthetic images ")
        assert planted <= int(count) <= planted + 4  # chance flags a few of the rest
        assert sentence == what


@pytest.mark.parametrize(("shift", "word"), [(1.0, "somewhat"), (2.5, "clearly"), (6.0, "Nearly")])
def test_how_much_the_fakes_stand_out(shift: float, word: str) -> None:
    synthetic = np.random.default_rng(1).standard_normal((200, 16))
    synthetic[:, 0] += shift
    assert word in read(synthetic)["unrealistic"]


def test_a_set_of_copies_is_not_said_to_pass_for_real() -> None:
    rng = np.random.default_rng(2)
    mode = rng.standard_normal(16)
    sentences = read(mode + 0.01 * rng.standard_normal((200, 16)))
    assert sentences["unrealistic"] == "Cannot be judged: see the note below."
    assert sentences["unvaried"].startswith("200 of 200")


def test_severity_of_shares_is_measured_against_chance() -> None:
    rng = np.random.default_rng(3)
    real, synthetic = rng.standard_normal((2, 400, 16))
    for planted, expected in ((0, "fine"), (12, "notable"), (120, "bad")):
        faked = synthetic.copy()
        faked[:planted] = real[:planted]
        audit = synthaudit.score_embeddings(real, faked, false_alarms=0.001, quick=True).to_dict()
        assert severity(audit, "unoriginal") == expected
        assert severity(audit, "unrealistic") == "fine"
