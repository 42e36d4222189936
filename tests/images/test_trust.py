"""What a data set may hold is data: no file of it runs, whatever its name and content."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthaudit.images.decoding import Frame, UnreadableImage, decode
from tests.pictures import encoded, picture

FRAME = Frame(height=16, width=16)
NAMES = ("tempfile", "random", "socket", "pickle", "numpy", "loky", "signal", "queue", "json")
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"


def test_modules_that_lie_in_the_current_folder_are_not_run(two_sides: tuple[Path, Path]) -> None:
    """Helper processes begin with the current folder on their path, unless they are told not to."""
    trap = two_sides[0]
    for name in NAMES:
        (trap / f"{name}.py").write_text(f"open({str(trap / 'sprung')!r}, 'a').write({name!r})\n")
    command = Path(sys.executable).with_name("synthaudit")
    done = subprocess.run(
        [command, "score", *two_sides, "--embedder", "builtin", "--no-cache", "--quick"],
        cwd=trap,
        env={name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert not (trap / "sprung").exists(), (trap / "sprung").read_text()
    assert "files that are no images were left out" in done.stderr


def test_nothing_is_handed_to_ghostscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ghost = tmp_path / "bin" / "gs"
    ghost.parent.mkdir()
    ghost.write_text(f"#!/bin/sh\necho called >> {tmp_path}/called\n")
    ghost.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ghost.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(UnreadableImage, match="no image format"):
        decode(EPS + b"0 0 8 8 rectfill\nshowpage\n%%EOF\n", FRAME)
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000"])
def test_formats_of_pictures_are_read(kind: str) -> None:
    pixels = decode(encoded(picture(1), kind), FRAME)
    assert pixels.shape == (16, 16, 3)


def test_the_limit_on_pixels_is_the_callers_alone() -> None:
    """Pillow has a cap of its own, beyond which a limit that is raised would do nothing."""
    cap = Image.MAX_IMAGE_PIXELS
    assert cap is not None
    wide = Image.fromarray(np.zeros((2, 60), np.uint8))
    data = encoded(wide, "PNG")
    Image.MAX_IMAGE_PIXELS = 10
    try:
        assert decode(data, FRAME, max_pixels=120).shape == (16, 16, 3)
        with pytest.raises(UnreadableImage, match="more than the limit of 119"):
            decode(data, FRAME, max_pixels=119)
        assert Image.MAX_IMAGE_PIXELS == 10
    finally:
        Image.MAX_IMAGE_PIXELS = cap
