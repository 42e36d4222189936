"""Licences of weights: timm's own table, and cards as the hub's cache holds them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from synthaudit.commands.application import application
from synthaudit.embedding.licences import licence_of

CARD = "---\nlicense: {}\nlibrary_name: open_clip\n---\n# A model\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the hub's client that holds the card of the default weights."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path), raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "models--laion--CLIP-ViT-B-32-DataComp.XL-s13B-b90K"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    card = folder / "snapshots" / ("0" * 40) / "README.md"
    card.parent.mkdir(parents=True)
    card.write_text(CARD.format("mit"))
    return card


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("timm:resnet18.a1_in1k", "apache-2.0"),
        ("timm:vit_small_patch14_reg4_dinov2.lvd142m", "apache-2.0"),
        ("timm:vit_base_patch16_dinov3.lvd1689m", "dinov3-license"),
        ("timm:no_such_model", "unknown"),
        ("timm:local-dir:somewhere", None),
        ("clip:local-dir:somewhere", None),
        ("builtin", None),
        ("vectors", None),
    ],
)
def test_what_needs_no_hub(name: str, licence: str | None) -> None:
    assert licence_of(name, may_ask=False) == licence


def test_cards_of_open_clip(cache: Path) -> None:
    assert licence_of("clip", may_ask=False) == "mit"
    assert licence_of("clip:ViT-B-32:datacomp_xl_s13b_b90k", may_ask=False) == "mit"
    assert licence_of("clip:ViT-L-14:datacomp_xl_s13b_b90k", may_ask=True) == "unknown"
    assert licence_of("clip:ViT-B-32:no_such_tag", may_ask=False) == "unknown"
    cache.write_text(CARD.format("other\nlicense_name: a-licence-of-their-own"))
    assert licence_of("clip", may_ask=False) == "a-licence-of-their-own"
    for bent in ("---\nlicense: [\n---\n", "no head", ""):
        cache.write_text(bent)
        assert licence_of("clip", may_ask=False) == "unknown"


@pytest.mark.usefixtures("cache")
def test_the_doctor_tells_licences() -> None:
    call = ["doctor", "--embedder", "timm:resnet18.a1_in1k", "--embedder", "clip"]
    printed = CliRunner().invoke(application, call).output
    assert "licence of its weights: apache-2.0" in printed
    assert "licence of its weights: mit" in printed
