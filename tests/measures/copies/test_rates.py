"""The exact test of rates against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from synthaudit.measures.copies.rates import excess_p_value, false_discovery_rates


def test_closed_forms() -> None:
    # With no reference events, all k of k fall on one side.
    p = excess_p_value(3, 100.0, reference_events=0.0, reference_exposure=100.0)
    assert p == pytest.approx(1 / 8)
    # One of two, sides in ratio 3 : 1.
    p = excess_p_value(1, 300.0, reference_events=1.0, reference_exposure=100.0)
    assert p == pytest.approx(1 - (1 / 4) ** 2)
    assert excess_p_value(0, 100.0, reference_events=9.0, reference_exposure=1.0) == 1.0


def test_it_is_never_zero() -> None:
    assert excess_p_value(500, 500.0, reference_events=0.5, reference_exposure=500.0) > 0.0


def test_equal_rates_reject_no_more_than_their_level() -> None:
    rng = np.random.default_rng(0)
    events = rng.poisson(6.0, (4000, 2))
    p_values = [
        excess_p_value(int(a), 200.0, reference_events=float(b), reference_exposure=200.0)
        for a, b in events
    ]
    assert 0.01 < np.mean(np.array(p_values) <= 0.05) <= 0.055


def test_false_discovery_rates_are_scipys() -> None:
    rng = np.random.default_rng(5)
    for count in (0, 1, 7, 300):
        p_values = np.concatenate([rng.uniform(size=count), rng.uniform(size=count) * 1e-3])
        expected = false_discovery_control(p_values) if count else p_values
        np.testing.assert_allclose(false_discovery_rates(p_values), expected)
