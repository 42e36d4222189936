"""``torchscript:FILE``: a traced model and the note beside it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from synthaudit.embedding.choice import choose_embedder
from synthaudit.errors import EmbedderError
from synthaudit.settings import Settings


def save(folder: Path, **note: object) -> Path:
    torch.manual_seed(0)
    network = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(3 * 4 * 4, 6)).eval()
    file = folder / "detector.torchscript.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(network, torch.zeros(1, 3, 32, 32)).save(str(file))
    told = {"size": 32, "mean": [0.5, 0.4, 0.3], "deviation": [0.2, 0.3, 0.4], **note}
    Path(f"{file}.json").write_text(json.dumps(told))
    return file


def test_vectors_are_those_of_the_model(tmp_path: Path) -> None:
    file = save(tmp_path)
    embedder = choose_embedder(Settings(embedder=f"torchscript:{file}", device="cpu"))
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    found = embedder.encode(pixels)
    inputs = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    inputs -= torch.tensor([0.5, 0.4, 0.3]).reshape(1, 3, 1, 1)
    inputs /= torch.tensor([0.2, 0.3, 0.4]).reshape(1, 3, 1, 1)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        expected = torch.jit.load(str(file))(inputs).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert embedder.dimension == 6
    assert found == pytest.approx(expected, abs=1e-5)
    with pytest.raises(EmbedderError, match="does not take 40 x 40 pixels"):
        choose_embedder(Settings(embedder=f"torchscript:{save(tmp_path, size=40)}"))


@pytest.mark.parametrize(
    ("note", "text"),
    [
        ('{"mean": [0, 0, 0]}', "size"),
        ('{"size": 32, "std": [1, 1, 1]}', "std"),
        ('{"size": 32, "mean": [1]}', "mean"),
        ("{", "is no JSON"),
    ],
)
def test_notes_that_are_wrong(tmp_path: Path, note: str, text: str) -> None:
    file = save(tmp_path)
    Path(f"{file}.json").write_text(note)
    with pytest.raises(EmbedderError, match=text):
        choose_embedder(Settings(embedder=f"torchscript:{file}"))


def test_files_that_are_missing_or_nothing(tmp_path: Path) -> None:
    file = save(tmp_path)
    file.write_bytes(b"nothing")
    with pytest.raises(EmbedderError, match="is no TorchScript file"):
        choose_embedder(Settings(embedder=f"torchscript:{file}"))
    Path(f"{file}.json").unlink()
    for name in (f"torchscript:{file}", "torchscript:", "torchscript:nowhere.pt"):
        with pytest.raises(EmbedderError, match="there is no "):
            choose_embedder(Settings(embedder=name))
