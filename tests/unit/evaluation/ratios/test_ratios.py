"""Ratios with the replicate as the unit, and an account of every cell that a filter leaves out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nscweb.evaluation.groups.means import mean_interval
from nscweb.evaluation.ratios.cell_filters import filter_predictions
from nscweb.evaluation.ratios.counted import (
    GROUP_COLUMNS,
    SAMPLE_COLUMNS,
    group_ratios,
    replicate_ratios,
    sample_ratios,
)
from nscweb.evaluation.scores.intervals import wilson

CLASSES = ("astrocyte", "neuron")


def predictions(samples):
    """Rows from (sample, group, time_h, replicate, astrocytes, neurons)."""
    parts = []
    for name, group, time_h, replicate, first, second in samples:
        rows = pd.DataFrame({"predicted": ["astrocyte"] * first + ["neuron"] * second})
        parts.append(rows.assign(sample_id=name, group=group, time_h=time_h, replicate=replicate))
    return pd.concat(parts, ignore_index=True)


THREE = [("a", "NT3", 24.0, "1", 10, 90), ("b", "NT3", 24.0, "2", 20, 80), ("c", "NT3", 24.0, "3", 60, 140)]


def test_sample_ratios_are_counts_over_cells_with_wilson_intervals():
    table = sample_ratios(predictions(THREE), CLASSES)
    assert tuple(table.columns) == SAMPLE_COLUMNS and len(table) == 6
    first = table.iloc[0]
    assert (first["sample_id"], first["class"], first["count"], first["cells"]) == ("a", "astrocyte", 10, 100)
    assert first["ratio"] == 0.1 and (first["low"], first["high"]) == wilson(10, 100)
    assert table.groupby("sample_id")["ratio"].sum().tolist() == pytest.approx([1, 1, 1])


def test_the_replicate_is_the_unit_and_each_weighs_the_same():
    table = group_ratios(sample_ratios(predictions(THREE), CLASSES))
    assert tuple(table.columns) == GROUP_COLUMNS
    row = table[table["class"] == "astrocyte"].iloc[0]
    mean, _, _, low, high = mean_interval(np.array([[0.1], [0.2], [0.3]]))[0]
    assert row["mean"] == pytest.approx(mean) and row["sd"] == pytest.approx(0.1)
    assert row["sem"] == pytest.approx(0.1 / np.sqrt(3))
    assert (row["low"], row["high"]) == pytest.approx((max(0, low), high))
    assert (row["replicates"], row["cells"]) == (3, 400)
    assert row["method"] == "t interval over 3 replicates"


def test_with_one_replicate_the_interval_is_over_cells_and_says_so():
    row = group_ratios(sample_ratios(predictions(THREE[:1]), CLASSES)).iloc[0]
    assert (row["low"], row["high"]) == wilson(10, 100)
    assert row["method"].startswith("Wilson interval over cells (1 replicate")
    assert np.isnan(row["sd"])


def test_replicates_that_agree_exactly_have_no_interval_of_zero_width():
    same = [("a", "g", 1.0, "1", 10, 90), ("b", "g", 1.0, "2", 10, 90)]
    row = group_ratios(sample_ratios(predictions(same), CLASSES)).iloc[0]
    assert row["low"] < row["mean"] < row["high"] and "agree exactly" in row["method"]


def test_two_acquisitions_of_one_replicate_count_once():
    parts = [("a1", "g", 1.0, "1", 10, 40), ("a2", "g", 1.0, "1", 30, 20), ("b", "g", 1.0, "2", 50, 50)]
    table = sample_ratios(predictions(parts), CLASSES)
    joined = replicate_ratios(table)
    assert joined[joined["class"] == "astrocyte"]["ratio"].tolist() == [0.4, 0.5]
    assert group_ratios(table)["replicates"].tolist() == [2, 2]


def test_samples_without_a_replicate_name_stand_for_themselves():
    parts = [("a", "g", 1.0, "", 10, 90), ("b", "g", 1.0, "", 20, 80)]
    row = group_ratios(sample_ratios(predictions(parts), CLASSES)).iloc[0]
    assert row["replicates"] == 2 and row["method"] == "t interval over 2 samples (replicate not given)"


def test_samples_without_time_or_group_are_kept():
    parts = [("a", "", float("nan"), "1", 10, 90), ("b", "", float("nan"), "2", 20, 80), ("c", "x", 24.0, "1", 1, 1)]
    table = group_ratios(sample_ratios(predictions(parts), CLASSES))
    assert len(table) == 4 and table["cells"].sum() == 2 * 202
    assert table[table["time_h"].isna()]["replicates"].tolist() == [2, 2]


def test_nothing_left_gives_empty_tables_with_all_columns():
    empty = predictions(THREE).iloc[:0]
    samples = sample_ratios(empty, CLASSES)
    assert tuple(samples.columns) == SAMPLE_COLUMNS and samples.empty
    assert tuple(group_ratios(samples).columns) == GROUP_COLUMNS


def test_text_and_categories_give_the_same_ratios():
    table = predictions(THREE)
    as_category = table.astype(dict.fromkeys(("sample_id", "group", "replicate", "predicted"), "category"))
    pd.testing.assert_frame_equal(sample_ratios(as_category, CLASSES), sample_ratios(table, CLASSES))


def test_a_prediction_outside_the_classes_counts_among_the_cells_only():
    table = predictions(THREE[:1])
    table.loc[:4, "predicted"] = "unknown"
    assert sample_ratios(table, CLASSES)["ratio"].tolist() == [0.05, 0.9]


def test_half_a_million_cells_are_counted_as_by_hand():
    rng = np.random.default_rng(0)
    sample = rng.integers(0, 90, 500_000)
    table = pd.DataFrame(
        {
            "sample_id": np.char.add("sample ", sample.astype(str)),
            "group": np.char.add("group ", (sample // 9).astype(str)),
            "time_h": (sample % 9 // 3) * 24.0,
            "replicate": (sample % 3).astype(str),
            "predicted": np.asarray(CLASSES)[rng.integers(0, 2, 500_000)],
        }
    )
    found = sample_ratios(table, CLASSES).set_index(["sample_id", "class"])["count"]
    naive = table.groupby(["sample_id", "predicted"]).size()
    assert len(found) == 180 and found.to_dict() == naive.to_dict()


@pytest.fixture
def mixed():
    table = predictions([("a", "NT3", 24.0, "1", 5, 5), ("b", "NT4", 72.0, "2", 5, 5)])
    return table.assign(flags=[1, 2, 3, 0, 0, 0, 0, 0, 0, 0] * 2, confidence=np.linspace(0.5, 0.99, 20))


def test_filters_account_for_every_cell(mixed):
    kept, counts = filter_predictions(mixed, groups=["NT3"], min_confidence=0.6, exclude_flags=["empty", "blurred"])
    assert counts.cells == 20 and counts.kept == len(kept) == 20 - sum(counts.dropped.values())
    assert counts.dropped == {
        "other inducer group": 10,
        "quality: empty": 2,
        "quality: out of focus": 1,
        "confidence below 60 %": 1,
    }


def test_no_filter_keeps_the_table_as_it_is(mixed):
    kept, counts = filter_predictions(mixed)
    assert kept is mixed and counts.dropped == {} and counts.kept == 20


def test_times_and_replicates_filter(mixed):
    assert set(filter_predictions(mixed, times_h=[72])[0]["group"]) == {"NT4"}
    assert set(filter_predictions(mixed, replicates=["1"])[0]["group"]) == {"NT3"}
    with pytest.raises(KeyError):
        filter_predictions(mixed, exclude_flags=["unheard of"])
