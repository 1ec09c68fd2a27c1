"""Laws that ratios, intervals and curves keep for any table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from nscweb.core.errors import WrongUse
from nscweb.evaluation.ratios.cell_filters import filter_predictions
from nscweb.evaluation.ratios.cell_scores import cell_scores
from nscweb.evaluation.ratios.counted import counted_ratios
from nscweb.evaluation.ratios.sample_sums import sample_sums
from nscweb.evaluation.scores.confusion import classification_metrics, confusion
from nscweb.evaluation.scores.curves import auc, pr, roc
from nscweb.evaluation.scores.intervals import wilson

CLASSES = ("a", "b", "c")


@st.composite
def tables(draw):
    """Prediction tables of up to 8 samples with missing times, replicates and groups."""
    parts = []
    for index in range(draw(st.integers(1, 8))):
        cells = draw(st.integers(1, 12))
        scores = np.random.default_rng(draw(st.integers(0, 1000))).dirichlet([1, 1, 1], cells)
        part = pd.DataFrame({f"p_{name}": scores[:, i] for i, name in enumerate(CLASSES)})
        part["predicted"] = np.asarray(CLASSES)[scores.argmax(axis=1)]
        part["confidence"] = scores.max(axis=1)
        part["flags"] = draw(st.integers(0, 63))
        part["sample_id"] = f"s{index}"
        part["group"] = draw(st.sampled_from(["", "NT3", "=x", "<b>"]))
        part["time_h"] = draw(st.sampled_from([float("nan"), 12.0, 24.0]))
        part["replicate"] = draw(st.sampled_from(["", "1", "2"]))
        part["true_class"] = draw(st.sampled_from(["", *CLASSES]))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


@given(tables())
@settings(max_examples=50, deadline=None)
def test_ratios_of_a_sample_add_up_to_one(table):
    samples = counted_ratios(sample_sums(cell_scores(table, CLASSES)))
    np.testing.assert_allclose(samples.groupby("sample_id")["ratio"].sum(), 1)
    assert samples["count"].sum() == len(table)


@given(tables(), st.randoms())
@settings(max_examples=25, deadline=None)
def test_the_order_of_cells_does_not_matter(table, random):
    order = list(range(len(table)))
    random.shuffle(order)
    shuffled = cell_scores(table.iloc[order], CLASSES)
    first = sample_sums(cell_scores(table, CLASSES))
    pd.testing.assert_frame_equal(counted_ratios(sample_sums(shuffled)), counted_ratios(first))


@given(tables(), st.floats(0, 1), st.lists(st.sampled_from(["empty", "blurred", "several"]), unique=True))
@settings(max_examples=40, deadline=None)
def test_a_filter_accounts_for_every_cell(table, confidence, flags):
    kept, counts = filter_predictions(table, groups=["NT3"], min_confidence=confidence, exclude_flags=flags)
    assert counts.cells == len(table) == len(kept) + sum(counts.dropped.values())
    assert (kept["confidence"] >= confidence).all()


@given(st.integers(0, 500), st.integers(0, 500))
def test_wilson_contains_the_share_and_narrows_with_more_cells(hits, more):
    total = hits + more
    low, high = wilson(hits, total)
    assert 0 <= low <= high <= 1
    if total:
        assert low <= hits / total <= high
        wide = wilson(10 * hits, 10 * total)
        assert wide[1] - wide[0] <= high - low


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=1, max_size=60))
def test_curves_rise_and_their_area_is_the_share_of_pairs_in_order(cells):
    true, score = np.array([hit for hit, _ in cells]), np.array([value for _, value in cells], float)
    if true.all() or not true.any():
        try:
            roc(true, score)
        except WrongUse:
            return
        raise AssertionError("one class has no curve")
    table = roc(true, score)
    assert table["fpr"].is_monotonic_increasing and table["tpr"].is_monotonic_increasing
    difference = score[true][:, None] - score[~true][None]
    assert np.isclose(auc(true, score), ((difference > 0) + 0.5 * (difference == 0)).mean())
    assert np.isclose(np.trapezoid(table["tpr"], table["fpr"]), auc(true, score))
    points, average = pr(true, score)
    assert 0 < average <= 1 and points["precision"].between(0, 1).all()


@given(tables())
@settings(max_examples=25, deadline=None)
def test_metrics_always_lie_in_their_interval_and_match_the_confusion(table):
    found = classification_metrics(table, CLASSES, seed=1, by_time=True, rounds=50)
    for item in found:
        assert np.isfinite([item.value, item.low, item.high]).all()
        assert -1e-12 <= item.low <= item.value <= item.high <= 1 + 1e-12
    known = table[table["true_class"].isin(CLASSES)]
    matrix = confusion(known["true_class"], known["predicted"], CLASSES)
    assert matrix.sum() == len(known)
    if len(known):
        assert np.isclose(found[0].value, np.trace(matrix) / matrix.sum())
