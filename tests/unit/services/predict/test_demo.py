"""The demo: made by the real road, once, told as simulated, and predicted when there is a model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from predicted import fresh_app, open_folder
from ready_folders import ready_copy

from nscweb.core.errors import JobCancelled
from nscweb.services.context import App
from nscweb.services.predict import demo
from nscweb.services.study.study import list_studies
from nscweb.simulation.design import GROUP_NAMES
from nscweb.simulation.traits import FATES

small = partial(demo.ensure_demo, cells=27, labelled_cells=15)


@pytest.fixture
def app(tmp_path: Path) -> App:
    """A data folder with a model of random weights."""
    return fresh_app(tmp_path / "data")


@pytest.fixture
def made(tmp_path: Path) -> tuple[App, demo.Demo]:
    """An own copy of a data folder with the demo in it."""
    ready_copy(tmp_path / "made", _make, "demo")
    app = open_folder(tmp_path / "made")
    found = demo.find_demo(app)
    assert found is not None
    return app, found


def _make(folder: Path) -> None:
    app = fresh_app(folder)
    small(app)
    app.catalogue.close()


def test_the_demo_has_every_group_and_is_predicted(app: App) -> None:
    made = small(app, cells=81)
    assert made.run is not None and made.labelled_run is not None
    assert made.study.simulated and "simulated" in made.study.name.lower()
    assert made.study.cells == made.run.cells == 81
    assert {sample.group for sample in made.study.samples} == set(GROUP_NAMES)
    assert {sample.replicate for sample in made.study.samples} == {"1", "2", "3"}
    assert all(sample.time_h and not sample.true_class for sample in made.study.samples)
    assert made.study.channels == ("Ch1", "Ch2", "Ch3", "Ch11") and made.study.channel == "Ch1"
    assert {sample.true_class for sample in made.labelled.samples} == set(FATES)
    assert any("simulated" in sentence for sentence in made.run.provenance.warnings)
    assert demo.find_demo(app) == made


def test_a_second_call_changes_nothing(made: tuple[App, demo.Demo]) -> None:
    app, first = made
    assert small(app) == first
    assert len(list_studies(app)) == 2 and len(app.catalogue.runs(first.study.study_id)) == 1
    assert not list(app.folder.uploads_dir.iterdir())


def test_two_starts_at_once_make_one_demo(app: App) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: small(app), range(2))
    assert first == second
    assert len(list_studies(app)) == 2


def test_what_is_missing_is_made_and_the_rest_is_kept(made: tuple[App, demo.Demo]) -> None:
    app, first = made
    app.catalogue.delete_study(first.labelled.study_id)
    assert demo.find_demo(app) is None
    again = small(app)
    assert again.study == first.study and again.run == first.run
    assert again.labelled.study_id != first.labelled.study_id


def test_without_a_model_the_studies_are_there_and_not_predicted(opened: App) -> None:
    made = small(opened)
    assert made.run is None and made.labelled_run is None and made.study.cells == 27
    assert demo.find_demo(opened) is None


def test_a_cancelled_demo_goes_on(app: App) -> None:
    seen: list[str] = []
    with pytest.raises(JobCancelled):
        small(app, progress=lambda d, t, step="": seen.append(step), cancel=lambda: any("Importing" in s for s in seen))
    assert demo.find_demo(app) is None and not list_studies(app)
    assert small(app).study.cells == 27


def test_a_page_without_a_choice_opens_the_screen_and_not_the_check(opened: App, made: tuple[App, demo.Demo]) -> None:
    assert demo.study_to_open(opened) is None
    app, found = made
    assert demo.study_to_open(app) == found.study
    assert not demo.LABELLED_NAME.startswith(demo.DEMO_NAME.split(" ")[0])
    later = "2099-01-01T00:00:00Z"
    number = app.catalogue.create_study("Mine", later, channel="Ch1", channels=["Ch1"], simulated=False)
    latest = demo.study_to_open(app)
    assert latest is not None and latest.study_id == number
    # A study that is alone is opened, whatever it is called.
    for study in (number, found.study.study_id):
        app.catalogue.delete_study(study)
    assert demo.study_to_open(app) == found.labelled
