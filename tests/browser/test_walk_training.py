"""Training in a real browser: form, live curve, stop, go on, keep, and the new model in the Predict picker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_server import SHOTS, Server

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect
from small_studies import simulated_study
from walker import JOB, Walker

from nscweb.services.context import open_app
from nscweb.settings import Settings

NAME = "walked"
# Enough epochs that Stop comes before the end on a quick computer, few enough that a slow one gets there.
EPOCHS = 12


@pytest.fixture(scope="module")
def walker(server: Server, chromium: object) -> Iterator[Walker]:
    app = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, Path(server.data)))
    simulated_study(app, "Labelled (simulated)", cells=96, replicates=4)
    app.catalogue.close()
    walker = Walker(chromium, server.address, SHOTS)  # type: ignore[arg-type]
    yield walker
    walker.close()


def test_a_training_is_started_and_its_curves_appear(walker: Walker) -> None:
    walker.open("models")
    walker.tab("Train a model")
    walker.sees("was judged by a network")
    walker.page.get_by_text("Options").first.click()
    epochs = walker.page.get_by_role("spinbutton", name="Epochs at most")
    epochs.fill(str(EPOCHS))
    epochs.press("Enter")
    walker.settle()
    name = walker.page.get_by_role("textbox", name="Name of the model")
    name.fill(NAME)
    name.press("Enter")
    walker.settle()
    walker.press("Start training")
    walker.sees("Best so far", timeout=JOB)
    expect(walker.page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=60_000)


def test_it_is_stopped_and_goes_on(walker: Walker) -> None:
    walker.press("Stop training")
    walker.sees(re.compile("^stopped$"))
    walker.settle()
    walker.shot("20_training_stopped")
    walker.press("Continue")
    walker.sees("Keep it under the name", timeout=JOB)
    walker.settle()
    walker.shot("21_training_finished")


def test_the_kept_model_is_in_the_predict_picker(walker: Walker) -> None:
    walker.press("Keep")
    walker.sees(f"The model {NAME} is kept")
    walker.go("Predict")
    box = walker.page.get_by_test_id("stSelectbox").filter(has_text="Model").get_by_role("combobox")
    box.click()
    expect(walker.page.get_by_role("option", name=re.compile(NAME))).to_be_visible()


def test_nothing_broke_and_nothing_outside_was_asked_for(walker: Walker, server: Server) -> None:
    assert walker.foreign_requests() == []
    assert "Traceback" not in server.read_log()
