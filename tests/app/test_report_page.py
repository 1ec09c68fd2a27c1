"""The page Report: one place for every file, small runs at once, large ones made before they are taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_walk import LABELLED, Walk, is_healthy, texts

from nscweb.services.context import App
from nscweb.ui import report_files


def test_a_large_run_is_made_with_a_bar_and_then_offered_with_its_size(
    walk: Walk, data_folder: Path, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_files, "_AT_ONCE", 10)
    study = app.catalogue.study(LABELLED)
    test = walk("pages/report.py", study=study.study_id)
    assert is_healthy(test)
    makers = [button for button in test.button if button.label.startswith("Make: ")]
    assert len(makers) == 6
    run = app.catalogue.last_run(study.study_id)
    assert run is not None
    test = next(button for button in makers if "IDEAS" in button.label).click().run()
    assert is_healthy(test)
    made = list(app.folder.run_dir(run.run_id).glob("pop-*"))
    assert len(made) == 1
    assert f"<b>{max(1, round(made[0].stat().st_size / 1000)):,} kB</b>" in texts(test)
    assert not any("IDEAS" in button.label for button in test.button)
