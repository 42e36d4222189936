"""Plug-ins that fail, or do not keep to what they should give: one sentence, and whose fault."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import synthaudit as package
from synthaudit.registry import Registry
from tests.conftest import Run, encoded

MODULE = """
import numpy as np
from synthaudit import *

def column(name):
    columns = (Column(name=name, description="d"),)
    return ImageMeasure(measure=lambda p: np.ones((len(p), 1)), columns=columns)

def fail(*_):
    raise ValueError("broken\\nin two lines")

def number(*_):
    return 3

def supporting(value):
    return Supporting(value=value, low=None, high=None, better="lower", least=None, most=None,
                      chance=None, paper="none")

one = Column(name="own", description="d")
raises = ImageMeasure(measure=fail, columns=(one,))
texts = ImageMeasure(measure=lambda p: [["a"]] * len(p), columns=(one,))
same = column("own")
probability, flag, path = column("probability_synthetic"), column("is_unvaried"), column("path")
set_raises, set_number = SetMeasure(measure=fail), SetMeasure(measure=number)
set_nan = SetMeasure(measure=lambda s: Measured(values={"x": supporting(float("nan"))}))
short = Measured(values={}, real={"own": np.ones(2)})
set_short = SetMeasure(measure=lambda s: short, columns=(one,))
set_taken = SetMeasure(measure=lambda s: Measured(values={"coverage": supporting(0.1)}))

bound_raises = Bound(sign="?", is_upper=True, measured=fail)
bound_number = Bound(sign="?", is_upper=True, measured=number)

section_raises = ReportSection(title="T", html=fail, lines=fail)
section_text = ReportSection(title="T", html=lambda f: None, lines=lambda f: "abc")
section_number = ReportSection(title="T", html=number, lines=number)
section_open = ReportSection(title="T", html=lambda f: "<p><b>left open</p>")
section_escapes = ReportSection(title="T", html=lambda f: "</section></main><h1>escaped</h1>")

class Embeds:
    name, dimension, fingerprint, device, batch_size = "embeds", 4, "embeds/1", "cpu", 8
    frame = Frame(height=8, width=8)
    def __init__(self, **members):
        for name, value in members.items():
            setattr(self, name, value)
    def encode(self, pixels):
        return np.ones((len(pixels), self.dimension))

none = lambda argument, settings: None
encode_raises = lambda argument, settings: Embeds(encode=fail)
wide = lambda argument, settings: Embeds(encode=lambda p: np.ones((len(p), 7)))
nan = lambda argument, settings: Embeds(encode=lambda p: np.full((len(p), 4), np.nan))
zero = lambda argument, settings: Embeds(encode=lambda p: np.zeros((len(p), 4)))
no_fingerprint = lambda argument, settings: Embeds(fingerprint=None)
no_frame = lambda argument, settings: Embeds(frame=(8, 8))
no_batch = lambda argument, settings: Embeds(batch_size=0)

class Generates:
    name, known_options = "generates", ()
    def __init__(self, references): pass
    def check(self, job): pass
    def identity(self, job): return {}
    def count_cut_words(self, prompt): return 0
    def make(self, jobs): fail()

class Few(Generates):
    def make(self, jobs): return iter(())

class Numbers(Generates):
    def make(self, jobs): return iter([3] * len(jobs))

class Checks(Generates):
    def check(self, job): fail()

integer = 42
"""

GROUPS = {
    "measures": "raises texts same probability flag path set_raises set_number set_nan set_short "
    "set_taken integer",
    "bounds": "bound_raises bound_number integer",
    "embedders": "fail none encode_raises wide nan zero no_fingerprint no_frame no_batch integer",
    "generators": "fail Generates Few Numbers Checks integer",
}
QUICK = ("--embedder", "builtin", "--quick", "--quiet", "--no-cache")


def install(folder: Path, name: str, groups: dict[str, str]) -> None:
    """A package as pip leaves it, whose plug-ins are attributes of the module ``faulty_module``."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
    (folder / "faulty_module.py").write_text(MODULE)
    lines = []
    for group, names in groups.items():
        lines += [f"[synthaudit.{group}]", *(f"{n} = faulty_module:{n}" for n in names.split())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def faulty(synthaudit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    install(tmp_path / "faulty", "faulty", GROUPS)
    monkeypatch.syspath_prepend(tmp_path / "faulty")
    yield synthaudit
    sys.modules.pop("faulty_module", None)


def refused(run: Run, *arguments: object) -> str:
    done = run(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "fault in synthaudit" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "of faulty 1.0 failed (ValueError: broken in two lines)"),
        ("texts", "of faulty 1.0 failed (ValueError: could not convert string to float"),
        ("set_raises", "of faulty 1.0 failed (ValueError: broken in two lines)"),
        ("set_number", "it should give a Measured, not int"),
        ("set_nan", "should be a Supporting with a finite number"),
        ("set_short", "of faulty 1.0 failed"),
        (
            "probability",
            "brings a column 'probability_synthetic', but that is the name of a column",
        ),
        ("flag", "brings a column 'is_unvaried'"),
        ("path", "brings a column 'path'"),
        ("integer", "should be a SetMeasure or an ImageMeasure, not int"),
    ],
)
def test_a_measure(
    name: str, reason: str, faulty: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    error = refused(faulty, "score", *two_sides, *QUICK, "--measure", name, "--out", out)
    assert f"the measure {name!r}" in error
    assert reason in error
    assert not out.exists()


def test_two_measures_with_one_column(faulty: Run, two_sides: tuple[Path, Path]) -> None:
    error = refused(faulty, "score", *two_sides, *QUICK, "--measure", "raises", "--measure", "same")
    assert "'own', but that is the name of a column of the measure 'raises'" in error


def test_a_value_with_a_name_of_ours(faulty: Run, two_sides: tuple[Path, Path]) -> None:
    error = refused(
        faulty,
        *("score", *two_sides, *QUICK, "--measure", "prdc", "--measure", "set_taken"),
    )
    assert "there is a value 'coverage' already" in error


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fail", "the embedder 'fail' of faulty 1.0 failed (ValueError: broken in two lines)"),
        ("none", "what 'none' makes should be an object with the members"),
        ("encode_raises", "the embedder 'embeds' failed (ValueError: broken in two lines)"),
        ("wide", "should make (8, 4) numbers of 8 images, but made (8, 7)"),
        ("nan", "the vector has values that are not finite numbers"),
        ("zero", "the vector is zero and has no direction"),
        ("no_fingerprint", "the fingerprint of the embedder Embeds should be a text"),
        ("no_frame", "the frame of the embedder Embeds should be a synthaudit.Frame"),
        ("no_batch", "the batch_size of the embedder Embeds should be a whole number"),
        ("integer", "the embedder 'integer' of faulty 1.0 should be a function, not int"),
    ],
)
def test_an_embedder(name: str, reason: str, faulty: Run, two_sides: tuple[Path, Path]) -> None:
    quick = ("--quick", "--quiet", "--no-cache")
    assert reason in refused(faulty, "score", *two_sides, *quick, "--embedder", name)


def test_a_class_is_no_embedder(faulty: Run, two_sides: tuple[Path, Path]) -> None:
    from faulty_module import Embeds  # type: ignore[import-not-found]

    with pytest.raises(package.EmbedderError, match="an object, not the class Embeds"):
        package.score(*two_sides, embedder=Embeds, quick=True, use_cache=False)


def test_images_without_direction_are_unreadable(two_sides: tuple[Path, Path]) -> None:
    """A module that makes zeros of dark pictures, as one that ends with a ReLU does."""
    torch = pytest.importorskip("torch")
    dark = two_sides[0] / "cat" / "black.png"
    dark.write_bytes(encoded(Image.new("RGB", (48, 48))))
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 6, bias=False))

    def transform(image: object) -> object:
        pixels = np.asarray(image.resize((8, 8)), np.float32)  # type: ignore[attr-defined]
        return torch.from_numpy(pixels)

    audit = package.score(
        *two_sides, embedder=(module, transform), quick=True, use_cache=False, max_unreadable=0.05
    )
    assert audit.counts["unreadable"] == 1
    assert list(audit.unreadable["path"]) == ["cat/black.png"]
    assert audit.unreadable["reason"].iloc[0] == "the vector is zero and has no direction"
    assert "cat/black.png" not in set(audit.images["path"])


def test_a_transform_of_many_shapes(two_sides: tuple[Path, Path]) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.AdaptiveAvgPool1d(4)

    def transform(image: object) -> object:
        return torch.zeros(image.size[0])  # type: ignore[attr-defined]

    with pytest.raises(package.EmbedderError, match="one shape of every picture, but made"):
        package.score(*two_sides, embedder=(module, transform), quick=True, use_cache=False)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fail", "the generator 'fail' of faulty 1.0 failed (ValueError: broken in two lines)"),
        ("Generates", "the generator 'Generates' of faulty 1.0 failed"),
        ("Checks", "the generator 'Checks' of faulty 1.0 failed"),
        ("Few", "for each of 12 jobs, but number 1 was missing"),
        ("Numbers", "for each of 12 jobs, but number 1 was int"),
        ("integer", "the generator 'integer' of faulty 1.0 should be a function, not int"),
    ],
)
def test_a_generator(
    name: str, reason: str, faulty: Run, two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"real: {two_sides[0]}\nimages_per_arm: 12\ngenerator: {{name: {name}}}\n")
    assert reason in refused(faulty, "sweep", plan, *QUICK, "--out", tmp_path / "swept")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bound_raises", "of faulty 1.0 failed (ValueError: broken in two lines)"),
        ("bound_number", "measured should give a Quantity, not int"),
        ("integer", "of faulty 1.0 should be a Bound, not int"),
    ],
)
def test_a_bound(name: str, reason: str, faulty: Run, tmp_path: Path) -> None:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 40, 8))
    package.score_embeddings(real, synthetic, quick=True).write(tmp_path / "out")
    policy = tmp_path / "policy.toml"
    policy.write_text(f"[limits]\nunvaried = {{{name} = 0.5}}\n")
    error = refused(faulty, "gate", tmp_path / "out", "--policy", policy)
    assert f"the bound {name!r}" in error
    assert reason in error


SECTIONS = {
    "section_raises": "failed (ValueError: broken in two lines)",
    "section_text": "lines should give a list of texts, not one text",
    "section_number": "html should give a text, not int",
    "section_open": "its html closes <p> where that is not open",
    "section_escapes": "its html closes <section> where that is not open",
    "integer": "should be a ReportSection, not int",
}


def test_a_section_costs_no_report(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "faulty", "faulty-sections", {"sections": " ".join(SECTIONS)})
    monkeypatch.syspath_prepend(tmp_path / "faulty")
    out = tmp_path / "out"
    try:
        done = synthaudit("score", *two_sides, *QUICK, "--out", out)
    finally:
        sys.modules.pop("faulty_module", None)
    assert done.returncode == 0, done.stderr
    for name, reason in SECTIONS.items():
        own = [
            line
            for line in done.stderr.replace("\n", " ").split("warning: ")
            if f"the report section {name!r} of faulty-sections 1.0" in line and reason in line
        ]
        assert len(own) == 1, (name, done.stderr)
    page = (out / "report.html").read_text()
    assert "left open" not in page
    assert "escaped" not in page
    assert "Provenance" in page
    assert (out / "report.md").is_file()


def test_names_that_are_taken(
    synthaudit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "first", "first", {"measures": "same"})
    install(tmp_path / "second", "second", {"measures": "same"})
    info = tmp_path / "second" / "second-1.0.dist-info" / "entry_points.txt"
    info.write_text(info.read_text().replace("faulty_module:same", "faulty_module:flag"))
    info.write_text(info.read_text() + "[synthaudit.bounds]\nmax = faulty_module:integer\n")
    monkeypatch.syspath_prepend(tmp_path / "second")
    monkeypatch.syspath_prepend(tmp_path / "first")
    text = " ".join(synthaudit("doctor").stdout.split())
    sys.modules.pop("faulty_module", None)
    assert "same, of first 1.0" in text
    assert "same, of second 1.0: not used, for the name is taken" in text
    assert "max, of second 1.0: not used, for the name is taken" in text


def test_a_fault_of_ours_is_not_a_plug_in_s() -> None:
    own: Registry[object] = Registry("thing", "synthaudit.nothing", {"ours": "json:loads"})
    with pytest.raises(ZeroDivisionError), own.blaming("ours"):
        raise ZeroDivisionError


def test_a_measure_that_knows_one_side_alone(
    synthaudit: Run, two_sides: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "faulty", "faulty", {"measures": "unknown"})
    module = tmp_path / "faulty" / "faulty_module.py"
    module.write_text(
        module.read_text() + "\nunknown = ImageMeasure(measure=lambda p: np.full((len(p), 1), "
        "np.nan), columns=(one,))\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "faulty")
    done = synthaudit(
        "score", *two_sides, *QUICK, "--measure", "unknown", "--details", "--out", tmp_path / "o"
    )
    sys.modules.pop("faulty_module", None)
    assert done.returncode == 0, done.stderr
    assert "AUC unknown" in done.stdout
    assert pd.read_parquet(tmp_path / "o" / "images.parquet")["own"].isna().all()
