"""The study page: sample sheet, pictures, quality, settings; names of users stay plain text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from app_walk import LABELLED, PLAIN, Walk, is_healthy, texts, work

from nscweb.services.context import App
from nscweb.services.study import study as studies

TABS = ("Sample sheet", "Pictures", "Quality", "What was noticed", "Settings")
NASTY = "<img src=http://example.org/x.png> [a](http://example.org) \u202ecod"


def open_tab(walk: Walk, app: App, name: str, study_name: str = LABELLED):
    study = app.catalogue.study(study_name)
    test = walk("pages/study.py", study=study.study_id)
    test.session_state[f"study_tabs_{study.study_id}"] = name
    return test.run()


@pytest.mark.parametrize("name", TABS)
def test_every_tab_opens(walk: Walk, data_folder: Path, app: App, name: str) -> None:
    test = open_tab(walk, app, name)
    assert is_healthy(test), texts(test)


def test_the_sheet_has_one_row_for_each_sample(walk: Walk, data_folder: Path, app: App) -> None:
    test = open_tab(walk, app, "Sample sheet")
    table = test.data_editor[0].value
    assert list(table["sample"]) == [sample.name for sample in app.catalogue.study(LABELLED).samples]
    assert set(table["time"]) == {"1 d", "5 d"}


def test_an_uploaded_sheet_is_applied_and_its_rows_without_sample_listed(
    walk: Walk, data_folder: Path, app: App
) -> None:
    study = app.catalogue.study(PLAIN)
    first = study.samples[0].name
    sheet = f"sample,group,time,replicate\n{first},NT3,day 3,7\nnobody,NT3,1 d,1\n".encode()
    test = open_tab(walk, app, "Sample sheet", PLAIN)
    uploader = next(item for item in test.file_uploader if item.label.startswith("Upload a filled sheet"))
    test = uploader.set_value(("sheet.csv", sheet, "text/csv")).run()
    assert is_healthy(test), texts(test)
    changed = app.catalogue.study(PLAIN).samples[0]
    assert (changed.group, changed.time_h, changed.replicate) == ("NT3", 72.0, "7")
    assert "nobody" in texts(test)


def test_a_time_without_unit_in_an_uploaded_sheet_is_refused_in_words(walk: Walk, data_folder: Path, app: App) -> None:
    before = app.catalogue.study(PLAIN).samples
    sheet = f"sample,time\n{before[0].name},3\n".encode()
    test = open_tab(walk, app, "Sample sheet", PLAIN)
    uploader = next(item for item in test.file_uploader if item.label.startswith("Upload a filled sheet"))
    test = uploader.set_value(("sheet.csv", sheet, "text/csv")).run()
    assert "unit" in texts(test)
    assert app.catalogue.study(PLAIN).samples == before


def test_pixel_size_is_asked_for_and_never_assumed(walk: Walk, data_folder: Path, app: App) -> None:
    test = open_tab(walk, app, "Settings")
    assert "not known" in texts(test)
    size = next(item for item in test.number_input if item.label == "Pixel size in µm" and item.form_id)
    size.set_value(0.5)
    test = next(item for item in test.button if item.label == "Save").click().run()
    assert app.catalogue.study(LABELLED).pixel_size_um == 0.5
    assert is_healthy(test), texts(test)


def test_pictures_follow_the_display_scaling(walk: Walk, data_folder: Path, app: App) -> None:
    test = open_tab(walk, app, "Pictures")
    assert "percentile" in [item.value for item in test.selectbox]
    scaling = next(item for item in test.selectbox if item.label == "Display scaling")
    assert "each cell is stretched by itself" in texts(scaling.select("per cell").run()).lower()


@pytest.mark.parametrize("path", ["streamlit_app.py", "pages/study.py", "pages/predict.py", "pages/report.py"])
def test_names_of_users_stay_plain_text(walk: Walk, data_folder: Path, app: App, path: str) -> None:
    study = app.catalogue.study(LABELLED)
    app.catalogue.update_study(study.study_id, name=NASTY)
    renamed = [replace(study.samples[0], group=NASTY), *study.samples[1:]]
    app.catalogue.update_samples(study.study_id, renamed)
    test = walk(path, study=study.study_id)
    assert is_healthy(test), texts(test)
    assert "\u202e" not in texts(test)
    assert not [item for item in test.get("html") if "<img src=http" in item.proto.body]
    for item in [*test.caption, *test.markdown]:
        assert "](http" not in item.value.replace("\\", "\x00")


def test_an_empty_inbox_says_where_it_is(walk: Walk, data_folder: Path, app: App) -> None:
    test = walk("pages/study.py", study=app.catalogue.study(LABELLED).study_id)
    where = next(item for item in test.segmented_control if item.label == "Where are the images?")
    test = where.set_value("Inbox of the server").run()
    assert "The inbox is empty" in texts(test)
    assert str(data_folder / "inbox") in [item.value for item in test.code]


def test_studies_are_listed_opened_and_deleted_on_home(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    test = walk()
    assert PLAIN in texts(test) and LABELLED in texts(test)
    test = next(item for item in test.button if item.key == f"delete_{study.study_id}").click().run()
    assert PLAIN not in texts(test)
    assert [known.name for known in studies.list_studies(app)] == [LABELLED]


def test_a_study_is_renamed_on_home_and_on_its_page(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    test = walk()
    next(item for item in test.text_input if item.key == f"name_{study.study_id}").set_value("Plate 3")
    test = next(item for item in test.button if item.key == f"rename_{study.study_id}").click().run()
    assert is_healthy(test) and "Plate 3" in texts(test) and PLAIN not in texts(test)
    test = open_tab(walk, app, "Settings", "Plate 3")
    next(item for item in test.text_input if item.key == f"study_name_{study.study_id}").set_value(LABELLED)
    test = next(item for item in test.button if item.label == "Rename").click().run()
    assert "exists already" in texts(test) and app.catalogue.study(study.study_id).name == "Plate 3"


def test_outlines_leave_from_the_pictures(walk: Walk, data_folder: Path, app: App) -> None:
    test = open_tab(walk, app, "Pictures")
    form = next(item for item in test.selectbox if item.label == "Form")
    test = form.select("geojson").run()
    assert is_healthy(test), texts(test)
    assert "Outlines as files" in {item.label for item in test.expander}


def test_another_study_is_put_into_this_one_and_what_does_not_fit_says_why(
    walk: Walk, data_folder: Path, app: App
) -> None:
    study, other = app.catalogue.study(LABELLED), app.catalogue.study(PLAIN)
    test = open_tab(walk, app, "Settings")
    box = next(item for item in test.selectbox if item.key == f"merge_other_{study.study_id}")
    test = box.select(other.study_id).run()
    assert is_healthy(test) and f"will have {study.cells + other.cells} cells" in texts(test)
    test = next(item for item in test.button if item.key == f"merge_{study.study_id}").click().run()
    work(app)
    test = test.run()
    assert is_healthy(test) and f"{other.name} was deleted, w" in texts(test)
    assert app.catalogue.study(LABELLED).cells == study.cells + other.cells
    assert [known.name for known in studies.list_studies(app)] == [LABELLED]


def test_a_study_with_other_channels_has_no_button_to_put_it_in(walk: Walk, data_folder: Path, app: App) -> None:
    study, other = app.catalogue.study(LABELLED), app.catalogue.study(PLAIN)
    app.catalogue.update_study(other.study_id, channels=("Ch1", "Ch9"))
    test = open_tab(walk, app, "Settings")
    test = (
        next(item for item in test.selectbox if item.key == f"merge_other_{study.study_id}")
        .select(other.study_id)
        .run()
    )
    assert is_healthy(test) and "cannot be put into" in texts(test)
    assert f"merge_{study.study_id}" not in {item.key for item in test.button}
