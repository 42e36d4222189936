"""The sets of ``validity.py``: each is rebuilt from its name and seed, in families of faults.

The real photos of ``cifake_more`` are parted once: 5,000 that judge and that nothing else touches,
and 5,000 that a user has, of which the audits see 2,000. Mixtures take theirs from ``cifake``.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageFilter

from synthaudit.generation.augmentation import AugmentationGenerator
from synthaudit.generation.gaussian import GaussianGenerator
from synthaudit.generation.jobs import Job
from synthaudit.generation.references import References
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source

CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
EACH = 200
"""Images a class of a set of the usual size."""

JUDGED_ON, OWN, SEEN = 500, 500, 200
"""Real photos a class: that judge, that the user has, and that the audits see of these."""

Pixels = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
Edit = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures (n, 32, 32, 3) and their classes (n,)."""

    pixels: Pixels
    target: Numbers

    def take(self, rows: Numbers) -> Pictures:
        """Some of them, by row."""
        return Pictures(pixels=self.pixels[rows], target=self.target[rows])

    def of_each(self, start: int, stop: int) -> Pictures:
        """The images of every class from one number on to another."""
        rows = [np.flatnonzero(self.target == own)[start:stop] for own in range(len(CLASSES))]
        return self.take(np.concatenate(rows))

    def __add__(self, other: Pictures) -> Pictures:
        return Pictures(
            pixels=np.concatenate([self.pixels, other.pixels]),
            target=np.concatenate([self.target, other.target]),
        )

    @property
    def digest(self) -> str:
        """By which a set that is built again is known to be the same."""
        return hashlib.sha256(self.pixels.tobytes() + self.target.tobytes()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What one audit said of every generated image (n,), for the sets that follow its advice."""

    probability_synthetic: npt.NDArray[np.float64]
    is_dropped_anyway: npt.NDArray[np.bool_]
    kind: Numbers


@dataclass(frozen=True, kw_only=True)
class Material:
    """What the sets are made of.

    Attributes:
        generated: 10,000 images of Stable Diffusion 1.4.
        judging: 5,000 photos that nothing else touches.
        own: 5,000 photos that the user has.
        more: 2,000 further photos, for mixtures.
        seen: folder of those of ``own`` that the audits see.
        opinion: of the generated images; None before there is one.
    """

    generated: Pictures
    judging: Pictures
    own: Pictures
    more: Pictures
    seen: Path
    opinion: Opinion | None = None
    references: References = field(repr=False)

    def having(self, opinion: Opinion) -> Material:
        """With what an audit said."""
        return replace(self, opinion=opinion)


def load_material(data: Path, work: Path) -> Material:
    """Read the photos, part them, and lay out what the audits see."""
    photos = _read_tar(data / "cifake_more" / "real.tar")
    own = photos.of_each(JUDGED_ON, JUDGED_ON + OWN)
    seen = work / "seen"
    if not seen.is_dir():
        lay_out(own.of_each(0, SEEN), seen)
    collection = open_source(seen)
    assert isinstance(collection, Collection)
    return Material(
        generated=_read_tar(data / "cifake_more" / "synthetic.tar"),
        judging=photos.of_each(0, JUDGED_ON),
        own=own,
        more=_read_folder(data / "cifake" / "real"),
        seen=seen,
        references=References(collection, max_pixels=1_000_000),
    )


def lay_out(pictures: Pictures, folder: Path) -> None:
    """Write ``CLASS/NUMBER.png``: one codec for all, so that no file gives its side away."""
    for number, (pixels, own) in enumerate(zip(pictures.pixels, pictures.target, strict=True)):
        file = folder / CLASSES[own] / f"{number:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file, compress_level=1)


def _read_tar(file: Path) -> Pictures:
    with tarfile.open(file) as shard:
        found = {
            member.name: shard.extractfile(member).read()  # type: ignore[union-attr]
            for member in shard
            if member.isfile()
        }
    return _decoded(found)


def _read_folder(folder: Path) -> Pictures:
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.glob("*/*")}
    return _decoded(files)


def _decoded(files: dict[str, bytes]) -> Pictures:
    names = sorted(files)
    pixels = [np.asarray(Image.open(io.BytesIO(files[name])).convert("RGB")) for name in names]
    target = [CLASSES.index(name.split("/")[-2]) for name in names]
    return Pictures(pixels=np.stack(pixels), target=np.array(target))


# --- recipes: material and a random generator -> pictures ------------------------------------


Recipe = Callable[[Material, np.random.Generator], Pictures]


@dataclass(frozen=True, kw_only=True)
class SetPlan:
    """A set: its family of faults, how strong the fault is, and how it is made.

    Attributes:
        size: images.
        real_share: share of real photos, or of edits of them, among the images.
    """

    family: str
    level: str
    make: Recipe
    size: int = EACH * len(CLASSES)
    real_share: float = 0.0

    @property
    def name(self) -> str:
        """Of its file."""
        return re.sub(r"[^\w.]+", "-", f"{self.family} {self.level}").strip("-")

    def build(self, material: Material) -> Pictures:
        """The same pictures every time."""
        seed = int(hashlib.sha256(self.name.encode()).hexdigest()[:8], 16)
        return self.make(material, np.random.default_rng(seed))


def _draw(pool: Pictures, rng: np.random.Generator, each: int = EACH) -> Pictures:
    """So many images of every class, each once."""
    rows = [
        rng.choice(np.flatnonzero(pool.target == own), each, replace=False)
        for own in np.unique(pool.target)
    ]
    return pool.take(np.concatenate(rows))


def _plain(each: int) -> Recipe:
    return lambda material, rng: _draw(material.generated, rng, each)


def _missing_classes(missing: int) -> Recipe:
    def make(material: Material, rng: np.random.Generator) -> Pictures:
        left = np.sort(rng.permutation(len(CLASSES))[missing:])
        pool, total = material.generated, EACH * len(CLASSES)
        shares = np.full(len(left), total // len(left))
        shares[: total - shares.sum()] += 1
        parts = [
            rng.choice(np.flatnonzero(pool.target == own), share, replace=False)
            for own, share in zip(left, shares, strict=True)
        ]
        return pool.take(np.concatenate(parts))

    return make


def _missing_kinds(kept: int) -> Recipe:
    """Only some of ten kinds of every class: clusters of looks, the largest ones."""

    def make(material: Material, rng: np.random.Generator) -> Pictures:
        assert material.opinion is not None
        pool, rows = material.generated, []
        for own in range(len(CLASSES)):
            of_class = np.flatnonzero(pool.target == own)
            kinds = material.opinion.kind[of_class]
            largest = np.argsort(-np.bincount(kinds))[:kept]
            among = of_class[np.isin(kinds, largest)]
            rows.append(rng.choice(among, EACH, replace=len(among) < EACH))
        return pool.take(np.concatenate(rows))

    return make


def _repeats(share: float) -> Recipe:
    def make(material: Material, rng: np.random.Generator) -> Pictures:
        distinct = round(EACH * (1.0 - share))
        base = _draw(material.generated, rng, distinct)
        return base + _draw_again(base, rng, EACH - distinct)

    return make


def _draw_again(pool: Pictures, rng: np.random.Generator, each: int) -> Pictures:
    rows = [rng.choice(np.flatnonzero(pool.target == own), each) for own in np.unique(pool.target)]
    return pool.take(np.concatenate(rows))


def _with_real(share: float, source: str) -> Recipe:
    """A share of real photos: of those that the user has, or of others."""

    def make(material: Material, rng: np.random.Generator) -> Pictures:
        real = round(EACH * share)
        pool = material.own.of_each(0, SEEN) if source == "own" else material.more
        return _draw(material.generated, rng, EACH - real) + _draw(pool, rng, real)

    return make


def _wrong_labels(share: float) -> Recipe:
    def make(material: Material, rng: np.random.Generator) -> Pictures:
        base = _draw(material.generated, rng)
        target = base.target.copy()
        wrong = rng.choice(len(target), round(share * len(target)), replace=False)
        target[wrong] = (target[wrong] + rng.integers(1, len(CLASSES), len(wrong))) % len(CLASSES)
        return Pictures(pixels=base.pixels, target=target)

    return make


def _edited(edit: Edit) -> Recipe:
    return _then(_plain(EACH), edit)


def _noisy(deviation: float) -> Recipe:
    def make(material: Material, rng: np.random.Generator) -> Pictures:
        base = _draw(material.generated, rng)
        noise = rng.normal(0.0, deviation, base.pixels.shape)
        pixels = np.clip(np.rint(base.pixels + noise), 0, 255).astype(np.uint8)
        return Pictures(pixels=pixels, target=base.target)

    return make


def _kept(obvious: float) -> Recipe:
    """Of what ``--keep`` leaves of all generated images; classes of obvious fakes become small."""

    def make(material: Material, rng: np.random.Generator) -> Pictures:
        assert material.opinion is not None
        found = material.opinion
        wanted = (found.probability_synthetic < obvious) & ~found.is_dropped_anyway
        rows = rng.choice(np.flatnonzero(wanted), EACH * len(CLASSES), replace=False)
        return material.generated.take(rows)

    return make


def _least_obvious(share: float) -> Recipe:
    """Without the most obvious fakes of every class; a negative share leaves only those."""

    def make(material: Material, rng: np.random.Generator) -> Pictures:
        assert material.opinion is not None
        pool, rows = material.generated, []
        for own in range(len(CLASSES)):
            of_class = np.flatnonzero(pool.target == own)
            fakeness = material.opinion.probability_synthetic[of_class]
            order = of_class[np.argsort(fakeness if share > 0 else -fakeness, kind="stable")]
            rows.append(rng.choice(order[: round(abs(share) * len(order))], EACH, replace=False))
        return pool.take(np.concatenate(rows))

    return make


def _by_generator(
    kind: type[AugmentationGenerator | GaussianGenerator], **options: float
) -> Recipe:
    def make(material: Material, rng: np.random.Generator) -> Pictures:
        generator = kind(material.references)
        jobs = [
            Job(prompt="", subject=name, number=number, seed=int(seed), options=options)
            for name in CLASSES
            for number, seed in enumerate(rng.integers(0, 2**31, EACH))
        ]
        pixels = np.stack([np.asarray(made.image.convert("RGB")) for made in generator.make(jobs)])
        return Pictures(pixels=pixels, target=np.repeat(np.arange(len(CLASSES)), EACH))

    return make


def _blurred(radius: float) -> Edit:
    return lambda image: image.filter(ImageFilter.GaussianBlur(radius))


def _through_jpeg(quality: int) -> Edit:
    def edit(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")

    return edit


def _hue(degrees: int) -> Edit:
    def edit(image: Image.Image) -> Image.Image:
        hue, saturation, value = image.convert("HSV").split()
        moved = hue.point(lambda level: round(level + degrees * 256 / 360) % 256)
        return Image.merge("HSV", (moved, saturation, value)).convert("RGB")

    return edit


def _colours() -> dict[str, Edit]:
    return {
        "hue 30": _hue(30),
        "hue 90": _hue(90),
        "grey": lambda image: image.convert("L").convert("RGB"),
        "garish": lambda image: ImageEnhance.Color(image).enhance(2.5),
        "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.4),
    }


def plans() -> list[SetPlan]:
    """All sets, family by family."""
    own = SetPlan
    augment, gaussian = AugmentationGenerator, GaussianGenerator
    return [
        *(own(family="as generated", level=f"draw {n}", make=_plain(EACH)) for n in range(1, 7)),
        *(
            own(family="missing classes", level=str(n), make=_missing_classes(n))
            for n in (1, 2, 4, 6)
        ),
        *(
            own(family="missing kinds", level=f"{n} of 10 left", make=_missing_kinds(n))
            for n in (8, 5, 3, 1)
        ),
        *(
            own(family="repeats", level=f"{share:.0%}", make=_repeats(share))
            for share in (0.1, 0.3, 0.5, 0.7, 0.9)
        ),
        *(
            own(
                family="copies",
                level=f"{share:.0%}",
                make=_with_real(share, "own"),
                real_share=share,
            )
            for share in (0.05, 0.1, 0.25, 0.5)
        ),
        *(
            own(family="wrong labels", level=f"{share:.0%}", make=_wrong_labels(share))
            for share in (0.05, 0.1, 0.2, 0.4)
        ),
        *(
            own(family="blur", level=f"{radius}", make=_edited(_blurred(radius)))
            for radius in (0.5, 1.0, 1.5, 2.5)
        ),
        *(
            own(family="JPEG", level=f"{quality}", make=_edited(_through_jpeg(quality)))
            for quality in (40, 20, 10, 4)
        ),
        *(
            own(family="noise", level=f"{deviation}", make=_noisy(deviation))
            for deviation in (8, 16, 32, 64)
        ),
        *(
            own(family="colour", level=name, make=_edited(edit))
            for name, edit in _colours().items()
        ),
        *(
            own(family="keep", level=f"below {obvious}", make=_kept(obvious))
            for obvious in (0.9, 0.95, 0.99)
        ),
        *(
            own(family="fakes dropped", level=f"{1 - share:.0%}", make=_least_obvious(share))
            for share in (0.9, 0.7, 0.5, 0.25)
        ),
        own(family="fakes dropped", level="all but the 25%", make=_least_obvious(-0.25)),
        *(
            own(
                family="augmentation",
                level=f"{strength}",
                make=_by_generator(augment, strength=strength),
                real_share=1.0,
            )
            for strength in (0.25, 0.5, 1.0, 2.0, 4.0)
        ),
        *(
            own(
                family="Gaussians",
                level=f"{axes} axes, spread {spread}",
                make=_by_generator(gaussian, axes=axes, spread=spread),
            )
            for axes, spread in ((10, 1.0), (50, 1.0), (150, 1.0), (50, 0.5))
        ),
        *(
            own(
                family="mixtures",
                level=f"{share:.0%} real",
                make=_with_real(share, "more"),
                real_share=share,
            )
            for share in (0.1, 0.25, 0.5, 0.75, 1.0)
        ),
        *(
            own(family="sizes", level=f"{n * len(CLASSES)}", make=_plain(n), size=n * len(CLASSES))
            for n in (25, 50, 100, 400)
        ),
        # Of two kinds of fault at once, which no family by itself shows.
        *(
            own(family="two faults", level=name, make=make)
            for name, make in {
                "blur and repeats": _then(_repeats(0.5), _blurred(1.0)),
                "few kinds and JPEG": _then(_missing_kinds(3), _through_jpeg(15)),
                "wrong labels and grey": _then(_wrong_labels(0.2), _colours()["grey"]),
            }.items()
        ),
    ]


def _then(first: Recipe, edit: Edit) -> Recipe:
    def make(material: Material, rng: np.random.Generator) -> Pictures:
        base = first(material, rng)
        pixels = np.stack([np.asarray(edit(Image.fromarray(own))) for own in base.pixels])
        return Pictures(pixels=pixels, target=base.target)

    return make
