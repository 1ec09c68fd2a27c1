"""Could a sample be one more of the known ones: the chance is right, and what cannot be asked is not answered."""

from __future__ import annotations

import numpy as np
import pytest

from nscweb.evaluation.audit.shift import Known, known, known_of, summarise


def _samples(rng, samples, cells, centre=0.0, between=1.0, within=3.0):
    places = rng.normal(centre, between, samples)
    return [summarise(rng.normal(place, within, cells)) for place in places]


@pytest.mark.parametrize(("samples", "cells"), [(6, 40), (40, 40), (40, 400)])
def test_at_most_one_in_twenty_good_samples_has_a_chance_below_five_per_cent(samples, cells):
    rng = np.random.default_rng(3)
    alarms = []
    for _ in range(30):
        described = known(_samples(rng, samples, 40))
        alarms += [described.shift(item).p < 0.05 for item in _samples(rng, 12, cells)]
    assert 0.005 < np.mean(alarms) < 0.06


def test_few_cells_are_not_blamed_for_their_chance():
    rng = np.random.default_rng(4)
    described = known(_samples(rng, 40, 200, between=0.01))
    alarms = [described.shift(item).p < 0.01 for item in _samples(rng, 300, 3, between=0.01)]
    assert np.mean(alarms) < 0.05


def test_a_sample_elsewhere_is_found_and_its_shift_is_told_in_both_units():
    rng = np.random.default_rng(5)
    described = known(_samples(rng, 30, 200))
    found = described.shift(summarise(rng.normal(9.0, 3.0, 200)))
    assert found.p < 1e-6
    assert found.effect == pytest.approx(3.0, abs=0.4)
    assert (found.samples, found.value > found.high) == (30, True)
    assert found.as_dict()["samples"] == 30


def test_too_few_known_samples_say_nothing():
    described = Known((1.0, 2.0, 3.0, 4.0), 1.0)
    assert described.shift(summarise(np.full(50, 900.0))).p == 1.0


def test_known_samples_that_are_all_equal_still_tell_another_one():
    described = Known((8.0,) * 12, 0.0)
    assert described.shift(summarise(np.full(20, 8.0))).p == 1.0
    far = described.shift(summarise(np.full(20, 16.0)))
    assert (far.t, far.effect) == (99.0, 99.0)


def test_factors_count_where_factors_matter():
    values = tuple(np.geomspace(50, 200, 20))
    twice = [Known(values, 20.0, relative).shift(summarise(np.full(400, 12.0))).t for relative in (False, True)]
    assert abs(twice[1]) > 2 * abs(twice[0])


def test_it_comes_back_from_a_card_as_it_was():
    described = known(_samples(np.random.default_rng(1), 12, 30), relative=True)
    again = known_of(described.as_dict())
    assert again.relative
    assert again.values == pytest.approx(described.values, rel=1e-4)
    assert again.within == pytest.approx(described.within, rel=1e-4)


def test_numbers_that_are_missing_are_left_out():
    found = summarise(np.array([np.nan, 1.0, 2.0, 3.0, np.inf]))
    assert (found.value, found.cells) == (2.0, 3)
    assert summarise(np.zeros(0)).cells == 0
    assert known([summarise(np.zeros(0))]).values == ()
