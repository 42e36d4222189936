"""Error bars: as wide as theory says, wider for copies, and never nothing."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.bootstrap import (
    Interval,
    detector_intervals,
    detector_spread,
    draw_units,
    resample_radii,
    share_interval,
)
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import Detection, detect
from synthaudit.measures.samples import Samples


def test_draws_are_whole_units_of_each_side() -> None:
    is_synthetic = np.arange(40) >= 20
    units = np.concatenate([np.arange(20) // 2, 10 + np.arange(20) // 4])
    counts = draw_units(is_synthetic, units, 50, np.random.default_rng(0))
    assert (counts[::2][:10] == counts[1::2][:10]).all()
    assert (counts[:20].sum(axis=0) == 20).all()
    assert (counts[20:].sum(axis=0) == 20).all()


def resampled(samples: Samples, found: Detection) -> dict[str, Interval]:
    return detector_intervals(samples.is_synthetic, found, detector_spread(samples, found))


def interval_width(count: int, repeats: int = 2) -> float:
    vectors = np.random.default_rng(1).standard_normal((2 * count, 8))
    vectors[count:, 0] += 1.5
    is_synthetic, groups = np.arange(2 * count) >= count, np.full(2 * count, -1)
    found = detect(
        Samples.of(principal_axes(vectors), is_synthetic, groups=groups), repeats=repeats
    )
    intervals = resampled(Samples.of(vectors, is_synthetic, groups=groups), found)
    for name, side in (("unrealistic", is_synthetic), ("unrepresentative", ~is_synthetic)):
        assert intervals[name].low < found.label_quality[side].mean() < intervals[name].high
    return intervals["unrealistic"].high - intervals["unrealistic"].low


def test_intervals_shrink_with_the_root_of_the_size() -> None:
    assert interval_width(100) / interval_width(1600) == pytest.approx(4.0, rel=0.35)


def test_copies_count_once() -> None:
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((100, 8))
    vectors[50:, 0] += 1.5
    widths = []
    for copies in (1, 4):
        repeated = np.repeat(vectors, copies, axis=0)
        is_synthetic = np.repeat(np.arange(100) >= 50, copies)
        groups = np.repeat(np.arange(100), copies)
        found = detect(Samples.of(principal_axes(repeated), is_synthetic, groups=groups))
        resample = resampled(Samples.of(repeated, is_synthetic, groups=groups), found)
        interval = resample["unrealistic"]
        widths.append(interval.high - interval.low)
    assert widths[1] == pytest.approx(widths[0], rel=0.4)


def test_nothing_learnt_leaves_everything_open() -> None:
    vectors = np.random.default_rng(3).standard_normal((5, 4))
    is_synthetic, groups = np.arange(5) >= 4, np.full(5, -1)
    found = detect(Samples.of(principal_axes(vectors), is_synthetic, groups=groups))
    intervals = resampled(Samples.of(vectors, is_synthetic, groups=groups), found)
    assert intervals["unrealistic"] == Interval(low=0.0, high=1.0)


def test_a_share_of_nothing_has_wilsons_upper_end() -> None:
    interval = share_interval(np.ones(100), 0.1, np.arange(100), np.full(50, 0.1))
    assert interval.low == 0.0
    assert interval.high == pytest.approx(1.96**2 / (100 + 1.96**2), rel=1e-3)


def test_shares_of_clusters_are_less_certain_than_of_images() -> None:
    distance = np.where(np.arange(400) < 100, 0.0, 1.0)
    single = share_interval(distance, 0.1, np.arange(400), np.full(400, 0.1))
    clustered = share_interval(distance, 0.1, np.arange(400) // 20, np.full(400, 0.1))
    assert single.low == pytest.approx(0.25 - 1.96 * np.sqrt(0.25 * 0.75 / 400), abs=0.01)
    assert clustered.high - clustered.low > 3 * (single.high - single.low)


def test_radii_vary_around_their_value() -> None:
    distances = np.random.default_rng(4).uniform(0.2, 1.0, 400) ** 0.1
    radii, dimensions = resample_radii(distances, false_alarms=0.005)
    assert radii.std() > 0
    assert 0.5 < np.median(radii) < 1.0
    assert dimensions.std() > 0
