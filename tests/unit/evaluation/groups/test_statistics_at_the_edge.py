"""Tiny spread, identical replicates, shares of exactly 0 and 1: a number that means something, or a sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_rates import chance_band
from test_group_tests import frame

from nscweb.evaluation.groups.equivalence import equivalence_table
from nscweb.evaluation.groups.group_errors import GroupErrors
from nscweb.evaluation.groups.mixed_model import odds_ratios
from nscweb.evaluation.groups.pair_tests import group_tests
from nscweb.evaluation.groups.replicate_rows import same_words
from nscweb.evaluation.groups.shared_error import SharedError, combined
from nscweb.evaluation.groups.spread import anova_table, summary_table
from nscweb.evaluation.groups.time_course import agreement, time_course

WIDE = {"a": [0.02, 0.5, 0.98], "b": [0.99, 0.5, 0.03]}


def test_no_difference_lies_beyond_100_points_and_no_ratio_beyond_0_and_100():
    one = group_tests(frame(WIDE), "b").iloc[0]
    assert (one["low"], one["high"], one["low_all"], one["high_all"]) == (-1, 1, -1, 1)
    equal = equivalence_table(frame({"a": [0.0, 0.5, 1.0], "b": [1.0, 0.0, 0.5]}), "b", 0.1).iloc[0]
    assert -1 <= equal["low"] < equal["high"] <= 1
    summary = summary_table(frame(WIDE))
    assert (summary["low"] == 0).all() and (summary["high"] == 1).all()
    course = time_course(frame(WIDE))
    assert course["low"].ge(0).all() and course["high"].le(1).all()


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "exactly 0 %"), (1.0, "exactly 100 %"), (0.4, "copies of one file")]
)
def test_replicates_of_one_value_say_why(value, words):
    rows = frame({"a": [value] * 3, "b": [0.2, 0.25, 0.3]})
    assert words in same_words("a", np.array([value]))
    assert words in summary_table(rows).set_index("group").loc["a", "note"]
    one = group_tests(rows, "b").iloc[0]
    assert words in one["note"] and np.isfinite(one["p"])
    both = frame({"a": [value] * 3, "b": [value] * 4})
    row = group_tests(both, "b").iloc[0]
    assert np.isnan([row["p"], row["low"], row["g"], row["low_all"]]).all()
    assert row["difference"] == pytest.approx(0) and words in row["note"]
    assert words in equivalence_table(both, "b", 0.05).iloc[0]["note"]
    odds = odds_ratios(both, "b").iloc[0]
    assert np.isnan([odds["p"], odds["odds_ratio"]]).all() and odds["note"]
    assert np.isnan(anova_table(both).iloc[0]["p"])


def test_replicates_that_hardly_differ_have_no_effect_size():
    tiny = frame({"a": [0.5, 0.5 + 2e-8, 0.5 - 2e-8], "b": [0.3, 0.3 + 2e-8, 0.3 - 2e-8]})
    row = group_tests(tiny, "b").iloc[0]
    assert np.isnan([row["g"], row["g_low"], row["g_high"]]).all()
    assert "No Hedges g" in row["note"] and 0 < row["p"] < 1e-6


def test_no_p_is_exactly_zero():
    rng = np.random.default_rng(3)
    far = {g: list(np.clip(m + rng.normal(0, 1e-5, 60), 0, 1)) for g, m in zip("abc", (0.1, 0.5, 0.9), strict=True)}
    found = group_tests(frame(far), None)
    for column in ("p", "p_adjusted", "p_games_howell"):
        assert (found[column] > 0).all(), column
    assert (found["p_games_howell"] >= found["p"]).all()
    assert (odds_ratios(frame(far), "a")["p"] > 0).all()


def test_pairs_that_differ_by_the_same_have_no_limits():
    found = agreement(np.array([0.2, 0.3, 0.4]), np.array([0.1, 0.2, 0.3]))
    assert found.bias == pytest.approx(0.1) and np.isnan(found.lower) and "nothing is known" in found.note


share = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.5, 1e-12, 1 - 1e-12]))
groups = st.fixed_dictionaries({name: st.lists(share, min_size=2, max_size=5) for name in "abc"})


@settings(max_examples=25, deadline=None)
@given(groups, st.floats(0, 0.2))
def test_any_shares_give_numbers_within_bounds_or_a_sentence(data, spread):
    rows = frame(data)
    rng = np.random.default_rng(0)
    means = {(name, 24.0): rng.normal(0.5, spread, (20, 1)).astype(np.float32) for name in data}
    shared = SharedError(("neuron",), means)
    errors = GroupErrors(shared)
    tables = [
        group_tests(rows, "a", errors=errors),
        group_tests(rows, None, errors=errors),
        equivalence_table(rows, "a", 0.05, errors=errors).rename(columns={"p_no_worse": "p"}),
        odds_ratios(rows, "a", shared=shared),
    ]
    for table in tables:
        p = table["p"].to_numpy(float)
        known = np.isfinite(p)
        assert ((p[known] > 0) & (p[known] <= 1)).all()
        assert (table.loc[~known, "note"] != "").all()
        assert np.isfinite(table.loc[known, "low"]).all()
        if "difference" in table:
            assert (table.loc[known, "low"] >= -1).all() and (table.loc[known, "high"] <= 1).all()
    g = tables[0]["g"].to_numpy(float)
    assert (np.abs(g[np.isfinite(g)]) <= 100).all()


def test_the_shared_error_widens_and_never_narrows():
    rows = frame({"a": [0.50, 0.52, 0.54], "b": [0.40, 0.42, 0.44]})
    alone = group_tests(rows, "b").iloc[0]
    for sd in (0.0, 1e-6, 0.01, 0.05):
        drawn = np.array([[-1.0], [1.0]], np.float32) * sd / np.sqrt(2)
        shared = SharedError(("neuron",), {("a", 24.0): drawn, ("b", 24.0): 0 * drawn})
        assert shared.variance(24.0, "neuron", "a", "b") == pytest.approx(sd**2, rel=1e-5)
        row = group_tests(rows, "b", errors=GroupErrors(shared)).iloc[0]
        assert row["low"] <= alone["low"] + 1e-12 and row["high"] >= alone["high"] - 1e-12
        assert row["p"] >= alone["p"] - 1e-12
        own = (0.02**2) * 2 / 3
        error, degrees = combined(own, 4.0, sd**2)
        assert error == pytest.approx(np.sqrt(own + sd**2))
        assert degrees == pytest.approx(4.0 * ((own + sd**2) / own) ** 2)
    assert row["high"] - row["low"] > 1.4 * (alone["high"] - alone["low"])
    assert shared.variance(72.0, "neuron", "a", "b") == 0
    assert group_tests(rows.assign(time_h=np.nan), "b", errors=GroupErrors(shared)).iloc[0]["p"] == pytest.approx(
        alone["p"]
    )


def test_groups_corrected_by_the_same_wrong_matrix(simulations):
    """Benchmarks/shared_error.py in small: five replicates, 60 points apart, few held-out cells."""
    from benchmarks.shared_error import experiment

    rng = np.random.default_rng(5)
    rounds = simulations.of(60)
    found = pd.concat([experiment("60 points, 5 replicates", rng, 1.0, 0.0) for _ in range(rounds)])
    found = found.dropna(subset=["low"])
    held = (found["low"] <= found["planned"]) & (found["high"] >= found["planned"])
    by = held.groupby(found["how"]).mean()
    # Of 480 other rounds 79 % alone and 96 % with it. The differences of one round share its matrix: by the spread of
    # those rounds they count as two independent ones.
    trials = 2 * rounds
    assert by["alone"] <= chance_band(trials, 0.79)[1] and by["with it"] >= chance_band(trials, 0.95)[0]
    assert by["alone"] < by["with it"]
    equal = found[found["planned"].abs() < 1e-9]
    wrong = (equal["p"] < 0.05).groupby(equal["how"]).mean()
    # Of those rounds 17 % alone.
    assert wrong["with it"] <= chance_band(trials, 0.0, 0.05)[1] and wrong["alone"] >= chance_band(trials, 0.17)[0]
