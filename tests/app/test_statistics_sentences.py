"""What the tab Statistics owes its reader, sentence by sentence: spread, normality as a remark, margin, power."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from app_walk import LABELLED, is_healthy, texts
from streamlit.testing.v1 import AppTest
from test_statistics_tab import FULL, PAGE, frames, shown

from nscweb.services.compare import staining_counts
from nscweb.services.compare.staining_counts import Count
from nscweb.services.context import App


def test_mean_spread_and_interval_of_each_group_are_those_of_its_replicates(data_folder: Path) -> None:
    test = shown("show_statistics")
    assert is_healthy(test)
    table = frames(test)["sem_points"]
    row = table[(table["group"] == "NGF") & (table["class"] == "neuron") & (table["time"] == "1 d")].iloc[0]
    assert row["replicates"] == 4
    sd, sem = float(row["sd_points"]), float(row["sem_points"])
    assert sem == pytest.approx(sd / 2, abs=0.06)
    low, high = (float(part) for part in (row["low_percent"], row["high_percent"]))
    mean = float(row["mean_percent"])
    assert (high - low) / 2 == pytest.approx(3.182 * sem, abs=0.2) and low < mean < high
    # Normality and equal spread stand beside the numbers.
    assert 0 < float(row["p_shapiro"]) <= 1
    anova = frames(test)["welch_f"]
    assert {"p_levene", "degrees_within", "p_adjusted"} <= set(anova.columns)
    assert float(anova.iloc[0]["p_levene"]) > 0


def test_normality_is_no_gate(data_folder: Path) -> None:
    """Three replicates, two of them alike, are as far from normal as three can be; the test is the same."""
    groups = (("RA", 0.2, 3), ("NGF", 0.8, 3))
    test = shown("show_statistics", groups=groups, control="RA")
    told = [text for text in texts(test).split("\n") if "Welch" in text]
    assert told and not any("normal" in text for text in told)
    assert test.dataframe[0].value["p_adjusted"].notna().all()


def test_the_chosen_margin_decides_the_verdict(data_folder: Path) -> None:
    test = shown("show_statistics", control="RA")
    before = set(frames(test)["verdict"]["verdict"])
    margin = next(item for item in test.number_input if item.label.startswith("Margin"))
    test = margin.set_value(50.0).run()
    assert is_healthy(test)
    after = set(frames(test)["verdict"]["verdict"])
    assert "equal to control within 50 points" in after and not any("50 points" in text for text in before)


def test_replicates_needed_follow_the_difference_that_is_asked_for(data_folder: Path) -> None:
    def needed(test) -> np.ndarray:
        return frames(test)["replicates_needed"]["replicates_needed"].fillna(1001).astype(int).to_numpy()

    test = shown("show_statistics")
    many = needed(test)
    wanted = next(item for item in test.number_input if item.label.startswith("Difference to show"))
    test = wanted.set_value(2.0).run()
    assert (needed(test) >= many).all() and needed(test).max() > many.max()


def test_replicates_needed_begin_with_the_question_of_the_page(data_folder: Path, app: App) -> None:
    script = PAGE.format(study=LABELLED, groups=FULL, doses=False, view="show_statistics")
    script = script.replace(
        "data = Simple", "table = table[(table['group'] == 'RA') | (table['time_h'] > 24)]\ndata = Simple", 1
    )
    script = script.replace("(app, run, data)", "(app, run, data, 'RA', 120.0, 'neuron')")
    test = AppTest.from_string(script, default_timeout=120).run()
    assert is_healthy(test)
    said = texts(test)
    assert "To show a difference of 10 points in neurons at day 5 you would need" in said
    assert "replicates in each group, if that were the only question" in said
    table = frames(test)["replicates_needed"]
    # At 1 d there is one group, so there is nothing that replicates could show.
    assert set(table["time"]) == {"3 d", "5 d"}
    assert set(frames(test)["welch_f"]["time"]) == {"3 d", "5 d"}
    assert "There is one group only at 1 d, so there is nothing to compare." in said
    row = table[(table["time"] == "5 d") & (table["class"] == "neuron")].iloc[0]
    assert f"need {row['replicates_needed']} replicates in each group" in said
    assert f"and {row['replicates_needed_adjusted']} replicates as one of" in said


def test_fewer_replicates_say_how_many_would_be_needed(data_folder: Path) -> None:
    said = texts(shown("show_statistics", groups=(("RA", 0.45, 2), ("NGF", 0.65, 2))))
    assert "it needs three replicates in each group" in said
    assert "in each group would show a difference of 10 points" in said


def test_counts_can_be_changed_and_deleted(data_folder: Path, app: App) -> None:
    one = Count("NGF", 24.0, "neuron", "NeuN", 65.0, 400, "cells", "own")
    staining_counts.set_counts(app, LABELLED, [one])
    assert frames(shown("show_statistics"))["hand_percent"]["hand_counted"].tolist() == [400]
    table = staining_counts.counts_table(staining_counts.counts_of(app, LABELLED)).assign(
        percent=40.0, n=3, unit="fields"
    )
    staining_counts.set_counts(app, LABELLED, staining_counts.counts_from_table(table))
    row = frames(shown("show_statistics"))["hand_percent"].iloc[0]
    # Fields say how many, not how they differ: no interval of the count.
    assert (row["hand_percent"], row["hand_counted"], row["hand_unit"]) == (40, 3, "fields")
    assert np.isnan(row["hand_low_percent"])
    staining_counts.set_counts(app, LABELLED, staining_counts.counts_from_table(table.iloc[:0]))
    assert staining_counts.counts_of(app, LABELLED) == ()
    assert "No counts are entered" in texts(shown("show_statistics"))


def test_the_model_of_cells_is_shown_when_replicates_differ_in_size(data_folder: Path) -> None:
    test = shown("show_statistics", groups=FULL, control="RA")
    toggle = next(item for item in test.toggle if item.label == "Show the model")
    assert toggle.value and "Replicates differ more than threefold in cells here" in texts(test)
    test = toggle.set_value(False).run()
    assert "odds_ratio" not in frames(test)
