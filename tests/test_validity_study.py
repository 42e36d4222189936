"""The study of ``benchmarks/validity.py``: sets come back from their seeds, figures are right."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PROJECT / "benchmarks"))


def test_sets_are_those_of_the_report(data: Path, tmp_path: Path) -> None:
    if not (data / "cifake_more").is_dir():
        pytest.skip("the larger sample of CIFAKE is not here")
    from validity_sets import load_material, plans

    report = (PROJECT / "reports" / "validity.md").read_text("utf-8")
    told = dict(re.findall(r"^\| ([^|]+?) \|.*\| `([0-9a-f]{8})` \|$", report, re.MULTILINE))
    found = plans()
    assert len(found) >= 60
    assert {f"{plan.family} {plan.level}" for plan in found} == told.keys()
    assert len({plan.name for plan in found}) == len(found)
    material = load_material(data, tmp_path)
    assert not {*material.judging.digest} & {material.own.digest}
    cheap = (
        "as generated",
        "missing classes",
        "repeats",
        "copies",
        "wrong labels",
        "noise",
        "sizes",
    )
    for plan in found:
        if plan.family in cheap:
            digest = plan.build(material).digest[:8]
            assert digest == told[f"{plan.family} {plan.level}"], plan.name


def test_rank_correlation_is_scipys() -> None:
    from validity_statistics import spearman

    rng = np.random.default_rng(0)
    for _ in range(5):
        left, right = rng.integers(0, 8, (2, 30)).astype(float)
        assert spearman(left, right) == pytest.approx(spearmanr(left, right).statistic)
    assert spearman(np.ones(5), np.arange(5.0)) == 0.0


def test_pairs_are_counted_within_families_and_beyond_noise() -> None:
    from validity_statistics import ordered_rightly

    worth = np.array([0.0, 0.1, 0.2, 5.0, 5.005, 6.0])
    family = np.array(["a", "a", "a", "b", "b", "b"])
    found = ordered_rightly(np.array([1.0, 2.0, 3.0, 9.0, 8.0, 8.0]), worth, family, 0.01)
    # In b two pairs count: one is ordered wrongly, the other one is a tie.
    assert found.tolist() == [[3.0, 3.0], [0.5, 2.0]]


def test_a_combination_never_sees_the_family_that_it_judges() -> None:
    from validity_statistics import Study, combine, spearman

    rng = np.random.default_rng(1)
    family = np.repeat(["a", "b", "c", "d"], 15)
    told, noise = rng.standard_normal((2, 60))
    worth = (told + 0.05 * rng.standard_normal(60))[:, None]
    study = Study(
        names=[str(row) for row in range(60)],
        family=family,
        size=np.full(60, 2000.0),
        real_share=np.zeros(60),
        measures={"told": told, "noise": noise},
        worth={"network alone": worth},
    )
    assert spearman(combine(study, ("told", "noise"), "network alone"), worth[:, 0]) > 0.95
    assert abs(spearman(combine(study, ("noise",), "network alone"), worth[:, 0])) < 0.5
    changed = worth.copy()
    changed[family == "d"] += 100.0
    other = Study(**{**vars(study), "worth": {"network alone": changed}})
    own = family == "d"
    before, after = (combine(s, ("told",), "network alone")[own] for s in (study, other))
    assert before == pytest.approx(after)
