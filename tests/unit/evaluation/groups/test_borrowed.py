"""A borrowed spread: what moves it and what must not, and what intervals and tests make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from simulated_rates import Simulations, chance_band

from nscweb.core.errors import WrongUse
from nscweb.evaluation.groups.borrowed import MOST_BORROWED, borrowed_spread
from nscweb.evaluation.groups.equivalence import equivalence_table
from nscweb.evaluation.groups.group_errors import ALONE, VARIANCES, GroupErrors, group_errors
from nscweb.evaluation.groups.means import group_means
from nscweb.evaluation.groups.pair_tests import group_tests
from nscweb.evaluation.groups.spread import anova_table, summary_table

NAMES = ("NGF", "NT3", "NT4", "RA", "MT", "CNTF")
COLUMNS = ["group", "time_h", "replicate", "class", "ratio", "cells"]


def rows_of(values: Mapping[tuple[str, float], Sequence[float]]) -> pd.DataFrame:
    """Neurons as given, astrocytes the rest."""
    lines = []
    for (group, hours), ratios in values.items():
        for number, ratio in enumerate(ratios):
            lines.append((group, hours, str(number), "neuron", ratio, 200))
            lines.append((group, hours, str(number), "astrocyte", 1 - ratio, 200))
    return pd.DataFrame(lines, columns=COLUMNS)


def drawn(seed: int, sds: Mapping[str, float], times: Sequence[float] = (24.0, 72.0), n: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return rows_of(
        {
            (name, hours): np.clip(rng.normal(0.3 + 0.05 * place, sd, n), 0, 1).tolist()
            for place, (name, sd) in enumerate(sds.items())
            for hours in times
        }
    )


EVEN = dict.fromkeys(NAMES, 0.04)


def test_intervals_are_shorter_and_means_stay() -> None:
    rows = drawn(1, EVEN)
    own, borrowed = (group_means(rows, group_errors(rows, variance=way)) for way in ("own", "moderated"))
    same = ["group", "class", "mean", "sd", "sem"]
    pd.testing.assert_frame_equal(own[same], borrowed[same])
    assert (borrowed["high"] - borrowed["low"]).mean() < 0.7 * (own["high"] - own["low"]).mean()
    # Both fates say the same, so their intervals are mirror images.
    sides = [borrowed[borrowed["class"] == name].reset_index(drop=True) for name in ("neuron", "astrocyte")]
    np.testing.assert_allclose(sides[0]["low"], 1 - sides[1]["high"], atol=1e-12)


def test_order_names_and_repeats_move_nothing() -> None:
    rows = drawn(2, EVEN)
    before = group_tests(rows, "NT4", errors=group_errors(rows)).sort_values(["time_h", "class", "group"])
    mixed = rows.sample(frac=1, random_state=3)
    after = group_tests(mixed, "NT4", errors=group_errors(mixed)).sort_values(["time_h", "class", "group"])
    np.testing.assert_allclose(before["p"].to_numpy(float), after["p"].to_numpy(float), rtol=1e-9)
    renamed = rows.assign(group=rows["group"].map(dict(zip(NAMES, reversed(NAMES), strict=True))))
    other = group_tests(renamed, "RA", errors=group_errors(renamed))
    assert sorted(other["p"]) == pytest.approx(sorted(before["p"]), rel=1e-9)


@pytest.mark.parametrize("groups", [1, 2])
def test_one_or_two_groups_stand_by_themselves(groups: int) -> None:
    rows = drawn(3, dict.fromkeys(NAMES[:groups], 0.04))
    errors = group_errors(rows)
    assert errors.borrowed is None and errors.fewest == 3 and errors.test == "Welch t test"
    pd.testing.assert_frame_equal(group_means(rows, errors), group_means(rows, ALONE))


@pytest.mark.parametrize(("groups", "times", "lent"), [(3, 1, False), (4, 1, False), (5, 1, True), (3, 2, True)])
def test_few_values_in_all_lend_nothing(groups: int, times: int, lent: bool) -> None:
    rows = drawn(4, dict.fromkeys(NAMES[:groups], 0.04), times=(24.0, 72.0)[:times])
    assert (borrowed_spread(rows) is not None) == lent


def test_a_third_group_without_replicates_lends_nothing() -> None:
    rows = drawn(3, dict.fromkeys(NAMES[:2], 0.04))
    for ratios in ([0.4], [0.4, 0.4, 0.4], [float("nan")] * 3):
        assert borrowed_spread(pd.concat([rows, rows_of({("MT", 24.0): ratios})])) is None


def test_a_group_that_varies_more_keeps_its_spread_and_is_named() -> None:
    sds = {**EVEN, "MT": 0.25}
    rows = drawn(5, sds, times=(24.0, 72.0, 120.0))
    errors = group_errors(rows)
    assert errors.borrowed is not None
    widths = (means := group_means(rows, errors))["high"] - means["low"]
    assert widths[means["group"] == "MT"].mean() > 2 * widths[means["group"] == "NT3"].mean()
    assert {key[2] for key in errors.borrowed.outlying} == {"MT"}
    told = errors.outlying(24.0, "neuron", "MT")
    assert told is not None and told.sd > 2 * told.usual and "vary more than those of other groups" in told.words
    summary = summary_table(rows, errors).set_index(["group", "class", "time_h"])
    assert "vary more" in summary.loc[("MT", "neuron", 24.0), "note"]
    assert "vary more" not in summary.loc[("NT3", "neuron", 24.0), "note"]
    notes = group_tests(rows, "MT", errors=errors)["note"]
    assert notes.str.contains("MT: its replicates vary more").any()


def test_one_failed_day_stands_out_alone() -> None:
    rows = drawn(6, EVEN, times=(24.0, 72.0, 120.0))
    bad = (rows["group"] == "NT3") & (rows["time_h"] == 72.0)
    swing = np.where(rows.loc[bad, "replicate"] == "0", 0.5, 0.0) * np.where(rows.loc[bad, "class"] == "neuron", 1, -1)
    rows.loc[bad, "ratio"] = np.clip(rows.loc[bad, "ratio"] + swing, 0, 1)
    borrowed = borrowed_spread(rows)
    assert borrowed is not None and (72.0, "neuron", "NT3") in borrowed.outlying
    spread = {key: value[0] for key, value in borrowed.spreads.items()}
    assert spread[(72.0, "neuron", "NT3")] > 2 * spread[(24.0, "neuron", "NT3")]


def test_two_replicates_are_tested_and_one_is_not() -> None:
    rows = drawn(7, EVEN, n=2)
    errors = group_errors(rows)
    found = group_tests(rows, "NT4", errors=errors)
    assert found["p"].notna().all() and found["method"].str.startswith("moderated t test on replicates").all()
    assert group_tests(rows, "NT4")["p"].isna().all()
    single = rows[(rows["group"] != "RA") | (rows["replicate"] == "0")]
    some = group_tests(single, "NT4", errors=group_errors(single)).set_index("group")
    assert some.loc["RA", "p"].isna().all() and "two replicates" in some.loc["RA", "note"].iloc[0]
    assert some.drop(index="RA")["p"].notna().all()


def test_ratios_that_end_at_nought_borrow_and_copies_do_not() -> None:
    rows = pd.concat([drawn(8, EVEN, times=(24.0,)), rows_of({("none", 24.0): [0.0] * 3, ("copy", 24.0): [0.37] * 3})])
    errors = group_errors(rows)
    means = group_means(rows, errors).set_index(["group", "class"])
    none, copy = means.loc[("none", "neuron")], means.loc[("copy", "neuron")]
    assert none["low"] == 0 and 0.01 < none["high"] < 0.3
    assert np.isnan(copy["low"])
    tests = group_tests(rows, "none", errors=errors).set_index("group")
    assert tests.loc["NT4", "p"].notna().all()
    assert "copies of one file" in tests.loc["copy", "note"].iloc[0]
    # Copies are one replicate: how it varies is unknown and not nought, so nothing is claimed of it.
    for control in ("NT4", "none", "copy"):
        tests = group_tests(rows, control, errors=errors).set_index("group")
        equal = equivalence_table(rows, control, 0.1, errors=errors).set_index("group")
        touched = tests.index == "copy" if control != "copy" else np.ones(len(tests), bool)
        assert tests.loc[touched, ["p", "low", "high"]].isna().all(axis=None) and tests.loc[~touched, "p"].notna().all()
        assert equal.loc[touched, "p_no_worse"].isna().all() and equal.loc[~touched, "p_no_worse"].notna().all()
        for table in (tests, equal):
            notes = table.loc[touched, "note"]
            assert notes.str.startswith("No ").all() and notes.str.contains("of copy have the same value").all()
            assert not notes.str.contains("of NT4 have|of RA have").any()
    alone = group_tests(rows, "NT4", errors=ALONE).set_index("group")
    assert alone.loc["copy", "p"].notna().all()


def test_every_test_takes_the_same_spread() -> None:
    rows = drawn(9, EVEN, times=(24.0,))
    errors = group_errors(rows)
    pair = group_tests(rows, "NT4", errors=errors).set_index(["group", "class"]).loc[("RA", "neuron")]
    equal = equivalence_table(rows, "NT4", 0.05, errors=errors).set_index(["group", "class"]).loc[("RA", "neuron")]
    assert equal["difference"] == pytest.approx(pair["difference"])
    # 90 % beside 95 %, from one variance and one number of degrees of freedom.
    assert 0.75 < (equal["high"] - equal["low"]) / (pair["high"] - pair["low"]) < 0.9
    anova = anova_table(rows, errors=errors)
    assert set(anova["method"]) == {"moderated Welch ANOVA"}
    assert (anova["df_within"] <= 2 + MOST_BORROWED).all()


def test_the_borrowed_spread_holds_its_five_per_cent(simulations: Simulations) -> None:
    """benchmarks/moderated.py in small, without cells: eight equal groups whose spreads differ lognormally."""
    rng = np.random.default_rng(11)
    rounds, wrong, held = simulations.of(60), 0, []
    for _ in range(rounds):
        sds = {f"g{number}": 0.05 * np.exp(rng.normal(0, 0.8)) for number in range(8)}
        shares = {(g, h): rng.normal(0.5, sd, 3) for g, sd in sds.items() for h in (24.0, 72.0)}
        rows = rows_of({key: values.clip(0, 1).tolist() for key, values in shares.items()})
        errors = group_errors(rows)
        neurons = rows[rows["class"] == "neuron"]
        tests = group_tests(neurons[neurons["time_h"] == 24.0], errors=errors)
        wrong += bool((tests["p_adjusted"] < 0.05).any())
        means = group_means(neurons, errors)
        held.append(((means["low"] <= 0.5) & (means["high"] >= 0.5)).mean())
    assert wrong / rounds <= chance_band(rounds, 0.0, 0.06)[1]
    assert 0.92 <= np.mean(held) <= 0.985


def test_an_unknown_way_is_refused_with_those_there_are() -> None:
    with pytest.raises(WrongUse, match="moderated, own"):
        group_errors(drawn(1, EVEN), variance="magic")
    assert set(VARIANCES) == {"moderated", "own"} and GroupErrors().how == VARIANCES["own"]
