"""Counted labels of each sample, and an account of every cell that a filter leaves out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nscweb.evaluation.ratios.cell_filters import filter_predictions
from nscweb.evaluation.ratios.cell_scores import cell_scores
from nscweb.evaluation.ratios.counted import SAMPLE_COLUMNS, counted_ratios
from nscweb.evaluation.ratios.sample_sums import sample_sums

CLASSES = ("astrocyte", "neuron")


def predictions(samples):
    """Rows from (sample, group, time_h, replicate, astrocytes, neurons)."""
    parts = []
    for name, group, time_h, replicate, first, second in samples:
        rows = pd.DataFrame({"predicted": ["astrocyte"] * first + ["neuron"] * second})
        parts.append(rows.assign(sample_id=name, group=group, time_h=time_h, replicate=replicate))
    return pd.concat(parts, ignore_index=True)


THREE = [("a", "NT3", 24.0, "1", 10, 90), ("b", "NT3", 24.0, "2", 20, 80), ("c", "NT3", 24.0, "3", 60, 140)]


def counted(table, keep=None):
    """`counted_ratios` of a table without scores."""
    cells = cell_scores(table.assign(flags=0, true_class="", p_astrocyte=0.5, p_neuron=0.5), CLASSES)
    return counted_ratios(sample_sums(cells if keep is None else cells.take(keep)))


def test_ratios_are_counts_over_cells():
    table = counted(predictions(THREE))
    assert tuple(table.columns) == SAMPLE_COLUMNS and len(table) == 6
    first = table.iloc[0]
    assert (first["sample_id"], first["class"], first["count"], first["cells"]) == ("a", "astrocyte", 10, 100)
    assert first["ratio"] == 0.1
    assert table.groupby("sample_id")["ratio"].sum().tolist() == pytest.approx([1, 1, 1])


def test_samples_without_time_or_group_are_kept():
    parts = [("a", "", float("nan"), "1", 10, 90), ("b", "", float("nan"), "2", 20, 80), ("c", "x", 24.0, "1", 1, 1)]
    table = counted(predictions(parts))
    assert len(table) == 6 and table["cells"].sum() == 2 * 202 and table["time_h"].isna().sum() == 4


def test_a_sample_without_counted_cells_has_no_row():
    table = predictions(THREE)
    assert set(counted(table, (table["sample_id"] != "b").to_numpy())["sample_id"]) == {"a", "c"}
    nothing = counted(table, np.zeros(len(table), bool))
    assert tuple(nothing.columns) == SAMPLE_COLUMNS and nothing.empty


def test_text_and_categories_give_the_same_ratios():
    table = predictions(THREE)
    as_category = table.astype(dict.fromkeys(("sample_id", "group", "replicate", "predicted"), "category"))
    pd.testing.assert_frame_equal(counted(as_category), counted(table))


def test_a_prediction_outside_the_classes_counts_among_the_cells_only():
    table = predictions(THREE[:1])
    table.loc[:4, "predicted"] = "unknown"
    assert counted(table)["ratio"].tolist() == [0.05, 0.9]


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
    found = counted(table).set_index(["sample_id", "class"])["count"]
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
