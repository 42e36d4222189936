"""Findings and the verdict: nothing that chance explains, everything that is surely there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import synthaudit
from synthaudit.result.findings import find
from synthaudit.result.verdict import advice, decide

NAMES = ("unrealistic", "unrepresentative", "unvaried", "unoriginal")


def contents(**changes: Any) -> dict[str, Any]:
    """A ``scores.json`` of an unremarkable set of 300 against 300."""
    base: dict[str, Any] = {
        **dict(zip(NAMES, (0.5, 0.5, 0.003, 0.003), strict=True)),
        "chance": dict(zip(NAMES, (0.5, 0.5, 0.005, 0.005), strict=True)),
        "null": dict(zip(NAMES, (0.5, 0.5, 0.005, 0.005), strict=True)),
        "p_values": dict.fromkeys(NAMES, 0.6),
        "intervals": {
            **{name: [0.47, 0.53] for name in NAMES[:2]},
            **{name: [0.0, 0.02] for name in NAMES[2:]},
        },
        "counts": {"real": 300, "synthetic": 300, "unreadable": 0, "classes": 0},
        "detector": {"auc": 0.5, "accuracy": 0.5, "p_value": 0.6, "undetermined_synthetic": 0},
        "memorisation": {"copies": 0, "share": 0.0, "p_value": 0.7},
        "provenance": {"embedder": "clip", "settings": {}},
    }
    for name, value in changes.items():
        base[name] = {**base[name], **value} if isinstance(base.get(name), dict) else value
    return base


def by_kind(scores: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {own["kind"]: own for own in decide(scores)["findings"]}


values = st.floats(0.0, 1.0)
unlikely = st.floats(0.0500001, 1.0)


@given(st.tuples(values, values, values, values), st.tuples(*[unlikely] * 4), unlikely, unlikely)
def test_nothing_is_claimed_beyond_five_per_cent(
    scored: tuple[float, ...], p_values: tuple[float, ...], by_auc: float, by_distance: float
) -> None:
    scores = contents(
        **dict(zip(NAMES, scored, strict=True)),
        intervals={name: [value, value] for name, value in zip(NAMES, scored, strict=True)},
        p_values=dict(zip(NAMES, p_values, strict=True)),
        detector={"p_value": by_auc},
        memorisation={"copies": 30, "p_value": by_distance},
    )
    decided = decide(scores)
    assert {own["severity"] for own in decided["findings"]} == {"none"}
    assert decided["verdict"]["fit"] is True
    assert not any(advice(finding) for finding in find(scores))


def test_an_unremarkable_set_is_fit() -> None:
    assert decide(contents())["verdict"] == {
        "fit": True,
        "text": "Nothing speaks against training on this set.",
    }


@pytest.mark.parametrize(
    ("value", "ends", "severity", "word"),
    [
        (0.52, [0.51, 0.53], "none", "hardly"),
        (0.6, [0.55, 0.65], "low", "somewhat"),
        (0.8, [0.77, 0.83], "low", "clearly"),
        (0.95, [0.93, 0.97], "low", "Nearly"),
    ],
)
def test_how_much_the_fakes_stand_out(
    value: float, ends: list[float], severity: str, word: str
) -> None:
    scores = contents(
        unrealistic=value,
        intervals={"unrealistic": ends},
        p_values={"unrealistic": 0.01},
        detector={"p_value": 0.01},
    )
    found = by_kind(scores)["unrealistic"]
    assert found["severity"] == severity
    assert word in found["text"]
    # By itself it tells little of what training gains: reports/validity.md.
    assert decide(scores)["verdict"]["fit"] is True


@pytest.mark.parametrize(("coverage", "severity"), [(0.6, "low"), (0.3, "high")])
def test_what_misses_most_of_the_real_variety_is_grave(coverage: float, severity: str) -> None:
    scores = contents(
        unrepresentative=0.9,
        intervals={"unrepresentative": [0.88, 0.92]},
        p_values={"unrepresentative": 0.01},
        detector={"p_value": 0.01},
        supporting={"coverage": {"value": coverage, "chance": 0.97}},
    )
    assert by_kind(scores)["unrepresentative"]["severity"] == severity
    assert decide(scores)["verdict"]["fit"] is (severity == "low")


@pytest.mark.parametrize(("missing", "severity"), [(1, "low"), (5, "high")])
def test_classes_without_images_are_told(missing: int, severity: str) -> None:
    found = by_kind(contents(counts={"missing_classes": missing, "classes": 10 - missing}))
    assert found["classes"]["severity"] == severity
    assert f"{missing} of 10 class" in found["classes"]["text"]
    assert "classes" not in by_kind(contents())


def embedders(*fits: bool | None) -> list[dict[str, Any]]:
    return [
        {"embedder": f"stub {number}", "verdict": {"fit": fit, "text": ""}}
        for number, fit in enumerate(fits)
    ]


@pytest.mark.parametrize(
    ("fits", "text", "fit"),
    [
        ((True, True), "stub 0 and stub 1 agree.", True),
        ((True, False), "stub 1 finds grave faults, stub 0 finds nothing grave", None),
        ((True, None), "stub 0 finds nothing grave, stub 1 cannot tell", True),
    ],
)
def test_embedders_that_disagree_leave_it_undecided(
    fits: tuple[bool | None, ...], text: str, fit: bool | None
) -> None:
    scores = contents(embedders=embedders(*fits))
    assert text in by_kind(scores)["embedders"]["text"]
    verdict = decide(scores)["verdict"]
    assert verdict["fit"] is fit
    assert ("disagree" in verdict["text"]) is (fit is None)


def test_many_copies_make_a_set_unfit() -> None:
    scores = contents(
        unoriginal=67 / 267,
        p_values={"unoriginal": 1e-9},
        intervals={"unoriginal": [0.2, 0.3]},
        counts={"synthetic": 267},
        memorisation={"copies": 67, "share": 67 / 267, "p_value": 1e-9, "mirrored": 67},
    )
    found = by_kind(scores)["unoriginal"]
    assert found["severity"] == "high"
    assert found["text"].startswith("67 of 267 synthetic images copy a real one, 67 of them mirro")
    assert found["value"] == pytest.approx(67 / 267)
    decided = decide(scores)["verdict"]
    assert decided == {
        "fit": False,
        "text": "Not fit to train on as it is: it copies real images.",
    }


def test_one_sure_copy_is_a_small_fault() -> None:
    scores = contents(unoriginal=1 / 300, p_values={"unoriginal": 1e-6})
    assert by_kind(scores)["unoriginal"]["severity"] == "low"
    assert decide(scores)["verdict"]["fit"] is True


def test_repeats_are_grave_where_they_are_many() -> None:
    for share, severity in ((0.04, "low"), (0.6, "low"), (0.95, "high")):
        scores = contents(unvaried=share, p_values={"unvaried": 1e-5})
        assert by_kind(scores)["unvaried"]["severity"] == severity


def test_one_picture_sixteen_times_is_no_chance() -> None:
    # A single cluster is one event to the test of rates, whatever its size.
    rng = np.random.default_rng(3)
    real, synthetic = rng.normal(size=(2, 60, 8))
    synthetic[:16] = synthetic[0]
    audit = synthaudit.score_embeddings(real, synthetic, permutations=19, resamples=20)
    assert audit.to_dict()["p_values"]["unvaried"] < 1e-6
    text = "Fit to train on, with faults: it repeats itself."
    assert audit.verdict.text == text


def test_what_was_not_tested_is_undecided() -> None:
    scores = contents(p_values=dict.fromkeys(NAMES), detector={"p_value": None}, unrealistic=0.9)
    verdict = decide(scores)["verdict"]
    assert verdict["fit"] is None
    assert verdict["text"].startswith("Undecided: ")


def test_files_that_give_the_sides_away_leave_the_pictures_unjudged() -> None:
    scores = contents(
        unrealistic=0.99,
        p_values={"unrealistic": 0.01, "unrepresentative": 0.01},
        detector={"p_value": 0.01},
        artefacts={
            "explains": True,
            "control_auc": 1.0,
            "container_auc": 1.0,
            "best": [{"name": "width", "real": 32.0, "synthetic": 64.0}],
        },
    )
    decided = decide(scores)
    assert decided["verdict"]["fit"] is None
    files = next(finding for finding in find(scores) if finding.kind == "files")
    assert "width" in files.text
    assert "--harmonise" in str(advice(files))


def test_training_value_is_a_finding() -> None:
    for low, high, severity, word in (
        (-0.06, -0.02, "high", "costs"),
        (-0.02, 0.02, "none", "noise"),
        (0.02, 0.06, "none", "adds"),
    ):
        gain = {"value": (low + high) / 2, "low": low, "high": high}
        found = by_kind(contents(usefulness={"gain": gain}))["usefulness"]
        assert found["severity"] == severity
        assert word in found["text"]


def test_a_stand_in_for_clip_is_said(tmp_path: Any) -> None:
    scores = contents(provenance={"embedder": "builtin", "embedder_stands_in_for": "clip"})
    assert "in place of clip" in by_kind(scores)["embedder"]["text"]


def test_the_gravest_comes_first_and_names_images() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(2, 200, 8))
    synthetic[:80] = real[:80]
    synthetic[80:83] = synthetic[90:93]
    audit = synthaudit.score_embeddings(real, synthetic, permutations=19, resamples=20)
    first = audit.findings[0]
    assert (first.kind, first.severity) == ("unoriginal", "high")
    assert set(first.images) <= set(map(str, range(80)))
    severities = [own.severity for own in audit.findings]
    assert severities == sorted(severities, key=("high", "low", "none").index)
    assert audit.verdict.fit is False
    assert str(audit).splitlines()[0] == audit.verdict.text
    assert len(str(audit)) < 300
    assert audit.verdict.text in audit._repr_html_()
    assert repr(audit).endswith("fit=False)")
