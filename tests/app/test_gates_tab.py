"""The tab Gates: every gate opens, a slider changes what is left, saving keeps it, undo takes it back."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_walk import LABELLED, Walk, is_healthy, texts

from nscweb.core.gates import DEFAULT_GATES
from nscweb.services.context import App
from nscweb.services.study import gates

# The population gate is only there where a file brought populations.
NAMES = ("empty", "several", "border", "blurred", "saturated", "size", "shape")


def open_gates(walk: Walk, app: App):
    study = app.catalogue.study(LABELLED)
    test = walk("pages/study.py", study=study.study_id)
    test.session_state[f"study_tabs_{study.study_id}"] = "Gates"
    return test.run()


def choose(test, app: App, name: str):
    study = app.catalogue.study(LABELLED)
    return test.selectbox(key=f"gate_{study.study_id}").set_value(name).run()


@pytest.mark.parametrize("name", NAMES)
def test_every_gate_opens_with_histogram_and_counts(walk: Walk, data_folder: Path, app: App, name: str) -> None:
    test = choose(open_gates(walk, app), app, name)
    assert is_healthy(test), texts(test)
    assert any("This gate keeps" in item.value for item in test.markdown)
    assert test.get("plotly_chart")


def test_a_slider_leaves_cells_out_and_saving_keeps_it(walk: Walk, data_folder: Path, app: App) -> None:
    before = gates.funnel(app, LABELLED)
    test = choose(open_gates(walk, app), app, "size")
    assert test.button(key="gates_save").disabled
    slider = test.slider[0]
    low, high = slider.min, slider.max
    test = slider.set_value((low + (high - low) * 0.4, high)).run()
    assert is_healthy(test), texts(test)
    assert gates.get_gates(app, LABELLED) == DEFAULT_GATES
    assert "Not saved yet" in texts(test)
    test = test.button(key="gates_save").click().run()
    assert is_healthy(test), texts(test)
    kept = gates.get_gates(app, LABELLED)
    assert kept.area_low and kept.area_high is None
    assert gates.funnel(app, LABELLED)["kept"].sum() < before["kept"].sum()
    test = test.button(key="gates_default").click().run()
    test = test.button(key="gates_save").click().run()
    assert gates.get_gates(app, LABELLED).digest() == DEFAULT_GATES.digest()
    assert list(gates.funnel(app, LABELLED)["kept"]) == list(before["kept"])


def test_undo_and_the_switch(walk: Walk, data_folder: Path, app: App) -> None:
    test = choose(open_gates(walk, app), app, "border")
    test = test.toggle[0].set_value(False).run()
    assert "cut by the frame" in texts(test).partition("Switched off")[2]
    assert "Switched off" in texts(test)
    test = test.button(key="gates_undo").click().run()
    assert is_healthy(test), texts(test)
    assert test.toggle[0].value
    assert "Switched off" not in texts(test)
