"""Searches: on surfaces whose best arm is known, and with a generator from end to end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import synthaudit as package
from synthaudit.errors import PlanError
from synthaudit.sweeping import proposals
from synthaudit.sweeping.comparison import rank_arms
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.proposals import OptunaProposer
from synthaudit.sweeping.search_space import SearchSpace, key
from synthaudit.sweeping.searching import OutOfBudget, images_allowed, search
from tests.pictures import encoded, picture
from tests.sweeping.planted_surface import PlantedSurface

Run = Callable[..., subprocess.CompletedProcess[str]]

IMAGES = 96


def searched(surface: PlantedSurface, seed: int) -> Any:
    space = surface.space
    return search(
        space,
        surface.measure,
        OptunaProposer(seed),
        goal="unrealistic",
        images=IMAGES,
        allowed=images_allowed(space),
        seed=seed,
    )


def confirmed(surface: PlantedSurface, found: Any, seed: int) -> Any:
    numbers = sorted(found.finalists, key=lambda number: (number != 0, number))
    points = [found.trials[number].point for number in numbers]
    evidence = surface.measure(surface.space, points, IMAGES, fresh=True)
    best = numbers.index(found.finalists[0])
    return rank_arms(evidence, goal="unrealistic", confidence=0.95, seed=seed, best=best)


def test_the_best_arm_is_nearly_found_with_a_third_of_the_grid() -> None:
    gaps = []
    for seed in range(4):
        surface = PlantedSurface(seed)
        found = searched(surface, seed)
        winner = found.trials[found.finalists[0]]
        gaps.append(surface.true_value(winner.point) - surface.best)
        # With the finalists' fresh images, which are not made here.
        allowed = surface.count * IMAGES / 3.0
        assert surface.images + len(found.finalists) * IMAGES <= allowed
    assert sum(gap <= 0.02 for gap in gaps) >= 3, gaps


def test_equal_arms_are_not_called_different_and_fresh_seeds_take_the_luck_away() -> None:
    called, chosen, fresh = 0, [], []
    for seed in range(16):
        surface = PlantedSurface(seed, sizes=[5], spread=0.0)
        found = searched(surface, seed)
        ranking = confirmed(surface, found, seed)
        called += bool(ranking.better_than)
        chosen.append(found.trials[found.finalists[0]].value - 0.5)
        fresh.append(ranking.values[ranking.arms[0]]["unrealistic"] - 0.5)
    assert called <= 3  # of 16 at 5 %, by the binomial law in 99.1 % of all cases
    error = np.std(chosen, ddof=1) / 4.0
    assert np.mean(chosen) < -2.0 * error
    assert abs(np.mean(fresh)) < 3.0 * np.std(fresh, ddof=1) / 4.0


def test_a_winner_that_was_chosen_elsewhere_leads_whatever_these_images_say() -> None:
    surface = PlantedSurface(3, sizes=[4])
    points = [{"axis0": n} for n in range(4)]
    evidence = surface.measure(surface.space, points, IMAGES)
    worst = max(range(4), key=lambda n: evidence.values(n)["unrealistic"])
    ranking = rank_arms(evidence, goal="unrealistic", confidence=0.95, seed=0, best=worst)
    assert ranking.arms[0] == worst
    assert not ranking.better_than


def test_a_budget_that_ends_leaves_what_is_known() -> None:
    surface = PlantedSurface(1)

    def measure(*given: Any) -> Any:
        if surface.images > 1000:
            raise OutOfBudget
        return surface.measure(*given)

    space = surface.space
    found = search(
        space, measure, OptunaProposer(0), goal="unrealistic", images=IMAGES,
        allowed=images_allowed(space), seed=0,
    )  # fmt: skip
    assert found.is_cut
    assert 0 in found.finalists
    best = min(found.trials, key=lambda own: own.smoothed)
    assert found.trials[found.finalists[0]] == best


def plan_of(folder: Path, **changed: Any) -> dict[str, Any]:
    contents = {
        "real": str(folder / "real"),
        "embedder": "builtin",
        "images_per_arm": 8,
        "generator": {"name": "gaussian"},
        "axes": {"spread": {"low": 0.2, "high": 2.0}, "axes": [2, 20]},
        "design": "search",
        "arms": 10,
        "real_images": 40,
    }
    return {**contents, **changed}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(40):
        file = tmp_path / "real" / ("frog", "cat")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(picture(number)))
    return tmp_path


def write(folder: Path, **changed: Any) -> Path:
    file = folder / "plan.yaml"
    file.write_text(json.dumps(plan_of(folder, **changed)))
    return file


def test_a_search_from_end_to_end(folder: Path, synthaudit: Run) -> None:
    plan = write(folder)
    cost = synthaudit("sweep", plan, "--dry-run", "--no-calibrate")
    assert "80 to make" in cost.stdout
    result = synthaudit("sweep", plan, "--quick", "--out", "out")
    assert result.returncode == 0, result.stderr
    assert "The search has chosen it among" in result.stdout
    told = json.loads((folder / "out" / "sweep.json").read_text())
    own = told["search"]
    assert own["tried"] == len(own["arms"]) >= 6
    winner = next(arm for arm in told["arms"] if arm["arm"] == told["recommended"]["arm"])
    # What is published is by fresh seeds, and not what chose it.
    assert winner["measures"]["overall"] == pytest.approx(own["confirmed_value"], abs=1e-6)
    assert winner["axes"] in [arm["axes"] for arm in own["arms"]]
    assert all(0.2 <= float(arm["axes"]["spread"]) <= 2.0 for arm in own["arms"])
    assert (folder / "out" / "report.html").read_text().count("All arms that were tried") >= 1
    # The plan of the winner makes that arm alone.
    again = package.read_plan(folder / "out" / "winner.yaml")
    assert [str(again.values_of(name)[0]) for name in again.axes] == list(winner["axes"].values())
    before = {file.name for file in (folder / "out" / "store").rglob("*.png")}
    second = synthaudit("sweep", plan, "--quick", "--out", "out", "--resume")
    assert second.returncode == 0, second.stderr
    assert {file.name for file in (folder / "out" / "store").rglob("*.png")} == before
    assert json.loads((folder / "out" / "sweep.json").read_text())["search"] == own


def test_a_budget_holds_the_confirmation_too(folder: Path, synthaudit: Run) -> None:
    result = synthaudit("sweep", write(folder, budget={"images": 30}), "--quick", "--out", "out")
    assert result.returncode == 2
    assert "needs 80 images at least" in result.stderr
    result = synthaudit(
        "sweep", write(folder, budget={"images": 90}, arms=40), "--quick", "--out", "out"
    )
    assert result.returncode == 0, result.stderr
    assert len([*(folder / "out" / "store").rglob("*.png")]) <= 90


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"design": "grid"}, "axis 'spread' is a range, which only design: search can try"),
        ({"axes": {"spread": {"low": 2, "high": 1}}}, "low should be below high, not 2 and 1"),
        ({"axes": {"spread": {"low": 0, "high": 1, "log": True}}}, "above 0 and below high"),
        ({"axes": {"spread": {"from": 0}}}, "a list of values, or a range with low and high"),
        ({"generator": {"name": "folder", "path": "x"}}, "generator folder cannot"),
        ({"design": "evolve", "axes": {}}, "design: evolve needs to know who writes the prompts"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_a_sentence(
    folder: Path, synthaudit: Run, changed: dict[str, Any], text: str
) -> None:
    result = synthaudit("sweep", write(folder, **changed), "--quick")
    assert result.returncode == 2
    assert text in " ".join(result.stderr.split())


def test_a_search_is_made_by_one_process(folder: Path, synthaudit: Run) -> None:
    result = synthaudit("sweep", write(folder), "--shard", "1/2")
    assert result.returncode == 2
    assert "leave out --shard" in result.stderr


def test_without_the_package_one_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proposals, "find_spec", lambda _: None)
    with pytest.raises(PlanError, match=r"pip install '.\[search\]'"):
        OptunaProposer(0)


def space_of(**axes: Any) -> SearchSpace:
    contents = {"real": "x", "images_per_arm": 8, "generator": {"name": "gaussian"}}
    return SearchSpace(plan=Plan.model_validate({**contents, "axes": axes, "design": "search"}))


def test_points_of_ranges_are_inside_tidy_and_spread() -> None:
    space = space_of(spread={"low": 0.01, "high": 10.0, "log": True}, axes={"low": 1, "high": 9})
    points = space.draw(40, 0, set())
    assert len({key(own) for own in points}) == len(points) == 40
    assert all(isinstance(own["axes"], int) and 1 <= own["axes"] <= 9 for own in points)
    spreads = np.array([own["spread"] for own in points])
    # By ratios: as many below 0.1 as above 1.
    assert abs((spreads < 0.1).sum() - (spreads > 1.0).sum()) <= 4
    assert all(len(f"{own:.12g}".replace(".", "").lstrip("0")) <= 3 for own in spreads)
    assert space.count is None
    assert space_of(spread=[0.1, 0.2], axes={"low": 1, "high": 9}).count == 18


def test_rules_hold_in_searches() -> None:
    contents = {
        "real": "x", "images_per_arm": 8, "generator": {"name": "gaussian"}, "design": "search",
        "axes": {"spread": [0.1, 0.2, 0.3], "axes": [1, 2, 3]},
        "not": {"spread": 0.2, "axes": [1, 2]},
    }  # fmt: skip
    space = SearchSpace(plan=Plan.model_validate(contents))
    points = space.draw(9, 0, set())
    assert len(points) == 7
    assert {(1, 0), (1, 1)}.isdisjoint({key(own) for own in points})
