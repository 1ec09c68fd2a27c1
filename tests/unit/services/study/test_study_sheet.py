"""The sample sheet: edited in place, all or nothing, told in sentences."""

from __future__ import annotations

import pandas as pd
import pytest
from small_studies import simulated_study

from nscweb.core.errors import StudyNotFound, WrongUse
from nscweb.services.context import App
from nscweb.services.study.study import get_study, list_studies, sheet_table, update_sheet


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


def test_a_time_without_a_unit_rejects_the_sheet_and_stores_nothing(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    table.loc[0, "group"] = "changed"
    table.loc[2, "time"] = "3"
    update = update_sheet(opened, study.name, table)
    assert update.rejected and update.changed == 0
    (finding,) = update.findings
    assert finding.level == "refuse" and "unit" in finding.message and study.samples[2].name in finding.where
    assert get_study(opened, study.name) == study


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
    assert update.rejected and update.findings[0].code == "E-SHEET-TWICE"


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
