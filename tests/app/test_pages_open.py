"""Every page: empty, with data, and with something broken."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from app_walk import LABELLED, PLAIN, Walk, is_healthy, texts
from streamlit.testing.v1 import AppTest

from nscweb.services.context import App
from nscweb.ui.frame import PAGES, RESEARCH_USE

PATHS = [row.path for row in PAGES]
NEED_A_STUDY = ["pages/predict.py", "pages/compare.py", "pages/cells.py", "pages/evaluate.py", "pages/report.py"]


def id_of(app: App, name: str) -> str:
    return app.catalogue.study(name).study_id


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_data_folder_opens_every_page(walk: Walk, empty_folder: Path, path: str) -> None:
    test = walk(path)
    assert is_healthy(test)
    assert RESEARCH_USE in texts(test)


@pytest.mark.parametrize("path", NEED_A_STUDY)
def test_without_a_study_a_page_says_what_to_do_next(walk: Walk, empty_folder: Path, path: str) -> None:
    assert "There is no study yet" in texts(walk(path))


@pytest.mark.parametrize("path", PATHS)
def test_every_page_shows_a_predicted_study(walk: Walk, data_folder: Path, app: App, path: str) -> None:
    test = walk(path, study=id_of(app, LABELLED))
    assert is_healthy(test), texts(test)
    assert test.title[0].value


@pytest.mark.parametrize("path", PATHS)
def test_lists_of_facts_name_no_raw_columns(walk: Walk, data_folder: Path, app: App, path: str) -> None:
    lists = re.findall(r'class="nsc-kv">(.*?)</table>', texts(walk(path, study=id_of(app, LABELLED))))
    names = [name for rows in lists for name in re.findall(r"<tr><td>(.*?)</td>", rows)]
    assert bool(names) == (path in ("pages/models.py", "pages/report.py"))
    assert [name for name in names if "_" in name or (name[:1].islower() and not name.startswith("p values"))] == []


def test_bringing_in_cells_from_home_opens_the_form(walk: Walk, data_folder: Path, app: App) -> None:
    def form(test: AppTest) -> bool:
        return next(fold for fold in test.expander if fold.label == "New study: bring in cells").proto.expanded

    assert not form(walk("pages/study.py", study=id_of(app, LABELLED)))
    test = walk("streamlit_app.py", study=id_of(app, LABELLED))
    next(button for button in test.button if button.label == "Bring in your own cells").click().run()
    test.switch_page("pages/study.py")
    assert form(test.run())


@pytest.mark.parametrize("path", NEED_A_STUDY[1:])
def test_a_study_without_a_run_leads_to_predict(walk: Walk, data_folder: Path, app: App, path: str) -> None:
    test = walk(path, study=id_of(app, PLAIN))
    assert is_healthy(test)
    assert "has not been predicted yet" in texts(test)


@pytest.mark.parametrize("path", ["pages/study.py", *NEED_A_STUDY])
def test_simulated_cells_are_called_simulated(walk: Walk, data_folder: Path, app: App, path: str) -> None:
    assert "Simulated data" in texts(walk(path, study=id_of(app, LABELLED)))


@pytest.mark.parametrize("path", NEED_A_STUDY)
def test_an_address_of_a_deleted_study_is_told(walk: Walk, data_folder: Path, path: str) -> None:
    test = walk(path, study="s000999")
    assert is_healthy(test)
    assert "does not exist any more" in texts(test)


@pytest.mark.parametrize("path", ["pages/predict.py", "pages/compare.py", "pages/cells.py", "pages/evaluate.py"])
def test_a_lost_prediction_table_is_told_in_plain_words(walk: Walk, data_folder: Path, app: App, path: str) -> None:
    study = app.catalogue.study(LABELLED)
    run = app.catalogue.last_run(study.study_id)
    assert run is not None
    (data_folder / "runs" / run.run_id / "predictions.parquet").unlink()
    test = walk(path, study=study.study_id)
    assert not test.exception
    assert "is missing" in texts(test) and "Predict the study again" in texts(test)
    assert "Traceback" not in texts(test)


def test_an_unwritable_data_folder_is_one_clear_line(walk: Walk, tmp_path: Path, monkeypatch, empty_folder) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("NSCWEB_DATA_DIR", str(blocked / "data"))
    test = walk()
    assert not test.exception
    assert "cannot be written" in texts(test) and "NSCWEB_DATA_DIR" in texts(test)


def test_an_unforeseen_error_gets_an_id_and_no_traceback(
    walk: Walk, data_folder: Path, app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from nscweb.services.compare import dashboard

    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(dashboard, "dashboard_data", broken)
    said = texts(walk("pages/predict.py", study=id_of(app, LABELLED)))
    assert "error id" in said and "secret detail" not in said and "ZeroDivision" not in said
    error_id = said.split("error id ")[1][:8]
    assert error_id in caplog.text and "secret detail" in caplog.text
