"""Training on planted pictures, whose worth is known, and against a loop written plainly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2
from typer.testing import CliRunner

import synthaudit
from synthaudit.commands.application import application
from synthaudit.embedding.choice import choose_embedder
from synthaudit.embedding.protocol import TextEmbedder
from synthaudit.errors import DataError, SettingsError, StorageError, UsageError
from synthaudit.measures.usefulness.zero_shot import TEMPLATES, prompt_ensemble
from synthaudit.reporting.training import training_markdown, verdict_on
from synthaudit.settings import Settings
from synthaudit.training import running
from synthaudit.training.networks import make_network, normalised, small_network
from synthaudit.training.recipe import Recipe, make_recipe
from synthaudit.training.result import mean_accuracy
from tests.embedding.test_clip import model_folder  # noqa: F401 - a fixture

TWO, CPU = ("blue", "red"), torch.device("cpu")
FAST: dict[str, Any] = {
    "model": "small",
    "image_size": 16,
    "steps": 30,
    "batch_size": 16,
    "seeds": 2,
    "device": "cpu",
    "progress": synthaudit.NoProgress(),
}


def lay_out(
    folder: Path, *, each: int, seed: int, swapped: bool = False, spread: float = 40.0
) -> Path:
    """Reddish and bluish noise in two classes; swapped, under each other's name."""
    rng = np.random.default_rng(seed)
    for number, (name, colour) in enumerate((("blue", (90, 120, 150)), ("red", (150, 120, 90)))):
        place = folder / (("red", "blue")[number] if swapped else name)
        place.mkdir(parents=True, exist_ok=True)
        for image in range(each):
            pixels = rng.normal(colour, spread, (16, 16, 3)) + rng.normal(0, spread / 2, 3)
            content = np.clip(pixels, 0, 255).astype(np.uint8)
            Image.fromarray(content).save(place / f"{image}.png")
    return folder


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("sides")
    return {
        "real": lay_out(place / "real", each=30, seed=1),
        "good": lay_out(place / "good", each=30, seed=2),
        "wrong": lay_out(place / "wrong", each=120, seed=3, swapped=True),
        "test": lay_out(place / "test", each=60, seed=4),
    }


def test_good_images_teach_and_wrong_classes_cost(sides: dict[str, Path]) -> None:
    good = synthaudit.train(sides["real"], sides["good"], test=sides["test"], **FAST)
    wrong = synthaudit.train(sides["real"], sides["wrong"], test=sides["test"], **FAST)
    assert good.arm("real").accuracy.value > 0.8
    assert good.arm("synthetic").accuracy.value > 0.8
    assert wrong.arm("synthetic").accuracy.value < 0.2
    gain = wrong.arm("both").gain
    assert gain is not None
    assert gain.high < -0.3
    assert "cost accuracy" in verdict_on(wrong)
    assert good.counts == {"real": 60, "synthetic": 60, "test": 120}
    assert good.arm("both").real == good.arm("both").synthetic == 60
    assert good.arm("real").accuracy == wrong.arm("real").accuracy  # the same seeds


def test_shares_of_the_real_images(sides: dict[str, Path]) -> None:
    found = synthaudit.train(
        sides["real"], sides["good"], test=sides["test"], **{**FAST, "shares": [0.1, 1.0]}
    )
    names = [(arm.name, arm.real, arm.synthetic) for arm in found.arms]
    expected = [("real 0.1", 6, 0), ("both 0.1", 6, 60), ("real", 60, 0), ("both", 60, 60)]
    assert names == [*expected, ("synthetic", 0, 60)]
    assert "Besides 60 real images" in training_markdown(found)


def plain_accuracy(real: Path, test: Path, recipe: Recipe, seed: int) -> float:
    """The recipe as anybody would write it."""

    def read(folder: Path) -> TensorDataset:
        files = sorted(folder.glob("*/*.png"))
        pixels = torch.stack([v2.functional.pil_to_tensor(Image.open(file)) for file in files])
        names = sorted({file.parent.name for file in files})
        return TensorDataset(
            pixels, torch.tensor([names.index(file.parent.name) for file in files])
        )

    to_input = v2.Compose(
        [
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    change = v2.Compose(
        [v2.RandomHorizontalFlip(), v2.RandomCrop(16, padding=2, padding_mode="reflect")]
    )
    torch.manual_seed(seed)
    network = small_network(2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=1e-3, total_steps=recipe.steps, pct_start=0.2
    )
    loader, step = DataLoader(read(real), recipe.batch_size, shuffle=True, drop_last=True), 0
    while step < recipe.steps:
        for pixels, target in loader:
            if step == recipe.steps:
                break
            batch = torch.stack([change(to_input(own)) for own in pixels])
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(batch), target).backward()
            optimiser.step()
            schedule.step()
            step += 1
    network.eval()
    asked = read(test)
    with torch.no_grad():
        guess = network(to_input(asked.tensors[0])).argmax(1)
    return float((guess == asked.tensors[1]).float().mean())


def test_it_is_as_good_as_a_plain_loop(tmp_path: Path) -> None:
    real = lay_out(tmp_path / "real", each=30, seed=5, spread=60.0)
    test = lay_out(tmp_path / "test", each=150, seed=6, spread=60.0)
    found = synthaudit.train(
        real, lay_out(tmp_path / "other", each=4, seed=7), test=test, **{**FAST, "seeds": 5}
    )
    recipe = make_recipe({"steps": 30, "batch_size": 16})
    plain = np.array([plain_accuracy(real, test, recipe, seed) for seed in range(5)])
    own = np.array(found.arm("real").seeds)
    noise = np.sqrt((own.var(ddof=1) + plain.var(ddof=1)) / 5 + 2 * 0.25 / 300)
    assert abs(own.mean() - plain.mean()) < 2.5 * noise


def test_test_images_are_not_learnt_from(sides: dict[str, Path], tmp_path: Path) -> None:
    real = tmp_path / "real"
    shutil.copytree(sides["real"], real)
    for number in range(5):
        shutil.copy(sides["test"] / "red" / f"{number}.png", real / "red" / f"copy{number}.png")
    found = synthaudit.train(real, sides["good"], test=sides["test"], **{**FAST, "steps": 2})
    assert found.counts["real"] == 60
    assert found.notes == ["5 real images are also test images: nothing learns from them."]
    with pytest.raises(DataError, match="all real images are also test images"):
        synthaudit.train(sides["test"], sides["good"], test=sides["test"], **FAST)


def test_it_goes_on_where_it_was_stopped(
    sides: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**FAST, "steps": 3}
    call = (sides["real"], sides["good"])
    whole = synthaudit.train(*call, test=sides["test"], out=tmp_path / "whole", **options)
    learn, made = running.learn_and_name, []

    def stopping(*given: Any, **named: Any) -> Any:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(learn(*given, **named))
        return made[-1]

    monkeypatch.setattr(running, "learn_and_name", stopping)
    with pytest.raises(KeyboardInterrupt):
        synthaudit.train(*call, test=sides["test"], out=tmp_path / "part", **options)
    assert not (tmp_path / "part" / "training.json").exists()
    runs = sorted((tmp_path / "part" / "runs").iterdir())
    assert len(runs) == 2
    runs[0].write_bytes(runs[0].read_bytes()[:50])  # and one was cut
    made.clear()
    monkeypatch.setattr(running, "learn_and_name", lambda *g, **n: made.append(1) or learn(*g, **n))
    again = synthaudit.train(*call, test=sides["test"], out=tmp_path / "part", **options)
    assert len(made) == 3 * 2 - 1
    assert again.to_dict() == whole.to_dict()
    written = [(tmp_path / name / "training.json").read_bytes() for name in ("whole", "part")]
    assert written[0] == written[1]


def test_weights_at_hand(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = small_network(7)
    file = tmp_path / "weights.pth"
    torch.save({"state_dict": network.state_dict()}, file)
    taken = make_network(make_recipe({"model": "small", "weights": str(file)}), TWO, CPU)
    own, given = taken.state_dict(), network.state_dict()
    assert all(torch.equal(own[key], given[key]) for key in own if not key.startswith("17."))
    assert own["17.weight"].shape[0] == 2
    recipe = make_recipe({"model": "torchvision:resnet18", "weights": str(file)})
    with pytest.raises(DataError, match="it is of another network"):
        make_network(recipe, TWO, CPU)
    file.write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"small with weights"):
        make_network(make_recipe({"model": "small", "weights": str(file)}), TWO, CPU)


@pytest.mark.parametrize("model", ["torchvision:resnet18", "timm:resnet10t"])
def test_models_of_libraries(sides: dict[str, Path], model: str) -> None:
    options = {**FAST, "model": model, "steps": 1, "seeds": 1, "image_size": 32}
    found = synthaudit.train(sides["real"], sides["good"], test=sides["test"], **options)
    assert len(found.arms) == 3
    assert found.recipe["model"] == model


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"model": "resnet18"}, UsageError, "there is no model 'resnet18'"),
        ({"model": "timm:none"}, UsageError, "timm.list_models"),
        ({"model": "small", "weights": "pretrained"}, UsageError, "no pretrained weights"),
        ({"weights": "nowhere.pth"}, UsageError, "there is no file nowhere.pth"),
        ({"model": "clip", "weights": "pretrained"}, UsageError, "clip comes with its weights"),
        ({"shares": [0.0]}, SettingsError, "above 0"),
        ({"shares": [0.5, 0.5]}, SettingsError, "differ"),
        ({"step": 3}, SettingsError, "steps"),
        ({"device": "cuda:9"}, UsageError, "is not at hand"),
    ],
)
def test_wrong_calls_are_told(
    sides: dict[str, Path], options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        synthaudit.train(sides["real"], sides["good"], test=sides["test"], **options)


def test_sides_that_do_not_fit_are_told(sides: dict[str, Path], tmp_path: Path) -> None:
    one = lay_out(tmp_path / "one", each=3, seed=8)
    shutil.rmtree(one / "red")
    with pytest.raises(DataError, match="at least two are needed"):
        synthaudit.train(sides["real"], sides["good"], test=one, **FAST)
    with pytest.raises(DataError, match="has images of red, but"):
        synthaudit.train(one, sides["good"], test=sides["test"], **FAST)
    (one / "blue").rename(one / "green")
    with pytest.raises(DataError, match="has no images of the classes blue, red"):
        synthaudit.train(sides["real"], one, test=sides["test"], **FAST)


def test_what_one_network_gains_is_not_called_sure(sides: dict[str, Path]) -> None:
    options = {**FAST, "seeds": 1, "steps": 5}
    found = synthaudit.train(sides["real"], sides["wrong"], test=sides["test"], **options)
    assert "of one network by" in verdict_on(found)
    assert "1 seed, on cpu" in training_markdown(found)


def test_unreadable_images_are_told(
    sides: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    real = tmp_path / "real"
    shutil.copytree(sides["real"], real)
    (real / "red" / "nothing.png").write_bytes(b"nothing")
    options = {**FAST, "seeds": 1, "steps": 1}
    found = synthaudit.train(real, sides["good"], test=sides["test"], **options)
    assert found.counts["real"] == 60
    assert "1 images of" in caplog.text
    assert "red/nothing.png" in caplog.text


def test_folders_that_cannot_be_used_are_refused_beforehand(
    sides: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="REAL and SYNTHETIC are both"):
        synthaudit.train(sides["real"], sides["real"], test=sides["test"], **FAST)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="is a file"):
        synthaudit.train(
            sides["real"], sides["good"], test=sides["test"], out=tmp_path / "file", **FAST
        )
    (tmp_path / "scores.json").write_text("{}")
    with pytest.raises(UsageError, match="holds an audit"):
        synthaudit.train(sides["real"], sides["good"], test=sides["test"], out=tmp_path, **FAST)


def test_the_interval_covers_the_truth() -> None:
    """Networks of a random skill, images of random ease: the mean is known."""
    rng, hits, runs = np.random.default_rng(0), 0, 300
    target = np.repeat([0, 1], 100)
    for _ in range(runs):
        skill = rng.normal(0.0, 0.05, (4, 1))
        ease = rng.uniform(0.5, 0.9, 200)
        correct = (rng.random((4, 200)) < np.clip(ease + skill, 0, 1)).astype(float)
        found = mean_accuracy(correct, target, confidence=0.95)
        hits += found.low <= 0.7 <= found.high
    assert 0.92 <= hits / runs <= 0.995


def test_the_interval_of_one_network_is_that_of_its_images() -> None:
    correct = np.array([[1.0] * 30 + [0.0] * 10 + [1.0] * 50 + [0.0] * 50])
    target = np.repeat([0, 1], [40, 100])
    found = mean_accuracy(correct, target, confidence=0.95)
    variance = (0.75 * 0.25 / 39 + 0.5 * 0.5 / 99) / 4
    assert found.value == pytest.approx(0.625)
    assert found.high - found.value == pytest.approx(1.959964 * variance**0.5, rel=1e-6)


def test_the_command(sides: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    call = ["train", str(sides["real"]), str(sides["good"]), "--test", str(sides["test"])]
    fast = ["--model", "small", "--steps", "2", "--seeds", "1", "--device", "cpu"]
    done = CliRunner().invoke(application, [*call, *fast, "--out", str(out), "-q"])
    assert done.exit_code == 0, done.output
    assert "Besides 60 real images" in done.output
    assert {file.name for file in out.iterdir()} == {"runs", "training.json", "training.md"}
    printed = CliRunner().invoke(
        application, [*call, *fast, "--out", str(out), "-q", "--format", "json"]
    )
    assert json.loads(printed.output) == json.loads((out / "training.json").read_text())


def test_clip_learns_with_its_last_block_and_a_zero_shot_head(
    sides: dict[str, Path],
    model_folder: Path,  # noqa: F811
) -> None:
    recipe = make_recipe({"model": f"clip:local-dir:{model_folder}"})
    network = make_network(recipe, TWO, CPU)
    learning = {name for name, own in network.named_parameters() if own.requires_grad}
    blocks = {name.split(".")[3] for name in learning if "resblocks" in name}
    assert blocks == {"1"}  # of two
    assert {"head.weight", "head.bias", "visual.ln_post.weight"} <= learning
    # Without a step it is zero-shot classification by the ensemble of prompts.
    embedder = choose_embedder(Settings(embedder=recipe.model, device="cpu"))
    assert isinstance(embedder, TextEmbedder)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    texts = np.stack([embedder.encode_text([t.format(n) for n in TWO]) for t in TEMPLATES])
    expected = 100.0 * embedder.encode(pixels) @ prompt_ensemble(texts).T
    with torch.no_grad():
        scores = network.eval()(normalised(torch.from_numpy(pixels).permute(0, 3, 1, 2)))
    assert scores.numpy() == pytest.approx(expected, abs=1e-2)
    options = {**FAST, "model": recipe.model, "image_size": None, "learning_rate": 1e-3}
    found = synthaudit.train(sides["real"], sides["good"], test=sides["test"], **options)
    assert found.recipe["image_size"] == 32
    assert found.arm("both").accuracy.value > 0.7
    with pytest.raises(UsageError, match="takes 32 pixels"):
        synthaudit.train(
            sides["real"], sides["good"], test=sides["test"], **{**options, "image_size": 64}
        )
