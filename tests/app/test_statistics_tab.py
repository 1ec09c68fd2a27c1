"""Statistics, time course, doses and counts as a reader sees them, on replicates made up for the purpose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from app_walk import LABELLED, is_healthy, texts
from streamlit.testing.v1 import AppTest

from nscweb.core.errors import WrongUse
from nscweb.services.compare import staining_counts
from nscweb.services.compare.staining_counts import Count
from nscweb.services.context import App
from nscweb.services.predict.runs import latest_run
from nscweb.ui.dataframes import help_of

PAGE = """
from types import SimpleNamespace
import numpy as np, pandas as pd
from nscweb.evaluation.groups.means import group_means
from nscweb.services.compare.headline_tests import group_comparisons
from nscweb.services.predict.runs import class_scheme, latest_run
from nscweb.ui import cached
from nscweb.ui.compare.statistics_view import show_statistics
from nscweb.ui.compare.time_course_view import show_time_course

app = cached.app()
run = latest_run(app, {study!r})
classes = class_scheme(run)
rng = np.random.default_rng(1)
rows = []
for group, start, number in {groups!r}:
    for hours in (24.0, 72.0, 120.0):
        for replicate in range(number):
            neuron = start + 0.1 * (hours - 24) / 96 + rng.normal(0, 0.02)
            shares = (neuron, (1 - neuron) * 0.7, (1 - neuron) * 0.3)
            for name, share in zip(("neuron", "astrocyte", "oligodendrocyte"), shares):
                rows.append((group, hours, str(replicate), name, share, int(rng.integers(200, 9000))))
columns = ["group", "time_h", "replicate", "class", "ratio", "cells"]
table = pd.DataFrame(rows, columns=columns)
table["low"], table["high"] = table["ratio"] - 0.05, table["ratio"] + 0.05
table["light"] = np.where((table["group"] == "NGF") & (table["time_h"] == 24), "red", "green")
groups = group_means(table).rename(columns={{"n": "replicates"}}).assign(cells=9000, recovered=True, light="green")
against = "RA" if len(set(table["group"])) > 1 else ""
tests = group_comparisons(table, against, "holm")
data = SimpleNamespace(replicate_rows=table, classes=classes, groups=groups, tests=tests)
if {doses!r}:
    names = [sample.name for sample in app.catalogue.study({study!r}).samples]
    drawn = [(name, "g", 24.0, "", c, 0.1 + 0.06 * i, 100) for i, name in enumerate(names) for c in classes.names]
    data.estimates = SimpleNamespace(table=pd.DataFrame(drawn, columns=["sample_id", *columns]))
{view}(app, run, data)
"""
FULL = (("RA", 0.45, 4), ("NGF", 0.65, 4), ("=NT4 <b>x</b>", 0.46, 3))


def shown(view: str, groups=FULL, doses: bool = False, control: str | None = None) -> AppTest:
    script = PAGE.format(study=LABELLED, groups=groups, view=view, doses=doses)
    script = script.replace("(app, run, data)", f"(app, run, data, {control!r})")
    test = AppTest.from_string(script, default_timeout=120).run()
    assert not test.exception
    return test


def choose(test: AppTest, label: str, value: object) -> AppTest:
    return next(item for item in test.selectbox if item.label == label).set_value(value).run()


def frames(test: AppTest) -> dict[str, object]:
    return {column: item.value for item in test.dataframe for column in item.value.columns}


def test_groups_are_compared_with_the_control_and_words_say_how(data_folder: Path, app: App) -> None:
    test = shown("show_statistics", control="RA")
    assert is_healthy(test)
    said = texts(test)
    assert "18 comparisons" in said and "never on pooled cells" in said
    assert "may not fit" in said and "NGF at 1 d (red)" in said
    table = frames(test)["p_adjusted"]
    tests = test.dataframe[0].value
    ngf = tests[(tests["group"] == "NGF") & (tests["class"] == "neuron") & (tests["time"] == "1 d")].iloc[0]
    assert ngf["compared_with"] == "RA" and float(ngf["difference_points"]) == pytest.approx(20, abs=6)
    assert ngf["replicates_group"] == ngf["replicates_compared_with"] == 4 and table is not None
    verdicts = frames(test)["verdict"]["verdict"]
    assert "no worse than control by more than 5 points" in set(verdicts)
    assert "odds_ratio" in frames(test)
    assert "<b>x</b>" not in said


def test_the_adjustment_starts_from_that_of_the_page(data_folder: Path) -> None:
    script = PAGE.format(study=LABELLED, groups=FULL, doses=False, view="data.adjust = 'fdr_bh'\nshow_statistics")
    test = AppTest.from_string(script, default_timeout=120).run()
    assert is_healthy(test)
    said = texts(test)
    assert "adjusted by Benjamini-Hochberg (milder). Both are chosen at the top of the page" in said
    assert "Holm" not in said


@pytest.mark.parametrize("view", ["show_statistics", "show_time_course"])
def test_every_column_of_every_table_is_explained(data_folder: Path, app: App, view: str) -> None:
    staining_counts.set_counts(app, LABELLED, [Count("NGF", 24.0, "neuron", "NeuN", 65.0, 400, "cells", "own")])
    study = app.catalogue.study(LABELLED)
    changed = [
        sample.with_changes(extra=(("dose (ng/ml)", str(number)),)) for number, sample in enumerate(study.samples)
    ]
    app.catalogue.update_samples(study.study_id, changed)
    test = shown(view, doses=True)
    tables = [test]
    tables.append(shown(view, doses=True, control="RA"))
    columns = {str(name) for test in tables for item in test.dataframe for name in item.value.columns}
    # The editor of counts has its own columns with their own help.
    columns -= set(Count.__dataclass_fields__)
    assert len(columns) > 8
    assert [name for name in sorted(columns) if not help_of(name)] == []


def test_all_pairs_without_a_control(data_folder: Path) -> None:
    test = shown("show_statistics")
    assert is_healthy(test)
    assert "27 comparisons" in texts(test)
    assert "p_games_howell" in test.dataframe[0].value.columns


def test_two_replicates_give_no_p_and_a_sentence(data_folder: Path) -> None:
    test = shown("show_statistics", groups=(("RA", 0.45, 2), ("NGF", 0.65, 2)))
    assert is_healthy(test)
    assert test.dataframe[0].value["p_adjusted"].isna().all()
    assert "three replicates in each group" in texts(test)
    alone = shown("show_statistics", groups=(("RA", 0.45, 2),))
    assert is_healthy(alone) and "one group only" in texts(alone)


def test_counts_entered_are_kept_and_compared(data_folder: Path, app: App) -> None:
    staining_counts.set_counts(
        app, LABELLED, [Count("NGF", 24.0, "neuron", "NeuN", 65.0, 400, "cells", "own"), Count("X", 24.0, "neuron")]
    )
    test = shown("show_statistics")
    assert is_healthy(test)
    table = frames(test)["hand_percent"]
    row = table[table["group"] == "NGF"].iloc[0]
    assert row["hand_percent"] == 65 and 60 < row["hand_low_percent"] < 61
    assert (row["hand_counted"], row["hand_unit"]) == (400, "cells") and 0 <= row["p_unadjusted"] <= 1
    assert "Nothing was predicted" in table[table["group"] == "X"].iloc[0]["note"]


def test_published_counts_are_not_offered_for_simulated_cells(data_folder: Path, app: App) -> None:
    test = shown("show_statistics")
    assert not any(item.label.startswith("Fill in") for item in test.button)
    assert "not offered for simulated cells. The simulator was planned from the counts" in texts(test)
    # Those that were saved before get no p value, and the page says why; own counts are tested.
    own = Count("NGF", 24.0, "neuron", "NeuN", 65.0, 400, "cells", "own")
    staining_counts.set_counts(app, LABELLED, [*staining_counts.published_counts(["NGF"], ["neuron"])[:1], own])
    test = shown("show_statistics")
    assert is_healthy(test) and "These cells are simulated. The simulator was planned" in texts(test)
    table = frames(test)["hand_percent"].set_index("source")
    assert 0 <= table.loc["own", "p_adjusted"] <= 1
    other = table.drop(index="own").iloc[0]
    assert np.isnan(other["p_adjusted"]) and "agree with them by design" in other["note"]


def test_a_count_above_100_per_cent_is_refused_with_a_sentence(data_folder: Path, app: App) -> None:
    table = staining_counts.counts_table([Count("NGF", 24.0, "neuron", "NeuN", 65.0)])
    with pytest.raises(WrongUse, match="250 is not a per cent from 0 to 100"):
        staining_counts.counts_from_table(table.assign(percent=250.0))
    # The editor itself sets no limit, so that nothing is cut on the way.
    editor = shown("show_statistics").dataframe
    columns = [item.proto.columns for item in editor if "Positive (%)" in item.proto.columns]
    assert columns and "max_value" not in columns[0] and "min_value" not in columns[0]


def test_published_counts_are_offered_and_kept_only_when_saved(data_folder: Path, app: App) -> None:
    run = latest_run(app, LABELLED)
    assert run is not None
    app.catalogue.add_run(replace(run, provenance=replace(run.provenance, simulated_cells=False)))
    test = shown("show_statistics")
    test = next(item for item in test.button if item.label.startswith("Fill in")).click().run()
    assert staining_counts.counts_of(app, LABELLED) == ()
    test = next(item for item in test.button if item.label == "Save counts").click().run()
    assert not test.exception
    kept = staining_counts.counts_of(app, LABELLED)
    assert {item.group for item in kept} == {"RA", "NGF"} and {item.unit for item in kept} == {"fields"}


def test_time_course_tells_the_earliest_day_and_the_agreement(data_folder: Path) -> None:
    test = shown("show_time_course", control="")
    assert "Choose one group under “Compared with”" in texts(test)
    test = shown("show_time_course", control="RA")
    assert "Compared with RA, as chosen at the top of the page" in texts(test)
    assert is_healthy(test)
    table = test.dataframe[0].value
    ngf = table[(table["group"] == "NGF") & (table["class"] == "neuron")].iloc[0]
    # Its samples have a red light on day 1, so nothing is tested then.
    assert ngf["earliest_h"] == 72 and ngf["direction"] == "more"
    assert "the time point before could not be tested" in ngf["sentence"]
    words = "\n".join(item.value for item in test.markdown)
    assert "Limits of agreement" in words and "11 replicates" in words
    assert "The sample sheet has no doses" in texts(test)


def test_doses_of_the_sheet_become_a_curve_or_a_sentence(data_folder: Path, app: App) -> None:
    study = app.catalogue.study(LABELLED)
    doses = ["0", "1", "2", "4", "8", "16", "32", "64", "128", "256", "512", "1024"]
    changed = [
        sample.with_changes(extra=(("dose (ng/ml)", dose),)) for sample, dose in zip(study.samples, doses, strict=True)
    ]
    app.catalogue.update_samples(study.study_id, changed)
    test = shown("show_time_course", doses=True)
    assert is_healthy(test)
    table = frames(test)["ec50"]
    assert set(table["dose_unit"]) == {"ng/ml"}
    assert "two replicates" in table["note"].iloc[0]


def box(test: AppTest, label: str):
    return next(item for item in test.selectbox if item.label == label)


def test_the_boxes_start_from_the_page_and_pairs_can_be_narrowed(data_folder: Path) -> None:
    script = PAGE.format(study=LABELLED, groups=FULL, doses=False, view="show_statistics")
    asked = script.replace("(app, run, data)", "(app, run, data, 'NGF', 72.0, 'astrocyte')")
    test = AppTest.from_string(asked, default_timeout=120).run()
    assert is_healthy(test)
    assert [box(test, name).value for name in ("Time", "Fate")] == [72.0, "astrocyte"]
    assert "Every group is compared with NGF." in texts(test)
    assert set(test.dataframe[0].value["compared_with"]) == {"NGF"}
    test = choose(shown("show_statistics"), "Show only pairs with", "NGF")
    table = test.dataframe[0].value
    assert len(table) == 18 and set(table["compared_with"]) == {"NGF"} and "NGF" not in set(table["group"])
    # NGF has the most neurons, so all others lie below it.
    assert (table.loc[table["class"] == "neuron", "difference_points"] < 0).all()
    said = texts(test)
    assert "Comparisons with NGF" in said and "18 of 27 comparisons" in said and "Difference from NGF" in said
    assert "All comparisons" not in said
    assert "p_unadjusted" in table.columns and "27 comparisons" in texts(test)


def test_the_earliest_day_does_not_depend_on_the_fates_shown(data_folder: Path) -> None:
    test = shown("show_time_course", control="RA")
    one = test.dataframe[0].value
    assert set(one["class"]) == {"neuron"} and "one fate at one time point, 2 at most" in texts(test)
    toggle = next(item for item in test.toggle if item.label == "All fates in this table")
    every = toggle.set_value(True).run().dataframe[0].value
    assert len(set(every["class"])) == 3
    assert every[every["class"] == "neuron"].reset_index(drop=True).equals(one)


def test_one_replicate_is_not_joined_and_no_comparison_is_said(data_folder: Path) -> None:
    single = (("RA", 0.45, 1), ("NGF", 0.65, 1))
    said = texts(shown("show_time_course", groups=single))
    assert "not joined by a line" in said
    assert "No comparison could be tested" in texts(shown("show_statistics", groups=single))


def test_groups_over_time_stand_in_the_order_of_the_answer(data_folder: Path) -> None:
    script = PAGE.format(study=LABELLED, groups=FULL, doses=False, view="data.errors = None\nshow_time_course")
    script = script.replace("(app, run, data)", "(app, run, data, 'RA', 'neuron', ('NGF', 'RA', '=NT4 <b>x</b>'))")
    test = AppTest.from_string(script, default_timeout=120).run()
    assert is_healthy(test)
    figures = [json.loads(item.proto.spec) for item in test.get("plotly_chart")]
    drawn = [[trace.get("name") for trace in figure["data"] if trace.get("name")] for figure in figures]
    assert [name[:3] for name in drawn[0]][:3] == ["NGF", "RA", "=NT"]
    assert [name[:3] for name in drawn[1]][:3] == ["NGF", "RA", "=NT"]
    assert test.dataframe[0].value["group"].tolist() == ["NGF", "=NT4 <b>x</b>"]


def test_intervals_without_the_error_of_the_correction_say_so(data_folder: Path, app: App) -> None:
    study = app.catalogue.study(LABELLED)
    changed = [
        sample.with_changes(extra=(("dose (ng/ml)", str(2**number)),)) for number, sample in enumerate(study.samples)
    ]
    app.catalogue.update_samples(study.study_id, changed)
    script = PAGE.format(study=LABELLED, groups=FULL, doses=True, view="show_time_course")
    alone = "from the replicates alone: what the held-out cells leave uncertain"
    for shared in (False, True):
        given = "data.errors = GroupErrors(SharedError((), {}))\n" if shared else "data.errors = None\n"
        text = script.replace("show_time_course(app", given + "show_time_course(app")
        text = (
            "from nscweb.evaluation.groups.group_errors import GroupErrors\n"
            "from nscweb.evaluation.groups.shared_error import SharedError\n" + text
        )
        test = AppTest.from_string(text, default_timeout=120).run()
        assert is_healthy(test)
        told = [item.value for item in (*test.markdown, *test.caption) if alone in item.value]
        assert len(told) == (2 if shared else 0)
        assert not shared or ("bias" in told[0] and "EC50" in told[1])
