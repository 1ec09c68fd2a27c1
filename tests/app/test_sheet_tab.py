"""The sheet on the page: what came of an upload stands beside it, is asked back in place, and can be undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from app_walk import PLAIN, Walk, is_healthy, texts
from streamlit.testing.v1 import AppTest

from nscweb.core.samples import Study
from nscweb.services.context import App


def open_sheet(walk: Walk, app: App) -> AppTest:
    study = app.catalogue.study(PLAIN)
    test = walk("pages/study.py", study=study.study_id)
    test.session_state[f"study_tabs_{study.study_id}"] = "Sample sheet"
    return test.run()


def upload(test: AppTest, text: str, name: str = "s.csv") -> AppTest:
    box = next(item for item in test.file_uploader if item.label.startswith("Upload a filled sheet"))
    return box.set_value((name, text.encode(), "text/csv")).run()


def press(test: AppTest, label: str) -> AppTest:
    return next(item for item in test.button if item.label.startswith(label)).click().run()


def rows(study: Study, header: str, values: str) -> str:
    return "\n".join([header, *(f"{sample.name},{values}" for sample in study.samples)])


def test_a_refused_upload_is_seen_outside_the_box_that_closes(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    test = upload(open_sheet(walk, app), rows(study, "sample,group", "NT3"))
    assert "Saved:" in texts(test)
    test = upload(test, "sample,group\nnobody,NT3\n")
    assert "No row of the sheet matches" in texts(test) and "Saved:" not in texts(test)
    inside = [item.proto.body for box in test.expander for item in box.get("html")]
    assert not [body for body in inside if "No row of the sheet matches" in body]
    assert not test.exception


def test_a_save_can_be_undone(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    test = upload(open_sheet(walk, app), rows(study, "sample,group", "changed"))
    assert {sample.group for sample in app.catalogue.study(PLAIN).samples} == {"changed"}
    test = press(test, "Undo")
    assert is_healthy(test), texts(test)
    assert app.catalogue.study(PLAIN).samples == study.samples


def test_a_column_that_is_not_understood_has_a_box_with_the_likely_answer_first(
    walk: Walk, data_folder: Path, app: App
) -> None:
    study = app.catalogue.study(PLAIN)
    test = upload(open_sheet(walk, app), rows(study, "sample,Farbe", "red"))
    assert "Saved" not in texts(test) and "Nothing that is analysed changed" in texts(test)
    box = next(item for item in test.selectbox if item.label.startswith("Farbe"))
    assert box.value == "group" and box.options[0] == "Inducer group"
    test = press(test, "Take them so")
    assert is_healthy(test), texts(test)
    assert {sample.group for sample in app.catalogue.study(PLAIN).samples} == {"red"}


@pytest.mark.parametrize(("button", "hours"), [("in hours", 3.0), ("in days", 72.0)])
def test_times_without_a_unit_are_answered_in_place(
    walk: Walk, data_folder: Path, app: App, button: str, hours: float
) -> None:
    study = app.catalogue.study(PLAIN)
    test = upload(open_sheet(walk, app), rows(study, "sample,time", "3"))
    assert app.catalogue.study(PLAIN).samples == study.samples
    test = press(test, button)
    assert {sample.time_h for sample in app.catalogue.study(PLAIN).samples} == {hours}
    assert is_healthy(test) and "have no unit" not in texts(test)


def test_one_answer_leaves_the_other_question_open_and_undo_takes_back_both(
    walk: Walk, data_folder: Path, app: App
) -> None:
    study = app.catalogue.study(PLAIN)
    test = upload(open_sheet(walk, app), rows(study, "sample,Farbe,time", "red,3"))
    test = press(press(test, "Take them so"), "in days")
    assert {(sample.group, sample.time_h) for sample in app.catalogue.study(PLAIN).samples} == {("red", 72.0)}
    test = press(test, "Undo")
    assert is_healthy(test) and app.catalogue.study(PLAIN).samples == study.samples


def test_groups_that_look_alike_are_made_one_with_one_button(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    text = rows(study, "sample,group", "NT3").replace(",NT3", ",nt3", 1)
    test = upload(open_sheet(walk, app), text)
    assert "look alike" in texts(test)
    test = press(test, "Make them one: NT3")
    assert {sample.group for sample in app.catalogue.study(PLAIN).samples} == {"NT3"}
    assert "look alike" not in texts(test)


def test_edits_that_are_not_saved_are_still_there_when_the_page_was_left(
    walk: Walk, data_folder: Path, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[pd.DataFrame] = []
    real = st.data_editor

    def editor(data: pd.DataFrame, **options: Any) -> pd.DataFrame:
        real(data, **options)
        shown.append(data)
        edited = data.copy()
        edited.loc[0, "group"] = "edited"
        return edited

    monkeypatch.setattr(st, "data_editor", editor)
    test = open_sheet(walk, app)
    assert "Changes are not saved yet." in texts(test) and shown[-1].loc[0, "group"] != "edited"
    study = app.catalogue.study(PLAIN)
    for leave in ("tab", "page"):
        if leave == "tab":
            test.session_state[f"study_tabs_{study.study_id}"] = "Settings"
            test = test.run()
        else:
            test = test.switch_page("streamlit_app.py").run()
            test = test.switch_page("pages/study.py").run()
        test.session_state[f"study_tabs_{study.study_id}"] = "Sample sheet"
        test = test.run()
        assert shown[-1].loc[0, "group"] == "edited"
        assert "still here" in texts(test)
    monkeypatch.setattr(st, "data_editor", real)
    test = press(test.run(), "Discard changes")
    assert "not saved" not in texts(test) and app.catalogue.study(PLAIN).samples == study.samples


def test_a_plate_map_is_pasted_by_well(walk: Walk, data_folder: Path, app: App) -> None:
    test = open_sheet(walk, app)
    assert "plate_take" not in [item.key for item in test.button]
    study = app.catalogue.study(PLAIN)
    wells = [f"A{number:02}" for number in range(1, len(study.samples) + 1)]
    text = "sample,well\n" + "".join(f"{s.name},{w}\n" for s, w in zip(study.samples, wells, strict=True))
    test = upload(test, text)
    area = next(item for item in test.text_area if item.key == "plate_text")
    test = area.set_value("\t".join(f"g{number}" for number in range(1, len(wells) + 1))).run()
    test = press(test, "Take the map")
    assert is_healthy(test), texts(test)
    found = [sample.group for sample in app.catalogue.study(PLAIN).samples]
    assert found == [f"g{number}" for number in range(1, len(wells) + 1)]
