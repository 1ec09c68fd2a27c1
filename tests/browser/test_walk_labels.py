"""Labels in a real browser: from markers, ten by hand with keys, undo, and the form of a training offers them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from asked import predict_study
from marker_studies import marker_study
from random_models import write_random_model
from real_server import SHOTS, Server

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect
from walker import JOB, Walker

from nscweb.services.context import App, open_app
from nscweb.services.labels.labels import labels_of
from nscweb.settings import Settings

STUDY = "Stained (simulated)"


@pytest.fixture(scope="module")
def app(server: Server) -> Iterator[App]:
    """A stained study with controls and a run of a model that knows nothing."""
    opened = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, Path(server.data)))
    write_random_model(opened.folder.models_dir / "random-compact")
    predict_study(opened, marker_study(opened).study_id, "random-compact")
    yield opened
    opened.catalogue.close()


@pytest.fixture(scope="module")
def walker(server: Server, chromium: object, app: App) -> Iterator[Walker]:
    walker = Walker(chromium, server.address, SHOTS)  # type: ignore[arg-type]
    yield walker
    walker.close()


def by_hand(app: App) -> int:
    rows = labels_of(app, STUDY)
    return int(rows["how"].isin(["hand", "blind"]).sum())


def test_markers_become_labels(walker: Walker, app: App) -> None:
    walker.open("cells?section=labels")
    walker.page.get_by_text("From markers", exact=True).click()
    walker.settle()
    walker.press("Measure the markers")
    walker.sees(re.compile("control cells without GFAP"), timeout=JOB)
    expect(walker.page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=60_000)
    walker.shot("30_labels_from_markers")
    walker.press("Label these cells")
    walker.sees("Markers against medium")
    walker.sees("Predicted ratios against markers")
    walker.settle()
    walker.shot("31_markers_against_medium")
    assert set(labels_of(app, STUDY)["class"]) == {"astrocyte", "neuron"}


def test_ten_cells_are_labelled_with_keys_and_one_is_taken_back(walker: Walker, app: App) -> None:
    walker.page.get_by_text("By hand", exact=True).click()
    walker.settle()
    name = walker.page.get_by_role("textbox", name="Your name")
    name.fill("Anna")
    name.press("Enter")
    walker.sees("Cell 1 of 10")
    walker.settle()
    walker.page.locator("h1").click()
    for place in range(1, 11):
        walker.page.keyboard.press("13"[place % 2])
        # After the tenth the next ten come.
        walker.sees(f"Cell {place % 10 + 1} of 10")
        walker.settle()
        if place == 6:
            walker.shot("32_labels_by_hand")
    assert by_hand(app) == 10
    walker.page.locator("h1").click()
    walker.page.keyboard.press("1")
    walker.sees("Cell 2 of 10")
    assert by_hand(app) == 11
    walker.settle()
    walker.page.keyboard.press("u")
    walker.sees("Cell 1 of 10")
    walker.settle()
    assert by_hand(app) == 10


def test_the_form_of_a_training_offers_them(walker: Walker) -> None:
    walker.page.get_by_role("link", name="Train again with these labels").click()
    expect(walker.page.locator("h1", has_text="Models")).to_be_visible(timeout=60_000)
    walker.settle()
    walker.sees("Labels of single cells")
    walker.sees(re.compile("may say how good the model is"), timeout=JOB)
    walker.sees("from markers")
    walker.sees("by hand, asked blindly")
    expect(walker.page.get_by_role("button", name="Start training")).to_be_enabled(timeout=JOB)
    walker.shot("33_training_from_labels")
    assert not walker.foreign_requests()
