"""The sentence on top says what the numbers show, and on worst cases claims nothing that they do not show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nscweb.words.cautions import moved
from nscweb.words.headline import Facts, answer, group_order
from nscweb.words.how_early import earliest_sentence, how_early, over_times, sides_over
from nscweb.words.numbers import points

DAY = 24.0


def group(name: str, mean: float, low: float, high: float, **more: object) -> dict[str, object]:
    base = {"group": name, "time_h": DAY, "class": "neuron", "replicates": 3, "cells": 900, "light": "green"}
    return {**base, "mean": mean, "low": low, "high": high, "recovered": True, **more}


def compared(one: str, other: str, gap: float, low: float, high: float, p: float, **more: object) -> dict[str, object]:
    base = {"time_h": DAY, "class": "neuron", "group": one, "other": other, "comparisons": 15}
    return {**base, "difference": gap, "low": low, "high": high, "p": p, **more}


def rows_of(*rows: dict[str, object]) -> pd.DataFrame:
    columns = ["time_h", "class", "group", "other", "difference", "low", "high", "p", "comparisons"]
    return pd.DataFrame(list(rows), columns=columns)


NGF, NT4 = group("NGF", 0.74, 0.70, 0.78), group("NT4", 0.68, 0.64, 0.72)
RA = group("RA", 0.44, 0.40, 0.48, replicates=2)


def test_the_sentence_of_the_issue() -> None:
    said = answer(pd.DataFrame([NT4, NGF]), rows_of(compared("NGF", "NT4", 0.06, 0.01, 0.11, 0.03)), "neuron", DAY)
    assert said.headline == (
        "NGF: 74 % neurons at day 1 [70, 78], 3 replicates; higher than NT4 by 6 points [1, 11], "
        "p = 0.03 adjusted for 15 comparisons."
    )
    assert (said.verdict, said.leader, said.order) == ("clear", "NGF", ("NGF", "NT4"))


def test_a_test_written_the_other_way_round_says_the_same() -> None:
    table = pd.DataFrame([NT4, NGF])
    one = answer(table, rows_of(compared("NGF", "NT4", 0.06, 0.01, 0.11, 0.03)), "neuron", DAY)
    other = answer(table, rows_of(compared("NT4", "NGF", -0.06, -0.11, -0.01, 0.03)), "neuron", DAY)
    assert one == other


def test_few_replicates_get_no_p_and_no_higher_than() -> None:
    few = pd.DataFrame([{**NGF, "replicates": 2}, {**NT4, "replicates": 2}])
    none = compared("NGF", "NT4", 0.06, 0.01, 0.11, np.nan)
    for table in (rows_of(none), rows_of()):
        said = answer(few, table, "neuron", DAY).headline
        assert "not shown to be higher than NT4" in said and "fewer than three replicates" in said
        assert "p =" not in said and "; higher" not in said and "no p value" in said


def test_one_replicate_says_that_the_interval_is_about_its_cells() -> None:
    said = answer(pd.DataFrame([{**NGF, "replicates": 1, "cells": 300}]), rows_of(), "neuron", DAY)
    assert "1 replicate of 300 cells" in said.headline
    assert "says nothing about the next culture" in said.headline and said.verdict == "open"


def test_a_red_sample_is_not_ranked_and_has_no_number() -> None:
    table = pd.DataFrame([{**NGF, "light": "red", "mean": 0.9}, NT4])
    said = answer(table, rows_of(compared("NGF", "NT4", 0.22, 0.2, 0.3, 0.001)), "neuron", DAY)
    assert said.leader == "NT4" and "90" not in said.headline
    assert (
        "Not ranked, because its cells are unlike those that the model knows (red trust light): NGF." in said.headline
    )


def test_when_all_are_red_no_number_is_said() -> None:
    table = pd.DataFrame([{**NGF, "light": "red"}, {**NT4, "light": "red"}])
    said = answer(table, rows_of(compared("NGF", "NT4", 0.06, 0.01, 0.11, 0.03)), "neuron", DAY)
    assert (said.verdict, said.leader) == ("none", "")
    assert "can be trusted" in said.headline and "74" not in said.headline and "%" not in said.headline


def test_yellow_asks_for_care() -> None:
    assert "with care" in answer(pd.DataFrame([{**NGF, "light": "yellow"}]), rows_of(), "neuron", DAY).headline


def test_a_flat_confusion_says_that_it_cannot_be_told() -> None:
    lost = {"recovered": False, "mean": np.nan, "low": np.nan, "high": np.nan}
    said = answer(pd.DataFrame([{**NGF, **lost}, {**NT4, **lost}]), rows_of(), "neuron", DAY)
    assert "cannot be told from these cells" in said.headline and said.verdict == "none"
    assert "%" not in said.headline
    one = answer(pd.DataFrame([{**NGF, **lost}, NT4]), rows_of(), "neuron", DAY)
    assert one.leader == "NT4" and "cannot be recovered: NGF" in one.headline


def test_one_tiny_sample_is_called_tiny_and_its_interval_wide() -> None:
    tiny = group("NGF", 0.75, 0.3, 0.95, replicates=1, cells=8)
    said = answer(pd.DataFrame([tiny]), rows_of(), "neuron", DAY).headline
    assert "1 replicate of 8 cells" in said and "wide" in said and "Only 8 cells" in said
    assert "no other group to compare with" in said


def test_ties_are_named_and_nothing_is_called_higher() -> None:
    table = pd.DataFrame([NGF, group("NT3", 0.73, 0.69, 0.77), NT4])
    rows = rows_of(
        compared("NGF", "NT3", 0.01, -0.04, 0.06, 0.8),
        compared("NGF", "NT4", 0.06, -0.01, 0.11, 0.07),
        compared("NT3", "NT4", 0.05, -0.02, 0.1, 0.2),
    )
    said = answer(table, rows, "neuron", DAY)
    assert said.headline == (
        "No group is shown to give most neurons: all 3 lie between 68 and 74 %. Highest measured, NGF: 74 % neurons at "
        "day 1 [70, 78], 3 replicates; not proven to be higher than NT3 (difference 1 point [−4, 6], p = 0.80 adjusted "
        "for 15 comparisons)."
    )
    assert said.verdict == "open"
    # What tests did show is said as well.
    lower = answer(
        pd.DataFrame([*table.to_dict("records"), group("MT", 0.5, 0.45, 0.55)]),
        pd.concat([rows, rows_of(compared("NGF", "MT", 0.24, 0.1, 0.3, 0.001))]),
        "neuron",
        DAY,
    )
    assert lower.headline.startswith("No single group is shown to give most neurons. Highest measured, NGF: 74 %")
    assert lower.headline.endswith("comparisons), nor than NT4; shown higher than MT.") and lower.verdict == "open"


def test_a_small_p_whose_interval_holds_zero_is_no_claim() -> None:
    said = answer(pd.DataFrame([NGF, NT4]), rows_of(compared("NGF", "NT4", 0.06, -0.01, 0.11, 0.03)), "neuron", DAY)
    assert "not proven to be higher than" in said.headline


def test_a_control_is_what_the_leader_is_compared_with() -> None:
    table = pd.DataFrame([NGF, NT4, group("RA", 0.5, 0.4, 0.6)])
    rows = rows_of(compared("NGF", "RA", 0.24, 0.1, 0.3, 0.001), compared("NT4", "RA", 0.18, 0.1, 0.3, 0.002))
    said = answer(table, rows, "neuron", DAY, Facts(control="RA", control_marked=True))
    assert "higher than the control RA by 24 points" in said.headline and "p holds only" not in said.headline
    # A group that the sheet does not call a control is none.
    picked = answer(table, rows, "neuron", DAY, Facts(control="RA", adjust="fdr_bh"))
    assert "; higher than RA by 24 points" in picked.headline and "the control" not in picked.headline
    assert "p holds only if RA was chosen to compare with before the results were seen." in picked.headline
    assert "adjusted for 15 comparisons by Benjamini-Hochberg" in picked.headline
    away = answer(table, rows, "neuron", DAY, Facts(control="CNTF"))
    assert away.untested == "which has no cells then" and away.verdict == "open"
    assert "not tested against the next, NT4" in said.headline and said.verdict == "control"


def test_what_the_cells_and_the_model_are_is_part_of_the_sentence() -> None:
    table = pd.DataFrame([NGF])
    assert answer(table, rows_of(), "neuron", DAY, Facts(simulated_cells=True)).headline.startswith("Simulated cells.")
    real = answer(table, rows_of(), "neuron", DAY, Facts(simulated_training=True, method="naive")).headline
    assert "no known accuracy" in real and "not corrected" in real


def test_how_early_asks_for_a_difference_that_stays() -> None:
    table = pd.DataFrame([{**row, "time_h": hours} for row in (NGF, NT4) for hours in (24.0, 72.0, 120.0)])
    rows = rows_of(
        compared("NGF", "NT4", 0.02, -0.05, 0.09, 0.4),
        compared("NGF", "NT4", 0.2, 0.1, 0.3, 0.01, time_h=72.0),
        compared("NGF", "NT4", 0.2, 0.1, 0.3, 0.01, time_h=120.0),
    )
    assert "from day 3 on" in how_early(table, rows, "neuron", "NGF")
    gone = rows.assign(p=[0.01, 0.01, 0.5], low=[0.01, 0.1, -0.1])
    assert how_early(table, gone, "neuron", "NGF") == (
        "NGF is shown to be higher than NT4 at day 1 and day 3; at day 5 it is not proven."
    )
    every = over_times(table, gone, "neuron")
    assert "day 3: NGF 74 %, higher than NT4; day 5: NGF 74 %, not proven to be higher than NT4." in every
    assert how_early(table, rows_of(), "neuron", "NGF") == ""
    # A lead that was never shown needs no second sentence; a control without cells does.
    assert how_early(table, rows.assign(p=0.5), "neuron", "NGF") == ""
    early = table[(table["group"] == "NGF") | (table["time_h"] == DAY)]
    assert how_early(early, rows[rows["time_h"] == DAY], "neuron", "NGF", Facts(control="NT4")) == (
        "Day 5: NGF is not tested against NT4, which has no cells then."
    )
    # Tested at days 1 and 3, and at day 5 the control has no cells.
    gone = table[(table["group"] == "NGF") | (table["time_h"] < 120.0)]
    assert how_early(gone, rows[rows["time_h"] < 120.0], "neuron", "NGF", Facts(control="NT4")) == (
        "NGF is shown to be higher than NT4 at day 3, and not tested at day 5 against NT4, which has no cells then."
    )
    assert how_early(table, rows.assign(light="red"), "neuron", "NGF") == ""


def test_whom_it_beat_and_against_whom_there_is_no_test_are_named() -> None:
    """A group with two replicates has no test; it is none of those that were beaten."""
    table = pd.DataFrame([{**row, "time_h": hours} for row in (NGF, NT4, RA) for hours in (24.0, 120.0)])
    rows = rows_of(
        compared("NGF", "NT4", 0.2, 0.1, 0.3, 0.01),
        compared("NGF", "RA", 0.3, np.nan, np.nan, np.nan),
        compared("NGF", "NT4", 0.02, -0.1, 0.1, 0.6, time_h=120.0),
        compared("NGF", "RA", 0.3, 0.1, 0.4, 0.01, time_h=120.0),
    )
    assert how_early(table, rows, "neuron", "NGF") == (
        "NGF is shown to be higher than NT4, not tested against RA, at day 1; at day 5 it is not proven."
    )
    every = over_times(table, rows, "neuron")
    assert "day 1: NGF 74 %, shown higher than NT4, not tested against RA; day 5: NGF" in every
    # Where different groups were tested at different times, each time is told by itself.
    kept = rows.assign(p=[0.01, np.nan, 0.01, 0.01], low=[0.1, np.nan, 0.1, 0.1])
    assert how_early(table, kept, "neuron", "NGF") == (
        "NGF is higher than the groups that it was tested against from day 1 on (at day 1: NT4, not tested against "
        "RA; at day 5: every other group), the first time point."
    )
    # A group that cannot be compared at all is named too.
    strange = table.assign(light=["red" if name == "RA" else "green" for name in table["group"]])
    told = how_early(strange, rows.assign(p=0.01, low=0.1), "neuron", "NGF")
    assert told == "NGF is higher than NT4, not tested against RA, from day 1 on, the first time point."


def test_the_sentence_of_the_table_tells_both_directions_and_what_is_missing() -> None:
    table = pd.DataFrame([{**row, "time_h": hours} for row in (NGF, NT4) for hours in (24.0, 72.0, 120.0)])
    rows = rows_of(
        compared("NGF", "NT4", 0.02, -0.05, 0.09, 0.4),
        compared("NGF", "NT4", 0.2, 0.1, 0.3, 0.01, time_h=72.0),
        compared("NGF", "NT4", 0.2, 0.1, 0.3, 0.01, time_h=120.0),
    )

    def told(tests: pd.DataFrame, name: str = "NGF", control: str = "NT4") -> str:
        here = sides_over(table, tests, "neuron", name, control)
        return earliest_sentence(here, table, "neuron", name, control)

    assert told(rows) == ("NGF, neuron: higher than NT4 from day 3 on; earlier this is not proven.")
    assert told(rows, "NT4", "NGF") == ("NT4, neuron: lower than NGF from day 3 on; earlier this is not proven.")
    gap = rows.assign(p=[0.4, np.nan, 0.01])
    assert told(gap) == (
        "NGF, neuron: higher than NT4 from day 5 on; the time point before could not be tested, so it may be earlier."
    )
    for p, words in (
        ([0.01, 0.01, 0.4], "differs from NT4 at day 1 and day 3, but not to the end."),
        ([0.4, np.nan, 0.4], "not proven to differ from NT4 at any time point that could be tested."),
        ([0.4, 0.4, 0.4], "not proven to differ from NT4 at any time point."),
        ([np.nan] * 3, "could not be tested against NT4 at any time point."),
        ([0.4, 0.01, np.nan], "higher than NT4 at day 3, and not tested at day 5."),
        ([0.01, np.nan, 0.01], "higher than NT4 from day 1 on, the first time point; not tested at day 3."),
    ):
        changed = rows.assign(p=p, low=[0.1, 0.1, 0.1])
        assert told(changed) == f"NGF, neuron: {words}"


def test_the_order_is_trusted_then_red_then_absent_then_lost() -> None:
    rows = [
        {**NGF, "recovered": False},
        {**NT4, "light": "red"},
        group("A", 0.2, 0.1, 0.3),
        group("B", 0.4, 0.3, 0.5),
        group("C", 0.9, 0.8, 1.0, time_h=48.0),
    ]
    assert group_order(pd.DataFrame(rows), "neuron", DAY) == ("B", "A", "NT4", "C", "NGF")


@pytest.mark.parametrize("hours", [np.nan, 36.0, 12.0])
def test_any_time_reads_well(hours: float) -> None:
    said = answer(pd.DataFrame([{**NGF, "time_h": hours}]), rows_of(), "neuron", hours).headline
    word = {36.0: "at day 1.5 [", 12.0: "at 12 h ["}.get(hours, "neurons [")
    assert word in said


def test_a_correction_that_moves_far_is_told_with_both_numbers() -> None:
    rows = [{**NGF, "naive_mean": 0.5}, {**NT4, "naive_mean": 0.6}, {**NT4, "recovered": False, "naive_mean": 0.1}]
    said = moved(rows, "pacc")
    assert "more than 15 points: NGF from 50 to 74 % (counted" in said and "NT4" not in said
    assert moved(rows, "naive") == moved(rows[1:], "pacc") == ""


def test_groups_of_too_few_cells_are_named() -> None:
    said = answer(pd.DataFrame([NGF, {**NT4, "cells": 5}]), rows_of(), "neuron", DAY).headline
    assert "too few to rely on: NT4 (5)." in said


def test_what_is_compared_with_nothing_has_no_words_on_the_others() -> None:
    few = pd.DataFrame([{**NGF, "cells": 12, "light": "yellow"}, {**NT4, "cells": 12, "light": "yellow"}])
    said = answer(few, rows_of(compared("NGF", "NT4", 0.06, 0.01, 0.11, 0.01)), "neuron", DAY).headline
    assert "too few cells to compare with anything" in said and "A yellow trust light: some of its" in said
    assert "NT4" not in said


def test_a_difference_ends_at_a_hundred_points() -> None:
    assert points(0.96, 0.9, 1.02) == "96 points [90, 100]"
