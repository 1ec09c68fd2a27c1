"""Equivalence, cells within replicates, time course and dose response."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_rates import chance_band
from test_group_tests import frame

from nscweb.core.errors import WrongUse
from nscweb.evaluation.groups.dose_response import dose_curve, four_parameters
from nscweb.evaluation.groups.equivalence import equivalence_table
from nscweb.evaluation.groups.mixed_model import intraclass_correlation, odds_ratios
from nscweb.evaluation.groups.pair_tests import group_tests
from nscweb.evaluation.groups.time_course import agreement, first_against_final, time_course

# Peak flow by two meters, Bland and Altman, Lancet 327, 307 (1986), table 1 (first measurements).
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_limits_of_agreement_are_those_of_bland_and_altman():
    """Printed there: mean difference -2.1, SD 38.8, interval of the bias -22.0 to 17.8."""
    found = agreement(np.array(LARGE, float), np.array(MINI, float))
    assert (found.bias, found.sd) == pytest.approx((-2.1, 38.8), abs=0.05)
    assert (found.bias_low, found.bias_high) == pytest.approx((-22.0, 17.8), abs=0.1)
    # Printed with 2 instead of 1.96. Their approximate intervals (-114.3 to -45.1, 40.9 to 110.1) are as wide as the
    # exact ones, but lie too far inside.
    assert (found.lower, found.upper) == pytest.approx((-79.7, 75.5), abs=2.0)
    assert found.lower_high - found.lower_low == pytest.approx(69.2, rel=0.05)
    assert found.lower_low < -114.3 and found.upper_high > 110.1
    few = agreement(np.array([0.5, 0.6]), np.array([0.4, 0.5]))
    assert few.bias == pytest.approx(0.1) and np.isnan(few.lower) and "three pairs" in few.note


def test_the_intervals_of_the_limits_hold_them_as_often_as_promised():
    rng = np.random.default_rng(3)
    drawn = [agreement(rng.normal(0, 1, 4), np.zeros(4)) for _ in range(400)]
    assert 0.92 <= np.mean([one.upper_low <= 1.96 <= one.upper_high for one in drawn]) <= 0.98
    assert 0.92 <= np.mean([one.lower_low <= -1.96 <= one.lower_high for one in drawn]) <= 0.98


def test_equivalence_is_the_90_percent_interval_within_the_margin():
    rng = np.random.default_rng(2)
    for spread in (0.01, 0.03, 0.1):
        rows = frame({"a": list(rng.normal(0.5, spread, 4)), "b": list(rng.normal(0.5, spread, 5))})
        row = equivalence_table(rows, "b", 0.05).iloc[0]
        inside = row["low"] > -0.05 and row["high"] < 0.05
        assert (row["p_equivalent"] < 0.05) == inside
        assert (row["p_no_worse"] < 0.05) == (row["low"] > -0.05)
        assert row["p_no_worse"] <= row["p_equivalent"]


def test_no_worse_is_not_shown_by_a_large_p():
    """A wide spread: nothing is found different, and nothing is shown to be equal."""
    rows = frame({"a": [0.3, 0.5, 0.7], "b": [0.35, 0.5, 0.65]})
    assert group_tests(rows, "b").iloc[0]["p"] > 0.9
    assert equivalence_table(rows, "b", 0.05).iloc[0]["verdict"].startswith("not shown")
    better = frame({"a": [0.70, 0.71, 0.72], "b": [0.50, 0.51, 0.52]})
    assert equivalence_table(better, "b", 0.05).iloc[0]["verdict"].startswith("no worse")
    few = equivalence_table(frame({"a": [0.5, 0.5], "b": [0.5, 0.51, 0.52]}), "b", 0.05).iloc[0]
    assert few["verdict"] == "not tested" and "three replicates" in few["note"]
    with pytest.raises(WrongUse, match="margin"):
        equivalence_table(rows, "b", 0.0)


def test_the_model_weighs_by_cells_without_correlation_and_alike_with_much():
    y = np.array([0.50, 0.52, 0.48])
    assert intraclass_correlation([(y, np.full(3, 50.0))]) == 0.0
    wide = np.array([0.2, 0.5, 0.8])
    assert intraclass_correlation([(wide, np.full(3, 5000.0))]) > 0.1
    # With large rho every replicate weighs the same, so the odds are those of the means.
    rows = frame({"a": [0.2, 0.5, 0.8], "b": [0.1, 0.3, 0.5]}).assign(cells=[100, 10000, 1000, 5000, 90, 900])
    row = odds_ratios(rows, "b").iloc[0]
    assert row["odds_ratio"] == pytest.approx((0.5 / 0.5) / (0.3 / 0.7), rel=0.05)
    assert row["low"] < row["odds_ratio"] < row["high"]


def test_the_model_says_when_it_is_not_computable():
    zero = odds_ratios(frame({"a": [0.0] * 3, "b": [0.2, 0.3, 0.4]}), "b").iloc[0]
    assert np.isnan(zero["p"]) and "no cell is this fate" in zero["note"]
    few = odds_ratios(frame({"a": [0.1, 0.2], "b": [0.2, 0.3, 0.4]}), "b").iloc[0]
    assert np.isnan(few["p"]) and "2 replicates" in few["note"]
    same = odds_ratios(frame({"a": [0.3] * 3, "b": [0.2] * 3}), "b").iloc[0]
    assert np.isnan(same["p"]) and "same value" in same["note"]


def test_type_one_error_of_the_model_with_replicates_of_very_different_size(simulations):
    rng = np.random.default_rng(3)
    parts = []
    for number in range(simulations.of(150)):
        cells = np.exp(rng.uniform(np.log(50), np.log(20000), 6)).astype(int)
        share = rng.beta(0.3 * 99, 0.7 * 99, 6)  # rho 0.01
        values = rng.binomial(cells, share) / cells
        rows = frame({"a": list(values[:3]), "b": list(values[3:])}, float(number))
        parts.append(rows.assign(cells=cells))
    p = odds_ratios(pd.concat(parts), "b")["p"].to_numpy()
    assert np.mean(p < 0.05) <= chance_band(len(p), 0.0, 0.05)[1]


def course(values: dict[str, list[list[float]]]) -> pd.DataFrame:
    """Group -> replicates at 24, 72, 120 h."""
    return pd.concat(
        frame({group: lists[place] for group, lists in values.items()}, hours)
        for place, hours in enumerate((24.0, 72.0, 120.0))
    )


def test_bands_hold_the_mean_and_few_replicates_make_them_wide():
    rows = course({"a": [[0.4, 0.5, 0.6], [0.5, 0.5, 0.5], [0.7]]})
    found = time_course(rows).set_index("time_h")
    assert found.loc[24, "low"] < 0.4 and found.loc[24, "high"] > 0.6
    assert np.isnan(found.loc[[72, 120], "low"]).all()
    assert found.loc[24, ["low", "high"]].tolist() == pytest.approx([0.5 - 0.248414, 0.5 + 0.248414], abs=1e-6)


def test_first_day_is_paired_by_replicate_where_names_agree():
    rows = course({"a": [[0.4, 0.5, 0.6], [0.5] * 3, [0.7, 0.8, 0.9]], "b": [[0.1, 0.2], [0.2], [0.4]]})
    found = first_against_final(rows)
    assert found.loc[found["group"] == "a", "difference"].to_numpy() == pytest.approx([-0.3] * 3)
    assert found.loc[found["group"] == "b", "difference"].to_numpy() == pytest.approx([0.15 - 0.4])


DOSES = np.repeat([0.0, 1, 3, 10, 30, 100], 3)


def test_a_dose_curve_finds_its_ec50():
    rng = np.random.default_rng(5)
    share = four_parameters(DOSES, 0.1, 0.7, np.log(8.0), 1.5) + rng.normal(0, 0.02, len(DOSES))
    found = dose_curve(DOSES, share)
    assert found.low < 8.0 < found.high
    assert (found.bottom, found.top) == pytest.approx((0.1, 0.7), abs=0.05)
    # Inhibition is the same curve upside down.
    falling = dose_curve(DOSES, 1 - share)
    assert falling.top < falling.bottom and falling.ec50 == pytest.approx(found.ec50, rel=0.02)


def test_the_interval_of_ec50_holds_it_as_often_as_promised(simulations):
    """Few replicates, each with a share of its own; the full study is benchmarks/dose_response.py."""
    rng = np.random.default_rng(8)
    share = four_parameters(DOSES, 0.1, 0.6, np.log(8.0), 1.5)
    drawn = rng.beta(share * 199, (1 - share) * 199, (simulations.of(150), len(DOSES)))
    found = [dose_curve(DOSES, ratio) for ratio in drawn]
    low, high = chance_band(len(found), 0.94, 0.96)
    assert low <= np.mean([curve.low <= 8.0 <= curve.high for curve in found]) <= high


def test_doses_that_are_all_too_large_do_not_bound_ec50():
    rng = np.random.default_rng(9)
    share = four_parameters(DOSES, 0.1, 0.6, np.log(0.05), 3.0) + rng.normal(0, 0.03, len(DOSES))
    found = dose_curve(DOSES, share)
    assert "no lower end" in found.note and "below the smallest dose" in found.note
    assert found.low < found.ec50 <= found.high
    exact = dose_curve(DOSES, four_parameters(DOSES, 0.1, 0.6, np.log(8.0), 1.5))
    assert exact.low == pytest.approx(8.0, rel=0.01) and exact.high == pytest.approx(8.0, rel=0.01)


def test_zero_dose_is_the_bottom():
    assert four_parameters([0.0, 1e-300], 0.2, 0.9, 0.0, 2.0) == pytest.approx([0.2, 0.2])
    assert four_parameters([1.0], 0.2, 0.9, 0.0, 2.0) == pytest.approx([0.55])


def test_a_curve_is_refused_with_a_sentence():
    rng = np.random.default_rng(6)
    flat = dose_curve(DOSES, 0.4 + rng.normal(0, 0.03, len(DOSES)))
    assert not flat.fitted and "does not change" in flat.note
    assert not dose_curve(DOSES, np.full(len(DOSES), 0.4)).fitted
    assert "four doses" in dose_curve([0, 1, 10] * 3, [0.1, 0.5, 0.9] * 3).note
    assert "six replicates" in dose_curve([0, 1, 3, 10], [0.1, 0.2, 0.5, 0.9]).note
    single = dose_curve([0, 1, 2, 4, 8, 16], [0.1, 0.12, 0.3, 0.5, 0.6, 0.62])
    assert single.fitted and np.isnan(single.low) and "two replicates" in single.note
    lost = dose_curve(DOSES, np.full(len(DOSES), np.nan))
    assert not lost.fitted


@settings(max_examples=5, deadline=None)
@given(st.floats(0.01, 1000))
def test_other_units_of_dose_give_the_same_curve(factor):
    rng = np.random.default_rng(7)
    doses = np.repeat([0.0, 1, 3, 10, 30, 100], 1)
    share = four_parameters(doses, 0.1, 0.7, np.log(8.0), 1.5) + rng.normal(0, 0.01, len(doses))
    one, other = dose_curve(doses, share), dose_curve(doses * factor, share)
    assert other.ec50 == pytest.approx(factor * one.ec50, rel=1e-2)
