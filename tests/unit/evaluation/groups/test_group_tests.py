"""Tests on replicates: what is refused, what is said, error rates; published numbers: test_published_statistics.py."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nscweb.core.errors import WrongUse
from nscweb.evaluation.groups.direction import directed, rows_with
from nscweb.evaluation.groups.pair_tests import TEST_COLUMNS, group_tests, hedges_g
from nscweb.evaluation.groups.spread import anova_table, summary_table


def frame(groups: dict[str, list[float]], hours: float = 24.0, name: str = "neuron") -> pd.DataFrame:
    rows = [
        (group, hours, str(number), name, value, 1000)
        for group, values in groups.items()
        for number, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["group", "time_h", "replicate", "class", "ratio", "cells"])


def test_interval_of_g_covers():
    rng = np.random.default_rng(4)
    first, second = rng.normal(1, 1, (4, 2000)), rng.normal(0, 1, (5, 2000))
    _, low, high = hedges_g(first.mean(0), first.std(0, ddof=1), 4, second.mean(0), second.std(0, ddof=1), 5)
    # The interval is exact for d; the factor of g moves it by little.
    assert 0.93 < np.mean((low <= 1 * (1 - 3 / 27)) & (high >= 1 * (1 - 3 / 27))) < 0.97


def test_fewer_than_three_replicates_give_no_p_and_say_what_is_needed():
    row = group_tests(frame({"a": [0.5, 0.6], "b": [0.2, 0.25, 0.3]}), "b").iloc[0]
    assert np.isnan([row["p"], row["low"], row["low_all"], row["g"], row["p_adjusted"]]).all()
    assert row["difference"] == pytest.approx(0.3)
    assert "three replicates" in row["note"] and "a has 2" in row["note"] and "10 points" in row["note"]
    single = group_tests(frame({"a": [0.5], "b": [0.2]}), "b").iloc[0]
    assert "not known yet" in single["note"]


def test_identical_replicates_give_no_p_of_zero():
    both = group_tests(frame({"a": [0.5] * 3, "b": [0.2] * 3}), "b").iloc[0]
    assert np.isnan(both["p"]) and "copies" in both["note"]
    one = group_tests(frame({"a": [0.5] * 3, "b": [0.2, 0.25, 0.3]}), "b").iloc[0]
    assert 0 < one["p"] < 1 and "copies" in one["note"]
    anova = anova_table(frame({"a": [0.5] * 3, "b": [0.2] * 3})).iloc[0]
    assert np.isnan(anova["p"]) and "without any spread" in anova["note"]


def test_one_group_has_no_row_in_the_anova():
    both = pd.concat([frame({"a": [0.5, 0.6, 0.7]}, 12.0), frame({"a": [0.5, 0.6, 0.7], "b": [0.2, 0.25, 0.3]})])
    assert anova_table(both)["time_h"].tolist() == [24.0]
    assert anova_table(frame({"a": [0.5, 0.6, 0.7], "b": [float("nan")] * 3})).empty


def test_lost_ratios_are_left_out_and_told():
    rows = frame({"a": [0.5, float("nan"), 0.6, 0.55], "b": [0.2, 0.25, 0.3]})
    assert group_tests(rows, "b").iloc[0]["n_group"] == 3
    summary = summary_table(rows).set_index("group")
    assert summary.loc["a", "lost"] == 1 and "cannot be recovered" in summary.loc["a", "note"]
    nothing = group_tests(frame({"a": [float("nan")] * 3, "b": [0.2, 0.25, 0.3]}), "b").iloc[0]
    assert np.isnan(nothing["difference"]) and "a has 0" in nothing["note"]


def test_repeats_of_one_replicate_are_one_number():
    rows = frame({"a": [0.5, 0.6, 0.7], "b": [0.2, 0.25, 0.3]})
    again = rows.iloc[:1].assign(ratio=0.3, cells=3000)
    row = summary_table(pd.concat([rows, again])).set_index("group").loc["a"]
    assert row["n"] == 3
    assert row["mean"] == pytest.approx(((0.5 + 3 * 0.3) / 4 + 0.6 + 0.7) / 3)


def test_the_family_is_every_comparison_shown():
    rng = np.random.default_rng(0)
    parts = [
        frame({g: list(rng.normal(0.5, 0.05, 4)) for g in "abcd"}, hours, name)
        for hours in (24.0, 72.0)
        for name in ("neuron", "astrocyte")
    ]
    rows = pd.concat(parts)
    assert set(group_tests(rows, "a")["comparisons"]) == {3 * 2 * 2}
    pairs = group_tests(rows, None)
    assert set(pairs["comparisons"]) == {6 * 2 * 2}
    assert (pairs["low_all"] < pairs["low"]).all() and (pairs["high_all"] > pairs["high"]).all()
    assert (pairs["p_games_howell"] >= pairs["p"] - 1e-12).all()


def test_wrong_questions_are_refused():
    rows = frame({"1": [0.3, 0.4, 0.5], "2": [0.5, 0.6, 0.8]})
    with pytest.raises(WrongUse, match="control"):
        group_tests(rows, "nobody")
    with pytest.raises(WrongUse, match="adjust"):
        group_tests(rows, "1", adjust="magic")
    with pytest.raises(WrongUse, match="no column"):
        group_tests(rows.drop(columns="cells"), "1")
    assert group_tests(rows.iloc[:0]).empty


def nested(experiments: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Two groups without any difference: 3 replicates each, 1,000 cells per replicate, replicates differ by 4 points.

    Each experiment is one time point, so that all are tested in one call. Also (experiments, 2) positive cells.
    """
    rng = np.random.default_rng(seed)
    share = np.clip(rng.normal(0.5, 0.04, (experiments, 2, 3)), 0.01, 0.99)
    positive = rng.binomial(1000, share)
    index = np.indices(positive.shape).reshape(3, -1)
    rows = pd.DataFrame(
        {
            "group": np.array(["a", "b"])[index[1]],
            "time_h": index[0].astype(float),
            "replicate": index[2].astype(str),
            "class": "neuron",
            "ratio": positive.ravel() / 1000,
            "cells": 1000,
        }
    )
    return rows, positive.sum(axis=2)


def test_type_one_error_of_replicates_is_kept_and_of_pooled_cells_is_not():
    from scipy.stats import norm

    rows, positive = nested(600, seed=11)
    p = group_tests(rows, "b")["p"].to_numpy()
    # 5 % and two standard errors of 600 experiments.
    assert np.mean(p < 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 600)
    share = positive / 3000
    mean = share.mean(axis=1)
    z = (share[:, 0] - share[:, 1]) / np.sqrt(mean * (1 - mean) * 2 / 3000)
    assert np.mean(2 * norm.sf(np.abs(z)) < 0.05) > 0.3


ratio = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0, float("nan")]))
groups = st.dictionaries(st.sampled_from("abcd"), st.lists(ratio, max_size=5), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None)
@given(groups, st.sampled_from(["holm", "fdr_bh"]))
def test_any_replicates_give_a_number_or_a_sentence(data, adjust):
    rows = frame(data)
    if rows.empty:
        return
    control = str(rows["group"].iloc[0])
    found = group_tests(rows, control, adjust=adjust)
    assert list(found.columns) == list(TEST_COLUMNS)
    p = found["p"].to_numpy(float)
    known = np.isfinite(p)
    assert ((p[known] >= 0) & (p[known] <= 1)).all()
    assert (found["p_adjusted"].to_numpy(float)[known] >= p[known] - 1e-12).all()
    assert not known[(found[["n_group", "n_control"]].min(axis=1) < 3).to_numpy(bool)].any()
    assert (found.loc[~known, "note"] != "").all()
    assert (found["low"][known] <= found["difference"][known] + 1e-9).all()
    summary_table(rows)
    anova_table(rows)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0.01, 0.99), min_size=3, max_size=6), st.lists(st.floats(0.01, 0.99), min_size=3, max_size=6))
def test_turning_the_question_round_turns_the_answer_round(first, second):
    rows = frame({"a": first, "b": second})
    one, other = group_tests(rows, "b").iloc[0], group_tests(rows, "a").iloc[0]
    assert one["difference"] == pytest.approx(-other["difference"])
    if np.isfinite(one["p"]):
        assert one["p"] == pytest.approx(other["p"])
        assert one["low"] == pytest.approx(-other["high"])


def test_a_pair_told_the_other_way_round_has_the_same_numbers():
    rows = frame({"a": [0.5, 0.6, 0.58], "b": [0.2, 0.25, 0.3, 0.33], "c": [0.4, 0.44, 0.49]})
    tests = group_tests(rows)
    told = directed(tests, ["b", "c"])
    assert list(zip(told["group"], told["control"], strict=True)) == [("a", "b"), ("a", "c"), ("c", "b")]
    for _, row in told.iterrows():
        alone = group_tests(rows[rows["group"].isin([row["group"], row["control"]])], row["control"]).iloc[0]
        for name in ("difference", "low", "high", "g", "g_low", "g_high", "p", "n_group", "n_control"):
            assert row[name] == pytest.approx(alone[name]), name
    assert (told["p_adjusted"] == tests["p_adjusted"]).all()
    assert len(rows_with(told, "a")) == 2
