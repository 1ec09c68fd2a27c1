"""Work on pages is a job with an id: found again, never doubled, cancelled, told when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_walk import LABELLED, PLAIN, Walk, is_healthy, texts, work
from streamlit.testing.v1 import AppTest

from nscweb.jobs import queue
from nscweb.services.context import App
from nscweb.services.predict import fast_here
from nscweb.services.predict.fast_here import NOT_MEASURED, FastMode


def button(test: AppTest, label: str):
    return next(item for item in test.button if item.label == label)


def test_run_prediction_queues_a_job_and_shows_its_result(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    test = walk("pages/predict.py", study=study.study_id)
    test = button(test, "Run prediction").click().run()
    assert is_healthy(test), texts(test)
    job_id = test.query_params["job"]
    assert queue.view(app, job_id).state == "queued"
    assert "You can close this tab" in texts(test)
    work(app)
    test = test.run()
    assert is_healthy(test), texts(test)
    assert "Ratios over time in each inducer group" in texts(test)
    assert "job" not in test.query_params
    assert test.query_params["run"] == app.catalogue.last_run(study.study_id).run_id


def test_fast_mode_is_offered_once_it_was_measured_to_pay(
    walk: Walk, data_folder: Path, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = app.catalogue.study(PLAIN)
    test = walk("pages/predict.py", study=study.study_id)
    assert is_healthy(test) and "Fast mode is not offered" in texts(test) and not test.toggle
    answers = [FastMode(False, NOT_MEASURED, True), FastMode(True, "2.0 times as quick as exact mode.")]
    monkeypatch.setattr("nscweb.ui.models.model_view.fast_mode", lambda app, model: answers[0])
    monkeypatch.setattr(fast_here, "measure_fast", lambda app, model, **_: answers.pop(0) and answers[0])
    test = button(test.run(), "Measure fast mode").click().run()
    assert is_healthy(test), texts(test)
    assert queue.view(app, test.query_params["job"]).kind == "fast_check"
    work(app)
    test = test.run()
    assert is_healthy(test), texts(test)
    assert [toggle.label for toggle in test.toggle] == ["Fast mode"] and "not offered" not in texts(test)


def test_a_further_run_is_shown_in_place_of_the_one_before(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    queue.submit(app, "predict", {"study": study.study_id, "model": "random-compact"})
    work(app)
    first = app.catalogue.last_run(study.study_id).run_id
    again = {"study": study.study_id, "model": "random-compact", "mode": "exact"}
    job = queue.submit(app, "predict", again)
    work(app)
    second = app.catalogue.last_run(study.study_id).run_id
    assert second != first
    test = walk("pages/predict.py", study=study.study_id, run=first, job=job.job_id)
    assert is_healthy(test), texts(test)
    assert test.query_params["run"] == second and "job" not in test.query_params
    assert test.selectbox(key="nsc_run_box").value == second
    assert f"run {second}" in texts(test) and f"run {first}" not in texts(test)


def test_pressing_twice_or_in_two_tabs_gives_one_run(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    first, second = (walk("pages/predict.py", study=study.study_id) for _ in range(2))
    first = button(first, "Run prediction").click().run()
    first = button(first, "Run prediction").click().run()
    second = button(second, "Run prediction").click().run()
    assert first.query_params["job"] == second.query_params["job"]
    work(app)
    assert len(app.catalogue.runs(study.study_id)) == 1


def test_a_reloaded_tab_finds_the_job_by_the_address(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    job = queue.submit(app, "predict", {"study": study.study_id, "model": "random-compact"})
    test = walk("pages/predict.py", study=study.study_id, job=job.job_id)
    assert f"job {job.job_id}" in texts(test)


def test_cancel_ends_a_waiting_job(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    job = queue.submit(app, "predict", {"study": study.study_id, "model": "random-compact"})
    test = walk("pages/predict.py", study=study.study_id, job=job.job_id)
    button(test, "Cancel").click().run()
    assert queue.view(app, job.job_id).state == "cancelled"


def test_a_failed_job_tells_why(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(LABELLED)
    job = queue.submit(app, "predict", {"study": study.study_id, "model": "no-such-model"})
    work(app)
    said = texts(walk("pages/predict.py", study=study.study_id, job=job.job_id))
    assert "no-such-model" in said and "Traceback" not in said


def test_a_job_that_never_was_is_told_once(walk: Walk, data_folder: Path) -> None:
    test = walk("pages/predict.py", job="j000999")
    assert "There is no job" in texts(test)
    assert "There is no job" not in texts(test.run())


def test_links_follow_a_finished_job_to_its_study_and_run(walk: Walk, data_folder: Path, app: App) -> None:
    before, study = app.catalogue.study(LABELLED), app.catalogue.study(PLAIN)
    job = queue.submit(app, "predict", {"study": study.study_id, "model": "random-compact"})
    work(app)
    test = walk("pages/predict.py", study=before.study_id, job=job.job_id)
    run = app.catalogue.last_run(study.study_id)
    assert run is not None
    links = [item.proto.query_string for item in test.sidebar.get("page_link")]
    assert links and all(study.study_id in link and run.run_id in link for link in links)
