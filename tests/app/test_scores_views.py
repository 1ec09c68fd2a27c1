"""Honest scores and known mixtures on pages: the Models page, and the view that Compare opens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app_walk import Walk, is_healthy, texts
from known_model import drawn_cells, with_held_out
from streamlit.testing.v1 import AppTest

from nscweb.core.card import read_card
from nscweb.services.context import App
from nscweb.services.predict import controls


def add_scores(folder: Path) -> None:
    entry = read_card(next((folder / "models").glob("*/card.json")).parent)
    with_held_out(entry, replace(drawn_cells(3000, sharpen=2.5), classes=entry.card.classes.names))


def script() -> None:
    from nscweb.services.predict import runs
    from nscweb.ui import cached
    from nscweb.ui.compare import scores_view

    app = cached.app()
    scores_view.show_scores(app, runs.list_runs(app)[0], None)


def test_a_model_without_held_out_scores_says_so(walk: Walk, data_folder: Path) -> None:
    test = walk("pages/models.py", model="random-compact")
    assert is_healthy(test)
    assert "Make them with nscweb models audit" in texts(test)


def test_the_models_page_shows_reliability_and_recovers_mixtures(walk: Walk, data_folder: Path) -> None:
    add_scores(data_folder)
    test = walk("pages/models.py", model="random-compact")
    assert is_healthy(test), texts(test)
    said = texts(test)
    assert "Calibration error" in said
    assert "too sure" in said
    assert "In a sample of 500 cells" in said and "1,000 more labelled cells of each class" in said
    assert "Maximum likelihood (EM)" in said
    test.selectbox(key="reliability_model_random-compact").select_index(1).run()
    assert is_healthy(test), texts(test)
    test.slider(key="mixtures_random-compact_many").set_value(5)
    test.slider(key="mixtures_random-compact_cells").set_value(200)
    button = next(item for item in test.button if item.label == "Mix and recover")
    button.click().run()
    assert is_healthy(test), texts(test)
    assert "5 mixtures of 200 held-out simulated cells" in texts(test)
    kind = next(item for item in test.segmented_control if item.label == "Which ratios")
    kind.set_value("My ratio").run()
    assert is_healthy(test), texts(test)
    assert len([item for item in test.slider if "%" in item.label]) >= 3


def test_sets_of_a_run_and_its_controls(data_folder: Path, app: App) -> None:
    add_scores(data_folder)
    test = AppTest.from_function(script, default_timeout=60).run()
    assert is_healthy(test), texts(test)
    said = texts(test)
    assert "Tried out on held-out samples" in said
    table = test.dataframe[0].value
    assert len(table) == 12
    slider = next(item for item in test.slider if "Error rate" in item.label)
    slider.set_value(2).run()
    assert is_healthy(test), texts(test)
    assert "promised 98 %" in texts(test)
    study = next(item for item in app.catalogue.studies() if app.catalogue.runs(item.study_id))
    names = [sample.name for sample in study.samples]
    test.multiselect[0].set_value(names)
    next(item for item in test.button if item.label == "Use these controls").click().run()
    assert is_healthy(test), texts(test)
    assert controls.control_choice(app, study.study_id).chosen == tuple(names)
    assert "cannot be used" in texts(test)
    test.multiselect[0].set_value(names[:1])
    next(item for item in test.button if item.label == "Use these controls").click().run()
    assert "No chosen control sample is of the class" in texts(test)


def test_a_run_without_held_out_scores_and_with_damaged_ones(data_folder: Path) -> None:
    test = AppTest.from_function(script, default_timeout=60).run()
    assert is_healthy(test), texts(test)
    assert "No scores of held-out cells" in texts(test)
    add_scores(data_folder)
    next((data_folder / "models").glob("*/held_out.npz")).write_bytes(b"damaged")
    test.run()
    assert "nscweb models audit" in texts(test)
