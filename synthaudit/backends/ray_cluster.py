"""The Ray cluster that an audit runs on."""

from __future__ import annotations

from typing import Any

from synthaudit.errors import UsageError


def connect() -> Any:
    """The ``ray`` module, connected to the cluster that is running.

    Raises:
        UsageError: Ray is not installed, or there is no cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--engine ray needs Ray: in a checkout of synthaudit, pip install '.[ray]'."
        ) from error
    if not ray.is_initialized():
        try:
            ray.init(address="auto", log_to_driver=False, logging_level="error")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UsageError(
                "--engine ray needs a running Ray cluster: start one with ray start --head, or "
                "name one in RAY_ADDRESS."
            ) from error
    return ray
