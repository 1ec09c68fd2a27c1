"""Sets keep the true class as often as promised, per class, on samples that the thresholds never saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_calibration import CLASSES, drawn

from nscweb.core.card import read_card
from nscweb.core.errors import WrongUse
from nscweb.evaluation.scores.conformal import (
    NONE,
    checked_coverage,
    ordered_codes,
    prediction_sets,
    sample_parts,
    set_codes,
    set_word,
    set_words,
    share_of_sets,
    thresholds,
)
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.inference.held_out_file import read_held_out


@pytest.mark.parametrize("alpha", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("sharpen", [1.0, 4.0])
def test_each_class_is_kept_within_two_points_whatever_the_scores(alpha, sharpen):
    found = checked_coverage(drawn(24_000, sharpen=sharpen, samples=30), alpha)
    assert np.abs(found.kept - (1 - alpha)).max() < 0.02
    assert found.cells.sum() == 24_000


def test_the_rank_is_that_of_the_finite_sample():
    """Nine cells of a class at 10 %: the ninth largest of 9, so all of them; eight cells: no cell may be left out."""
    scores = np.tile(np.linspace(0.1, 0.9, 9, dtype=np.float32)[:, None], (1, 3))
    for cells, expected in ((9, 0.1), (8, -np.inf)):
        held = HeldOut(
            np.repeat(scores[-cells:], 3, axis=0),
            np.tile([0, 1, 2], cells),
            np.zeros(3 * cells, np.int64),
            np.full(3 * cells, np.nan),
            CLASSES,
        )
        assert thresholds(held, 0.1).values[0] == pytest.approx([expected] * 3)


def test_a_time_point_has_thresholds_of_its_own_where_it_has_cells():
    held = drawn()
    late = held.times == 72.0
    scores = held.scores.copy()
    scores[late] = np.eye(3, dtype=np.float32)[held.labels[late]]
    both = HeldOut(scores, held.labels, held.samples, held.times, CLASSES)
    limits = thresholds(both, 0.1)
    assert limits.hours.tolist() == [24.0, 72.0]
    assert (limits.values[2] == 1.0).all()
    sets = prediction_sets(both.scores, limits, both.times)
    assert (sets[late].sum(axis=1) == 1).all()
    own = sets[np.arange(len(both)), both.labels]
    assert own[~late].mean() == pytest.approx(0.9, abs=0.02)
    unknown = prediction_sets(both.scores, limits, np.full(len(both), 48.0))
    np.testing.assert_array_equal(unknown, prediction_sets(both.scores, limits))


def test_words_codes_and_shares():
    sets = np.asarray([[1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], bool)
    codes = set_codes(sets)
    assert codes.tolist() == [1, 6, 0, 7, 2]
    assert set_words(codes, CLASSES).tolist() == [
        "astrocyte",
        "neuron or oligodendrocyte",
        NONE,
        "astrocyte, neuron or oligodendrocyte",
        "neuron",
    ]
    order = ordered_codes(codes, 3)
    assert [set_word(code, CLASSES) for code in order][:2] == ["astrocyte", "neuron"]
    assert order[-1] == 0
    shares = share_of_sets(codes, np.asarray([0, 0, 0, 2, 2]), 3, order)
    np.testing.assert_allclose(shares[[0, 2]].sum(axis=1), 1)
    assert np.isnan(shares[1]).all()
    assert len(set_words(codes[:0], CLASSES)) == 0
    with pytest.raises(WrongUse):
        thresholds(drawn(300), 0.0)


def test_samples_stay_whole_and_each_class_is_in_each_part():
    held = drawn(3_000, samples=30)
    part = sample_parts(held, 5, 0)
    for sample in range(30):
        assert len(np.unique(part[held.samples == sample])) == 1
    for number in range(5):
        assert len(np.unique(held.labels[part == number])) == 3


@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_the_shipped_models_keep_the_promise_on_their_held_out_samples(project: Path, alpha):
    tried = 0
    for folder in sorted((project / "weights").iterdir()):
        held = read_held_out(read_card(folder)) if (folder / "card.json").is_file() else None
        if held is None or len(np.unique(held.samples)) < 3 * len(held.classes):
            continue
        tried += 1
        found = checked_coverage(held, alpha)
        assert np.abs(found.kept - (1 - alpha)).max() < 0.02, folder.name
    if not tried:
        pytest.skip("no shipped model has held-out scores of enough samples")
