"""Training on the page Models: the form, its refusals, curves of a running job, stop, keep, throw away, searches."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from app_walk import LABELLED, PLAIN, Walk, is_healthy, texts, work
from small_studies import simulated_study
from streamlit.testing.v1 import AppTest

from nscweb.jobs import queue
from nscweb.services.context import App
from nscweb.services.models import list_models
from nscweb.services.train import search_jobs, training_jobs, training_plan
from nscweb.services.train.request import TrainRequest, TuneRequest
from nscweb.services.train.tune_space import SPACE
from nscweb.ui.models.training_view import TABS

QUICK = {"options": {"width": 8, "depth": 1}, "precision": "float32", "batch": 32}


@pytest.fixture(autouse=True)
def known_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No measurement in the middle of a page."""
    speed = training_plan.Speed(100.0, "2026-01-01T00:00:00Z", "measured")
    monkeypatch.setattr("nscweb.services.train.training_plan.known_speed", lambda *_: speed)


def opened(walk: Walk, tab: str, **parameters: str) -> AppTest:
    test = walk("pages/models.py", **parameters)
    test.session_state["models_tabs"] = tab
    return test.run()


def button(test: AppTest, label: str):
    return next(item for item in test.button if item.label == label)


def order(app: App, name: str = "mine", epochs: int = 1) -> training_jobs.TrainingOrder:
    study = app.catalogue.study(LABELLED).study_id
    return training_jobs.TrainingOrder(
        name, TrainRequest((study,), "compact", Path(name), epochs=epochs, settings=QUICK, split_by="sample", folds=1)
    )


def queued(app: App, wanted: training_jobs.TrainingOrder) -> str:
    training_jobs.new_training(app, wanted)
    job = queue.submit(app, "train", {"name": wanted.name})
    training_jobs.started(app, wanted.name, job.job_id)
    return job.job_id


def test_without_labelled_cells_the_page_says_what_to_do(walk: Walk, empty_folder: Path) -> None:
    for tab in TABS[1:3]:
        test = opened(walk, tab)
        assert is_healthy(test), texts(test)
        assert "No study has cells of known class yet" in texts(test) and "true class" in texts(test)


def test_the_form_shows_split_and_cost_and_start_queues_one_job(walk: Walk, data_folder: Path, app: App) -> None:
    test = opened(walk, TABS[1])
    assert is_healthy(test), texts(test)
    said = texts(test)
    assert "was judged by a network" in said and "cells/s" in said and "up to" in said
    assert "the network that others are compared with" in said.replace("\\", "")
    test = test.number_input(key="train_epochs").set_value(1).run()
    test = button(test, "Start training").click().run()
    assert is_healthy(test), texts(test)
    (item,) = training_jobs.trainings(app)
    assert item.order.planned_epochs == 1 and item.state == "queued"
    assert test.query_params["job"] == item.order.job_id
    assert "waits for its turn" in texts(test)


def test_a_name_that_cannot_be_one_and_a_split_that_cannot_be_made_are_told(
    walk: Walk, data_folder: Path, app: App
) -> None:
    test = opened(walk, TABS[1])
    test = test.selectbox(key="train_split").set_value("donor").run()
    assert "needs to know the donor" in texts(test) and button(test, "Start training").disabled
    test = test.selectbox(key="train_split").set_value("sample").run()
    name = next(item for item in test.text_input if item.label == "Name of the model")
    test = name.set_value("日本").run()
    test = button(test, "Start training").click().run()
    assert "cannot be the name of a model" in texts(test)
    assert training_jobs.trainings(app) == [] and queue.active(app) == []


@pytest.mark.parametrize(
    ("typed", "name"),
    [("../x", "x"), ("Müllers Zellen (neu)", "Mullers-Zellen-neu"), ("a/b\\c", "a-b-c"), ("fine-1.0", "fine-1.0")],
)
def test_a_name_is_made_valid_when_it_was_typed(walk: Walk, data_folder: Path, app: App, typed: str, name: str) -> None:
    test = opened(walk, TABS[1])
    field = next(item for item in test.text_input if item.label == "Name of the model")
    test = field.set_value(typed).run()
    assert next(item for item in test.text_input if item.label == "Name of the model").value == name
    assert ("cannot be the name of a folder" in texts(test)) == (typed != name)
    test = button(test, "Start training").click().run()
    assert is_healthy(test), texts(test)
    assert [item.order.name for item in training_jobs.trainings(app)] == [name]


def test_a_labelled_study_is_the_default_choice_and_measured_cells_come_first(
    walk: Walk, data_folder: Path, app: App
) -> None:
    newest = simulated_study(app, "Demo again (simulated)", cells=60)
    assert opened(walk, TABS[1]).multiselect(key="train_studies").value == [newest.study_id]
    mine = app.catalogue.study(LABELLED).study_id
    app.catalogue.update_study(mine, simulated=False)
    assert opened(walk, TABS[1]).multiselect(key="train_studies").value == [mine]
    # The study in use wins, where it has labels.
    assert opened(walk, TABS[1], study=newest.study_id).multiselect(key="train_studies").value == [newest.study_id]
    unlabelled = app.catalogue.study(PLAIN).study_id
    assert opened(walk, TABS[1], study=unlabelled).multiselect(key="train_studies").value == [mine]


def test_stop_continue_keep_and_the_model_is_in_the_pickers(walk: Walk, data_folder: Path, app: App) -> None:
    job_id = queued(app, order(app))
    test = opened(walk, TABS[1], job=job_id)
    test = button(test, "Stop training").click().run()
    test = test.run()
    assert training_jobs.training(app, "mine").state == "stopped"
    assert "job" not in test.query_params
    test = button(test, "Continue").click().run()
    assert training_jobs.training(app, "mine").state == "queued"
    work(app)
    test = test.run()
    assert is_healthy(test), texts(test)
    assert "Measured on" in texts(test) and test.get("plotly_chart")
    test = test.text_input(key="keep_name_mine").set_value("Best-one").run()
    test = button(test, "Keep").click().run()
    assert is_healthy(test), texts(test)
    assert "The model Best-one is kept" in texts(test)
    assert "Best-one" in {entry.card.name for entry in list_models(app)}
    predict = walk("pages/predict.py")
    assert any("Best-one" in option for option in predict.selectbox(key="predict_model").options)


def test_a_finished_model_is_thrown_away_when_asked(walk: Walk, data_folder: Path, app: App) -> None:
    queued(app, order(app))
    work(app)
    test = opened(walk, TABS[1])
    test = test.button(key="discard_mine").click().run()
    assert is_healthy(test) and training_jobs.trainings(app) == []
    assert {entry.card.name for entry in list_models(app)} == {"random-compact"}


def test_a_failed_training_says_why(walk: Walk, data_folder: Path, app: App) -> None:
    wanted = order(app)
    queued(app, replace(wanted, request=replace(wanted.request, settings={"no_such_setting": 1})))
    work(app)
    said = texts(opened(walk, TABS[1]))
    assert "no_such_setting" in said and "Traceback" not in said


def test_a_job_in_the_address_opens_its_tab(walk: Walk, data_folder: Path, app: App) -> None:
    job_id = queued(app, order(app))
    assert "waits for its turn" in texts(walk("pages/models.py", job=job_id))


def test_a_search_shows_its_trials_and_its_settings_can_be_trained_with(
    walk: Walk, data_folder: Path, app: App
) -> None:
    study = app.catalogue.study(LABELLED).study_id
    space = {name: SPACE[name] for name in ("learning_rate", "batch")}
    wanted = search_jobs.SearchOrder(
        "s", TuneRequest((study,), "compact", Path("s"), epochs=1, trials=2, space=space, split_by="sample")
    )
    search_jobs.new_search(app, wanted)
    search_jobs.search_started(app, "s", queue.submit(app, "tune", {"name": "s"}).job_id)
    work(app)
    test = opened(walk, TABS[2])
    assert is_healthy(test), texts(test)
    assert "Lowest validation loss" in texts(test) and len(test.get("plotly_chart")) == 2
    train = opened(walk, TABS[1])
    train = train.selectbox(key="train_settings").set_value("s").run()
    train = train.number_input(key="train_epochs").set_value(1).run()
    button(train, "Start training").click().run()
    (item,) = training_jobs.trainings(app)
    best = json.loads((app.folder.root / "searches" / "s" / "best.json").read_text("utf-8"))
    assert item.order.request.settings == best


def test_a_search_is_started_from_its_form(walk: Walk, data_folder: Path, app: App) -> None:
    test = opened(walk, TABS[2])
    test = test.number_input(key="search_trials").set_value(3).run()
    test = button(test, "Start search").click().run()
    assert is_healthy(test), texts(test)
    (item,) = search_jobs.searches(app)
    assert (item.order.request.trials, item.order.request.epochs, item.state) == (3, 20, "queued")


def test_a_backbone_with_weights_on_this_computer_can_start_from_them(walk: Walk, data_folder: Path, app: App) -> None:
    test = opened(walk, TABS[1])
    assert not [item for item in test.toggle if item.label == "Start from ImageNet weights"]
    test = test.selectbox(key="train_architecture").set_value("efficientnet-lite0").run()
    test = test.toggle(key="train_imagenet_efficientnet-lite0").set_value(True).run()
    test = test.number_input(key="train_epochs").set_value(1).run()
    test = button(test, "Start training").click().run()
    assert is_healthy(test), texts(test)
    (item,) = training_jobs.trainings(app)
    assert item.order.request.settings["pretrained"] == "imagenet"
    test = opened(walk, TABS[1])
    test = test.selectbox(key="train_architecture").set_value("zamani2023-resnet18").run()
    assert "can be downloaded on the tab" in texts(test)
