"""The sample sheet: edited in place or uploaded; what cannot be understood is said and left as it was."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from small_studies import simulated_study

from nscweb.core.errors import InputRefused, StudyNotFound, WrongUse
from nscweb.core.samples import Sample, Study
from nscweb.services.context import App
from nscweb.services.study.study import (
    alike_values,
    get_study,
    import_sheet,
    list_studies,
    make_alike_one,
    name_columns,
    one_change,
    set_times,
    sheet_table,
    undo_sheet,
    update_sheet,
)


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


def sheet_of(study: Study, header: str, row: Callable[[Sample], str]) -> bytes:
    return "\n".join([header, *(f"{sample.name},{row(sample)}" for sample in study.samples)]).encode()


def test_saved_is_said_only_of_what_changed(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    same = import_sheet(opened, study.name, sheet_of(study, "sample,group", lambda sample: sample.group), "s.csv")
    assert same.changed == 0 and same.sentence.startswith("Nothing changed: the study says the same already.")
    odd = import_sheet(opened, study.name, sheet_of(study, "sample,Colour", lambda sample: sample.group), "s.csv")
    assert odd.changed == 0 and "Nothing that is analysed changed: 'Colour' not understood" in odd.sentence
    (column,) = odd.unknown
    assert (column.title, column.likely) == ("Colour", "group") and column.examples
    further = import_sheet(opened, study.name, sheet_of(study, "sample,dose µM", lambda sample: "5"), "s.csv")
    assert further.changed == len(study.samples) and "dose µM" in further.sentence and not further.unknown


def test_a_column_that_was_not_understood_becomes_what_the_user_says(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    rows = sheet_of(study, "sample,Colour,Wann", lambda sample: "red,3")
    import_sheet(opened, study.name, rows, "s.csv")
    update = name_columns(opened, study.name, {"Colour": "group", "Wann": "time in days"})
    assert {(sample.group, sample.time_h, sample.extra) for sample in update.study.samples} == {("red", 72.0, ())}
    assert update.sentence.startswith(f"Saved: {len(study.samples)} of {len(study.samples)} samples changed")
    again = undo_sheet(opened, study.name, update.before)
    assert {sample.group for sample in again.study.samples} == {sample.group for sample in study.samples}
    with pytest.raises(WrongUse, match="no further column"):
        name_columns(opened, study.name, {"nothing": "group"})
    with pytest.raises(WrongUse, match="cannot be"):
        name_columns(opened, study.name, {"Colour": "nonsense"})
    told = import_sheet(opened, study.name, rows, "s.csv", {"Colour": "group", "Wann": "time in hours"})
    assert {(sample.group, sample.time_h) for sample in told.study.samples} == {("red", 3.0)} and not told.unknown


def test_times_without_a_unit_are_answered_in_place(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    update = import_sheet(opened, study.name, sheet_of(study, "sample,time", lambda sample: "3"), "s.csv")
    assert update.rejected and set(update.bare_times) == {sample.name for sample in study.samples}
    answered = set_times(opened, study.name, update.bare_times, "d")
    assert {sample.time_h for sample in answered.study.samples} == {72.0}


def test_rows_that_match_no_sample_are_counted_in_the_same_sentence(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    rows = sheet_of(study, "sample,group", lambda sample: "RA") + b"\nnobody,RA\nno one,RA"
    sentence = import_sheet(opened, study.name, rows, "s.csv").sentence
    total = len(study.samples)
    assert f"{total} of {total + 2} rows matched a sample. 2 rows name no sample" in sentence
    one = import_sheet(opened, study.name, rows.rpartition(b"\n")[0], "s.csv").sentence
    assert "1 row names no sample of the study and was left out." in one


def test_an_undo_is_told_as_one_and_can_be_taken_back_without_knowing_what_was(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    with pytest.raises(WrongUse, match="not changed since the import"):
        undo_sheet(opened, study.name)
    import_sheet(opened, study.name, sheet_of(study, "sample,group", lambda sample: "RA"), "s.csv")
    undone = undo_sheet(opened, study.name)
    assert undone.study.samples == study.samples and undone.sentence.startswith("Undone: ")
    assert {sample.group for sample in undo_sheet(opened, study.name).study.samples} == {"RA"}
    # Several answers to one sheet are one change.
    first = import_sheet(opened, study.name, sheet_of(study, "sample,donor,time", lambda sample: "d,3"), "s.csv")
    one_change(opened, [first, set_times(opened, study.name, first.bare_times, "d")])
    assert {(s.donor, s.time_h) for s in undo_sheet(opened, study.name).study.samples} == {
        (s.donor, s.time_h) for s in study.samples
    }


def test_saved_is_not_said_while_what_matters_waits_for_an_answer(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    rows = sheet_of(study, "sample,comment,time", lambda sample: "x,3")
    update = import_sheet(opened, study.name, rows, "s.csv")
    assert update.unanswered and "Saved" not in update.sentence and "only comment" in update.sentence
    known = import_sheet(opened, study.name, sheet_of(study, "sample,donor,time", lambda sample: "d,3"), "s.csv")
    assert not known.unanswered and known.sentence.startswith("Saved: ")


@pytest.mark.parametrize(
    ("names", "reason"), [("A1 A2 B3", "wells"), ("1 2 3", "number its rows"), ("x y z", "folders and files")]
)
def test_a_sheet_without_a_match_is_an_error_with_the_names_of_both_sides(opened: App, names: str, reason: str) -> None:
    study = simulated_study(opened, cells=36)
    rows = "sample,group\n" + "".join(f"{name},RA\n" for name in names.split())
    with pytest.raises(InputRefused, match=reason) as caught:
        import_sheet(opened, study.name, rows.encode(), "s.csv")
    assert caught.value.code == "E-SHEET-NO-MATCH"
    assert repr(names.split()[0]) in caught.value.what and repr(study.samples[0].name) in caught.value.what
    assert get_study(opened, study.name) == study


UNSEEN = ("NT3\u00a0", "NT3\u200b", "\ufeffNT3", "NT3\t", "N\u00adT3", "NT3\u2009")


@pytest.mark.parametrize("value", UNSEEN)
@pytest.mark.parametrize("way", ["table", "file"])
def test_what_cannot_be_seen_makes_no_second_group_and_is_said(opened: App, value: str, way: str) -> None:
    study = simulated_study(opened, cells=36)
    if way == "table":
        table = sheet_table(opened, study.name)
        table["group"] = "NT3"
        table.loc[0, "group"] = value
        update = update_sheet(opened, study.name, table)
    else:
        odd = study.samples[0].name
        rows = sheet_of(study, "sample,group", lambda sample: f'"{value}"' if sample.name == odd else "NT3")
        update = import_sheet(opened, study.name, rows, "s.csv")
    assert {sample.group for sample in update.study.samples} == {"NT3"}
    if value != "NT3\t" or way == "file":
        assert "N-SHEET-UNSEEN" in {finding.code for finding in update.findings}


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("50 µM X", "50 μM X", True),
        ("Grüße", "Gru\u0308ße", True),
        ("NT3", "NT4", False),
        ("RA  SHH", "RA SHH", True),
        ("é", "e\u0301", True),
    ],
)
def test_forms_of_a_letter_are_one_group(opened: App, first: str, second: str, one: bool) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    table["group"] = first
    table.loc[0, "group"] = second
    groups = {sample.group for sample in update_sheet(opened, study.name, table).study.samples}
    assert (len(groups) == 1) is one


@pytest.mark.parametrize("odd", ["nt3-x", "NT3\u2013X", "NT3 X", "nT3_x", "N\u03a43-X"])
def test_capitals_and_dashes_are_warned_of_with_an_offer(opened: App, odd: str) -> None:
    study = simulated_study(opened, cells=36)
    table = sheet_table(opened, study.name)
    table["group"] = "NT3-X"
    table.loc[0, "group"] = odd
    update = update_sheet(opened, study.name, table)
    assert len({sample.group for sample in update.study.samples}) == 2
    assert "W-SHEET-ALIKE" in {finding.code for finding in update.findings}
    assert ("group", "NT3-X", (odd,)) in alike_values(update.study)
    one = make_alike_one(opened, study.name)
    assert {sample.group for sample in one.study.samples} == {"NT3-X"} and not alike_values(one.study)
    assert len({sample.group for sample in undo_sheet(opened, study.name, one.before).study.samples}) == 2


def test_times_at_which_no_sample_is_marked_as_control_are_said(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    rows = sheet_of(study, "sample,control", lambda sample: "yes" if sample.time_h == 24 else "no")
    update = import_sheet(opened, study.name, rows, "s.csv")
    (told,) = (finding for finding in update.findings if finding.code == "W-SHEET-CONTROL-TIME")
    assert told.where == "5 d"
