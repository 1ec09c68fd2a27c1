"""The sections Map and Scatter of the page Cells open, say what to do, and make a map as a job."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_walk import LABELLED, PLAIN, Walk, is_healthy, texts, work

from nscweb.core.gates import Region, box
from nscweb.services.context import App
from nscweb.services.study import gates


def opened(walk: Walk, app: App, name: str, tab: str):
    study = app.catalogue.study(name)
    test = walk("pages/cells.py", study=study.study_id)
    test.session_state[f"cells_tabs_{study.study_id}"] = tab
    return test.run(), study


@pytest.mark.parametrize("tab", ["Gallery", "Map", "Scatter"])
@pytest.mark.parametrize("name", [LABELLED, PLAIN])
def test_every_section_opens(walk: Walk, data_folder: Path, app: App, name: str, tab: str) -> None:
    test, _ = opened(walk, app, name, tab)
    assert is_healthy(test), texts(test)


def test_without_a_map_the_widest_directions_stand_there_at_once(walk: Walk, data_folder: Path, app: App) -> None:
    test, _ = opened(walk, app, LABELLED, "Map")
    assert is_healthy(test), texts(test)
    assert "No map of what the model" in texts(test)
    assert "The two widest directions of measured features" in texts(test)
    assert test.get("plotly_chart")


def test_a_map_is_made_as_a_job_and_clusters_are_proposed(walk: Walk, data_folder: Path, app: App) -> None:
    test, _ = opened(walk, app, LABELLED, "Map")
    test = test.button(key="map_make_False").click().run()
    assert is_healthy(test), texts(test)
    work(app)
    test, _ = opened(walk, app, LABELLED, "Map")
    assert is_healthy(test), texts(test)
    assert "t-SNE of what the model" in texts(test)
    switch = next(item for item in test.toggle if item.label == "Propose clusters")
    test = switch.set_value(True).run()
    assert is_healthy(test), texts(test)
    assert any("Cluster 1" in item.value for item in test.markdown)
    assert "lies apart" in texts(test) or "lie apart" in texts(test) or "Too few samples" in texts(test)


def test_a_drawn_gate_is_listed_changed_and_deleted(walk: Walk, data_folder: Path, app: App) -> None:
    gates.save_region(app, LABELLED, Region("small <b>", "area_px", "aspect_ratio", box((0, 300), (0, 1))))
    test, study = opened(walk, app, LABELLED, "Scatter")
    assert is_healthy(test), texts(test)
    assert "Drawn gates and kept populations" in texts(test)
    key = f"scatter_{study.study_id}"
    test = test.selectbox(key=f"{key}_use_small <b>").set_value("outside").run()
    test = test.button(key=f"{key}_change_save").click().run()
    assert is_healthy(test), texts(test)
    assert gates.get_gates(app, LABELLED).regions[0].use == "outside"
    test = test.button(key=f"{key}_delete").click().run()
    assert is_healthy(test), texts(test)
    assert gates.get_gates(app, LABELLED).regions == ()
