"""One number, one function: sentence, table and file say the same, and no group moves the numbers of another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_runs import FATES, drawn_held_out, drawn_run
from predicted import fresh_app

from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import answer_of, comparison
from nscweb.services.compare.courses import courses_of, earliest_of
from nscweb.services.compare.result import Comparison
from nscweb.services.compare.statistics import ROWS, TestSettings, statistics_of
from nscweb.services.context import App
from nscweb.services.report.comparison_tables import add_statistics, settings_of
from nscweb.services.report.export import groups_frame
from nscweb.services.report.figure_data import figure_tables
from nscweb.services.report.parts import Gathered
from nscweb.words import rows
from nscweb.words.headline import Facts
from nscweb.words.how_early import how_early, moment, over_times

TIMES = (24.0, 72.0, 120.0)
KEYS = ["group", "time_h", "class"]
# Alike at first, apart later, the first with most neurons; some have fewer than four replicates.
GROUPS = ("RA+SHH", "NT3", "NGF", "NT4", "CNTF")
FEW = {("NGF", 120.0): 2, ("NT4", 72.0): 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Run]]:
    """Five groups at three times, corrected; one group has two replicates at first, one a single one at last."""
    app = fresh_app(tmp_path_factory.mktemp("data"))
    rng = np.random.default_rng(4)
    shares = {
        (name, hours, replicate): np.exp([0.0, -0.5, 0.7 * place * (2 - index) / 2 + rng.normal(0, 0.06)])
        for index, name in enumerate(GROUPS)
        for place, hours in enumerate(TIMES)
        for replicate in (1, 2, 3, 4)
        if (name, hours) not in FEW or replicate <= FEW[(name, hours)]
    }
    with pytest.MonkeyPatch.context() as patch:
        held = drawn_held_out(TIMES, cells=6000)
        patch.setattr("nscweb.services.compare.ratios.held_out_of", lambda *_: held)
        yield app, drawn_run(app, "Screen", shares, cells=600)


def tables_of(app: App, found: Comparison) -> dict[str, pd.DataFrame]:
    """Tables of the report."""
    kept = Gathered()
    add_statistics(app, found, kept, settings_of(found))
    return kept.tables | {"Groups": groups_frame(found)}


def test_sentence_table_and_file_agree_on_how_early(made: tuple[App, Run]) -> None:
    app, run = made
    groups = sorted(set(comparison(app, run, CompareRequest(control="")).groups["group"]))
    days = []
    for control in groups:
        found = comparison(app, run, CompareRequest(control=control))
        table = earliest_of(found.groups, found.tests, control, FATES).set_index(["group", "class"])
        assert len(table) == (len(groups) - 1) * len(FATES)
        for (group, fate), row in table.iterrows():
            said = how_early(found.groups, found.tests, fate, group, Facts(control=control))
            assert (" higher than " in said and "no longer" not in said) == (row["direction"] == "more")
            if not row["direction"]:
                assert np.isnan(row["time_h"])
                continue
            days.append(row["time_h"])
            assert moment(row["time_h"]) in row["sentence"]
            assert row["direction"] == "less" or moment(row["time_h"]) in said
            # What the file of tests says at that day and at every later one that was tested.
            tests = [
                rows.tests_of(found.tests, group, fate, hours).get(control) for hours in TIMES if hours >= row["time_h"]
            ]
            tested = [test for test in tests if test and np.isfinite(test["p"])]
            assert tested and all(test["p"] < 0.05 for test in tested)
            assert all((test["low"] > 0) if row["direction"] == "more" else (test["high"] < 0) for test in tested)
    assert {24.0, 72.0, 120.0} >= set(days) and len(set(days)) > 1


def test_the_file_is_that_table(made: tuple[App, Run]) -> None:
    app, run = made
    found = comparison(app, run, CompareRequest(control="NT3"))
    table = earliest_of(found.groups, found.tests, "NT3", FATES)
    pd.testing.assert_frame_equal(tables_of(app, found)["Earliest day"], table)
    assert set(table["direction"]) >= {"more", "less"}


def test_whom_a_group_beat_is_only_who_was_tested(made: tuple[App, Run]) -> None:
    app, run = made
    # Two replicates are too few for each group by itself.
    found = comparison(app, run, CompareRequest(control="", variance="own"))
    tests = rows.tests_of(found.tests, "RA+SHH", "neuron", 120.0)
    here = rows.sides(rows.at(found.groups, "neuron", 120.0), tests, "RA+SHH")
    assert here.untested == ("NGF",) and set(here.higher) == {"NT3", "NT4", "CNTF"}
    said = how_early(found.groups, found.tests, "neuron", "RA+SHH")
    assert "not tested against NGF" in said and "every other group from" not in said
    assert "NGF" in over_times(found.groups, found.tests, "neuron").partition("day 5: ")[2]


@pytest.mark.parametrize("control", ["", "NT3"])
def test_one_mean_has_one_interval_in_every_file(made: tuple[App, Run], control: str) -> None:
    app, run = made
    tables = tables_of(app, comparison(app, run, CompareRequest(control=control)))
    groups = tables["Groups"].set_index(KEYS)
    course = tables["Time course"].set_index(KEYS).loc[groups.index]
    assert len(course) == len(groups) == 5 * 3 * 3
    for column in ("mean", "low", "high"):
        np.testing.assert_allclose(course[column], groups[column], rtol=1e-9, atol=1e-12)
    spread = tables["Means and spread"].set_index(KEYS).loc[groups.index]
    # Also where a group has one replicate: the interval is that of its cells.
    assert (groups["replicates"] == 1).sum() == 3 and spread["low"].notna().all()
    np.testing.assert_allclose(spread[["low", "high"]], groups[["low", "high"]], rtol=1e-9)


@pytest.mark.parametrize("control", ["", "NT3"])
def test_hiding_a_group_moves_no_number_of_another(made: tuple[App, Run], control: str) -> None:
    app, run = made
    full = comparison(app, run, CompareRequest(control=control))
    names = sorted(set(full.groups["group"]))
    course = courses_of(full.replicate_rows, full.groups, full.errors).course

    def needed(found: Comparison) -> pd.DataFrame:
        asked = TestSettings(found.control or None, pairs=not found.control)
        return statistics_of(app, run, found.replicate_rows[ROWS], asked, found.errors, found.hidden_rows).power

    for hidden in names:
        if hidden == control:
            continue
        shown = tuple(name for name in names if name != hidden)
        part = comparison(app, run, CompareRequest(Filters(groups=shown), control=control))
        pairs = [
            (full.groups, part.groups, KEYS),
            (full.estimates.table, part.estimates.table, ["sample_id", "class"]),
            (full.tests, part.tests, [*KEYS, "other"]),
            (course, courses_of(part.replicate_rows, part.groups, part.errors).course, KEYS),
            (needed(full), needed(part), ["time_h", "class"]),
            (
                earliest_of(full.groups, full.tests, control, FATES),
                earliest_of(part.groups, part.tests, control, FATES),
                ["group", "class"],
            ),
        ]
        for before, after, keys in pairs:
            named = [name for name in ("group", "other") if name in before and name in (*keys, "group")]
            kept = before[~before[named].isin([hidden]).any(axis=1)]
            pd.testing.assert_frame_equal(
                kept.sort_values(keys).reset_index(drop=True)[list(after.columns)],
                after.sort_values(keys).reset_index(drop=True),
                check_exact=True,
                check_dtype=False,
            )


def test_a_group_without_a_name_leads_like_any_other_and_is_no_control(tmp_path: Path) -> None:
    app = fresh_app(tmp_path)
    rng = np.random.default_rng(1)
    shares = {
        (name, hours, replicate): np.exp([0.0, -0.5, (0.0 if name else 1.0) + rng.normal(0, 0.05)])
        for name in ("", "NT3", "NGF")
        for hours in TIMES
        for replicate in (1, 2, 3)
    }
    found = comparison(app, drawn_run(app, "Unnamed", shares, cells=300), CompareRequest(method="naive"))
    said = answer_of(found, "neuron")
    assert said.verdict == "clear" and said.leader == "" and "group without a name" in said.headline
    assert any(text.startswith("the group without a name is higher than every other group") for text in said.details)
    # Every pair was tested, so no day is told against anyone.
    assert found.control == "" and tables_of(app, found).get("Earliest day") is None
    assert earliest_of(found.groups, found.tests, "", FATES).empty
    drawn = figure_tables(app, found, "neuron")["differences"]
    assert len(drawn[(drawn["class"] == "neuron") & (drawn["time_h"] == TIMES[-1])]) == 2
