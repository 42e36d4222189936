"""An audit to experiment trackers, each through its own library."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from synthaudit.errors import UsageError
from synthaudit.result.audit import Audit

_PROJECT: Final = "synthaudit"
_LONGEST: Final = 250
_LIBRARIES: Final = {
    "mlflow": "mlflow",
    "wandb": "wandb",
    "comet": "comet_ml",
    "tensorboard": "tensorboard",
}


def track(audit: Audit, tracker: str) -> None:
    """Log the numbers and the provenance of an audit as a run of their own.

    Where the run goes is up to the tracker's own settings: ``MLFLOW_TRACKING_URI``, ``WANDB_MODE``,
    ``COMET_API_KEY`` or its offline mode.
    TensorBoard's files go to ``runs/``.

    Args:
        audit: the audit.
        tracker: one of ``TRACKERS``.

    Raises:
        UsageError: its library is not installed, or refuses.
    """
    scores = audit.to_dict()
    settings = {name: str(value) for name, value in scores["provenance"].items()}
    try:
        TRACKERS[tracker](dict(numbers_of(scores)), settings)
    except ImportError as error:
        raise _missing(tracker) from error
    # Trackers raise errors of their own when a server cannot be reached or a key is missing.
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise UsageError(f"--track {tracker} failed, the results are safe: {text}") from error


def refuse_without_library(tracker: str) -> None:
    """Say before the work that a tracker's library is not installed.

    Raises:
        UsageError: it is not.
    """
    # Found, not imported: some take seconds.
    if importlib.util.find_spec(_LIBRARIES[tracker]) is None:
        raise _missing(tracker)


def _missing(tracker: str) -> UsageError:
    return UsageError(
        f"--track {tracker} needs its library: in a checkout, pip install '.[{tracker}]'."
    )


def numbers_of(scores: Mapping[str, Any], lead: str = "") -> Iterator[tuple[str, float]]:
    """All numbers of a ``scores.json`` with names that every tracker takes."""
    for key, value in scores.items():
        name = f"{lead}{re.sub(r'[^A-Za-z0-9_. -]', '_', str(key))}"[:_LONGEST]
        if isinstance(value, Mapping) and key not in ("provenance", "intervals"):
            yield from numbers_of(value, f"{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield name, float(value)
    if not lead:
        for name, ends in scores.get("intervals", {}).items():
            yield f"{name}_low", float(ends[0])
            yield f"{name}_high", float(ends[1])


def _to_mlflow(numbers: Mapping[str, float], settings: Mapping[str, str]) -> None:
    mlflow: Any = importlib.import_module("mlflow")
    with mlflow.start_run(run_name=_PROJECT):
        mlflow.log_metrics(dict(numbers))
        mlflow.log_params({name: value[:_LONGEST] for name, value in settings.items()})


def _to_wandb(numbers: Mapping[str, float], settings: Mapping[str, str]) -> None:
    wandb: Any = importlib.import_module("wandb")
    run = wandb.init(project=_PROJECT, job_type="audit", config=dict(settings))
    run.log(dict(numbers))
    run.summary.update(dict(numbers))
    run.finish()


def _to_comet(numbers: Mapping[str, float], settings: Mapping[str, str]) -> None:
    comet: Any = importlib.import_module("comet_ml")
    experiment = comet.start(project_name=_PROJECT)
    experiment.log_metrics(dict(numbers))
    experiment.log_parameters(dict(settings))
    experiment.end()


def _to_tensorboard(numbers: Mapping[str, float], settings: Mapping[str, str]) -> None:
    board: Any = importlib.import_module("torch.utils.tensorboard")
    with board.SummaryWriter() as writer:
        for name, value in numbers.items():
            writer.add_scalar(f"{_PROJECT}/{name}", value)
        writer.add_text("provenance", "\n".join(f"{k}: {v}  " for k, v in settings.items()))


TRACKERS: Final[dict[str, Callable[[Mapping[str, float], Mapping[str, str]], None]]] = {
    "mlflow": _to_mlflow,
    "wandb": _to_wandb,
    "comet": _to_comet,
    "tensorboard": _to_tensorboard,
}
