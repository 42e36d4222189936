"""Numbers reach the trackers: local stores and offline modes, no server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import synthaudit
from synthaudit.errors import UsageError
from synthaudit.reporting import tracking
from synthaudit.reporting.tracking import numbers_of, track
from tests.conftest import Run


@pytest.fixture(scope="module")
def audit() -> synthaudit.Audit:
    real, synthetic = np.random.default_rng(0).standard_normal((2, 80, 8))
    names = ["a/b|c" if n % 2 else "dog" for n in range(80)]
    return synthaudit.score_embeddings(
        real, synthetic, real_classes=names, synthetic_classes=names, permutations=19
    )


def test_every_number_has_a_name_that_trackers_take(audit: synthaudit.Audit) -> None:
    found = dict(numbers_of(audit.to_dict()))
    assert found["unrealistic"] == pytest.approx(audit.unrealistic.value)
    assert found["unrealistic_low"] == pytest.approx(audit.unrealistic.low)
    assert found["classes/a_b_c/unvaried"] == audit.classes["a/b|c"].unvaried
    assert found["supporting/coverage/value"] > 0
    assert not any(name.startswith("provenance") for name in found)


def test_mlflow(audit: synthaudit.Audit, tmp_path: Path, monkeypatch: Any) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    track(audit, "mlflow")
    (metric,) = tmp_path.rglob("metrics/unvaried")
    assert float(metric.read_text().split()[1]) == pytest.approx(audit.unvaried.value)
    (parameter,) = tmp_path.rglob("params/embedder")
    assert parameter.read_text() == "vectors"


def test_tensorboard(audit: synthaudit.Audit, tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.chdir(tmp_path)
    track(audit, "tensorboard")
    (folder,) = (tmp_path / "runs").iterdir()
    events = EventAccumulator(str(folder))
    events.Reload()
    value = events.Scalars("synthaudit/unrealistic")[0].value
    assert value == pytest.approx(audit.unrealistic.value, abs=1e-6)


def test_wandb_offline(audit: synthaudit.Audit, tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    track(audit, "wandb")
    assert list(tmp_path.rglob("*.wandb"))


def test_comet_gets_the_numbers(audit: synthaudit.Audit, monkeypatch: Any) -> None:
    """Its library is not installed here; what is sent to it is."""
    sent: dict[str, Any] = {}

    class Experiment:
        def log_metrics(self, numbers: dict[str, float]) -> None:
            sent.update(numbers)

        def log_parameters(self, settings: dict[str, str]) -> None:
            sent["settings"] = settings

        def end(self) -> None:
            sent["ended"] = True

    class Library:
        @staticmethod
        def start(project_name: str) -> Experiment:
            assert project_name == "synthaudit"
            return Experiment()

    monkeypatch.setattr(tracking.importlib, "import_module", lambda _: Library)
    track(audit, "comet")
    assert sent["unrealistic"] == pytest.approx(audit.unrealistic.value)
    assert sent["ended"]


def test_trackers_that_are_missing_or_fail(audit: synthaudit.Audit, monkeypatch: Any) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(tracking.importlib, "import_module", missing)
    with pytest.raises(UsageError, match=r"needs its library.*pip install '\.\[wandb\]'"):
        track(audit, "wandb")

    def broken(_: str) -> None:
        raise RuntimeError("no key")

    monkeypatch.setattr(tracking.importlib, "import_module", broken)
    with pytest.raises(UsageError, match="the results are safe: no key"):
        track(audit, "wandb")


def test_unknown_trackers_are_refused_before_the_work(
    two_sides: tuple[Path, Path], synthaudit: Run, tmp_path: Path
) -> None:
    done = synthaudit("score", *two_sides, "--track", "mlfow", "--out", "out")
    assert done.returncode == 2
    assert "did you mean 'mlflow'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_scores_are_a_dvc_metrics_file(audit: synthaudit.Audit) -> None:
    """DVC reads nested dictionaries of numbers and skips other leaves."""
    contents = json.loads(json.dumps(audit.to_dict()))
    top = ("unrealistic", "unrepresentative", "unvaried", "unoriginal")
    assert all(isinstance(contents[name], float) for name in top)
