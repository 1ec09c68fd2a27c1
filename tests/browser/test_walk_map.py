"""The map in a real browser: made as a job, a box drawn on it, its cells in the gallery, kept as a population."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from random_models import write_random_model
from real_server import SHOTS, Server
from small_studies import simulated_study

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect
from walker import JOB, MINUTE, Walker

from nscweb.services.context import App, open_app
from nscweb.services.study.drawn.axes import study_values
from nscweb.services.study.gates import get_gates
from nscweb.services.study.populations import made_populations
from nscweb.settings import Settings

CELLS = 240
MODEL = "random-compact"
CHOSEN = re.compile(r"([\d,]+) cells? chosen")


@pytest.fixture(scope="module")
def app(server: Server) -> App:
    write_random_model(server.data / "models" / MODEL)
    opened = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, server.data))
    simulated_study(opened, "Islands", cells=CELLS)
    return opened


@pytest.fixture(scope="module")
def walker(server: Server, chromium: object, app: App) -> Iterator[Walker]:
    walker = Walker(chromium, server.address, SHOTS)  # type: ignore[arg-type]
    yield walker
    walker.close()


def drag(walker: Walker, tool: str, corners: tuple[float, float, float, float]) -> int:
    """Draw with a tool of the chart from one corner to another (shares of its width and height); cells chosen."""
    walker.settle()
    chart = walker.page.locator(".js-plotly-plot .nsewdrag").locator("visible=true").first
    chart.scroll_into_view_if_needed()
    walker.page.locator(f".modebar-btn[data-title='{tool}']").locator("visible=true").first.click()
    box = chart.bounding_box()
    assert box is not None
    left, top, right, low = corners
    mouse = walker.page.mouse
    mouse.move(box["x"] + box["width"] * left, box["y"] + box["height"] * top)
    mouse.down()
    mouse.move(box["x"] + box["width"] * (left + right) / 2, box["y"] + box["height"] * (top + low) / 2, steps=4)
    mouse.move(box["x"] + box["width"] * right, box["y"] + box["height"] * low, steps=4)
    mouse.up()
    said = walker.sees(CHOSEN).inner_text()
    walker.settle()
    found = CHOSEN.search(said)
    assert found is not None
    return int(found[1].replace(",", ""))


def test_the_map_is_made_as_a_job(walker: Walker) -> None:
    walker.open("cells")
    walker.tab("Map")
    walker.sees("Until then: the widest directions of the measured features.")
    walker.press("Make the map")
    walker.sees(re.compile("t-SNE of what the model"), timeout=JOB)
    walker.settle()


def test_a_box_on_the_map_fills_the_gallery(walker: Walker) -> None:
    few = drag(walker, "Box Select", (0.3, 0.1, 0.5, 0.45))
    assert 0 < few < CELLS
    pictures = walker.page.locator(".nsc-cell").locator("visible=true")
    expect(pictures).to_have_count(min(few, 24), timeout=MINUTE)
    before = pictures.all_inner_texts()
    walker.shot("40_map")
    # From outside the first box, which would be moved otherwise.
    drag(walker, "Box Select", (0.01, 0.01, 0.99, 0.99))
    walker.sees(f"{CELLS} cells chosen")
    walker.settle()
    expect(pictures).to_have_count(24, timeout=MINUTE)
    assert pictures.all_inner_texts() != before


def test_the_chosen_cells_become_a_population_and_labels(walker: Walker, app: App) -> None:
    walker.page.get_by_label("Name", exact=True).fill("island")
    walker.page.keyboard.press("Enter")
    walker.settle()
    walker.press("Keep as population")
    walker.sees(re.compile("kept as population island"))
    (said,) = made_populations(app, "Islands").values()
    assert said["cells"] == CELLS


def test_a_gate_is_drawn_over_two_numbers_and_kept(walker: Walker, app: App) -> None:
    walker.tab("Scatter")
    chosen = drag(walker, "Box Select", (0.02, 0.02, 0.5, 0.98))
    walker.page.get_by_label("Gate", exact=True).fill("small ones")
    walker.page.keyboard.press("Enter")
    walker.settle()
    walker.press("Save gate")
    walker.sees(re.compile("Gate saved"))
    walker.sees("Drawn gates and kept populations")
    (region,) = get_gates(app, "Islands").regions
    values = study_values(app, app.catalogue.study("Islands"), (region.x, region.y))
    assert int(region.holds(values[:, 0], values[:, 1]).sum()) == chosen
    walker.shot("41_scatter")


def test_nothing_was_asked_of_the_outside(walker: Walker) -> None:
    assert walker.foreign_requests() == []
    assert Path(SHOTS / "40_map_390.png").exists()
