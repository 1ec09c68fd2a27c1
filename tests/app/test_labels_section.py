"""The section Labels of the page Cells: by hand with keys and undo, from a file, and on to a training."""

from __future__ import annotations

from pathlib import Path

from app_walk import LABELLED, PLAIN, Walk, is_healthy, texts
from asked import predict_study
from marker_studies import marker_study
from streamlit.testing.v1 import AppTest

from nscweb.services.context import App
from nscweb.services.labels.labels import add_labels, history_of, labels_of
from nscweb.services.train import training_jobs
from nscweb.ui.models.learn_from import BY_CELL
from nscweb.ui.models.training_view import TABS


def opened(walk: Walk, app: App, study: str = LABELLED) -> AppTest:
    return walk("pages/cells.py", study=app.catalogue.study(study).study_id, section="labels")


def unescaped(test: AppTest) -> str:
    """Everything that a page says, without what keeps Markdown from being read into names."""
    return texts(test).replace("\\", "")


def begun(walk: Walk, app: App, study: str = LABELLED) -> AppTest:
    test = opened(walk, app, study)
    return test.text_input(key="labels_who").set_value("Anna").run()


def test_a_name_is_asked_first_and_then_cells_are_labelled_one_by_one(walk: Walk, data_folder: Path, app: App) -> None:
    test = opened(walk, app)
    assert is_healthy(test) and "Type your name to begin" in unescaped(test)
    test = begun(walk, app)
    assert is_healthy(test) and "Cell 1 of 10" in unescaped(test)
    test = test.button(key="label_as_1").click().run()
    assert "Cell 2 of 10" in texts(test) and "1 cell labelled: 1 astrocyte." in unescaped(test)
    test = test.button(key="label_pass").click().run()
    test = test.button(key="label_as_2").click().run()
    assert "Cell 4 of 10" in texts(test) and "passed over" in unescaped(test)
    rows = labels_of(app, LABELLED)
    assert list(rows["who"].unique()) == ["Anna"] and len(rows) == 2
    assert set(rows["drawn"]) <= {"uncertain", "random"}
    test = test.button(key="label_undo").click().run()
    assert is_healthy(test) and "Cell 3 of 10" in unescaped(test)
    assert len(labels_of(app, LABELLED)) == 1 and "undone" in set(history_of(app, LABELLED)["state"])


def test_after_ten_cells_the_next_ten_come_and_one_of_ten_is_asked_blindly(
    walk: Walk, data_folder: Path, app: App
) -> None:
    test = begun(walk, app)
    for _ in range(10):
        test = test.button(key="label_as_1").click().run()
    assert is_healthy(test) and "Cell 1 of 10" in unescaped(test)
    assert sorted(labels_of(app, LABELLED)["how"]) == ["blind"] + ["hand"] * 9


def test_a_study_without_a_run_is_labelled_with_classes_that_are_typed(walk: Walk, data_folder: Path, app: App) -> None:
    test = begun(walk, app, PLAIN)
    assert is_healthy(test) and "Name two classes to begin" in unescaped(test)
    assert test.selectbox(key="labels_order").options[0] == "labels disagree, or the model with a label"


def test_labels_lead_to_the_form_of_a_training_that_learns_from_them(
    walk: Walk, data_folder: Path, app: App, monkeypatch
) -> None:
    from nscweb.services.train import training_plan

    speed = training_plan.Speed(100.0, "2026-01-01T00:00:00Z", "measured")
    monkeypatch.setattr("nscweb.services.train.training_plan.known_speed", lambda *_: speed)
    study = app.catalogue.study(LABELLED)
    keys = app.catalogue.sample_keys(study.study_id)
    for sample in study.samples:
        cells = [f"{keys[sample.name]}:{row}" for row in range(sample.cells - 1)]
        add_labels(app, LABELLED, cells, sample.true_class, "marker", "markers")
    test = walk("pages/models.py", study=study.study_id, learn="labels")
    assert is_healthy(test), texts(test)
    assert test.session_state["models_tabs"] == TABS[1] or BY_CELL in str(test)
    assert "108 cells labelled: 36 astrocyte, 36 neuron and 36 oligodendrocyte." in unescaped(test)
    next(item for item in test.button if item.label == "Start training").click().run()
    (item,) = training_jobs.trainings(app)
    assert item.order.request.labels == ("all",) and item.order.planned_cells < 108


def test_markers_are_measured_looked_at_and_become_labels(walk: Walk, data_folder: Path, app: App) -> None:
    study = marker_study(app)
    run = predict_study(app, study.study_id, "random-compact")
    test = walk("pages/cells.py", study=study.study_id, run=run.run_id, section="labels")
    test = test.segmented_control(key="labels_way").set_value("From markers").run()
    assert is_healthy(test) and "measured once" in texts(test)
    test = test.button(key="markers_measure").click().run()
    assert is_healthy(test), texts(test)
    said = unescaped(test)
    assert "control cells without GFAP" in said and "180 of control samples" in said
    assert len(test.get("plotly_chart")) == 2
    test = test.button(key="markers_label").click().run()
    assert is_healthy(test) and "Markers against medium" in texts(test)
    assert "Predicted ratios against markers" in texts(test)
    assert set(labels_of(app, study.name)["who"]) == {"markers"}
    test = test.selectbox(key=f"marker_method_{study.study_id}_0").set_value("by hand").run()
    test = test.number_input(key=f"marker_by_hand_{study.study_id}_0").set_value(9_999.0).run()
    test = test.button(key="markers_label").click().run()
    assert is_healthy(test) and set(labels_of(app, study.name)["class"]) == {"neuron"}


def test_a_study_without_markers_says_what_to_do_and_the_sheet_labels_all(
    walk: Walk, data_folder: Path, app: App
) -> None:
    test = opened(walk, app)
    test = test.segmented_control(key="labels_way").set_value("From markers").run()
    assert is_healthy(test) and "has no marker channel" in texts(test)
    test = test.segmented_control(key="labels_way").set_value("From populations and sheet").run()
    test = test.button(key="labels_sheet").click().run()
    assert is_healthy(test) and "sample sheet labelled 120 cells" in texts(test)
    assert set(labels_of(app, LABELLED)["how"]) == {"sheet"}
