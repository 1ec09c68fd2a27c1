"""Compare and Predict: the answer in words, the same numbers on both and in the files, every tab has content."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from app_walk import Walk, is_healthy, texts
from asked import report_data
from drawn_runs import drawn_held_out, drawn_run

from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.estimates import METHODS
from nscweb.figures.group_data import difference_data
from nscweb.services.compare import comparison as comparisons
from nscweb.services.compare import ratios
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.context import App
from nscweb.services.report import export
from nscweb.services.report.content import figure_tables
from nscweb.ui.compare.tabs import TABS

SHARES = {
    (name, hours, number): share
    for name, share in (("NGF", [0.1, 0.1, 0.8]), ("NT4", [0.4, 0.4, 0.2]), ("MT", [0.3, 0.3, 0.4]))
    for hours in (24.0, 72.0)
    for number in (1, 2, 3)
}


@pytest.fixture
def run(app: App) -> Run:
    return drawn_run(app, "Compared (simulated)", SHARES, cells=150, lights={"MT_24h_1": "red"})


def opened(walk: Walk, run: Run, page: str):
    return walk(f"pages/{page}.py", study=run.study_id, run=run.run_id)


def test_both_pages_say_the_same_sentence(walk: Walk, data_folder: Path, app: App, run: Run) -> None:
    answer = comparisons.answer_of(comparisons.comparison(app, run))
    assert answer.leader == "NGF"
    for page in ("predict", "compare"):
        test = opened(walk, run, page)
        assert is_healthy(test), texts(test)
        said = texts(test)
        assert "NGF: " in said and "% neurons at day 3" in said and "Simulated cells." in said
        assert "Does the model fit? 17 of 18 samples ● fits, 1 ■ do not trust" in said


@pytest.mark.parametrize("page", ["predict", "compare", "report"])
def test_welchs_test_is_one_click_away(walk: Walk, data_folder: Path, app: App, run: Run, page: str) -> None:
    """Outside every fold, on each page with intervals."""
    test = opened(walk, run, page)
    box = next(item for item in test.segmented_control if item.label == "Spread of replicates from")
    assert box.value == "moderated" and box.options == ["all groups", "each group alone (Welch)"]
    folded = [item for fold in test.expander for item in fold.get("segmented_control")]
    assert box.key not in [item.key for item in folded]
    borrowed, alone = (comparisons.comparison(app, run, CompareRequest(variance=way)) for way in ("moderated", "own"))
    intervals = [re.findall(r"\[[^]]+\]", comparisons.answer_of(found).headline)[0] for found in (borrowed, alone)]
    assert intervals[0] != intervals[1]
    before = texts(test)
    after = box.set_value("own").run()
    assert is_healthy(after), texts(after)
    if page != "report":
        assert intervals[0] in before and intervals[1] in texts(after)


def test_the_table_of_the_page_is_the_file(walk: Walk, data_folder: Path, app: App, run: Run) -> None:
    found = comparisons.comparison(app, run)
    shown = opened(walk, run, "predict").dataframe[0].value
    written = pd.read_csv(io.BytesIO(export.groups_csv(found)))
    assert len(shown) == 6
    for _, row in shown.iterrows():
        own = written[(written["group"] == row["Group"]) & (written["time"] == row["Time"])]
        assert (own["cells"] == row["Cells"]).all() and (own["replicates"] == row["Replicates"]).all()
        for fate in found.classes.names:
            line = own[own["class"] == fate].iloc[0]
            wanted = [line["mean_percent"], line["low_percent"], line["high_percent"]]
            assert [float(text) for text in re.findall(r"[\d.]+", row[fate])] == pytest.approx(wanted, abs=0.0551)
        marked = "■" in row["Does the model fit?"]
        assert marked == (row["Group"] == "MT" and row["Time"] == "1 d") == (own["trust_light"] == "red").all()


def test_the_sample_table_shows_corrected_and_on_demand_counted(
    walk: Walk, data_folder: Path, app: App, run: Run
) -> None:
    found = comparisons.comparison(app, run)
    test = opened(walk, run, "predict")
    toggle = next(item for item in test.toggle if item.label == "Show counted labels as well")
    test = toggle.set_value(True).run()
    assert " | " in test.dataframe[0].value["neuron"].iloc[0]
    level = next(item for item in test.segmented_control if item.label == "One row for each")
    test = level.set_value("sample").run()
    shown = test.dataframe[0].value.set_index("Sample")
    for _, row in found.estimates.table.iterrows():
        text = shown.loc[row["sample_id"], row["class"]]
        assert text.startswith(f"{100 * row['ratio']:.1f} %") and text.endswith(f"{100 * row['naive']:.1f} %")
    assert "■ do not trust" in set(shown["Does the model fit?"])


def test_beside_the_way_of_counting_stands_what_held_out_cells_cost_and_em_is_offered_on_honest_scores(
    walk: Walk, data_folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = drawn_held_out((24.0, 72.0), cells=1800)
    named = held.scores == held.scores.max(axis=1, keepdims=True)
    unsure = held.scores.max(axis=1) < 0.9
    wrong = np.where(np.roll(named, 1, axis=1), 0.98, 0.01)
    bad = replace(held, scores=np.asarray(np.where(unsure[:, None], wrong, held.scores), np.float32))
    for known, offered in ((held, True), (bad, False)):
        monkeypatch.setattr(ratios, "known_cells", lambda app, run, known=known: known)
        test = opened(walk, run, "compare")
        assert is_healthy(test), texts(test)
        box = next(item for item in test.selectbox if item.label == "Ratios are")
        assert METHODS["pacc"] in box.options
        assert (METHODS["em"] in box.options) is offered
        assert "1,000 more labelled cells of each class" in texts(test)
        assert ("not honest enough" in texts(test)) is not offered


def test_a_filter_and_a_question_change_the_answer(walk: Walk, data_folder: Path, run: Run) -> None:
    test = opened(walk, run, "compare")
    fate = next(item for item in test.selectbox if item.label == "Which fate")
    test = fate.select("astrocyte").run()
    assert "% astrocytes at day 3" in texts(test)
    groups = next(item for item in test.multiselect if item.label == "Inducer groups")
    test = groups.select("NGF").run()
    assert "no other group to compare with" in texts(test) and is_healthy(test)


@pytest.mark.parametrize("name", list(TABS))
def test_every_tab_has_content(walk: Walk, data_folder: Path, run: Run, name: str) -> None:
    test = opened(walk, run, "compare")
    test.session_state[f"compare_tab_{run.run_id}"] = name
    test = test.run()
    assert is_healthy(test), texts(test)
    assert len(texts(test)) > 1500


def test_one_choice_of_control_and_adjustment_holds_in_every_tab(walk: Walk, data_folder: Path, run: Run) -> None:
    test = opened(walk, run, "compare")
    for label, value in (("Compared with", "NT4"), ("p values are adjusted by", "fdr_bh")):
        test = next(item for item in test.selectbox if item.label == label).select(value).run()
    for name in TABS:
        test.session_state[f"compare_tab_{run.run_id}"] = name
        test = test.run()
        assert is_healthy(test), texts(test)
        asking = [item.label for item in test.selectbox if "NT4" in item.options or "adjusted" in item.label]
        assert asking == ["Compared with", "About", "p values are adjusted by"], name
        if name == "Replicates and tests":
            said = texts(test)
            assert "Every group is compared with NT4." in said and "Benjamini-Hochberg (milder)" in said
        if name == "Time course":
            assert "Compared with NT4, as chosen" in texts(test)


def test_every_pair_has_the_same_sign_in_the_overview_in_the_tests_and_in_the_file(
    walk: Walk, data_folder: Path, app: App, run: Run
) -> None:
    test = opened(walk, run, "compare")
    test.session_state[f"compare_tab_{run.run_id}"] = "Replicates and tests"
    test = test.run()
    assert is_healthy(test), texts(test)
    shown = test.dataframe[0].value
    found = comparisons.comparison(app, run)
    order = comparisons.answer_of(found).order
    assert order[0] == "NGF"
    here = shown[(shown["time"] == "3 d") & (shown["class"] == "neuron")].set_index("group")["difference_points"]
    drawn = difference_data(found.tests, order, "neuron", 72.0, "NGF").set_index("group")
    with_first = shown[(shown["time"] == "3 d") & (shown["class"] == "neuron")]
    with_first = with_first[with_first["compared_with"] == "NGF"]
    assert list(with_first["group"]) == ["MT", "NT4"] and "All comparisons" in texts(test)
    for group in ("MT", "NT4"):
        value = float(with_first.set_index("group").loc[group, "difference_points"])
        assert value == pytest.approx(drawn.loc[group, "difference_points"], abs=0.05) and value < 0
    assert len(here) == 3
    written = report_data(app, run, parts=True).tables["All comparisons"]
    keys = [tuple(row) for row in zip(written["group"], written["control"], strict=True)]
    assert set(keys) == {("MT", "NGF"), ("NT4", "NGF"), ("NT4", "MT")}
    # Published counts beside simulated cells are no check of anything, in the file too.
    published = figure_tables(app, found)["published_counts"]
    assert published["note"].str.contains("planned from the counts of Zhu et al. 2021").all()
