"""A study gets another name; everything else of it stays."""

from __future__ import annotations

import pytest
from small_studies import simulated_study

from nscweb.core.errors import StudyExists, StudyNotFound, WrongUse
from nscweb.services.context import App
from nscweb.services.study.study import get_study, rename_study


def test_a_study_keeps_everything_but_its_name(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    after = rename_study(opened, study.name, "  Plate 3, Zürich ")
    assert after.name == "Plate 3, Zürich" and after.study_id == study.study_id and after.samples == study.samples
    assert get_study(opened, "Plate 3, Zürich") == after == rename_study(opened, after.name, after.name)
    with pytest.raises(StudyNotFound):
        get_study(opened, study.name)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\u202eb"])
def test_a_name_that_no_study_can_have_is_refused(opened: App, name: str) -> None:
    study = simulated_study(opened, cells=36)
    with pytest.raises(WrongUse):
        rename_study(opened, study.name, name)
    assert get_study(opened, study.name) == study


def test_a_name_that_is_taken_is_refused_also_by_an_import_that_goes_on(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    opened.catalogue.create_study("Coming", "2026-01-01T00:00:00Z")
    for name in ("Coming",):
        with pytest.raises(StudyExists):
            rename_study(opened, study.name, name)
    other = simulated_study(opened, "Other", cells=36)
    with pytest.raises(StudyExists, match="exists already"):
        rename_study(opened, other.name, study.name)
