"""The JSON Schemas of the docs hold what the program writes, and refuse what it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml

import synthaudit as package
from tests.conftest import PROJECT

SCHEMAS = PROJECT / "docs" / "reference" / "schemas"


def validator(name: str) -> Any:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


@pytest.fixture(scope="module")
def scores() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(2, 60, 6))
    names = ["a" if n % 2 else "b" for n in range(60)]
    how: dict[str, Any] = {"real_classes": names, "synthetic_classes": names}
    full = package.score_embeddings(
        real, synthetic, permutations=19, resamples=20, keep=True, **how
    )
    quick = package.score_embeddings(real, synthetic, quick=True)
    studio = package.score_embeddings(real, synthetic, definition="cleanlab", **how)
    return [json.loads(json.dumps(audit.to_dict())) for audit in (full, quick, studio)]


def test_scores(scores: list[dict[str, Any]]) -> None:
    held = validator("scores")
    for contents in scores:
        held.validate(contents)
        for key in ("unvaried", "counts", "provenance", "classes", "duplicates"):
            assert not held.is_valid({k: v for k, v in contents.items() if k != key}), key
        assert not held.is_valid({**contents, "unrealistic": 1.5})
        assert not held.is_valid({**contents, "unrealistic": "high"})
        assert not held.is_valid({**contents, "schema": "synthaudit/scores/2"})
        assert held.is_valid({**contents, "of_a_later_version": {}})


def test_the_schema_knows_every_key_that_is_written(scores: list[dict[str, Any]]) -> None:
    known = json.loads((SCHEMAS / "scores.schema.json").read_text())["properties"].keys()
    for contents in scores:
        assert contents.keys() <= known


def test_verdict(scores: list[dict[str, Any]]) -> None:
    policy = package.Policy(
        limits={"unvaried": package.Limit(max=0.5), "classes.*.unrealistic": package.Limit(max=0.1)}
    )
    verdict = package.judge(scores[0], policy)
    held = validator("verdict")
    held.validate(verdict.to_dict())
    assert not held.is_valid({**verdict.to_dict(), "state": "perhaps"})


def test_plan_and_sweep(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    plan = {
        "real": str(two_sides[0]),
        "images_per_arm": 8,
        "generator": {"name": "augment"},
        "axes": {"strength": [0.2, 2.0]},
    }
    held = validator("plan")
    held.validate(plan)
    assert not held.is_valid({**plan, "images_per_arms": 8})
    assert not held.is_valid({**plan, "images_per_arm": 1})
    example = Path(package.__file__).parent / "sweeping" / "snacks.yaml"
    held.validate(yaml.safe_load(example.read_text()))
    found = package.sweep(
        package.Plan.model_validate(plan), out=tmp_path / "out", quick=True, embedder="builtin"
    )
    validator("sweep").validate(json.loads((tmp_path / "out" / "sweep.json").read_text()))
    # It can be written anywhere, again and without its plan at hand.
    again = found.write(tmp_path / "again")
    assert {file.name for file in again.iterdir()} == {
        *("arms.parquet", "images.parquet", "sweep.json", "winner.txt", "winner.yaml")
    }
    winner = package.read_plan(again / "winner.yaml")
    assert winner.axes["strength"] == [float(found.recommended.arm.partition("-")[2])]
