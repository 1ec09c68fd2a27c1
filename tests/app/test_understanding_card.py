"""The understanding card on the page Study: doubts with their offers, before the tabs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from app_walk import PLAIN, Walk, is_healthy, texts

from nscweb.services.context import App


def test_a_doubt_is_shown_and_its_offer_changes_the_sheet(walk: Walk, data_folder: Path, app: App) -> None:
    study = app.catalogue.study(PLAIN)
    first = next(sample for sample in study.samples if sample.group == study.samples[0].group)
    app.catalogue.update_samples(study.study_id, [replace(first, group=f" {first.group.upper()}\u00a0")])
    test = walk("pages/study.py", study=study.study_id)
    assert is_healthy(test), texts(test)
    assert "differ only in capitals" in texts(test)
    button = next(item for item in test.button if item.label.startswith("They are one group"))
    test = button.click().run()
    assert is_healthy(test), texts(test)
    assert "differ only in capitals" not in texts(test)
    groups = {sample.group for sample in app.catalogue.study(PLAIN).samples}
    assert first.group in groups and not any("\u00a0" in group for group in groups)
    assert "Taken: They are one group" in texts(test).replace("\\", "")
    test = next(item for item in test.button if item.key == f"untake_{study.study_id}").click().run()
    assert is_healthy(test) and "differ only in capitals" in texts(test) and "Taken" not in texts(test)
    assert any("\u00a0" in sample.group for sample in app.catalogue.study(PLAIN).samples)


def test_a_clear_study_shows_what_was_understood(walk: Walk, data_folder: Path, app: App) -> None:
    test = walk("pages/study.py", study=app.catalogue.study(PLAIN).study_id)
    assert is_healthy(test), texts(test)
    said = texts(test)
    assert "60 cells in 12 samples" in said and "Each image is taken for one cell." in said.replace("\\", "")


@pytest.mark.parametrize("answer", ["Yes, the same setting", "No, another setting"])
def test_the_setting_is_asked_where_no_pixel_size_tells_and_an_answer_is_kept(
    walk: Walk, data_folder: Path, app: App, answer: str
) -> None:
    study = app.catalogue.study(PLAIN)
    app.catalogue.update_study(study.study_id, pixel_size_um=None)
    for run in app.catalogue.runs(study.study_id):
        app.catalogue.change_run(run.run_id, setting="open")
    test = walk("pages/study.py", study=study.study_id)
    assert is_healthy(test), texts(test)
    assert "Same setting as the training images" in texts(test)
    assert {"Yes, the same setting", "No, another setting"} <= {item.label for item in test.button}
    test = next(item for item in test.button if item.label == answer).click().run()
    assert is_healthy(test), texts(test)
    assert "Same setting as the training images" not in texts(test)
    kept = app.catalogue.study_info(study.study_id)["same_setting"]
    assert set(kept.values()) == {answer.split(",")[0].lower()}
