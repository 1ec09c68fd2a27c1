"""The sample sheet: edited in place or uploaded; what cannot be understood is said and left as it was."""

from __future__ import annotations

import pandas as pd
import pytest
from small_studies import simulated_study

from nscweb.core.errors import StudyNotFound, WrongUse
from nscweb.services.context import App
from nscweb.services.study.study import get_study, import_sheet, list_studies, sheet_table, update_sheet


def test_the_table_shows_every_sample_with_time_as_text(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    assert list(table["sample"]) == [sample.name for sample in study.samples]
    assert set(table["time"]) == {"1 d", "5 d"}
    assert int(table["cells"].sum()) == 36


def test_storing_the_table_as_it_is_changes_nothing(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    update = update_sheet(opened, study.name, sheet_table(opened, study.name))
    assert (update.changed, update.findings, update.rejected) == (0, [], False)
    assert update.study == study


@pytest.mark.parametrize(
    ("text", "hours"), [("12 h", 12.0), ("0.5 d", 12.0), ("day 3", 72.0), ("1,5 days", 36.0), ("", None)]
)
def test_time_is_accepted_as_people_write_it(opened: App, text: str, hours: float | None) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    table.loc[0, "time"] = text
    update = update_sheet(opened, study.name, table)
    assert update.study.samples[0].time_h == hours


def test_edits_reach_every_field(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    edits = {
        "group": "NT3",
        "replicate": "001",
        "donor": "M7",
        "instrument": "FlowSight",
        "control": True,
        "true_class": "neuron",
    }
    for column, value in edits.items():
        table[column] = table[column].astype(object)
        table.loc[1, column] = value
    update = update_sheet(opened, study.name, table)
    sample = update.study.samples[1]
    assert update.changed == 1
    assert {name: getattr(sample, name) for name in edits} == edits
    assert get_study(opened, study.name).samples[1] == sample


def test_a_time_without_a_unit_is_left_as_it_was_and_the_rest_is_stored(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    table.loc[0, "group"] = "changed"
    table.loc[2, "time"] = "3"
    update = update_sheet(opened, study.name, table)
    assert not update.rejected and update.changed == 1
    (finding,) = update.findings
    assert finding.level == "warn" and "unit" in finding.message and study.samples[2].name in finding.where
    after = get_study(opened, study.name).samples
    assert after[0].group == "changed" and after[1:] == study.samples[1:]


def test_when_no_value_can_be_used_nothing_is_stored(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    table.loc[2, "time"] = "3"
    update = update_sheet(opened, study.name, table)
    assert update.rejected and update.changed == 0 and get_study(opened, study.name) == study


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [("group", "#NAME?", "E-SHEET-CELL-ERROR"), ("group", "x" * 201, "E-SHEET-LONG"),
     ("time", "1,500 h", "E-SHEET-TIME"),
     ("replicate", "#BEZUG!", "E-SHEET-CELL-ERROR"), ("donor", "#N/A", "E-SHEET-CELL-ERROR")],
)  # fmt: skip
def test_table_and_file_judge_a_value_alike(opened: App, column: str, value: str, code: str) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    table.loc[0, column] = value
    edited = update_sheet(opened, study.name, table)
    rows = f'sample,{column}\n{study.samples[0].name},"{value}"\n'
    uploaded = import_sheet(opened, study.name, rows.encode(), "s.csv")
    for update in (edited, uploaded):
        assert code in {finding.code for finding in update.findings} and not update.changed


def test_rows_that_match_nothing_and_samples_without_a_row_are_listed(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    table.loc[0, "sample"] = "somebody else"
    update = update_sheet(opened, study.name, table)
    assert not update.rejected
    assert [finding.code for finding in update.findings] == ["W-SHEET-NO-SAMPLE", "W-SHEET-NO-ROW"]
    assert study.samples[0].name in update.findings[1].where


def test_a_sample_with_two_rows_is_refused(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    update = update_sheet(opened, study.name, pd.concat([table, table.iloc[:1]]))
    assert update.findings[0].code == "E-SHEET-TWICE" and not update.changed


def test_empty_editor_cells_are_empty_text_and_words_for_control_are_understood(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name).astype(object)
    table.loc[0, "group"] = None
    table.loc[0, "donor"] = float("nan")
    table.loc[0, "replicate"] = 2.0
    table.loc[0, "control"] = "yes"
    sample = update_sheet(opened, study.name, table).study.samples[0]
    assert (sample.group, sample.donor, sample.replicate, sample.control) == ("", "", "2", True)
    table.loc[0, "control"] = "perhaps"
    assert update_sheet(opened, study.name, table).rejected


def test_further_columns_of_the_user_are_kept(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    table["passage"] = "P4"
    update_sheet(opened, study.name, table)
    assert set(sheet_table(opened, study.name)["passage"]) == {"P4"}


def test_a_table_without_sample_names_and_an_unknown_study_are_told(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    with pytest.raises(WrongUse):
        update_sheet(opened, study.name, pd.DataFrame({"group": ["NT3"]}))
    with pytest.raises(StudyNotFound, match="Small"):
        get_study(opened, "nothing")
    assert [found.name for found in list_studies(opened)] == [study.name]
