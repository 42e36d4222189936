"""Likeness to references, diversity within a class, and arms that are the same images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import synthaudit
from synthaudit.auditing.image_reader import open_reader
from synthaudit.generation.jobs import Job
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source
from synthaudit.progress import NoProgress
from synthaudit.settings import Settings
from synthaudit.sweeping import likeness
from synthaudit.sweeping.arms import Arm
from synthaudit.sweeping.layout import LaidOutArm
from synthaudit.sweeping.plan import Plan
from tests.pictures import encoded, picture


def job_of(subject: str, number: int) -> Job:
    return Job(prompt="", subject=subject, number=number, seed=number)


@pytest.fixture
def random_alexnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights where torchvision looks for the trained ones."""
    import torch
    import torchvision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = torchvision.models.AlexNet_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    file = likeness._weights()
    assert file == Path(torch.hub.get_dir()) / "checkpoints" / name
    file.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(torchvision.models.alexnet().state_dict(), file)
    likeness.lacking.cache_clear()
    yield
    likeness.lacking.cache_clear()


@pytest.mark.usefixtures("random_alexnet")
@pytest.mark.filterwarnings("ignore")
def test_diversity_is_lpips_over_the_pairs_of_a_class(tmp_path: Path) -> None:
    """The oracle is torchmetrics, pair by pair."""
    import torch
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    files = []
    for number in range(5):
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(encoded(picture(number, 64)))
    jobs = [job_of("cat" if number < 3 else "dog", number) for number in range(5)]
    found = likeness.perceptual_diversity(files, jobs, seed=0)
    metric = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)

    def read(number: int) -> Any:
        pixels = np.asarray(Image.open(files[number]).convert("RGB"), np.float32) / 255.0
        return torch.from_numpy(pixels).permute(2, 0, 1)[None]

    pairs = [(0, 1), (0, 2), (1, 2), (3, 4)]
    own = [float(metric.forward(read(one), read(other)).detach()) for one, other in pairs]
    assert found == pytest.approx(np.mean(own), rel=1e-4)
    assert found > 0.01
    same = likeness.perceptual_diversity([files[0]] * 3, jobs[:3], seed=0)
    assert same == pytest.approx(0.0, abs=1e-6)


def test_what_lpips_lacks_is_said() -> None:
    likeness.lacking.cache_clear()
    assert "is not in torch's cache" in str(likeness.lacking())
    assert likeness.perceptual_diversity([Path("a.png")] * 2, [job_of("cat", 0)] * 2, 0) is None


def sweep_of(folder: Path, real: Path, **contents: Any) -> synthaudit.Sweep:
    plan = {"real": str(real), "embedder": "builtin", "images_per_arm": 10, **contents}
    return synthaudit.sweep(
        Plan.model_validate(plan), out=folder / "out", quick=True, cache=folder / "cache"
    )


def test_likeness_is_the_mean_cosine_to_the_references(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    """Images that are their references are 1; of others the cosines are taken one by one."""
    real = open_source(two_sides[0])
    assert isinstance(real, Collection)
    entries = list(real.entries[:6])
    item = LaidOutArm(
        arm=Arm(name="001", values={}, labels={}, jobs=[]),
        root=two_sides[0],
        entries=dict(enumerate(entries)),
        refused=0,
        reason=None,
        seconds=0.0,
        seconds_per_image=None,
        peak_memory=None,
        money=None,
    )
    settings = Settings(embedder="builtin", cache=tmp_path)
    with open_reader(settings, NoProgress()) as reader:
        slots = list(range(6))
        own = {slot: entries[slot] for slot in slots}
        assert likeness.reference_similarity(item, slots, own, reader) == pytest.approx(1.0)
        next_ones = {slot: entries[(slot + 1) % 3] for slot in slots[:4]}
        vectors = reader.extract(real).vectors
        expected = [vectors[slot] @ vectors[(slot + 1) % 3] for slot in range(4)]
        found = likeness.reference_similarity(item, slots, next_ones, reader)
        assert found == pytest.approx(float(np.mean(expected)), abs=1e-6)
        assert likeness.reference_similarity(item, slots, {}, reader) is None


def test_costs_and_likeness_are_in_the_results(
    two_sides: tuple[Path, Path], models: dict[str, Path], tmp_path: Path
) -> None:
    how = {"name": "diffusers", "model": str(models["sd"]), "references": "real", "size": 32}
    found = sweep_of(
        tmp_path,
        two_sides[0],
        generator={**how, "steps": 2, "local_files_only": True},
        prompt="a {subject}",
        axes={"strength": [0.5, 1.0]},
    )
    written = json.loads((tmp_path / "out" / "sweep.json").read_text())["arms"]
    for arm in (*written, *(vars(arm) for arm in found.arms)):
        assert -1.0 <= arm["reference_similarity"] < 1.0
        assert arm["perceptual_diversity"] is None
        assert arm["seconds_per_image"] > 0.0
        assert arm["peak_memory"] > 10**8
        assert arm["money"] is None
    assert any("LPIPS between images of a class is not measured" in note for note in found.notes)


def test_arms_that_differ_in_nothing_are_told(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    """As of a program that passes an option over."""
    import sys

    program = (
        "import json,sys,random;from PIL import Image;a=json.load(sys.stdin)\n"
        "for j in a['jobs']: Image.frombytes('RGB',(16,16),random.Random(j['seed'])"
        ".randbytes(768)).save(a['folder']+'/'+j['file']+'.png')"
    )
    command = [sys.executable, "-c", program]
    found = sweep_of(
        tmp_path,
        two_sides[0],
        generator={"name": "command", "command": command, "options": {"guidance": 1}},
        axes={"guidance": [0, 1]},
    )
    assert any("are the same images byte for byte" in note for note in found.notes)
    assert yaml.safe_load((tmp_path / "out" / "winner.yaml").read_text())["axes"]
