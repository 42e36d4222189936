"""Masks from words: planted shapes through the real loading and post-processing, and inpainting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthaudit.errors import DataError, GeneratorError, PlanError
from synthaudit.generation.diffusion import DiffusionGenerator
from synthaudit.generation.jobs import Job
from synthaudit.generation.masks.finding import ObjectFinder
from synthaudit.generation.masks.geometry import (
    box_around,
    distinct,
    grown,
    likeness_of_boxes,
    of_run_lengths,
    opacity,
    run_lengths,
)
from synthaudit.generation.masks.hints import read_hints
from synthaudit.generation.masks.options import MaskOptions
from synthaudit.generation.masks.places import find_mask, mask_name, stem_of
from synthaudit.generation.masks.repainting import read_mask
from synthaudit.generation.references import References
from synthaudit.images.opening import open_source
from synthaudit.labelling.coco import coco
from synthaudit.labelling.of_made import labels_of
from tests.planted_shapes import Planted, plant
from tests.tiny_detectors import (
    PATCH,
    SIDE,
    save_grounding_dino,
    save_owlv2,
    save_sam2,
    save_sam3,
)
from tests.tiny_diffusion import save_stable_diffusion


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("detectors")
    return {
        "owlv2": save_owlv2(folder / "owlv2"),
        "sam2": save_sam2(folder / "sam2"),
        "inpaint": save_stable_diffusion(folder / "sd-inpaint", inpaint=True),
        "sd": save_stable_diffusion(folder / "sd"),
    }


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Planted:
    return plant(monkeypatch)


def finder_of(tiny: dict[str, Path], kept: Path | None = None, **options: Any) -> ObjectFinder:
    asked: dict[str, Any] = {
        "find": "frog",
        "detector": f"owlv2:{tiny['owlv2']}",
        "segmenter": f"sam2:{tiny['sam2']}",
        **options,
    }
    return ObjectFinder(MaskOptions(**asked), device="cpu", local_files_only=True, kept=kept)


def likeness(first: Any, second: Any) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_planted_shapes_come_back_through_the_real_post_processing(
    tiny: dict[str, Path], planted: Planted
) -> None:
    rng, finder = np.random.default_rng(0), finder_of(tiny)
    found = []
    for _ in range(20):
        image = planted.draw(rng)
        answer = finder.find(image, "a.png")
        assert answer.why is None
        assert answer.found == 1
        found.append(likeness(answer.objects[0].mask, planted.truth[0]))
        truth = box_around(planted.truth[0])
        assert np.allclose(planted.told[-1], truth, atol=1.5)
        assert np.allclose(answer.objects[0].box, truth, atol=3.0)
    assert min(found) > 0.9
    assert PATCH * 8 == SIDE


def test_several_objects_are_joined_or_taken_singly(
    tiny: dict[str, Path], planted: Planted
) -> None:
    image = planted.draw(np.random.default_rng(4), shapes=3)
    joined = finder_of(tiny).find(image, "a")
    assert (joined.found, len(joined.objects)) == (3, 1)
    assert likeness(joined.objects[0].mask, np.logical_or.reduce(planted.truth)) > 0.9
    each = finder_of(tiny, objects="each").find(image, "a")
    assert [likeness(o.mask, t) > 0.9 for o, t in zip(each.objects, planted.truth, strict=True)]
    largest = finder_of(tiny, objects="largest").find(image, "a")
    assert largest.objects[0].mask.sum() == max(own.mask.sum() for own in each.objects)
    assert "3 objects were found" in str(finder_of(tiny, most=2).find(image, "a").why)
    assert "nothing was found" in str(finder_of(tiny, threshold=0.99).find(image, "a").why)
    assert "more than most_share" in str(finder_of(tiny, most_share=0.02).find(image, "a").why)
    assert "less than least_share" in str(finder_of(tiny, least_share=0.8).find(image, "a").why)


def test_what_a_person_says_goes_before(
    tiny: dict[str, Path], planted: Planted, tmp_path: Path
) -> None:
    image = planted.draw(np.random.default_rng(4), shapes=2)
    second = planted.truth[1]
    left, top, right, bottom = box_around(second) or (0, 0, 0, 0)
    middle = (top + bottom) / 2
    on, beside = [(left + right) / 2, middle, 1], [left - 2, 1, 0]
    file = tmp_path / "hints.json"
    lower = {"box": [0, middle, 140, 140], "label": 0}
    told = {
        "by box": [{"box": [left, top, right, bottom]}],
        "by points": [{"points": [on, beside]}],
        "cut": [{"points": [on]}, lower],
    }
    file.write_text(json.dumps(told))
    finder = finder_of(tiny, hints=str(file))
    for path in ("by box", "by points"):
        answer = finder.find(image, path)
        assert answer.found == 1
        assert likeness(answer.objects[0].mask, second) > 0.9
        assert answer.objects[0].score == 1.0
    cut = finder.find(image, "cut").objects[0].mask
    assert not cut[int(middle) + 1 :].any()
    assert cut.sum() < second.sum()
    assert finder.find(image, "other").found == 2
    alone = finder_of(tiny, find=None, hints=str(file))
    assert alone.find(image, "other").why == "no hint speaks of it"
    for wrong, said in (
        ("[]", "should be"),
        ('{"a": [{"box": [9, 0, 3, 4]}]}', "left below right"),
        ('{"a": [{"points": [[1, 2, 3]]}]}', "1 (object) or 0"),
        ('{"a": [{"points": [[1, 2, 0]]}]}', "one that lies on it"),
        ('{"a": [{}]}', "box or points"),
        ('{"a": [{"bx": 3}]}', "bx"),
        ("nonsense", "no JSON"),
    ):
        file.write_text(wrong)
        with pytest.raises(DataError, match=said.replace("(", r"\(").replace(")", r"\)")):
            read_hints(file)


def test_what_was_found_is_kept(
    tiny: dict[str, Path], planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = planted.draw(np.random.default_rng(4))
    first = finder_of(tiny, tmp_path).find(image, "a")
    planted.truth = []  # whoever asks the models again finds nothing
    again = finder_of(tiny, tmp_path).find(image, "a")
    assert np.array_equal(first.objects[0].mask, again.objects[0].mask)
    assert (first.share, first.found, first.why) == (again.share, again.found, again.why)
    for file in tmp_path.rglob("*.json"):
        file.write_text(file.read_text()[:20])  # cut short by a full disk
    assert finder_of(tiny, tmp_path).find(image, "a").found == 0


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_run_lengths_are_those_of_coco() -> None:
    oracle = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    for share in (0.0, 0.1, 0.9, 1.0):
        mask = rng.random((17, 23)) < share
        own = run_lengths(mask)
        assert np.array_equal(oracle.decode(oracle.frPyObjects(own, 17, 23)) > 0, mask)
        assert np.array_equal(of_run_lengths(own), mask)


def test_geometry() -> None:
    mask = np.zeros((21, 21), dtype=bool)
    mask[10, 10] = True
    distance = np.hypot(*np.mgrid[-10:11, -10:11])
    assert np.array_equal(grown(mask, 4), distance <= 4)
    assert (
        np.array_equal(grown(grown(mask, 4), -3).nonzero(), ([10], [10]))
        or grown(grown(mask, 4), -3).sum() < grown(mask, 4).sum()
    )
    weight = opacity(~grown(mask, 3), 4)
    assert not weight[grown(mask, 3)].any()
    assert weight[0, 0] == 1.0
    assert np.all(np.diff(weight[10, 10:]) >= 0)
    assert distinct([(0, 0, 10, 10), (0, 0, 10, 8), (0, 0, 10, 2)], most_overlap=0.7) == [0, 2]


@pytest.fixture
def frogs(tmp_path: Path, planted: Planted) -> tuple[Path, list[Any]]:
    """Images of one size with a shape each; the models answer for whichever is asked last."""
    rng, truths = np.random.default_rng(2), []
    for number in range(4):
        image = planted.draw(rng).resize((64, 48))
        mask = np.zeros((48, 64), dtype=bool)
        mask[8 + number : 30 + number, 10:40] = True
        pixels = np.asarray(image).copy()
        pixels[mask] = (200, 30, number)
        place = tmp_path / "real" / "frog" / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place)
        truths.append(mask)
    return tmp_path / "real", truths


def job_of(number: int, **options: Any) -> Job:
    own = {"steps": 2, "references": "real", "device": "cpu", "strength": 1.0, **options}
    return Job(prompt="a photo", subject="frog", number=number, seed=number, options=own)


def generator_of(real: Path) -> DiffusionGenerator:
    opened = open_source(real)
    return DiffusionGenerator(References(opened, max_pixels=10**8))  # type: ignore[arg-type]


@pytest.fixture
def mask_folder(frogs: tuple[Path, list[Any]], tmp_path: Path) -> Path:
    for number, mask in enumerate(frogs[1]):
        place = tmp_path / "masks" / "frog" / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(place)
    return tmp_path / "masks"


@pytest.mark.parametrize("model", ["inpaint", "sd"])
@pytest.mark.parametrize("paint", ["background", "object"])
@pytest.mark.parametrize("feather", [0, 3])
def test_what_is_not_painted_stays_to_the_byte(
    tiny: dict[str, Path],
    frogs: tuple[Path, list[Any]],
    mask_folder: Path,
    model: str,
    paint: str,
    feather: int,
) -> None:
    generator = generator_of(frogs[0])
    masks = {"folder": str(mask_folder), "paint": paint, "feather": feather, "margin": 2}
    jobs = [job_of(n, model=str(tiny[model]), masks=masks) for n in range(4)]
    for job in jobs:
        generator.check(job)
    for number, made in enumerate(generator.make(jobs)):
        pixels = np.asarray(made.image)
        real = np.asarray(Image.open(frogs[0] / "frog" / f"{number}.png"))
        painted = grown(frogs[1][number], 2)
        painted = ~painted if paint == "background" else painted
        assert np.array_equal(pixels[~painted], real[~painted])
        assert (pixels[painted] != real[painted]).mean() > 0.5
    images = labels_of(generator, [(f"{job.number}.png", job) for job in jobs])
    for image, truth in zip(images, frogs[1], strict=True):
        assert np.array_equal(image.objects[0].mask, truth)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_labels_are_read_back_by_coco(
    tiny: dict[str, Path], frogs: tuple[Path, list[Any]], mask_folder: Path, tmp_path: Path
) -> None:
    oracle = pytest.importorskip("pycocotools.coco")
    generator = generator_of(frogs[0])
    masks = {"folder": str(mask_folder)}
    jobs = [job_of(n, model=str(tiny["sd"]), masks=masks) for n in range(4)]
    images = labels_of(generator, [(f"{job.number}.png", job) for job in jobs])
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(coco(images, "a test")))
    opened = oracle.COCO(str(file))
    for truth, own in zip(frogs[1], opened.loadAnns(opened.getAnnIds()), strict=True):
        assert np.array_equal(opened.annToMask(own) > 0, truth)
        left, top, width, height = own["bbox"]
        assert (left, top, left + width, top + height) == box_around(truth)
        assert own["area"] == truth.sum()
    assert [own["name"] for own in opened.loadCats(opened.getCatIds())] == ["frog"]


def test_references_without_a_usable_mask_give_way(
    tiny: dict[str, Path], frogs: tuple[Path, list[Any]], mask_folder: Path
) -> None:
    (mask_folder / "frog" / "1.png").unlink()
    generator = generator_of(frogs[0])
    masks = {"folder": str(mask_folder)}
    job = job_of(1, model=str(tiny["sd"]), masks=masks)
    assert generator.traits(job).reference.path == "frog/2.png"  # type: ignore[union-attr]
    for number in (0, 2, 3):
        Image.new("L", (64, 48)).save(mask_folder / "frog" / f"{number}.png")
    with pytest.raises(GeneratorError, match=r"none of the 4 reference images of 'frog'"):
        generator_of(frogs[0]).check(job)


def test_an_object_that_is_gone_is_refused(
    tiny: dict[str, Path], frogs: tuple[Path, list[Any]], planted: Planted
) -> None:
    generator = generator_of(frogs[0])
    masks = {
        "find": "frog",
        "paint": "object",
        "detector": f"owlv2:{tiny['owlv2']}",
        "segmenter": f"sam2:{tiny['sam2']}",
    }
    job = job_of(0, model=str(tiny["sd"]), masks=masks)
    planted.size, planted.truth = (64, 48), [frogs[1][0]]
    generator.check(job)
    made = next(iter(generator.make([job])))
    assert made.image is not None
    planted.truth = [np.roll(frogs[1][0], 20, axis=1)]
    gone = next(iter(generator.make([job])))
    assert gone.image is None
    assert "no longer found" in gone.facts["refused"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"masks": {"paint": "object"}}, "should say what to find"),
        ({"masks": {"find": "frog", "pant": "object"}}, "there is no option 'pant'"),
        ({"masks": {"find": "frog", "detector": "owl"}}, "did you mean 'owlv2'"),
        ({"masks": {"find": "frog", "detector": "sam3"}}, "licence"),
        ({"masks": {"find": "frog", "folder": "x"}}, "drop one"),
        ({"masks": {"find": "frog", "margin": 9999}}, "margin should be less"),
        ({"padding": 3}, "padding has no effect without masks"),
    ],
)
def test_wrong_masks_are_told_in_one_sentence(
    tiny: dict[str, Path], frogs: tuple[Path, list[Any]], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(PlanError) as refused:
        generator_of(frogs[0]).check(job_of(0, model=str(tiny["sd"]), **options))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_padding_and_seed_change_what_is_painted(
    tiny: dict[str, Path], frogs: tuple[Path, list[Any]], mask_folder: Path
) -> None:
    generator = generator_of(frogs[0])
    masks = {"folder": str(mask_folder), "paint": "object"}
    plain, padded, other = (
        np.asarray(
            next(
                iter(generator.make([job_of(0, model=str(tiny["inpaint"]), masks=masks, **more)]))
            ).image
        )
        for more in ({}, {"padding": 4}, {"seed": 1})
    )
    outside = ~frogs[1][0]
    assert np.array_equal(plain[outside], padded[outside])
    assert not np.array_equal(plain, padded)
    assert not np.array_equal(plain, other)


def test_several_objects_count_as_there_when_each_is_found() -> None:
    mask = np.zeros((40, 60), dtype=bool)
    mask[2:12, 2:12] = mask[28:38, 46:58] = True
    first, second = (2, 2, 12, 12), (46, 28, 58, 38)
    assert likeness_of_boxes(mask, [first, second]) == 1.0
    assert likeness_of_boxes(mask, [(2, 2, 58, 38)]) == 1.0
    assert likeness_of_boxes(mask, [first]) < 0.5
    assert likeness_of_boxes(mask, []) == 0.0


def test_references_of_several_sizes_keep_their_own(tiny: dict[str, Path], tmp_path: Path) -> None:
    rng, sizes = np.random.default_rng(0), [(64, 48), (48, 64), (64, 48)]
    for number, (width, height) in enumerate(sizes):
        for place, shape in (("real", (height, width, 3)), ("masks", (height, width))):
            file = tmp_path / place / "frog" / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, shape, dtype=np.uint8)
            pixels[:, : width // 2] = 0
            Image.fromarray(pixels).save(file)
    generator = generator_of(tmp_path / "real")
    for more in ({}, {"masks": str(tmp_path / "masks")}):
        jobs = [job_of(n, model=str(tiny["sd"]), **more) for n in range(3)]
        made = [own.image.size for own in generator.make(jobs) if own.image is not None]
        assert made == sizes


def test_masks_of_editors_and_of_other_forms(tmp_path: Path) -> None:
    truth = np.zeros((20, 30), dtype=bool)
    truth[4:9, 3:20] = True
    layers = np.full((20, 30, 4), 255, dtype=np.uint8)
    layers[..., 3] = np.where(truth, 255, 0)
    Image.fromarray(layers).save(tmp_path / "a.png")
    assert np.array_equal(read_mask(tmp_path / "a.png", (30, 20)), truth)
    with pytest.raises(GeneratorError, match="30 x 20 pixels, its image of 20 x 30"):
        read_mask(tmp_path / "a.png", (20, 30))


def test_masks_lie_in_their_folder_whatever_the_path(tmp_path: Path) -> None:
    for path in ("/data/frog/1.jpg", "../frog/1.jpg", "frog/1.jpg"):
        stems = {stem_of(path): 1}
        file = tmp_path / mask_name(path, stems)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
        both = tmp_path / "both" / mask_name(path, {stem_of(path): 2})
        assert both.name == "1.jpg.png"
    found = [find_mask(tmp_path, path) for path in ("/data/frog/1.jpg", "../frog/1.jpg")]
    assert [own.read_text() for own in found if own] == ["/data/frog/1.jpg", "../frog/1.jpg"]


def test_one_finder_serves_all_words_and_none(
    tiny: dict[str, Path], planted: Planted, tmp_path: Path
) -> None:
    image = planted.draw(np.random.default_rng(4))
    file = tmp_path / "hints.json"
    file.write_text("{}")
    only_hints = finder_of(tiny, tmp_path, find=None, hints=str(file))
    assert only_hints.find(image, "a").why == "no hint speaks of it"
    assert only_hints.find(image, "a", "frog").found == 1
    assert "detector" in finder_of(tiny).identity()
    assert "detector" not in only_hints.identity()


@pytest.mark.parametrize(
    ("name", "save"), [("grounding-dino", save_grounding_dino), ("sam3", save_sam3)]
)
def test_other_detectors_load_and_answer(name: str, save: Any, tmp_path: Path) -> None:
    """Random weights: what they find is nonsense, its form is not."""
    asked = MaskOptions(
        find="a Frog",
        detector=f"{name}:{save(tmp_path / name)}",
        segmenter="box",
        threshold=0.0,
        most=1000,
        least_share=0.0,
        objects="each",
        accept=["sam3"],
    )
    finder = ObjectFinder(asked, device="cpu", local_files_only=True)
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (60, 100, 3), dtype=np.uint8))
    found = finder.find(image, "a.png")
    assert found.objects
    for own in found.objects:
        left, top, right, bottom = own.box
        assert 0 <= left < right <= 100
        assert 0 <= top < bottom <= 60
        assert 0.0 <= own.score <= 1.0
        assert own.mask.shape == (60, 100)
    assert len(finder.identity()["detector"]) > 64
