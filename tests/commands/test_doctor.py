"""``synthaudit doctor``: what is here, and a command for what is not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from synthaudit.commands import doctor

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_every_lack_comes_with_what_mends_it(synthaudit: Run) -> None:
    done = synthaudit("doctor", "--format", "json")
    assert done.returncode == 0, done.stderr
    findings = json.loads(done.stdout)
    names = [finding["name"] for finding in findings]
    assert names == [
        *("python", "torch", "GPU", "FAISS", "CLIP weights", "diffusers", "vector cache")
    ]
    for finding in findings:
        assert finding["text"]
        assert finding["is_fine"] or finding["mend"], finding


def test_the_table_says_the_same(synthaudit: Run) -> None:
    done = synthaudit("doctor")
    assert done.returncode == 0
    assert "CLIP weights" in done.stdout
    assert "hf download laion/CLIP" in done.stdout


def test_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def pretend(name: str, value: Any) -> None:
        monkeypatch.setattr(torch.cuda, name, lambda *_: value)

    pretend("is_available", True)
    pretend("device_count", 1)
    pretend("get_device_name", "Some GPU")
    pretend("is_bf16_supported", True)
    texts = {finding.name: finding.text for finding in doctor.examine()}
    assert texts["GPU"] == "Some GPU; embeds in bf16"
