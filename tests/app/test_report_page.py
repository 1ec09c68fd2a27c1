"""The page Report: one place for every file, small runs at once, large ones made before they are taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_walk import LABELLED, Walk, is_healthy, texts
from asked import write_report

from nscweb.services.compare.comparison import comparison
from nscweb.services.context import App
from nscweb.services.report.rerun_folder import read_report
from nscweb.services.report.workbook_sheets import settings_words
from nscweb.ui.report import report_files
from nscweb.ui.report.report_files import bar_words


def test_a_large_run_is_made_with_a_bar_and_then_offered_with_its_size(
    walk: Walk, data_folder: Path, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_files, "_AT_ONCE", 10)
    study = app.catalogue.study(LABELLED)
    test = walk("pages/report.py", study=study.study_id)
    assert is_healthy(test)
    makers = [button for button in test.button if button.label.startswith("Make: ")]
    assert len(makers) == 7
    run = app.catalogue.last_run(study.study_id)
    assert run is not None
    test = next(button for button in makers if "IDEAS" in button.label).click().run()
    assert is_healthy(test)
    made = list(app.folder.run_dir(run.run_id).glob("pop-*"))
    assert len(made) == 1
    assert f"<b>{max(1, round(made[0].stat().st_size / 1000)):,} kB</b>" in texts(test)
    assert not any("IDEAS" in button.label for button in test.button)


def test_the_filters_of_predict_hold_here_and_are_said(
    walk: Walk, data_folder: Path, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = app.catalogue.study(LABELLED)
    run = app.catalogue.last_run(study.study_id)
    assert run is not None
    test = walk("pages/predict.py", study=study.study_id)
    group = study.samples[0].group
    test = next(item for item in test.multiselect if item.label == "Inducer groups").select(group).run()
    fate = next(item for item in test.selectbox if item.label == "Which fate")
    test = fate.select("astrocyte").run()
    test.switch_page("pages/report.py")
    # AppTest hands kept widgets over with the second run; browsers do with the first.
    test = test.run().run()
    assert is_healthy(test)
    assert next(item for item in test.multiselect if item.label == "Inducer groups").value == [group]
    said = texts(test)
    assert f"only groups {group}" in said, said[said.index("nsc-kv") :][:1500]
    assert "astrocyte at" in said, said[said.index("nsc-kv") :][:1500]
    test = next(button for button in test.button if button.label == "Make: Report (HTML)").click().run()
    assert is_healthy(test)
    made = next(app.folder.run_dir(run.run_id).glob("html-*"))
    stated = read_report(made).provenance
    assert stated["filters"]["groups"] == [group] and stated["asked"]["fate"] == "astrocyte"
    assert f"<b>{max(1, round(made.stat().st_size / 1000)):,} kB</b>" in texts(test)
    # Another filter: the file of before is not offered as that of now.
    test = next(item for item in test.multiselect if item.label == "Inducer groups").unselect(group).run()
    assert any(button.label == "Make: Report (HTML)" for button in test.button)


def test_sizes_that_are_said_before_are_near_those_made(
    walk: Walk, data_folder: Path, app: App, tmp_path: Path
) -> None:
    study = app.catalogue.study(LABELLED)
    run = app.catalogue.last_run(study.study_id)
    assert run is not None
    found = comparison(app, run)
    for item in report_files._FILES:
        made = write_report(app, run, item.key, tmp_path / item.key).stat().st_size
        assert 0.4 < report_files._expected(item, found) / made < 2.5, (item.key, made)


def test_page_and_report_say_how_it_was_computed_in_the_same_words(
    walk: Walk, data_folder: Path, app: App, tmp_path: Path
) -> None:
    study = app.catalogue.study(LABELLED)
    run = app.catalogue.last_run(study.study_id)
    assert run is not None
    said = settings_words(run.provenance.settings)
    assert "parts kept from an interrupted run 0" in said and "_" not in said
    assert said in texts(walk("pages/report.py", study=study.study_id))
    assert said in write_report(app, run, "html", tmp_path / "report.html").read_text("utf-8")


def test_a_bar_says_what_is_done_how_fast_and_how_long_it_takes() -> None:
    assert bar_words(50_000, 200_000, "Writing the cells", 0.5) == (
        "Writing the cells: 50,000 of 200,000 cells · 100,000 cells per second · about 2 s left"
    )
    assert bar_words(1, 5, "Fitting cells within replicates", 1.0) == "Fitting cells within replicates: step 2 of 5 …"
    assert bar_words(0, 90_000, "Gathering the cells", 0.0) == "Gathering the cells: 0 of 90,000 cells"
