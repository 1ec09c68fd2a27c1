"""Tests for harmful changes: blind to the ratio of classes, right about false alarms, seeing what they are made for."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nscweb.core.errors import CardInvalid
from nscweb.evaluation.audit.change_tests import Harm, KnownCells, cost_of, make_tests
from nscweb.evaluation.audit.change_tests import change_tests_from as read_back

CLASSES, NUMBERS = 3, 8
# Where the classes lie, and what three changes do: one of them in part as classes differ.
PLACES = np.zeros((CLASSES, NUMBERS))
PLACES[1, 0], PLACES[2, 1] = 1.5, 1.5
LARGER = np.array([1.0, 0.2, 1.0, 0, 0, 0, 0, 0])
BLURRED = np.array([0, 0, 0, 1.5, -0.5, 0, 0, 0])
FINE = np.array([0, 0, 0, 0, 0, 0.3, 0.0, 0])


def drawn(rng, counts, shift=0.0):
    labels = np.repeat(np.arange(CLASSES), counts)
    return PLACES[labels] + rng.normal(size=(len(labels), NUMBERS)) + shift, labels


def made(cells_per_class=150, samples=1, between=0.0, seed=0):
    """Tests for two harmful changes and a harmless one."""
    rng = np.random.default_rng(seed)
    parts, labels, names = [], [], []
    for label in range(CLASSES):
        for number in range(samples):
            numbers, _ = drawn(rng, np.eye(CLASSES, dtype=int)[label] * (cells_per_class // samples))
            parts.append(numbers + between * rng.normal(size=NUMBERS))
            labels.append(np.full(len(numbers), label))
            names.append(np.full(len(numbers), number * CLASSES + label))
    known = KnownCells(
        np.concatenate(parts), tuple("abcdefgh"), np.concatenate(labels), np.concatenate(names).astype(np.int64)
    )
    rows = np.arange(0, len(known.labels), 3)
    harms = [
        (Harm("scale", "scale", "× 1.2", 0.3), known.numbers[rows] + LARGER, rows),
        (Harm("blur", "blur", "2 px", 0.2), known.numbers[rows] + BLURRED, rows),
        (Harm("jpeg", "JPEG compression", "quality 90", 0.01), known.numbers[rows] + FINE, rows),
    ]
    return make_tests(known, harms, [], np.random.default_rng(1))


@pytest.fixture(scope="module")
def tests():
    return made()


@pytest.mark.parametrize("counts", [(200, 0, 0), (0, 200, 0), (0, 0, 200), (120, 60, 20), (10, 10, 180)])
def test_a_ratio_of_classes_is_no_change(tests, counts):
    rng = np.random.default_rng(5)
    for _ in range(20):
        numbers, _ = drawn(rng, counts)
        assert not any(item.seen for item in tests.amounts(numbers) if item.harm.counts)


@pytest.mark.parametrize(("way", "kind"), [(LARGER, "scale"), (BLURRED, "blur"), (0.5 * LARGER, "scale")])
@pytest.mark.parametrize("counts", [(200, 0, 0), (20, 20, 160)])
def test_the_change_is_seen_at_any_ratio_and_its_amount_is_right(tests, way, kind, counts):
    numbers, _ = drawn(np.random.default_rng(6), counts, way)
    found = {item.harm.kind: item for item in tests.amounts(numbers)}
    assert found[kind].seen
    amount = float(np.linalg.norm(way) / np.linalg.norm(LARGER if kind == "scale" else BLURRED))
    assert found[kind].value == pytest.approx(amount, abs=0.35)
    assert found[kind].tested


def test_false_alarms_of_fresh_samples_stay_below_five_in_a_hundred(tests):
    rng = np.random.default_rng(7)
    alarms = rest = 0
    for _ in range(400):
        numbers, _ = drawn(rng, rng.multinomial(100, rng.dirichlet(np.ones(CLASSES))))
        alarms += any(item.seen for item in tests.amounts(numbers) if item.harm.counts)
        rest += tests.unexplained(numbers).seen
    assert alarms <= 20
    assert rest <= 20


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_recordings_that_differ_by_a_twentieth_of_their_cells_are_no_false_alarm(seed):
    """The least difference of samples is allowed for in the limits, not only in the measures."""
    tests, rng = made(1200, seed=seed), np.random.default_rng(seed)
    alarms = rest = 0
    for _ in range(200):
        away = 0.05 * rng.normal(size=NUMBERS)
        numbers, _ = drawn(rng, rng.multinomial(400, rng.dirichlet(np.ones(CLASSES))), away)
        alarms += any(item.seen for item in tests.amounts(numbers) if item.harm.counts)
        rest += tests.unexplained(numbers).seen
    assert alarms <= 12 and rest <= 12


def test_limits_do_not_hang_on_how_known_cells_were_parted_into_halves():
    rng = np.random.default_rng(0)
    limits = []
    numbers, labels = drawn(rng, (60, 60, 60))
    known = KnownCells(numbers, tuple("abcdefgh"), labels, labels)
    rows = np.arange(0, len(labels), 2)
    harms = [(Harm("scale", "scale", "× 1.2", 0.3), numbers[rows] + LARGER, rows)]
    for seed in range(8):
        limits.append(make_tests(known, harms, [], np.random.default_rng(seed)).rest.limits[3])
    assert np.ptp(limits) < 0.25 * np.mean(limits)


def test_what_no_ratio_explains_is_seen_though_no_change_looks_like_it(tests):
    other = np.array([0, 0, 0, 0, 0, 0, 0, 2.0])
    numbers, _ = drawn(np.random.default_rng(8), (80, 80, 40), other)
    assert tests.unexplained(numbers).seen


def test_samples_that_differ_anyway_widen_the_limits_and_the_rest_is_left_to_them():
    calm, wild = made(600, samples=10), made(600, samples=10, between=0.4)
    assert calm.by_sample
    assert wild.by_sample
    assert calm.rest is None
    assert calm.tests[0].spread[3] < 0.7 * wild.tests[0].spread[3]


def test_a_change_that_would_not_stand_out_is_said_to_be_untested():
    wild = made(600, samples=10, between=0.8)
    numbers, _ = drawn(np.random.default_rng(9), (60, 60, 60))
    found = wild.amounts(numbers)
    assert not all(item.tested for item in found)
    assert not any(item.seen for item in found if item.harm.counts)


@pytest.mark.parametrize(("cost", "spread", "tested"), [(0.3, 0.217, False), (0.1, 0.217, True), (0.1, 0.25, False)])
def test_what_costs_little_may_be_missed_once_in_five_what_costs_much_once_in_twenty(tests, cost, spread, tested):
    """A model whose card has one weak change that stands out in 94 of 100 samples would never be green otherwise."""
    weak = replace(tests.tests[0], harm=Harm("scale", "scale", "× 0.9", cost), centre=(0.0,) * 5, spread=(spread,) * 5)
    only = replace(tests, tests=(weak,), limits=(3.2,) * 5)
    numbers, _ = drawn(np.random.default_rng(10), (80, 80, 80))
    assert only.amounts(numbers)[0].tested == tested


def test_too_few_cells_of_a_class_and_nothing_harmful_make_no_tests():
    assert made(cells_per_class=15) is None
    rng = np.random.default_rng(0)
    numbers, labels = drawn(rng, (50, 50, 50))
    known = KnownCells(numbers, tuple("abcdefgh"), labels, labels)
    rows = np.arange(150)
    little = [(Harm("jpeg", "JPEG compression", "quality 90", 0.01), numbers + FINE, rows)]
    assert make_tests(known, little, [], rng) is None
    assert make_tests(known, [], [], rng) is None


def test_a_harmless_change_is_told_apart_from_a_harmful_one_that_resembles_it():
    rng = np.random.default_rng(3)
    numbers, labels = drawn(rng, (200, 200, 200))
    known = KnownCells(numbers, tuple("abcdefgh"), labels, labels)
    rows = np.arange(0, 600, 2)
    lamp = np.array([0, 0, 0.8, 0, 0, 0, 0, 0])
    harm = [(Harm("scale", "scale", "× 1.2", 0.3), numbers[rows] + LARGER + BLURRED, rows)]
    free = make_tests(known, harm, [(numbers[rows] + lamp, rows)], np.random.default_rng(1))
    bound = make_tests(known, harm, [], np.random.default_rng(1))
    darker, _ = drawn(np.random.default_rng(4), (70, 70, 70), lamp)
    assert free.amounts(darker)[0].value < 0.5 * bound.amounts(darker)[0].value


def test_missing_numbers_and_cells_very_far_out_change_little(tests):
    numbers, _ = drawn(np.random.default_rng(10), (100, 60, 40))
    odd = numbers.copy()
    odd[0], odd[1, 3] = 1e9, np.nan
    for plain, other in zip(tests.amounts(numbers), tests.amounts(odd), strict=True):
        assert other.value == pytest.approx(plain.value, abs=0.15)
    assert tests.amounts(numbers[:0]) == []
    assert tests.unexplained(numbers[:0]) is None


def test_tests_come_back_from_a_card(tests):
    kept = read_back(json.loads(json.dumps(tests.as_dict())))
    numbers, _ = drawn(np.random.default_rng(11), (100, 60, 40))
    for plain, other in zip(tests.amounts(numbers), kept.amounts(numbers), strict=True):
        assert other.value == pytest.approx(plain.value, abs=1e-3)
    assert kept.unexplained(numbers).value == pytest.approx(tests.unexplained(numbers).value, rel=1e-2)
    with pytest.raises(CardInvalid):
        read_back({**tests.as_dict(), "sizes": "many"})


def test_a_row_costs_what_it_loses_or_what_it_shifts():
    assert cost_of({"cost": 0.02}) == 0.02
    assert cost_of({"cost": 0.02, "share_shift": 0.07}) == 0.07
    assert cost_of({"cost": -0.01, "share_shift": 0.0}) == 0.0
