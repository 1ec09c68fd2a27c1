"""The sections of the page Evaluate: parts, sorting, two models, labels; every control does something."""

from __future__ import annotations

from pathlib import Path

from app_walk import LABELLED, Walk, is_healthy, texts, work
from asked import predict_study
from random_models import write_random_model

from nscweb.services.context import App
from nscweb.services.evaluate.by_parts import split_evaluation
from nscweb.services.evaluate.evaluate import evaluate_run
from nscweb.services.evaluate.label_audit import decisions, read_label_audit
from nscweb.services.evaluate.sorting import sorting_of, sorting_sentence
from nscweb.services.evaluate.two_runs import compare_models


def page(walk: Walk, app: App, section: str = ""):
    test = walk("pages/evaluate.py", study=app.catalogue.study(LABELLED).study_id)
    if section:
        test = next(c for c in test.button_group if section in c.options).set_value(section).run()
    return test


def control(test, kind: str, label: str):
    return next(item for item in getattr(test, kind) if item.label.startswith(label))


def run_of(app: App):
    return app.catalogue.last_run(app.catalogue.study(LABELLED).study_id)


def test_figures_can_be_split_and_a_part_chosen(walk: Walk, data_folder: Path, app: App) -> None:
    test = page(walk, app)
    assert is_healthy(test), texts(test)
    box = control(test, "selectbox", "Split by")
    assert len(box.options) >= 3
    test = box.select("replicate").run()
    result = evaluate_run(app, run_of(app))
    parts = split_evaluation(app, result, "replicate")
    said = "\n".join(str(frame.value.to_csv()) for frame in test.dataframe)
    for part in parts:
        accuracy = part.metric("accuracy")
        assert f"{accuracy.value:.3f} [{accuracy.low:.3f}–{accuracy.high:.3f}]" in said
    test = control(test, "selectbox", "Which replicate").select(parts[0].name).run()
    assert is_healthy(test), texts(test)
    assert f"{parts[0].metric('accuracy').value:.3f}" in texts(test)


def test_a_group_of_one_class_says_what_is_missing(walk: Walk, data_folder: Path, app: App) -> None:
    test = control(page(walk, app), "selectbox", "Split by").select("group").run()
    test = control(test, "selectbox", "Which group").select("neuron medium").run()
    assert is_healthy(test), texts(test)
    assert "Only neuron is in this part" in texts(test)


def test_the_threshold_moves_the_sentence(walk: Walk, data_folder: Path, app: App) -> None:
    test = page(walk, app, "Threshold for sorting")
    result = evaluate_run(app, run_of(app))
    curve = sorting_of(app, result, "neuron")
    assert sorting_sentence(curve.at(0.8), curve)[:60] in texts(test)
    test = control(test, "slider", "Least score").set_value(0.3).run()
    assert sorting_sentence(curve.at(0.3), curve)[:60] in texts(test)
    test = control(test, "toggle", "My sample has another share").set_value(True).run()
    assert "as you expect" in texts(test) and is_healthy(test)


def test_two_models_need_a_second_run_and_then_show_both(walk: Walk, data_folder: Path, app: App) -> None:
    assert "no second run" in texts(page(walk, app, "Two models"))
    write_random_model(data_folder / "models" / "second", seed=3)
    first = run_of(app)
    second = predict_study(app, first.study_id, "second")
    test = page(walk, app, "Two models")
    assert is_healthy(test), texts(test)
    found = compare_models(app, second, first)
    assert found.sentence[:50] in texts(test)
    assert "interval over samples decides" in texts(test)
    assert texts(test).count("<figure") == min(12, len(found.disagreements))


def test_labels_are_checked_by_a_job_and_decided_about(walk: Walk, data_folder: Path, app: App) -> None:
    test = page(walk, app, "Check of the labels")
    assert "have not been checked" in texts(test)
    next(item for item in test.button if item.label == "Check the labels").click().run()
    work(app)
    test = page(walk, app, "Check of the labels")
    assert is_healthy(test), texts(test)
    found = read_label_audit(app, run_of(app))
    assert found is not None and found.sentence[:40] in texts(test)
    cell = str(found.table.iloc[found.audit.order[0]]["cell_id"])
    key = f"audit_decision_{found.run.study_id}_{cell}"
    test = next(item for item in test.button_group if item.key == key).set_value("wrong").run()
    assert decisions(app, found.run.study_id)[cell]["decision"] == "wrong"
    assert "1 labels wrong" in texts(test) or "1 label wrong" in texts(test)
    test = next(item for item in test.button_group if item.key == key).set_value(None).run()
    assert decisions(app, found.run.study_id) == {} and is_healthy(test)
