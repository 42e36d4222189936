"""Settings refuse what they do not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from synthaudit.errors import SettingsError
from synthaudit.settings import Settings, make_settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embeder": "clip"}, "there is no setting 'embeder'; did you mean 'embedder'?"),
        ({"zzz": 1}, "there is no setting 'zzz'; known are allow_private"),
        ({"folds": 1}, "folds should be greater than or equal to 2, not 1."),
        ({"seed": "0"}, "seed should be a valid integer, not '0'."),
        ({"definition": "studio"}, "definition should be 'default' or 'cleanlab', not 'studio'."),
        ({"duplicate_distance": float("nan")}, "duplicate-distance should be a finite number"),
        ({"false_alarms": 0.0}, "false-alarms should be greater than 0, not 0.0."),
    ],
)
def test_messages(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make_settings(options)
    assert str(caught.value).startswith(message)


def test_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().seed = 1


def test_the_provenance_leaves_out_what_changes_no_number() -> None:
    options: dict[str, Any] = {
        "workers": 3,
        "batch_size": 7,
        "cache": "/somewhere",
        "device": "cuda",
        "use_cache": False,
    }
    assert make_settings(options).deciding() == Settings().deciding()
    assert make_settings(options).cache == Path("/somewhere")
    assert make_settings({"seed": 1}).deciding() != Settings().deciding()


def test_settings_that_are_none() -> None:
    with pytest.raises(SettingsError, match=r"should be synthaudit\.Settings, not dict"):
        make_settings({}, {"quick": True})  # type: ignore[arg-type]
