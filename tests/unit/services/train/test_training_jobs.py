"""Trainings as jobs: planned from the catalogue, watched, stopped, gone on with, kept under a name or thrown away."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from small_studies import simulated_study

from nscweb.core.errors import InputRefused, JobCancelled, StoreError, WrongUse
from nscweb.jobs import queue
from nscweb.jobs.worker import Worker
from nscweb.services.context import App
from nscweb.services.models import list_models
from nscweb.services.train import search_jobs
from nscweb.services.train import training_jobs as jobs
from nscweb.services.train.request import TrainRequest
from nscweb.services.train.training_plan import (
    Live,
    LiveWriter,
    architecture_facts,
    architecture_names,
    keep_speed,
    known_speed,
    labelled_studies,
    mean_speed,
    plan_table,
    plan_training,
    read_live,
)
from nscweb.services.train.tune_space import SPACE

SMALL = {"options": {"width": 8, "depth": 1}, "precision": "float32", "batch": 32}


@pytest.fixture
def app(opened: App) -> App:
    simulated_study(opened, "Labelled", cells=144, replicates=4)
    simulated_study(opened, "Unlabelled", cells=24, truth=False, seed=2)
    return opened


def order(app: App, name: str = "mine", epochs: int = 2) -> jobs.TrainingOrder:
    return wanted(name, app.catalogue.study("Labelled").study_id, epochs)


def wanted(name: str, study: str = "s000001", epochs: int = 2) -> jobs.TrainingOrder:
    request = TrainRequest((study,), "compact", Path(name), epochs=epochs, settings=SMALL, split_by="sample", folds=1)
    return jobs.TrainingOrder(name, request, planned_epochs=epochs, planned_cells=100)


def test_only_labelled_studies_are_offered_and_a_plan_costs_no_cell(app: App) -> None:
    (found,) = labelled_studies(app)
    assert (found.study.name, found.samples, found.cells) == ("Labelled", 24, 144)
    assert found.classes == ("astrocyte", "neuron", "oligodendrocyte")
    request = TrainRequest((found.study.study_id,), "compact", app.folder.models_dir / "x", epochs=3, folds=1)
    plan = plan_training(app, request)
    assert sum(row.cells for row in plan.parts) == 144 and sum(row.samples for row in plan.parts) >= 24
    assert plan.epochs == 3 and plan.train_cells == plan.parts[0].cells and "never" in plan.sentence
    assert plan.speed is None and plan.seconds is None
    assert list(plan_table(plan)[0]) == ["Part", "Samples", "Cells", *found.classes]
    keep_speed(app, "compact", 50.0, "measured")
    timed = plan_training(app, request)
    assert timed.seconds == pytest.approx(3 * plan.train_cells / 50)
    with pytest.raises(InputRefused, match="donor"):
        plan_training(app, replace(request, split_by="donor"))


def test_the_plan_is_the_split_that_training_makes(app: App) -> None:
    plan = plan_training(app, order(app).request)
    jobs.new_training(app, order(app, epochs=1))
    entry = jobs.run_training(app, "mine")
    assert entry.card.origin.split == plan.sentence and entry.card.origin.cells == plan.train_cells


def test_networks_have_facts_in_words() -> None:
    assert architecture_names()[0] == "compact"
    compact, accurate = architecture_facts("compact"), architecture_facts("accurate")
    assert compact.relative == 1.0 and accurate.relative > 1 and "where it looked" in accurate.maps
    assert "no Grad-CAM" in architecture_facts("zhu2021-mlp").maps
    with pytest.raises(WrongUse):
        architecture_facts("nothing")


def test_a_speed_of_another_network_is_scaled_by_work(opened: App) -> None:
    app = opened
    assert known_speed(app, "accurate") is None
    keep_speed(app, "compact", 100.0, "trained")
    known = known_speed(app, "compact")
    assert known is not None and (known.cells_per_second, known.how) == (100.0, "trained")
    scaled = known_speed(app, "accurate")
    assert scaled is not None and scaled.how == "scaled"
    assert scaled.cells_per_second == pytest.approx(100 / architecture_facts("accurate").relative)


def test_a_job_trains_shows_its_curves_and_the_model_is_kept(app: App) -> None:
    jobs.new_training(app, order(app))
    job = queue.submit(app, "train", {"name": "mine"})
    jobs.started(app, "mine", job.job_id)
    assert [(item.order.name, item.state) for item in jobs.trainings(app)] == [("mine", "queued")]
    with pytest.raises(WrongUse, match="at work"):
        jobs.discard(app, "mine")
    with pytest.raises(WrongUse, match="there already"):
        jobs.new_training(app, order(app))
    Worker(app).run(once=True)
    assert queue.view(app, job.job_id).result == {"training": "mine", "model": "mine"}
    done = jobs.training(app, "mine")
    assert done.state == "finished" and done.model is not None
    assert [row["epoch"] for row in done.live.history] == [1.0, 2.0]
    assert done.live.best in done.live.history and done.live.cells_per_second
    assert list_models(app) == []
    speed = known_speed(app, "compact")
    assert speed is not None and speed.how == "trained"
    entry = jobs.keep(app, "mine", "Better-name")
    assert entry.card.name == "Better-name" and entry.card.title.startswith("Better-name:")
    assert [model.card.name for model in list_models(app)] == ["Better-name"]
    assert jobs.trainings(app) == [] and not (app.folder.root / "training" / "mine").exists()
    assert json.loads(entry.card.origin.command.partition(": ")[2])["architecture"] == "compact"


def test_a_stopped_training_goes_on_to_the_end_of_an_unbroken_one(app: App) -> None:
    jobs.new_training(app, order(app, "whole", 3))
    whole = jobs.run_training(app, "whole")
    jobs.new_training(app, order(app, "broken", 3))

    def stop_in_the_second_epoch() -> bool:
        return bool(read_live(app.folder.root / "training" / "broken").history)

    with pytest.raises(JobCancelled):
        jobs.run_training(app, "broken", cancel=stop_in_the_second_epoch)
    stopped = jobs.training(app, "broken")
    assert stopped.state == "stopped" and len(stopped.live.history) == 1
    with pytest.raises(WrongUse, match="not finished"):
        jobs.keep(app, "broken")
    entry = jobs.run_training(app, "broken")
    assert entry.card.weights.sha256 == whole.card.weights.sha256
    assert jobs.run_training(app, "broken").card == entry.card  # asked once more: nothing is left to do
    jobs.discard(app, "broken")
    assert [item.order.name for item in jobs.trainings(app)] == ["whole"]


def test_a_failed_training_says_why_and_can_be_discarded(app: App) -> None:
    first = order(app)
    jobs.new_training(app, replace(first, request=replace(first.request, architecture="nothing")))
    job = queue.submit(app, "train", {"name": "mine"})
    jobs.started(app, "mine", job.job_id)
    Worker(app).run(once=True)
    failed = jobs.training(app, "mine")
    assert failed.state == "failed" and "architecture" in failed.message
    jobs.discard(app, "mine")
    with pytest.raises(StoreError):
        jobs.training(app, "mine")


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "ü", "a/b", "x" * 81])
def test_names_that_cannot_be_folders_are_refused(opened: App, name: str) -> None:
    with pytest.raises(WrongUse):
        jobs.new_training(opened, wanted(name))
    with pytest.raises(StoreError):
        jobs.training(opened, name)


def test_a_name_that_a_model_has_is_refused(opened: App) -> None:
    (opened.folder.models_dir / "mine").mkdir()
    with pytest.raises(WrongUse, match="installed already"):
        jobs.new_training(opened, wanted("mine"))


def test_curves_of_an_interrupted_part_stay_until_the_epoch_comes_again(opened: App) -> None:
    folder = opened.folder.root / "training" / "x"
    first = LiveWriter(folder, 5, 10)
    for epoch in (1.0, 2.0):
        first({"epoch": epoch, "validation_loss": 1 / epoch, "seconds": 2.0})
    again = LiveWriter(folder, 5, 10)
    again({"epoch": 1.0, "validation_loss": 9.0, "seconds": 1.0})
    live = read_live(folder)
    assert [row["validation_loss"] for row in live.history] == [9.0, 0.5]
    assert live.epochs == 5 and live.cells_per_second == 5.0
    assert mean_speed(live.history, 10) == 5.0 and mean_speed(live.history[:1], 10) is None
    assert Live().best is None and Live().cells_per_second is None


def test_orders_of_an_earlier_version_go_on(opened: App) -> None:
    """Version 0.4.0 wrote each setting by itself, without the request that holds them."""
    shared = {"name": "mine", "studies": ["s1"], "architecture": "compact", "split_by": "donor", "epochs": 3, "seed": 4}
    training = {**shared, "settings": {"batch": 32}, "channels": ["Ch1"], "planned_epochs": 3, "job_id": "j1"}
    searching = {**shared, "trials": 5, "sampler": "tpe", "searched": ["batch", "mixup"], "job_id": "j2"}
    for place, content in (("training", training), ("searches", searching)):
        (opened.folder.root / place / "mine").mkdir(parents=True)
        (opened.folder.root / place / "mine" / "order.json").write_text(json.dumps(content), "utf-8")
    found, search = jobs.training(opened, "mine").order, search_jobs.search(opened, "mine").order
    for order in (found, search):
        asked = order.request
        assert (asked.studies, asked.architecture, asked.split_by) == (("s1",), "compact", "donor")
        assert (asked.epochs, asked.seed) == (3, 4)
    assert (found.request.settings, found.request.channels) == ({"batch": 32}, ("Ch1",))
    assert (found.planned_epochs, found.job_id, search.job_id) == (3, "j1", "j2")
    assert (search.request.trials, search.request.sampler) == (5, "tpe")
    assert search.request.space == {name: SPACE[name] for name in ("batch", "mixup")}
    search_jobs.search_started(opened, "mine", "j3")
    assert search_jobs.search(opened, "mine").order == replace(search, job_id="j3")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "Expecting property name"),
        ("[]", "is damaged ('list' object"),
        ('{"request": {}, "name": "mine"}', "request.studies"),
        ('{"request": {"studies": 3}, "name": "mine"}', "request.studies is 3, where a list is expected"),
    ],
)
def test_a_damaged_order_says_what_is_wrong(opened: App, content: str, words: str) -> None:
    for kind in (jobs.training, search_jobs.search):
        with pytest.raises(StoreError, match="There is no"):
            kind(opened, "mine")
    for place, kind in (("training", jobs.training), ("searches", search_jobs.search)):
        (opened.folder.root / place / "mine").mkdir(parents=True)
        (opened.folder.root / place / "mine" / "order.json").write_text(content, "utf-8")
        with pytest.raises(StoreError) as damaged:
            kind(opened, "mine")
        assert words in str(damaged.value) and "order.json" in str(damaged.value)
